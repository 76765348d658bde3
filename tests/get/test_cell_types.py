"""Networks of types and cells against a plain transcription of the paper's equations."""

from __future__ import annotations

import mudata
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import linger as lg
from linger.get._regulons import quantile_normalize

KINDS = ("trans", "cis", "binding")
TYPES = ("A", "B/b", "C")


def random_mdata(seed, *, motifs=True, importance=True):
    """A small MuData with every slot of a fit, random; some TFs have no motif."""
    from anndata import AnnData

    rng = np.random.default_rng(seed)
    n_cells, n_tfs, n_genes, n_peaks = 12, 3, 5, 7
    obs = pd.DataFrame(index=[f"cell{i}" for i in range(n_cells)])
    rna = AnnData(sparse.csr_matrix(rng.poisson(1.0, (n_cells, n_genes)).astype(np.float32)), obs.copy())
    atac = AnnData(sparse.csr_matrix(rng.poisson(0.7, (n_cells, n_peaks)).astype(np.float32)), obs.copy())
    rna.X[3] = 0  # an empty cell
    rna.var_names = [f"G{i}" for i in range(n_genes)]
    atac.var_names = [f"chr1:{100 * i}-{100 * i + 50}" for i in range(n_peaks)]
    rna.var["is_tf"] = np.arange(n_genes) < n_tfs
    rna.var["linger_fitted"] = np.arange(n_genes) != n_genes - 1
    rna.obs["type"] = [TYPES[i % 3] for i in range(n_cells)]
    mdata = mudata.MuData({"rna": rna, "atac": atac})
    shape = {"trans": (n_tfs, n_genes - 1), "cis": (n_peaks, n_genes - 1), "binding": (n_tfs, n_peaks)}
    start = {"trans": (0, 0), "cis": (n_genes, 0), "binding": (0, n_genes)}
    dense = {kind: rng.random(shape[kind]) * (rng.random(shape[kind]) < 0.7) for kind in KINDS}
    dense["distance"] = np.where(rng.random(shape["cis"]) < 0.8, rng.random(shape["cis"]) * 1e5, np.nan)
    dense["cis"][np.isnan(dense["distance"])] = 0
    dense["motif"] = rng.random(shape["binding"]) * (rng.random(shape["binding"]) < 0.5)
    dense["motif"][2] = 0
    scale = np.where((dense["motif"] > 0).any(axis=1), 0, 0.37) if motifs else np.ones(n_tfs)
    rna.var["linger_alpha_scale"] = np.append(scale, [np.nan] * (n_genes - n_tfs)).astype(np.float32)
    dense["coactivity"] = np.where(dense["motif"] > 0, rng.random(shape["binding"]).clip(0.01), 0)
    for name, like in [(kind, kind) for kind in KINDS] + [
        ("distance", "cis"), ("motif", "binding"), ("coactivity", "binding")
    ]:  # fmt: skip
        if (name == "motif" and not motifs) or (name == "coactivity" and not (motifs and importance)):
            continue
        rows, cols = np.nonzero(~np.isnan(dense[name]) & ((dense[name] != 0) | (name == "distance")))
        where = (rows + start[like][0], cols + start[like][1])
        n = mdata.n_vars
        mdata.varp[f"linger_{name}"] = sparse.csr_matrix((dense[name][rows, cols].astype(np.float32), where), (n, n))
    lg.tl.group_means(mdata, "type", min_cells=1)
    if motifs and importance:
        table = np.full((n_genes, 3), np.nan, dtype=np.float32)
        table[:n_tfs] = rng.normal(0, 4, (n_tfs, 3))
        rna.varm["linger_tf_importance"] = table
        mdata.uns["linger"]["tf_importance"] = {"groups": np.array(TYPES, dtype=object), "n_metacells": 10}
    return mdata


def at(mdata, name, row, col, missing=0.0):
    """One entry of a varp matrix by names, or `missing` if it is not stored."""
    if f"linger_{name}" not in mdata.varp:
        return missing
    matrix = mdata.varp[f"linger_{name}"].tocoo()
    i, j = mdata.var_names.get_loc(row), mdata.var_names.get_loc(col)
    hit = (matrix.row == i) & (matrix.col == j)
    return float(matrix.data[hit][0]) if hit.any() else missing


