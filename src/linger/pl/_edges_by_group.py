"""The strength of edges in single cells, by group."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import pandas as pd

from linger._docs import docs
from linger._keys import DEFAULT_KEY
from linger.pl._by_group import Distribution, draw_distribution, groups_of_cells
from linger.pl._edges import chosen_edges, edge_panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mudata import MuData

_COLUMNS: Final = 4


@docs.dedent
def edges_by_group(
    mdata: MuData,
    groupby: str,
    *,
    edges: str | Iterable[str] | None = None,
    strengths: pd.DataFrame | None = None,
    kind: Distribution = "violin",
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
) -> Figure:
    """Draw how strong edges are in the cells of each group, a panel an edge.

    Parameters
    ----------
    %(mdata)s
    groupby
        Column of ``obs`` with the groups; cells without one are left out.
    edges
        Edges to show, such as ``"RUNX1->SPI1"``; None shows all.
    strengths
        Cells x edges, as :func:`linger.get.edges_per_cell` returns them; None takes what :func:`linger.tl.edges_per_cell` stored.
    kind
        ``"violin"`` or ``"box"``.
    %(key)s
    %(rna_key)s

    Returns
    -------
    The figure; the title of an edge that no cell has says so.

    Raises
    ------
    KeyError
        If there are no strengths, the column is missing, or an edge is unknown.
    ValueError
        If there is no such kind, no cell has a group, or there are more than 30 edges to show.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> lg.tl.edges_per_cell(mdata, [("TF1", "GENE20"), ("TF2", "GENE20")])
    >>> [ax.get_title() for ax in lg.pl.edges_by_group(mdata, "cell_type").axes]
    ['TF1 → GENE20', 'TF2 → GENE20']
    """
    table = chosen_edges(mdata, edges, strengths, key=key, rna_key=rna_key)
    groups = groups_of_cells(mdata, groupby, rna_key=rna_key)
    names = groups.cat.categories
    panel, margin = (2.6, 0.9 + 0.28 * len(names)), 0.08 * max(map(len, names))
    figure, axes = edge_panels(table, n_columns=_COLUMNS, panel=panel, margin=margin, sharey=True)
    for ax, name in zip(axes, table, strict=True):
        draw_distribution(ax, table[name], groups, kind=kind)
        ax.set_xlabel("strength")
        most = ax.get_xlim()[1] if (table[name] != 0).any() else 1.0
        ax.set_xlim(-0.025 * most, most)  # a median at 0 is seen whole
    return figure
