from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import ttest_ind

import linger as lg


def test_is_students_test_gene_by_gene(fitted):
    lg.tl.dominance(fitted, max_p_adj=0.3)
    var, n = fitted["rna"].var, fitted["rna"].var["linger_dominance_t"].notna().sum()
    tfs = fitted.var_names.get_indexer(fitted["rna"].var_names[var["is_tf"]])
    beta, gamma, links = (fitted.varp[f"linger_{name}"].tocsc() for name in ("cis", "trans", "distance"))
    for gene in var.index[var["linger_fitted"]]:
        at = fitted.var_names.get_loc(gene)
        peaks = beta[links[:, at].indices, at].toarray().ravel()
        others = gamma[tfs[tfs != at], at].toarray().ravel()
        if len(peaks) < 2:
            continue
        expected = ttest_ind(peaks.astype(float), others.astype(float))
        assert var.loc[gene, "linger_dominance_t"] == pytest.approx(expected.statistic, rel=1e-5)
        assert var.loc[gene, "linger_dominance_p_adj"] == pytest.approx(min(expected.pvalue * n, 1), rel=1e-4)
        call = "neither" if expected.pvalue * n >= 0.3 else "cis" if expected.statistic > 0 else "trans"
        assert var.loc[gene, "linger_dominance"] == call
    assert var.loc[~var["linger_fitted"], "linger_dominance"].isna().all()


@pytest.mark.filterwarnings("ignore")
def test_p_values_are_calibrated_when_shapley_values_are_shuffled(fitted):
    """Skewed values, few peaks beside many TFs, peaks and TFs exchanged at random within genes."""
    rng, p_values = np.random.default_rng(0), []
    genes = fitted.var_names.get_indexer(fitted["rna"].var_names[fitted["rna"].var["linger_fitted"]])
    tfs = fitted.var_names.get_indexer(fitted["rna"].var_names[fitted["rna"].var["is_tf"]])
    links = sparse.coo_matrix(fitted.varp["linger_distance"])
    n = fitted.n_vars
    trans = np.array([(tf, gene) for tf in tfs for gene in genes if tf != gene]).T
    for _ in range(100):
        for name, (rows, cols) in (("cis", (links.row, links.col)), ("trans", trans)):
            values = rng.lognormal(0, 1.2, len(rows)) * (rng.random(len(rows)) < 0.8)
            fitted.varp[f"linger_{name}"] = sparse.csr_matrix((values, (rows, cols)), (n, n))
        lg.tl.dominance(fitted)
        p_values.append(fitted["rna"].var["linger_dominance_p"].dropna())
    p_values = np.concatenate(p_values)
    assert len(p_values) >= 5000
    assert abs((p_values < 0.05).mean() - 0.05) <= 0.01


def test_clear_cases_are_called(fitted):
    genes = fitted["rna"].var_names[fitted["rna"].var["linger_fitted"]]
    links = np.diff(fitted.varp["linger_distance"].tocsc().indptr)[fitted.var_names.get_indexer(genes)]
    gene = genes[np.argmax(links)]
    at = fitted.var_names.get_loc(gene)
    beta = fitted.varp["linger_cis"].tocsc()
    beta.data[beta.indptr[at] : beta.indptr[at + 1]] += 100
    fitted.varp["linger_cis"] = beta.tocsr()
    lg.tl.dominance(fitted)
    assert fitted["rna"].var.loc[gene, "linger_dominance"] == "cis"


def test_errors_and_refit(fitted, toy_metacells):
    with pytest.raises(ValueError, match="max_p_adj"):
        lg.tl.dominance(fitted, max_p_adj=0)
    with pytest.raises(KeyError, match=r"lg\.tl\.fit"):
        lg.tl.dominance(fitted, key_added="other")
    lg.tl.dominance(fitted)
    lg.tl.fit(fitted, metacells=toy_metacells, config=lg.FitConfig(epochs=2, n_folds=0))
    assert "linger_dominance" not in fitted["rna"].var
