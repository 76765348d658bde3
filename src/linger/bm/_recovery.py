"""How much of a known network was recovered, beside the baselines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from linger._docs import docs
from linger._keys import DEFAULT_KEY, KINDS, Kind
from linger.bm._baselines import universe
from linger.bm._compare import baselines, evaluate_all, summarize
from linger.get._network import network

if TYPE_CHECKING:
    from mudata import MuData

_UNIT: dict[Kind, Literal["source", "target"]] = {"trans": "source", "cis": "target", "binding": "source"}
_RANKED: dict[str, Literal["source", "target"]] = {"source": "target", "target": "source"}


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
    """Compare fitted networks and baselines with the truth, all over the same pairs: those of the fitted genes.

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
    for all pairs together (``pooled_``), and the number of TFs or genes. The degree in the truth is no method: it knows all other
    true edges.

    Examples
    --------
    >>> import linger as lg
    >>> data = lg.ds.simulate(n_cells=200, n_genes=60, n_tfs=12, n_peaks=300, n_cell_types=3, n_bulk=4)
    >>> lg.pp.link_peaks(data.mdata)
    >>> lg.tl.fit(data.mdata, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> table = lg.bm.recovery(data.mdata, lg.pp.metacells(data.mdata), truth={"trans": data.truth.trans})
    >>> table["method"].tolist()
    ['linger', 'random', 'degree in the truth', 'correlation', 'distance', 'accessibility', 'expression']
    """
    names: dict[str, Any] = {"key": key, "rna_key": rna_key, "atac_key": atac_key}
    tables = []
    for kind in (kind for kind in KINDS if kind in truth):
        pairs = universe(mdata, kind=kind, only_fitted=True, key=key, rna_key=rna_key)
        ranked = _RANKED[_UNIT[kind]]
        rivals = baselines(pairs, truth[kind], mdata, metacells, side=ranked, kind=kind, rng=rng, **names)
        ours = {"linger": network(mdata, kind=kind, **names)}
        single = summarize(evaluate_all(ours, rivals, truth[kind], by=_UNIT[kind], pairs=pairs))
        pooled = evaluate_all(ours, rivals, truth[kind], by=None, pairs=pairs).set_index("method")
        table = single[["auroc", "aupr_ratio"]].join(pooled[["auroc", "aupr_ratio"]].add_prefix("pooled_"))
        table.insert(0, "kind", kind)
        tables.append(table.assign(n=single["n"]).reset_index())
    found = pd.concat(tables, ignore_index=True)
    return found[["kind", "method", *found.columns.drop(["kind", "method"])]]
