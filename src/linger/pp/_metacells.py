"""Metacells: means over the nearest cells in a joint RNA + ATAC embedding."""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from linger._docs import docs
from linger._groups import MIN_CELLS, cell_groups, obs_column
from linger._logging import logger
from linger._mudata import new_mudata
from linger._validate import paired
from linger.pp._embedding import log_normalize_depth, median_depth
from linger.pp._neighbors import Search

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
    min_cells: int = MIN_CELLS,
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
        ``"sqrt"``: the paper's number per group. ``"auto"``: that number, but at least 200 in all where there are cells enough, since a
        few dozen metacells cannot train networks (385 cells give 20). ``"all"``: every cell, smoothed. An integer: that many in
        all, shared among groups by size.
    n_neighbors
        Cells in a metacell, its centre included; at most a quarter of its group.
    use_rep
        Joint embedding to search neighbours in, from ``mdata.obsm`` or either modality's; None computes one (principal components
        of log-normalised RNA beside latent semantic indexing of ATAC, equal total variance).
    neighbors_key
        A cells x cells graph in ``obsp`` of the MuData or a modality (such as muon's weighted nearest neighbours) whose strongest connections are the
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
    search = Search(
        mdata,
        use_rep=use_rep,
        neighbors_key=neighbors_key,
        layer=layer,
        rna_key=rna_key,
        atac_key=atac_key,
        rng=rng,
    )
    groups = cell_groups(mdata, groupby, search.cells, min_cells, keys=search.keys)
    if labels is not None:
        membership = _label_membership(obs_column(mdata, labels, search.cells, keys=search.keys), groups)
    else:
        membership = _drawn_membership(groups, search, n_metacells, n_neighbors, rng)
    _warn_of_duplicates(membership.weights)
    features = {rna_key: rna.var, atac_key: atac.var}
    return _assemble(search.counts, features, membership, search.cells, groupby, settings)


class _Membership(NamedTuple):
    weights: sparse.csr_matrix  # metacells x cells, rows sum to 1
    names: pd.Index
    groups: np.ndarray


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


def _drawn_membership(
    groups: pd.Series, search: Search, n_metacells: int | str, n_neighbors: int, rng: int
) -> _Membership:
    """Draw centres in every group and average over their neighbours there."""
    if n_neighbors < 1:
        msg = f"n_neighbors must be at least 1, found {n_neighbors}."
        raise ValueError(msg)
    wanted = _n_per_group(groups.value_counts().sort_index(), n_metacells)
    rows, names, labels = [], [], []
    seeds = np.random.SeedSequence(rng).spawn(len(wanted))
    for (group, number), seed in zip(wanted.items(), seeds, strict=True):
        members = np.flatnonzero(groups.to_numpy() == group)
        k = max(1, min(n_neighbors, int(_MAX_SHARE * len(members))))
        centres = np.sort(np.random.default_rng(seed).choice(len(members), size=int(number), replace=False))
        rows.append(search.weights(members, centres, k))
        names.append(search.cells[members[centres]])
        labels.append(np.full(len(centres), group, dtype=object))
    weights = sparse.csr_matrix(sparse.vstack(rows), dtype=np.float32)
    return _Membership(weights, names[0].append(names[1:]), np.concatenate(labels))


def smoothing_weights(
    groups: pd.Series, search: Search, n_neighbors: int, rng: int
) -> tuple[pd.Index, sparse.csr_matrix]:
    """Return the names of all cells and the weights of the cells each is averaged over as a metacell."""
    membership = _drawn_membership(groups, search, "all", n_neighbors, rng)
    return membership.names, membership.weights


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
        msg = f"{share:.0%} of the metacells share over 90% of their cells with another. Use fewer metacells or fewer neighbours (n_metacells=, n_neighbors=)."
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
    depth = {key: median_depth(matrix) for key, matrix in counts.items()}
    result.uns["linger"] = {"metacells": plain, "cells": cells.to_numpy(dtype=object), "depth": depth}
    logger.debug("%d metacells of %.0f cells each (median).", len(obs), obs["n_cells"].median())
    return result
