from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
import torch

import linger as lg
from linger import nn
from linger.io._store import StoreWriter

from ..helpers import damage_file


@pytest.fixture
def store(fitted, tmp_path):
    """A private copy of the store of the toy fit."""
    path = tmp_path / "networks"
    shutil.copytree(fitted.uns["linger"]["store"]["path"], path)
    return path


def test_stored_networks_predict_what_was_fitted(fitted):
    store = lg.io.read_store(fitted)
    store.verify()
    assert set(store.genes) == set(fitted["rna"].var_names[fitted["rna"].var["linger_fitted"]])
    tf, re, target = (store.design(f"{name}_values") for name in ("tf", "re", "target"))
    indptr, indices = store.design("links_indptr"), store.design("links_indices")
    errors = []
    for number in range(store.n_blocks):
        block = store.block(number)
        weights = nn.Weights(*(torch.from_numpy(block[name]) for name in nn.Weights._fields))
        for row, gene in enumerate(block["genes"]):
            peaks = indices[indptr[gene] : indptr[gene + 1]]
            inputs = np.vstack([np.ones((1, tf.shape[1]), np.float32), re[peaks]])
            one = nn.Weights(*(w[row : row + 1] for w in weights))
            one = one._replace(re=one.re[:, :, : len(peaks) + 1])
            empty = torch.empty(0, dtype=torch.long)
            predicted = nn.predict(one, nn.Inputs(torch.from_numpy(tf), torch.from_numpy(inputs)[None], empty, empty))
            errors.append(((predicted.numpy()[0] - target[gene]) ** 2).mean())
    assert np.mean(errors) < 0.7  # of a variance of 1


def test_store_keeps_all_of_alpha(fitted):
    store = lg.io.read_store(fitted)
    rows, cols = fitted.var_names.get_indexer(store.tfs), fitted.var_names.get_indexer(store.peaks)
    dense, kept = store.design("alpha").T, fitted.varp["linger_binding"][rows][:, cols].toarray()
    np.testing.assert_array_equal(dense[kept > 0], kept[kept > 0])
    assert (dense > 0).sum() > (kept > 0).sum()


@pytest.mark.parametrize("victim", ["design.safetensors", "block-00000.safetensors"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_damage_is_found_and_named(store, victim, damage):
    damage_file(store / victim, damage)
    with pytest.raises(ValueError, match=re.escape(victim)):
        lg.io.NetworkStore(store).verify()


def test_damaged_index_is_refused(store):
    index = store / "index.json"
    text = index.read_text()
    index.write_text(text[: len(text) // 2])
    with pytest.raises(ValueError, match=r"index\.json"):
        lg.io.NetworkStore(store)
    index.write_text(json.dumps({"format": "something else"}))
    with pytest.raises(ValueError, match="not a linger-networks index"):
        lg.io.NetworkStore(store)
    index.write_text(text.replace("design.safetensors", "../design.safetensors"))
    with pytest.raises(ValueError, match="outside"):
        lg.io.NetworkStore(store)


def test_interrupted_writing_leaves_the_old_store(store):
    before = {path.name: path.read_bytes() for path in store.iterdir()}
    with pytest.raises(ZeroDivisionError), StoreWriter(store):
        1 / 0  # noqa: B018
    assert {path.name: path.read_bytes() for path in store.iterdir()} == before
    assert [path.name for path in store.parent.iterdir()] == [store.name]  # nothing was finished, so nothing is kept


def test_one_fit_at_a_time_writes_a_store(store):
    with StoreWriter(store) as writer, pytest.raises(FileExistsError, match="Another process"):
        StoreWriter(store)
    writer.abort()
    StoreWriter(store).abort()


def test_what_is_not_from_an_interrupted_fit_is_left_alone(tmp_path):
    mine = tmp_path / ".networks.partial"
    mine.mkdir()
    (mine / "thesis.txt").write_text("dear")
    for resume in (True, False):
        with pytest.raises(FileExistsError, match="left alone"):
            StoreWriter(tmp_path / "networks", resume=resume)
    assert [path.name for path in tmp_path.iterdir()] == [".networks.partial"]
    assert (mine / "thesis.txt").read_text() == "dear"


def test_folders_with_similar_names_are_left_alone(fitted, tmp_path):
    for name in ("networks.old", "networks.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "thesis.txt").write_text("dear")
    for _ in range(2):
        lg.tl.fit(fitted, config=lg.FitConfig(epochs=2, n_folds=0), store=tmp_path / "networks")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["networks", "networks.old", "networks.partial"]
    assert (tmp_path / "networks.old" / "thesis.txt").exists()


def test_other_folders_are_never_replaced(tmp_path):
    (tmp_path / "thesis.txt").write_text("dear")
    with pytest.raises(FileExistsError, match="left alone"):
        StoreWriter(tmp_path)


def test_failed_fit_leaves_no_store(fitted, tmp_path):
    with pytest.raises(KeyError, match="unknown"):
        lg.tl.fit(fitted, genes=["no such gene"], store=tmp_path / "new")
    assert not list(tmp_path.iterdir())


def test_attach(fitted, store):
    fitted.uns["linger"].pop("store")
    with pytest.raises(KeyError, match="store"):
        lg.io.read_store(fitted)
    lg.io.attach(fitted, store=store)
    assert lg.io.read_store(fitted).n_blocks > 0
    with pytest.raises(ValueError, match="other data"):
        lg.io.attach(fitted[:, fitted.var_names[20:]].copy(), store=store)
    with pytest.raises(FileNotFoundError, match="No store"):
        lg.io.attach(fitted, store=store / "nowhere")


def test_write_h5mu_leaves_nothing_half_written(fitted, tmp_path):
    path = tmp_path / "new folder" / "out.h5mu"
    lg.io.write_h5mu(fitted, path=path)
    assert [found.name for found in path.parent.iterdir()] == ["out.h5mu"]
    before = path.read_bytes()
    fitted.uns["bad"] = object()
    with pytest.raises(Exception, match="bad"):
        lg.io.write_h5mu(fitted, path=path)
    assert path.read_bytes() == before
    assert [found.name for found in path.parent.iterdir()] == ["out.h5mu"]
