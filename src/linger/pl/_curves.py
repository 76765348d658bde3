"""ROC and precision-recall curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from linger._validate import columns
from linger.pl._style import GREY, despine, method_colors, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SMALL: Final[dict[str, Any]] = {"fontsize": "small", "alignment": "left"}


def roc(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw ROC curves, one a method.

    Parameters
    ----------
    table
        As :func:`linger.bm.curves` returns it.
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
    >>> roc(lg.bm.curves({"mine": net}, net.head(1))).get_ylabel()
    'true positive rate'
    """
    columns(table, ["method", "fpr", "tpr", "auroc"], "The table", "lg.bm.curves")
    ax = new_axes(ax, width=_width(table), height=4)
    for method, color in method_colors(table["method"].unique()).items():
        curve = table[table["method"] == method]
        ax.plot(curve["fpr"], curve["tpr"], color=color, label=f"{method} ({curve['auroc'].iloc[0]:.2f})")
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=":")
    ax.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(0, 1), ylim=(0, 1.01), aspect="equal")
    ax.legend(title="AUROC", loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, **_SMALL)
    despine(ax)
    return ax


def precision_recall(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw precision-recall curves, one a method; the dotted line is chance.

    Parameters
    ----------
    table
        As :func:`linger.bm.curves` returns it.
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
    >>> precision_recall(lg.bm.curves({"mine": net}, net.head(1))).get_xlabel()
    'recall'
    """
    columns(table, ["method", "tpr", "precision", "average_precision", "chance"], "The table", "lg.bm.curves")
    ax = new_axes(ax, width=_width(table), height=4)
    for method, color in method_colors(table["method"].unique()).items():
        curve = table[(table["method"] == method) & (table["tpr"] > 0)]
        label = f"{method} ({curve['average_precision'].iloc[0]:.2f})"
        ax.step(curve["tpr"], curve["precision"], color=color, where="pre", label=label)
    ax.axhline(table["chance"].iloc[0], color=GREY, linewidth=0.8, linestyle=":")
    ax.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.01))
    ax.legend(title="average precision", loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, **_SMALL)
    despine(ax)
    return ax


def _width(table: pd.DataFrame) -> float:
    """Return inches for square axes and the legend beside them."""
    return 4.4 + max(0.075 * (table["method"].str.len().max() + len(" (0.00)")), 1.2)
