"""A heatmap of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from linger.pl._style import beyond, color_scale, colored, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable


def draw_heatmap(
    table: pd.DataFrame,
    *,
    label: str,
    colors: ScalarMappable | None = None,
    cell: tuple[float, float] = (0.17, 0.17),
    ax: Axes | None,
) -> Axes:
    """Draw a table of numbers with its names; what is NaN is grey.

    Parameters
    ----------
    table
        Rows from top to bottom, columns from left to right.
    label
        What the numbers are.
    colors
        Of numbers; None takes those of :func:`color_scale`.
    cell
        Width and height of a cell in a new figure, in inches.
    ax
        Axes to draw on; None makes a figure.
    """
    n_rows, n_columns = table.shape
    names = [max(map(len, map(str, axis))) * 0.075 for axis in (table.index, table.columns)]
    ax = new_axes(
        ax, width=1.4 + max(cell[0] * n_columns, 1.2) + names[0], height=0.5 + max(cell[1] * n_rows, 2.2) + names[1]
    )
    values = np.ma.masked_invalid(table.to_numpy(float))
    colors = color_scale(values.compressed()) if colors is None else colors
    mesh = ax.pcolormesh(values, **colored(colors), rasterized=values.size > 20_000)
    mesh.set(edgecolor="white", linewidth=0.4 if values.size <= 20_000 else 0)
    ax.set_facecolor("#dddddd")
    ax.set_xticks(np.arange(n_columns) + 0.5, table.columns, rotation=90, fontsize="small")
    ax.set_yticks(np.arange(n_rows) + 0.5, table.index, fontsize="small")
    ax.invert_yaxis()
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    share = min(1.0, 2.2 / (cell[1] * n_rows))
    ends = beyond(values.compressed(), colors)
    ax.figure.colorbar(mesh, ax=ax, label=label, extend=ends, shrink=share, anchor=(0.0, 1.0), aspect=14)
    return ax
