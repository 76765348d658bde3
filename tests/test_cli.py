from __future__ import annotations

from importlib.resources import files

import mudata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

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


def test_estimate(toy_file, capsys):
    arguments = [part for part in run_arguments(toy_file) if part not in ("-o", toy_file.parent / "out.h5mu")]
    arguments = ["estimate", *arguments[1:], "--n-folds", 0]
    said = []
    for more in ([], ["--with-motifs"]):
        assert main([str(argument) for argument in [*arguments, *more]]) == 0
        said.append(capsys.readouterr().out)
        assert [line.split()[0] for line in said[-1].splitlines()[1:]] == ["time", "memory", "disk"]
    assert said[0].splitlines()[0] == said[1].splitlines()[0]
    assert sorted(path.name for path in toy_file.parent.iterdir()) == ["genes.bed", "in.h5mu", "tfs.txt"]


def test_a_run_that_was_interrupted_goes_on(toy_file, capsys, monkeypatch):
    folder = toy_file.parent
    arguments = [*run_arguments(toy_file), "--n-folds", 0, "--store", folder / "networks"]
    arguments = [str(argument) for argument in arguments]
    with monkeypatch.context() as patch:
        patch.setattr("linger.tl._fit.make_slots", lambda *_, **__: (_ for _ in ()).throw(OSError("pulled the plug")))
        assert main(arguments) == 1
    assert "pulled the plug" in capsys.readouterr().err
    assert (folder / ".networks.partial").is_dir()
    with monkeypatch.context() as patch:  # nothing is left to train
        patch.setattr("linger.tl._jobs.Job.__call__", lambda *_: 1 / 0)
        assert main([*arguments, "--resume"]) == 0
    assert lg.io.read_store(mudata.read_h5mu(folder / "out.h5mu")).n_blocks > 0
    assert not (folder / ".networks.partial").exists()


def test_run_with_motifs_weighs_cell_types(toy_file, capsys):
    folder, rng = toy_file.parent, np.random.default_rng(0)
    peaks = lg.ds.toy()["atac"].var
    with (folder / "genome.fa").open("w") as fasta:
        for chrom, part in peaks.groupby("chrom", observed=True):
            letters = np.full(part["end"].max(), ord("N"), dtype=np.uint8)
            for start, end in zip(part["start"], part["end"], strict=True):
                letters[start:end] = rng.choice(np.frombuffer(b"ACGT", dtype=np.uint8), end - start)
            fasta.write(f">{chrom}\n{letters.tobytes().decode()}\n")
    tfs = (folder / "tfs.txt").read_text().split()
    words = ["".join(rng.choice(list("ACGT"), 6)) for _ in tfs]
    rows = [
        f">M{i} {tf}\n" + "\n".join(" ".join("9" if a == b else "0" for b in word) for a in "ACGT")
        for i, (tf, word) in enumerate(zip(tfs, words, strict=True))
    ]
    (folder / "motifs.jaspar").write_text("\n".join(rows) + "\n")
    arguments = [*run_arguments(toy_file), "--groupby", "cell_type", "--n-folds", 0]
    arguments += [
        "--fasta",
        folder / "genome.fa",
        "--motifs",
        folder / "motifs.jaspar",
        "--networks",
        folder / "types.zarr",
    ]
    assert main([str(argument) for argument in arguments]) == 0, capsys.readouterr().err
    written = mudata.read_h5mu(folder / "out.h5mu")
    assert len(lg.get.tf_importance(written)) == 3 * len(tfs)
    stored = lg.io.read_networks(folder / "types.zarr")
    assert stored.groups == ["type_1", "type_2", "type_3"]
    found, expected = stored.matrix("trans", "type_2").matrix, lg.get.matrix(written, "trans", group="type_2").matrix
    np.testing.assert_allclose(found.toarray(), expected.toarray(), rtol=1e-5)
    assert found.nnz > 0
    capsys.readouterr()
    # what is located, marked and scanned in a file serves again
    again = ["run", folder / "out.h5mu", "-o", folder / "again.h5mu", "--groupby", "cell_type", "--n-folds", 0]
    assert main([str(argument) for argument in again]) == 0, capsys.readouterr().err
    assert len(lg.get.tf_importance(mudata.read_h5mu(folder / "again.h5mu"))) == 3 * len(tfs)


def test_counts_in_a_layer(toy_file, capsys):
    mdata = mudata.read_h5mu(toy_file)
    for key in ("rna", "atac"):
        mdata[key].layers["raw"], mdata[key].X = mdata[key].X, mdata[key].X.log1p()
    mdata.write_h5mu(toy_file)
    arguments = [str(argument) for argument in [*run_arguments(toy_file), "--groupby", "cell_type", "--n-folds", 0]]
    assert main(arguments) == 1
    assert "--restore-counts" in capsys.readouterr().err
    assert main([*arguments, "--layer", "raw"]) == 0
    assert lg.get.groups(mudata.read_h5mu(toy_file.parent / "out.h5mu")) == ["type_1", "type_2", "type_3"]


