"""Scores against truth: AUROC and AUPR ratio."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from linger._validate import columns

MEASURES = ["auroc", "aupr_ratio", "f1", "early_precision_ratio", "n_pos", "n"]


def evaluate(
    scores: pd.DataFrame,
    truth: pd.DataFrame,
    *,
    by: Literal["source", "target"] | None = "source",
    universe: Literal["rows", "product"] | pd.DataFrame = "product",
) -> pd.DataFrame:
    """Measure how well edge scores rank true edges.

    Parameters
    ----------
    scores
        Columns source, target, weight; higher means likelier. Pairs must be unique.
    truth
        Columns source, target: the true edges; where there is a column label (true or false), those that are true. Other columns are ignored.
    by
        Score every source (TF) over its targets, every target over its sources, or (None) all pairs together.
    universe
        The pairs that are ranked. ``"product"``: every scored source with every scored target. ``"rows"``: the rows of `scores`. Or a
        frame with columns source, target (such as the peaks and genes within reach of each other). Pairs without a score get the
        lowest rank, all tied. True edges outside the universe are left out.

    Returns
    -------
    One row a source (target, or all), those without true edges included: ``auroc`` (ties count half), ``aupr_ratio`` (average
    precision over the fraction of positives; 1 is random), ``f1`` at matched size (as many edges are called as are true, so F1, precision and recall
    are one number, the early precision; tied edges at the cut are called in part), ``early_precision_ratio`` (that over the fraction of
    positives), ``n_pos``, ``n``. Undefined values are NaN. Sorted by name.

    Raises
    ------
    KeyError
        If a column is missing.
    ValueError
        If pairs are scored twice, a weight is NaN, or no true edge lies in the universe.

    Notes
    -----
    Equal to ``sklearn.metrics.roc_auc_score`` and ``average_precision_score``, for all sources at once.

    Examples
    --------
    >>> scores = pd.DataFrame({"source": "A", "target": ["x", "y", "z"], "weight": [3.0, 2.0, 1.0]})
    >>> truth = pd.DataFrame({"source": ["A"], "target": ["x"]})
    >>> evaluate(scores, truth)["auroc"].tolist()
    [1.0]
    """
    pairs = rank_pairs(scores, truth, universe)
    group = pairs[by].to_numpy() if by is not None else np.full(len(pairs), "all", dtype=object)
    return _metrics(group, pairs["weight"].to_numpy(dtype=np.float64), pairs["positive"].to_numpy())


def true_edges(truth: pd.DataFrame) -> pd.DataFrame:
    """Return source and target of the true edges, once each; of a table with labels those labelled true."""
    if "label" in truth:
        labels = truth["label"]
        if not labels.isin([True, False, 0, 1]).all():
            msg = f"The labels of a truth set must be true or false (1 or 0), found {list(labels[~labels.isin([True, False, 0, 1])].unique()[:3])}."
            raise ValueError(msg)
        truth = truth[labels.astype(bool)]
    return truth[["source", "target"]].astype(str).drop_duplicates()


def rank_pairs(
    scores: pd.DataFrame, truth: pd.DataFrame, universe: Literal["rows", "product"] | pd.DataFrame
) -> pd.DataFrame:
    """Return the pairs to rank: source, target, weight (-inf where there is no score), positive."""
    columns(scores, ["source", "target", "weight"], "scores", "scores.rename(columns=...)")
    columns(truth, ["source", "target"], "truth", "truth.rename(columns=...)")
    if scores.duplicated(["source", "target"]).any() or scores["weight"].isna().any():
        msg = "Scores must have unique (source, target) pairs and no NaN. Aggregate them first, for example by groupby().max()."
        raise ValueError(msg)
    pairs = _pairs(scores, universe)
    positive = pd.MultiIndex.from_frame(pairs[["source", "target"]]).isin(pd.MultiIndex.from_frame(true_edges(truth)))
    if not positive.any():
        msg = "No true edge is among the pairs that are ranked. Do scores and truth use the same names (symbols, peak format, species)?"
        raise ValueError(msg)
    return pairs.assign(positive=positive)


def _pairs(scores: pd.DataFrame, universe: Literal["rows", "product"] | pd.DataFrame) -> pd.DataFrame:
    """Return all pairs to rank with their weights; unscored ones get -inf."""
    scored = scores[["source", "target", "weight"]].astype({"source": str, "target": str})
    if isinstance(universe, str) and universe not in ("rows", "product"):
        msg = f"universe must be 'rows', 'product' or a frame of pairs, found {universe!r}."
        raise ValueError(msg)
    if isinstance(universe, str) and universe == "rows":
        return scored
    if isinstance(universe, pd.DataFrame):
        pairs = universe[["source", "target"]].astype(str).drop_duplicates()
    else:
        names = [scored[side].unique() for side in ("source", "target")]
        pairs = pd.MultiIndex.from_product(names, names=["source", "target"]).to_frame(index=False)
    pairs = pairs.merge(scored, on=["source", "target"], how="left")
    return pairs.fillna({"weight": -np.inf})


def _metrics(group: np.ndarray, weight: np.ndarray, positive: np.ndarray) -> pd.DataFrame:
    """Compute all measures of all groups from one sort."""
    codes, names = pd.factorize(group, sort=True)
    n = np.bincount(codes)
    n_pos = np.bincount(codes, positive)
    rank = _rank_within(codes, weight)
    n_neg = n - n_pos
    defined = (n_pos > 0) & (n_neg > 0)
    wins = np.bincount(codes, rank * positive) - n_pos * (n_pos + 1) / 2
    auroc = np.divide(wins, n_pos * n_neg, out=np.full(len(n), np.nan), where=defined)
    precision = _average_precision(codes, weight, positive, n_pos)
    early = _early_precision(codes, weight, positive, n_pos)
    columns = {"auroc": auroc, "aupr_ratio": _over_chance(precision, n_pos / n), "f1": early}
    columns |= {"early_precision_ratio": _over_chance(early, n_pos / n), "n_pos": n_pos.astype(int), "n": n}
    return pd.DataFrame(columns, index=pd.Index(names, name="name"))


def _over_chance(value: np.ndarray, chance: np.ndarray) -> np.ndarray:
    return np.divide(value, chance, out=np.full(len(value), np.nan), where=chance > 0)


def _early_precision(codes: np.ndarray, weight: np.ndarray, positive: np.ndarray, n_pos: np.ndarray) -> np.ndarray:
    """Return the share of true edges among the n_pos highest of every group; of ties at the cut the expected share."""
    order = np.lexsort([-weight, codes])
    codes, weight, positive = codes[order], weight[order], positive[order]
    start = np.concatenate([[0], np.cumsum(np.bincount(codes))])[codes]
    tie = np.cumsum(np.append(True, (np.diff(codes) != 0) | (weight[1:] != weight[:-1]))) - 1
    first, size = np.unique(tie, return_index=True)[1], np.bincount(tie)
    room = n_pos[codes[first]] - (first - start[first])  # what the cut leaves for these ties
    called = np.clip(room, 0, size) / size
    hits = np.bincount(codes, positive * called[tie], minlength=len(n_pos))
    return np.divide(hits, n_pos, out=np.full(len(n_pos), np.nan), where=n_pos > 0)


def _rank_within(codes: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return ranks (from 1, ties averaged) of the weights within their groups."""
    order = rankdata(weight, method="dense").astype(np.int64)  # finite, so that groups can be kept apart by an offset
    combined = rankdata(codes.astype(np.int64) * (order.max() + 1) + order)
    before = np.concatenate([[0], np.cumsum(np.bincount(codes))])[codes]
    return combined - before


def _average_precision(codes: np.ndarray, weight: np.ndarray, positive: np.ndarray, n_pos: np.ndarray) -> np.ndarray:
    """Return sum over thresholds of precision times gain in recall; tied pairs enter together."""
    order = np.lexsort([-weight, codes])
    codes, weight, positive = codes[order], weight[order], positive[order]
    last_of_tie = np.append((np.diff(codes) != 0) | (weight[1:] != weight[:-1]), True)
    start = np.concatenate([[0], np.cumsum(np.bincount(codes))])[codes]
    hits = np.cumsum(positive)
    before = np.concatenate([[0], hits])[start]
    true, seen = (hits - before)[last_of_tie], (np.arange(1, len(codes) + 1) - start)[last_of_tie]
    group = codes[last_of_tie]
    same = np.append(False, group[1:] == group[:-1])
    gain = true - np.where(same, np.append(0, true[:-1]), 0)
    total = np.bincount(group, gain * true / seen, minlength=len(n_pos))
    return np.divide(total, n_pos, out=np.full(len(n_pos), np.nan), where=n_pos > 0)
