"""Which peaks may regulate which genes: those near the transcription start site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from linger import _keys, _validate
from linger._docs import docs
from linger._keys import CHROM, END, START, TSS
from linger._logging import logger
from linger._stale import drop_fit

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

_PROMOTER: Final = 1_000
_SHIFTS: Final = (-200_000, -100_000, -50_000, 50_000, 100_000, 200_000)
# Measured on four real sets: right builds have an odds ratio of 5 to 135 (3.3 or more in any 200 of their genes),
# wrong ones 0.9 to 1.7 (99 % of draws of 200 genes below 3.2, all draws of 500 below 2.6).
_MIN_ODDS: Final = 2.5
_MIN_GENES: Final = 200
_MIN_HITS: Final = 10  # TSSs that have a peak by chance; with fewer, peaks are too sparse to tell


class _Axis(NamedTuple):
    """Peaks and TSSs on one line, chromosomes so far apart that no window reaches into the next one."""

    start: np.ndarray
    end: np.ndarray
    tss: np.ndarray


@docs.dedent
def link_peaks(
    mdata: MuData,
    *,
    max_distance: float = 1_000_000,
    check_build: bool = True,
    rna_key: str = "rna",
    atac_key: str = "atac",
    key_added: str = _keys.DEFAULT_KEY,
    copy: bool = False,
) -> MuData | None:
    """Link every gene to the peaks near its transcription start site (TSS).

    The distance of peak (RE) j, which covers [start, end), to gene (TG) i is that of its middle to the TSS::

        d_ij = |floor((start_j + end_j) / 2) - tss_i|

    and a pair is linked if d_ij <= `max_distance`, on the same chromosome, whatever the strand.

    Parameters
    ----------
    %(mdata)s
        Genes located by :func:`linger.pp.annotate_genes`.
    max_distance
        Half-width of the window around a TSS, in bp.
    check_build
        Refuse peaks that are no likelier at TSSs than 50 to 200 kb away, as they are where peaks and genes come from
        different genome builds. Needs 200 genes; otherwise chance could do that. Turn it off for peaks that leave out
        promoters on purpose.
    %(keys)s
    %(key_added)s
    %(copy)s

    Returns
    -------
    None, or the changed copy. Writes, with the default `key_added`:

    - ``mdata.varp["linger_distance"]``: distance in bp, CSR float32 over ``mdata.var_names`` (features x features),
      row = peak, column = gene. A stored value means that the pair is linked, also where it is 0;
    - ``atac.var``: chrom, start, end of every peak (from 0, half-open);
    - ``mdata.uns["linger"]["link_peaks"]``: max_distance, n_pairs, n_genes (with a peak), n_peaks (with a gene).

    Genes without location are left out and counted in the log.

    Raises
    ------
    KeyError
        If a modality is missing, or genes are not located yet.
    ValueError
        If cells or features are not as :func:`mudata.MuData` of paired data should have them, a peak does not
        parse, no gene is located, peaks and genes share no chromosome name or are evidently of different genome builds,
        or no pair is within the window.

    Notes
    -----
    The middle is what most tools measure from, and is the same for peaks of any width. LINGER (Yuan & Duren, Nature
    Biotechnology 2025) weights links by exp(-d / 25 kb), to which half the width of a peak makes no difference; its
    code measures from the start of the peak.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata, max_distance=200_000)
    >>> distance = mdata.varp["linger_distance"]
    >>> distance.shape, bool(distance.max() <= 200_000)
    ((360, 360), True)
    """
    _validate.valid_key(key_added)
    rna, atac = _validate.paired(mdata, rna_key=rna_key, atac_key=atac_key)
    if not max_distance >= 0 or not np.isfinite(max_distance):
        msg = f"max_distance must be a number of base pairs, 0 or more, found {max_distance}."
        raise ValueError(msg)
    rows, columns = _positions(mdata, rna, atac)
    peaks, genes = _validate.parse_peaks(atac), _located_genes(rna, rna_key)
    _check_chromosomes(peaks, genes, rna_key)
    axis = _one_axis(peaks, genes, max_distance)
    peak, gene, distance = _pairs(axis, max_distance)
    if not len(peak):
        _raise_no_pairs(axis, max_distance)
    if check_build:
        _check_build(axis)
    gene = genes["position"].to_numpy()[gene]
    shape = (mdata.n_vars, mdata.n_vars)
    linked = sparse.coo_matrix((distance.astype(np.float32), (rows[peak], columns[gene])), shape=shape).tocsr()
    n_genes, n_peaks = len(np.unique(gene)), len(np.unique(peak))
    logger.info("%d pairs within %g bp link %d genes and %d peaks.", len(peak), max_distance, n_genes, n_peaks)
    mdata = mdata.copy() if copy else mdata
    record = {"max_distance": max_distance, "n_pairs": len(peak), "n_genes": n_genes, "n_peaks": n_peaks}
    drop_fit(mdata, key_added, because="since they rest on earlier links")
    _write(mdata, linked, peaks, record, atac_key=atac_key, key_added=key_added)
    return mdata if copy else None


def _positions(mdata: MuData, rna: AnnData, atac: AnnData) -> tuple[np.ndarray, np.ndarray]:
    """Return where peaks and genes are on the joint axis."""
    fix = "var_names_make_unique() of one of the modalities and mdata.update()"
    _validate.unique_names(mdata.var_names, "feature names of the MuData", fix)
    rows, columns = (mdata.var_names.get_indexer(adata.var_names) for adata in (atac, rna))
    unknown = int((rows < 0).sum() + (columns < 0).sum())
    if unknown:
        msg = f"{unknown} genes or peaks are not in mdata.var_names: a modality has changed. Call mdata.update() first."
        raise ValueError(msg)
    return rows, columns


def _located_genes(rna: AnnData, rna_key: str) -> pd.DataFrame:
    """Return chrom, tss and position in the modality of the genes that have a location."""
    fix = "lg.pp.annotate_genes(mdata, annotation=...)"
    _validate.columns(rna.var, [CHROM, TSS], f"{rna_key}.var", fix)
    genes = pd.DataFrame(
        {
            CHROM: rna.var[CHROM].astype("object").to_numpy(),
            TSS: pd.to_numeric(rna.var[TSS], errors="coerce").astype("Float64").to_numpy(np.float64, na_value=np.nan),
            "position": np.arange(rna.n_vars),
        }
    )
    located = genes[CHROM].notna() & (genes[TSS] >= 0)
    if not located.any():
        msg = f"No gene of {rna_key!r} has a location: {rna_key}.var[['chrom', 'tss']] holds none. Call {fix} first."
        raise ValueError(msg)
    if not located.all():
        without = rna.var_names[~located]
        logger.info("%d genes without location get no peaks: %s", len(without), _validate.preview(without))
    return genes[located].astype({CHROM: str, TSS: np.int64}).reset_index(drop=True)


def _check_chromosomes(peaks: pd.DataFrame, genes: pd.DataFrame, rna_key: str) -> None:
    """Raise if peaks and genes share no chromosome name, with the fix if only the prefix differs."""
    of_peaks, of_genes = pd.Index(peaks[CHROM].unique()), pd.Index(genes[CHROM].unique())
    if len(of_peaks.intersection(of_genes)):
        return
    column = f"mdata[{rna_key!r}].var['chrom']"
    if len(of_peaks.intersection("chr" + of_genes)):
        fix = f"Run {column} = {column}.map('chr{{}}'.format, na_action='ignore')."
    elif len(("chr" + of_peaks).intersection(of_genes)):
        fix = (
            "The genome file for lg.pp.scan_motifs must name chromosomes as the peaks do, too: Ensembl's say '1', UCSC's 'chr1'. "
            f"Run {column} = {column}.str.removeprefix('chr')."
        )
    else:
        fix = "Are they of one species? Annotate genes with the genome of the peaks: lg.pp.annotate_genes."
    msg = (
        f"Peaks and genes share no chromosome: peaks are on {_validate.preview(of_peaks, 3)}, "
        f"genes on {_validate.preview(of_genes, 3)}. {fix}"
    )
    raise ValueError(msg)


def _one_axis(peaks: pd.DataFrame, genes: pd.DataFrame, max_distance: float) -> _Axis:
    """Put the chromosomes that have peaks one after the other; genes on the others are left at -1 far from all."""
    codes, names = pd.factorize(peaks[CHROM], sort=True)
    reach = int(max(max_distance, max(_SHIFTS) + _PROMOTER))
    length = 2 * reach + int(max(peaks[END].max(), genes[TSS].max())) + 1
    offset = (codes + 1) * length
    number = names.get_indexer(pd.Index(genes[CHROM]))
    tss = np.where(number < 0, -length, (number + 1) * length + genes[TSS].to_numpy())
    return _Axis(peaks[START].to_numpy() + offset, peaks[END].to_numpy() + offset, tss)


def _pairs(axis: _Axis, max_distance: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return peak, gene and distance of all pairs within `max_distance`, by binary search among sorted middles."""
    middle = (axis.start + axis.end) // 2
    order = np.argsort(middle, kind="stable")
    ordered = middle[order]
    first = np.searchsorted(ordered, axis.tss - max_distance, side="left")
    last = np.searchsorted(ordered, axis.tss + max_distance, side="right")
    sizes = last - first
    gene = np.repeat(np.arange(len(axis.tss)), sizes)
    peak = order[np.arange(sizes.sum()) + np.repeat(first - (np.cumsum(sizes) - sizes), sizes)]
    return peak, gene, np.abs(middle[peak] - axis.tss[gene])


