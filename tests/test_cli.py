from __future__ import annotations

import mudata
import pandas as pd
import pytest

import linger as lg
from linger.cli import main

pytestmark = pytest.mark.filterwarnings("ignore:From 0.4:FutureWarning")


@pytest.fixture
def toy_file(tmp_path):
    """The toy data as a user has it: counts, cell types, names; genes located by a BED file."""
    mdata = lg.ds.toy()
    var = mdata["rna"].var
    bed = pd.DataFrame(
        {
            "chrom": var["chrom"],
            "start": var["tss"],
            "end": var["tss"] + 1,
            "name": var.index,
            "score": 0,
            "strand": "+",
        }
    )
    bed.to_csv(tmp_path / "genes.bed", sep="\t", header=False, index=False)
    (tmp_path / "tfs.txt").write_text("\n".join(var.index[var["is_tf"]]))
    mdata["rna"].var = var[[]]
    del mdata.varp["linger_motif"]
    mdata.write_h5mu(tmp_path / "in.h5mu")
    return tmp_path / "in.h5mu"


def run_arguments(toy_file):
    folder = toy_file.parent
    files = {"-o": "out.h5mu", "--genome": "genes.bed", "--tfs": "tfs.txt"}
    return ["run", toy_file, *(part for option, name in files.items() for part in (option, folder / name))]


def test_run(toy_file, capsys):
    folder = toy_file.parent
    arguments = run_arguments(toy_file)
    arguments += ["--groupby", "cell_type", "--n-folds", 0, "--store", folder / "networks"]
    assert main([str(argument) for argument in arguments]) == 0
    assert "trans: " in capsys.readouterr().out
    written = mudata.read_h5mu(folder / "out.h5mu")
    assert len(lg.get.network(written, kind="cis")) > 100
    assert lg.io.read_store(written).n_blocks > 0


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (["--groupby", "nothing"], "No column 'nothing'"),
        (["--genome", "hg38"], "hg38"),
        (["--rna-key", "gex"], "no modality 'gex'"),
    ],
)
def test_errors_are_one_line_and_nothing_is_written(toy_file, capsys, change, text):
    folder = toy_file.parent
    arguments = [*run_arguments(toy_file), *change]
    assert main([str(argument) for argument in arguments]) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("linger: error: ")
    assert text in error
    assert not (folder / "out.h5mu").exists()


def test_missing_input(tmp_path, capsys):
    assert main(["run", str(tmp_path / "none.h5mu"), "-o", str(tmp_path / "out.h5mu")]) == 1
    assert "There is no file" in capsys.readouterr().err
