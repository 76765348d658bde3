"""Tables of TFs and their targets: TRRUST, CollecTRI, ChIP-seq targets, BEELINE."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from linger._columns import find_columns, read_table

_NAMES: Final = {
    "source": ("source", "tf", "regulator", "gene1", "source_genesymbol"),
    "target": ("target", "gene", "tg", "target_gene", "gene2", "target_genesymbol"),
    "sign": ("sign", "weight", "mor", "mode", "effect"),
}
_TRRUST: Final = {"Activation": 1, "Repression": -1, "Unknown": 0}


def pairs(table: str | Path | pd.DataFrame) -> pd.DataFrame:
    """Read a table of TF-target pairs, one pair a row.

    Parameters
    ----------
    table
        CollecTRI (source, target, weight), the raw table of TRRUST (no header: TF, target, mode, references), ChIP-seq targets (tf, target),
        a BEELINE network (Gene1, Gene2), or any table with columns of such names; a frame or a file (commas in ``.csv``, else tabs).

    Returns
    -------
    Columns source, target and, where the table says, sign (1 activates, -1 represses, 0 unknown or both), one row a pair, sorted by name.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    KeyError
        If the columns are not found.
    ValueError
        If no pair is left.

    Examples
    --------
    >>> pairs(pd.DataFrame({"TF": ["SPI1", "SPI1"], "Target": ["CSF1R", "CSF1R"], "weight": [1.0, -1.0]}))
      source target  sign
    0   SPI1  CSF1R     0
    """
    found = find_columns(_with_header(read_table(table)), _NAMES, required=["source", "target"], what="TF-target pairs")
    found = found.dropna(subset=["source", "target"])
    if found.empty:
        msg = "The table holds no TF-target pair."
        raise ValueError(msg)
    found = found.astype({"source": str, "target": str})
    if "sign" not in found:
        return found.drop_duplicates().sort_values(["source", "target"], ignore_index=True)
    numbers = pd.to_numeric(found["sign"].map(lambda sign: _TRRUST.get(sign, sign)), errors="coerce").fillna(0)
    signs = np.sign(numbers).groupby([found["source"], found["target"]]).agg(["min", "max"])
    agreed = signs["min"].where(signs["min"] == signs["max"], 0)
    return agreed.astype(int).rename("sign").reset_index()


def _with_header(table: pd.DataFrame) -> pd.DataFrame:
    """Return the raw table of TRRUST, whose first row pandas took for its header, under names; others as they are."""
    header = [str(column) for column in table.columns]
    if len(header) != 4 or header[2] not in _TRRUST:
        return table
    first = pd.DataFrame([header], columns=table.columns)
    return pd.concat([first, table.astype(str)], ignore_index=True).set_axis(["tf", "target", "mode", "pmid"], axis=1)
