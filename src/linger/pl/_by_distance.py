"""Cis networks by the distance between peak and gene."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from linger._validate import columns
from linger.pl._style import CHANCE, GREY, LABELS, despine, method_colors, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def by_distance(tables: Mapping[str, pd.DataFrame], *, value: str = "auroc", ax: Axes | None = None) -> Axes:
    r"""Draw how well methods find true pairs of peak and gene at like distance.

    Parameters
    ----------
    tables
        By method, a table of :func:`linger.bm.by_distance`.
    value
        What to draw: ``"auroc"``, ``"aupr_ratio"``, ``"f1"``, ``"early_precision_ratio"``.
    ax
        Axes to draw on; None makes a figure.

    Returns
    -------
    The axes: a line a method; below each group its number of true pairs, the largest over the methods.

    Raises
    ------
    KeyError
        If a column is missing.
    ValueError
        If there is no table.

    Examples
    --------
    >>> table = pd.DataFrame({"auroc": [0.7, 0.6], "n_pos": [20, 12]}, index=["0-5 kb", "5-10 kb"])
    >>> [tick.get_text() for tick in by_distance({"mine": table}).get_xticklabels()]
    ['0-5 kb\n(20)', '5-10 kb\n(12)']
    """
    if not tables:
        msg = "There is no table. Give those of lg.bm.by_distance by method: {'linger': table}."
        raise ValueError(msg)
    for method, table in tables.items():
        columns(table, [value, "n_pos"], f"The table {method!r}", "lg.bm.by_distance")
    n_true = pd.concat([table["n_pos"] for table in tables.values()], axis=1).max(axis=1).astype(int)
    groups = sorted(n_true.index, key=lambda label: float(str(label).split("-")[0]))
    ax = new_axes(ax, width=2.6 + 0.95 * len(groups), height=3.4)
    for method, color in method_colors(tables).items():
        ax.plot(range(len(groups)), tables[method][value].reindex(groups), marker="o", color=color, label=method)
    if value in CHANCE:
        ax.axhline(CHANCE[value], color=GREY, linewidth=0.8, linestyle=":", zorder=0)
    ax.set_xticks(range(len(groups)), [f"{group}\n({n_true[group]:,})" for group in groups])
    ax.set(xlabel="distance (true pairs)", ylabel=LABELS.get(value, value.replace("_", " ")))
    ax.margins(x=0.08)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    despine(ax)
    return ax
