"""The true network that all simulated cells and bulk samples share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy import sparse

from linger.ds._genome import WINDOW, Genome
from linger.ds._modules import Modules, make_modules
from linger.ds._motifs import motif_affinity, scale_rows, tf_families
from linger.ds._programmes import NONE, Programmes

_ENHANCERS: Final = 3.0  # mean number per gene beyond the first
_BOUND_PER_ENHANCER: Final = 5.0
_INDIRECT: Final = 0.3  # sites without a motif, per site with one


@dataclass(frozen=True, slots=True)
class Tier:
    """Genes computed together, the enhancers that drive them, and the TFs bound there.

    Attributes
    ----------
    genes, peaks
        Positions of g genes and m enhancers.
    activators, repressors
        Binding strength, CSR m x n_tfs; a TF is in one of the two.
    weights
        Strength of enhancers on genes, CSR g x m.
    basal
        Share of the full rate without any enhancer, (g,).
    """

    genes: np.ndarray
    peaks: np.ndarray
    activators: sparse.csr_matrix
    repressors: sparse.csr_matrix
    weights: sparse.csr_matrix
    basal: np.ndarray


@dataclass(frozen=True, slots=True)
class Wiring:
    """Everything about the simulated system that does not differ between cells.

    Attributes
    ----------
    genome, programmes
        Positions, and loadings on latent states.
    motif
        Affinity B, CSR n_tfs x n_peaks.
    binding
        Strength b of a TF at a peak where it can bind, CSR n_tfs x n_peaks.
    pioneers
        Binding of those TFs that open chromatin, CSR n_peaks x n_tfs.
    master
        TFs whose level is set by the latent state; the others are regulated by masters.
    repressor
        TFs that repress.
    tiers
        Regulated TFs (driven by masters alone), then all genes that are not TFs.
    gene_scale, dispersion, peak_scale
        Relative transcript yield and negative binomial dispersion per gene, relative signal per peak.
    modules
        Modules that are wired apart; None where all are wired together.
    """

    genome: Genome
    programmes: Programmes
    motif: sparse.csr_matrix
    binding: sparse.csr_matrix
    pioneers: sparse.csr_matrix
    master: np.ndarray
    repressor: np.ndarray
    tiers: tuple[Tier, Tier]
    gene_scale: np.ndarray
    dispersion: np.ndarray
    peak_scale: np.ndarray
    modules: Modules | None = None


def make_wiring(
    rng: np.random.Generator, genome: Genome, programmes: Programmes, n_modules: int | None = None
) -> Wiring:
    """Draw the network: roles of TFs, enhancers of genes, motifs, and sites that are really bound."""
    n_tfs = len(programmes.tf_home)
    # a stream of its own, so that the other draws are the same with and without modules
    modules = None if n_modules is None else make_modules(rng.spawn(1)[0], genome, n_modules)
    master, repressor, pioneer = _roles(rng, n_tfs)
    if modules is not None:
        for tf in modules.one_each(master & ~repressor):
            master[tf], repressor[tf] = True, False
    cis = _enhancers(rng, genome, programmes, modules, free=genome.tfs[master])
    functional = np.diff(cis.tocsc().indptr) > 0
    motif = motif_affinity(rng, tf_families(rng, n_tfs), programmes.tf_home, programmes.peak_home)
    binding = _binding(rng, motif, programmes, genome.promoter, functional)
    homes = programmes.tf_home, programmes.peak_home
    if modules is not None:
        binding, motif = modules.within(binding), scale_rows(modules.within(motif))
        homes = modules.tf, modules.peak
    binding, motif = _rescue(rng, binding, motif, homes, functional, np.flatnonzero(master & ~repressor))
    basal = rng.uniform(0.02, 0.12, len(genome.genes)).astype(np.float32)
    regulated = genome.tfs[~master]
    others = np.setdiff1d(np.arange(len(genome.genes)), genome.tfs)
    tiers = (
        _tier(regulated, cis, binding, repressor, present=master, basal=basal),
        _tier(others, cis, binding, repressor, present=np.ones(n_tfs, dtype=bool), basal=basal),
    )
    pioneers = (sparse.diags_array(pioneer.astype(np.float32)) @ binding).T.tocsr()
    pioneers.eliminate_zeros()
    parts = (motif, binding, pioneers, master, repressor, tiers, *_technical(rng, genome))
    return Wiring(genome, programmes, *parts, modules)


def _roles(rng: np.random.Generator, n_tfs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which TFs are masters (70 %), repressors (20 %) and pioneers (20 %, activating masters)."""
    order = rng.permutation(n_tfs)
    master = np.zeros(n_tfs, dtype=bool)
    master[order[: n_tfs - int(0.3 * n_tfs)]] = True
    repressor = rng.random(n_tfs) < 0.2
    repressor[order[0]] = False  # somebody has to activate
    pioneer = master & ~repressor & (rng.random(n_tfs) < 0.35)
    return master, repressor, pioneer


