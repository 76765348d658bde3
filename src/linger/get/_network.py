"""A network as a table of edges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Unpack

import numpy as np
import pandas as pd

from linger._docs import docs
from linger._keys import BINDING, CIS, CIS_SIGN, DEFAULT_KEY, DISTANCE, MOTIF, TRANS, TRANS_SIGN, Kind, slot
from linger._logging import logger
from linger.get._graph import fitted_slot
from linger.get._matrix import matrices, matrix
from linger.get._reader import NamedMatrix, Options, one
from linger.get._states import Weights, is_mask
from linger.get._threshold import Per, name_ranks
from linger.get._why_empty import why_empty

if TYPE_CHECKING:
    from mudata import MuData

_MOST_EDGES: dict[Kind, int] = {
    "trans": 20_000_000,
    "cis": 20_000_000,
    "binding": 5_000_000,
}  # of a table: 0.4 to 1.5 GB
_PARTS: dict[Kind, dict[str, str]] = {
    "trans": {"sign": TRANS_SIGN, "gamma": TRANS},
    "cis": {"sign": CIS_SIGN, "beta": CIS, "distance": DISTANCE},
    "binding": {"alpha": BINDING, "motif": MOTIF},
}


@docs.dedent
def network(
    mdata: MuData,
    kind: Kind = "trans",
    *,
    group: str | Iterable[str] | np.ndarray | pd.Series | None = None,
    cells: str | Iterable[str] | np.ndarray | pd.Series | None = None,
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
) -> pd.DataFrame:
    """Return a network of the population, of cell types or of cells as a table, strongest edges first.

    Parameters
    ----------
    %(mdata)s
    kind
        ``"trans"`` (TF -> gene), ``"cis"`` (peak -> gene) or ``"binding"`` (TF -> peak); :func:`linger.get.matrix` has their equations.
    group
        A group whose means are stored (:func:`linger.tl.group_means`), a mask of cells to average (a Series by its index), or the names
        of several groups, whose networks come below each other with a column ``group``.
    cells
        A cell, or several (names, or a mask): each has its own network, smoothed over its neighbours, with a column ``cell`` where
        there are several.
    tfs, peaks, targets
        Names to keep: TFs as sources of trans and binding, peaks as sources of cis, and targets; None keeps all.
    %(weights)s
    %(threshold)s
    %(smoothing)s
    %(layer)s Read for masks and cells.
    %(key)s
    %(keys)s

    Returns
    -------
    Columns ``source``, ``target``, ``weight`` (> 0), and the parts it is made of, those of the population: ``sign`` (+1 activates,
    -1 represses, 0 unclear; trans and cis), ``gamma`` (trans), ``beta`` and ``distance`` in base pairs (cis), ``alpha`` and, where
    motifs were scanned, ``motif`` (binding). Ties are ordered by name. Where there is no edge at all, the log says why.

    Raises
    ------
    KeyError
        If nothing was fitted under `key`, no group means are stored, or a name is unknown.
    ValueError
        If `kind` is none of the three or has no sources of the sort given, an option is out of range, a mask is empty, values
        are not counts, or the table would have more than 20 million edges (5 million of binding).

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, groupby="cell_type", config=lg.FitConfig(epochs=5, n_folds=0))
    >>> len(lg.get.network(mdata, "cis", top=10))
    10
    >>> lg.get.network(mdata, "trans", group=lg.get.groups(mdata), top=2).groupby("group").size().max()
    np.int64(2)
    """
    options: Options = {
        "tfs": _listed(tfs),  # read again where there is no edge
        "peaks": _listed(peaks),
        "targets": _listed(targets),
        "weights": weights,
        "top": top,
        "per": per,
        "min_z": min_z,
        "n_neighbors": n_neighbors,
        "neighbors_key": neighbors_key,
        "layer": layer,
        "key": key,
        "rna_key": rna_key,
        "atac_key": atac_key,
    }
    one(group, cells)
    if group is not None and np.isscalar(group):
        group = str(group)
    if cells is not None and not isinstance(cells, str):
        table = _below_each_other(networks(mdata, kind, cells=cells, **options), "cell", kind)
    elif group is None or isinstance(group, str) or is_mask(group):
        table = edge_table(mdata, kind, matrix(mdata, kind, group=group, cells=cells, **options), key)
    else:
        table = _below_each_other(networks(mdata, kind, groups=group, **options), "group", kind)
    if table.empty:
        logger.warning("The %s network asked for has no edge. %s", kind, why_empty(mdata, kind, group, options))
    return table


@docs.dedent
def networks(
    mdata: MuData,
    kind: Kind = "trans",
    *,
    groups: Iterable[str] | None = None,
    cells: Iterable[str] | np.ndarray | pd.Series | None = None,
    **options: Unpack[Options],
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Iterate over the networks of groups or of single cells as tables; one is in memory at a time.

    Parameters
    ----------
    %(mdata)s
    kind
        ``"trans"``, ``"cis"`` or ``"binding"``.
    groups
        Names of groups whose means are stored; None takes all.
    cells
        Names of cells, or a mask of cells; each has its own network.
    **options
        Other options of :func:`linger.get.network`.

    Yields
    ------
    The name of the group or cell, and its table.

    Raises
    ------
    KeyError, ValueError
        As :func:`linger.get.network`, before the first table.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, groupby="cell_type", config=lg.FitConfig(epochs=5, n_folds=0))
    >>> {name: len(table) for name, table in lg.get.networks(mdata, "cis", groups=["type_1"], top=3)}
    {'type_1': 3}
    """
    found = matrices(mdata, kind, groups=groups, cells=cells, **options)
    key = options.get("key", DEFAULT_KEY)
    return ((name, edge_table(mdata, kind, each, key)) for name, each in found)


