"""Gene sets enriched in modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from linger._validate import columns
from linger.pl._dots import Tests, draw_dots

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def module_enrichment(
    table: pd.DataFrame, *, n_sets: int = 30, max_p_adj: float = 0.05, ax: Axes | None = None
) -> Axes:
    """Draw which gene sets are enriched in which modules: dots by set and module.

    Parameters
    ----------
    table
        As :func:`linger.get.module_enrichment` returns it, whole or in part.
    n_sets
        Gene sets to show: those of smallest p-value, every module choosing in turn.
    max_p_adj
        Dots with a smaller adjusted p-value stand out.
    ax
        Axes to draw on; None makes a figure.

    Returns
    -------
    The axes. The value is the share of the module's genes that are in the set; what has none has no dot.

    Raises
    ------
    KeyError
        If a column is missing.
    ValueError
        If no module has a gene of a set, or `n_sets` is not positive.

    Examples
    --------
    >>> table = pd.DataFrame({"module": ["module_1", "module_2"], "gene_set": "heme", "n": [4, 1], "n_module": 8})
    >>> table = table.assign(p_value=[0.001, 0.8], p_adj=[0.002, 0.8])
    >>> [tick.get_text() for tick in module_enrichment(table).get_xticklabels()]
    ['module_1', 'module_2']
    """
    wanted = ["module", "gene_set", "n", "n_module", "p_value", "p_adj"]
    columns(table, wanted, "The table", "lg.get.module_enrichment(mdata, gene_sets)")
    names = {"module": "column", "gene_set": "row"}
    tests = table[wanted].rename(columns=names).astype({"row": str, "column": str})
    tests["value"] = (tests["n"] / tests["n_module"]).where(tests["n"] > 0, np.nan)
    return draw_dots(Tests(tests, "share of the module's genes", max_p_adj), n_rows=n_sets, ax=ax)