def mean_share(adata, feature, cells):
    """Mean over cells of count / depth, over the same for all features: entry by entry."""
    values = []
    for name in adata.var_names:
        total = 0.0
        for cell in cells:
            counts = adata[cell].X.toarray()[0]
            total += counts[adata.var_names.get_loc(name)] / counts.sum() if counts.sum() else 0.0
        values.append(total / len(cells))
    return values[adata.var_names.get_loc(feature)] / np.mean(values)


def naive(mdata, kind, cells, weights="paper"):
    """TFB_kj, CRP_ij and TRP_ki of METHOD's equations, one entry at a time."""
    rna, atac = mdata["rna"], mdata["atac"]
    tfs = rna.var_names[rna.var["is_tf"]]
    genes, peaks = rna.var_names[rna.var["linger_fitted"]], atac.var_names
    E = {gene: mean_share(rna, gene, cells) for gene in rna.var_names}
    O = {peak: mean_share(atac, peak, cells) for peak in peaks}  # noqa: E741

    def exponent(tf):
        if "linger_tf_importance" not in rna.varm:
            return 0.0
        row = rna.varm["linger_tf_importance"][rna.var_names.get_loc(tf)]
        s = float(np.mean([row[TYPES.index(rna.obs.loc[cell, "type"])] for cell in cells]))
        return s if weights == "paper_raw" else min(max(s / np.sqrt(10 - 1), 0), 1)

    def tfb(k, j):
        alpha, motif, scale = at(mdata, "binding", k, j), at(mdata, "motif", k, j), rna.var.loc[k, "linger_alpha_scale"]
        strength = alpha + motif if motif > 0 else scale * alpha
        return at(mdata, "coactivity", k, j, missing=1.0) ** exponent(k) * E[k] * O[j] * strength

    def crp(j, i):
        distance = at(mdata, "distance", j, i, missing=np.inf)
        return at(mdata, "cis", j, i) * O[j] * E[i] * np.exp(-distance / 25_000)

    if kind == "binding":
        return pd.DataFrame([[tfb(k, j) for j in peaks] for k in tfs], tfs, peaks)
    if kind == "cis":
        return pd.DataFrame([[crp(j, i) for i in genes] for j in peaks], peaks, genes)
    return pd.DataFrame(
        [[at(mdata, "trans", k, i) * sum(tfb(k, j) * crp(j, i) for j in peaks) for i in genes] for k in tfs], tfs, genes
    )


def assert_equal(found, expected):
    assert list(found.sources) == list(expected.index)
    assert list(found.targets) == list(expected.columns)
    assert found.matrix.dtype == np.float32
    np.testing.assert_allclose(found.matrix.toarray(), expected, rtol=2e-5, atol=1e-7 * expected.to_numpy().max())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("motifs", "importance"), [(True, True), (True, False), (False, False)])
@pytest.mark.parametrize("weights", ["paper", "paper_raw"])
def test_groups_masks_and_cells_are_the_equations(kind, motifs, importance, weights):
    mdata = random_mdata(KINDS.index(kind), motifs=motifs, importance=importance)
    cells = mdata.obs_names
    for group in TYPES:
        members = cells[(mdata["rna"].obs["type"] == group).to_numpy()]
        assert_equal(lg.get.matrix(mdata, kind, group=group, weights=weights), naive(mdata, kind, members, weights))
    mask = np.arange(len(cells)) % 5 < 2
    assert_equal(lg.get.matrix(mdata, kind, group=mask, weights=weights), naive(mdata, kind, cells[mask], weights))
    one = lg.get.matrix(mdata, kind, cells="cell4", n_neighbors=1, weights=weights)
    assert_equal(one, naive(mdata, kind, ["cell4"], weights))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(KINDS), group=st.sampled_from(TYPES))
def test_random_cases_are_the_equations(seed, kind, group):
    mdata = random_mdata(seed)
    members = mdata.obs_names[(mdata["rna"].obs["type"] == group).to_numpy()]
    assert_equal(lg.get.matrix(mdata, kind, group=group), naive(mdata, kind, members))


