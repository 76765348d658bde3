"""What a fit works on: arrays in canonical order, free of AnnData.

TFs are sorted by name, peaks by location, genes by number of peaks and then name. Sums therefore run in the same order whatever the
order of the input, and genes of a block (:mod:`linger.tl._blocks`) need little padding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from linger._keys import CHROM, DEFAULT_KEY, DISTANCE, MOTIF, START, slot
from linger._logging import logger
from linger._validate import known_names, paired, parse_peaks, positions, tf_mask

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anndata import AnnData
    from mudata import MuData


class Design(NamedTuple):
    """Names and wiring, in canonical order."""

    genes: pd.Index
    """Genes to fit."""
    tfs: pd.Index
    peaks: pd.Index
    """Peaks within reach of at least one of the genes."""
    links: sparse.csr_matrix
    """Genes x peaks; what is stored is linked, the value is the distance."""
    own_tf: np.ndarray
    """Position of every gene among the TFs, -1 if it is none."""
    affinity: sparse.csr_matrix | None
    """Motif affinity, peaks x TFs; None without motifs."""
    has_motif: np.ndarray
    """Which TFs have a motif hit, in these peaks or others."""
    locations: pd.DataFrame
    """chrom, start, end of the peaks."""


class Standardized(NamedTuple):
    """A matrix of features x samples with mean 0 and standard deviation 1, and the moments it had."""

    values: np.ndarray
    mean: np.ndarray
    sd: np.ndarray

    def apply(self, raw: np.ndarray) -> np.ndarray:
        """Standardise other samples (features x samples) with these moments; constant features become 0."""
        centred = raw.astype(np.float64) - self.mean[:, None]
        scaled = np.divide(centred, self.sd[:, None], out=np.zeros_like(centred), where=self.sd[:, None] > 0)
        return scaled.astype(np.float32)


class Samples(NamedTuple):
    """Standardised values of the metacells, features x samples."""

    names: pd.Index
    tf: Standardized
    re: Standardized
    target: Standardized


def make_design(mdata: MuData, *, genes: Iterable[str] | None, rna_key: str, atac_key: str, key_added: str) -> Design:
    """Read names and wiring from an annotated MuData, checking them.

    Raises
    ------
    KeyError
        If the TFs are not marked, the peaks are not linked, or a gene is unknown.
    ValueError
        If there is no TF among the genes, or none of the genes has a peak.
    """
    rna, atac = paired(mdata, rna_key=rna_key, atac_key=atac_key)
    is_tf = tf_mask(rna, rna_key)
    wanted = rna.var_names if genes is None else known_names(genes, rna.var_names, "genes")
    located = parse_peaks(atac)
    peaks = located.assign(name=located.index).sort_values([CHROM, START, "name"]).index
    option = "" if key_added == DEFAULT_KEY else f", key_added={key_added!r}"
    links = _read_varp(mdata, slot(key_added, DISTANCE), peaks, wanted, f"lg.pp.link_peaks(mdata{option})").T.tocsr()
    n_res = np.diff(links.indptr)
    if not n_res.any():
        msg = "None of the genes has a peak in its window. Check gene locations (lg.pp.annotate_genes) and peaks (lg.pp.link_peaks)."
        raise ValueError(msg)
    order = np.lexsort([wanted.astype(str), n_res])
    order = order[n_res[order] > 0]
    linked = np.unique(links.indices)
    genes_index, tfs, peaks = wanted[order], rna.var_names[is_tf].sort_values(), peaks[linked]
    affinity, has_motif = None, np.zeros(len(tfs), dtype=bool)
    if slot(key_added, MOTIF) in mdata.varp:
        everywhere = _read_varp(mdata, slot(key_added, MOTIF), tfs, located.index, f"lg.pp.scan_motifs(mdata{option})")
        everywhere.eliminate_zeros()
        has_motif = np.diff(everywhere.indptr) > 0
        affinity = everywhere[:, located.index.get_indexer(peaks)].T.tocsr()
    own_tf = tfs.get_indexer(genes_index)
    return Design(genes_index, tfs, peaks, links[order][:, linked], own_tf, affinity, has_motif, located.loc[peaks])


def _read_varp(mdata: MuData, key: str, rows: pd.Index, cols: pd.Index, fix: str) -> sparse.csr_matrix:
    """Return a block of a varp matrix by names, with explicit zeros kept."""
    if key not in mdata.varp:
        msg = f"mdata.varp has no {key!r}. Call {fix} first."
        raise KeyError(msg)
    matrix = sparse.csr_matrix(mdata.varp[key])
    if np.isnan(matrix.data).any():
        msg = f"mdata.varp[{key!r}] holds NaN, as mdata.update() leaves it after a modality is added. Call {fix} again."
        raise ValueError(msg)
    picked = matrix[positions(mdata.var_names, rows)][:, positions(mdata.var_names, cols)]
    picked.sort_indices()
    return picked


def make_samples(metacells: MuData, design: Design, *, rna_key: str, atac_key: str) -> Samples:
    """Standardise the metacells, in the order of their names."""
    rna, atac = paired(metacells, rna_key=rna_key, atac_key=atac_key)
    names = rna.obs_names.sort_values()
    return Samples(
        names,
        standardize(read_values(rna, names, design.tfs)),
        standardize(read_values(atac, names, design.peaks)),
        standardize(read_values(rna, names, design.genes)),
    )


def read_values(adata: AnnData, cells: pd.Index, features: pd.Index) -> np.ndarray:
    """Return ``adata[cells, features].X`` as dense float32, features x cells."""
    rows, cols = adata.obs_names.get_indexer(cells), positions(adata.var_names, features, "the metacells")
    X = adata.X[rows][:, cols]
    dense = X.toarray() if sparse.issparse(X) else np.asarray(X)
    if not np.isfinite(dense).all():
        msg = "The metacells hold NaN or infinite values. Make them with lg.pp.metacells(mdata)."
        raise ValueError(msg)
    return np.ascontiguousarray(dense.T, dtype=np.float32)


def standardize(raw: np.ndarray) -> Standardized:
    """Standardise features x samples; features that do not vary (to float32 precision) become 0."""
    mean = raw.mean(axis=1, dtype=np.float64)
    sd = raw.std(axis=1, dtype=np.float64)
    sd[sd <= 1e-6 * np.abs(mean)] = 0
    moments = Standardized(np.empty(0, dtype=np.float32), mean, sd)
    return moments._replace(values=moments.apply(raw))


def drop_constant_genes(design: Design, samples: Samples) -> tuple[Design, Samples]:
    """Leave out genes whose expression does not vary over the samples: there is nothing to predict."""
    varies = samples.target.sd > 0
    if not varies.any():
        msg = "None of the genes varies over the samples or metacells. Check the counts, or use more metacells or fewer neighbours."
        raise ValueError(msg)
    if not varies.all():
        logger.info("%d genes do not vary over the samples and are not fitted.", int((~varies).sum()))
    return take_genes(design, samples, varies)


def take_genes(design: Design, samples: Samples, kept: np.ndarray) -> tuple[Design, Samples]:
    """Keep some of the genes; TFs and peaks stay as they are."""
    target = samples.target
    target = target._replace(values=target.values[kept], mean=target.mean[kept], sd=target.sd[kept])
    design = design._replace(genes=design.genes[kept], links=design.links[kept], own_tf=design.own_tf[kept])
    return design, samples._replace(target=target)


def report_design(design: Design, samples: Samples, unit: str) -> None:
    """Log what the networks are trained on."""
    logger.info(
        "Fitting %d genes from %d TFs and %d peaks (%.0f a gene) over %d %s, %s.",
        len(design.genes),
        len(design.tfs),
        len(design.peaks),
        design.links.nnz / len(design.genes),
        len(samples.names),
        unit,
        "without motifs, so without the manifold term" if design.affinity is None else "with motifs",
    )
