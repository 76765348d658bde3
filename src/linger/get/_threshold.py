"""Which edges of a network to keep."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse

Per = Literal["source", "target"]


def check_threshold(top: float | None, per: str | None, min_z: float | None) -> None:
    """Raise unless the three make sense."""
    whole = isinstance(top, Integral) and not isinstance(top, bool) and int(top) >= 1
    share = isinstance(top, Real) and not isinstance(top, Integral) and 0 < float(top) < 1
    if top is not None and not (whole or share):
        msg = f"top must be a number of edges (1 or more) or a fraction of them between 0 and 1, found {top!r}."
        raise ValueError(msg)
    if per not in (None, "source", "target") or (per is not None and top is None):
        msg = f"per must be 'source' or 'target', and needs top; found per={per!r}, top={top!r}."
        raise ValueError(msg)
    if min_z is not None and not np.isfinite(min_z):
        msg = f"min_z must be a finite number such as 1.96, found {min_z!r}."
        raise ValueError(msg)


def strongest(
    matrix: sparse.csr_matrix,
    sources: pd.Index,
    targets: pd.Index,
    *,
    top: float | None,
    per: Per | None,
    min_z: float | None,
) -> sparse.csr_matrix:
    """Keep edges with a mean z-score above `min_z`, and of those the `top` (of each source or target); ties go by name."""
    if min_z is not None:
        matrix = _only(matrix, mean_z(matrix) > min_z)
    if top is None:
        return matrix
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    group = {None: np.zeros_like(row), "source": row, "target": matrix.indices}[per]
    size = np.bincount(group)
    wanted = np.ceil(size * top).astype(int) if 0 < top < 1 else np.full(len(size), int(top))
    candidates = np.arange(matrix.nnz)
    if per is None and matrix.nnz > wanted.max(initial=0):  # most edges need no sorting
        n = matrix.nnz - int(wanted[0])
        candidates = np.flatnonzero(matrix.data >= np.partition(matrix.data, n)[n])
    by_name = [
        rank[index[candidates]] for rank, index in ((name_ranks(targets), matrix.indices), (name_ranks(sources), row))
    ]
    order = candidates[np.lexsort((*by_name, -matrix.data[candidates], group[candidates]))]
    start = np.concatenate([[0], np.cumsum(np.bincount(group[order], minlength=len(size)))])
    place = np.arange(len(order)) - start[group[order]]
    kept = np.zeros(matrix.nnz, dtype=bool)
    kept[order[place < wanted[group[order]]]] = True
    return _only(matrix, kept)


def mean_z(matrix: sparse.csr_matrix) -> np.ndarray:
    """Return, for every stored edge, half of its z-score among the targets of its source plus that among the sources of its target.

    As the authors' package documents it. Zeros count in means and standard deviations; where nothing varies, z is 0.

    Examples
    --------
    >>> mean_z(sparse.csr_matrix([[4.0, 0.0], [0.0, 0.0]]))
    array([1.])
    """
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    values = matrix.data.astype(np.float64)
    total = np.zeros_like(values)
    for index, n_groups, n in ((row, *matrix.shape), (matrix.indices, *matrix.shape[::-1])):
        mean = np.bincount(index, values, n_groups) / n
        deviations = np.bincount(index, (values - mean[index]) ** 2, n_groups)
        absent = n - np.bincount(index, minlength=n_groups)
        sd = np.sqrt((deviations + absent * mean**2) / n)
        total += np.divide(values - mean[index], sd[index], out=np.zeros_like(values), where=sd[index] > 0)
    return total / 2


def name_ranks(names: pd.Index) -> np.ndarray:
    """Return where each name stands in the alphabet."""
    ranks = np.empty(len(names), dtype=np.int64)
    ranks[names.argsort()] = np.arange(len(names))
    return ranks


def _only(matrix: sparse.csr_matrix, kept: np.ndarray) -> sparse.csr_matrix:
    found = matrix.copy()
    found.data[~kept] = 0
    found.eliminate_zeros()
    return found
