"""Strengths held to their means, against loops over every pair."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

import linger as lg
from tests.get.test_cell_types import KINDS, assert_equal, at, naive, random_mdata


def with_r2(seed, r2, *, motifs=True):
    mdata = random_mdata(seed, motifs=motifs)
    mdata["rna"].var["linger_r2"] = r2
    for name in mdata["rna"].var_names[:3]:  # a fit never has an edge from a TF to itself
        own = mdata.var_names.get_loc(name)
        mdata.varp["linger_trans"][own, own] = 0
    mdata.varp["linger_trans"].eliminate_zeros()
    return mdata


def shrunk_by_loops(mdata):
    """Return a copy whose stored strengths are the shrunk ones."""
    rna, atac, varp = mdata["rna"], mdata["atac"], mdata.varp
    tfs, genes = rna.var_names[rna.var["is_tf"]], rna.var_names[rna.var["linger_fitted"]]
    trust = {gene: np.sqrt(max(0.0, np.nan_to_num(rna.var.loc[gene, "linger_r2"]))) for gene in genes}
    links = {j: [i for i in genes if np.isfinite(at(mdata, "distance", j, i, missing=np.inf))] for j in atac.var_names}
    linked = [j for j in links if links[j]]
    found = {name: np.zeros((mdata.n_vars, mdata.n_vars)) for name in KINDS}
    place = mdata.var_names.get_loc
    beta_mean = sum(at(mdata, "cis", j, i) for j in linked for i in links[j]) / sum(map(len, links.values()))
    for j in linked:
        for i in links[j]:
            found["cis"][place(j), place(i)] = trust[i] * at(mdata, "cis", j, i) + (1 - trust[i]) * beta_mean
    gamma_mean = np.mean([[at(mdata, "trans", k, i) for i in genes] for k in tfs])
    for k in tfs:
        for i in genes.drop(k, errors="ignore"):
            found["trans"][place(k), place(i)] = trust[i] * at(mdata, "trans", k, i) + (1 - trust[i]) * gamma_mean
        mean = sum(at(mdata, "binding", k, j) for j in linked) / len(linked)
        has_motif = any(at(mdata, "motif", k, j) for j in atac.var_names)
        for j in atac.var_names:
            if at(mdata, "motif", k, j) if has_motif else links[j]:
                r = np.mean([trust[i] for i in links[j]]) if links[j] else 0.0
                found["binding"][place(k), place(j)] = r * at(mdata, "binding", k, j) + (1 - r) * mean
    other = mdata.copy()
    for name in KINDS:
        other.varp[f"linger_{name}"] = sparse.csr_matrix(found[name].astype(np.float32))
    assert set(varp) == set(other.varp)
    return other


@pytest.mark.parametrize("motifs", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_equals_loops(kind, motifs):
    mdata = with_r2(3, [0.5, -0.2, 0.09, np.nan, 0.3], motifs=motifs)
    expected = naive(shrunk_by_loops(mdata), kind, mdata.obs_names)
    assert_equal(lg.get.matrix(mdata, kind, group=np.ones(mdata.n_obs, dtype=bool), weights="shrunk"), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_full_trust_changes_nothing_and_none_leaves_what_is_measured(kind):
    full = with_r2(1, 1.0)
    paper, shrunk = (lg.get.matrix(full, kind, weights=weights).matrix.toarray() for weights in ("paper", "shrunk"))
    linked = np.asarray(full.varp["linger_distance"].getnnz(axis=1)[5:] > 0).ravel()
    np.testing.assert_allclose(
        shrunk[:, linked] if kind == "binding" else shrunk, paper[:, linked] if kind == "binding" else paper, rtol=1e-5
    )
    none = with_r2(1, 0.0)
    found = lg.get.matrix(none, "cis", weights="shrunk")
    decay = none.varp["linger_distance"][5:, :4].copy()
    decay.data = np.exp(-decay.data / 25_000)
    ratio = found.matrix.toarray()[decay.toarray() > 0] / decay.toarray()[decay.toarray() > 0]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_selection_is_a_part_of_the_whole(kind):
    mdata = with_r2(2, [0.5, -0.2, 0.09, 0.7, 0.3])
    whole = lg.get.matrix(mdata, kind, weights="shrunk")
    targets = whole.targets[[2, 0]]
    part = lg.get.matrix(mdata, kind, weights="shrunk", targets=targets)
    np.testing.assert_allclose(
        part.matrix.toarray(), whole.matrix.toarray()[:, whole.targets.get_indexer(part.targets)], rtol=1e-6
    )


def test_single_cells_follow_and_a_fit_without_folds_is_refused():
    mdata = with_r2(4, [0.5, -0.2, 0.09, 0.7, 0.3])
    edges = [("G0", "G1"), ("G2", "G3")]
    table = lg.get.edges_per_cell(mdata, edges, weights="shrunk", n_neighbors=1)
    cell = mdata.obs_names[0]
    one = lg.get.matrix(mdata, "trans", cells=cell, n_neighbors=1, weights="shrunk")
    expected = [one.matrix[one.sources.get_loc(k), one.targets.get_loc(i)] for k, i in edges]
    np.testing.assert_allclose(table.loc[cell].to_numpy(float), expected, rtol=1e-4)
    del mdata["rna"].var["linger_r2"]
    with pytest.raises(KeyError, match="n_folds"):
        lg.get.matrix(mdata, weights="shrunk")
