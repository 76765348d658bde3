"""Cells on an embedding, coloured by groups or numbers."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from natsort import natsorted

from linger._basis import embedding
from linger.pl._labels import write_names
from linger.pl._style import GREY, PALETTE, beyond, color_scale, colored, despine, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mudata import MuData

_UNKNOWN: Final = "#dddddd"
_LEGEND_ROWS: Final = 16
_MANY: Final = 5_000  # points, from which on they are drawn as an image


def embedding_points(mdata: MuData, basis: str, *, rna_key: str) -> np.ndarray:
    """Return the first two dimensions of an embedding, cells in the order of the expression modality."""
    points = embedding(mdata, basis, rna_key=rna_key)
    if points.shape[1] < 2:
        msg = f"The embedding {basis!r} has one dimension; two are needed."
        raise ValueError(msg)
    return points[:, :2]


def draw_embedding(
    ax: Axes | None,
    points: np.ndarray,
    values: pd.Series | None = None,
    *,
    basis: str,
    label: str | None = None,
    known: np.ndarray | None = None,
    quantile: float = 1.0,
) -> Axes:
    """Draw points in the colours of their values.

    Parameters
    ----------
    ax
        Axes to draw on; None makes a figure with room for the legend.
    points
        Cells x 2.
    values
        A group or a number of each cell, in their order; None draws all grey.
    basis
        Name of the embedding, for the axes.
    label
        What the values are.
    known
        Mask of the cells that are not pale grey; None takes those with a value.
    quantile
        Colours of numbers end at this quantile of their absolute values, of those that are not 0 where it would be 0.
    """
    is_number = values is not None and pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    ax = new_axes(ax, width=4.2 + (1.0 if is_number else _legend_width(values, label)), height=4)
    size = float(np.clip(12_000 / max(len(points), 1), 1.5, 16))
    style: dict[str, Any] = {"s": size, "linewidths": 0, "alpha": 0.7, "rasterized": len(points) > _MANY}
    if known is None:
        known = np.ones(len(points), dtype=bool) if values is None else values.notna().to_numpy()
    if not known.all():
        ax.scatter(*points[~known].T, color=_UNKNOWN, **style)
    if values is None:
        ax.scatter(*points[known].T, color=GREY, **style)
    elif is_number:
        _draw_numbers(ax, points[known], values[known].to_numpy(float), label, quantile, style | {"alpha": 1.0})
    else:
        _draw_groups(ax, points[known], values[known].astype(str), label, style)
    name = basis.removeprefix("X_").upper()
    ax.set(xlabel=f"{name} 1", ylabel=f"{name} 2", xticks=[], yticks=[])
    despine(ax)
    return ax


def _legend_width(values: pd.Series | None, label: str | None) -> float:
    """Return the inches that names of groups take."""
    if values is None:
        return 0.0
    names = [str(label), *values.dropna().astype(str).unique()]
    return -(-len(names) // _LEGEND_ROWS) * (0.5 + 0.075 * max(map(len, names)))


def _draw_numbers(
    ax: Axes, points: np.ndarray, numbers: np.ndarray, label: str | None, quantile: float, style: dict[str, Any]
) -> None:
    sizes = np.abs(numbers)
    limit = np.quantile(sizes, quantile) if sizes.any() else 0.0
    if limit == 0 and sizes.any():  # few cells have any
        limit = np.quantile(sizes[sizes > 0], quantile)
    colors = color_scale(np.clip(numbers, -limit, limit))
    on_top = np.argsort(sizes, kind="stable")  # what stands out is not to be covered
    x, y = points[on_top].T
    drawn = ax.scatter(x, y, c=numbers[on_top], **colored(colors), **style)
    ax.figure.colorbar(drawn, ax=ax, label=label, shrink=0.7, extend=beyond(numbers, colors))


def _draw_groups(ax: Axes, points: np.ndarray, labels: pd.Series, label: str | None, style: dict[str, Any]) -> None:
    """Draw a colour a group; where there are more groups than colours, number them too."""
    names = natsorted(labels.unique())
    many = len(names) > len(PALETTE)
    middles: dict[str, np.ndarray] = {}
    dots, called = [], []
    for number, (name, color) in enumerate(zip(names, cycle(PALETTE), strict=False), start=1):
        at = points[(labels == name).to_numpy()]
        dots.append(ax.scatter(*at.T, color=color, **style))
        called.append(f"{number}  {name}" if many else name)
        if many:
            middles[str(number)] = np.median(at, axis=0)
    ax.legend(
        dots, called, loc="upper left", bbox_to_anchor=(1, 1), frameon=False, title=label, alignment="left", fontsize="small",
        markerscale=(50 / style["s"]) ** 0.5, ncols=-(-len(names) // _LEGEND_ROWS), handletextpad=0.2,
    )  # fmt: skip
    if many:
        places = pd.DataFrame.from_dict(middles, orient="index", columns=["x", "y"])
        write_names(ax, places, pd.Series(0.0, places.index), middles, on_points=True, size=9)
