"""Which TFs open the chromatin of each cell type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from linger._docs import docs
from linger._enrichment import MotifHits, enrichment, motif_hits, peak_strata
from linger._groups import MIN_CELLS, cell_groups
from linger._joint_axis import on_joint_axis
from linger._keys import COACTIVITY, DEFAULT_KEY, MOTIF, SPECIFIC_PEAKS, TF_IMPORTANCE, slot
from linger._logging import logger
from linger._validate import paired, positions, preview, tf_mask, valid_key
from linger.pp._metacells import metacells as make_metacells
from linger.tl._design import read_values, standardize
from linger.tl._group_means import compute_group_means, write_group_means
from linger.tl._specific_peaks import specific_peaks

if TYPE_CHECKING:
    from mudata import MuData

_MIN_COACTIVITY = 0.01  # below, C^s would depend on noise around 0
_BLOCK = 4096  # peaks whose correlations with all TFs are held at a time


@docs.dedent
def tf_importance(
    mdata: MuData,
    groupby: str,
    *,
    metacells: MuData | None = None,
    n_peaks: int = 5000,
    max_p_adj: float = 0.05,
    max_p_motif: float = 0.05,
    min_cells: int = MIN_CELLS,
    rna_key: str = "rna",
    atac_key: str = "atac",
    layer: str | None = None,
    key_added: str = DEFAULT_KEY,
    rng: int = 0,
    copy: bool = False,
) -> MuData | None:
    r"""Score how much each TF prefers to open the peaks of each cell type, for :func:`linger.get.network` to weigh networks with.

    After Yuan & Duren 2024 (Methods), for every type:

    1. The peaks specific to it: at most `n_peaks`, by Welch's t-test against all other cells.
    2. The motifs enriched in them, against all peaks of like GC content, length and accessibility.
    3. The correlation r_kj of TF and specific peak over metacells, as a z-score against permuted barcodes. A Pearson correlation
       under permutation has mean 0 and variance 1 / (N - 1) exactly, so z_kj = r_kj sqrt(N - 1) for N metacells.
    4. The coactivity of TF k and motif m, the mean of z_kj over the specific peaks with the motif; the importance s_k, the mean of that over
       the TF's motifs with an enrichment p-value below `max_p_motif`, else 0.

    Parameters
    ----------
    %(mdata)s Needs TFs (:func:`linger.pp.mark_tfs`) and motifs (:func:`linger.pp.scan_motifs`); a fit is not needed.
    groupby
        Column of ``obs`` with the cell types, in the MuData or either modality; every cell must have one.
    metacells
        Metacells of the same data from :func:`linger.pp.metacells`, over which correlations are taken; None makes them with its
        defaults within `groupby`.
    n_peaks
        Most peaks of a type.
    max_p_adj
        Largest adjusted p-value of a specific peak.
    max_p_motif
        Largest p-value of an enriched motif.
    min_cells
        Smallest type allowed.
    %(rna_key)s
    %(atac_key)s
    %(layer)s
    %(key_added)s
    %(rng)s
    %(copy)s

    Returns
    -------
    None, or the copy. Writes

    - ``rna.varm["linger_tf_importance"]``: s, genes x groups, float32, NaN where a gene is no TF (:func:`linger.get.tf_importance` has it
      as a table), and ``uns["linger"]["tf_importance"]``: groups, settings, numbers of specific peaks and of metacells, enrichment of
      motifs (:func:`linger.get.motif_enrichment` has it as a table).
    - ``atac.varm["linger_specific_peaks"]``: peaks x groups, bool.
    - ``varp["linger_coactivity"]``: correlation of TF and peak over metacells at the motif hits, at least 0.01, CSR float32.
    - the means of the groups, as :func:`linger.tl.group_means`.

    Raises
    ------
    KeyError
        If a modality or column is missing, or there are no motifs.
    ValueError
        If cells are not paired, there is one group only, cells have no group, a group is smaller than `min_cells`, values are not
        counts, or there are fewer than 3 metacells.

    Notes
    -----
    Memory: ``4 * n_metacells * n_peaks`` bytes beside the data, and 8 bytes for every motif hit.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.tl.tf_importance(mdata, "cell_type")
    >>> lg.get.tf_importance(mdata, group="type_1").columns.tolist()
    ['group', 'tf', 'importance', 'n_enriched', 'motif', 'p_value']
    """
    valid_key(key_added)
    rna, atac = paired(mdata, rna_key=rna_key, atac_key=atac_key)
    known = motif_hits(mdata, key=key_added, rna_key=rna_key, atac_key=atac_key)
    groups = cell_groups(mdata, groupby, rna.obs_names.sort_values(), min_cells, keys=(rna_key, atac_key))
    if groups.value_counts().min() < 2:
        msg = f"A group of {groupby!r} has one cell, and a t-test needs two. Raise min_cells to see which, and merge or drop it."
        raise ValueError(msg)
    if groups.nunique() < 2:
        msg = (
            f"Column {groupby!r} has one group only, and importance compares groups. Networks do without it (C^s = 1)."
        )
        raise ValueError(msg)
    if metacells is None:
        metacells = make_metacells(
            mdata, groupby=groupby, min_cells=min_cells, rna_key=rna_key, atac_key=atac_key, layer=layer, rng=rng
        )
    means = compute_group_means(mdata, groupby, min_cells=min_cells, rna_key=rna_key, atac_key=atac_key, layer=layer)
    specific = specific_peaks(atac, groups, n_peaks=n_peaks, max_p_adj=max_p_adj, layer=layer, name=atac_key)
    names = means.sizes.index
    _warn_of_few(specific, names)
    stratum, matched = peak_strata(
        mdata, ("gc", "length", "accessibility"), key=key_added, atac_key=atac_key, layer=layer
    )
    motifs = enrichment(known.hits, specific, stratum)
    enriched = motifs.p_value < max_p_motif
    tfs = rna.var_names[tf_mask(rna, rna_key)].sort_values()
    profiles = _profiles(metacells, tfs, atac.var_names, rna_key=rna_key, atac_key=atac_key)
    importance = np.full((rna.n_vars, len(names)), np.nan, dtype=np.float32)
    importance[rna.var_names.get_indexer(profiles.tfs)] = _importance(profiles, known, specific, enriched)
    coactivity = _coactivity(mdata, profiles, atac.var_names, key=key_added)
    target = mdata.copy() if copy else mdata
    write_group_means(target, means, key_added=key_added)
    target.mod[rna_key].varm[slot(key_added, TF_IMPORTANCE)] = importance
    target.mod[atac_key].varm[slot(key_added, SPECIFIC_PEAKS)] = specific
    target.varp[slot(key_added, COACTIVITY)] = coactivity
    record: dict[str, Any] = {
        "groupby": groupby,
        "groups": names.to_numpy(dtype=object),
        "n_metacells": profiles.tf.shape[1],
        "n_specific_peaks": specific.sum(axis=0),
        "n_peaks": n_peaks,
        "max_p_adj": max_p_adj,
        "max_p_motif": max_p_motif,
        "matched": np.array(matched, dtype=object),
        "rng": rng,
        "enrichment": motifs._asdict(),  # motifs x groups
    }
    target.uns[key_added] = dict(target.uns[key_added]) | {TF_IMPORTANCE: record}
    return target if copy else None


class _Profiles(NamedTuple):
    """Standardised values over metacells."""

    tfs: pd.Index
    tf: np.ndarray
    """TFs x metacells."""
    peak: np.ndarray
    """Peaks x metacells."""


def _profiles(metacells: MuData, tfs: pd.Index, peaks: pd.Index, *, rna_key: str, atac_key: str) -> _Profiles:
    cells = metacells.mod[rna_key].obs_names.sort_values()
    if len(cells) < 3:
        msg = f"There are {len(cells)} metacells; correlations need 3 or more. Make more: lg.pp.metacells(mdata, n_metacells=)."
        raise ValueError(msg)
    return _Profiles(
        tfs,
        standardize(read_values(metacells.mod[rna_key], cells, tfs)).values,
        standardize(read_values(metacells.mod[atac_key], cells, peaks)).values,
    )


def _importance(profiles: _Profiles, known: MotifHits, specific: np.ndarray, enriched: np.ndarray) -> np.ndarray:
    """Return s, TFs x groups (steps 3 and 4)."""
    n = profiles.tf.shape[1]
    row = profiles.tfs.get_indexer(known.tfs)
    found = np.zeros((len(profiles.tfs), specific.shape[1]))
    for number in range(specific.shape[1]):
        inside = np.flatnonzero(specific[:, number])
        hits = known.hits[inside]
        z = profiles.tf @ profiles.peak[inside].T * (np.sqrt(n - 1) / n)
        coactivity = (hits.T @ z.T.astype(np.float64)).T / np.maximum(hits.sum(axis=0).A1, 1)
        use = enriched[known.columns, number]
        total = np.bincount(row[use], coactivity[row[use], known.columns[use]], len(found))
        found[:, number] = total / np.maximum(np.bincount(row[use], minlength=len(found)), 1)
    return found


def _coactivity(mdata: MuData, profiles: _Profiles, peaks: pd.Index, *, key: str) -> sparse.csr_matrix:
    """Return the correlation of TF and peak at the motif hits, on the joint axis."""
    rows, cols = positions(mdata.var_names, profiles.tfs), positions(mdata.var_names, peaks)
    hits = sparse.csc_matrix(sparse.csr_matrix(mdata.varp[slot(key, MOTIF)])[np.ix_(rows, cols)], dtype=np.float32)
    hits.eliminate_zeros()
    for first in range(0, hits.shape[1], _BLOCK):
        inside = slice(hits.indptr[first], hits.indptr[min(first + _BLOCK, hits.shape[1])])
        correlation = profiles.tf @ profiles.peak[first : first + _BLOCK].T / profiles.tf.shape[1]
        column = np.repeat(np.arange(hits.shape[1]), np.diff(hits.indptr))[inside] - first
        hits.data[inside] = correlation[hits.indices[inside], column]
    hits.data = np.maximum(hits.data, np.float32(_MIN_COACTIVITY))
    return on_joint_axis(hits, rows, cols, mdata.n_vars)


def _warn_of_few(specific: np.ndarray, names: pd.Index) -> None:
    few = [f"{name} ({n})" for name, n in zip(names, specific.sum(axis=0), strict=True) if n < 20]
    if few:
        logger.warning(
            "%d groups have fewer than 20 specific peaks, too few to tell motifs apart: %s. Their TFs have little or no importance; "
            "more cells, or coarser groups, may help.",
            len(few),
            preview(few),
        )
