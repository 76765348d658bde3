"""How much of a known network was recovered, beside the baselines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import pandas as pd

from linger._docs import docs
from linger._keys import DEFAULT_KEY, KINDS, MOTIF, Kind, slot
from linger.bm._baselines import BASELINES, baseline, universe
from linger.bm._evaluate import evaluate
from linger.get._network import network

if TYPE_CHECKING:
    from mudata import MuData

_UNIT: dict[Kind, Literal["source", "target"]] = {"trans": "source", "cis": "target", "binding": "source"}


@docs.dedent
def recovery(
    mdata: MuData,
    metacells: MuData,
    *,
    truth: Mapping[str, pd.DataFrame],
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
    atac_key: str = "atac",
    rng: int = 0,
) -> pd.DataFrame:
    """Compare fitted networks and baselines with the truth, all over the same pairs.

    Parameters
    ----------
    %(mdata)s
    metacells
        Metacells for the baselines.
    truth
        True edges by kind of network.
    %(key)s
    %(keys)s
    %(rng)s

    Returns
    -------
    One row a kind and method: mean AUROC and AUPR ratio over TFs (trans, binding) or genes (cis) that have true edges, the same
    for all pairs together (``pooled_``), and the number of TFs or genes.

    Examples
    --------
    >>> import linger as lg
    >>> data = lg.ds.simulate(n_cells=200, n_genes=60, n_tfs=12, n_peaks=300, n_cell_types=3, n_bulk=4)
    >>> lg.pp.link_peaks(data.mdata)
    >>> lg.tl.fit(data.mdata, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> table = lg.bm.recovery(data.mdata, lg.pp.metacells(data.mdata), truth={"trans": data.truth.trans})
    >>> table["method"].tolist()
    ['linger', 'correlation', 'distance', 'random']
    """
    rows = []
    for kind in (kind for kind in KINDS if kind in truth):
        pairs = universe(mdata, kind=kind, key=key, rna_key=rna_key)
        scores = {"linger": network(mdata, kind=kind, key=key, rna_key=rna_key, atac_key=atac_key)}
        for rival in BASELINES[kind]:
            if rival != "motif" or slot(key, MOTIF) in mdata.varp:
                scores[rival] = baseline(
                    mdata, metacells, kind=kind, method=rival, key=key, rna_key=rna_key, atac_key=atac_key, rng=rng
                )
        for method, frame in scores.items():
            single = evaluate(frame, truth[kind], by=_UNIT[kind], universe=pairs)
            pooled = evaluate(frame, truth[kind], by=None, universe=pairs).iloc[0]
            rows.append(
                {
                    "kind": kind,
                    "method": method,
                    "auroc": single["auroc"].mean(),
                    "aupr_ratio": single["aupr_ratio"].mean(),
                    "pooled_auroc": pooled["auroc"],
                    "pooled_aupr_ratio": pooled["aupr_ratio"],
                    "n": int(single["auroc"].notna().sum()),
                }
            )
    return pd.DataFrame(rows)
