from __future__ import annotations

import anndata as ad
import decoupler as dc
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import linger as lg

METHODS = ("aucell", "ulm", "mlm", "viper", "waggr")


@pytest.fixture
def cells():
    """Logged expression of 60 cells, one of them empty, and a net of four TFs."""
    rng = np.random.default_rng(0)
    X = sparse.csr_matrix(np.log1p(rng.poisson(0.7, (60, 90))).astype(np.float32))
    names = pd.DataFrame(index=[f"g{i}" for i in range(90)])
    cells = ad.AnnData(X, pd.DataFrame(index=[f"c{i}" for i in range(60)]), names)
    cells.X[7] = 0
    cells.X.eliminate_zeros()
    rows = [
        (f"TF{tf}", f"g{gene}", rng.normal()) for tf in range(4) for gene in rng.choice(90, 4 + 6 * tf, replace=False)
    ]
    return cells, pd.DataFrame(rows, columns=["source", "target", "weight"])


@pytest.mark.parametrize("method", METHODS)
def test_scores_are_decouplers(cells, method):
    cells, net = cells
    expected = cells[cells.X.getnnz(axis=1) > 0, np.sort(cells.var_names)].copy()  # by name: ties go by position
    getattr(dc.mt, method)(expected, net, tmin=5)
    lg.tl.tf_activity(cells, net, method=method)
    found = cells.obsm["score_linger"]
    assert found.loc["c7"].isna().all()
    np.testing.assert_allclose(found.drop("c7"), expected.obsm[f"score_{method}"], rtol=1e-6)
    assert list(found.columns) == list(expected.obsm[f"score_{method}"].columns) == ["TF1", "TF2", "TF3"]
    assert ("padj_linger" in cells.obsm) == (method != "aucell")


def test_aucell_is_the_area_under_the_recovery_curve(cells):
    """By the definition: the highest 10 genes of a cell, ties left out, one after the other."""
    cells, net = cells
    rng = np.random.default_rng(1)
    cells.X = rng.permuted(np.tile(np.arange(1.0, 91.0), (60, 1)), axis=1)
    lg.tl.tf_activity(cells, net, n_up=10)
    for tf, targets in net.groupby("source")["target"]:
        if len(targets) < 5:
            continue
        for cell in ("c0", "c30"):
            ranked = cells.to_df().loc[cell].sort_values(ascending=False).index[:9]
            area = np.cumsum([gene in set(targets) for gene in ranked]).sum()
            best = np.minimum(np.arange(1, 10), len(targets)).sum()
            assert cells.obsm["score_linger"].loc[cell, tf] == pytest.approx(area / best, rel=0.15)


def test_consensus(cells):
    cells, net = cells
    lg.tl.tf_activity(cells, net, method="consensus")
    assert cells.obsm["score_linger"].shape == (60, 3)


def test_counts_are_logged_first_unless_only_ranks_matter(cells):
    cells, net = cells
    counts = cells.copy()
    counts.X = np.rint(np.expm1(cells.X.toarray()))
    logged = counts.copy()
    total = counts.X.sum(axis=1, keepdims=True)
    logged.X = np.log1p(counts.X / np.maximum(total, 1) * np.median(total[total > 0]))
    for method in ("ulm", "aucell"):
        for each in (counts, logged):
            lg.tl.tf_activity(each, net, method=method)
        a, b = (each.obsm["score_linger"].drop("c7") for each in (counts, logged))
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def plain_regulon_score(share, T):
    """LingerGRN 1.117, TF_activity.regulon, without pandas' stacking: genes x cells and genes x TFs."""
    order = np.sort(share, axis=0).mean(axis=1)
    ranks = np.array([[(share[:, cell] < value).sum() for value in share[:, cell]] for cell in range(share.shape[1])]).T
    x = order[ranks]
    row, column = T.sum(axis=1), T.sum(axis=0)
    row, column = row + row.mean() * 1e-6, column + column.mean() * 1e-6
    E = np.outer(row, column) / row.sum()
    return ((T.T @ x - E.T @ x) / (E.T @ x)).T


