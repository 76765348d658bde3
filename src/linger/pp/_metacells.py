"""Metacells: means over the nearest cells in a joint RNA + ATAC embedding."""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from linger._docs import docs
from linger._logging import logger
from linger._mudata import new_mudata
from linger._validate import get_counts, paired, preview
from linger.pp._embedding import joint_embedding, log_normalize_depth

if TYPE_CHECKING:
    from mudata import MuData

_MAX_SHARE = 0.25  # of a group's cells in one metacell: more, and the metacells of a small group are all its mean


@docs.dedent
def metacells(
    mdata: MuData,
    *,
    groupby: str | None = None,
    n_metacells: int | Literal["auto", "sqrt", "all"] = "auto",
    n_neighbors: int = 100,
    use_rep: str | None = None,
    neighbors_key: str | None = None,
    labels: str | None = None,
    min_cells: int = 10,
    rna_key: str = "rna",
    atac_key: str = "atac",
    layer: str | None = None,
    rng: int = 0,
) -> MuData:
    """Average cells over their neighbours, within cell types.

    From every group, random cells are drawn without replacement as centres (ceil(sqrt(N)) of N: Yuan & Duren 2024, Methods); a
    metacell is the mean over the nearest cells of its group. Both modalities are scaled to the median depth of the cells,
    averaged, and then logged once: ``log(1 + mean)``.

    Parameters
    ----------
    %(mdata)s
    groupby
        Column of ``obs`` with cell types, in the MuData or either modality; None treats all cells as one population.
    n_metacells
        ``"sqrt"``: the paper's number per group. ``"auto"``: that number, but 200 in all where there are cells enough, since a
        few dozen metacells cannot train networks (385 cells give 20). ``"all"``: every cell, smoothed. An integer: that many in
        all, shared among groups by size.
    n_neighbors
        Cells in a metacell, its centre included; at most a quarter of its group.
    use_rep
        Joint embedding to search neighbours in, from ``mdata.obsm`` or either modality's; None computes one (principal components
        of log-normalised RNA beside latent semantic indexing of ATAC, equal total variance).
    neighbors_key
        A cells x cells graph in ``mdata.obsp`` (such as muon's weighted nearest neighbours) whose strongest connections are the
        neighbours.
    labels
        Column of ``obs`` that says which metacell each cell belongs to (SEACells, for example); one metacell a label, nothing is
        drawn.
    min_cells
        Smallest group allowed.
    %(rna_key)s
    %(atac_key)s
    %(layer)s
    %(rng)s

    Returns
    -------
    MuData of metacells with the same modalities and features (``X`` dense float32, logged), ``obs`` with the group and the number
    of cells, ``obsm["cells"]`` the metacells x cells weights (CSR), ``uns["linger"]`` the settings and the names of the cells.
    Memory: ``4 * n_metacells * (n_genes + n_peaks)`` bytes beside the input.

    Raises
    ------
    KeyError
        If a modality, column, embedding or graph is missing.
    ValueError
        If cells are not paired, values are not counts, a group is smaller than `min_cells`, or cells have no group.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.metacells(mdata, groupby="cell_type").n_obs
    200
    """
    rna, atac = paired(mdata, rna_key=rna_key, atac_key=atac_key)
    settings: dict[str, object] = {
        "groupby": groupby,
        "n_metacells": n_metacells,
        "n_neighbors": n_neighbors,
        "use_rep": use_rep,
    }
    settings |= {"neighbors_key": neighbors_key, "labels": labels, "min_cells": min_cells, "rng": rng, "layer": layer}
    settings |= {"rna_key": rna_key, "atac_key": atac_key}
    cells = rna.obs_names.sort_values()
    groups = _groups(mdata, groupby, cells, min_cells, keys=(rna_key, atac_key))
    counts = {
        rna_key: get_counts(rna, layer=layer, name=rna_key)[rna.obs_names.get_indexer(cells)],
        atac_key: get_counts(atac, layer=layer, name=atac_key)[atac.obs_names.get_indexer(cells)],
    }
    features = {rna_key: rna.var, atac_key: atac.var}
    if labels is not None:
        membership = _label_membership(_column(mdata, labels, cells, keys=(rna_key, atac_key)), groups)
    else:
        search = _Search(mdata, counts, features, use_rep, neighbors_key, cells, rng)
        membership = _drawn_membership(groups, search, n_metacells, n_neighbors, rng)
    _warn_of_duplicates(membership.weights)
    return _assemble(counts, features, membership, cells, groupby, settings)


class _Membership(NamedTuple):
    weights: sparse.csr_matrix  # metacells x cells, rows sum to 1
    names: pd.Index
    groups: np.ndarray


