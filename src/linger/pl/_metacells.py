"""What metacells are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from linger._docs import docs
from linger._validate import columns, modality
from linger.pl._by_group import groups_of_cells
from linger.pl._style import despine, method_colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from mudata import MuData

_CLOUD: Final = 5000  # metacells; more are drawn as an image


@docs.dedent
def metacells(metacells: MuData, *, rna_key: str = "rna", atac_key: str = "atac") -> Figure:
    """Draw metacells by group: how many there are, how many cells each is the mean of, and how many genes and peaks are above 0 in it.

    The title says how many of the cells are in any metacell. Metacells have one depth, the median of the cells, so that what is above 0 shows which
    are made of few or shallow cells.

    Parameters
    ----------
    metacells
        As :func:`linger.pp.metacells` returns them.
    %(keys)s

    Returns
    -------
    The figure, of four panels.

    Raises
    ------
    KeyError
        If these are no metacells of :func:`linger.pp.metacells`.

    Examples
    --------
    >>> import linger as lg
    >>> made = lg.pp.metacells(lg.ds.toy(), groupby="cell_type", n_metacells=30)
    >>> [ax.get_xlabel() for ax in lg.pl.metacells(made).axes]
    ['metacells', 'cells per metacell', 'genes above 0', 'peaks above 0']
    """
    import matplotlib.pyplot as plt

    settings = metacells.uns.get("linger", {}).get("metacells")
    if settings is None or "cells" not in metacells.obsm:
        msg = "These are no metacells: uns['linger']['metacells'] or obsm['cells'] is missing. Call lg.pp.metacells(mdata) first."
        raise KeyError(msg)
    rna, atac = modality(metacells, rna_key), modality(metacells, atac_key)
    columns(rna.obs, ["n_cells"], f"metacells[{rna_key!r}].obs", "lg.pp.metacells(mdata)")
    groups = groups_of_cells(metacells, str(settings.get("groupby", "group")), rna_key=rna_key)
    values = {"cells per metacell": rna.obs["n_cells"].to_numpy()}
    values |= {f"{what} above 0": _above_zero(each.X) for what, each in (("genes", rna), ("peaks", atac))}
    n_groups = len(groups.cat.categories)
    figure, axes = plt.subplots(1, 4, figsize=(9.5, 1.0 + 0.26 * max(n_groups, 3)), sharey=True, layout="constrained")
    _draw_numbers(axes[0], groups)
    for ax, (label, each) in zip(axes[1:], values.items(), strict=True):
        _draw_metacells(ax, each, groups)
        ax.set_xlabel(label)
    used = np.unique(metacells.obsm["cells"].nonzero()[1])
    total = metacells.obsm["cells"].shape[1]
    figure.suptitle(f"{len(groups):,} metacells of {len(used):,} of {total:,} cells", fontsize="medium")
    return figure


def _above_zero(X: np.ndarray) -> np.ndarray:
    return np.asarray((X > 0).sum(axis=1)).ravel()


def _draw_metacells(ax: Axes, values: np.ndarray, groups: pd.Series) -> None:
    """Draw a dot a metacell."""
    jitter = np.random.default_rng(0)
    for row, color in enumerate(method_colors(groups.cat.categories).values()):
        here = values[(groups.cat.codes == row).to_numpy()]
        heights = row + jitter.uniform(-0.25, 0.25, len(here))
        ax.scatter(here, heights, s=7, color=color, alpha=0.7, linewidths=0, rasterized=len(values) > _CLOUD)
    ax.set_xlim(0, 1.08 * max(values.max(), 1))
    despine(ax)


def _draw_numbers(ax: Axes, groups: pd.Series) -> None:
    """Draw a bar a group."""
    numbers = groups.value_counts().reindex(groups.cat.categories)
    ax.set_yticks(range(len(numbers)), numbers.index, fontsize="small")
    ax.set_ylim(len(numbers) - 0.4, -0.6)
    ax.barh(range(len(numbers)), numbers, color=list(method_colors(numbers.index).values()), alpha=0.8, height=0.6)
    ax.set_xlabel("metacells")
    despine(ax)
