"""Latent programmes: what makes cells of one type alike, and what else varies between cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

N_SHARED: Final = 4  # programmes that belong to no cell type of their own
N_FACTORS: Final = 8  # continuous variation within types (cycle, stress, maturation ...)
NONE: Final = -1


@dataclass(frozen=True, slots=True)
class Programmes:
    """Loadings of TFs, peaks and genes on a cell's latent state (programmes, then factors).

    Attributes
    ----------
    n
        Number of programmes P; a state has D = P + 8 entries.
    tf_home, peak_home, gene_home
        The programme each belongs to, or -1: ubiquitous TF, constitutively open peak, gene without preference.
    tf_base, tf_loadings
        log level of TFs: (n_tfs,) and D x n_tfs.
    peak_base, peak_loadings
        logit of openness: (n_peaks,) and D x n_peaks.
    gene_loadings
        log rate that no TF explains: D x n_genes.
    """

    n: int
    tf_home: np.ndarray
    peak_home: np.ndarray
    gene_home: np.ndarray
    tf_base: np.ndarray
    tf_loadings: np.ndarray
    peak_base: np.ndarray
    peak_loadings: np.ndarray
    gene_loadings: np.ndarray


def make_programmes(
    rng: np.random.Generator, *, n_cell_types: int, n_tfs: int, promoter: np.ndarray, n_genes: int
) -> Programmes:
    """Draw programmes; `promoter` marks the peaks at a TSS, which are mostly open everywhere.

    Examples
    --------
    >>> p = make_programmes(np.random.default_rng(0), n_cell_types=3, n_tfs=5, promoter=np.zeros(9, bool), n_genes=7)
    >>> p.n, p.tf_loadings.shape
    (7, (15, 5))
    """
    n = n_cell_types + N_SHARED
    tf_home = _homes(rng, np.full(n_tfs, 0.3), n)
    peak_home = _homes(rng, np.where(promoter, 0.75, 0.35), n)
    gene_home = _homes(rng, np.full(n_genes, 0.3), n)
    tf_loadings = _loadings(rng, tf_home, n, gain=(1.2, 2.4), spread=0.45, share=0.5)
    tf_base = rng.normal(-0.2, 0.4, n_tfs) - 0.4 * tf_loadings[:n].max(axis=0, initial=0)
    peak_loadings = _loadings(rng, peak_home, n, gain=(2.5, 4.5), spread=0.5, share=0.3)
    open_everywhere = peak_home == NONE
    peak_base = np.where(open_everywhere, rng.normal(1.0, 0.8, len(promoter)), rng.normal(-3.0, 0.7, len(promoter)))
    gene_loadings = _loadings(rng, np.full(n_genes, NONE), n, gain=(0, 0), spread=0.1, share=0.5)
    parts = (tf_base, tf_loadings, peak_base, peak_loadings, gene_loadings)
    return Programmes(n, tf_home, peak_home, gene_home, *(part.astype(np.float32) for part in parts))


def _homes(rng: np.random.Generator, p_none: np.ndarray, n: int) -> np.ndarray:
    homes = rng.integers(n, size=len(p_none))
    return np.where(rng.random(len(p_none)) < p_none, NONE, homes)


def _loadings(
    rng: np.random.Generator, home: np.ndarray, n: int, *, gain: tuple[float, float], spread: float, share: float
) -> np.ndarray:
    """Return loadings: `gain` on the home programme, often some on a second one, noise of `spread` on the factors."""
    items = np.arange(len(home))
    loadings = np.zeros((n + N_FACTORS, len(home)))
    second = rng.integers(n, size=len(home))
    has_second = (home != NONE) & (rng.random(len(home)) < 0.25)
    loadings[second[has_second], items[has_second]] = rng.uniform(0.3 * gain[0], gain[1], has_second.sum())
    has_home = home != NONE
    loadings[home[has_home], items[has_home]] = rng.uniform(*gain, has_home.sum())
    factors = rng.normal(0, spread, (N_FACTORS, len(home)))
    loadings[n:] = factors * (rng.random(factors.shape) < share)
    return loadings


def type_states(rng: np.random.Generator, n_cell_types: int, n_programmes: int) -> np.ndarray:
    """Return the state of a typical cell of each type, n_cell_types x D: its own programme, and some shared ones."""
    shared = n_programmes - n_cell_types
    activity = rng.uniform(0.4, 1.0, (n_cell_types, shared)) * (rng.random((n_cell_types, shared)) < 0.4)
    factors = rng.normal(0, 0.4, (n_cell_types, N_FACTORS))
    return np.hstack([np.eye(n_cell_types), activity, factors]).astype(np.float32)


def cell_types(rng: np.random.Generator, n_cells: int, n_cell_types: int) -> np.ndarray:
    """Return the type of each cell as codes, in random order; types differ in size and none is empty."""
    share = rng.uniform(0.5, 1.5, n_cell_types)
    cuts = np.cumsum(share / share.sum()) * (n_cells - n_cell_types)
    sizes = np.diff(np.rint(cuts).astype(np.int64), prepend=0) + 1
    return rng.permutation(np.repeat(np.arange(n_cell_types), sizes))


def cell_states(rng: np.random.Generator, centres: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return the state of each cell, n_cells x D, scattered around its type."""
    states = centres[codes]
    split = states.shape[1] - N_FACTORS
    states[:, :split] *= rng.lognormal(-0.03, 0.25, (len(codes), split))
    states[:, split:] += rng.normal(0, 0.8, (len(codes), N_FACTORS))
    return states


def bulk_states(rng: np.random.Generator, n_bulk: int, n_programmes: int) -> np.ndarray:
    """Return the state of each bulk sample, n_bulk x D: any mixture of programmes, also those no cell uses."""
    activity = rng.uniform(0.2, 1.3, (n_bulk, n_programmes)) * (rng.random((n_bulk, n_programmes)) < 0.3)
    return np.hstack([activity, rng.normal(0, 1.0, (n_bulk, N_FACTORS))]).astype(np.float32)
