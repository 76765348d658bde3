"""Measurement: sequencing depth, negative binomial counts, dropout, sparse Poisson fragments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import sparse

_DROPOUT: Final = 0.2


@dataclass(frozen=True, slots=True)
class Assay:
    """How deep and how noisy a measurement is.

    Attributes
    ----------
    rna_depth, atac_depth
        Median counts per cell or sample.
    tf_noise
        Standard deviation of log TF levels that no programme explains.
    dispersion
        Negative binomial dispersion of genes, (n_genes,).
    dropout
        Probability that a gene with hardly any transcripts is lost.
    """

    rna_depth: float
    atac_depth: float
    tf_noise: float
    dispersion: np.ndarray
    dropout: float = _DROPOUT


def library_sizes(rng: np.random.Generator, median: float, n: int, *, spread: float = 0.35) -> np.ndarray:
    """Return log-normal library sizes with the given median, (n, 1).

    Examples
    --------
    >>> library_sizes(np.random.default_rng(0), 5000, 3).shape
    (3, 1)
    """
    return (median * rng.lognormal(0, spread, (n, 1))).astype(np.float32)


def expected(rates: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return expected counts: every row of `rates` scaled to its library size."""
    return rates * (sizes / rates.sum(axis=1, keepdims=True))


def rna_counts(
    rng: np.random.Generator, mean: np.ndarray, dispersion: np.ndarray, *, dropout: float
) -> sparse.csr_matrix:
    """Return negative binomial counts with variance ``mean + dispersion * mean**2``, CSR float32, cells x genes.

    A transcript species is lost from a cell altogether with probability ``dropout / (1 + mean)``, so that faint genes
    drop out most.
    """
    shape = 1 / dispersion
    rate = rng.standard_gamma(np.broadcast_to(shape, mean.shape), dtype=np.float32) * mean * dispersion
    if dropout:
        rate[rng.random(mean.shape, dtype=np.float32) < dropout / (1 + mean)] = 0
    return sparse.csr_matrix(rng.poisson(rate).astype(np.float32))


def atac_counts(rng: np.random.Generator, mean: np.ndarray) -> sparse.csr_matrix:
    """Return Poisson counts, CSR float32, cells x peaks; where most are 0, only the fragments there are get drawn.

    The whole block is one Poisson process: its events, placed on the cumulated mean, are independent Poisson counts of
    every entry, at a cost that grows with the number of fragments.
    """
    if mean.mean() > 1:  # bulk: more fragments than entries
        return sparse.csr_matrix(rng.poisson(mean).astype(np.float32))
    edges = np.cumsum(mean.ravel(), dtype=np.float64)
    n = rng.poisson(edges[-1])
    steps = np.cumsum(rng.standard_exponential(n + 1))  # sorted uniforms without sorting
    entry = np.searchsorted(edges, steps[:-1] / steps[-1] * edges[-1], side="right")
    entry = np.minimum(entry, edges.size - 1)
    starts = np.flatnonzero(np.diff(entry, prepend=-1))
    hit, count = entry[starts], np.diff(starts, append=n).astype(np.float32)
    rows, columns = np.divmod(hit, mean.shape[1])
    indptr = np.searchsorted(rows, np.arange(mean.shape[0] + 1))
    return sparse.csr_matrix((count, columns.astype(np.int32), indptr), shape=mean.shape)
