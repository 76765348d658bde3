"""The joint axis of a MuData, genes and peaks, on which every network is laid out."""

from __future__ import annotations

import numpy as np
from scipy import sparse


def on_joint_axis(matrix: sparse.spmatrix, rows: np.ndarray, cols: np.ndarray, n: int) -> sparse.csr_matrix:
    """Place a matrix on the n x n joint axis at the given rows and columns, zeros left out."""
    coo = sparse.coo_matrix(matrix)
    nonzero = coo.data != 0
    placed = sparse.csr_matrix((coo.data[nonzero], (rows[coo.row[nonzero]], cols[coo.col[nonzero]])), shape=(n, n))
    placed.sort_indices()
    return placed
