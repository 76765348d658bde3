"""What traits point to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from linger._validate import columns
from linger.pl._dots import Tests, draw_dots

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def traits(table: pd.DataFrame, *, n_rows: int = 30, max_p_adj: float = 0.05, ax: Axes | None = None) -> Axes:
    """Draw how relevant cell types are to traits, or how TFs score: dots by type (TF) and trait.

    Parameters
    ----------
    table
        As :func:`linger.get.traits` returns it for ``"groups"`` or ``"tfs"``, of one or several traits.
    n_rows
        Types or TFs to show: those of smallest p-value, every trait choosing in turn.
    max_p_adj
        Dots with a smaller adjusted p-value stand out.
    ax
        Axes to draw on; None makes a figure.

    Returns
    -------
    The axes.

    Raises
    ------
    KeyError
        If a column is missing.
    ValueError
        If nothing was tested, or `n_rows` is not positive.

    Examples
    --------
    >>> table = pd.DataFrame({"trait": "height", "group": ["bone", "skin"], "statistic": [3.0, -0.5]})
    >>> table = table.assign(p_value=[0.001, 0.8], p_adj=[0.002, 0.8])
    >>> [tick.get_text() for tick in traits(table).get_yticklabels()]
    ['bone', 'skin']
    """
    row, value, label = ("tf", "score", "trait score (z)") if "tf" in table else ("group", "statistic", "relevance (t)")
    wanted = ["trait", row, value, "p_value", "p_adj"]
    columns(table, wanted, "The table", "lg.get.traits(mdata, 'groups') or (mdata, 'tfs')")
    names = {"trait": "column", row: "row", value: "value"}
    tests = table[wanted].rename(columns=names).astype({"row": str, "column": str})
    return draw_dots(Tests(tests, label, max_p_adj), n_rows=n_rows, ax=ax)
