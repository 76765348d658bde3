"""Methods side by side, TF by TF."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from linger._validate import columns
from linger.pl._style import GREY, despine, method_colors, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LABELS = {"auroc": "AUROC", "aupr_ratio": "AUPR ratio", "f1": "F1 at matched size"}


def comparison(table: pd.DataFrame, *, value: str = "auroc", ax: Axes | None = None) -> Axes:
    """Draw a table of :func:`linger.bm.compare`: a box a method and a dot a TF (gene).

    Parameters
    ----------
    table
        Columns method, name and `value`.
    value
        What to draw: ``"auroc"``, ``"aupr_ratio"``, ``"f1"``, ``"early_precision_ratio"``.
    ax
        Axes to draw on; None makes a figure.

    Returns
    -------
    The axes.

    Raises
    ------
    KeyError
        If a column is missing.

    Examples
    --------
    >>> import linger as lg
    >>> net = pd.DataFrame({"source": "A", "target": ["x", "y", "z"], "weight": [3.0, 2.0, 1.0]})
    >>> [tick.get_text() for tick in comparison(lg.bm.compare({"mine": net}, net.head(1))).get_yticklabels()]
    ['mine', 'random', 'degree in the truth']
    """
    columns(table, ["method", "name", value], "The table", "lg.bm.compare")
    methods = table["method"].unique()
    ax = new_axes(ax, width=6, height=0.8 + 0.32 * len(methods))
    jitter = np.random.default_rng(0)
    for row, (method, color) in enumerate(method_colors(methods).items()):
        values = table.loc[table["method"] == method, value].dropna()
        ax.boxplot(
            [values], positions=[row], orientation="horizontal", widths=0.55, showfliers=False, manage_ticks=False,
            medianprops={"color": color, "linewidth": 2}, boxprops={"color": GREY}, whiskerprops={"color": GREY},
            capprops={"color": GREY},
        )  # fmt: skip
        ax.scatter(values, row + jitter.uniform(-0.16, 0.16, len(values)), s=9, color=color, alpha=0.7, linewidths=0)
    ax.set_yticks(range(len(methods)), methods)
    ax.set_ylim(len(methods) - 0.4, -0.6)
    chance = {"auroc": 0.5, "aupr_ratio": 1.0, "early_precision_ratio": 1.0}
    if value in chance:
        ax.axvline(chance[value], color=GREY, linewidth=0.8, linestyle=":", zorder=0)
    ax.set_xlabel(_LABELS.get(value, value.replace("_", " ")))
    despine(ax)
    return ax
