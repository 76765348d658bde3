from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import linger as lg
from linger import nn
from linger.io._prior import PriorWriter
from linger.tl._bulk import normalize_bulk
from linger.tl._design import make_design, make_samples

from ..helpers import damage_file


@pytest.fixture
def saved(prior, tmp_path):
    path = tmp_path / "prior"
    prior.save(path)
    return path


def networks(prior, genes=None):
    rows = prior.rows(np.arange(len(prior.genes)) if genes is None else genes)
    return {name: value for name, value in rows._asdict().items() if name != "offsets"}


def test_round_trip(prior, saved):
    read = lg.io.read_prior(saved)
    assert read.genes.equals(prior.genes)
    assert read.tfs.equals(prior.tfs)
    assert read.peaks.equals(prior.peaks)
    assert (read.links != prior.links).nnz == 0
    assert read.rounds == prior.rounds
    assert read.n_samples == 30
    assert (read.genome, read.hidden, read.activation) == (None, (64, 16), "relu")
    for name, value in networks(prior).items():
        np.testing.assert_array_equal(networks(read)[name], value, err_msg=name)
    for name, value in prior.moments.items():
        np.testing.assert_array_equal(read.moments[name], value, err_msg=name)


def test_reading_some_genes_reads_those(prior):
    everything = prior.rows(np.arange(len(prior.genes)))
    some = np.array([40, 3, 77])
    found = prior.rows(some)
    np.testing.assert_array_equal(found.tf, everything.tf[some])
    np.testing.assert_array_equal(found.fisher_mean, everything.fisher_mean[some])
    for row, gene in enumerate(some):
        ours = slice(*found.offsets[row : row + 2])
        theirs = slice(*everything.offsets[gene : gene + 2])
        np.testing.assert_array_equal(found.re[ours], everything.re[theirs])
        np.testing.assert_array_equal(found.re_fisher[ours], everything.re_fisher[theirs])


def test_stored_networks_predict_the_bulk_samples(prior, bulk):
    design = make_design(bulk, genes=None, rna_key="rna", atac_key="atac", key_added="linger")
    values = normalize_bulk(bulk, "log", rna_key="rna", atac_key="atac", layer=None)
    samples = make_samples(values, design, rna_key="rna", atac_key="atac")
    empty = torch.empty(0, dtype=torch.long)
    errors = []
    for gene in range(len(prior.genes)):
        rows = prior.rows(np.array([gene]))
        first = np.concatenate([rows.bias[0][:, None], rows.re.T], axis=1)[None]
        weights = nn.Weights(*(torch.from_numpy(part) for part in (rows.tf, first, rows.w2, rows.b2, rows.w3, rows.b3)))
        re_ = np.vstack([np.ones((1, 30), np.float32), samples.re.values[prior.links[gene].indices]])
        inputs = nn.Inputs(torch.from_numpy(samples.tf.values), torch.from_numpy(re_)[None], empty, empty)
        target = samples.target.values[design.genes.get_loc(prior.genes[gene])]
        errors.append(((nn.predict(weights, inputs).numpy()[0] - target) ** 2).mean())
    assert np.mean(errors) < 0.6  # of a variance of 1


@pytest.mark.parametrize("victim", ["tables.safetensors", "block-00000.safetensors"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_damage_is_refused_and_named(saved, victim, damage):
    damage_file(saved / victim, damage)
    with pytest.raises(ValueError, match=re.escape(victim)):
        lg.io.read_prior(saved)


def test_damaged_or_foreign_index_is_refused(saved, fitted):
    index = saved / "index.json"
    text = index.read_text()
    index.write_text(text[:-20])
    with pytest.raises(ValueError, match=r"index\.json is damaged"):
        lg.io.read_prior(saved)
    index.write_text(json.dumps(json.loads(text) | {"version": 99}))
    with pytest.raises(ValueError, match="newer linger"):
        lg.io.read_prior(saved)
    with pytest.raises(ValueError, match="not a linger-prior"):
        lg.io.read_prior(fitted.uns["linger"]["store"]["path"])
    with pytest.raises(FileNotFoundError, match="pretrain"):
        lg.io.read_prior(saved / "nowhere")


def test_interrupted_writing_leaves_the_old_prior(prior, saved, monkeypatch):
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    add_block, calls = PriorWriter.add_block, []

    def fail_late(self, arrays, rows):
        if calls:
            raise KeyboardInterrupt
        calls.append(rows)
        add_block(self, arrays, rows)

    monkeypatch.setattr(PriorWriter, "add_block", fail_late)
    with pytest.raises(KeyboardInterrupt):
        prior.save(saved)
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_interrupt_while_folders_are_swapped_leaves_the_old_prior(prior, saved, monkeypatch, error):
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    rename, calls = Path.rename, []

    def fail_second(self, target):
        calls.append(self)
        if len(calls) == 2:
            raise error
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_second)
    with pytest.raises(error):
        prior.save(saved)
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_changes_of_the_index_are_noticed(saved):
    index = saved / "index.json"
    whole = json.loads(index.read_text())
    for change in ({"genes": whole["genes"][::-1]}, {"hidden": [32, 8]}, {"sha256": []}):
        index.write_text(json.dumps(whole | change))
        with pytest.raises(ValueError, match=r"index\.json"):
            lg.io.read_prior(saved)
    for key in ("sha256", "genes", "checksum"):
        index.write_text(json.dumps({name: value for name, value in whole.items() if name != key}))
        with pytest.raises(ValueError, match=r"index\.json"):
            lg.io.read_prior(saved)
    index.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"index\.json is damaged"):
        lg.io.read_prior(saved)


