"""A network as a table of edges."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from linger._docs import docs
from linger._keys import CIS, CIS_SIGN, DEFAULT_KEY, DISTANCE, MOTIF, TRANS, TRANS_SIGN, Kind, slot
from linger.get._matrix import fitted_slot, matrix

if TYPE_CHECKING:
    from mudata import MuData

_SIGNS = {TRANS: TRANS_SIGN, CIS: CIS_SIGN}


@docs.dedent
def network(
    mdata: MuData,
    *,
    kind: Kind = "trans",
    sources: str | Iterable[str] | None = None,
    targets: str | Iterable[str] | None = None,
    top: int | None = None,
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
    atac_key: str = "atac",
) -> pd.DataFrame:
    """Return a network of the cell population as a table, strongest edges first.

    Parameters
    ----------
    %(mdata)s
    kind
        ``"trans"`` (TF -> gene: gamma), ``"cis"`` (peak -> gene: beta) or ``"binding"`` (TF -> peak: alpha + B, the correlation of
        weights and the motif affinity, both in [0, 1]).
    sources, targets
        Names to keep; None keeps all.
    top
        Keep that many of the strongest edges.
    %(key)s
    %(keys)s

    Returns
    -------
    Columns ``source``, ``target``, ``weight`` (> 0), and ``sign`` (+1, -1, 0; trans and cis), ``distance`` in base pairs (cis), or
    ``alpha`` and ``motif`` (binding). Ties are ordered by name.

    Raises
    ------
    KeyError
        If nothing was fitted under `key`, or a name is unknown.
    ValueError
        If `kind` is none of the three.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> len(lg.get.network(mdata, kind="cis", top=10))
    10
    """
    found = matrix(mdata, kind=kind, sources=sources, targets=targets, key=key, rna_key=rna_key, atac_key=atac_key)
    parts = {"alpha": found.matrix, "motif": None}
    rows, cols = mdata.var_names.get_indexer(found.sources), mdata.var_names.get_indexer(found.targets)
    total = found.matrix
    if kind == "binding" and slot(key, MOTIF) in mdata.varp:
        parts["motif"] = fitted_slot(mdata, MOTIF, key, kinds=[MOTIF])[rows][:, cols]
        total = (total + parts["motif"]).tocsr()
    edges = total.tocoo()
    frame = pd.DataFrame(
        {
            "source": found.sources.to_numpy()[edges.row],
            "target": found.targets.to_numpy()[edges.col],
            "weight": edges.data.astype(np.float64),
        }
    )
    if kind in _SIGNS:
        sign = fitted_slot(mdata, _SIGNS[kind], key, kinds=[_SIGNS[kind]])
        frame["sign"] = _values(sign, rows[edges.row], cols[edges.col]).astype(np.int8)
    if kind == CIS:
        distance = fitted_slot(mdata, DISTANCE, key, kinds=[DISTANCE])
        frame["distance"] = _values(distance, rows[edges.row], cols[edges.col])
    if kind == "binding":
        for name, part in parts.items():
            frame[name] = 0.0 if part is None else _values(part, edges.row, edges.col)
    frame = frame[frame["weight"] > 0]
    frame = frame.sort_values(["weight", "source", "target"], ascending=[False, True, True], ignore_index=True)
    return frame if top is None else frame.head(top)


def _values(matrix: object, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    """Return single entries of a sparse matrix."""
    return np.asarray(matrix[rows, cols]).ravel()  # type: ignore[index]
