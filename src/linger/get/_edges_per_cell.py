"""The strength of chosen edges in every cell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from linger._abundance import shares
from linger._docs import docs
from linger._keys import BINDING, CIS, DEFAULT_KEY, TRANS, Kind
from linger._validate import columns, paired, preview
from linger.get._graph import Graph
from linger.get._reader import Reader
from linger.get._states import States, Weights

if TYPE_CHECKING:
    from mudata import MuData

_ENTRIES = 10_000_000  # of the dense block of cells x peaks that exists at any time


@docs.dedent
def edges_per_cell(
    mdata: MuData,
    edges: Iterable[tuple[str, str]] | pd.DataFrame,
    *,
    kind: Kind = "trans",
    weights: Weights = "paper",
    n_neighbors: int = 30,
    neighbors_key: str | None = None,
    layer: str | None = None,
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
    atac_key: str = "atac",
) -> pd.DataFrame:
    """Return how strong chosen edges are in every cell.

    The same numbers as ``lg.get.matrix(mdata, kind, cells=cell)`` for each cell, for all cells at once.

    Parameters
    ----------
    %(mdata)s
    edges
        Pairs (source, target), such as ``[("RUNX1", "SPI1")]``, or a frame with these columns.
    kind
        ``"trans"`` (TF -> gene), ``"cis"`` (peak -> gene) or ``"binding"`` (TF -> peak); :func:`linger.get.matrix` has their equations.
    weights
        ``"paper"``, ``"shrunk"`` or ``"paper_raw"``, as in :func:`linger.get.matrix`.
    %(smoothing)s
    %(layer)s
    %(key)s
    %(keys)s

    Returns
    -------
    Cells x edges, float32, columns such as ``"RUNX1->SPI1"``; cells of the two modalities in the order of the MuData.

    Raises
    ------
    KeyError
        If nothing was fitted under `key`, or a name is unknown.
    ValueError
        If no edge is named, one is named twice, cells are not paired, or values are not counts.

    Notes
    -----
    Memory: 4 bytes for every cell and edge, a dense block of 80 MB, and the counts of the peaks concerned.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> best = lg.get.network(mdata, "trans", top=2)
    >>> lg.get.edges_per_cell(mdata, best).shape
    (200, 2)
    """
    pairs = _checked(edges)
    if weights == "lingergrn":
        msg = "weights='lingergrn' is not computed for all cells at once. Use 'paper', 'shrunk' or 'paper_raw', or lg.get.matrices(mdata, cells=)."
        raise ValueError(msg)
    paired(mdata, rna_key=rna_key, atac_key=atac_key)
    sources, targets = (pd.Index(names, dtype=object) for names in zip(*pairs, strict=True))
    reader = Reader(
        mdata,
        kind,
        tfs=None if kind == CIS else sources.unique(),
        peaks=sources.unique() if kind == CIS else None,
        targets=targets.unique(),
        weights=weights,
        layer=layer,
        key=key,
        rna_key=rna_key,
        atac_key=atac_key,
    )
    cells = reader.states.obs_names
    smoothing = reader.states.smoothing(cells, n_neighbors=n_neighbors, neighbors_key=neighbors_key)
    row, col = reader.selection.sources.get_indexer(sources), reader.selection.targets.get_indexer(targets)
    strength = _from_peaks(reader, row, col, smoothing)
    genes = {TRANS: (sources, targets), CIS: (targets,), BINDING: (sources,)}[kind]
    for names in genes:
        found, where = _expression(reader.states, names, smoothing)
        strength *= found[:, where]
    names = [f"{source}->{target}" for source, target in pairs]
    return pd.DataFrame(strength, index=cells.copy(), columns=names)


def _from_peaks(reader: Reader, row: np.ndarray, col: np.ndarray, smoothing: sparse.csr_matrix) -> np.ndarray:
    """Return the sum over peaks of what each gives to an edge, in every cell: cells x edges."""
    graph, states = reader.graph, reader.states
    assert isinstance(graph, Graph)
    # cells of one type share their TFs' importance
    shares_of_groups = states.group_shares(sparse.identity(smoothing.shape[1], format="csr"))
    sets, member = np.unique(shares_of_groups, axis=0, return_inverse=True)
    exponent = np.zeros((len(sets), states.mdata.n_vars), dtype=np.float32)
    exponent[:, states.joint[0]] = states.importance(sets)
    by_set = [graph.by_peak(each, row, col) for each in exponent]
    used = np.unique(np.concatenate([np.flatnonzero(np.diff(part.indptr)) for part in by_set]))
    mdata, atac_key = states.mdata, states.keys[1]
    peaks = mdata.var_names[graph.peaks[used]]
    openness = shares(mdata.mod[atac_key], states.obs_names, features=peaks, layer=states.layer, name=atac_key)
    found = np.zeros((smoothing.shape[0], len(row)), dtype=np.float32)
    for number, part in enumerate(by_set):
        for cells in _blocks(np.flatnonzero(member.ravel() == number), max(1, _ENTRIES // max(len(used), 1))):
            smooth = openness.mean(smoothing[cells])
            found[cells] = (smooth**2 if graph.selection.kind == TRANS else smooth) @ part[used]
    return found


def _blocks(index: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (index[first : first + size] for first in range(0, len(index), size))


def _expression(states: States, names: pd.Index, smoothing: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Return the smoothed expression of genes, cells x genes, and the column of each of `names`."""
    where, genes = pd.factorize(names)
    mdata, rna_key = states.mdata, states.keys[0]
    found = shares(mdata.mod[rna_key], states.obs_names, features=pd.Index(genes), layer=states.layer, name=rna_key)
    return found.mean(smoothing).astype(np.float32), where


def _checked(edges: Iterable[tuple[str, str]] | pd.DataFrame) -> list[tuple[str, str]]:
    if isinstance(edges, pd.DataFrame):
        columns(edges, ["source", "target"], "edges", "edges.rename(columns=...)")
        edges = zip(edges["source"], edges["target"], strict=True)
    pairs = [(edge,) if isinstance(edge, str) else tuple(edge) for edge in edges]
    wrong = [edge for edge in pairs if len(edge) != 2]
    repeated = [edge for edge, n in pd.Series(pairs, dtype=object).value_counts().items() if n > 1]
    if not pairs or wrong or repeated:
        msg = f"edges must be pairs (source, target), each once, found {preview(wrong or repeated) or 'none'}."
        raise ValueError(msg)
    return [(str(source), str(target)) for source, target in pairs]