def test_regulon_score_is_the_authors(cells, monkeypatch):
    cells, net = cells
    net["weight"] = net["weight"].abs()
    monkeypatch.setattr("linger.tl._regulon_score._BLOCK", 7)
    lg.tl.tf_activity(cells, net, method="lingergrn")
    kept = net[net["source"] != "TF0"]  # fewer than five targets
    T = kept.pivot(index="target", columns="source", values="weight").fillna(0)
    frame = cells.to_df().drop("c7")[T.index].to_numpy(dtype=float).T
    share = frame / frame.sum(axis=0)
    found = cells.obsm["score_linger"].drop("c7")
    np.testing.assert_allclose(found[T.columns], plain_regulon_score(share, T.to_numpy()), rtol=1e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("backed", [False, True])
def test_layers_mudata_backed_and_copies(cells, tmp_path, backed):
    import mudata

    cells, net = cells
    lg.tl.tf_activity(cells, net, method="ulm")
    expected = cells.obsm.pop("score_linger")
    if backed:
        cells.write_h5ad(tmp_path / "cells.h5ad")
        cells = ad.read_h5ad(tmp_path / "cells.h5ad", backed="r")
    else:
        cells.layers["logged"], cells.X = cells.X, sparse.csr_matrix(cells.shape, dtype=np.float32)
        cells = mudata.MuData({"rna": cells})
    layer = None if backed else "logged"
    if not backed:
        made = lg.tl.tf_activity(cells, net, method="ulm", layer=layer, copy=True)
        assert "score_linger" not in cells["rna"].obsm
        pd.testing.assert_frame_equal(made["rna"].obsm["score_linger"], expected, rtol=1e-6)
    lg.tl.tf_activity(cells, net, method="ulm", layer=layer)
    found = cells.obsm if backed else cells["rna"].obsm
    pd.testing.assert_frame_equal(found["score_linger"], expected, rtol=1e-6)


@pytest.mark.parametrize("raw", [False, True])
def test_known_tfs_of_blood(real_data, raw):
    """SPI1 in monocytes, EBF1 and PAX5 in B cells, with 765 genes."""
    import scanpy as sc

    cells = sc.datasets.pbmc68k_reduced()
    if raw:
        cells = cells.raw.to_adata()
    net = pd.read_csv(real_data / "tf_targets_collectri" / "collectri.csv")
    lg.tl.tf_activity(cells, net, method="ulm")
    lg.tl.drivers(cells, "bulk_labels")
    table = lg.get.drivers(cells)
    for group, tfs in (("CD14+ Monocyte", ["SPI1"]), ("CD19+ B", ["EBF1", "PAX5"])):
        part = table[table["group"] == group].sort_values("statistic", ascending=False)["tf"].reset_index(drop=True)
        assert part[part.isin(tfs)].index.min() < len(part) / 10, group
    ranked = dc.tl.rankby_group(dc.pp.get_obsm(cells, "score_linger"), groupby="bulk_labels", reference="rest")
    assert set(ranked["name"]) == set(table["tf"])


def test_a_net_of_this_package_on_other_cells(fitted):
    import scanpy as sc

    cells = sc.datasets.pbmc68k_reduced()
    net = lg.get.regulons(fitted, n_targets=20)
    names = dict(zip(net["target"].unique(), cells.var_names, strict=False))
    net["target"] = net["target"].map(names)
    lg.tl.tf_activity(cells, net)
    assert cells.obsm["score_linger"].shape == (700, net["source"].nunique())
    assert cells.obsm["score_linger"].to_numpy().std() > 0


def test_errors(cells):
    cells, net = cells
    with pytest.raises(ValueError, match="method must be one of"):
        lg.tl.tf_activity(cells, net, method="magic")
    with pytest.raises(KeyError, match="weight"):
        lg.tl.tf_activity(cells, net[["source", "target"]], method="ulm")
    with pytest.raises(ValueError, match="pairs twice"):
        lg.tl.tf_activity(cells, pd.concat([net, net]))
    with pytest.raises(ValueError, match="the best has 0"):
        lg.tl.tf_activity(cells, net.assign(target=net["target"].str.upper()))
    with pytest.raises(KeyError, match="no layer"):
        lg.tl.tf_activity(cells, net, layer="raw")
    with pytest.raises(ValueError, match="not negative"):
        lg.tl.tf_activity(cells, net, method="lingergrn")  # of both signs
    with pytest.raises(ValueError, match="NaN or infinite"):
        lg.tl.tf_activity(cells, net.assign(weight=np.nan), method="ulm")
    broken = cells.copy()
    broken.X.data[0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        lg.tl.tf_activity(broken, net)
    broken.X = sparse.csr_matrix(broken.shape)
    with pytest.raises(ValueError, match="All expression values are 0"):
        lg.tl.tf_activity(broken, net)
    assert "score_linger" not in cells.obsm
