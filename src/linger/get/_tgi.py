"""TF-gene interactions as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from linger._docs import docs
from linger._validate import expression_of
from linger.get._threshold import name_ranks

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData


@docs.dedent
def tgi(
    adata: AnnData | MuData, *, min_weight: float | None = None, key: str = "tgi", rna_key: str = "rna"
) -> pd.DataFrame:
    """Return the pairs that :func:`linger.tl.tgi` scored, as a network like any other: for regulons, activity, evaluation.

    Parameters
    ----------
    adata
        Cells; of a MuData the expression modality.
    min_weight
        Smallest score; ``adata.uns["tgi"]["threshold"]`` is where the F1 of the validation pairs was largest. None returns all.
    key
        The ``key_added`` of the scores.
    %(rna_key)s

    Returns
    -------
    Columns source, target, weight (probability), highest first; ties by name.

    Raises
    ------
    KeyError
        If no pairs were scored.

    Examples
    --------
    >>> import linger as lg
    >>> sim = lg.ds.simulate(n_cells=200, n_genes=60, n_tfs=12, n_peaks=300, n_cell_types=3)
    >>> lg.tl.tgi(sim.mdata, sim.truth.trans, config=lg.TgiConfig(epochs=2, n_models=1))
    >>> net = lg.get.tgi(sim.mdata, min_weight=0.5)
    >>> bool((net["weight"] >= 0.5).all())
    True
    """
    rna = expression_of(adata, rna_key)
    if key not in rna.varp:
        msg = f"There are no scores in varp[{key!r}]. Call lg.tl.tgi(adata, pairs) first."
        raise KeyError(msg)
    edges, names = sparse.coo_matrix(rna.varp[key]), rna.var_names
    ranks = name_ranks(names)
    order = np.lexsort([ranks[edges.col], ranks[edges.row], -edges.data])
    table = pd.DataFrame(
        {
            "source": names.to_numpy()[edges.row[order]],
            "target": names.to_numpy()[edges.col[order]],
            "weight": edges.data[order].astype(float),
        }
    )
    return table if min_weight is None else table[table["weight"] >= min_weight].reset_index(drop=True)
