"""Methods side by side, TF by TF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from linger._validate import columns
from linger.pl._style import CHANCE, GREY, LABELS, despine, method_colors, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def comparison(
    table: pd.DataFrame, *, value: str = "auroc", kind: Literal["box", "violin"] = "box", ax: Axes | None = None
) -> Axes:
    """Draw a table of :func:`linger.bm.compare`: a box or a violin a method and a dot a TF (gene).

    Parameters
    ----------
    table
        Columns method, name and `value`.
    value
        What to draw: ``"auroc"``, ``"aupr_ratio"``, ``"f1"``, ``"early_precision_ratio"``.
    kind
        ``"box"``, or ``"violin"`` with a line at the median; fewer than three values, or equal ones, have no violin.
    ax
        Axes to draw on; None makes a figure.

    Returns
    -------
    The axes.

    Raises
    ------
    KeyError
        If a column is missing.
    ValueError
        If there is no such `kind`.

    Examples
    --------
    >>> import linger as lg
    >>> net = pd.DataFrame({"source": "A", "target": ["x", "y", "z"], "weight": [3.0, 2.0, 1.0]})
    >>> [tick.get_text() for tick in comparison(lg.bm.compare({"mine": net}, net.head(1))).get_yticklabels()]
    ['mine', 'random', 'degree in the truth']
    """
    if kind not in ("box", "violin"):
        msg = f"kind must be 'box' or 'violin', found {kind!r}."
        raise ValueError(msg)
    draw = _draw_box if kind == "box" else _draw_violin
    columns(table, ["method", "name", value], "The table", "lg.bm.compare")
    methods = table["method"].unique()
    ax = new_axes(ax, width=6, height=0.8 + 0.32 * len(methods))
    jitter = np.random.default_rng(0)
    for row, (method, color) in enumerate(method_colors(methods).items()):
        values = table.loc[table["method"] == method, value].dropna()
        draw(ax, values, row, color)
        ax.scatter(values, row + jitter.uniform(-0.16, 0.16, len(values)), s=9, color=color, alpha=0.7, linewidths=0)
    ax.set_yticks(range(len(methods)), methods)
    ax.set_ylim(len(methods) - 0.4, -0.6)
    if value in CHANCE:
        ax.axvline(CHANCE[value], color=GREY, linewidth=0.8, linestyle=":", zorder=0)
    ax.set_xlabel(LABELS.get(value, value.replace("_", " ")))
    despine(ax)
    return ax


def _draw_box(ax: Axes, values: pd.Series, row: int, color: str) -> None:
    ax.boxplot(
        [values], positions=[row], orientation="horizontal", widths=0.55, showfliers=False, manage_ticks=False,
        medianprops={"color": color, "linewidth": 2}, boxprops={"color": GREY}, whiskerprops={"color": GREY},
        capprops={"color": GREY},
    )  # fmt: skip


def _draw_violin(ax: Axes, values: pd.Series, row: int, color: str) -> None:
    if len(values) > 2 and np.ptp(values) > 0:
        parts: Any = ax.violinplot([values], positions=[row], orientation="horizontal", widths=0.8, showextrema=False)
        parts["bodies"][0].set(facecolor=color, alpha=0.25, edgecolor=color)
    ax.plot([values.median()] * 2, [row - 0.3, row + 0.3], color=color, linewidth=2)
