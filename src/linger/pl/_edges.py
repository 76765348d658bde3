"""The strength of edges in single cells, on an embedding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import pandas as pd

from linger._docs import docs
from linger._keys import DEFAULT_KEY, EDGES, slot
from linger._validate import known_names, modality
from linger.pl._embedding import draw_embedding, embedding_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from mudata import MuData

_MOST: Final = 30  # panels
_COLUMNS: Final = 3


@docs.dedent
def edges(
    mdata: MuData,
    basis: str,
    *,
    edges: str | Iterable[str] | None = None,
    strengths: pd.DataFrame | None = None,
    quantile: float = 0.99,
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
) -> Figure:
    """Draw how strong edges are in every cell, on an embedding, a panel an edge.

    Parameters
    ----------
    %(mdata)s
    basis
        Embedding in ``obsm`` of the MuData or its expression, such as ``"X_umap"``.
    edges
        Edges to show, such as ``"RUNX1->SPI1"``; None shows all.
    strengths
        Cells x edges, as :func:`linger.get.edges_per_cell` returns them; None takes what :func:`linger.tl.edges_per_cell` stored.
    quantile
        Colours end at this quantile of the cells, since a few cells would take the whole scale; where it is 0, at
        that of the cells that have the edge.
    %(key)s
    %(rna_key)s

    Returns
    -------
    The figure; the title of an edge that no cell has says so.

    Raises
    ------
    KeyError
        If there are no strengths, the embedding is missing, or an edge is unknown.
    ValueError
        If `quantile` is out of range, or there are more than 30 edges to show.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> found = lg.get.edges_per_cell(mdata, lg.get.network(mdata, "trans", top=2))
    >>> mdata.obsm["X_pair"] = found.to_numpy()
    >>> [ax.get_xlabel() for ax in lg.pl.edges(mdata, "X_pair", strengths=found).axes[:2]]
    ['PAIR 1', 'PAIR 1']
    """
    if not 0 < quantile <= 1:
        msg = f"quantile must be above 0 and at most 1, found {quantile}."
        raise ValueError(msg)
    table = chosen_edges(mdata, edges, strengths, key=key, rna_key=rna_key)
    points = embedding_points(mdata, basis, rna_key=rna_key)
    figure, axes = edge_panels(table, n_columns=_COLUMNS, panel=(4.0, 3.2))
    for ax, name in zip(axes, table, strict=True):
        draw_embedding(ax, points, table[name], basis=basis, label="strength", quantile=quantile)
    return figure


def edge_panels(
    table: pd.DataFrame, *, n_columns: int, panel: tuple[float, float], margin: float = 0.0, sharey: bool = False
) -> tuple[Figure, list[Axes]]:
    """Return a figure with a titled panel an edge; `panel` is the size of one and `margin` what is added to the width, in inches."""
    import matplotlib.pyplot as plt

    n_columns = min(n_columns, table.shape[1])
    n_rows = -(-table.shape[1] // n_columns)
    size = (panel[0] * n_columns + margin, panel[1] * n_rows)
    figure, grid = plt.subplots(n_rows, n_columns, figsize=size, sharey=sharey, layout="constrained", squeeze=False)
    axes = list(grid.ravel())
    for ax, name in zip(axes, table, strict=False):
        nowhere = not (table[name] != 0).any()  # else an empty panel, whose scale means nothing, looks like a mistake
        ax.set_title(shown_name(name) + (": 0 in every cell" if nowhere else ""), fontsize="medium")
    for ax in axes[table.shape[1] :]:
        ax.remove()
    return figure, axes[: table.shape[1]]


def chosen_edges(
    mdata: MuData, edges: str | Iterable[str] | None, strengths: pd.DataFrame | None, *, key: str, rna_key: str
) -> pd.DataFrame:
    """Return the strengths to show, cells x edges, in the order of the cells of the expression."""
    rna = modality(mdata, rna_key)
    if strengths is None:
        if slot(key, EDGES) not in rna.obsm:
            msg = f"No strengths of edges are stored under {key!r}. Call lg.tl.edges_per_cell(mdata, edges) first."
            raise KeyError(msg)
        strengths = rna.obsm[slot(key, EDGES)]
    known_names(rna.obs_names, strengths.index, "cells of the strengths")
    if edges is not None:
        strengths = strengths[known_names(edges, strengths.columns, "edges")]
    if not 0 < strengths.shape[1] <= _MOST:
        msg = f"There are {strengths.shape[1]} edges to show, and between 1 and {_MOST} can be. Name some: edges=[...]."
        raise ValueError(msg)
    return strengths.loc[rna.obs_names]


def shown_name(edge: object) -> str:
    """Return the name of an edge with an arrow.

    Examples
    --------
    >>> shown_name("RUNX1->SPI1")
    'RUNX1 → SPI1'
    """
    return str(edge).replace("->", " → ")