def test_a_place_that_is_taken_is_noticed_before_the_work(toy_file, capsys):
    folder = toy_file.parent
    (folder / "mine").mkdir()
    (folder / "mine" / "thesis.txt").write_text("precious")
    arguments = [*run_arguments(toy_file), "--groupby", "cell_type", "--networks", folder / "mine"]
    assert main([str(argument) for argument in arguments]) == 1
    error = capsys.readouterr().err
    assert "left alone" in error
    assert "Fitting" not in error


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (["--networks", "types.zarr"], "--groupby"),
        (["--groupby", "cell_type", "--min-cells", "500"], "--min-cells"),
        (["--groupby", "nothing"], "No column 'nothing'"),
        (["--genome", "hg38"], "hg38"),
        (["--n-metacells", "many"], "n_metacells must be 'auto'"),
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


@pytest.fixture
def bulk_tables(tmp_path):
    """A bulk panel as tables with a feature a row, and as a folder of peaks; and cells of the same genes and peaks."""
    rng = np.random.default_rng(0)
    genes = ["GATA1", "SPI1", "TAL1", "RUNX1", "CD3E", "MPO", "CEBPA", "ELANE"]
    table = pd.DataFrame({"tss": 0}, index=genes)
    cells = mudata.MuData({"rna": AnnData(np.ones((1, len(genes)), np.float32), var=table)})
    lg.pp.annotate_genes(cells, annotation="hg38")
    located = cells["rna"].var
    peaks = [
        (chrom, tss + k * 5000, tss + k * 5000 + 400)
        for chrom, tss in zip(located["chrom"], located["tss"].astype(int), strict=True)
        for k in range(3)
    ]
    names = [f"{chrom}:{start}-{end}" for chrom, start, end in peaks]
    samples = [f"s{i}" for i in range(6)]
    level = rng.gamma(2, size=6)
    pd.DataFrame(rng.poisson(50 * level, (len(genes), 6)), index=genes, columns=samples).to_csv(
        tmp_path / "rna.tsv", sep="\t"
    )
    pd.DataFrame(rng.poisson(20 * level, (len(peaks), 6)), index=names, columns=samples).to_csv(tmp_path / "atac.csv")
    (tmp_path / "peaks").mkdir()
    for sample in samples:
        kept = [peak for peak in peaks if rng.random() < 0.6]
        pd.DataFrame(kept).to_csv(tmp_path / "peaks" / f"{sample}.bed", sep="\t", header=False, index=False)
    obs = pd.DataFrame(index=[f"cell{i}" for i in range(80)])
    rate = rng.gamma(2, size=(80, 1))
    rna = AnnData(rng.poisson(3 * rate, (80, len(genes))).astype(np.float32), obs=obs, var=pd.DataFrame(index=genes))
    atac = AnnData(
        rng.poisson(2 * rate, (80, len(peaks))).astype(np.float32), obs=obs.copy(), var=pd.DataFrame(index=names)
    )
    mudata.MuData({"rna": rna, "atac": atac}).write_h5mu(tmp_path / "cells.h5mu")
    return tmp_path


@pytest.mark.parametrize("source", [["--atac", "atac.csv"], ["--peaks", "peaks", "--value", "binary"]])
def test_pretrain_then_run(bulk_tables, capsys, source):
    folder = bulk_tables
    option, name, *rest = source
    arguments = [
        "pretrain",
        "--rna",
        folder / "rna.tsv",
        option,
        folder / name,
        *rest,
        "--genome",
        "hg38",
        "-o",
        folder / "prior",
    ]
    assert main([str(argument) for argument in [*arguments, "--half", "--description", "six samples"]]) == 0
    assert "6 bulk samples" in capsys.readouterr().out
    prior = lg.io.read_prior(folder / "prior")
    assert (prior.precision, prior.genome, prior.rounds[0].description) == ("float16", "hg38", "six samples")
    again = [
        "pretrain",
        *arguments[1:-1],
        folder / "second",
        "--prior",
        folder / "prior",
        "--samples",
        "s0",
        "s1",
        "s2",
    ]
    assert main([str(argument) for argument in again]) == 0
    assert [entry.n_samples for entry in lg.io.read_prior(folder / "second").rounds] == [6, 3]
    run = ["run", folder / "cells.h5mu", "-o", folder / "out.h5mu", "--prior", folder / "second", "--n-folds", 0]
    assert main([str(argument) for argument in run]) == 0
    assert mudata.read_h5mu(folder / "out.h5mu")["rna"].var["linger_prior"].all()


