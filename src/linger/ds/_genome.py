"""Where the simulated genes and peaks lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from linger._keys import CHROM, END, IS_TF, START, STRAND, TSS

WINDOW: Final = 1_000_000
_SLOT: Final = 1_000  # a peak never leaves its slot, so peaks never overlap and names never repeat
_PEAKS_PER_WINDOW: Final = 38  # of a window around a random base; windows around a TSS hold more
_MIN_SPACING: Final = 40_000
_LONGEST: Final = 3_100_000_000  # as human; from here on windows fill up
_CHROMOSOME: Final = 120_000_000
_MEDIAN_DISTANCE: Final = 50_000
_PROMOTER: Final = 1_000


@dataclass(frozen=True, slots=True)
class Genome:
    """Genes and peaks in genomic order, and every pair of them within the window.

    Attributes
    ----------
    genes
        chrom, tss, strand, is_tf, indexed by name.
    peaks
        chrom, start, end (0-based, half-open), indexed by name.
    pair_gene, pair_peak
        Positions of gene and peak of each linked pair, sorted by gene.
    pair_distance
        bp between TSS and the middle of the peak, same order.
    promoter
        Of each peak, whether its middle is within 1 kb of a TSS.
    """

    genes: pd.DataFrame
    peaks: pd.DataFrame
    pair_gene: np.ndarray
    pair_peak: np.ndarray
    pair_distance: np.ndarray
    promoter: np.ndarray

    @property
    def tfs(self) -> np.ndarray:
        """Positions of the TFs among the genes, in the order TF1, TF2, ..."""
        return np.flatnonzero(self.genes[IS_TF])


def make_genome(rng: np.random.Generator, *, n_genes: int, n_tfs: int, n_peaks: int) -> Genome:
    """Place genes and peaks on chromosomes long enough for windows of about 40 peaks (70 in a whole genome).

    Parameters
    ----------
    rng
        Source of randomness.
    n_genes, n_tfs, n_peaks
        Sizes; the TFs are among the genes.

    Returns
    -------
    The genome.

    Examples
    --------
    >>> genome = make_genome(np.random.default_rng(0), n_genes=60, n_tfs=12, n_peaks=300)
    >>> genome.peaks.shape
    (300, 3)
    """
    length = max(min(n_peaks * 2 * WINDOW // _PEAKS_PER_WINDOW, _LONGEST), n_genes * _MIN_SPACING)
    n_chromosomes = int(np.clip(np.ceil(length / _CHROMOSOME), 2, 22))
    bounds = np.arange(n_chromosomes) * (length // n_chromosomes // _SLOT * _SLOT)
    tss = _place_genes(rng, n_genes, length)
    slots = _place_peaks(rng, tss, n_peaks, length)
    genes, peaks = _gene_frame(rng, tss, bounds, n_tfs), _peak_frame(rng, slots, bounds)
    gene, peak, distance = _pairs(genes, peaks, bounds)
    promoter = np.zeros(n_peaks, dtype=bool)
    promoter[peak[distance <= _PROMOTER]] = True
    return Genome(genes, peaks, gene, peak, distance, promoter)


def _place_genes(rng: np.random.Generator, n_genes: int, length: int) -> np.ndarray:
    """Return sorted TSSs along the whole genome; log-normal gaps make gene-dense and gene-poor stretches."""
    gaps = rng.lognormal(0.0, 1.0, n_genes + 1)
    return (np.cumsum(gaps[:-1]) / gaps.sum() * length).astype(np.int64)


def _place_peaks(rng: np.random.Generator, tss: np.ndarray, n_peaks: int, length: int) -> np.ndarray:
    """Return sorted, distinct slots: a quarter promoters at most, 55 % distal ones around genes, the rest anywhere."""
    n_promoters = min(int(0.75 * len(tss)), n_peaks // 4)
    n_distal = int(0.55 * n_peaks)
    promoters = rng.choice(tss, n_promoters, replace=False) + rng.normal(0, 150, n_promoters)
    richness = rng.gamma(1.0, size=len(tss))  # some genes have many peaks around them, most have few
    anchors = rng.choice(tss, n_distal, p=richness / richness.sum())
    reach = np.minimum(rng.lognormal(np.log(_MEDIAN_DISTANCE), 1.6, n_distal), WINDOW)
    distal = anchors + reach * rng.choice([-1, 1], n_distal)
    background = rng.uniform(0, length, n_peaks - n_promoters - n_distal)
    centres = np.concatenate([promoters, distal, background])
    slots = np.sort(np.clip(centres, 0, length - 1).astype(np.int64) // _SLOT)
    steps = np.arange(n_peaks)
    return np.maximum.accumulate(slots - steps) + steps  # pushes collisions to the next free slot


def _locate(position: np.ndarray, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return chromosome number and coordinate on it of positions along the whole genome."""
    number = np.searchsorted(bounds, position, side="right") - 1
    return number, position - bounds[number] + 10_000


def _chrom_names(number: np.ndarray) -> list[str]:
    return [f"chr{n}" for n in (number + 1).tolist()]


def _gene_frame(rng: np.random.Generator, tss: np.ndarray, bounds: np.ndarray, n_tfs: int) -> pd.DataFrame:
    number, coordinate = _locate(tss, bounds)
    is_tf = np.zeros(len(tss), dtype=bool)
    is_tf[rng.choice(len(tss), n_tfs, replace=False)] = True
    rank = np.where(is_tf, np.cumsum(is_tf), np.cumsum(~is_tf))
    names = [f"{'TF' if tf else 'GENE'}{n}" for tf, n in zip(is_tf.tolist(), rank.tolist(), strict=True)]
    strand = rng.choice(["+", "-"], len(tss))
    columns = {CHROM: _chrom_names(number), TSS: coordinate, STRAND: strand.astype(object), IS_TF: is_tf}
    return pd.DataFrame(columns, index=pd.Index(names, dtype=object))


def _peak_frame(rng: np.random.Generator, slots: np.ndarray, bounds: np.ndarray) -> pd.DataFrame:
    number, coordinate = _locate(slots * _SLOT, bounds)
    width = np.clip(rng.normal(500, 120, len(slots)), 200, 900).astype(np.int64)
    start = coordinate + (_SLOT - width) // 2
    chrom = _chrom_names(number)
    spans = zip(chrom, start.tolist(), (start + width).tolist(), strict=True)
    names = [f"{c}:{s}-{e}" for c, s, e in spans]
    return pd.DataFrame({CHROM: chrom, START: start, END: start + width}, index=pd.Index(names, dtype=object))


def _pairs(genes: pd.DataFrame, peaks: pd.DataFrame, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return gene, peak and distance of all pairs on one chromosome within the window."""
    number = {f"chr{n + 1}": n for n in range(len(bounds))}
    # chromosomes far apart on one axis: a window never reaches into the next one
    offset = 10 * WINDOW + int(max(genes[TSS].max(), peaks[END].max()))
    tss = genes[TSS].to_numpy() + genes[CHROM].map(number).to_numpy() * offset
    middle = ((peaks[START] + peaks[END]) // 2 + peaks[CHROM].map(number) * offset).to_numpy()
    first, last = (np.searchsorted(middle, tss + side * WINDOW) for side in (-1, 1))
    sizes = last - first
    gene = np.repeat(np.arange(len(tss)), sizes)
    peak = np.arange(sizes.sum()) + np.repeat(first - (np.cumsum(sizes) - sizes), sizes)
    return gene, peak, np.abs(tss[gene] - middle[peak])
