"""ROC and precision-recall curves of several networks, and F1 along the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from linger.bm._compare import shared_pairs
from linger.bm._evaluate import rank_pairs


def curves(
    networks: Mapping[str, pd.DataFrame],
    truth: pd.DataFrame,
    *,
    universe: pd.DataFrame | None = None,
    n_points: int = 500,
) -> pd.DataFrame:
    """Return ROC and precision-recall curves over all pairs together, to draw (:func:`linger.pl.roc`, :func:`linger.pl.precision_recall`).

    Parameters
    ----------
    networks
        By method, columns source, target, weight.
    truth
        Columns source, target: the true edges.
    universe
        The pairs to rank, as in :func:`linger.bm.compare`.
    n_points
        Thresholds kept of each curve, half of them evenly spaced in rank, half in recall; curves of scikit-learn hold all.

    Returns
    -------
    Columns ``method``, ``fpr``, ``tpr`` (recall), ``precision``, and of the whole method ``auroc``, ``average_precision`` and ``chance`` (the fraction of true edges).

    Raises
    ------
    KeyError, ValueError
        As :func:`linger.bm.compare`.

    Examples
    --------
    >>> net = pd.DataFrame({"source": "A", "target": ["x", "y", "z"], "weight": [3.0, 2.0, 1.0]})
    >>> curves({"mine": net}, net.head(1))["auroc"].iloc[0]
    np.float64(1.0)
    """
    from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

    pairs, parts = shared_pairs(networks, universe), []
    for name, net in networks.items():
        ranked = rank_pairs(net, truth, pairs)
        weight, positive = _finite(ranked["weight"]), ranked["positive"].to_numpy()
        fpr, tpr, _ = roc_curve(positive, weight, drop_intermediate=False)
        chance = positive.mean()
        called = tpr * chance + fpr * (1 - chance)
        precision = np.divide(tpr * chance, called, out=np.ones_like(called), where=called > 0)
        kept = _thinned(tpr, n_points)
        table = pd.DataFrame({"method": name, "fpr": fpr, "tpr": tpr, "precision": precision}).iloc[kept]
        table["auroc"], table["average_precision"] = (
            roc_auc_score(positive, weight),
            average_precision_score(positive, weight),
        )
        parts.append(table.assign(chance=chance))
    return pd.concat(parts, ignore_index=True)


def _thinned(recall: np.ndarray, n_points: int) -> np.ndarray:
    """Return positions on a curve, evenly spaced in rank and in recall: the strongest edges are few of many ranks."""
    if len(recall) <= n_points:
        return np.arange(len(recall))
    half = max(2, n_points // 2)
    by_rank = np.linspace(0, len(recall) - 1, half).round().astype(int)
    return np.union1d(by_rank, np.searchsorted(recall, np.linspace(0, 1, half)))


def f1_at_quantiles(
    scores: pd.DataFrame,
    truth: pd.DataFrame,
    *,
    by: Literal["source", "target"] | None = "source",
    universe: Literal["rows", "product"] | pd.DataFrame = "product",
    quantiles: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
) -> pd.DataFrame:
    """Return precision, recall and F1 when the edges above a quantile of the weights are called (Yuan & Duren 2024: nine of them).

    Parameters
    ----------
    scores, truth, by, universe
        As for :func:`linger.bm.evaluate`.
    quantiles
        Cut-offs; 0.9 calls the strongest tenth of a source's (target's) pairs, or fewer where pairs are tied with the quantile: these are
        not called.

    Returns
    -------
    Columns ``name``, ``quantile``, ``precision``, ``recall``, ``f1`` (NaN without true edges), ``n_called``.

    Raises
    ------
    KeyError, ValueError
        As :func:`linger.bm.evaluate`, or if a quantile does not lie between 0 and 1.

    Examples
    --------
    >>> scores = pd.DataFrame({"source": "A", "target": list("wxyz"), "weight": [4.0, 3.0, 2.0, 1.0]})
    >>> f1_at_quantiles(scores, scores.head(2), quantiles=[0.5])["f1"].tolist()
    [1.0]
    """
    if not all(0 < quantile < 1 for quantile in quantiles):
        msg = f"Quantiles must lie between 0 and 1, found {list(quantiles)}."
        raise ValueError(msg)
    table, parts = rank_pairs(scores, truth, universe), []
    table["name"] = "all" if by is None else table[by]
    table["weight"] = _finite(table["weight"])
    grouped = table.groupby("name")["weight"]
    n_pos = table.groupby("name")["positive"].sum()
    for quantile in quantiles:
        called = table[table["weight"] > table["name"].map(grouped.quantile(quantile, interpolation="lower"))]
        n_called = called.groupby("name").size().reindex(n_pos.index, fill_value=0)
        hits = called.groupby("name")["positive"].sum().reindex(n_pos.index, fill_value=0)
        part = pd.DataFrame({"quantile": quantile, "precision": hits / n_called.where(n_called > 0)})
        part["recall"] = hits / n_pos.where(n_pos > 0)
        part["f1"] = 2 * hits / (n_called + n_pos).where(n_pos > 0)
        parts.append(part.assign(n_called=n_called).reset_index())
    return pd.concat(parts, ignore_index=True).sort_values(["name", "quantile"], ignore_index=True)


def _finite(weight: pd.Series) -> np.ndarray:
    """Return ranks in place of weights, so that what is not scored (-inf) has a number too."""
    return np.unique(weight.to_numpy(np.float64), return_inverse=True)[1].astype(np.float64)
