from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import hypergeom

import linger as lg
from linger._enrichment import enrichment, peak_strata


def test_expectation_is_that_of_drawing_within_strata():
    rng = np.random.default_rng(0)
    hits = sparse.csr_matrix((rng.random((200, 3)) < [0.1, 0.5, 0.9]).astype(float))
    stratum, member = rng.integers(0, 4, 200), rng.random((200, 2)) < 0.2
    found = enrichment(hits, member, stratum)
    drawn = np.zeros((2, 3))
    for _ in range(2000):
        order = np.lexsort((rng.random(200), stratum))  # a permutation within strata
        shuffled = np.empty_like(member)
        shuffled[order] = member[np.lexsort((np.arange(200), stratum))]
        drawn += shuffled.T.astype(float) @ hits.toarray() / 2000
    np.testing.assert_allclose(found.expected, drawn.T, rtol=0.03)
    np.testing.assert_array_equal(found.observed, hits.toarray().T @ member)


def test_p_bounds_the_hypergeometric_one_and_is_close_for_small_sets():
    n_peaks, with_motif, n_set = 20_000, 1000, 200
    hits = np.zeros((n_peaks, 1))
    hits[:with_motif] = 1
    for n_hits in (12, 15, 20, 30):
        member = np.zeros((n_peaks, 1), dtype=bool)
        member[:n_hits], member[-(n_set - n_hits) :] = True, True
        found = enrichment(sparse.csr_matrix(hits), member, np.zeros(n_peaks, dtype=int)).p_value[0, 0]
        exact = hypergeom.sf(n_hits - 1, n_peaks, with_motif, n_set)
        assert exact <= found <= 1.5 * exact


def test_p_values_of_random_sets_are_no_smaller_than_uniform():
    rng = np.random.default_rng(1)
    hits = sparse.csr_matrix((rng.random((3000, 200)) < rng.uniform(0.02, 0.4, 200)).astype(float))
    member = rng.random((3000, 20)) < 0.1
    p = enrichment(hits, member, rng.integers(0, 10, 3000)).p_value.ravel()
    for level in (0.001, 0.01, 0.05, 0.2):
        assert (p < level).mean() <= 1.15 * level + 0.0005
    assert (p < 0.05).mean() > 0.02  # nor much larger


def test_a_bias_of_gc_is_taken_out():
    """Peaks of a set are rich in GC, and so are peaks with the motif: no enrichment beyond that."""
    rng = np.random.default_rng(2)
    gc = rng.random(6000)
    hits = sparse.csr_matrix((rng.random((6000, 1)) < gc[:, None]).astype(float))
    member = (rng.random(6000) < 0.3 * gc**3)[:, None]
    mdata = lg.ds.simulate(n_cells=20, n_genes=60, n_tfs=12, n_peaks=6000, n_cell_types=2, n_bulk=2).mdata
    mdata["atac"].var["linger_gc"] = gc.astype(np.float32)
    biased = enrichment(hits, member, np.zeros(6000, dtype=int)).p_value[0, 0]
    stratum, used = peak_strata(mdata, ("gc",), key="linger", atac_key="atac", layer=None)
    matched = enrichment(hits, member, stratum).p_value[0, 0]
    assert used == ("gc",)
    assert biased < 1e-6
    assert matched > 0.01


def test_strata_hold_like_peaks():
    mdata = lg.ds.simulate(n_cells=20, n_genes=60, n_tfs=12, n_peaks=5000, n_cell_types=2, n_bulk=2).mdata
    mdata["atac"].var["linger_gc"] = np.random.default_rng(0).random(5000).astype(np.float32)
    stratum, used = peak_strata(mdata, ("gc", "length", "accessibility"), key="linger", atac_key="atac", layer=None)
    assert used == ("gc", "length", "accessibility")
    gc, total = mdata["atac"].var["linger_gc"], np.asarray(mdata["atac"].X.sum(axis=0)).ravel()
    for values in (gc.to_numpy(), np.argsort(np.argsort(total)) / 5000):
        within = np.mean([values[stratum == number].std() for number in np.unique(stratum)])
        assert within < 0.5 * values.std()
    with pytest.raises(ValueError, match="match must be among"):
        peak_strata(mdata, ("colour",), key="linger", atac_key="atac", layer=None)