def _column(mdata: MuData, column: str, cells: pd.Index, *, keys: tuple[str, str]) -> pd.Series:
    """Return a column of obs for `cells`, looked for in the MuData, then in its modalities."""
    for obs in (mdata.obs, *(mdata.mod[key].obs for key in keys)):
        if column in obs:
            return obs[column].reindex(cells)
    available = sorted({str(name) for obs in (mdata.obs, *(mdata.mod[key].obs for key in keys)) for name in obs})
    msg = f"No column {column!r} in obs of the MuData or its modalities (there are {preview(available) or 'none'})."
    raise KeyError(msg)


def _groups(mdata: MuData, groupby: str | None, cells: pd.Index, min_cells: int, *, keys: tuple[str, str]) -> pd.Series:
    """Return the group of every cell, checked."""
    groups = pd.Series("all", index=cells) if groupby is None else _column(mdata, groupby, cells, keys=keys)
    if groups.isna().any():
        msg = f"{int(groups.isna().sum())} cells have no {groupby!r}. Annotate them, or leave them out: mdata[~mdata.obs[{groupby!r}].isna()]."
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


def _n_per_group(sizes: pd.Series, n_metacells: int | str) -> pd.Series:
    """Return how many metacells each group gets."""
    if n_metacells == "all":
        return sizes
    if n_metacells not in ("auto", "sqrt") and (not isinstance(n_metacells, Integral) or n_metacells < 1):
        msg = f"n_metacells must be 'auto', 'sqrt', 'all' or a positive integer, found {n_metacells!r}."
        raise ValueError(msg)
    root = np.ceil(np.sqrt(sizes)).astype(int)
    if n_metacells == "sqrt":
        return root
    wanted = 200 if n_metacells == "auto" else int(n_metacells)
    shared = np.ceil(wanted * sizes / sizes.sum()).astype(int)
    return np.minimum(sizes, np.maximum(root, shared) if n_metacells == "auto" else shared)


class _Search(NamedTuple):
    """Where neighbours are looked for."""

    mdata: MuData
    counts: dict[str, sparse.csr_matrix]
    features: dict[str, pd.DataFrame]
    use_rep: str | None
    neighbors_key: str | None
    cells: pd.Index
    rng: int

    def embedding(self) -> np.ndarray:
        """Return the joint embedding, cells in canonical order."""
        if self.use_rep is None:
            return joint_embedding(self.counts, self.features, rng=self.rng)
        for holder in (self.mdata, *self.mdata.mod.values()):
            if self.use_rep in holder.obsm:
                values = np.asarray(holder.obsm[self.use_rep], dtype=np.float64)
                return values[holder.obs_names.get_indexer(self.cells)]
        msg = f"No embedding {self.use_rep!r} in obsm of the MuData or its modalities."
        raise KeyError(msg)

    def graph(self) -> sparse.csr_matrix:
        """Return the neighbour graph, cells in canonical order."""
        if self.neighbors_key not in self.mdata.obsp:
            msg = f"No graph {self.neighbors_key!r} in mdata.obsp (there are {preview(self.mdata.obsp) or 'none'})."
            raise KeyError(msg)
        order = self.mdata.obs_names.get_indexer(self.cells)
        return sparse.csr_matrix(self.mdata.obsp[self.neighbors_key])[order][:, order]


def _drawn_membership(
    groups: pd.Series, search: _Search, n_metacells: int | str, n_neighbors: int, rng: int
) -> _Membership:
    """Draw centres in every group and average over their neighbours there."""
    if n_neighbors < 1:
        msg = f"n_neighbors must be at least 1, found {n_neighbors}."
        raise ValueError(msg)
    wanted = _n_per_group(groups.value_counts().sort_index(), n_metacells)
    embedding = search.embedding() if search.neighbors_key is None else None
    graph = None if search.neighbors_key is None else search.graph()
    rows, names, labels = [], [], []
    seeds = np.random.SeedSequence(rng).spawn(len(wanted))
    for (group, number), seed in zip(wanted.items(), seeds, strict=True):
        members = np.flatnonzero(groups.to_numpy() == group)
        k = max(1, min(n_neighbors, int(_MAX_SHARE * len(members))))
        centres = np.sort(np.random.default_rng(seed).choice(len(members), size=int(number), replace=False))
        if graph is not None:
            rows.append(_strongest(graph, members, centres, k))
        elif embedding is not None:
            rows.append(_nearest(embedding, members, centres, k))
        names.append(search.cells[members[centres]])
        labels.append(np.full(len(centres), group, dtype=object))
    weights = sparse.csr_matrix(sparse.vstack(rows), dtype=np.float32)
    return _Membership(weights, names[0].append(names[1:]), np.concatenate(labels))


