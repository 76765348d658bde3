"""Kaplan-Meier curves by the activity of a TF."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from linger._docs import docs
from linger._keys import DEFAULT_KEY
from linger._validate import known_names
from linger.tl._survival import is_high, lifelines_module, split, survival_data

if TYPE_CHECKING:
    from anndata import AnnData


@docs.dedent
def survival_curves(adata: AnnData, tf: str, *, key: str = DEFAULT_KEY) -> pd.DataFrame:
    """Return the Kaplan-Meier curves of samples with high and low activity of a TF, as :func:`linger.tl.survival` split them.

    Parameters
    ----------
    adata
        Samples that were tested.
    tf
        A TF with activity.
    %(key)s

    Returns
    -------
    Columns ``activity`` (``"high"`` or ``"low"``), ``time``, ``survival``, ``lower``, ``upper`` (95 %% confidence, exponential Greenwood), ``at_risk``, ``censored``.

    Raises
    ------
    ImportError
        If lifelines is not installed.
    KeyError
        If survival was not tested, or the TF is unknown.
    ValueError
        If samples, their survival or their activity are not those that were tested.

    Examples
    --------
    >>> import anndata, numpy
    >>> import linger as lg
    >>> obs = pd.DataFrame({"months": [2.0, 3, 4, 9, 10, 12], "died": [1, 1, 1, 1, 0, 0]}, index=list("abcdef"))
    >>> samples = anndata.AnnData(numpy.ones((6, 1)), obs=obs)
    >>> samples.obsm["score_linger"] = pd.DataFrame({"TF1": [3.0, 2.5, 2, 1, 0.5, 0]}, index=obs.index)
    >>> lg.tl.survival(samples, "months", event="died")
    >>> lg.get.survival_curves(samples, "TF1").query("activity == 'high'")["survival"].min()
    np.float64(0.0)
    """
    stored = adata.uns.get(key, {})
    if "survival_settings" not in stored:
        msg = f"No survival is stored under {key!r}. Call lg.tl.survival(adata, time, event=...) first."
        raise KeyError(msg)
    fitter = lifelines_module("lifelines").KaplanMeierFitter
    settings = stored["survival_settings"]
    activity, times, seen = survival_data(adata, settings["time"], settings["event"], key)
    known_names(tf, activity.columns, "TFs with activity")
    up, parts = is_high(activity[[tf]], settings["cut"])[tf].to_numpy(), []
    _check_tested(stored["survival"], tf, split(times, seen, up))
    for name, chosen in (("high", up), ("low", ~up)):
        if chosen.any():
            curve = fitter().fit(times[chosen], seen[chosen])
            interval = curve.confidence_interval_.set_axis(["lower", "upper"], axis=1)
            events = curve.event_table[["at_risk", "censored"]]
            part = curve.survival_function_.set_axis(["survival"], axis=1).join(interval).join(events)
            parts.append(part.rename_axis("time").reset_index().assign(activity=name))
    table = pd.concat(parts, ignore_index=True)
    return table[["activity", "time", "survival", "lower", "upper", "at_risk", "censored"]]


def _check_tested(tests: pd.DataFrame, tf: str, found: dict[str, float]) -> None:
    """Raise if the test of a TF is not that of the samples as they are now."""
    of_tf = tests.loc[tests["tf"] == str(tf), list(found)].to_numpy(float)
    if len(of_tf) != 1 or not np.allclose(of_tf[0], list(found.values()), rtol=1e-6):
        msg = (
            f"The stored survival test of {tf!r} is of other samples, times or activity than these. "
            "Test again: lg.tl.survival(adata, time, event=...)."
        )
        raise ValueError(msg)
