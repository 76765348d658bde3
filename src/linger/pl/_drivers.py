"""TFs that differ between groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from linger._validate import columns
from linger.pl._dots import Tests, draw_dots

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def drivers(
    table: pd.DataFrame,
    *,
    value: str = "difference",
    n_tfs: int = 30,
    max_p_adj: float = 0.05,
    ax: Axes | None = None,
) -> Axes:
    """Draw driver TFs: dots by TF and comparison, or of one comparison by TF and difference.

    Parameters
    ----------
    table
        As :func:`linger.get.drivers` returns it, of TFs or of modules, whole or in part.
    value
        Column to draw: ``"difference"``, ``"statistic"``, ``"correlation"``.
    n_tfs
        TFs to show: those of smallest p-value, every comparison choosing in turn.
    max_p_adj
        Dots with a smaller adjusted p-value stand out.
    ax
        Axes to draw on; None makes a figure.

    Returns
    -------
    The axes. TFs are sorted by the comparison in which they differ most; what was not tested has no dot.

    Raises
    ------
    KeyError
        If a column is missing.
    ValueError
        If nothing was tested, or `n_tfs` is not positive.

    Examples
    --------
    >>> table = pd.DataFrame({"group": ["case", "case"], "reference": "control", "tf": ["GATA1", "SPI1"]})
    >>> table = table.assign(difference=[0.5, -0.1], p_value=[0.001, 0.8], p_adj=[0.002, 0.8])
    >>> drivers(table).get_title()
    'case vs. control'
    """
    columns(table, ["group", "reference", "tf", value, "p_value", "p_adj"], "The table", "lg.get.drivers(adata)")
    table = table.reset_index(drop=True)
    comparison, said = _comparison(table)
    tests = pd.DataFrame({"row": table["tf"].astype(str), "column": comparison, "value": table[value]})
    label = value.replace("_", " ") + said
    return draw_dots(Tests(tests.join(table[["p_value", "p_adj"]]), label, max_p_adj), n_rows=n_tfs, ax=ax)


def _comparison(table: pd.DataFrame) -> tuple[pd.Series, str]:
    """Return what tells one comparison from another, and what all have in common."""
    group, reference = table["group"].astype(str), table["reference"].astype(str)
    pair = group + " vs. " + reference
    if "within" in table and len(table["within"].unique()) > 1:
        within = table["within"].astype(str)
        return (within, f" ({pair.iloc[0]})") if len(pair.unique()) == 1 else (within + ": " + pair, "")
    common = len(reference.unique()) == 1 < len(group.unique())
    return (group, f" (vs. {reference.iloc[0]})") if common else (pair, "")
