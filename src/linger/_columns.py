"""Columns of other people's tables, found by any of their usual names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from linger._reading import reading
from linger._validate import preview


def find_columns(
    table: pd.DataFrame, names: Mapping[str, Sequence[str]], *, required: Sequence[str], what: str
) -> pd.DataFrame:
    """Return the columns that go by one of the `names` (in any case), called by the keys of `names`.

    Parameters
    ----------
    table
        A table of whatever origin.
    names
        Our name of a column, and the names it may go by, the likeliest first.
    required
        Columns that must be there; others are left out where they are not.
    what
        What the table holds, for messages.

    Raises
    ------
    KeyError
        If a required column has none of its names.
    """
    lower = {str(column).strip().lower(): column for column in reversed(table.columns)}
    found = {ours: next((lower[name] for name in theirs if name in lower), None) for ours, theirs in names.items()}
    missing = [ours for ours in required if found[ours] is None]
    if missing:
        msg = (
            f"The table of {what} has no column for {preview(missing)} (it has {preview(table.columns, 10)}). "
            f"Rename them: {', '.join(missing)}."
        )
        raise KeyError(msg)
    table = table.loc[:, ~table.columns.duplicated()]
    return pd.DataFrame({ours: table[column] for ours, column in found.items() if column is not None})


def read_table(table: str | Path | pd.DataFrame) -> pd.DataFrame:
    """Return a table given as such, or read one: commas where the name holds ``.csv``, else tabs; compressed or not.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no table.
    """
    if isinstance(table, pd.DataFrame):
        return table
    path = Path(table).expanduser()
    with reading(path):  # NA and nan are genes, too
        return pd.read_csv(
            path, sep="," if ".csv" in path.suffixes else "\t", low_memory=False, keep_default_na=False, na_values=[""]
        )
