"""Colours and small helpers shared by the figures."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.lines import Line2D

# Okabe & Ito (2008): distinguishable with any colour vision
PALETTE: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
GREY: Final = "#767676"
# of edges: activates, represses, unclear
SIGN_COLORS: Final = {1: PALETTE[0], -1: PALETTE[5], 0: GREY}
SIGN_NAMES: Final = {1: "activates", -1: "represses", 0: "unsigned"}

# measures of lg.bm.evaluate: how they are called, and what chance gives
LABELS: Final = {"auroc": "AUROC", "aupr_ratio": "AUPR ratio", "f1": "F1 at matched size"}
CHANCE: Final = {"auroc": 0.5, "aupr_ratio": 1.0, "early_precision_ratio": 1.0}


def new_axes(ax: Axes | None, *, width: float, height: float) -> Axes:
    """Return `ax`, or the axes of a new figure of this size in inches."""
    import matplotlib.pyplot as plt

    if ax is not None:
        return ax
    _, made = plt.subplots(figsize=(width, height), layout="constrained")
    return made


def despine(ax: Axes) -> None:
    """Remove the upper and right spines."""
    ax.spines[["top", "right"]].set_visible(False)


def method_colors(methods: Iterable[str]) -> dict[str, str]:
    """Return a colour for every method; what is drawn at random or knows the truth is grey.

    Examples
    --------
    >>> method_colors(["linger", "random"])
    {'linger': '#0072B2', 'random': '#767676'}
    """
    colors = cycle(PALETTE)
    grey = ("random", "degree in the truth")
    return {method: GREY if method in grey else next(colors) for method in methods}


def distinct_colors(groups: Iterable[str]) -> dict[str, str]:
    """Return a colour for every group: those of the palette, or along the rainbow where there are more groups than these.

    Examples
    --------
    >>> distinct_colors(["B", "T"])
    {'B': '#0072B2', 'T': '#E69F00'}
    """
    import matplotlib as mpl

    names = list(groups)
    if len(names) <= len(PALETTE):
        return dict(zip(names, PALETTE, strict=False))
    along = mpl.colormaps["turbo"](np.linspace(0.03, 0.97, len(names)))
    return {name: mpl.colors.to_hex(color) for name, color in zip(names, along, strict=True)}


def color_scale(values: Iterable[float]) -> ScalarMappable:
    """Return colours for numbers: white at 0 and as far either way where there are negative ones, else from the smallest to the largest.

    Examples
    --------
    >>> color_scale([-1.0, 3.0, np.nan]).get_clim()
    (-3.0, 3.0)
    """
    import matplotlib as mpl

    found = np.asarray(list(values), dtype=float)
    found = found[np.isfinite(found)]
    low, high = (float(found.min()), float(found.max())) if found.size else (0.0, 1.0)
    diverging = low < 0
    if diverging:
        low, high = -max(-low, high), max(-low, high)
    elif low == high:
        low, high = min(low, 0.0), high or 1.0
    return mpl.cm.ScalarMappable(mpl.colors.Normalize(low, high), "RdBu_r" if diverging else "viridis")


def colored(colors: ScalarMappable) -> dict[str, Any]:
    """Return colours as the options that matplotlib's functions take."""
    return {"cmap": colors.get_cmap(), "norm": colors.norm}


def beyond(values: np.ndarray, colors: ScalarMappable) -> str:
    """Return on which side numbers lie beyond their colours, as colour bars call it.

    Examples
    --------
    >>> beyond(np.array([-2.0, 0.5]), color_scale([-1.0, 1.0]))
    'min'
    """
    low, high = colors.get_clim()
    return {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[
        bool((values < low).any()), bool((values > high).any())
    ]


def sign_handles(signs: Iterable[int]) -> list[Line2D]:
    """Return entries of a legend for the signs of edges that occur."""
    from matplotlib.lines import Line2D

    found = set(signs)
    return [Line2D([], [], color=SIGN_COLORS[sign], label=SIGN_NAMES[sign]) for sign in SIGN_COLORS if sign in found]
