"""Regulons: each TF with its strongest targets, as decoupler reads them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from linger._docs import docs
from linger._keys import DEFAULT_KEY, TRANS_SIGN
from linger._logging import logger
from linger._validate import known_names, known_tfs, modality
from linger.get._graph import fitted_slot
from linger.get._matrix import matrix
from linger.get._states import Weights

if TYPE_CHECKING:
    from mudata import MuData


@docs.dedent
def regulons(
    mdata: MuData,
    *,
    group: str | np.ndarray | pd.Series | None = None,
    tfs: str | Iterable[str] | None = None,
    targets: str | Iterable[str] | None = None,
    n_targets: int = 1000,
    min_targets: int = 1,
    signed: bool = False,
    weights: Weights = "paper",
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
    atac_key: str = "atac",
) -> pd.DataFrame:
    """Return a decoupler net of the TFs and their strongest targets.

    Trans strengths are quantile-normalised with every gene as a sample, so that a gene's TFs are compared by rank and no gene
    dominates because its network is large; then the strongest non-zero targets of every TF are taken (Yuan & Duren 2024, Methods).
    Weights are therefore not those of :func:`linger.get.network`, and many are equal: a TF has
    one weight for all genes among whose TFs it has the same rank.
    Ties go to the larger raw strength, then by name.

    Parameters
    ----------
    %(mdata)s
    group
        A group whose means are stored, or a mask of cells; None takes the population (see :func:`linger.get.matrix`).
    tfs, targets
        Names to keep; None keeps all. Weights are those of the whole network.
    n_targets
        Targets of a TF at most; TFs with fewer non-zero ones keep those.
    min_targets
        Leave out TFs with fewer.
    signed
        Multiply weights by the sign of the edge (+1 activates, -1 represses); edges of sign 0 are left out.
    %(weights)s
    %(key)s
    %(keys)s

    Returns
    -------
    Columns ``source``, ``target``, ``weight``; pairs are unique, strongest first within a TF.

    Raises
    ------
    KeyError
        If nothing was fitted under `key`, or the group is unknown.
    ValueError
        If `n_targets` or `min_targets` is not positive, or a mask of cells is empty.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> lg.get.regulons(mdata, n_targets=5).groupby("source").size().max()
    np.int64(5)
    """
    if n_targets < 1 or min_targets < 1:
        msg = f"n_targets and min_targets must be positive, found {n_targets} and {min_targets}."
        raise ValueError(msg)
    found = matrix(mdata, "trans", group=group, weights=weights, key=key, rna_key=rna_key, atac_key=atac_key)
    raw = found.matrix.toarray()
    if n_targets > raw.shape[1] / 2:
        logger.warning(
            "%d targets are more than half of the %d genes, so regulons hardly differ. Lower n_targets.",
            n_targets,
            raw.shape[1],
        )
    tf, gene = np.nonzero(raw)
    net = pd.DataFrame(
        {
            "source": found.sources.to_numpy()[tf],
            "target": found.targets.to_numpy()[gene],
            "weight": quantile_normalize(raw)[tf, gene],
            "raw": raw[tf, gene],
        }
    )
    if tfs is not None:
        net = net[net["source"].isin(known_tfs(tfs, found.sources, modality(mdata, rna_key).var_names))]
    if targets is not None:
        net = net[net["target"].isin(known_names(targets, found.targets, "targets"))]
    if signed:
        sign = fitted_slot(mdata, TRANS_SIGN, key, kinds=[TRANS_SIGN])
        rows, cols = mdata.var_names.get_indexer(found.sources), mdata.var_names.get_indexer(found.targets)
        net["sign"] = sign[rows][:, cols].toarray()[tf, gene][net.index]
        net = net[net["sign"] != 0]
    net = net.sort_values(["source", "weight", "raw", "target"], ascending=[True, False, False, True])
    net = net.groupby("source", sort=False).head(n_targets)
    net = net[net["source"].map(net["source"].value_counts()) >= min_targets].reset_index(drop=True)
    if signed:
        net["weight"] *= net["sign"]
    return net[["source", "target", "weight"]]


def quantile_normalize(values: np.ndarray) -> np.ndarray:
    """Give every column the same distribution: the mean of the sorted columns; ties get the mean over their ranks.

    Examples
    --------
    >>> quantile_normalize(np.array([[1.0, 30.0], [2.0, 10.0], [3.0, 20.0]]))
    array([[ 5.5, 16.5],
           [11. ,  5.5],
           [16.5, 11. ]])
    """
    reference = np.sort(values, axis=0).mean(axis=1)
    cumulative = np.concatenate([[0.0], np.cumsum(reference)])
    low = rankdata(values, method="min", axis=0).astype(int) - 1
    high = rankdata(values, method="max", axis=0).astype(int)
    return (cumulative[high] - cumulative[low]) / (high - low)
