"""Cell types: a column of obs, found and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from linger._validate import preview

if TYPE_CHECKING:
    from mudata import MuData


def obs_column(mdata: MuData, column: str, cells: pd.Index, *, keys: tuple[str, ...]) -> pd.Series:
    """Return a column of obs for `cells`, looked for in the MuData, then in its modalities."""
    for obs in (mdata.obs, *(mdata.mod[key].obs for key in keys)):
        if column in obs:
            return obs[column].reindex(cells)
    available = sorted({str(name) for obs in (mdata.obs, *(mdata.mod[key].obs for key in keys)) for name in obs})
    msg = f"No column {column!r} in obs of the MuData or its modalities (there are {preview(available) or 'none'})."
    raise KeyError(msg)


def cell_groups(
    mdata: MuData, groupby: str | None, cells: pd.Index, min_cells: int, *, keys: tuple[str, str]
) -> pd.Series:
    """Return the group of every cell, checked."""
    groups = pd.Series("all", index=cells) if groupby is None else obs_column(mdata, groupby, cells, keys=keys)
    if groups.isna().any():
        shown = preview(groups.index[groups.isna()], 3)
        msg = f"{int(groups.isna().sum())} cells have no {groupby!r} ({shown}). Annotate them, or leave them out of the MuData."
        raise ValueError(msg)
    sizes = groups.astype(str).value_counts()
    small = sizes[sizes < min_cells].sort_index()
    if len(small) and groupby is None:
        msg = f"There are only {len(groups)} cells, fewer than min_cells={min_cells}."
        raise ValueError(msg)
    if len(small):
        shown = preview(f"{name} ({size})" for name, size in small.items())
        msg = f"{len(small)} groups of {groupby!r} have fewer than min_cells={min_cells} cells: {shown}. Merge or drop them, or lower min_cells."
        raise ValueError(msg)
    return groups.astype(str)
