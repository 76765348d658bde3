"""Mean expression and accessibility of cell types."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from linger._abundance import equal_weights, mean_shares
from linger._docs import docs
from linger._groups import MIN_CELLS, cell_groups
from linger._keys import DEFAULT_KEY, GROUP_MEAN, GROUPS, slot
from linger._stale import drop_importance
from linger._validate import paired, valid_key

if TYPE_CHECKING:
    from mudata import MuData


@docs.dedent
def group_means(
    mdata: MuData,
    groupby: str,
    *,
    min_cells: int = MIN_CELLS,
    rna_key: str = "rna",
    atac_key: str = "atac",
    layer: str | None = None,
    key_added: str = DEFAULT_KEY,
    copy: bool = False,
) -> MuData | None:
    """Store the mean expression and accessibility of every group, by which :func:`linger.get.network` re-weights the graph.

    E of a gene (O of a peak) is the mean over the cells of a group of its counts over the cell's depth, divided by the mean of that over
    all genes (peaks) (Yuan & Duren 2024, Methods). It does not depend on other groups or on sequencing depth.
    :func:`linger.tl.fit` calls this with its ``groupby``, or that of its metacells.

    Parameters
    ----------
    %(mdata)s Backed on disk or not: cells are read a block at a time.
    groupby
        Column of ``obs`` with the groups, in the MuData or either modality; every cell must have one.
    min_cells
        Smallest group allowed.
    %(rna_key)s
    %(atac_key)s
    %(layer)s
    %(key_added)s
    %(copy)s

    Returns
    -------
    None, or the copy. Writes ``rna.varm["linger_group_mean"]`` and ``atac.varm["linger_group_mean"]`` (features x groups, float32) and
    ``uns["linger"]["groups"]`` (``groupby``, ``names``, ``n_cells``). TF importance of other groups is removed.

    Raises
    ------
    KeyError
        If a modality or column is missing.
    ValueError
        If cells are not paired or have no group, a group is smaller than `min_cells`, or values are not counts.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.tl.group_means(mdata, "cell_type")
    >>> mdata["rna"].varm["linger_group_mean"].mean(axis=0).round(3).tolist()
    [1.0, 1.0, 1.0]
    """
    valid_key(key_added)
    means = compute_group_means(mdata, groupby, min_cells=min_cells, rna_key=rna_key, atac_key=atac_key, layer=layer)
    target = mdata.copy() if copy else mdata
    write_group_means(target, means, key_added=key_added)
    return target if copy else None


class GroupMeans(NamedTuple):
    """Means of groups, and how they were made."""

    values: dict[str, np.ndarray]
    """By modality, features x groups."""
    groupby: str
    sizes: pd.Series
    """Number of cells by name of group."""


def compute_group_means(
    mdata: MuData, groupby: str, *, min_cells: int, rna_key: str, atac_key: str, layer: str | None
) -> GroupMeans:
    """Average the cells of every group; changes nothing."""
    paired(mdata, rna_key=rna_key, atac_key=atac_key)
    cells = mdata.mod[rna_key].obs_names.sort_values()
    group = cell_groups(mdata, groupby, cells, min_cells, keys=(rna_key, atac_key))
    sizes = group.value_counts().sort_index()
    weights = equal_weights(sizes.index.to_numpy()[:, None] == group.to_numpy())
    values = {
        key: mean_shares(mdata.mod[key], weights, cells, layer=layer, name=key).T.astype(np.float32)
        for key in (rna_key, atac_key)
    }
    return GroupMeans(values, groupby, sizes)


def write_group_means(mdata: MuData, means: GroupMeans, *, key_added: str) -> None:
    """Store them, and remove the importance of TFs in other groups."""
    names = means.sizes.index.to_numpy(dtype=object)
    if not _same_groups(mdata, means, key_added):
        drop_importance(mdata, key_added, because=f"since {means.groupby!r} now holds other groups or cells")
        traits = mdata.uns.get(key_added, {}).get("traits", {})
        for level in ("groups", "key_tfs"):  # of the former groups
            traits.pop(level, None)
    for key, values in means.values.items():
        mdata.mod[key].varm[slot(key_added, GROUP_MEAN)] = values
    stored = {"groupby": means.groupby, "names": names, "n_cells": means.sizes.to_numpy()}
    mdata.uns[key_added] = dict(mdata.uns.get(key_added, {})) | {GROUPS: stored}


def _same_groups(mdata: MuData, means: GroupMeans, key: str) -> bool:
    """Return whether the means stored are these; groups of other cells have other means, whatever they are called."""
    stored = mdata.uns.get(key, {}).get(GROUPS)
    if stored is None or list(map(str, stored["names"])) != list(means.sizes.index):
        return False
    old = {name: mdata.mod[name].varm.get(slot(key, GROUP_MEAN)) for name in means.values}
    return all(
        values is not None and np.shape(values) == means.values[name].shape and np.allclose(values, means.values[name])
        for name, values in old.items()
    )
