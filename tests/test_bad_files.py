"""Files that are damaged, foreign or tampered with: an error that names them and says what is wrong, or the right result."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

import linger as lg
from linger.cli import main
from linger.io._folder import _digest
from linger.pp._gene_tables import read_genes
from linger.pp._motif_files import read_motifs
from linger.pp._motif_tfs import read_motif_table
from linger.pp._sequences import open_genome

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
FOLDERS = {"networks": "design.safetensors", "prior": "tables.safetensors"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A fitted MuData, and a folder with one file of every kind."""
    folder = tmp_path_factory.mktemp("files")
    simulated = lg.ds.simulate(n_cells=60, n_genes=20, n_tfs=5, n_peaks=40, n_cell_types=2, n_bulk=8, rng=0)
    cells, config = simulated.mdata, lg.FitConfig(epochs=1, n_folds=0, n_background=5)
    for mdata in (cells, simulated.bulk):
        lg.pp.link_peaks(mdata)
    lg.tl.fit(cells, groupby="cell_type", config=config, store=folder / "networks")
    lg.tl.pretrain(simulated.bulk, config=config, path=folder / "prior")
    lg.io.write_networks(cells, folder / "types.zarr", kinds=["trans", "cis"])
    is_tf = cells["rna"].var["is_tf"]
    tfs, genes = is_tf.index[is_tf][:3], is_tf.index[~is_tf][:10]
    pairs = pd.DataFrame([(tf, gene) for tf in tfs for gene in genes], columns=["source", "target"])
    path = folder / "model.safetensors"
    lg.tl.tgi(cells, pairs, config=lg.TgiConfig(epochs=1, n_models=1, width=8, heads=2, layers=1), path=path)
    return cells, pairs, folder


@pytest.fixture
def files(data, tmp_path):
    """A private copy of those files."""
    return Path(shutil.copytree(data[2], tmp_path / "files"))


def use(kind, data, folder):
    """Read all that is in a file of one kind, as one frame."""
    cells, pairs, _ = data
    if kind == "model.safetensors":
        return lg.io.read_tgi(folder / kind, device="cpu").predict(cells, pairs)
    if kind == "types.zarr":
        stored = lg.io.read_networks(folder / kind)
        return pd.concat(
            pd.DataFrame(found.matrix.toarray(), found.sources, found.targets)
            for kind in stored.kinds
            for found in (stored.matrix(kind, group) for group in stored.groups)
        )
    mdata = cells.copy()
    if kind == "prior":
        prior = lg.io.read_prior(folder / kind)
        lg.tl.fit(mdata, prior=prior, config=lg.FitConfig(epochs=1, n_folds=0, n_background=5))
        return lg.get.network(mdata)
    lg.io.attach(mdata, store=folder / kind)
    lg.tl.perturb(mdata, {pairs["source"].iloc[0]: 0.0})
    return lg.get.perturbation(mdata)


def scramble(path, rng):
    """Flip a bit, cut, empty or overwrite a file, and return what was done."""
    content = bytearray(path.read_bytes())
    how = rng.choice(["flip", "flip near the start", "cut", "empty", "noise"])
    if how.startswith("flip"):
        last = len(content) if how == "flip" else min(len(content), 300)
        content[rng.randrange(last)] ^= 1 << rng.randrange(8)
    elif how == "noise":
        content = rng.randbytes(len(content))
    else:
        content = content[: rng.randrange(len(content))] if how == "cut" else b""
    path.write_bytes(content)
    return f"{path.name}: {how}"


@pytest.mark.parametrize("kind", ["networks", "prior", "types.zarr", "model.safetensors"])
def test_scrambled_files_are_refused_or_read_right(data, files, kind):
    expected, rng = use(kind, data, data[2]), random.Random(0)
    victims = sorted(path for path in (files / kind).rglob("*") if path.is_file()) or [files / kind]
    victims = [path for path in victims if path.stat().st_size]
    for victim in (rng.choice(victims) for _ in range(25)):
        before = victim.read_bytes()
        done = scramble(victim, rng)
        try:
            found = use(kind, data, files)
        except (ValueError, FileNotFoundError) as caught:
            message = str(caught)
        else:
            message = str(files / kind)
            pd.testing.assert_frame_equal(found, expected, obj=done)
        assert str(files / kind) in message, done
        victim.write_bytes(before)


def edit(folder, change):
    """Change an index, and sign it again as if it were sound."""
    index = json.loads((folder / "index.json").read_text())
    del index["checksum"]
    change(index)
    (folder / "index.json").write_text(json.dumps({**index, "checksum": _digest(index)}))


