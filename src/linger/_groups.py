"""Cell types: a column of obs, found and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from linger._validate import preview

if TYPE_CHECKING:
    from mudata import MuData

MIN_CELLS: Final = 10


def obs_column(mdata: MuData, column: str, cells: pd.Index, *, keys: tuple[str, ...]) -> pd.Series:
    """Return a column of obs for `cells`, looked for in the MuData, then in its modalities, there also as ``"rna:column"``."""
    of_modalities = {key: mdata.mod[key].obs for key in keys}
    for obs in (mdata.obs, *of_modalities.values()):
        if column in obs:
            return obs[column].reindex(cells)
    pulled = {f"{key}:{name}": obs[name] for key, obs in of_modalities.items() for name in obs}
    if column in pulled:  # as mudata names it where it pulls columns, which is a matter of its options
        return pulled[column].reindex(cells)
    available = sorted({str(name) for obs in (mdata.obs, *of_modalities.values()) for name in obs} - set(pulled))
    msg = f"No column {column!r} in obs of the MuData or its modalities (there are {preview(available) or 'none'})."
    raise KeyError(msg)


def cell_groups(
    mdata: MuData,
    groupby: str | None,
    cells: pd.Index,
    min_cells: int,
    *,
    keys: tuple[str, str],
    fix: str = "lower min_cells",
) -> pd.Series:
    """Return the group of every cell, checked; `fix` says in the error how to keep small groups."""
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
        found, them = ("1 group", "it") if len(small) == 1 else (f"{len(small)} groups", "them")
        msg = (
            f"{found} of {groupby!r} {'has' if len(small) == 1 else 'have'} fewer than min_cells={min_cells} cells: {shown}. "
            f"Merge or drop {them}, or {fix}."
        )
        raise ValueError(msg)
    return groups.astype(str)
