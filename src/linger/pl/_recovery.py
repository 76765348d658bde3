"""Recovered networks beside the baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from linger._keys import KINDS
from linger._validate import columns
from linger.pl._style import CHANCE, GREY, despine, method_colors, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMES = {"trans": "trans\nTF → gene", "cis": "cis\npeak → gene", "binding": "binding\nTF → peak"}
_MARKERS = ("o", "s", "D", "^", "v", "P", "X")


def recovery(table: pd.DataFrame, *, value: str = "auroc", ax: Axes | None = None) -> Axes:
    """Draw a table of :func:`linger.bm.recovery`: one row of dots a kind of network, one dot a method.

    Parameters
    ----------
    table
        Columns kind, method and `value`.
    value
        What to draw, ``"auroc"`` for instance.
    ax
        Axes to draw on; None makes a figure.

    Returns
    -------
    The axes; a dotted line is what chance gives, where that is one number.

    Examples
    --------
    >>> table = pd.DataFrame({"kind": ["trans"] * 2, "method": ["linger", "random"], "auroc": [0.8, 0.5]})
    >>> recovery(table).get_xlabel()
    'mean AUROC'
    """
    columns(table, ["kind", "method", value], "The table", "lg.bm.recovery")
    ax = new_axes(ax, width=5.5, height=3)
    kinds = [kind for kind in KINDS if kind in set(table["kind"])]
    methods = table["method"].unique()
    for number, (method, color) in enumerate(
        method_colors(methods).items()
    ):  # one below the other, so that equal values stay visible
        rows = table[table["method"] == method]
        ax.scatter(
            rows[value],
            rows["kind"].map(kinds.index) + 0.5 * (number - (len(methods) - 1) / 2) / len(methods),
            label=method,
            color=color,
            marker=_MARKERS[number % len(_MARKERS)],
            s=80 if method == "linger" else 45,
            zorder=3 if method == "linger" else 2,
        )
    ax.set_yticks(range(len(kinds)), [_NAMES[kind] for kind in kinds])
    ax.set_ylim(len(kinds) - 0.5, -0.5)
    if value in CHANCE:
        ax.axvline(CHANCE[value], color=GREY, linewidth=0.8, linestyle=":", zorder=1)
    ax.set_xlabel({"auroc": "mean AUROC", "aupr_ratio": "mean AUPR ratio"}.get(value, value))
    ax.grid(axis="y", color="#e5e5e5", zorder=0)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    despine(ax)
    return ax