@pytest.mark.parametrize("junk", [None, -1, 10**9, "x", [], {}, [1], ["a", "a"]], ids=str)
@pytest.mark.parametrize("kind", FOLDERS)
def test_values_of_an_index_that_make_no_sense(data, files, kind, junk):
    index = json.loads((files / kind / "index.json").read_text())
    names = {"format", "version", "sha256", "n_blocks", "names", "genes", "tfs", "chromosomes"}
    for name in sorted(names & index.keys()):
        edit(files / kind, lambda index, name=name: index.update({name: junk}))
        with pytest.raises((ValueError, KeyError), match=str(files / kind)):
            use(kind, data, files)
        shutil.copy(data[2] / kind / "index.json", files / kind / "index.json")
    edit(files / kind, lambda index: index.pop("names" if kind == "networks" else "genes"))
    with pytest.raises(ValueError, match="has no"):
        use(kind, data, files)


@pytest.mark.parametrize("name", ["../prior/tables.safetensors", "/etc/passwd", "..", "a/../b", ""])
@pytest.mark.parametrize("kind", FOLDERS)
def test_files_outside_the_folder_are_refused(data, files, kind, name):
    edit(files / kind, lambda index: index["sha256"].update({name: "0" * 64}))
    with pytest.raises(ValueError, match=r"outside its folder|is missing|not the files it lists"):
        use(kind, data, files)


@pytest.mark.parametrize(("kind", "file"), FOLDERS.items())
def test_links_are_refused(data, files, kind, file):
    moved = shutil.move(files / kind / file, files / "elsewhere")
    (files / kind / file).symlink_to(moved)
    with pytest.raises(ValueError, match="is a link to a file outside its folder"):
        use(kind, data, files)
    (files / kind / file).unlink()
    (files / kind / file).symlink_to(files / kind / file)
    with pytest.raises(ValueError, match=f"{file} is missing"):
        use(kind, data, files)
    (files / kind / file).unlink()
    shutil.move(moved, files / kind / file)
    (files / "name").symlink_to(files / kind)  # a link to the whole folder is fine
    assert (lg.io.read_prior if kind == "prior" else lg.io.NetworkStore)(files / "name").genes.size


@pytest.mark.parametrize(
    ("kind", "file", "array", "change"),
    [
        ("networks", "design.safetensors", "links_indices", lambda values: values + 10**6),
        ("networks", "design.safetensors", "links_indptr", lambda values: values[::-1]),
        ("networks", "block-00000.safetensors", "genes", lambda values: values + 10**6),
        ("networks", "block-00000.safetensors", "genes", lambda values: values[:-1]),
        ("networks", "block-00000.safetensors", "w2", lambda values: values[:-1]),
        ("prior", "tables.safetensors", "links_indices", lambda values: values + 10**6),
        ("prior", "tables.safetensors", "links_indptr", lambda values: values[:-1]),
        ("prior", "tables.safetensors", "peak_chrom", lambda values: values + 100),
        ("prior", "tables.safetensors", "gene_row", lambda values: values[:-1]),
        ("prior", "tables.safetensors", "re_sd", lambda values: values[:-1]),
    ],
)
def test_arrays_that_do_not_fit_are_refused(data, files, kind, file, array, change):
    """Also where all checksums are right: no reading past the end of arrays."""
    path = files / kind / file
    arrays = load_file(path)
    arrays[array] = np.ascontiguousarray(change(arrays[array]))
    save_file(arrays, path)
    edit(files / kind, lambda index: index["sha256"].update({file: hashlib.sha256(path.read_bytes()).hexdigest()}))
    with pytest.raises(ValueError, match="is damaged, or was not written by linger"):
        use(kind, data, files)


def test_names_of_group_networks_are_checked(data, files):
    attributes = files / "types.zarr" / ".zattrs"
    attributes.write_text(attributes.read_text().replace('"type_1"', '"type_9"'))
    with pytest.raises(ValueError, match=r"network of 'type_9' .* is damaged"):
        lg.io.read_networks(files / "types.zarr").matrix("trans", "type_9")
    attributes.write_text(attributes.read_text().replace('"version": 2', '"version": 1'))
    with pytest.raises(ValueError, match="another version"):
        lg.io.read_networks(files / "types.zarr")


