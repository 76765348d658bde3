"""How far the way from TF to gene leads through peaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from linger._keys import TRANS
from linger.get._graph import read_graph, select
from linger.get._strengths import Strengths

if TYPE_CHECKING:
    from mudata import MuData


_LEAST = 0.1  # not 0: peaks and motifs are missed, too


def path_support(mdata: MuData, tfs: pd.Index, genes: pd.Index, *, key: str, rna_key: str, atac_key: str) -> np.ndarray:
    """Return 0.1 + 0.9 p / (p + its mean over genes) for the sum p over peaks of binding times cis, genes x TFs, in [0.1, 1)."""
    selection = select(
        mdata, TRANS, tfs=list(tfs), peaks=None, targets=None, key=key, rna_key=rna_key, atac_key=atac_key
    )
    graph = read_graph(selection, Strengths(selection))
    path = np.asarray((graph.binding @ graph.cis).todense(), dtype=np.float64)
    mean = path.mean(axis=1, keepdims=True)
    share = np.divide(path, path + mean, out=np.zeros_like(path), where=mean > 0)
    seen = _LEAST + (1 - _LEAST) * share.T[selection.targets.get_indexer(genes)]
    found: np.ndarray = seen.astype(np.float32)
    return found
