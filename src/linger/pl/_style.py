"""Colours and small helpers shared by the figures."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe & Ito (2008): distinguishable with any colour vision
PALETTE: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
GREY: Final = "#767676"


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