def test_damage_is_noticed_when_a_block_is_first_read(saved):
    path = saved / "block-00000.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    opened = lg.io.Prior(saved)
    with pytest.raises(ValueError, match="block-00000"):
        opened.rows(np.arange(len(opened.genes)))
    assert lg.io.read_prior(saved, verify=False).rows(np.arange(3)).tf.any()


def test_peaks_out_of_order_are_refused(prior, tmp_path):
    links = prior.links.copy()
    row = np.flatnonzero(np.diff(links.indptr) > 1)[0]
    span = slice(*links.indptr[row : row + 2])
    links.indices[span] = links.indices[span][::-1]
    links.has_sorted_indices = False
    writer = PriorWriter(tmp_path / "prior")
    writer.add_block(prior.read("block-00000") | {"fisher_mean": prior.fisher_mean[:16]}, np.arange(16))
    writer.finish(prior._tables()._replace(links=links))
    with pytest.raises(ValueError, match="ascending"):
        lg.io.read_prior(tmp_path / "prior")


def test_half_precision_never_overflows(prior, tmp_path):
    writer = PriorWriter(tmp_path / "prior", precision="float16")
    for number in np.unique(prior._place[0]):
        rows = np.flatnonzero(prior._place[0] == number)
        rows = rows[np.argsort(prior._place[1][rows])]
        arrays = prior.read(f"block-{number:05d}")
        writer.add_block(
            arrays | {"tf_fisher": arrays["tf_fisher"] * 1e7, "fisher_mean": prior.fisher_mean[rows]}, rows
        )
    writer.finish(prior._tables())
    read = lg.io.read_prior(tmp_path / "prior").rows(np.arange(len(prior.genes)))
    assert np.isfinite(read.tf_fisher).all()
    assert read.tf_fisher.max() == np.finfo(np.float16).max


def test_an_empty_folder_may_be_filled(prior, tmp_path):
    (tmp_path / "prior").mkdir()
    prior.save(tmp_path / "prior")
    assert len(lg.io.read_prior(tmp_path / "prior").genes) == len(prior.genes)


def test_other_folders_are_never_replaced(prior, tmp_path, fitted):
    (tmp_path / "thesis.txt").write_text("dear")
    with pytest.raises(FileExistsError, match="left alone"):
        prior.save(tmp_path)
    with pytest.raises(FileExistsError, match="left alone"):
        prior.save(fitted.uns["linger"]["store"]["path"])


def test_half_precision_halves_the_size(prior, saved, tmp_path):
    half = tmp_path / "half"
    prior.save(half, precision="float16")
    size = {path: sum(f.stat().st_size for f in path.glob("block-*")) for path in (saved, half)}
    assert size[half] < 0.51 * size[saved]
    read = lg.io.read_prior(half)
    assert read.precision == "float16"
    for name, value in networks(prior).items():
        np.testing.assert_allclose(networks(read)[name], value, rtol=1e-3, atol=1e-6, err_msg=name)
    with pytest.raises(ValueError, match="precision"):
        prior.save(tmp_path / "odd", precision="float64")


def test_saving_onto_itself_is_refused(saved):
    with pytest.raises(ValueError, match="already"):
        lg.io.read_prior(saved).save(saved, precision="float16")


def test_temporary_prior_goes_with_its_object(bulk, tmp_path):
    prior = lg.tl.pretrain(bulk, genes=bulk["rna"].var_names[:5], config=lg.FitConfig(epochs=1))
    folder = prior.path
    assert folder.is_dir()
    prior.save(tmp_path / "kept")
    del prior
    assert not folder.exists()
    assert len(lg.io.read_prior(tmp_path / "kept").genes) <= 5
