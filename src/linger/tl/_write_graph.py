"""Write a fitted graph into the slots of a MuData."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from linger._keys import (
    ALPHA_SCALE,
    BINDING,
    CIS,
    CIS_SIGN,
    CORRELATION,
    D0,
    FITTED,
    R2,
    TRANS,
    TRANS_PATH,
    TRANS_SIGN,
    slot,
)

if TYPE_CHECKING:
    from mudata import MuData

    from linger.tl._design import Design
    from linger.tl._ensemble import Graph


def write_graph(
    mdata: MuData,
    design: Design,
    graph: Graph,
    quality: pd.DataFrame | None,
    record: dict[str, Any],
    *,
    share: float,
    rna_key: str,
    key_added: str,
) -> None:
    """Write all slots of :func:`linger.tl.fit`; everything is computed before the first is touched."""
    place = {
        name: mdata.var_names.get_indexer(names)
        for name, names in design._asdict().items()
        if isinstance(names, pd.Index)
    }
    n = mdata.n_vars
    gamma, gamma_sign = (sparse.csr_matrix(values.T) for values in (graph.gamma, graph.gamma_sign))
    binding = strongest_pairs(graph.alpha, design.affinity, share)
    scale = alpha_scale(binding, design.affinity)
    slots = {
        TRANS: on_joint_axis(gamma, place["tfs"], place["genes"], n),
        TRANS_SIGN: on_joint_axis(gamma_sign, place["tfs"], place["genes"], n),
        TRANS_PATH: on_joint_axis(_path(design, graph, binding, scale), place["tfs"], place["genes"], n),
        CIS: on_joint_axis(graph.beta.T, place["peaks"], place["genes"], n),
        CIS_SIGN: on_joint_axis(graph.beta_sign.T, place["peaks"], place["genes"], n),
        BINDING: on_joint_axis(binding.T, place["tfs"], place["peaks"], n),
    }
    var = _gene_columns(mdata.mod[rna_key].var_names, design.genes, quality)
    var[ALPHA_SCALE] = pd.Series(scale, index=design.tfs).reindex(var.index)
    for name, matrix in slots.items():
        mdata.varp[slot(key_added, name)] = matrix
    for column in (FITTED, ALPHA_SCALE, R2, CORRELATION):
        if column in var:
            mdata.mod[rna_key].var[slot(key_added, column)] = var[column]
        else:  # quality of an earlier fit must not pass for this one's
            mdata.mod[rna_key].var.drop(columns=slot(key_added, column), errors="ignore", inplace=True)
    kept = dict(mdata.uns.get(key_added, {}))
    kept.pop("store", None)
    mdata.uns[key_added] = kept | {name: value for name, value in record.items() if value is not None}


def on_joint_axis(matrix: sparse.spmatrix, rows: np.ndarray, cols: np.ndarray, n: int) -> sparse.csr_matrix:
    """Place a matrix on the n x n joint axis at the given rows and columns, zeros left out."""
    coo = sparse.coo_matrix(matrix)
    nonzero = coo.data != 0
    placed = sparse.csr_matrix((coo.data[nonzero], (rows[coo.row[nonzero]], cols[coo.col[nonzero]])), shape=(n, n))
    placed.sort_indices()
    return placed


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


def alpha_scale(alpha: sparse.csr_matrix, affinity: sparse.csr_matrix | None) -> np.ndarray:
    """Return the factor on alpha away from motif hits, one a TF.

    0 for TFs with motif hits; for those without, what makes their binding sum to that of the average TF with hits, alpha + B
    summed over its hits; 1 where no TF has any.
    """
    total = np.asarray(alpha.sum(axis=0)).ravel()
    if affinity is None or not affinity.nnz:
        return np.ones(len(total), dtype=np.float32)
    known = affinity.getnnz(axis=0) > 0
    at_hits = affinity.sum() + alpha.multiply(affinity > 0).sum()
    return np.divide(at_hits / known.sum(), total, out=np.zeros_like(total), where=~known & (total > 0))


def _path(design: Design, graph: Graph, alpha: sparse.csr_matrix, scale: np.ndarray) -> sparse.csr_matrix:
    """Return sum_j TFB_kj CRP_ij of every TF and gene (see :func:`linger.get.matrix`), T x G."""
    binding = alpha @ sparse.diags(scale)
    if design.affinity is not None:
        binding = binding + design.affinity + alpha.multiply(design.affinity > 0)
    near = sparse.csr_matrix(
        (np.exp(-design.links.data / D0), design.links.indices, design.links.indptr), design.links.shape
    )
    return sparse.csr_matrix((graph.beta.multiply(near) @ binding).T, dtype=np.float32)


def _gene_columns(names: pd.Index, genes: pd.Index, quality: pd.DataFrame | None) -> pd.DataFrame:
    columns = pd.DataFrame({FITTED: names.isin(genes)}, index=names)
    if quality is not None:
        columns[[R2, CORRELATION]] = quality[["r2", "correlation"]].reindex(names)
    return columns
