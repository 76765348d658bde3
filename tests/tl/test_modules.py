from __future__ import annotations

import mudata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import fisher_exact, zscore
from sklearn.metrics import adjusted_rand_score

import linger as lg
from linger.tl._modules import standing_out


def fitted_modules(seed):
    data = lg.ds.simulate(n_bulk=2, n_modules=4, rng=seed)
    lg.pp.link_peaks(data.mdata)
    lg.tl.fit(data.mdata, groupby="cell_type", config=lg.FitConfig(n_folds=0))
    return data


@pytest.mark.parametrize("seed", [0, 1])
def test_true_modules_are_recovered(seed):
    data = fitted_modules(seed)
    for quantile, least in ((0.5, 0.8), (0, 0.7)):
        lg.tl.modules(data.mdata, n_modules=4, gene_quantile=quantile, tf_quantile=0)
        var = data.mdata["rna"].var
        genes, tfs = var["linger_module"].dropna(), var["linger_tf_module"].dropna()
        assert adjusted_rand_score(data.truth.modules[genes.index], genes) > least
        assert adjusted_rand_score(data.truth.modules[tfs.index], tfs) > 0.9
        assert len(genes) >= (1 - quantile) * 0.9 * len(var)
    # genes and TFs of one number belong together
    sizes = pd.crosstab(data.truth.modules[tfs.index].to_numpy(), tfs.to_numpy())
    of_genes = pd.crosstab(data.truth.modules[genes.index].to_numpy(), genes.to_numpy())
    assert (sizes.idxmax() == of_genes.idxmax()).all()
    assert var["linger_module"].value_counts().index[0] == "module_1"


def test_simulated_modules_are_wired_apart():
    data = lg.ds.simulate(n_cells=100, n_genes=200, n_tfs=20, n_peaks=1000, n_cell_types=3, n_bulk=2, n_modules=4)
    modules, mdata = data.truth.modules, data.mdata
    assert (modules[data.truth.trans["source"]].to_numpy() == modules[data.truth.trans["target"]].to_numpy()).all()
    assert modules[mdata["rna"].var["is_tf"].to_numpy()].value_counts().tolist() == [5] * 4
    assert len(data.truth.trans) > 200
    for n_modules in (6, 12):
        many = lg.ds.simulate(
            n_cells=60, n_genes=80, n_tfs=12, n_peaks=300, n_cell_types=3, n_bulk=2, n_modules=n_modules
        )
        trans, of = many.truth.trans, many.truth.modules
        assert (of[trans["source"]].to_numpy() == of[trans["target"]].to_numpy()).all()
    plain = lg.ds.simulate(n_cells=100, n_genes=200, n_tfs=20, n_peaks=1000, n_cell_types=3, n_bulk=2)
    assert plain.truth.modules is None
    pd.testing.assert_index_equal(plain.mdata.var_names, mdata.var_names)
    with pytest.raises(ValueError, match="n_modules must lie between 1"):
        lg.ds.simulate(n_cells=50, n_genes=60, n_tfs=12, n_peaks=300, n_cell_types=3, n_modules=13)


def test_standing_out_is_the_authors_z():
    """LingerGRN 1.117, Compare.prepare_trans_reg_for_NMF, on genes x TFs that all vary."""
    T = np.random.default_rng(0).gamma(1, size=(30, 8)) * (np.random.default_rng(1).random((30, 8)) < 0.8)
    expected = np.outer(T.mean(axis=1), T.mean(axis=0)) / T.mean()
    relative = np.maximum((T - expected) / expected, 0)
    relative[T == 0] = 0
    z = zscore(relative, axis=0) + np.nan_to_num(zscore(relative, axis=1))
    np.testing.assert_allclose(standing_out(sparse.csr_matrix(T)), np.maximum(z, 0), rtol=1e-6, atol=1e-9)
    T[3], T[:, 2] = 0, 0
    assert np.isfinite(standing_out(sparse.csr_matrix(T))).all()