JUNK = {
    "noise": random.Random(0).randbytes(500),
    "zeros": bytes(200),
    "page": b"<!DOCTYPE html><html><body>404 not found</body></html>\n",
    "cut gzip": gzip.compress(b"chr1\t1\t2\tA\n" * 1000)[:60],
    "latin": "chr1\tx\té\n".encode("latin-1"),
    "utf-16": "chr1\t1\t2\tA\t0\t+\n".encode("utf-16"),
}
READERS = {
    "a.gtf": read_genes,
    "a.bed": read_genes,
    "a.bed.gz": read_genes,
    "a.meme": read_motifs,
    "a.fa": open_genome,
    "a.tsv": lg.bm.truth.pairs,
    "b.csv": lambda path: lg.io.read_beeline(path, path),
    "motifs.tsv": read_motif_table,
    "sets.gmt": lambda path: lg.bm.truth.gene_sets(path, source="chr"),
    "scores.tsv": lambda path: lg.bm.truth.gene_scores({"A": path}),
    "peaks.bed": lambda path: lg.io.read_peaks_panel({"a": path}),
    "model.safetensors": lg.io.read_tgi,
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("junk", JUNK)
def test_junk_is_refused(tmp_path, name, junk, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / name
    path.write_bytes(JUNK[junk])
    if name == "motifs.tsv" and junk in ("page", "zeros"):  # one column: no table of two
        with pytest.raises(ValueError, match="cannot be read"):
            READERS[name](path)
        return
    with pytest.raises((ValueError, KeyError)) as caught:
        READERS[name](path)
    if isinstance(caught.value, ValueError) and "No gene set" not in str(caught.value):
        assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.gtf", 'chr1\tx\tgene\tabc\t5\t.\t+\t.\tgene_name "A";\n', "abc"),
        ("a.gtf", 'chr1\tx\tgene\t5\t9\t.\t?\t.\tgene_name "A";\n', "strand other than"),
        ("a.bed", "chr1\t9999999999999999999999\t9999999999999999999999\tA\t0\t+\n", "cannot be read"),
        ("a.meme", "MEME version 4\nMOTIF\nletter-probability matrix\n", "Line 2 is a MOTIF without a name"),
        ("a.meme", "chr1\t100\t200\tpeak_1\n", "is no row of a matrix"),
        ("a.meme", ">m\n1 2 3\n4 5\n6 7 8\n9 9 9\n", "not rectangular"),
        ("a.fa", ">chr1\nACGT\n>chr1\nACGT\n", "chr1"),
        ("a.fa", ">chr1\nACGT\nACGTACGT\nAC\n", "cannot be indexed"),
    ],
)
def test_files_that_are_nearly_right(tmp_path, name, text, message, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        READERS[name](tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_2bit_that_is_none(tmp_path):
    pytest.importorskip("py2bit")
    (tmp_path / "a.2bit").write_bytes(b"junk" * 20)
    with pytest.raises(ValueError, match=r"a\.2bit is no \.2bit file"):
        open_genome(tmp_path / "a.2bit")


@pytest.fixture
def inputs(data, tmp_path):
    cells = data[0].copy()
    lg.io.write_h5mu(cells, tmp_path / "cells.h5mu")
    content = (tmp_path / "cells.h5mu").read_bytes()
    (tmp_path / "cut.h5mu").write_bytes(content[: len(content) // 2])
    (tmp_path / "noise.h5mu").write_bytes(JUNK["noise"])
    cells["rna"].write_h5ad(tmp_path / "one.h5mu")
    cells["rna"].X = cells["rna"].X.toarray().astype(str)
    cells.write_h5mu(tmp_path / "text.h5mu")
    (tmp_path / "noise.txt").write_bytes(JUNK["latin"])
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "none.h5mu"], "There is no file"),
        (["run", "."], "is a folder; name the file to read"),
        (["run", "cut.h5mu"], "cut.h5mu cannot be read as a MuData file"),
        (["run", "noise.h5mu"], "noise.h5mu cannot be read as a MuData file"),
        (["run", "one.h5mu"], "one.h5mu cannot be read as a MuData file"),
        (["report", "cut.h5mu"], "cut.h5mu cannot be read as a MuData file"),
        (["report", "cells.h5mu", "--key", "none"], "(On the command line: linger run.)"),
        (["report", "."], "is a folder; name the file to read"),
        (["run", "text.h5mu"], "numbers are needed"),
        (["run", "cells.h5mu", "--groupby", "none"], "No column 'none' in obs"),
        (["run", "cells.h5mu", "--layer", "none"], "has no 'none'"),
        (["run", "cells.h5mu", "--genome", "hg99"], "neither a built-in table"),
        (["run", "cells.h5mu", "--tfs", "none.txt"], "There is no file none.txt"),
        (["run", "cells.h5mu", "--tfs", "noise.txt"], "noise.txt cannot be read"),
        (["run", "cells.h5mu", "--prior", "."], "No prior at"),
        (["run", "cells.h5mu", "--device", "gpu"], "There is no device 'gpu'"),
        (["run", "cells.h5mu", "-o", "."], "is a folder"),
        (["run", "cells.h5mu", "-o", "cut.h5mu/out.h5mu"], "is a file and no folder"),
        (["pretrain", "--genome", "hg38", "--rna", "noise.txt", "--atac", "noise.txt"], "noise.txt cannot be read"),
    ],
)
def test_the_command_line_says_what_is_wrong_in_one_line(inputs, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(inputs)
    options = arguments if "-o" in arguments else [*arguments, "-o", "out"]
    assert main(options) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("linger: error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert not (inputs / "out").exists()
