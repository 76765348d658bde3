"""The peaks that are open in one type more than in the others."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from linger._abundance import shares

if TYPE_CHECKING:
    from anndata import AnnData


def specific_peaks(
    atac: AnnData, groups: pd.Series, *, n_peaks: int, max_p_adj: float, layer: str | None, name: str
) -> np.ndarray:
    """Return which peaks are specific to each group: peaks x groups, bool, groups sorted by name.

    Those with the largest t statistic of log(1 + counts over depth) against all other cells, Welch's test (scanpy), at most `n_peaks`,
    among those with a positive one and an adjusted p-value (Benjamini-Hochberg) below `max_p_adj`. Ties go by name.

    Parameters
    ----------
    atac
        The accessibility modality.
    groups
        Group of every cell, indexed by name.
    n_peaks, max_p_adj
        What to keep.
    layer, name
        Where its counts are, and how to call it in an error.
    """
    import scanpy as sc
    from anndata import AnnData

    cells = groups.index
    X = shares(atac, cells, layer=layer, name=name).values.log1p()
    obs = pd.DataFrame({"group": pd.Categorical(groups)}, index=cells)
    open_chromatin = AnnData(X, obs=obs, var=pd.DataFrame(index=atac.var_names))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of peaks that do not vary, and of pandas about scanpy
        sc.tl.rank_genes_groups(open_chromatin, "group", method="t-test")
    found = open_chromatin.uns["rank_genes_groups"]
    specific = np.zeros((atac.n_vars, len(obs["group"].cat.categories)), dtype=bool)
    for number, group in enumerate(obs["group"].cat.categories):
        table = pd.DataFrame({part: found[part][group] for part in ("names", "scores", "pvals_adj")})
        table = table[(table["scores"] > 0) & (table["pvals_adj"] < max_p_adj)]
        best = table.sort_values(["scores", "names"], ascending=[False, True])["names"].head(n_peaks)
        specific[atac.var_names.get_indexer(best), number] = True
    return specific