def test_pretrain_says_what_is_wrong(bulk_tables, capsys):
    arguments = [
        "pretrain",
        "--rna",
        "rna.tsv",
        "--atac",
        "atac.csv",
        "--genome",
        "hg38",
        "-o",
        "prior",
        "--samples",
        "s0",
        "s1",
    ]
    here = [
        str(bulk_tables / part) if part.endswith((".tsv", ".csv")) or part == "prior" else part for part in arguments
    ]
    assert main(here) == 1
    assert "2 samples" in capsys.readouterr().err
    assert not (bulk_tables / "prior").exists()
    assert main([*here[:-2], "s0", "s1", "s2", "nobody"]) == 1
    assert "unknown: 'nobody'" in capsys.readouterr().err
    table = pd.read_csv(bulk_tables / "rna.tsv", sep="\t", index_col=0)
    table.astype(float).replace(table.iloc[0, 0], np.nan).to_csv(bulk_tables / "rna.tsv", sep="\t")
    assert main(here[: here.index("--samples")]) == 1
    assert "NaN" in capsys.readouterr().err


def test_run_looks_for_the_prior_first(bulk_tables, capsys):
    run = ["run", bulk_tables / "cells.h5mu", "-o", bulk_tables / "out.h5mu", "--prior", bulk_tables / "nowhere"]
    assert main([str(argument) for argument in run]) == 1
    captured = capsys.readouterr()
    assert "There is no prior" in captured.err
    assert "link" not in captured.err


def test_report(fitted, tmp_path, capsys):
    pytest.importorskip("plotly")
    path, page = tmp_path / "fitted.h5mu", tmp_path / "report.html"
    lg.io.write_h5mu(fitted, path)
    arguments = ["report", path, "-o", page, "--title", "Mine", "--top", 5]
    assert main([str(argument) for argument in arguments]) == 0
    assert f"Wrote {page}" in capsys.readouterr().out
    lg.pl.report(fitted, tmp_path / "same.html", title="Mine", top=5)
    assert page.read_bytes() == (tmp_path / "same.html").read_bytes()
    assert main(["report", str(tmp_path / "none.h5mu"), "-o", str(page)]) == 1
    assert "There is no file" in capsys.readouterr().err


def test_a_report_asks_for_a_fit_before_it_asks_for_libraries(fitted, tmp_path, capsys, monkeypatch):
    def missing(*_):
        raise ImportError('pip install "linger-multiome[report]"')

    monkeypatch.setattr("linger.pl._report.check_libraries", missing)
    lg.io.write_h5mu(lg.ds.toy(), tmp_path / "cells.h5mu")
    lg.io.write_h5mu(fitted, tmp_path / "fitted.h5mu")
    for name, text in (("cells.h5mu", "linger run"), ("fitted.h5mu", "linger-multiome[report]")):
        assert main(["report", str(tmp_path / name), "-o", str(tmp_path / "report.html")]) == 1
        assert text in capsys.readouterr().err


def test_genes_of_another_build_are_told_the_option(toy_file, capsys):
    mdata = mudata.read_h5mu(toy_file)
    mouse = files("linger.data").joinpath("tfs_mouse.txt").read_text().split("\n")[1:]
    mdata["rna"].var_names = mouse[: mdata["rna"].n_vars]
    mudata.MuData(dict(mdata.mod)).write_h5mu(toy_file)
    arguments = ["run", toy_file, "-o", toy_file.parent / "out.h5mu"]
    assert main([str(argument) for argument in arguments]) == 1
    assert "(On the command line: --genome.)" in capsys.readouterr().err


@pytest.mark.filterwarnings("default::UserWarning")
def test_a_warning_is_one_line_said_once_and_can_be_followed(toy_file, capsys, monkeypatch):
    arguments = ["estimate", *run_arguments(toy_file)[1:], "--n-folds", 2, "--n-metacells", 150, "--n-neighbors", 190]
    at = arguments.index("-o")
    arguments = [str(argument) for argument in [*arguments[:at], *arguments[at + 2 :]]]
    monkeypatch.setattr("linger.pp._metacells._MAX_SHARE", 1.0)
    assert main(arguments) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if "share over 90%" in line]
    assert len(said) == 1
    assert said[0].startswith("linger: warning: ")
    assert said[0].endswith("(On the command line: --n-metacells, --n-neighbors.)")


def test_run_writes_a_report(toy_file, capsys):
    pytest.importorskip("plotly")
    page = toy_file.parent / "report.html"
    arguments = [*run_arguments(toy_file), "--groupby", "cell_type", "--n-folds", 0, "--report", page]
    assert main([str(argument) for argument in arguments]) == 0, capsys.readouterr().err
    assert "<h1>out</h1>" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(("arguments", "kept"), [(["--store", "networks"], True), ([], False)])
def test_an_interrupted_run_says_how_to_go_on(toy_file, monkeypatch, capsys, arguments, kept):
    def interrupted(path):
        raise KeyboardInterrupt

    monkeypatch.setattr("linger.cli.reading", interrupted)
    assert main([str(argument) for argument in [*run_arguments(toy_file), *arguments]]) == 130
    error = capsys.readouterr().err
    assert "linger: interrupted." in error
    assert ("goes on from what is finished" in error) is kept
    assert "Traceback" not in error
