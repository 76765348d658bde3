"""Kaplan-Meier curves by the activity of a TF."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from linger._docs import docs
from linger._keys import DEFAULT_KEY
from linger.get._survival_curves import survival_curves
from linger.pl._style import PALETTE, despine, new_axes

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes

_COLORS = {"high": PALETTE[5], "low": PALETTE[0]}


@docs.dedent
def survival(adata: AnnData, tf: str, *, key: str = DEFAULT_KEY, ax: Axes | None = None) -> Axes:
    """Draw the survival of samples with high and low activity of a TF, with its test (:func:`linger.tl.survival`).

    Parameters
    ----------
    adata
        Samples that were tested.
    tf
        The TF.
    %(key)s
    ax
        Axes to draw on; None makes a figure.

    Returns
    -------
    The axes: Kaplan-Meier curves with 95 %% confidence bands, ticks where samples were censored, and below them numbers of samples at risk.

    Raises
    ------
    ImportError
        If lifelines is not installed.
    KeyError
        If survival was not tested, or the TF is unknown.
    ValueError
        If samples or activities have changed since the test.

    Examples
    --------
    >>> import anndata
    >>> import linger as lg
    >>> obs = pd.DataFrame({"months": [2.0, 3, 4, 9, 10, 12], "died": [1, 1, 1, 1, 0, 0]}, index=list("abcdef"))
    >>> samples = anndata.AnnData(np.ones((6, 1)), obs=obs)
    >>> samples.obsm["score_linger"] = pd.DataFrame({"TF1": [3.0, 2.5, 2, 1, 0.5, 0]}, index=obs.index)
    >>> lg.tl.survival(samples, "months", event="died")
    >>> lg.pl.survival(samples, "TF1").get_title()
    'TF1: p = 0.025'
    """
    curves = survival_curves(adata, tf, key=key)
    ax = new_axes(ax, width=4.8, height=4)
    drawn = {name: curves[curves["activity"] == name] for name in _COLORS if (curves["activity"] == name).any()}
    for name, curve in drawn.items():
        _draw_curve(ax, curve, name)
    ax.set(ylim=(0, 1.03), xlim=(0, None), xlabel=adata.uns[key]["survival_settings"]["time"], ylabel="survival")
    _numbers_at_risk(ax, drawn)
    tests = adata.uns[key]["survival"].set_index("tf")
    p_value = tests.loc[tf, "p_value"]
    ax.set_title(f"{tf}: not tested" if np.isnan(p_value) else f"{tf}: p = {p_value:.2g}", fontsize="medium")
    ax.legend(frameon=False, title="activity", loc="best")
    despine(ax)
    return ax


def _draw_curve(ax: Axes, curve: pd.DataFrame, name: str) -> None:
    color = _COLORS[name]
    ax.step(
        curve["time"], curve["survival"], where="post", color=color, label=f"{name} ({curve['at_risk'].iloc[0]:.0f})"
    )
    ax.fill_between(curve["time"], curve["lower"], curve["upper"], step="post", color=color, alpha=0.15, linewidth=0)
    censored = curve[curve["censored"] > 0]
    ax.plot(censored["time"], censored["survival"], linestyle="", marker="|", markersize=7, color=color)


def _numbers_at_risk(ax: Axes, curves: dict[str, pd.DataFrame]) -> None:
    """Write below the axis how many samples of each curve are still observed at its ticks."""
    ticks = [tick for tick in ax.get_xticks() if 0 <= tick <= ax.get_xlim()[1]]
    _below(ax, 0, "at risk", -40, "black")
    for row, (name, curve) in enumerate(curves.items()):
        height = -52 - 12 * row
        _below(ax, 0, name, height, _COLORS[name])
        for tick in ticks:
            later = curve.loc[curve["time"] >= tick, "at_risk"]
            _below(ax, tick, str(int(later.iloc[0]) if len(later) else 0), height, _COLORS[name])


def _below(ax: Axes, x: float, text: str, height: float, color: str) -> None:
    """Write points below the axis; numbers under `x`, names left of it."""
    number = text.isdigit()
    ax.annotate(
        text, (x, 0), (0 if number else -16, height), xycoords=("data", "axes fraction"), textcoords="offset points",
        ha="center" if number else "right", va="top", fontsize="small", color=color,
    )  # fmt: skip