def _enhancers(
    rng: np.random.Generator, genome: Genome, programmes: Programmes, modules: Modules | None, free: np.ndarray
) -> sparse.csr_matrix:
    """Return the strength of enhancers, CSR n_genes x n_peaks; genes in `free` have none.

    A gene draws one to about seven linked peaks without replacement. The chance of a pair decays slowly with distance,
    (1 + d / 30 kb)^-0.55; peaks that open in the gene's programme are preferred, constitutive ones are not.
    """
    keep = (genome.pair_distance < WINDOW - 2_000) & ~np.isin(genome.pair_gene, free)
    if modules is not None:
        keep &= modules.gene[genome.pair_gene] == modules.peak[genome.pair_peak]
    gene, peak, distance = genome.pair_gene[keep], genome.pair_peak[keep], genome.pair_distance[keep]
    home = programmes.peak_home[peak]
    odds = (1 + distance / 30_000) ** -0.55 * np.where(home == NONE, 0.4, 1.0)
    odds *= np.where((home == programmes.gene_home[gene]) & (home != NONE), 4.0, 1.0)
    odds *= rng.lognormal(0, 0.8, len(programmes.peak_home))[peak]  # some peaks are enhancers of many genes
    key = np.log(odds) + rng.gumbel(size=len(odds))  # the top n of these are a weighted sample of n
    order = np.lexsort((-key, gene))
    sorted_gene = gene[order]
    rank = np.arange(len(order)) - np.searchsorted(sorted_gene, sorted_gene)
    wanted = 1 + rng.poisson(_ENHANCERS, len(genome.genes))
    chosen = order[rank < wanted[sorted_gene]]
    strength = 2.0 * rng.lognormal(0, 0.5, len(chosen)) * (1 + distance[chosen] / 200_000) ** -0.5
    shape = (len(genome.genes), len(genome.peaks))
    return sparse.csr_matrix((strength, (gene[chosen], peak[chosen])), shape=shape, dtype=np.float32)


def _binding(
    rng: np.random.Generator,
    motif: sparse.csr_matrix,
    programmes: Programmes,
    promoter: np.ndarray,
    functional: np.ndarray,
) -> sparse.csr_matrix:
    """Return the strength of binding where a TF can bind: a share of the motif sites, and some sites without motif.

    A motif site is used with odds that grow with affinity, with a match of TF and peak programme, at enhancers, and
    with a TF's own taste for promoters.
    """
    hits = motif.tocoo()
    share = np.clip(_BOUND_PER_ENHANCER / (0.06 * motif.shape[0]), 0.08, 0.4)
    home = programmes.tf_home[hits.row]
    taste = rng.normal(0, 0.7, motif.shape[0])[hits.row]
    logit = np.log(share / (1 - share)) + 2.0 * (hits.data - 0.35) + taste * promoter[hits.col]
    logit += 1.0 * ((home == programmes.peak_home[hits.col]) & (home != NONE)) + 0.5 * functional[hits.col]
    used = rng.random(len(logit)) < 1 / (1 + np.exp(-logit))
    strength = (0.4 + hits.data[used]) * rng.lognormal(-0.2, 0.5, used.sum())
    rows, columns = _indirect_sites(rng, hits.row[used], programmes)
    extra = rng.lognormal(-0.6, 0.5, len(rows))
    data = np.concatenate([strength, extra])
    where = (np.concatenate([hits.row[used], rows]), np.concatenate([hits.col[used], columns]))
    return sparse.csr_matrix((data, where), shape=motif.shape, dtype=np.float32)


