"""A network as a table of edges."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from linger._docs import docs
from linger._keys import BINDING, CIS, CIS_SIGN, DEFAULT_KEY, DISTANCE, MOTIF, TRANS, TRANS_SIGN, Kind, slot
from linger.get._matrix import fitted_slot, matrix

if TYPE_CHECKING:
    from mudata import MuData

_PARTS: dict[Kind, dict[str, str]] = {
    "trans": {"sign": TRANS_SIGN, "gamma": TRANS},
    "cis": {"sign": CIS_SIGN, "beta": CIS, "distance": DISTANCE},
    "binding": {"alpha": BINDING, "motif": MOTIF},
}


@docs.dedent
def network(
    mdata: MuData,
    *,
    kind: Kind = "trans",
    tfs: str | Iterable[str] | None = None,
    peaks: str | Iterable[str] | None = None,
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
        ``"trans"`` (TF -> gene), ``"cis"`` (peak -> gene) or ``"binding"`` (TF -> peak); :func:`linger.get.matrix` has their equations.
    tfs, peaks, targets
        Names to keep: TFs as sources of trans and binding, peaks as sources of cis, and targets; None keeps all.
    top
        Keep that many of the strongest edges.
    %(key)s
    %(keys)s

    Returns
    -------
    Columns ``source``, ``target``, ``weight`` (> 0), and the parts it is made of: ``sign`` (+1 activates, -1 represses, 0 unclear;
    trans and cis), ``gamma`` (trans), ``beta`` and ``distance`` in base pairs (cis), ``alpha`` and, where
    motifs were scanned, ``motif`` (binding). Ties are ordered by name.

    Raises
    ------
    KeyError
        If nothing was fitted under `key`, or a name is unknown.
    ValueError
        If `kind` is none of the three, or has no sources of the sort given.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> len(lg.get.network(mdata, kind="cis", top=10))
    10
    """
    found = matrix(mdata, kind=kind, tfs=tfs, peaks=peaks, targets=targets, key=key, rna_key=rna_key, atac_key=atac_key)
    edges = found.matrix.tocoo()
    frame = pd.DataFrame(
        {
            "source": found.sources.to_numpy()[edges.row],
            "target": found.targets.to_numpy()[edges.col],
            "weight": edges.data.astype(np.float64),
        }
    )
    rows = mdata.var_names.get_indexer(found.sources)[edges.row]
    cols = mdata.var_names.get_indexer(found.targets)[edges.col]
    for column, name in _PARTS[kind].items():
        if slot(key, name) in mdata.varp:
            frame[column] = np.asarray(fitted_slot(mdata, name, key, kinds=[name])[rows, cols]).ravel()
    frame = frame[frame["weight"] > 0]
    frame = frame.sort_values(["weight", "source", "target"], ascending=[False, True, True], ignore_index=True)
    return frame if top is None else frame.head(top)