@pytest.mark.parametrize("kind", KINDS)
def test_a_group_of_one_cell_is_that_cell(kind):
    mdata = random_mdata(1)
    mdata["rna"].obs["type"] = ["A", *["C"] * 11]
    lg.tl.group_means(mdata, "type", min_cells=1)
    assert "linger_tf_importance" not in mdata["rna"].varm  # it was of other groups
    group, cell = (
        lg.get.matrix(mdata, kind, **option) for option in ({"group": "A"}, {"cells": "cell0", "n_neighbors": 1})
    )
    np.testing.assert_allclose(group.matrix.toarray(), cell.matrix.toarray(), rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_smoothed_cell_is_the_mask_of_its_neighbours(kind):
    mdata = random_mdata(2, importance=False)
    graph = np.zeros((12, 12))
    graph[5, [1, 7, 9, 11]] = [0.9, 0.5, 0.7, 0.1]
    mdata.obsp["mine"] = sparse.csr_matrix(graph)
    smoothed = lg.get.matrix(mdata, kind, cells="cell5", n_neighbors=4, neighbors_key="mine")
    mask = mdata.obs_names.isin(["cell5", "cell1", "cell9", "cell7"])
    np.testing.assert_allclose(
        smoothed.matrix.toarray(), lg.get.matrix(mdata, kind, group=mask).matrix.toarray(), rtol=1e-6
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_neighbors", [1, 5])
def test_edges_per_cell_are_the_networks_of_the_cells(kind, n_neighbors):
    mdata = random_mdata(3)
    whole = lg.get.network(mdata, kind)
    pairs = list(zip(whole["source"], whole["target"], strict=True))[::2]
    pairs.append((lg.get.matrix(mdata, kind).sources[0], lg.get.matrix(mdata, kind).targets[-1]))
    pairs = list(dict.fromkeys(pairs))
    found = lg.get.edges_per_cell(mdata, pairs, kind=kind, n_neighbors=n_neighbors)
    assert list(found.columns) == [f"{source}->{target}" for source, target in pairs]
    assert found.index.equals(mdata.obs_names)
    for cell, network in lg.get.matrices(mdata, kind, cells=mdata.obs_names, n_neighbors=n_neighbors):
        dense = pd.DataFrame(network.matrix.toarray(), network.sources, network.targets)
        expected = [dense.loc[source, target] for source, target in pairs]
        np.testing.assert_allclose(found.loc[cell], expected, rtol=1e-5, atol=1e-6)
    assert found.to_numpy().std(axis=0).max() > 0
    lg.tl.edges_per_cell(mdata, pairs, kind=kind, n_neighbors=n_neighbors)
    pd.testing.assert_frame_equal(mdata["rna"].obsm["linger_edges"], found)


@pytest.mark.parametrize("kind", KINDS)
def test_order_of_cells_genes_and_peaks_changes_nothing(kind):
    mdata = random_mdata(4)
    rng = np.random.default_rng(0)
    moved = mdata[rng.permutation(mdata.n_obs)].copy()
    moved = mudata.MuData({key: moved[key][:, rng.permutation(moved[key].n_vars)].copy() for key in ("atac", "rna")})
    order = mdata.var_names.get_indexer(moved.var_names)
    for name, matrix in mdata.varp.items():
        moved.varp[name] = matrix[order][:, order]
    moved.uns["linger"] = mdata.uns["linger"]
    options = [{"group": "B/b"}, {"cells": "cell7", "n_neighbors": 4}]
    options.append({"group": pd.Series(np.arange(12) < 4, index=mdata.obs_names)})
    for option in options:
        a, b = (lg.get.network(each, kind, **option).set_index(["source", "target"]) for each in (mdata, moved))
        pd.testing.assert_frame_equal(a.sort_index(), b.sort_index(), rtol=1e-5, check_dtype=False)


def test_selection_is_a_part_of_the_whole():
    mdata = random_mdata(5)
    whole = lg.get.matrix(mdata, "trans", group="A")
    part = lg.get.matrix(mdata, "trans", group="A", tfs=whole.sources[[2, 0]], targets=whole.targets[1:3])
    np.testing.assert_allclose(part.matrix.toarray(), whole.matrix.toarray()[[2, 0], 1:3], rtol=1e-6)


def test_iterators_yield_every_group_or_cell():
    mdata = random_mdata(6)
    assert [name for name, _ in lg.get.matrices(mdata, "cis")] == list(TYPES) == lg.get.groups(mdata)
    several = lg.get.network(mdata, "cis", group=["C", "A"], top=2)
    assert several["group"].tolist() == ["C", "C", "A", "A"]
    pd.testing.assert_frame_equal(
        several.iloc[2:, 1:].reset_index(drop=True), lg.get.network(mdata, "cis", group="A", top=2)
    )
    mask = mdata.obs_names.isin(["cell2", "cell8"])
    assert lg.get.network(mdata, "cis", cells=mask, top=1)["cell"].tolist() == ["cell2", "cell8"]
    assert [name for name, _ in lg.get.networks(mdata, "cis", groups=["C"])] == ["C"]


def test_paper_raw_stays_finite():
    mdata = random_mdata(7)
    mdata["rna"].varm["linger_tf_importance"][:3] = [[900, -900, 50]] * 3
    for kind in KINDS:
        for group in TYPES:
            assert np.isfinite(lg.get.matrix(mdata, kind, group=group, weights="paper_raw").matrix.data).all()


@pytest.mark.parametrize("kind", KINDS)
def test_lingergrn_weights_are_the_authors_formulas(kind):
    """Their ``cell_type_specific_*`` functions (LingerGRN 1.117, LL_net.py), entry by entry."""
    mdata = random_mdata(8)
    rna, atac = mdata["rna"], mdata["atac"]
    members = mdata.obs_names[(rna.obs["type"] == "A").to_numpy()]
    tfs, genes, peaks = rna.var_names[:3], rna.var_names[:4], atac.var_names
    E = np.array([mean_share(rna, gene, members) for gene in rna.var_names])
    peak = np.array([mean_share(atac, name, members) for name in peaks])
    tf, gene, peak = E[:3] / E[:3].mean() + 0.1, E[:4] / E[:4].mean() + 0.1, peak / peak.mean() + 0.1
    alpha, motif = (np.array([[at(mdata, name, k, j) for j in peaks] for k in tfs]) for name in ("binding", "motif"))
    binding = (alpha / alpha[alpha > 0].mean() + motif / motif.mean() + 0.1) * tf[:, None] * peak
    beta, distance = (
        np.array([[at(mdata, name, j, i, missing) for i in genes] for j in peaks])
        for name, missing in (("cis", 0.0), ("distance", np.inf))
    )
    cis = (beta + 0.1) * np.exp(-(0.5 + distance / 25_000)) * peak[:, None] * gene
    expected = {"binding": binding, "cis": cis, "trans": binding @ cis}[kind]
    found = lg.get.matrix(mdata, kind, group="A", weights="lingergrn")
    np.testing.assert_allclose(found.matrix.toarray(), expected, rtol=1e-5)
    option = {"peaks" if kind == "cis" else "tfs": found.sources[1:2]}
    part = lg.get.matrix(mdata, kind, group="A", weights="lingergrn", targets=found.targets[2:3], **option)
    np.testing.assert_allclose(part.matrix.toarray(), expected[1:2, 2:3], rtol=1e-5)


def test_regulons_of_a_group():
    mdata = random_mdata(9)
    net = lg.get.regulons(mdata, group="A", n_targets=2)
    found = lg.get.matrix(mdata, "trans", group="A")
    normalized = pd.DataFrame(quantile_normalize(found.matrix.toarray()), found.sources, found.targets)
    for source, part in net.groupby("source"):
        reached = normalized.loc[source][found.matrix[found.sources.get_loc(source)].toarray()[0] > 0]
        np.testing.assert_allclose(part["weight"], reached.nlargest(2), rtol=1e-6)
    assert not net.equals(lg.get.regulons(mdata, n_targets=2))


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_without_edges_is_empty(kind):
    mdata = random_mdata(11)
    full = lg.get.network(mdata, kind)
    for options in ({"min_z": 100.0}, {"group": "A", "min_z": 100.0}, {"group": list(TYPES), "min_z": 100.0}):
        empty = lg.get.network(mdata, kind, **options)
        assert len(empty) == 0
        assert list(empty.columns)[-full.shape[1] :] == list(full.columns)


def test_tables_of_several_groups_are_limited_together(monkeypatch):
    mdata = random_mdata(11)
    monkeypatch.setitem(lg.get._network._MOST_EDGES, "cis", 5)
    assert len(lg.get.network(mdata, "cis", group=["A", "C"], top=2)) == 4
    with pytest.raises(ValueError, match="top="):
        lg.get.network(mdata, "cis", group=["A", "C"], top=3)


@pytest.mark.parametrize("kind", KINDS)
def test_cells_of_another_modality_alone_change_nothing(kind):
    """A third modality has more cells; they have neither expression nor accessibility."""
    from anndata import AnnData

    mdata = random_mdata(12)
    more = pd.Index([*mdata.obs_names[::-1], "x0", "x1"])
    parts = {"rna": mdata["rna"].copy(), "atac": mdata["atac"].copy()}
    wider = mudata.MuData({"prot": AnnData(np.ones((14, 2), np.float32), pd.DataFrame(index=more)), **parts})
    known = np.flatnonzero(wider.var_names.isin(mdata.var_names))
    columns = mdata.var_names.get_indexer(wider.var_names[known])
    shape = (wider.n_vars, mdata.n_vars)
    place = sparse.csr_matrix((np.ones(len(known), np.float32), (known, columns)), shape)
    for name, matrix in mdata.varp.items():
        wider.varp[name] = sparse.csr_matrix(place @ matrix @ place.T)
    wider.uns["linger"] = mdata.uns["linger"]
    mask = pd.Series(wider.obs_names.isin(["cell1", "cell6"]), wider.obs_names)
    for option in ({"group": "A"}, {"group": mask}, {"cells": "cell7", "n_neighbors": 4}):
        narrow = {"group": mask.loc[mdata.obs_names]} if option.get("group") is mask else option
        a, b = lg.get.network(mdata, kind, **narrow), lg.get.network(wider, kind, **option)
        pd.testing.assert_frame_equal(a, b, rtol=1e-5)
    pairs = lg.get.network(mdata, kind, top=3)
    a, b = (lg.get.edges_per_cell(each, pairs, kind=kind, n_neighbors=4) for each in (mdata, wider))
    pd.testing.assert_frame_equal(a, b.loc[a.index], rtol=1e-5)
    assert len(b) == 12
    with pytest.raises(KeyError, match="x0"):
        lg.get.network(wider, kind, cells="x0")
    with pytest.raises(ValueError, match="'x0'"):
        lg.get.network(wider, kind, group=wider.obs_names.isin(["x0", "cell1"]))


def test_a_graph_that_lacks_cells_is_refused():
    mdata = random_mdata(12)
    mdata.mod["rna"].obsp["mine"] = sparse.identity(12, format="csr")
    lg.get.matrix(mdata, cells="cell7", neighbors_key="mine")
    few = mdata["rna"][:9].copy()
    few.var_names = [f"protein{i}" for i in range(few.n_vars)]
    few.obsp["few"] = sparse.identity(9, format="csr")
    wider = mudata.MuData({"rna": mdata["rna"], "atac": mdata["atac"], "prot": few})
    with pytest.raises(ValueError, match="3 cells are not in the graph 'few'"):
        lg.pp.metacells(wider, neighbors_key="few", n_metacells=2)


def test_cells_of_unknown_type_do_not_dilute_importance():
    mdata = random_mdata(13)
    mask = np.arange(12) % 3 == 0
    known = lg.get.matrix(mdata, "binding", group=mask).matrix
    mdata["rna"].obs.loc["cell0", "type"] = None
    np.testing.assert_allclose(lg.get.matrix(mdata, "binding", group=mask).matrix.toarray(), known.toarray(), rtol=1e-6)


@pytest.mark.parametrize("kind", ["binding", "trans"])
def test_motif_hits_of_0_and_beyond_reach_are_taken_for_what_they_are(kind):
    """A stored 0 is no hit; a TF whose only hits lie in peaks that regulate nothing binds nowhere else."""
    mdata = lg.ds.toy()
    lg.pp.link_peaks(mdata)
    motif = mdata.varp["linger_motif"].copy()
    motif.data[::5] = 0
    mdata.varp["linger_motif"] = motif
    genes = mdata["rna"].var_names[[2, 20, 40]]
    lg.tl.fit(mdata, genes=genes, groupby="cell_type", config=lg.FitConfig(epochs=5, n_folds=0, binding_share=1.0))
    before = lg.get.matrix(mdata, kind, group="type_1")
    lg.tl.tf_importance(mdata, "cell_type")
    after = lg.get.matrix(mdata, kind, group="type_1")
    assert after.matrix.shape == before.matrix.shape
    if kind == "binding":
        rows, cols = (mdata.var_names.get_indexer(names) for names in (after.sources, after.targets))
        hits = motif[rows][:, cols].toarray() > 0
        is_open = mdata["atac"].varm["linger_group_mean"][:, 0] > 0
        for found in (before, after):
            np.testing.assert_array_equal(found.matrix.toarray() > 0, hits & is_open)


def test_errors():
    mdata = random_mdata(10)
    for call, error, text in [
        (lambda: lg.get.matrix(mdata, group="Z"), KeyError, "There are 'A', 'B/b', 'C'"),
        (lambda: lg.get.matrix(mdata, group=["A", "C"]), ValueError, r"lg\.get\.matrices"),
        (lambda: lg.get.matrix(mdata, group="A", cells="cell1"), ValueError, "not both"),
        (lambda: lg.get.matrix(mdata, cells=["cell1", "cell2"]), ValueError, r"lg\.get\.matrices"),
        (lambda: lg.get.matrix(mdata, cells="nobody"), KeyError, "unknown"),
        (lambda: lg.get.matrices(mdata, cells=["nobody"]), KeyError, "unknown"),
        (lambda: lg.get.matrices(mdata, groups=["A", "Z"]), KeyError, "No group 'Z'"),
        (lambda: lg.get.network(mdata, group=[]), ValueError, "No group is named"),
        (lambda: lg.get.matrix(mdata, group=np.zeros(12, dtype=bool)), ValueError, "mask of cells is empty"),
        (lambda: lg.get.matrix(mdata, group=np.ones(5, dtype=bool)), ValueError, "12 values"),
        (lambda: lg.get.matrices(mdata, cells=[]), ValueError, "names no cell"),
        (lambda: lg.get.matrices(mdata, group="A"), TypeError, "There are groups, cells"),
        (lambda: lg.get.matrix(mdata, group=pd.Series(True, mdata.obs_names[:9])), ValueError, "3 cells are not in the index"),
        (lambda: lg.get.matrix(mdata, group=pd.Series(True, mdata.obs_names[[0, 0]])), ValueError, "cells of the mask"),
        (lambda: lg.get.matrix(mdata, tfs="g0"), KeyError, "Did you mean 'G0'"),
        (lambda: lg.get.network(mdata, cells=3), KeyError, "unknown"),
        (lambda: lg.get.matrix(mdata, group=3), KeyError, "No group '3'"),
        (lambda: lg.get.edges_per_cell(mdata, ("G0", "G1")), ValueError, r"pairs \(source, target\)"),
        (lambda: lg.get.matrix(mdata, weights="mine"), ValueError, "weights must be one of"),
        (lambda: lg.get.matrix(mdata, weights="lingergrn"), ValueError, "group=, cells="),
        (lambda: lg.get.matrix(mdata, cells="cell1", n_neighbors=0), ValueError, "n_neighbors"),
        (lambda: lg.get.matrix(mdata, cells="cell1", neighbors_key="wnn"), KeyError, "No graph 'wnn'"),
        (lambda: lg.get.edges_per_cell(mdata, []), ValueError, "found none"),
        (lambda: lg.get.edges_per_cell(mdata, [("G0", "G1"), ("G0", "G1")]), ValueError, "each once"),
        (lambda: lg.get.edges_per_cell(mdata, [("G0", "G4")]), KeyError, "unknown"),  # G4 has no network
        (lambda: lg.get.edges_per_cell(mdata, [("G0", "G1")], weights="lingergrn"), ValueError, "lingergrn"),
    ]:  # fmt: skip
        with pytest.raises(error, match=text):
            call()
    mdata["rna"].X.data[0] = 0.5
    with pytest.raises(ValueError, match="not whole numbers"):
        lg.get.matrix(mdata, group=np.ones(12, dtype=bool))
    del mdata.uns["linger"]
    with pytest.raises(KeyError, match=r"lg\.tl\.group_means"):
        lg.get.groups(mdata)


def test_networks_of_types_recover_what_is_true_in_each_type():
    """Different data give different networks: each type's beats the population's, and another type's."""
    data = lg.ds.simulate(n_cells=1500, n_genes=200, n_tfs=25, n_peaks=1200, n_cell_types=4, n_bulk=2, rng=0)
    mdata = data.mdata
    lg.pp.link_peaks(mdata)
    lg.tl.fit(mdata, groupby="cell_type", config=lg.FitConfig(n_folds=0))
    lg.tl.tf_importance(mdata, "cell_type")
    types = lg.get.groups(mdata)
    for kind in KINDS:
        universe, by = lg.bm.universe(mdata, kind=kind), "target" if kind == "cis" else "source"
        rows = []
        for number, name in enumerate(types):
            truth = getattr(data.truth.per_type[name], kind)
            groups = (None, types[(number + 1) % len(types)], name)
            tables = [lg.get.network(mdata, kind, group=group) for group in groups]
            rows.append([lg.bm.evaluate(table, truth, by=by, universe=universe)["auroc"].mean() for table in tables])
        population, other, own = np.array(rows).T
        assert (own > population).all(), (kind, own, population)
        assert own.mean() > other.mean(), (kind, own, other)
