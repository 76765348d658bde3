from __future__ import annotations

import warnings

import mudata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import linger as lg

from ..helpers import KINDS, assert_same, tables

QUICK = lg.FitConfig(epochs=20, n_folds=0, binding_share=1.0)


@pytest.fixture
def linked():
    mdata = lg.ds.toy()
    lg.pp.link_peaks(mdata)
    return mdata


@pytest.fixture
def metacells(linked):
    return lg.pp.metacells(linked, n_metacells=40, n_neighbors=20)


def test_slots(fitted):
    n_tfs, genes = fitted["rna"].var["is_tf"].sum(), fitted["rna"].var["linger_fitted"]
    assert fitted.varp["linger_trans"].shape == (fitted.n_vars, fitted.n_vars)
    assert fitted.varp["linger_trans"].dtype == np.float32
    assert fitted.varp["linger_trans_sign"].dtype == np.int8
    regulators = np.flatnonzero(np.diff(fitted.varp["linger_trans"].indptr))
    assert set(fitted.var_names[regulators]) <= set(fitted["rna"].var_names[fitted["rna"].var["is_tf"]])
    links = fitted.varp["linger_distance"]
    outside = fitted.varp["linger_cis"] - fitted.varp["linger_cis"].multiply(
        sparse.csr_matrix((np.ones_like(links.data), links.indices, links.indptr), links.shape)
    )
    assert abs(outside).sum() == 0
    record = fitted.uns["linger"]["fit"]
    assert (record["n_tfs"], record["n_genes"], record["n_metacells"]) == (n_tfs, genes.sum(), 60)
    assert record["loss"][-1] < 0.7 * record["loss"][0]
    assert (
        fitted["rna"].var["linger_r2"].notna().equals(genes)
        or fitted["rna"].var.loc[genes, "linger_r2"].notna().mean() > 0.95
    )
    assert fitted["rna"].var["linger_correlation"].median() > 0


@pytest.mark.parametrize("suffix", ["h5mu", "zarr"])
@pytest.mark.filterwarnings("ignore")
def test_round_trip_keeps_every_slot(fitted, tmp_path, suffix):
    path = tmp_path / f"fitted.{suffix}"
    getattr(fitted, "write_h5mu" if suffix == "h5mu" else "write_zarr")(path)
    read = mudata.read_h5mu(path) if suffix == "h5mu" else mudata.read_zarr(path)
    assert set(read.varp) >= {f"linger_{name}" for name in (*KINDS, "trans_sign", "cis_sign", "distance", "motif")}
    for key in fitted.varp:
        assert (abs(fitted.varp[key] - read.varp[key]).sum()) == 0, key
        assert read.varp[key].nnz == fitted.varp[key].nnz
    pd.testing.assert_frame_equal(read["rna"].var, fitted["rna"].var, check_dtype=False)
    assert_same(tables(fitted), tables(read), 0)
    np.testing.assert_array_equal(read.uns["linger"]["fit"]["loss"], fitted.uns["linger"]["fit"]["loss"])
    assert read.uns["linger"]["fit"]["config"]["epochs"] == 30
    assert lg.io.read_store(read).n_blocks > 0


def test_slicing_keeps_networks_aligned(fitted):
    rng = np.random.default_rng(0)
    chosen = rng.random(fitted.n_vars) < 0.6
    for kind in KINDS:
        # trans sums over peaks, so those that go take their part with them
        kept = fitted.var_names[chosen | (kind == "trans") & fitted.var_names.isin(fitted["atac"].var_names)]
        part = fitted[:, kept].copy()
        whole, sliced = tables(fitted), tables(part)
        expected = whole[kind][[source in kept and target in kept for source, target in whole[kind].index]]
        pd.testing.assert_frame_equal(sliced[kind], expected)


def test_bfloat16_finds_nearly_the_same(linked, metacells):
    found = {}
    for precision in ("float32", "bfloat16"):
        config = lg.FitConfig(**{**QUICK.to_dict(), "precision": precision})
        fitted = lg.tl.fit(linked, metacells=metacells, config=config, copy=True)
        found[precision] = fitted.varp["linger_trans"].toarray(), fitted.varp["linger_cis"].toarray()
    for one, other in zip(found["float32"], found["bfloat16"], strict=True):
        assert not np.array_equal(one, other)
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("block_size", [1, 7, 60])
def test_block_size_changes_nothing(linked, metacells, block_size):
    found = []
    for size in (16, block_size):
        config = lg.FitConfig(**{**QUICK.to_dict(), "hidden": (64, 16), "block_size": size})
        lg.tl.fit(linked, metacells=metacells, config=config)
        found.append(tables(linked))
    assert_same(*found, rtol=2e-3)


