"""Survival of samples with high and low activity of a TF."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from linger._docs import docs
from linger._keys import DEFAULT_KEY
from linger._logging import logger
from linger._validate import columns, valid_key

if TYPE_CHECKING:
    from anndata import AnnData

_LEAST = 2  # samples a side


@docs.dedent
def survival(
    adata: AnnData,
    time: str,
    *,
    event: str,
    cut: Literal["median", "mean"] | float = "median",
    key_added: str = DEFAULT_KEY,
    copy: bool = False,
) -> AnnData | None:
    """Compare the survival of samples with high and low activity of every TF: log-rank test.

    Yuan & Duren 2024 split tumours by the activity of a TF and compare their Kaplan-Meier curves. The test is that of ``lifelines``, which must be
    installed (``pip install "linger-multiome[survival]"``); :func:`linger.get.survival_curves` returns the curves.

    Parameters
    ----------
    adata
        Bulk samples (or pseudobulk of donors) with TF activity (:func:`linger.tl.tf_activity`).
    time
        Column of ``obs`` with the time to the event or to the end of observation.
    event
        Column of ``obs`` that says whether the event was seen: True or False, 1 or 0.
    cut
        Samples above this are high: ``"median"`` or ``"mean"`` of the TF's activity, or a quantile between 0 and 1.
    key_added
        Suffix of the scores, and key of the result.
    %(copy)s

    Returns
    -------
    None, or the copy. Writes ``uns["linger"]["survival"]``: one row a TF with ``n_high``, ``n_low``, ``events_high``, ``events_low``, ``expected_high`` (events among high samples if
    survival were the same), ``statistic`` (chi-squared, 1 degree of freedom), ``p_value``, ``p_adj`` (Benjamini-Hochberg over TFs), smallest p-values first; and
    ``uns["linger"]["survival_settings"]``. Where a side has fewer than two samples nothing is tested: NaN.

    Raises
    ------
    ImportError
        If lifelines is not installed.
    KeyError
        If there is no activity, or a column is missing.
    ValueError
        If times are negative or missing for all, events are not true or false, none was seen, or `cut` is unknown.

    Examples
    --------
    >>> import anndata
    >>> obs = pd.DataFrame({"months": [2.0, 3, 4, 9, 10, 12], "died": [1, 1, 1, 1, 0, 0]}, index=list("abcdef"))
    >>> samples = anndata.AnnData(np.ones((6, 1)), obs=obs)
    >>> samples.obsm["score_linger"] = pd.DataFrame({"TF1": [3.0, 2.5, 2, 1, 0.5, 0]}, index=obs.index)
    >>> survival(samples, "months", event="died")
    >>> samples.uns["linger"]["survival"][["tf", "n_high", "events_high"]].values.tolist()
    [['TF1', 3, 3]]
    """
    logrank_test = lifelines_module("lifelines.statistics").logrank_test
    valid_key(key_added)
    activity, times, seen = survival_data(adata, time, event, key_added)
    high = is_high(activity, cut)
    rows = []
    for tf in activity:
        up = high[tf].to_numpy()
        row: dict[str, Any] = {"tf": str(tf), **split(times, seen, up), "statistic": np.nan, "p_value": np.nan}
        if min(row["n_high"], row["n_low"]) >= _LEAST:
            test = logrank_test(times[up], times[~up], seen[up], seen[~up])
            row |= {"statistic": test.test_statistic, "p_value": test.p_value}
        rows.append(row)
    table = pd.DataFrame(rows)
    table["p_adj"] = np.nan
    tested = table["p_value"].notna()
    if tested.any():
        table.loc[tested, "p_adj"] = false_discovery_control(table.loc[tested, "p_value"])
    target = adata.copy() if copy else adata
    settings = {"time": time, "event": event, "cut": cut}
    found = {"survival": table.sort_values(["p_value", "tf"], ignore_index=True), "survival_settings": settings}
    target.uns[key_added] = dict(target.uns.get(key_added, {})) | found
    return target if copy else None


def survival_data(adata: AnnData, time: str, event: str, key: str) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return activity, times and events of the samples that have all three."""
    if hasattr(adata, "mod"):
        msg = "Survival is of samples: give the AnnData with their expression and activity, such as mdata['rna']."
        raise TypeError(msg)
    score = f"score_{key}"
    if score not in adata.obsm:
        msg = f"There is no TF activity in obsm[{score!r}]. Call lg.tl.tf_activity(adata, net) first."
        raise KeyError(msg)
    columns(adata.obs, [time, event], "adata.obs", "adata.obs.columns to see what there is, or add it,")
    times = pd.to_numeric(adata.obs[time], errors="coerce").replace([np.inf, -np.inf], np.nan)
    seen, stored = adata.obs[event].astype(object), adata.obsm[score]
    activity = stored if isinstance(stored, pd.DataFrame) else pd.DataFrame(stored, index=adata.obs_names)
    activity = activity.loc[:, activity.notna().any()]
    kept = (times.notna() & seen.notna() & activity.notna().all(axis=1)).to_numpy()
    if not kept.any():
        msg = f"No sample has {time!r}, {event!r} and activity."
        raise ValueError(msg)
    if not kept.all():
        logger.warning("%d of %d samples have no time, event or activity and are left out.", (~kept).sum(), len(kept))
    times, seen = times[kept].to_numpy(float), seen[kept]
    if not seen.isin([True, False, 0, 1]).all() or not seen.astype(bool).any() or (times < 0).any():
        msg = f"{event!r} must be true or false (1 or 0) and true somewhere, and {time!r} must not be negative."
        raise ValueError(msg)
    return activity[kept], times, seen.astype(bool).to_numpy()


def is_high(activity: pd.DataFrame, cut: Literal["median", "mean"] | float) -> pd.DataFrame:
    """Return which samples are above the cut, for every TF."""
    if isinstance(cut, str) and cut in ("median", "mean"):
        return activity > getattr(activity, cut)()
    if isinstance(cut, str) or not 0 < cut < 1:
        msg = f"cut must be 'median', 'mean' or a quantile between 0 and 1, found {cut!r}."
        raise ValueError(msg)
    return activity > activity.quantile(cut)


def split(times: np.ndarray, seen: np.ndarray, high: np.ndarray) -> dict[str, float]:
    """Return how many samples and events are on either side, and how many events are expected among high samples."""
    return {
        "n_high": int(high.sum()),
        "n_low": int((~high).sum()),
        "events_high": int(seen[high].sum()),
        "events_low": int(seen[~high].sum()),
        "expected_high": expected_events(times, seen, high),
    }


def expected_events(times: np.ndarray, seen: np.ndarray, high: np.ndarray) -> float:
    """Return the events among high samples if at every time all at risk were alike."""
    moments, n_events = np.unique(times[seen], return_counts=True)
    at_risk, at_risk_high = (
        len(part) - np.searchsorted(np.sort(part), moments, side="left") for part in (times, times[high])
    )
    return float((n_events * at_risk_high / at_risk).sum())


def lifelines_module(name: str) -> Any:
    """Import a module of lifelines, or say how to install it."""
    try:
        return import_module(name)
    except ImportError as error:
        msg = 'Survival needs lifelines: pip install "linger-multiome[survival]".'
        raise ImportError(msg) from error
