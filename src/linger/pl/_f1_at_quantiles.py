"""F1 at cut-offs of the weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import pandas as pd

from linger._validate import columns
from linger.pl._style import despine, method_colors, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_APART: Final = 3 / 72  # inches between methods, so that those that are alike do not hide each other


def f1_at_quantiles(tables: Mapping[str, pd.DataFrame], *, value: str = "f1", ax: Axes | None = None) -> Axes:
    """Draw how F1 depends on where the weights of edges are cut off.

    Parameters
    ----------
    tables
        By method, a table of :func:`linger.bm.f1_at_quantiles`.
    value
        What to draw: ``"f1"``, ``"precision"`` or ``"recall"``.
    ax
        Axes to draw on; None makes a figure.

    Returns
    -------
    The axes: a line a method, the mean over TFs (genes) with its standard error.

    Raises
    ------
    KeyError
        If a column is missing.
    ValueError
        If there is no table.

    Examples
    --------
    >>> table = pd.DataFrame({"name": "A", "quantile": [0.1, 0.9], "f1": [0.3, 0.5]})
    >>> f1_at_quantiles({"mine": table}).get_lines()[0].get_ydata().tolist()
    [0.3, 0.5]
    """
    from matplotlib.transforms import ScaledTranslation

    if not tables:
        msg = "There is no table. Give those of lg.bm.f1_at_quantiles by method: {'linger': table}."
        raise ValueError(msg)
    ax = new_axes(ax, width=5.6, height=3.4)
    for number, (method, color) in enumerate(method_colors(tables).items()):
        columns(tables[method], ["quantile", value], f"The table {method!r}", "lg.bm.f1_at_quantiles")
        grouped = tables[method].groupby("quantile")[value]
        mean, error = grouped.mean(), grouped.sem().fillna(0)
        beside = ScaledTranslation(_APART * (number - (len(tables) - 1) / 2), 0, ax.figure.dpi_scale_trans)
        line, caps, bars = ax.errorbar(
            mean.index, mean, error.to_numpy(), color=color, marker="o", markersize=4, capsize=2, label=method
        )
        for artist in (line, *caps, *bars):
            artist.set_transform(artist.get_transform() + beside)
    ax.set(xlabel="edges above this quantile are called", ylabel={"f1": "F1"}.get(value, value), ylim=(0, None))
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    despine(ax)
    return ax
