"""How much of each gene or peak a set of cells has: the E and O that re-weight a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from linger._validate import cell_positions, get_counts

if TYPE_CHECKING:
    from anndata import AnnData

_BLOCK = 4096  # cells read at a time, so that backed data stay on disk


class Shares(NamedTuple):
    """Counts over depth."""

    values: sparse.csr_matrix
    """Cells x features, 1 on average over all features; empty cells stay empty."""
    filled: np.ndarray
    """Whether a cell has counts, as 0 or 1."""

    def mean(self, weights: sparse.csr_matrix) -> np.ndarray:
        """Return weighted means over the cells that have counts, sets x features."""
        return (weights @ self.values).toarray() / np.maximum(weights @ self.filled, 1e-9)[:, None]


def shares(
    adata: AnnData, cells: pd.Index, *, features: pd.Index | None = None, layer: str | None, name: str
) -> Shares:
    """Return counts over a cell's depth, times the number of features.

    Parameters
    ----------
    adata
        One modality, backed on disk or not.
    cells
        Cells to read, in this order.
    features
        Features to return; None returns all. Depth and mean are always those of all features.
    layer, name
        As in :func:`linger._validate.get_counts`.
    """
    part = adata if cells.equals(adata.obs_names) else adata[cell_positions(adata.obs_names, cells, repr(name))]
    counts = get_counts(part, layer=layer, name=name)
    depth = counts.sum(axis=1, dtype=np.float64).A1
    if features is not None:
        counts = counts[:, adata.var_names.get_indexer(features)]
    scale = np.divide(adata.n_vars, depth, out=np.zeros_like(depth), where=depth > 0)
    return Shares(sparse.csr_matrix(sparse.diags(scale.astype(np.float32)) @ counts), (depth > 0).astype(np.float64))


def mean_shares(
    adata: AnnData, weights: sparse.csr_matrix, cells: pd.Index, *, layer: str | None, name: str
) -> np.ndarray:
    """Return weighted means of :func:`shares` over the cells that have counts, reading only cells that have a weight, a block at a time.

    Parameters
    ----------
    adata
        One modality, backed on disk or not.
    weights
        Sets x cells, rows sum to 1.
    cells
        Names of its columns.
    layer, name
        As in :func:`linger._validate.get_counts`.

    Returns
    -------
    Sets x features, float64, 1 on average over features. Memory: 8 bytes for each of them.
    """
    used = np.flatnonzero(weights.getnnz(axis=0))
    used = used[np.argsort(cell_positions(adata.obs_names, cells[used], repr(name)))]  # the order on disk
    total, filled = np.zeros((weights.shape[0], adata.n_vars)), np.zeros(weights.shape[0])
    for first in range(0, len(used), _BLOCK):
        block = used[first : first + _BLOCK]
        read = shares(adata, cells[block], layer=layer, name=name)
        part = weights[:, block].astype(np.float64)
        total += (part @ read.values).toarray()
        filled += part @ read.filled
    return total / np.maximum(filled, 1e-9)[:, None]


def equal_weights(members: np.ndarray) -> sparse.csr_matrix:
    """Return rows of weights that take the mean over the True cells of each row of `members` (sets x cells)."""
    rows = sparse.csr_matrix(members, dtype=np.float64)
    return sparse.csr_matrix(sparse.diags(1 / np.maximum(rows.getnnz(axis=1), 1)) @ rows)
