"""Targets of chosen TFs in a set of genes, beside random TFs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from linger._validate import columns
from linger.pl._style import GREY, PALETTE, despine, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def target_overlap(table: pd.DataFrame, *, max_p: float = 0.05, ax: Axes | None = None) -> Axes:
    """Draw how many of the strongest targets of chosen TFs are in a set of genes, by the number of targets.

    Parameters
    ----------
    table
        As :func:`linger.get.target_overlap` returns it.
    max_p
        Dots with a p-value below this are filled.
    ax
        Axes to draw on; None makes a figure.

    Returns
    -------
    The axes; the band holds 95 % of the random sets of TFs.

    Raises
    ------
    KeyError
        If a column is missing.

    Examples
    --------
    >>> table = pd.DataFrame({"n_targets": [200, 500], "overlap": [30.0, 60.0], "expected": [20.0, 50.0]})
    >>> table = table.assign(lower=[15.0, 40.0], upper=[25.0, 60.0], p_value=[0.001, 0.05])
    >>> target_overlap(table).get_xlabel()
    'strongest targets of a TF'
    """
    wanted = ["n_targets", "overlap", "expected", "lower", "upper", "p_value"]
    columns(table, wanted, "The table", "lg.get.target_overlap(mdata, genes, tfs=...)")
    table = table.sort_values("n_targets")
    ax = new_axes(ax, width=6.4, height=3.4)
    x, random, lower, upper = (table[name].to_numpy() for name in ("n_targets", "expected", "lower", "upper"))
    ax.fill_between(x, lower, upper, color=GREY, alpha=0.2, linewidth=0)
    ax.errorbar(
        x, random, [random - lower, upper - random], color=GREY, linewidth=1, marker="_", capsize=3,
        label="as many random TFs\n(mean, 95 %)",
    )  # fmt: skip
    ax.plot(x, table["overlap"], color=PALETTE[0], zorder=3, label="chosen TFs")
    sure = table["p_value"] < max_p
    for rows, fill, label in ((table[sure], PALETTE[0], f"p < {max_p:g}"), (table[~sure], "white", f"p ≥ {max_p:g}")):
        if len(rows):
            style: dict[str, Any] = {
                "s": 36,
                "color": fill,
                "edgecolors": PALETTE[0],
                "zorder": 4,
                "clip_on": False,
            }  # whole at 0, too
            ax.scatter(rows["n_targets"], rows["overlap"], label=label, **style)
    ax.set_xscale("log")
    ax.set_xticks(x, [f"{size:,.0f}" for size in x])
    ax.minorticks_off()
    ax.set(xlabel="strongest targets of a TF", ylabel="of these in the set (mean over TFs)", ylim=(0, None))
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    despine(ax)
    return ax