def _indirect_sites(
    rng: np.random.Generator, bound: np.ndarray, programmes: Programmes
) -> tuple[np.ndarray, np.ndarray]:
    """Return TF and peak of binding without a motif, half of it at peaks of the TF's own programme."""
    rows = bound[rng.random(len(bound)) < _INDIRECT]
    columns = rng.integers(len(programmes.peak_home), size=len(rows))
    own = rng.random(len(rows)) < 0.5
    columns[own] = _matching(rng, programmes.tf_home[rows[own]], programmes.peak_home)
    return rows, columns


def _matching(rng: np.random.Generator, wanted: np.ndarray, homes: np.ndarray) -> np.ndarray:
    """Return, for each wanted programme, a random item whose home it is; any item where there is none."""
    order = np.argsort(homes, kind="stable")
    first, last = (np.searchsorted(homes[order], wanted, side=side) for side in ("left", "right"))
    first, last = np.where(first < last, first, 0), np.where(first < last, last, len(homes))
    return order[first + (rng.random(len(wanted)) * (last - first)).astype(np.int64)]


def _rescue(
    rng: np.random.Generator,
    binding: sparse.csr_matrix,
    motif: sparse.csr_matrix,
    homes: tuple[np.ndarray, np.ndarray],
    functional: np.ndarray,
    activators: np.ndarray,
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Give each enhancer that no activating master binds one of its home that does, mostly with a motif to show for it."""
    tf_home, peak_home = homes
    bound = np.asarray(binding[activators].sum(axis=0)).ravel() > 0
    orphans = np.flatnonzero(functional & ~bound)
    tfs = activators[_matching(rng, peak_home[orphans], tf_home[activators])]
    affinity = rng.beta(2.5, 2.0, len(orphans))
    strength = (0.4 + affinity) * rng.lognormal(-0.2, 0.5, len(orphans))
    shown = np.flatnonzero(rng.random(len(orphans)) < 0.75)
    extra = _edges(strength, tfs, orphans, like=binding)
    sites = _edges(affinity[shown], tfs[shown], orphans[shown], like=motif)
    return sparse.csr_matrix(binding + extra), scale_rows(sparse.csr_matrix(motif.maximum(sites)))


def _edges(
    values: np.ndarray, rows: np.ndarray, columns: np.ndarray, *, like: sparse.csr_matrix
) -> sparse.csr_matrix[np.float32]:
    return sparse.csr_matrix((values.astype(np.float32), (rows, columns)), shape=like.shape)


def _tier(
    genes: np.ndarray,
    cis: sparse.csr_matrix,
    binding: sparse.csr_matrix,
    repressor: np.ndarray,
    *,
    present: np.ndarray,
    basal: np.ndarray,
) -> Tier:
    """Cut out of the whole network what `genes` depend on, with the `present` TFs only."""
    weights = cis[genes]
    peaks = np.unique(weights.indices)
    at_peaks = binding[:, peaks].T.tocsr()
    activators, repressors = (
        sparse.csr_matrix(at_peaks @ sparse.diags_array((present & side).astype(np.float32)))
        for side in (~repressor, repressor)
    )
    activators.eliminate_zeros()
    repressors.eliminate_zeros()
    return Tier(genes, peaks, activators, repressors, weights[:, peaks].tocsr(), basal[genes])


def _technical(rng: np.random.Generator, genome: Genome) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return yield and dispersion of genes, and signal of peaks; TFs are faint (their levels are around 1)."""
    n_genes, n_peaks = len(genome.genes), len(genome.peaks)
    gene_scale = rng.lognormal(0, 1.0, n_genes)
    gene_scale[genome.tfs] *= 0.15
    dispersion = rng.lognormal(np.log(0.2), 0.5, n_genes)
    peak_scale = rng.lognormal(0, 0.5, n_peaks)
    return gene_scale.astype(np.float32), dispersion.astype(np.float32), peak_scale.astype(np.float32)


def tf_names(wiring: Wiring) -> pd.Index:
    """Return the names of the TFs in the order of the rows of ``wiring.binding``."""
    return wiring.genome.genes.index[wiring.genome.tfs]