def _raise_no_pairs(axis: _Axis, max_distance: float) -> None:
    middle = np.sort((axis.start + axis.end) // 2)
    right = np.searchsorted(middle, axis.tss).clip(1, max(len(middle) - 1, 1))
    neighbours = middle[np.stack([right - 1, right.clip(max=len(middle) - 1)])]
    nearest = np.abs(neighbours - axis.tss)[:, axis.tss >= 0].min()
    msg = (
        f"No peak lies within max_distance = {max_distance:g} bp of a TSS; the nearest is {nearest} bp away. "
        "Raise max_distance, or check that genes and peaks are of the same genome build."
    )
    raise ValueError(msg)


def _check_build(axis: _Axis) -> None:
    """Raise if TSSs are no likelier to have a peak than places 50 to 200 kb away, as in the wrong genome build."""
    axis = axis._replace(tss=axis.tss[axis.tss >= 0])
    if len(axis.tss) < _MIN_GENES:
        return
    at, away = _share_near(axis, 0), float(np.mean([_share_near(axis, shift) for shift in _SHIFTS]))
    if away * len(axis.tss) < _MIN_HITS:
        return
    pseudo = 0.5 / len(axis.tss)  # keeps the odds finite
    odds = (at + pseudo) / (1 - at + pseudo) * (1 - away + pseudo) / (away + pseudo)
    logger.debug("%.3f of TSSs have a peak within 1 kb, %.3f away from them, odds ratio %.2f", at, away, odds)
    if odds < _MIN_ODDS:
        msg = (
            f"Only {at:.1%} of {len(axis.tss)} genes have a peak within 1 kb of the TSS, and {away:.1%} have one near "
            "places 50-200 kb off it: peaks and genes seem to be of different genome builds (hg19 and hg38, say). "
            "Call lg.pp.annotate_genes with the build of the peaks. If the peaks leave out promoters on purpose, pass "
            "check_build=False."
        )
        raise ValueError(msg)


def _share_near(axis: _Axis, shift: int) -> float:
    """Return the share of TSSs, moved by `shift` bp, with a peak within 1 kb."""
    tss = axis.tss + shift
    begun = np.searchsorted(np.sort(axis.start), tss + _PROMOTER, side="right")
    over = np.searchsorted(np.sort(axis.end), tss - _PROMOTER, side="left")
    return float((begun > over).mean())


def _write(
    mdata: MuData,
    linked: sparse.csr_matrix,
    peaks: pd.DataFrame,
    record: dict[str, float],
    *,
    atac_key: str,
    key_added: str,
) -> None:
    """Write links, peak locations and parameters."""
    for column in (CHROM, START, END):
        mdata.mod[atac_key].var[column] = peaks[column]
    mdata.varp[_keys.slot(key_added, _keys.DISTANCE)] = linked
    mdata.uns[key_added] = dict(mdata.uns.get(key_added, {})) | {"link_peaks": record}