def _listed(names: str | Iterable[str] | None) -> str | list[str] | None:
    return names if names is None or isinstance(names, str) else list(names)


def _refuse_if_large(n_edges: int, kind: Kind) -> None:
    if n_edges > _MOST_EDGES[kind]:
        msg = (
            f"The table would have {n_edges:,} edges or more. Keep some of them (top=, min_z=, tfs=, targets=), or read matrices: "
            "lg.get.matrix, lg.get.matrices."
        )
        raise ValueError(msg)


def _below_each_other(tables: Iterator[tuple[str, pd.DataFrame]], column: str, kind: Kind) -> pd.DataFrame:
    parts, n_edges = [], 0
    for name, table in tables:
        n_edges += len(table)
        _refuse_if_large(n_edges, kind)
        table.insert(0, column, name)
        parts.append(table)
    if not parts:
        msg = f"No {column} is named. Give the name of at least one."
        raise ValueError(msg)
    return pd.concat(parts, ignore_index=True)


def edge_table(mdata: MuData, kind: Kind, found: NamedMatrix, key: str) -> pd.DataFrame:
    """Return the edges of a matrix, ordered, with their parts."""
    _refuse_if_large(found.matrix.nnz, kind)
    edges = found.matrix.tocoo()
    order = np.lexsort((name_ranks(found.targets)[edges.col], name_ranks(found.sources)[edges.row], -edges.data))
    row, col = edges.row[order], edges.col[order]
    table = pd.DataFrame(
        {
            "source": found.sources.to_numpy()[row],
            "target": found.targets.to_numpy()[col],
            "weight": edges.data[order].astype(np.float64),
        }
    )
    rows = mdata.var_names.get_indexer(found.sources)[row]
    cols = mdata.var_names.get_indexer(found.targets)[col]
    for column, name in _PARTS[kind].items():
        if slot(key, name) in mdata.varp:
            stored = fitted_slot(mdata, name, key, kinds=[name])
            # no edge at all would give a matrix of one row
            table[column] = stored[rows, cols].A1 if len(rows) else np.zeros(0, dtype=stored.dtype)
    return table
