"""Names beside points, so that none covers another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# directions to try, the best first
_SIDES: Final = np.array([(1, 0), (0, 1), (-1, 0), (0, -1), (0.7, 0.7), (-0.7, 0.7), (0.7, -0.7), (-0.7, -0.7)])
_STEPS: Final = (1.0, 5.0, 10.0)  # points between node and name


def write_names(
    ax: Axes,
    points: pd.DataFrame,
    radii: pd.Series,
    names: Iterable[str],
    *,
    bold: Iterable[str] = (),
    lines: np.ndarray | None = None,
    on_points: bool = False,
    size: float = 7.5,
) -> None:
    """Write names beside points, each where it covers least of the points and of the names written before it.

    One pass over the names takes a moment where adjustText takes a minute (200 names), and names stay at their points.

    Parameters
    ----------
    ax
        Axes with all else drawn.
    points
        Places x and y by name, those without a label too.
    radii
        Radius of each point, in points.
    names
        What to label, the most important first.
    bold
        Names in bold.
    lines
        Points x, y along lines that names should rather not cover either.
    on_points
        A name stands on its point where no other covers it, instead of beside it.
    size
        Of the letters, in points.
    """
    from matplotlib import patheffects

    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # lays out the axes
    pixels = figure.dpi / 72
    centres = pd.DataFrame(ax.transData.transform(points), points.index)
    heavy, outline = set(bold), [patheffects.withStroke(linewidth=2, foreground="white")]
    radius = (radii.loc[points.index].to_numpy() * pixels)[:, None]
    taken = np.hstack([centres.to_numpy() - radius, centres.to_numpy() + radius])
    if lines is not None and len(lines):
        along = ax.transData.transform(lines)
        taken = np.vstack([taken, np.hstack([along - pixels, along + pixels])])
    style: dict[str, Any] = {"fontsize": size, "ha": "center", "va": "center", "zorder": 4, "path_effects": outline}
    for name in names:
        text = ax.annotate(
            name, tuple(points.loc[name]), (0, 0), textcoords="offset points",
            fontweight="bold" if name in heavy else "normal", **style,
        )  # fmt: skip
        half = np.array(text.get_window_extent().size) / 2
        shifts = np.vstack([_SIDES * (half + (radii[name] + step) * pixels) for step in _STEPS])
        if on_points:
            shifts = np.vstack([np.zeros(2), shifts])
        middles = centres.loc[name].to_numpy() + shifts
        boxes = np.hstack([middles - half, middles + half])
        best = int(np.argmin(_covered(boxes, taken).sum(axis=1)))
        text.set_position(tuple(shifts[best] / pixels))
        taken = np.vstack([taken, boxes[best]])


def _covered(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return areas shared by boxes (x, y of lower left, x, y of upper right), one a row and column.

    Examples
    --------
    >>> _covered(np.array([[0, 0, 2, 2]]), np.array([[1, 1, 3, 3], [5, 5, 6, 6]]))
    array([[1, 0]])
    """
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared: np.ndarray = np.clip(high - low, 0, None).prod(axis=2)
    return shared
