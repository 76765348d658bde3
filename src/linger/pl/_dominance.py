"""Genes ruled by the peaks around them or by TFs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from linger._docs import docs
from linger._keys import DEFAULT_KEY, DOMINANCE_COLUMNS, slot
from linger._validate import columns, modality
from linger.pl._style import GREY, PALETTE, despine, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mudata import MuData

_COLORS = {"cis": PALETTE[1], "neither": "#c0c0c0", "trans": PALETTE[0]}


@docs.dedent
def dominance(
    mdata: MuData, *, n_labels: int = 6, key: str = DEFAULT_KEY, rna_key: str = "rna", ax: Axes | None = None
) -> Axes:
    """Draw for every gene whether its peaks or its TFs weigh more (:func:`linger.tl.dominance`), genes in the order of their t.

    Parameters
    ----------
    %(mdata)s
    n_labels
        Genes named at either end; 0 names none.
    %(key)s
    %(rna_key)s
    ax
        Axes to draw on; None makes a figure.

    Returns
    -------
    The axes.

    Raises
    ------
    KeyError
        If dominance was not tested.
    ValueError
        If `n_labels` is negative, or no gene was tested.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> lg.tl.dominance(mdata)
    >>> lg.pl.dominance(mdata).get_xlabel()
    'genes, ranked'
    """
    if n_labels < 0:
        msg = f"n_labels must be 0 or more, found {n_labels}."
        raise ValueError(msg)
    call, t = (slot(key, name) for name in DOMINANCE_COLUMNS[:2])
    var = modality(mdata, rna_key).var
    columns(var, [call, t], f"mdata[{rna_key!r}].var", "lg.tl.dominance(mdata)")
    tested = pd.DataFrame({"gene": var.index.astype(str), "call": var[call].to_numpy(), "t": var[t].to_numpy()})
    tested = tested.dropna().sort_values(["t", "gene"], ignore_index=True)
    if tested.empty:
        msg = "No gene has a t: each has fewer than two peaks or TFs to compare."
        raise ValueError(msg)
    ax = new_axes(ax, width=6, height=4)
    for name, color in _COLORS.items():
        mine = tested[tested["call"] == name]
        label = f"{name} ({len(mine):,})"
        ax.scatter(mine.index, mine["t"], s=8, color=color, linewidths=0, label=label, rasterized=len(mine) > 5_000)
    ax.axhline(0, color=GREY, linewidth=0.8, zorder=0)
    n = min(n_labels, len(tested) // 2)
    low, high = ax.get_ylim()
    middle = (tested["t"].quantile([0.38, 0.62]).to_numpy() - low) / (high - low)  # of the curve where names stand
    _name(ax, tested.iloc[len(tested) - n :][::-1], (0.38, 0.97), -_step(0.97 - middle[0], n))
    _name(ax, tested.iloc[:n], (0.62, 0.03), _step(middle[1] - 0.03, n))
    ax.set(xlabel="genes, ranked", ylabel="t (above 0: peaks weigh more)")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, title="dominant", alignment="left", markerscale=2)
    despine(ax)
    return ax


def _step(room: float, n: int) -> float:
    """Return the distance of names, as a share of the axes, that keeps them off the curve."""
    return float(np.clip((room - 0.06) / max(n - 1, 1), 0.035, 0.06))


def _name(ax: Axes, genes: pd.DataFrame, start: tuple[float, float], step: float) -> None:
    """Write names one below (above) the other where the curve is not, each with a line to its gene."""
    x, first = start
    for number, (rank, gene) in enumerate(genes.iterrows()):
        ax.annotate(
            gene["gene"], (rank, gene["t"]), (x, first + step * number), textcoords="axes fraction", va="center",
            ha="right" if step < 0 else "left", fontsize="small",
            arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.4, "shrinkA": 1, "shrinkB": 2},
        )  # fmt: skip
