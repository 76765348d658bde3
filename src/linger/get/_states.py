"""The state that a network is re-weighted by: expression, accessibility and TF importance of a type, a set of cells, or a cell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeGuard

import numpy as np
import pandas as pd
from scipy import sparse

from linger._abundance import equal_weights, mean_shares
from linger._groups import obs_column
from linger._keys import GROUP_MEAN, GROUPS, TF_IMPORTANCE, slot
from linger._validate import cell_positions, known_names, modality, paired, positions, preview, unique_names
from linger.pp._neighbors import Search

if TYPE_CHECKING:
    from mudata import MuData

Weights = Literal["paper", "shrunk", "paper_raw", "lingergrn"]
_CELLS = 64  # states computed at a time, to bound the memory


class State(NamedTuple):
    """What re-weights the graph, over the joint axis."""

    abundance: np.ndarray
    """E of genes and O of peaks, each over its mean."""
    exponent: np.ndarray
    """Exponent of the coactivity of each TF (see :func:`linger.get.matrix`), 0 elsewhere."""


class States:
    """Make states of a MuData.

    Parameters
    ----------
    mdata
        Cells and stored group means.
    weights
        How importance becomes an exponent.
    key, rna_key, atac_key, layer
        As in :func:`linger.get.matrix`.
    """

    def __init__(
        self, mdata: MuData, *, weights: Weights, key: str, rna_key: str, atac_key: str, layer: str | None
    ) -> None:
        self.mdata, self.weights, self.key, self.layer = mdata, weights, key, layer
        self.keys = (rna_key, atac_key)
        self.groups: dict[str, object] | None = mdata.uns.get(key, {}).get(GROUPS)
        # cells of other modalities alone have neither E nor O
        self.obs_names = mdata.obs_names[mdata.obs_names.isin(modality(mdata, rna_key).obs_names)]
        self.joint = [positions(mdata.var_names, modality(mdata, name).var_names) for name in self.keys]

    @property
    def names(self) -> list[str]:
        """Names of the groups whose means are stored."""
        if self.groups is None or any(slot(self.key, GROUP_MEAN) not in self.mdata.mod[key].varm for key in self.keys):
            msg = f"No group means are stored under {self.key!r}. Call lg.tl.group_means(mdata, groupby) first."
            raise KeyError(msg)
        return [str(name) for name in np.asarray(self.groups["names"])]

    def group(self, name: str) -> State:
        """Return the state of a group whose means are stored."""
        at = self.position(name)
        stored = [np.asarray(self.mdata.mod[key].varm[slot(self.key, GROUP_MEAN)])[:, at] for key in self.keys]
        return self._state(stored, np.eye(len(self.names))[at])

    def position(self, name: str) -> int:
        """Return which group is called `name`, or raise naming those there are."""
        if name not in self.names:
            msg = f"No group {name!r}. There are {preview(self.names, 30)}. (Cells are named with cells=, or given as a mask.)"
            raise KeyError(msg)
        return self.names.index(name)

    def mask(self, mask: np.ndarray | pd.Series) -> State:
        """Return the state of the mean over cells."""
        weights = equal_weights(self.obs_names.isin(self.masked(mask))[None])
        return next(self._mean(weights, weights))

    def masked(self, mask: np.ndarray | pd.Series) -> pd.Index:
        """Return the names of the cells that are True in a mask of the cells of the MuData, a Series by its index; or raise."""
        paired(self.mdata, rna_key=self.keys[0], atac_key=self.keys[1])
        everyone = self.mdata.obs_names
        if isinstance(mask, pd.Series):
            unique_names(mask.index, "cells of the mask", "mask.groupby(level=0).any()")
            mask = mask.iloc[cell_positions(mask.index, everyone, "the index of the mask")]
        values = np.asarray(mask)
        if values.dtype != bool or values.shape != (len(everyone),):
            msg = f"A mask of cells must hold {len(everyone)} values True or False, found {values.dtype} of shape {values.shape}."
            raise ValueError(msg)
        if not values.any():
            msg = "The mask of cells is empty: no cell is True in it."
            raise ValueError(msg)
        cell_positions(self.obs_names, everyone[values], f"the modality {self.keys[0]!r}")
        return everyone[values]

    def named(self, cells: str | Iterable[str]) -> pd.Index:
        """Return the names of cells, or raise if one is unknown or none is named."""
        paired(self.mdata, rna_key=self.keys[0], atac_key=self.keys[1])
        names = known_names(cells, self.obs_names, "cells")
        if not len(names):
            msg = "cells= names no cell."
            raise ValueError(msg)
        return names

    def cells(self, names: pd.Index, *, n_neighbors: int, neighbors_key: str | None) -> Iterator[State]:
        """Yield the state of each cell, smoothed over its neighbours."""
        own, n = self.obs_names.get_indexer(names), len(self.obs_names)
        itself = sparse.csr_matrix((np.ones(len(own)), (np.arange(len(own)), own)), (len(own), n))
        return self._mean(self.smoothing(names, n_neighbors=n_neighbors, neighbors_key=neighbors_key), itself)

    def smoothing(self, names: pd.Index, *, n_neighbors: int, neighbors_key: str | None) -> sparse.csr_matrix:
        """Return the weights of the neighbours of each cell: names x cells."""
        if n_neighbors < 1:
            msg = f"n_neighbors must be at least 1, found {n_neighbors}."
            raise ValueError(msg)
        search = Search(
            self.mdata,
            use_rep=None,
            neighbors_key=neighbors_key,
            layer=self.layer,
            rna_key=self.keys[0],
            atac_key=self.keys[1],
            rng=0,
        )
        centres = search.cells.get_indexer(names)
        k = min(n_neighbors, len(search.cells))
        if k == 1:
            weights = sparse.identity(len(search.cells), format="csr")[centres]
        else:
            weights = search.weights(np.arange(len(search.cells)), centres, k)
        return sparse.csr_matrix(weights)[:, search.cells.get_indexer(self.obs_names)]

    def exponents(self, importance: np.ndarray) -> np.ndarray:
        """Return the exponent of coactivity for importance scores (any shape).

        A mean permutation z over N metacells grows with sqrt(N - 1); divided by that it is a mean correlation.
        """
        if self.weights == "paper_raw":
            return importance
        n_metacells = int(self.mdata.uns[self.key][TF_IMPORTANCE]["n_metacells"])
        return np.clip(importance / np.sqrt(n_metacells - 1), 0, 1)

    def importance(self, share: np.ndarray) -> np.ndarray:
        """Return the exponents of genes (sets x genes) for sets with a given share of cells in each group (sets x groups)."""
        stored = self.mdata.mod[self.keys[0]].varm.get(slot(self.key, TF_IMPORTANCE))
        if stored is None or self.weights == "lingergrn":
            return np.zeros((len(share), self.mdata.mod[self.keys[0]].n_vars))
        return self.exponents(share @ np.nan_to_num(np.asarray(stored, dtype=np.float64)).T)

    def group_shares(self, weights: sparse.csr_matrix) -> np.ndarray:
        """Return how the cells of each set (sets x cells) that have a known group are shared among the groups: sets x groups."""
        if slot(self.key, TF_IMPORTANCE) not in self.mdata.mod[self.keys[0]].varm or self.groups is None:
            return np.zeros((weights.shape[0], 0 if self.groups is None else len(self.names)))
        column = obs_column(self.mdata, str(self.groups["groupby"]), self.obs_names, keys=self.keys)
        codes = pd.Index(self.names).get_indexer(pd.Index(column.astype(object).map(str)))
        known = np.flatnonzero((codes >= 0) & column.notna().to_numpy())
        onehot = sparse.csr_matrix((np.ones(len(known)), (known, codes[known])), shape=(len(codes), len(self.names)))
        share = (weights @ onehot).toarray()
        return share / np.maximum(share.sum(axis=1, keepdims=True), 1e-9)

    def _mean(self, weights: sparse.csr_matrix, own: sparse.csr_matrix) -> Iterator[State]:
        """Yield the states of sets of cells; importance is that of the types of the `own` cells of each."""
        share = self.group_shares(own)
        for first in range(0, weights.shape[0], _CELLS):
            part = weights[first : first + _CELLS]
            means = [
                mean_shares(self.mdata.mod[key], part, self.obs_names, layer=self.layer, name=key) for key in self.keys
            ]
            for number in range(part.shape[0]):
                yield self._state([values[number] for values in means], share[first + number])

    def _state(self, values: Iterable[np.ndarray], share: np.ndarray) -> State:
        abundance = np.zeros(self.mdata.n_vars, dtype=np.float32)
        exponent = np.zeros(self.mdata.n_vars, dtype=np.float32)
        for where, part in zip(self.joint, values, strict=True):
            abundance[where] = part
        exponent[self.joint[0]] = self.importance(share[None])[0]
        return State(abundance, exponent)


def is_mask(value: object) -> TypeGuard[np.ndarray | pd.Series]:
    """Return whether `value` is a mask of cells rather than names."""
    return not isinstance(value, str) and np.asarray(value).dtype == bool
