"""Cells by group, and tables of groups put in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast, get_args

import numpy as np
import pandas as pd
from natsort import natsorted

from linger._groups import obs_column
from linger._validate import columns, expression_of
from linger.pl._style import GREY, despine, method_colors

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from mudata import MuData

Distribution = Literal["violin", "box"]


def groups_of_cells(adata: AnnData | MuData, groupby: str, *, rna_key: str) -> pd.Series:
    """Return the group of every cell as a categorical, in the order of its categories; cells without one are NaN.

    Where there are no categories, or these are in the alphabet's order (pandas' own), 2 comes before 10.

    Raises
    ------
    KeyError
        If there is no such column.
    ValueError
        If no cell has a group.
    """
    if hasattr(adata, "mod"):
        found = obs_column(adata, groupby, expression_of(adata, rna_key).obs_names, keys=tuple(adata.mod))
    else:
        columns(adata.obs, [groupby], "adata.obs", "adata.obs.columns to see what there is, or add it,")
        found = adata.obs[groupby]
    names = found.map(str, na_action="ignore").astype(object)
    present = set(names.dropna())
    if not present:
        msg = f"No cell has a {groupby!r}."
        raise ValueError(msg)
    given = [str(name) for name in found.cat.categories] if isinstance(found.dtype, pd.CategoricalDtype) else []
    categories = natsorted(present) if given == sorted(given) else given
    order = [name for name in categories if name in present]
    return pd.Series(pd.Categorical(names, categories=order), index=found.index, name=groupby)


def along_diagonal(table: pd.DataFrame) -> pd.DataFrame:
    """Return rows by the column of their maximum, in a column highest first; ties go by name.

    Examples
    --------
    >>> along_diagonal(pd.DataFrame({"a": [1, 5, 3], "b": [2, 0, 0]}, index=["x", "y", "z"])).index.tolist()
    ['y', 'z', 'x']
    """
    values = table.fillna(-np.inf).to_numpy(float)
    keys = pd.DataFrame({"at": values.argmax(axis=1), "value": values.max(axis=1), "name": table.index.astype(str)})
    order = keys.sort_values(["at", "value", "name"], ascending=[True, False, True]).index
    return table.iloc[order]


def draw_distribution(ax: Axes, values: pd.Series, groups: pd.Series, *, kind: Distribution) -> None:
    """Draw a violin or box a group, below each other; a white dot is the median of a violin.

    Values that are NaN are left out.
    """
    if kind not in get_args(Distribution):
        msg = f"kind must be 'violin' or 'box', found {kind!r}."
        raise ValueError(msg)
    names = list(groups.cat.categories)
    for row, (name, color) in enumerate(method_colors(names).items()):
        here = values[(groups == name).to_numpy()].dropna().to_numpy(float)
        if not len(here):
            continue
        if kind == "violin":
            drawn = ax.violinplot([here], positions=[row], orientation="horizontal", widths=0.85, showextrema=False)
            for body in cast("list[PolyCollection]", drawn["bodies"]):
                body.set(facecolor=color, alpha=0.8)
            ax.scatter(np.median(here), row, s=12, color="white", edgecolors="#333333", linewidths=0.8, zorder=3)
        else:
            ax.boxplot(
                [here], positions=[row], orientation="horizontal", widths=0.6, manage_ticks=False, patch_artist=True,
                boxprops={"facecolor": color, "alpha": 0.8}, medianprops={"color": "black"},
                flierprops={"marker": ".", "markersize": 3.5, "markerfacecolor": GREY, "markeredgecolor": "none"},
            )  # fmt: skip
    ax.set_yticks(range(len(names)), names, fontsize="small")
    ax.set_ylim(len(names) - 0.4, -0.6)
    despine(ax)
