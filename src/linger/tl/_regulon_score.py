"""The regulon score of the authors' package."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.stats import rankdata

if TYPE_CHECKING:
    from anndata import AnnData

_BLOCK = 512  # cells that are dense at a time
_TINY = 1e-6  # of the mean, added to the marginal sums so that none is 0


def regulon_score(data: AnnData, net: pd.DataFrame, *, n_min: int) -> pd.DataFrame:
    """Return (T x - E x) / (E x), T the weights of the net, x the expression of a cell, E what T is expected to be from its marginal sums.

    LingerGRN 1.117 (``TF_activity.regulon``): x are shares of a cell's counts, quantile-normalised over cells (the mean of the sorted
    cells by lowest rank); E_ki = sum_i T_ki sum_k T_ki / sum T.

    Parameters
    ----------
    data
        Cells x genes.
    net
        Columns source, target, weight.
    n_min
        Fewest targets among the genes of a TF that is scored.

    Returns
    -------
    Cells x TFs. Memory: a dense block of 512 cells.
    """
    stored = data.X.data if sparse.issparse(data.X) else data.X
    if net["weight"].min() < 0 or np.min(stored, initial=0) < 0:
        msg = "The regulon score of the authors needs weights (an unsigned net) and expression that are not negative."
        raise ValueError(msg)
    at = data.var_names.get_indexer(net["target"])
    net, at = net[at >= 0], at[at >= 0]
    enough = net["source"].map(net["source"].value_counts()).to_numpy() >= n_min
    net, at = net[enough], at[enough]
    tf, tfs = pd.factorize(net["source"], sort=True)
    used, column = np.unique(at, return_inverse=True)
    weights = sparse.csr_matrix((net["weight"].to_numpy(float), (tf, column)), shape=(len(tfs), len(used)))
    of_gene, of_tf = weights.sum(axis=0).A1, weights.sum(axis=1).A1
    of_gene, of_tf = of_gene + of_gene.mean() * _TINY, of_tf + of_tf.mean() * _TINY
    expected_tf = of_tf / of_gene.sum()
    chosen = data.X[:, used]
    reference = sum(np.sort(block, axis=1).sum(axis=0) for block in _shares(chosen)) / data.n_obs
    found = []
    for block in _shares(chosen):
        x = reference[rankdata(block, method="min", axis=1).astype(int) - 1]
        base = (x @ of_gene)[:, None] * expected_tf
        found.append((x @ weights.T - base) / base)
    return pd.DataFrame(np.vstack(found), index=data.obs_names, columns=tfs)


def _shares(values: Any) -> Iterator[np.ndarray]:
    """Yield dense blocks of cells, each cell over its sum."""
    for first in range(0, values.shape[0], _BLOCK):
        part = values[first : first + _BLOCK]
        block = part.toarray() if sparse.issparse(part) else np.asarray(part)
        total = block.sum(axis=1, keepdims=True, dtype=np.float64)
        yield np.divide(block, total, out=np.zeros(block.shape), where=total > 0)
