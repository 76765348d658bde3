"""Tables as the page holds them: titles, columns, and rows of plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

SIGNS = {1: "activates", -1: "represses", 0: "unclear"}
_GENES = {"source", "target", "tf", "gene", "TF"}  # columns with names of genes


def plain(values: Iterable[Any]) -> list[Any]:
    """Return numbers with four significant digits, text as text, and None for what is missing.

    Examples
    --------
    >>> plain([0.123456, 3, float("nan"), "a"])
    [0.1235, 3, None, 'a']
    """
    found = pd.Series(values)
    if pd.api.types.is_float_dtype(found):
        return [float(f"{value:.4g}") if np.isfinite(value) else None for value in found.tolist()]
    return [_plain(value) for value in found.tolist()]


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}") if np.isfinite(value) else None
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    return value if isinstance(value, int) and not isinstance(value, bool) else str(value)


def rows(frame: pd.DataFrame, labels: Mapping[str, str]) -> list[list[Any]]:
    """Return the rows of a frame, genes under their labels."""
    parts = []
    for name in frame.columns:
        column = frame[name]
        if name == "sign":
            column = column.map(SIGNS)
        elif name in _GENES:
            column = column.map(lambda value: labels.get(value, value))
        parts.append(plain(column))
    return [list(row) for row in zip(*parts, strict=True)]


def table(
    name: str,
    title: str,
    note: str,
    code: str,
    frames: list[pd.DataFrame],
    labels: Mapping[str, str],
    *,
    columns: Mapping[str, str] | None = None,
    picks: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return a table of the page.

    Parameters
    ----------
    name, title, note, code
        Its id, its heading, a sentence below it, and the code that reads all of it.
    frames
        One frame, or one for all cells and each type.
    labels
        What genes are called on the page.
    columns
        Headings of columns, where they are not the names.
    picks
        By column, what a click on a name chooses: ``"tf"`` or ``"gene"``.
    """
    first, headings, picks = frames[0], columns or {}, picks or {}
    return {
        "name": name,
        "title": title,
        "note": note,
        "code": code,
        "by_type": len(frames) > 1,
        "columns": [
            {
                "title": headings.get(column, column),
                "numeric": column != "sign" and pd.api.types.is_numeric_dtype(first[column]),
                "pick": picks.get(column, ""),
            }
            for column in first.columns
        ],
        "rows": [rows(frame, labels) for frame in frames],
    }
