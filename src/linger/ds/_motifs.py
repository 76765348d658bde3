"""Simulated motif affinities: families of TFs that share a motif."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from linger.ds._programmes import NONE


def tf_families(rng: np.random.Generator, n_tfs: int) -> np.ndarray:
    """Return the motif family of each TF; a family has one to four members.

    Examples
    --------
    >>> families = tf_families(np.random.default_rng(0), 10)
    >>> bool(np.bincount(families).max() <= 4)
    True
    """
    sizes = rng.integers(1, 5, size=n_tfs)
    return rng.permutation(np.repeat(np.arange(n_tfs), sizes)[:n_tfs])


def motif_affinity(
    rng: np.random.Generator, families: np.ndarray, tf_home: np.ndarray, peak_home: np.ndarray
) -> sparse.csr_matrix:
    """Return motif affinity B, n_tfs x n_peaks, in [0, 1] with maximum 1 per TF.

    3 to 10 % of the peaks carry the motif of a family. Peaks that open in the programme of the family's first TF carry
    it 2.5 times as often, as lineage motifs do. Members share most sites and differ in affinity.

    Parameters
    ----------
    rng
        Source of randomness.
    families
        Family of each TF.
    tf_home, peak_home
        Programme of each TF and peak.
    """
    blocks = []
    for family in np.unique(families):
        members = np.flatnonzero(families == family)
        peaks = _family_sites(rng, tf_home[members[0]], peak_home)
        affinity = rng.beta(1.5, 2.5, len(peaks))
        kept = rng.random((len(members), len(peaks))) < 0.85
        kept[:, :1] = True  # no TF is left without a site
        row, site = np.nonzero(kept)
        values = affinity[site] * rng.lognormal(0, 0.25, len(site))
        blocks.append((members[row], peaks[site], values))
    rows, columns, data = (np.concatenate(part) for part in zip(*blocks, strict=True))
    motif = sparse.csr_matrix((data, (rows, columns)), shape=(len(families), len(peak_home)), dtype=np.float32)
    return scale_rows(motif)


def scale_rows(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return `matrix` with every row divided by its maximum."""
    top = np.asarray(matrix.max(axis=1).todense()).ravel()
    matrix = matrix.copy()
    matrix.data /= np.repeat(np.maximum(top, 1e-12), np.diff(matrix.indptr)).astype(np.float32)
    return matrix


def _family_sites(rng: np.random.Generator, home: int, peak_home: np.ndarray) -> np.ndarray:
    """Return the peaks that carry a family's motif, sorted, at least one."""
    odds = np.where((peak_home == home) & (home != NONE), 2.5, 1.0)
    rate = rng.uniform(0.03, 0.09) * odds / odds.mean()
    peaks = np.flatnonzero(rng.random(len(peak_home)) < rate)
    return peaks if len(peaks) else rng.integers(len(peak_home), size=1)