def test_order_of_cells_genes_and_peaks_changes_nothing(linked):
    lg.tl.fit(linked, groupby="cell_type", config=QUICK)
    rng = np.random.default_rng(1)
    cells = rng.permutation(linked.n_obs)
    moved = mudata.MuData(
        {key: linked[key][cells][:, rng.permutation(linked[key].n_vars)].copy() for key in ("atac", "rna")}
    )
    order = linked.var_names.get_indexer(moved.var_names)
    for key in ("linger_distance", "linger_motif"):
        moved.varp[key] = linked.varp[key][order][:, order]
    lg.tl.fit(moved, groupby="cell_type", config=QUICK)
    assert_same(tables(linked), tables(moved), rtol=2e-3)


def test_number_of_threads_changes_nothing(linked, metacells):
    import torch

    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            lg.tl.fit(linked, metacells=metacells, config=QUICK)
            found.append(tables(linked))
    finally:
        torch.set_num_threads(before)
    assert_same(*found, rtol=2e-3)


def test_subset_of_genes_gives_the_same_networks(linked, metacells):
    lg.tl.fit(linked, metacells=metacells, config=QUICK)
    whole = tables(linked)
    genes = linked["rna"].var_names[[3, 30, 50]].tolist()
    lg.tl.fit(linked, metacells=metacells, genes=genes, config=QUICK, key_added="linger")
    part = tables(linked)
    assert set(part["trans"].index.get_level_values("target")) == set(genes)
    for kind, strength in {
        "trans": "gamma",
        "cis": "beta",
    }.items():  # alpha is a maximum over the genes that are fitted
        expected = whole[kind][strength].loc[part[kind].index]
        np.testing.assert_allclose(part[kind][strength], expected, rtol=2e-3, atol=2e-3 * expected.max())


def test_seed_and_key_added(linked, metacells):
    lg.tl.fit(linked, metacells=metacells, config=QUICK)
    first = linked.varp["linger_trans"].copy()
    linked.varp["other_distance"] = linked.varp["linger_distance"]
    lg.tl.fit(linked, metacells=metacells, config=QUICK, key_added="other", rng=1)
    assert (abs(linked.varp["linger_trans"] - first)).sum() == 0
    assert (abs(linked.varp["other_trans"] - first)).sum() > 0


def test_copy_leaves_the_original(linked, metacells):
    changed = lg.tl.fit(linked, metacells=metacells, config=QUICK, copy=True)
    assert "linger_trans" in changed.varp
    assert "linger_trans" not in linked.varp
    assert "linger_fitted" not in linked["rna"].var


def test_constant_genes_and_tfs(linked):
    X = linked["rna"].X.tolil()
    tf = np.flatnonzero(linked["rna"].var["is_tf"])[0]
    gene = np.flatnonzero(~linked["rna"].var["is_tf"])[0]
    X[:, [tf, gene]] = 0
    linked["rna"].X = X.tocsr()
    lg.tl.fit(linked, config=QUICK)
    assert not linked["rna"].var["linger_fitted"].iloc[[tf, gene]].any()
    names = set(lg.get.network(linked, kind="trans")["source"])
    assert linked["rna"].var_names[tf] not in names
    assert np.isfinite(linked.varp["linger_trans"].data).all()


def test_motifs_pull_binding_together(linked, metacells):
    motif = linked.varp["linger_motif"].toarray() > 0
    gain = []
    for manifold in (0.0, 1.0):
        lg.tl.fit(
            linked, metacells=metacells, config=lg.FitConfig(epochs=20, n_folds=0, binding_share=1.0, manifold=manifold)
        )
        gain.append(linked.varp["linger_binding"].toarray()[motif].mean())
    assert gain[1] > gain[0] + 0.1
    del linked.varp["linger_motif"]
    lg.tl.fit(linked, metacells=metacells, config=QUICK)
    assert not linked.uns["linger"]["fit"]["motifs"]


def test_binding_share(linked, metacells):
    lg.tl.fit(linked, metacells=metacells, config=lg.FitConfig(epochs=5, n_folds=0, binding_share=0.1))
    n_peaks, n_tfs = linked.uns["linger"]["fit"]["n_peaks"], linked.uns["linger"]["fit"]["n_tfs"]
    beyond = linked.varp["linger_binding"].multiply(linked.varp["linger_motif"] == 0)
    assert beyond.nnz <= 0.1 * n_peaks * n_tfs <= linked.varp["linger_binding"].nnz