def _nearest(embedding: np.ndarray, members: np.ndarray, centres: np.ndarray, k: int) -> sparse.csr_matrix:
    """Give weight 1/k to each centre's k nearest members, itself included."""
    from sklearn.neighbors import NearestNeighbors

    found = (
        NearestNeighbors(n_neighbors=k)
        .fit(embedding[members])
        .kneighbors(embedding[members[centres]], return_distance=False)
    )
    index = members[found].ravel()
    return sparse.csr_matrix(
        (np.full(index.size, 1 / k), index, np.arange(0, index.size + 1, k)), shape=(len(centres), len(embedding))
    )


def _strongest(graph: sparse.csr_matrix, members: np.ndarray, centres: np.ndarray, k: int) -> sparse.csr_matrix:
    """Give equal weight to each centre and its k - 1 strongest connections among the members."""
    within = graph[members[centres]][:, members].tocoo()
    links = pd.DataFrame({"row": within.row, "column": within.col, "weight": within.data})
    links = links[centres[links["row"]] != links["column"]]
    links = links.sort_values(["row", "weight", "column"], ascending=[True, False, True]).groupby("row").head(k - 1)
    row = np.concatenate([np.arange(len(centres)), links["row"]])
    column = members[np.concatenate([centres, links["column"]])]
    weights = sparse.csr_matrix((np.ones(len(row)), (row, column)), shape=(len(centres), graph.shape[0]))
    return sparse.csr_matrix(sparse.diags(1 / weights.sum(axis=1).A1) @ weights)


def _label_membership(labels: pd.Series, groups: pd.Series) -> _Membership:
    """Make one metacell of every label; its group is the commonest among its cells."""
    if labels.isna().any():
        msg = f"{int(labels.isna().sum())} cells have no metacell label. Label all cells or drop those without."
        raise ValueError(msg)
    codes, names = pd.factorize(labels.astype(str), sort=True)
    onehot = sparse.csr_matrix((np.ones(len(codes)), (codes, np.arange(len(codes)))), shape=(len(names), len(codes)))
    weights = sparse.diags(1 / onehot.sum(axis=1).A1) @ onehot
    commonest = pd.crosstab(codes, groups.to_numpy()).idxmax(axis=1)
    return _Membership(sparse.csr_matrix(weights, dtype=np.float32), pd.Index(names), commonest.to_numpy())


def _warn_of_duplicates(weights: sparse.csr_matrix) -> None:
    """Warn where most metacells share over nine tenths of their cells with another."""
    if weights.shape[0] < 2:
        return
    members = sparse.csr_matrix((np.ones_like(weights.data), weights.indices, weights.indptr), shape=weights.shape)
    checked = np.linspace(0, weights.shape[0] - 1, min(500, weights.shape[0])).astype(int)  # bounds the memory
    shared = (members[checked] @ members.T).toarray() / np.diff(members.indptr)[checked, None]
    shared[np.arange(len(checked)), checked] = 0
    share = float((shared.max(axis=1) > 0.9).mean())
    if share > 0.5:
        msg = f"{share:.0%} of the metacells share over 90% of their cells with another. Use fewer metacells or fewer neighbours."
        warnings.warn(msg, UserWarning, stacklevel=3)


def _assemble(
    counts: dict[str, sparse.csr_matrix],
    features: dict[str, pd.DataFrame],
    membership: _Membership,
    cells: pd.Index,
    groupby: str | None,
    settings: dict[str, object],
) -> MuData:
    """Average both modalities and wrap them."""
    from anndata import AnnData

    obs = pd.DataFrame(
        {groupby or "group": pd.Categorical(membership.groups), "n_cells": np.diff(membership.weights.indptr)},
        index=pd.Index(membership.names, name=None),
    )
    modalities = {}
    for key, matrix in counts.items():
        mean = membership.weights @ log_normalize_depth(matrix, log=False)
        X = np.log1p(mean.toarray(), dtype=np.float32)
        modalities[key] = AnnData(X, obs=obs.copy(), var=features[key].copy())
    result = new_mudata(modalities)
    for column in obs:
        result.obs[column] = obs[column]
    result.obsm["cells"] = membership.weights
    plain = {name: value for name, value in settings.items() if value is not None}
    result.uns["linger"] = {"metacells": plain, "cells": cells.to_numpy(dtype=object)}
    logger.debug("%d metacells of %.0f cells each (median).", len(obs), obs["n_cells"].median())
    return result