def test_order_of_genes_changes_nothing(fitted):
    rng = np.random.default_rng(0)
    moved = mudata.MuData({key: fitted[key][:, rng.permutation(fitted[key].n_vars)].copy() for key in ("atac", "rna")})
    order = fitted.var_names.get_indexer(moved.var_names)
    for name, matrix in fitted.varp.items():
        moved.varp[name] = matrix[order][:, order]
    moved.uns["linger"] = dict(fitted.uns["linger"])
    for each in (fitted, moved):
        lg.tl.modules(each, n_modules=3, gene_quantile=0)
    pd.testing.assert_series_equal(
        fitted["rna"].var["linger_module"], moved["rna"].var["linger_module"].reindex(fitted["rna"].var_names)
    )
    pd.testing.assert_frame_equal(lg.get.modules(fitted), lg.get.modules(moved), rtol=1e-3)


def test_a_net_of_modules_is_scored_and_compared(fitted):
    lg.tl.modules(fitted, n_modules=3, gene_quantile=0)
    net = lg.get.modules(fitted)
    assert not net.duplicated("target").any()
    lg.tl.tf_activity(fitted, net, method="ulm", n_min=3, key_added="modules")
    lg.tl.drivers(fitted, "cell_type", key_added="modules")
    assert set(lg.get.drivers(fitted, key="modules")["tf"]) <= set(net["source"])


def test_enrichment_is_fishers_test(fitted):
    lg.tl.modules(fitted, n_modules=3, gene_quantile=0)
    net, rng = lg.get.modules(fitted), np.random.default_rng(0)
    genes = fitted["rna"].var_names[fitted["rna"].var["linger_fitted"]]
    sets = {"random": rng.choice(genes, 15, replace=False), "own": net.loc[net["source"] == "module_2", "target"][:8]}
    table = lg.get.module_enrichment(fitted, sets)
    assert len(table) == 6
    for _, row in table.iterrows():
        inside = genes.isin(net.loc[net["source"] == row["module"], "target"])
        member = genes.isin(sets[row["gene_set"]])
        counts = [
            [(inside & member).sum(), (inside & ~member).sum()],
            [(~inside & member).sum(), (~inside & ~member).sum()],
        ]
        expected = fisher_exact(counts, alternative="greater")
        assert row["odds_ratio"] == pytest.approx(expected.statistic)
        assert row["p_value"] == pytest.approx(expected.pvalue)
    assert table.loc[0, ["module", "gene_set"]].tolist() == ["module_2", "own"]
    assert table.loc[0, "odds_ratio"] > 1
    assert table.loc[0, "p_adj"] < 0.05
    one = lg.get.module_enrichment(fitted, {"one": genes[0]})
    assert (one["n_set"] == 1).all()
    as_net = pd.concat([pd.DataFrame({"source": name, "target": list(members)}) for name, members in sets.items()])
    pd.testing.assert_frame_equal(lg.get.module_enrichment(fitted, as_net), table)


def test_enrichment_is_calibrated(fitted):
    lg.tl.modules(fitted, n_modules=3, gene_quantile=0)
    genes = fitted["rna"].var_names[fitted["rna"].var["linger_fitted"]]
    rng = np.random.default_rng(0)
    sets = {str(number): rng.choice(genes, 20, replace=False) for number in range(2000)}
    p_values = lg.get.module_enrichment(fitted, sets)["p_value"]
    assert len(p_values) >= 5000
    assert 0.005 < (p_values < 0.05).mean() <= 0.06


def test_errors_and_refit(fitted, toy_metacells):
    with pytest.raises(KeyError, match=r"lg\.tl\.modules"):
        lg.get.modules(fitted)
    for options, text in [({"n_modules": 0}, "n_modules"), ({"n_modules": 2, "gene_quantile": 1}, "Quantiles"),
                          ({"n_modules": 2, "n_starts": 0}, "n_starts")]:  # fmt: skip
        with pytest.raises(ValueError, match=text):
            lg.tl.modules(fitted, **options)
    lg.tl.modules(fitted, n_modules=2)
    with pytest.raises(ValueError, match="None of the 1 sets"):
        lg.get.module_enrichment(fitted, {"none": ["NOBODY"]})
    lg.tl.fit(fitted, metacells=toy_metacells, config=lg.FitConfig(epochs=2, n_folds=0))
    assert "linger_module" not in fitted["rna"].var
    assert "linger_module_loadings" not in fitted["rna"].varm
    assert "modules" not in fitted.uns["linger"]
