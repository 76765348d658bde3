"""Write a fitted graph into the slots of a MuData."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from linger._joint_axis import on_joint_axis
from linger._keys import (
    ALPHA_SCALE,
    BINDING,
    CIS,
    CIS_SIGN,
    CORRELATION,
    FITTED,
    PRIOR,
    R2,
    TRANS,
    TRANS_SIGN,
    slot,
)
from linger._stale import drop_derived
from linger._validate import positions

if TYPE_CHECKING:
    from mudata import MuData

    from linger.tl._design import Design
    from linger.tl._ensemble import Graph


class Slots(NamedTuple):
    """All that a fit writes, by name without the key."""

    varp: dict[str, sparse.csr_matrix]
    var: pd.DataFrame


def make_slots(
    mdata: MuData,
    design: Design,
    graph: Graph,
    quality: pd.DataFrame | None,
    in_prior: pd.Index,
    *,
    share: float,
    rna_key: str,
) -> Slots:
    """Lay a fitted graph out on the joint axis; changes nothing."""
    names = mdata.var_names
    tfs, genes, peaks = (positions(names, part) for part in (design.tfs, design.genes, design.peaks))
    gamma, gamma_sign = (sparse.csr_matrix(values.T) for values in (graph.gamma, graph.gamma_sign))
    binding = strongest_pairs(graph.alpha, design.affinity, share)
    scale = alpha_scale(binding, design.affinity, design.has_motif)
    parts = {
        TRANS: (gamma, tfs, genes),
        TRANS_SIGN: (gamma_sign, tfs, genes),
        CIS: (graph.beta.T, peaks, genes),
        CIS_SIGN: (graph.beta_sign.T, peaks, genes),
        BINDING: (binding.T, tfs, peaks),
    }
    var = _gene_columns(mdata.mod[rna_key].var_names, design.genes, quality)
    var[PRIOR] = var.index.isin(in_prior)
    var[ALPHA_SCALE] = pd.Series(scale, index=design.tfs).reindex(var.index)
    return Slots({name: on_joint_axis(*part, len(names)) for name, part in parts.items()}, var)


def write_slots(mdata: MuData, slots: Slots, record: dict[str, Any], *, rna_key: str, key_added: str) -> None:
    """Assign everything that :func:`make_slots` computed, and the record of the run."""
    for name, matrix in slots.varp.items():
        mdata.varp[slot(key_added, name)] = matrix
    drop_derived(mdata, key_added)
    var = mdata.mod[rna_key].var
    for column in slots.var:
        var[slot(key_added, str(column))] = slots.var[column]
    mdata.uns[key_added] = mdata.uns[key_added] | {name: value for name, value in record.items() if value is not None}


def strongest_pairs(alpha: np.ndarray, affinity: sparse.csr_matrix | None, share: float) -> sparse.csr_matrix:
    """Keep of `alpha` (peaks x TFs) the strongest `share` of all pairs, and every pair with a motif hit."""
    kept = int(share * alpha.size)
    cutoff = np.partition(alpha, alpha.size - kept, axis=None)[alpha.size - kept] if 0 < kept < alpha.size else 0.0
    keep = (alpha >= cutoff) & (alpha > 0) if kept else np.zeros(alpha.shape, dtype=bool)
    if affinity is not None:
        rows, cols = affinity.nonzero()
        keep[rows, cols] = True
    rows, cols = np.nonzero(keep)
    return sparse.csr_matrix((alpha[rows, cols], (rows, cols)), shape=alpha.shape)


def alpha_scale(alpha: sparse.csr_matrix, affinity: sparse.csr_matrix | None, has_motif: np.ndarray) -> np.ndarray:
    """Return the factor on the stored alpha (peaks x TFs) away from motif hits, one a TF.

    0 for TFs with a motif hit in any peak, linked or not; for those without, what makes their binding sum to that of the average TF with hits, alpha + B
    summed over its hits; 1 where no TF has any.
    """
    total = alpha.sum(axis=0).A1
    if affinity is None or not affinity.nnz:
        return np.where(has_motif, 0, np.ones_like(total))
    at_hits = affinity.sum() + alpha.multiply(affinity > 0).sum()
    return np.divide(at_hits / has_motif.sum(), total, out=np.zeros_like(total), where=~has_motif & (total > 0))


def _gene_columns(names: pd.Index, genes: pd.Index, quality: pd.DataFrame | None) -> pd.DataFrame:
    columns = pd.DataFrame({FITTED: names.isin(genes)}, index=names)
    if quality is not None:
        columns[[R2, CORRELATION]] = quality[["r2", "correlation"]].reindex(names)
    return columns
