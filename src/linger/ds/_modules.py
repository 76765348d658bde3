"""Gene programmes that are wired apart: each gene is regulated by TFs of its own module only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from linger.ds._genome import Genome


@dataclass(frozen=True, slots=True)
class Modules:
    """The module of every gene (TFs among them), TF and peak, from 0."""

    gene: np.ndarray
    tf: np.ndarray
    peak: np.ndarray

    def one_each(self, able: np.ndarray) -> np.ndarray:
        """Return a TF of every module in which none is `able`."""
        first = np.unique(self.tf, return_index=True)
        return np.array([tf for module, tf in zip(*first, strict=True) if not able[self.tf == module].any()], dtype=int)

    def within(self, edges: sparse.csr_matrix) -> sparse.csr_matrix:
        """Return the TF-peak edges (n_tfs x n_peaks) whose ends are of one module."""
        coo = edges.tocoo()
        same = self.tf[coo.row] == self.peak[coo.col]
        return sparse.csr_matrix((coo.data[same], (coo.row[same], coo.col[same])), shape=edges.shape)


def make_modules(rng: np.random.Generator, genome: Genome, n_modules: int) -> Modules:
    """Deal genes and TFs out evenly; a peak is of the module of the gene next to it, at random where no gene is in reach.

    Examples
    --------
    >>> from linger.ds._genome import make_genome
    >>> rng = np.random.default_rng(0)
    >>> modules = make_modules(rng, make_genome(rng, n_genes=60, n_tfs=12, n_peaks=300), 3)
    >>> np.bincount(modules.tf).tolist()
    [4, 4, 4]
    """
    gene = rng.permutation(np.arange(len(genome.genes)) % n_modules)
    gene[genome.tfs] = rng.permutation(np.arange(len(genome.tfs)) % n_modules)
    peak = rng.integers(n_modules, size=len(genome.peaks))
    order = np.argsort(-genome.pair_distance, kind="stable")
    peak[genome.pair_peak[order]] = gene[genome.pair_gene[order]]  # the nearest gene comes last
    return Modules(gene, gene[genome.tfs], peak)
