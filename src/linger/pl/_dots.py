"""Dots for tests of many names in one or several columns: place or colour says how strong, size how sure."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd
from natsort import natsorted

from linger._validate import preview
from linger.pl._style import GREY, PALETTE, color_scale, colored, despine, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_AREA: Final = (18.0, 130.0)  # of the smallest and the largest dot, points squared
_MOST: Final = 10.0  # -log10 p; what is surer is drawn alike
_LABEL: Final = 20  # letters in a line beside the colour bar, which is short
_SLANTED: Final = 0.055  # inches that a letter of a slanted name takes, in width and height
_UNSURE: Final = "#b0b0b0"


class Tests(NamedTuple):
    """What to draw."""

    table: pd.DataFrame
    """Columns row, column, value, p_value and p_adj; a row a test."""
    label: str
    """What the values are."""
    max_p_adj: float
    """Dots with a smaller adjusted p-value stand out."""


def draw_dots(tests: Tests, *, n_rows: int, ax: Axes | None) -> Axes:
    """Draw dots by row and column; of one column, dots by row and value.

    Parameters
    ----------
    tests
        What to draw; tests without a value or an adjusted p-value are left out.
    n_rows
        Rows to show: those of smallest p-value, every column choosing in turn.
    ax
        Axes to draw on; None makes a figure.

    Raises
    ------
    ValueError
        If nothing is left to draw, a test occurs twice, or `n_rows` is not positive.
    """
    if n_rows < 1:
        msg = f"The number of rows to show must be 1 or more, found {n_rows}."
        raise ValueError(msg)
    table = tests.table[tests.table["value"].notna() & tests.table["p_adj"].notna()]
    if table.empty:
        msg = "No row of the table has both a value and an adjusted p-value, so there is nothing to draw."
        raise ValueError(msg)
    twice = table[table.duplicated(["row", "column"])]
    if len(twice):
        msg = f"{len(twice)} tests occur more than once (of {preview(twice['row'].unique(), 3)}). Give the table of one analysis."
        raise ValueError(msg)
    table = table[table["row"].isin(_surest(table, n_rows))]
    with np.errstate(divide="ignore"):
        table = table.assign(sure=np.minimum(-np.log10(table["p_adj"].to_numpy(float)), _MOST))
    draw = _draw_one if len(table["column"].unique()) == 1 else _draw_many
    return draw(tests._replace(table=table), ax)


def _surest(table: pd.DataFrame, n_rows: int) -> np.ndarray:
    """Return rows in the order in which columns choose them; ties go by the size of the value, then by name."""
    order = ["p_value", "size", "row"]
    ordered = table.assign(size=-table["value"].abs()).sort_values(order)
    ordered["turn"] = ordered.groupby("column").cumcount()
    chosen: np.ndarray = ordered.sort_values(["turn", *order])["row"].unique()[:n_rows]
    return chosen


def _draw_one(tests: Tests, ax: Axes | None) -> Axes:
    """Draw a dot a row at its value, on a stem from 0."""
    table = tests.table.sort_values(["value", "row"], ascending=[False, True])
    ax = new_axes(ax, width=5.2, height=1.1 + 0.24 * len(table))
    at, most = np.arange(len(table)), _scale(table["sure"])
    color = np.where(table["p_adj"] < tests.max_p_adj, PALETTE[0], _UNSURE)
    ax.axvline(0, color=GREY, linewidth=0.8, zorder=0)
    ax.hlines(at, 0, table["value"], color="#cccccc", linewidth=1, zorder=1)
    ax.scatter(table["value"], at, s=_areas(table["sure"], most), c=color, linewidths=0, zorder=2)
    ax.set_yticks(at, table["row"])
    ax.set(xlabel=tests.label, ylim=(len(table) - 0.4, -0.6))
    ax.set_title(table["column"].iloc[0], fontsize="medium")
    ax.margins(x=0.08)
    _legend(ax, most, tests.max_p_adj, {"markerfacecolor": PALETTE[0]}, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    despine(ax)
    return ax


def _draw_many(tests: Tests, ax: Axes | None) -> Axes:
    """Draw a dot a test in its row and column, coloured by its value."""
    table = tests.table
    columns, rows = natsorted(table["column"].unique()), _along_columns(table)
    slanted = _SLANTED * max(map(len, columns))
    ax = new_axes(
        ax, width=2.6 + 0.3 * len(columns) + max(0.07 * max(map(len, rows)), slanted),
        height=1.1 + 0.22 * max(len(rows), 6) + slanted,
    )  # fmt: skip
    most, colors = _scale(table["sure"]), color_scale(table["value"])
    sure = table["p_adj"] < tests.max_p_adj
    dots = ax.scatter(
        table["column"].map(columns.index), table["row"].map(rows.index), s=_areas(table["sure"], most), c=table["value"],
        edgecolors=np.where(sure, "black", "#999999").tolist(), linewidths=np.where(sure, 1.0, 0.5).tolist(), **colored(colors),
    )  # fmt: skip
    ax.set_xticks(range(len(columns)), columns, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(rows)), rows)
    ax.set(xlim=(-0.7, len(columns) - 0.3), ylim=(len(rows) - 0.3, -0.7), axisbelow=True)
    ax.grid(color="#eeeeee")
    ax.tick_params(length=0)
    bar = ax.figure.colorbar(
        dots, ax=ax, label=fill(tests.label, _LABEL), shrink=min(0.45, 10 / len(rows)), aspect=10, anchor=(0.0, 0.0)
    )
    edge = {"markerfacecolor": "white", "markeredgecolor": "black"}
    _legend(bar.ax, most, tests.max_p_adj, edge, loc="lower left", bbox_to_anchor=(-0.5, 1.05))
    return ax


def _along_columns(table: pd.DataFrame) -> list[str]:
    """Return rows by the column of their highest value, so that these form a diagonal; within a column highest first."""
    order = natsorted(table["column"].unique())
    placed = table.assign(at=table["column"].map(order.index))
    highest = placed.sort_values(["value", "at"], ascending=[False, True]).drop_duplicates("row")
    return highest.sort_values(["at", "value", "row"], ascending=[True, False, True])["row"].tolist()


def _scale(sure: pd.Series) -> float:
    """Return the -log10 p of the largest dot; where nothing is sure dots stay small."""
    return max(float(sure.max()), 2.0)


def _areas(sure: pd.Series | list[float], most: float) -> np.ndarray:
    return _AREA[0] + (_AREA[1] - _AREA[0]) * np.asarray(sure, float) / most


def _legend(ax: Axes, most: float, max_p_adj: float, called: dict[str, Any], **place: Any) -> None:
    """Explain sizes, and what dots that stand out look like."""
    from matplotlib.lines import Line2D

    levels = [0.0, most / 2, most]
    plain: dict[str, Any] = {"marker": "o", "linestyle": "", "markeredgecolor": "none"}
    handles = [
        Line2D([], [], **plain | {"markerfacecolor": _UNSURE}, markersize=float(area) ** 0.5)
        for area in _areas(levels, most)
    ]
    labels = [f"≥ {level:g}" if level == _MOST else f"{level:.2g}" for level in levels]
    handles.append(Line2D([], [], **plain | called, markersize=_AREA[1] ** 0.5 * 0.8))
    ax.legend(
        handles, [*labels, f"adjusted p < {max_p_adj:g}"], title="-log10 adjusted p", frameon=False, fontsize="small",
        title_fontsize="small", alignment="left", **place,
    )  # fmt: skip
