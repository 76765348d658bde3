"""Tables of TFs and their targets: TRRUST, CollecTRI, ChIP-seq targets, BEELINE."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from linger._columns import find_columns, read_table
from linger._logging import logger
from linger._validate import preview

_NAMES: Final = {
    "source": ("source", "tf", "regulator", "gene1", "source_genesymbol"),
    "target": ("target", "gene", "tg", "target_gene", "gene2", "target_genesymbol"),
    "sign": ("sign", "weight", "mor", "mode", "effect"),
    "label": ("label",),
}
_TRRUST: Final = ("Activation", "Repression", "Unknown")
_UP: Final = ("activation", "activator", "activates", "positive", "up", "+", "stimulation")
_DOWN: Final = ("repression", "repressor", "represses", "negative", "down", "-", "inhibition")
_WORDS: Final = {**dict.fromkeys(_UP, 1), **dict.fromkeys(_DOWN, -1), "unknown": 0, "nan": 0, "": 0}


def pairs(table: str | Path | pd.DataFrame) -> pd.DataFrame:
    """Read a table of TF-target pairs, one pair a row.

    Parameters
    ----------
    table
        CollecTRI (source, target, weight), the raw table of TRRUST (no header: TF, target, mode, references), ChIP-seq targets (tf, target),
        a BEELINE network (Gene1, Gene2), or any table with columns of such names; a frame or a file (commas in ``.csv``, else tabs).

    Returns
    -------
    Columns source, target and, where the table has them, sign (1 activates, -1 represses, 0 unknown or both) and label (false for pairs known not to
    be edges), one row a pair, sorted by name.

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
    table = found[["source", "target"]].drop_duplicates().sort_values(["source", "target"], ignore_index=True)
    for name, read in (("sign", _signs), ("label", _labels)):
        if name in found:
            table = table.merge(read(found), on=["source", "target"])
    return table


def _labels(found: pd.DataFrame) -> pd.DataFrame:
    label = found["label"].replace({"True": True, "False": False})
    if not label.isin([True, False]).all():
        msg = f"Labels must be true or false (1 or 0), found {list(label[~label.isin([True, False])].unique()[:3])}."
        raise ValueError(msg)
    return label.astype(bool).groupby([found["source"], found["target"]]).any().reset_index()


def _signs(found: pd.DataFrame) -> pd.DataFrame:
    words = found["sign"].map(lambda sign: _WORDS.get(str(sign).strip().lower(), sign))
    numbers = pd.to_numeric(words, errors="coerce")
    if numbers.isna().any():
        logger.warning("Signs that are not understood count as unknown: %s.", preview(words[numbers.isna()].unique()))
    numbers = numbers.fillna(0)
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
