"""What all views of the fitted networks share: options, checked once, and the graph, read once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, TypedDict, get_args

import numpy as np
import pandas as pd
from scipy import sparse

from linger._keys import DEFAULT_KEY, Kind
from linger._validate import preview
from linger.get._graph import Graph, read_graph, select
from linger.get._lingergrn import AuthorsGraph, read_authors_graph
from linger.get._states import State, States, Weights, is_mask
from linger.get._strengths import ShrunkStrengths, Strengths
from linger.get._threshold import Per, check_threshold, strongest

if TYPE_CHECKING:
    from mudata import MuData


class NamedMatrix(NamedTuple):
    """A network as a matrix."""

    matrix: sparse.csr_matrix
    """Strengths, sources x targets, CSR float32."""
    sources: pd.Index
    """Names of the rows: TFs (trans, binding) or peaks (cis)."""
    targets: pd.Index
    """Names of the columns: genes (trans, cis) or peaks (binding)."""

    def __repr__(self) -> str:
        rows, cols = self.matrix.shape
        return f"NamedMatrix({rows} sources x {cols} targets, {self.matrix.nnz} edges)"


class Options(TypedDict, total=False):
    """Options of :func:`linger.get.matrix` and :func:`linger.get.network` other than whose network it is."""

    tfs: str | Iterable[str] | None
    peaks: str | Iterable[str] | None
    targets: str | Iterable[str] | None
    weights: Weights
    top: float | None
    per: Per | None
    min_z: float | None
    n_neighbors: int
    neighbors_key: str | None
    layer: str | None
    key: str
    rna_key: str
    atac_key: str


class Reader:
    """Read networks of one kind, of any state.

    Parameters
    ----------
    mdata
        A fitted MuData.
    kind, tfs, peaks, targets, weights, top, per, min_z, n_neighbors, neighbors_key, layer, key, rna_key, atac_key
        As in :func:`linger.get.matrix`.
    """

    def __init__(
        self,
        mdata: MuData,
        kind: Kind,
        *,
        tfs: str | Iterable[str] | None = None,
        peaks: str | Iterable[str] | None = None,
        targets: str | Iterable[str] | None = None,
        weights: Weights = "paper",
        top: float | None = None,
        per: Per | None = None,
        min_z: float | None = None,
        n_neighbors: int = 30,
        neighbors_key: str | None = None,
        layer: str | None = None,
        key: str = DEFAULT_KEY,
        rna_key: str = "rna",
        atac_key: str = "atac",
    ) -> None:
        if weights not in get_args(Weights):
            msg = f"weights must be one of {', '.join(map(repr, get_args(Weights)))}, found {weights!r}."
            raise ValueError(msg)
        check_threshold(top, per, min_z)
        self.selection = select(
            mdata, kind, tfs=tfs, peaks=peaks, targets=targets, key=key, rna_key=rna_key, atac_key=atac_key
        )
        self.states = States(mdata, weights=weights, key=key, rna_key=rna_key, atac_key=atac_key, layer=layer)
        self._n_neighbors, self._neighbors_key = n_neighbors, neighbors_key
        self._top, self._per, self._min_z = top, per, min_z
        self._graph: Graph | AuthorsGraph | None = None

    def population(self) -> NamedMatrix:
        """Return the network of the population."""
        if self.states.weights not in ("paper", "shrunk"):
            msg = (
                f"weights={self.states.weights!r} weighs the network of a group or of cells. Name one: group=, cells=."
            )
            raise ValueError(msg)
        return self.network(None)

    def group(self, group: str | np.ndarray | pd.Series) -> NamedMatrix:
        """Return the network of a stored group, or of a mask of cells."""
        if np.isscalar(group):
            return self.network(self.states.group(str(group)))
        if not is_mask(group):
            msg = "group must be the name of one group or a mask of cells. Take several one by one: lg.get.matrices(mdata, groups=)."
            raise ValueError(msg)
        return self.network(self.states.mask(group))

    def groups(self, names: Iterable[str] | None) -> Iterator[tuple[str, NamedMatrix]]:
        """Return an iterator over stored groups, all by default; raises at once for an unknown one."""
        chosen = self.states.names if names is None else one_or_more(names)
        for name in chosen:
            self.states.position(name)
        return ((name, self.group(name)) for name in chosen)

    def cells(self, cells: str | Iterable[str] | np.ndarray | pd.Series) -> Iterator[tuple[str, NamedMatrix]]:
        """Return an iterator over single cells, named or by a mask; raises at once for an unknown one."""
        names = self.states.masked(cells) if is_mask(cells) else self.states.named(cells)
        found = self.states.cells(names, n_neighbors=self._n_neighbors, neighbors_key=self._neighbors_key)
        return ((str(name), self.network(state)) for name, state in zip(names, found, strict=True))

    def network(self, state: State | None) -> NamedMatrix:
        """Return the network in a state, thresholded; None is the population."""
        selection = self.selection
        strength = strongest(
            self.graph.weighted(state),
            selection.sources,
            selection.targets,
            top=self._top,
            per=self._per,
            min_z=self._min_z,
        )
        return NamedMatrix(strength, selection.sources, selection.targets)

    @property
    def graph(self) -> Graph | AuthorsGraph:
        """The graph, read at its first use."""
        if self._graph is None:
            if self.states.weights == "lingergrn":
                self._graph = read_authors_graph(self.selection)
            else:
                kind = ShrunkStrengths if self.states.weights == "shrunk" else Strengths
                self._graph = read_graph(self.selection, kind(self.selection))
        return self._graph


def check_options(options: Options) -> None:
    """Raise for an option that there is not, naming those there are."""
    unknown = set(options) - set(Options.__annotations__)
    if unknown:
        msg = f"Unknown options: {preview(sorted(unknown))}. There are groups, cells, {', '.join(Options.__annotations__)}."
        raise TypeError(msg)


def one_or_more(names: str | Iterable[str]) -> list[str]:
    """Return names as a list; a single one may come alone."""
    return [names] if isinstance(names, str) else [str(name) for name in names]


def one(group: object, cells: object) -> None:
    """Raise if both are given."""
    if group is not None and cells is not None:
        msg = "Give group= or cells=, not both: a network is of a group or of a cell."
        raise ValueError(msg)
