from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

import linger as lg


def test_correlation_baseline_equals_numpy(fitted, toy_metacells):
    for kind, keys in {"trans": ("rna", "rna"), "cis": ("atac", "rna"), "binding": ("rna", "atac")}.items():
        table = lg.bm.baseline(fitted, toy_metacells, kind=kind).sample(30, random_state=0)
        for row in table.itertuples():
            x, y = (
                np.asarray(toy_metacells[key][:, name].X)[:, 0]
                for key, name in zip(keys, (row.source, row.target), strict=True)
            )
            expected = 0 if np.ptp(x) == 0 or np.ptp(y) == 0 else abs(np.corrcoef(x, y)[0, 1])
            assert row.weight == pytest.approx(expected, abs=1e-4)


def test_sparse_metacells_and_metacells_without_a_gene(fitted, toy_metacells):
    dense = lg.bm.baseline(fitted, toy_metacells, kind="cis")
    fewer = toy_metacells[:, toy_metacells.var_names[1:]].copy()
    for key in ("rna", "atac"):
        toy_metacells[key].X = sparse.csr_matrix(toy_metacells[key].X)
    np.testing.assert_allclose(lg.bm.baseline(fitted, toy_metacells, kind="cis")["weight"], dense["weight"])
    with pytest.raises(ValueError, match="not in the metacells"):
        lg.bm.baseline(fitted, fewer, kind="trans")


def test_distance_baselines(fitted, toy_metacells):
    cis = lg.bm.baseline(fitted, toy_metacells, kind="cis", method="distance")
    distance = fitted.varp["linger_distance"]
    rows, cols = fitted.var_names.get_indexer(cis["source"]), fitted.var_names.get_indexer(cis["target"])
    near = np.exp(-np.asarray(distance[rows, cols]).ravel() / 25_000)
    np.testing.assert_allclose(cis["weight"], near, rtol=1e-5)
    trans = lg.bm.baseline(fitted, toy_metacells, kind="trans", method="distance").iloc[5]
    tf = fitted.var_names.get_loc(trans["source"])
    motif = fitted.varp["linger_motif"][tf].toarray()[0]
    linked = cis["target"].to_numpy() == trans["target"]
    assert trans["weight"] == pytest.approx((motif[rows[linked]] * near[linked]).sum(), rel=1e-5)


def test_random_baseline_follows_names(fitted, toy_metacells):
    table = lg.bm.baseline(fitted, toy_metacells, kind="cis", method="random")
    moved = fitted[:, fitted.var_names[::-1]].copy()
    other = lg.bm.baseline(moved, toy_metacells, kind="cis", method="random")
    by = ["source", "target"]
    assert table.sort_values(by)["weight"].tolist() == other.sort_values(by)["weight"].tolist()


def test_a_baseline_that_does_not_apply_is_refused(fitted, toy_metacells):
    with pytest.raises(ValueError, match="No baseline"):
        lg.bm.baseline(fitted, toy_metacells, kind="cis", method="motif")


def test_recovery_of_a_perfect_answer(fitted, toy_metacells):
    """If the truth is the network's own strongest edges, its AUROC is 1."""
    strongest = lg.get.network(fitted, kind="cis").groupby("target").head(3)
    table = lg.bm.recovery(fitted, toy_metacells, truth={"cis": strongest}).set_index("method")
    assert table.loc["linger", "auroc"] == pytest.approx(1)
    assert 0.4 < table.loc["random", "auroc"] < 0.6


def test_networks_beat_baselines_on_simulated_data():
    data = lg.ds.simulate()
    mdata = data.mdata
    lg.pp.link_peaks(mdata)
    metacells = lg.pp.metacells(mdata, groupby="cell_type")
    lg.tl.fit(mdata, metacells=metacells, config=lg.FitConfig(n_folds=0))
    truth = {kind: getattr(data.truth, kind) for kind in ("trans", "cis", "binding")}
    auroc = lg.bm.recovery(mdata, metacells, truth=truth).pivot(index="kind", columns="method", values="auroc")
    beaten = {"trans": ["correlation", "distance"], "cis": ["correlation", "distance"], "binding": ["correlation"]}
    for kind, rivals in beaten.items():
        for rival in [*rivals, "random"]:
            assert auroc.loc[kind, "linger"] > auroc.loc[kind, rival] + 0.015, (kind, rival)


def test_genes_that_were_not_fitted_are_no_pairs_to_recover(fitted, toy_metacells):
    """A network of some genes is not praised for telling them from those it never saw."""
    genes = fitted["rna"].var_names[:15]
    config = lg.FitConfig(epochs=2, n_folds=0)
    part = lg.tl.fit(fitted, metacells=toy_metacells, genes=genes, config=config, copy=True)
    for kind in ("trans", "cis", "binding"):
        pairs = lg.bm.universe(part, kind=kind, only_fitted=True)
        if kind != "binding":
            network = lg.get.network(part, kind=kind)[["source", "target"]]
            assert len(network.merge(pairs)) == len(network)
            assert set(pairs["target"]) <= set(genes)
        assert len(pairs) < len(lg.bm.universe(part, kind=kind))
    truth = lg.get.network(part, kind="trans").sample(60, random_state=0).assign(weight=1)
    table = lg.bm.recovery(part, toy_metacells, truth={"trans": truth}).set_index("method")
    assert table.loc["random", "pooled_auroc"] == pytest.approx(0.5, abs=0.12)
    assert table.loc["linger", "pooled_auroc"] < 0.75  # over all genes it would be about 0.9
    del fitted["rna"].var["linger_fitted"]
    with pytest.raises(KeyError, match="linger_fitted"):
        lg.bm.universe(fitted, kind="cis", only_fitted=True)
