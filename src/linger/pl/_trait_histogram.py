"""Trait genes among the targets of the TFs expressed in a cell type."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from linger._docs import docs
from linger._keys import DEFAULT_KEY
from linger._validate import columns, known_names, preview
from linger.get._traits import traits
from linger.pl._style import GREY, PALETTE, despine, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mudata import MuData

_TITLE: Final = 44  # letters in a line above the axes


@docs.dedent
def trait_histogram(
    mdata: MuData,
    group: str,
    *,
    trait: str | None = None,
    n_top_tfs: int | None = None,
    key: str = DEFAULT_KEY,
    ax: Axes | None = None,
) -> Axes:
    """Draw how many trait genes are among the targets of the TFs highest expressed in a cell type, and of all other TFs.

    The relevance of a type (:func:`linger.tl.trait_enrichment`) compares the means of both, drawn as lines (Yuan & Duren 2024).

    Parameters
    ----------
    %(mdata)s
    group
        The cell type.
    trait
        The trait; None where there is one alone.
    n_top_tfs
        Number of TFs highest expressed, at most half of all; None takes as many as :func:`linger.tl.trait_enrichment` compared. With another number the title
        names no t and p, which belong to those.
    %(key)s
    ax
        Axes to draw on; None makes a figure.

    Returns
    -------
    The axes; bars are shares of the TFs on either side.

    Raises
    ------
    KeyError
        If no trait was analysed with group means stored, type or trait are unknown, or `n_top_tfs` is not stored.
    ValueError
        If there are several traits and none is named, or `n_top_tfs` is not positive.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, groupby="cell_type", config=lg.FitConfig(epochs=5, n_folds=0))
    >>> lg.tl.trait_enrichment(mdata, ["GENE20", "GENE30", "GENE40"], n_targets=10, n_permutations=99)
    >>> lg.pl.trait_histogram(mdata, "type_1").get_ylabel()
    'share of TFs'
    """
    from matplotlib.ticker import MaxNLocator

    if n_top_tfs is not None and n_top_tfs < 1:
        msg = f"n_top_tfs must be 1 or more, found {n_top_tfs}."
        raise ValueError(msg)
    tested = traits(mdata, "groups", key=key)
    columns(tested, ["n_top_tfs"], "The table of traits", "lg.tl.trait_enrichment(mdata, snps)")
    trait = _only(pd.Index(tested["trait"].unique())) if trait is None else trait
    expression = traits(mdata, "key_tfs", trait=trait, key=key)
    known_names(group, pd.Index(expression["group"].unique()), "groups")
    ordered = expression[expression["group"] == group].sort_values(["expression", "tf"], ascending=[False, True])["tf"]
    found = tested[(tested["trait"] == trait) & (tested["group"] == group)].iloc[0]
    n_tested = int(found["n_top_tfs"])
    top = ordered.head(n_tested if n_top_tfs is None else min(n_top_tfs, len(ordered) // 2))
    numbers = traits(mdata, "tfs", trait=trait, key=key).set_index("tf")["n_trait_genes"]
    ax = new_axes(ax, width=6.4, height=3)
    _draw(ax, {f"{len(top)} TFs highest expressed": numbers[top], "other TFs": numbers.drop(top)})
    title = fill(f"{trait} in {group}", _TITLE)
    if len(top) == n_tested:
        p_value = "not tested" if np.isnan(found["p_value"]) else f"p = {found['p_value']:.2g}"
        title += f"\nt = {found['statistic']:.2f}, {p_value}"
    ax.set_title(title, fontsize="medium", loc="left")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel="trait genes among the targets of a TF", ylabel="share of TFs")
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    despine(ax)
    return ax


def _only(names: pd.Index) -> str:
    if len(names) > 1:
        msg = f"There are {len(names)} traits ({preview(names)}). Name one: trait={names[0]!r}."
        raise ValueError(msg)
    return str(names[0])


def _draw(ax: Axes, numbers: dict[str, pd.Series]) -> None:
    """Draw a histogram a set of TFs, and its mean."""
    every = np.concatenate(list(numbers.values()))
    width = int(np.ceil((np.ptp(every) + 1) / 25))  # bins hold whole numbers of genes
    bins = (np.arange(every.min(), every.max() + 2 * width, width) - 0.5).tolist()
    for (name, values), color in zip(numbers.items(), (PALETTE[0], GREY), strict=True):
        share = np.full(len(values), 1 / max(len(values), 1))
        ax.hist(values, bins, weights=share, color=color, alpha=0.45, edgecolor=color, histtype="stepfilled")
        ax.axvline(values.mean(), color=color, linestyle="--", label=f"{name}:\nmean {values.mean():.1f}")