def test_cross_validation_finds_signal_and_not_in_noise(linked):
    config = lg.FitConfig(n_folds=3)
    lg.tl.fit(linked, config=config)
    real = linked["rna"].var["linger_correlation"].mean()
    rng = np.random.default_rng(0)
    shuffled = linked.copy()
    atac = shuffled["atac"]
    order = rng.permutation(shuffled.n_obs)
    atac.X = atac.X[order]  # peaks of other cells
    X = shuffled["rna"].X.toarray()
    not_tf = np.flatnonzero(~shuffled["rna"].var["is_tf"])
    X[:, not_tf] = rng.permuted(X[:, not_tf], axis=0)
    shuffled["rna"].X = sparse.csr_matrix(X)
    lg.tl.fit(shuffled, config=config)
    null = shuffled["rna"].var["linger_correlation"].iloc[not_tf].mean()
    assert real > 0.15
    assert abs(null) < 0.1


BAD = {
    "modality": (lambda m: m.mod.pop("atac"), KeyError, "no modality 'atac'"),
    "tf column": (lambda m: m["rna"].var.pop("is_tf"), KeyError, "mark_tfs"),
    "no tf": (lambda m: m["rna"].var.__setitem__("is_tf", False), ValueError, "transcription factor"),
    "links": (lambda m: m.varp.pop("linger_distance"), KeyError, "link_peaks"),
    "not counts": (lambda m: setattr(m["rna"], "X", m["rna"].X * 0.3), ValueError, "whole numbers"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_and_nothing_is_written(linked, name):
    spoil, error, text = BAD[name]
    spoil(linked)
    keys = set(linked.varp), set(linked["rna"].var), set(linked.uns.get("linger", {}))
    with pytest.raises(error, match=text):
        lg.tl.fit(linked, config=QUICK)
    assert (set(linked.varp), set(linked["rna"].var), set(linked.uns.get("linger", {}))) == keys


def test_other_bad_arguments(linked):
    with pytest.raises(KeyError, match="unknown: 'nobody'"):
        lg.tl.fit(linked, genes=["nobody"], config=QUICK)
    with pytest.raises(ValueError, match="epochs=0"):
        lg.FitConfig(epochs=0)
    with pytest.raises(TypeError, match="MuData"):
        lg.tl.fit(linked["rna"], config=QUICK)
    linked.varp["linger_distance"] = sparse.csr_matrix(linked.varp["linger_distance"].shape)
    with pytest.raises(ValueError, match="None of the genes has a peak"):
        lg.tl.fit(linked, config=QUICK)


def test_wrong_metacells_are_refused(linked, metacells):
    with pytest.raises(ValueError, match="not in the metacells"):
        lg.tl.fit(linked, metacells=metacells[:, metacells.var_names[5:]].copy(), config=QUICK)


def test_without_the_manifold_term_the_networks_are_still_weighed_by_motifs(linked, metacells):
    found = []
    for manifold in (0.0, 1e-12):
        config = lg.FitConfig(epochs=10, n_folds=0, manifold=manifold)
        lg.tl.fit(linked, metacells=metacells, config=config)
        found.append(tables(linked))
    assert_same(*found, rtol=2e-3)


def test_binding_share_is_a_matter_of_storage_only(linked, metacells):
    trans = []
    for share in (0.0, 0.5, 1.0):
        config = lg.FitConfig(epochs=5, n_folds=0, binding_share=share)
        lg.tl.fit(linked, metacells=metacells, config=config)
        trans.append(lg.get.matrix(linked, kind="trans").matrix.toarray())
    np.testing.assert_array_equal(trans[0], trans[2])
    np.testing.assert_array_equal(trans[1], trans[2])


def test_new_links_or_motifs_remove_the_networks_that_rest_on_others(fitted):
    assert "linger_trans" in fitted.varp
    lg.pp.link_peaks(fitted, max_distance=100_000)
    assert not {"linger_trans", "linger_cis", "linger_binding"} & set(fitted.varp)
    assert not {"linger_fitted", "linger_r2"} & set(fitted["rna"].var)
    assert not {"fit", "store"} & set(fitted.uns["linger"])
    with pytest.raises(KeyError, match=r"Call lg\.tl\.fit"):
        lg.get.network(fitted)


def test_tf_column_with_holes_is_refused(linked):
    linked["rna"].var["is_tf"] = linked["rna"].var["is_tf"].astype(object)
    linked["rna"].var.loc[linked["rna"].var_names[-3:], "is_tf"] = np.nan
    with pytest.raises(ValueError, match="True or False for every gene"):
        lg.tl.fit(linked, config=QUICK)


def test_renamed_peaks_are_not_mistaken_for_others(linked):
    names = linked["atac"].var_names.tolist()
    linked["atac"].var_names = [*names[:-2], "chr9:1-2", "chr9:5-9"]
    with pytest.raises(ValueError, match="2 genes or peaks are not in"):
        lg.tl.fit(linked, config=QUICK)


def test_failure_while_writing_leaves_mudata_and_store_as_they_were(linked, metacells, tmp_path, monkeypatch):
    lg.tl.fit(linked, metacells=metacells, config=QUICK, store=tmp_path / "networks")
    before = linked.varp["linger_trans"].copy(), lg.io.read_store(linked).checksum
    monkeypatch.setattr("linger.tl._fit.make_slots", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        lg.tl.fit(linked, metacells=metacells, config=QUICK, store=tmp_path / "networks", rng=1)
    assert abs(linked.varp["linger_trans"] - before[0]).sum() == 0
    assert lg.io.read_store(linked).checksum == before[1]
    monkeypatch.undo()
    lg.tl.fit(linked, metacells=metacells, config=QUICK, store=tmp_path / "networks", rng=1)
    assert [path.name for path in tmp_path.iterdir()] == ["networks"]
    assert lg.io.read_store(linked).checksum != before[1]


def test_settings_of_metacells_beside_metacells_are_refused(linked, metacells):
    with pytest.raises(ValueError, match="metacells were given"):
        lg.tl.fit(linked, metacells=metacells, groupby="cell_type", config=QUICK)


def test_cross_validation_uses_the_cells_of_the_metacells(linked):
    part = linked[linked.obs_names[:120]].copy()
    metacells = lg.pp.metacells(part, n_metacells=40, n_neighbors=10)
    config = lg.FitConfig(epochs=5, n_folds=2)
    lg.tl.fit(part, metacells=metacells, config=config)
    lg.tl.fit(linked, metacells=metacells, config=config)
    np.testing.assert_allclose(
        linked["rna"].var["linger_r2"].to_numpy(), part["rna"].var["linger_r2"].to_numpy(), rtol=1e-3, atol=1e-3
    )


def test_one_peak_one_tf_one_gene(linked):
    rna = linked["rna"].var
    distance = linked.varp["linger_distance"].tocoo()
    peak, gene = linked.var_names[distance.row[0]], linked.var_names[distance.col[0]]
    tf = rna.index[rna["is_tf"] & (rna.index != gene)][0]
    tiny = linked[:, [tf, gene, peak]].copy()
    metacells = lg.pp.metacells(tiny, n_metacells=50, n_neighbors=5)
    lg.tl.fit(tiny, metacells=metacells, genes=gene, config=QUICK)
    assert tiny["rna"].var.loc[gene, "linger_fitted"]


def test_metacells_that_are_alike_are_warned_of_once(monkeypatch):
    mdata = lg.ds.toy()
    lg.pp.link_peaks(mdata)
    monkeypatch.setattr("linger.pp._metacells._MAX_SHARE", 1.0)
    with pytest.warns(UserWarning, match="share over 90%"):
        metacells = lg.pp.metacells(mdata, n_metacells=150, n_neighbors=190)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        lg.tl.fit(mdata, metacells=metacells, config=lg.FitConfig(epochs=2, n_folds=2))
    assert not [each for each in caught if "share over 90%" in str(each.message)]


def test_small_groups_are_refused_before_any_work_and_can_be_kept(monkeypatch):
    mdata = lg.ds.toy()
    lg.pp.link_peaks(mdata)
    types = mdata.obs["cell_type"].astype(str)
    types.iloc[:6] = "rare"
    mdata.obs["few"] = types
    config = lg.FitConfig(epochs=2, n_folds=0)
    with monkeypatch.context() as patch:
        patch.setattr("linger.tl._fit.make_metacells", lambda *_, **__: pytest.fail("cells were averaged"))
        with pytest.raises(
            ValueError, match=r"'rare \(6\)'.*metacells=lg\.pp\.metacells\(mdata, groupby='few', min_cells="
        ):
            lg.tl.fit(mdata, groupby="few", config=config)
    lg.tl.fit(mdata, metacells=lg.pp.metacells(mdata, groupby="few", min_cells=5), config=config)
    assert "rare" in lg.get.groups(mdata)
