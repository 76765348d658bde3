"""Predicted against measured changes after TFs are perturbed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from linger._validate import columns
from linger.bm._evaluate import evaluate


def knockouts(predicted: pd.DataFrame, truth: pd.DataFrame, *, n_strongest: int = 50) -> pd.DataFrame:
    """Compare predicted with measured changes of expression, TF by TF.

    Parameters
    ----------
    predicted
        Change of every gene (column) when each TF (row) is perturbed: of :func:`linger.get.perturbation_screen`, or of any other tool.
    truth
        Columns source (TF), target, log_fc: the genes that change (:func:`linger.bm.truth.differential`), others did not; a TF itself is left out.
    n_strongest
        True targets of which the sign is compared, those of largest absolute change.

    Returns
    -------
    One row a TF in both: ``auroc`` and ``aupr_ratio`` of absolute predicted changes for the genes that change, ``sign_accuracy`` (share of the strongest true targets whose
    predicted change has the right sign; no change counts half), ``correlation`` (Spearman, of predicted and measured change over all genes, those not listed being 0), ``n_pos``, ``n``.

    Raises
    ------
    KeyError
        If a column is missing.
    ValueError
        If no TF is in both, or `n_strongest` is not positive.

    Examples
    --------
    >>> predicted = pd.DataFrame([[-1.0, 0.1, 0.5]], index=["A"], columns=["x", "y", "z"])
    >>> truth = pd.DataFrame({"source": "A", "target": ["x", "z"], "log_fc": [-2.0, 1.0]})
    >>> knockouts(predicted, truth).loc["A", ["auroc", "sign_accuracy"]].tolist()
    [1.0, 1.0]
    """
    columns(truth, ["source", "target", "log_fc"], "truth", "lg.bm.truth.differential(tables)")
    if n_strongest < 1:
        msg = f"n_strongest must be 1 or more, found {n_strongest}."
        raise ValueError(msg)
    chosen = predicted.set_axis(predicted.columns.astype(str), axis=1).set_axis(predicted.index.astype(str))
    genes = chosen.columns
    known = truth.astype({"source": str, "target": str}).drop_duplicates(["source", "target"])
    known = known[known["target"].isin(genes) & (known["source"] != known["target"])]
    tfs = chosen.index[chosen.index.isin(known["source"])]
    if not len(tfs):
        msg = f"None of the {len(chosen)} rows is a TF with a measured change among the {len(genes)} genes. Rows must be TFs, and names those of the truth."
        raise ValueError(msg)
    chosen = chosen.loc[tfs]
    pairs = pd.MultiIndex.from_product([tfs, genes], names=["source", "target"])
    scores = pd.DataFrame({"weight": np.abs(chosen.to_numpy(float)).ravel()}, pairs).reset_index()
    table = evaluate(scores[scores["source"] != scores["target"]], known, universe="rows")[
        ["auroc", "aupr_ratio", "n_pos", "n"]
    ]
    changes = known.pivot(index="source", columns="target", values="log_fc").reindex(index=tfs, columns=genes)
    rows = {}
    for tf in tfs:
        others = genes != tf
        p, m = chosen.loc[tf].to_numpy(float)[others], changes.loc[tf].fillna(0).to_numpy(float)[others]
        top = np.argsort(-np.abs(m), kind="stable")[: min(n_strongest, np.count_nonzero(m))]
        agree = np.where(p[top] == 0, 0.5, np.sign(p[top]) == np.sign(m[top]))
        rows[tf] = {"sign_accuracy": agree.mean() if len(top) else np.nan, "correlation": _spearman(p, m)}
    found = pd.DataFrame(rows).T
    return table.join(found)[["auroc", "aupr_ratio", "sign_accuracy", "correlation", "n_pos", "n"]]


def _spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Return the correlation of ranks; 0 where one does not vary: a prediction of nothing explains nothing."""
    if not (np.ptp(x) and np.ptp(y)):
        return 0.0
    return float(np.corrcoef(rankdata(x), rankdata(y))[0, 1])
