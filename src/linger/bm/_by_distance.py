"""Cis networks by the distance between peak and gene."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from linger._docs import docs
from linger._keys import DEFAULT_KEY, DISTANCE
from linger.bm._evaluate import MEASURES, evaluate, rank_pairs, true_edges
from linger.get._graph import fitted_slot

if TYPE_CHECKING:
    from mudata import MuData

_EDGES: Final = (0, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000)


@docs.dedent
def by_distance(
    mdata: MuData,
    scores: pd.DataFrame,
    *,
    truth: pd.DataFrame,
    universe: pd.DataFrame | None = None,
    edges: Sequence[float] = _EDGES,
    key: str = DEFAULT_KEY,
) -> pd.DataFrame:
    """Evaluate a cis network within groups of peak-gene pairs at like distance (Yuan & Duren 2024: up to 5, 10, 20, 50, 100 and 200 kb).

    Near pairs are both likelier to be true and easier to score; within a group distance helps little.

    Parameters
    ----------
    %(mdata)s
    scores
        Columns source (peak), target (gene), weight.
    truth
        Columns source, target: the true edges, of eQTL or Hi-C for instance (:mod:`linger.bm.truth`).
    universe
        The pairs to rank, such as those tested; None takes all linked pairs.
    edges
        Bounds of the groups in base pairs; a group holds its upper bound, the first its lower one too.
    %(key)s

    Returns
    -------
    One row a group that holds pairs, near to far: the columns of :func:`linger.bm.evaluate` over all its pairs together, NaN where a group has no true
    edge; index ``distance`` such as ``"5-10 kb"``.

    Raises
    ------
    KeyError
        If peaks are not linked or columns are missing.
    ValueError
        If no pair of the universe is linked, or `edges` do not increase.

    Examples
    --------
    >>> import linger as lg
    >>> data = lg.ds.simulate(n_cells=200, n_genes=60, n_tfs=12, n_peaks=300, n_cell_types=3, n_bulk=4)
    >>> lg.pp.link_peaks(data.mdata)
    >>> near = lg.bm.baseline(data.mdata, lg.pp.metacells(data.mdata), kind="cis", method="distance")
    >>> by_distance(data.mdata, near, truth=data.truth.cis, edges=[0, 100_000, 1_000_000])["n"].sum() == len(near)
    np.True_
    """
    if len(edges) < 2 or not (np.diff(edges) > 0).all():
        msg = f"edges must be two or more increasing distances, found {list(edges)}."
        raise ValueError(msg)
    distance = fitted_slot(mdata, DISTANCE, key, kinds=[DISTANCE]).tocoo()
    names = mdata.var_names.to_numpy()
    pairs = pd.DataFrame({"source": names[distance.row], "target": names[distance.col], "distance": distance.data})
    if universe is not None:
        pairs = universe[["source", "target"]].drop_duplicates().merge(pairs, on=["source", "target"])
    labels = [f"{low / 1000:g}-{high / 1000:g} kb" for low, high in pairwise(edges)]
    pairs["distance"] = pd.cut(pairs["distance"], list(edges), labels=labels, include_lowest=True)
    if not pairs["distance"].notna().any():
        msg = "No pair of the universe is linked within these distances. Are its names those of the data?"
        raise ValueError(msg)
    known = pd.MultiIndex.from_frame(true_edges(truth))
    rank_pairs(scores, truth, pairs[["source", "target"]])  # raises where nothing matches
    rows = {}
    for label, group in pairs.groupby("distance", observed=True):
        if pd.MultiIndex.from_frame(group[["source", "target"]]).isin(known).any():
            rows[label] = evaluate(scores, truth, by=None, universe=group).iloc[0]
        else:
            rows[label] = pd.Series({"n_pos": 0, "n": len(group)})
    table = pd.DataFrame(rows).T.rename_axis("distance")[MEASURES]
    return table.astype({"n_pos": int, "n": int})
