"""How far each cell's profile goes along the edges of each TF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from linger._keys import GROUPS, DriverMethod, Kind
from linger._logging import logger
from linger._validate import get_counts, paired
from linger.get._groups import groups
from linger.get._matrix import matrix
from linger.get._regulons import quantile_normalize
from linger.pp._embedding import log_normalize_depth

if TYPE_CHECKING:
    from mudata import MuData

    from linger.get._reader import NamedMatrix

_KIND: dict[DriverMethod, Kind] = {"transcriptomic": "trans", "epigenetic": "binding"}


def network_scores(
    mdata: MuData,
    method: DriverMethod,
    *,
    types: pd.Series | None,
    groupby: str | None,
    layer: str | None,
    key: str,
    rna_key: str,
    atac_key: str,
) -> tuple[pd.DataFrame, sparse.csr_matrix]:
    """Return the covariance of every cell's profile with every TF's edges, and the profiles.

    The difference of mean scores between two groups is the covariance of the TF's edges with the log fold changes.

    Parameters
    ----------
    mdata
        A fitted MuData.
    method
        Expression along trans edges, or accessibility along binding edges.
    types, groupby
        Type of every cell, and the column that it is from: where the networks of these types are stored each is used for its cells.
    layer, key, rna_key, atac_key
        As elsewhere.

    Returns
    -------
    Cells x TFs; and log-normalised counts, cells x targets.
    """
    rna, atac = paired(mdata, rna_key=rna_key, atac_key=atac_key)
    names: dict[str, Any] = {"key": key, "rna_key": rna_key, "atac_key": atac_key}
    kind = _KIND[method]
    adata = rna if kind == "trans" else atac
    population = matrix(mdata, kind, **names)
    targets = adata.var_names.get_indexer(population.targets)
    counts = get_counts(adata, layer=layer, name=rna_key if kind == "trans" else atac_key)
    profiles = log_normalize_depth(counts)[:, targets]
    scores = _score(profiles, population, kind)
    if types is None or mdata.uns.get(key, {}).get(GROUPS, {}).get("groupby") != groupby:
        logger.info("Scores are those of the population's network.")
    else:
        labels = types.reindex(adata.obs_names).astype(object).map(str).to_numpy()
        for name in (name for name in groups(mdata, **names) if name in labels):
            scores[labels == name] = _score(profiles[labels == name], matrix(mdata, kind, group=name, **names), kind)
    order = adata.obs_names.get_indexer(rna.obs_names)
    return pd.DataFrame(scores[order], rna.obs_names, population.sources), profiles[order]


def _score(profiles: sparse.csr_matrix, network: NamedMatrix, kind: Kind) -> np.ndarray:
    """Return the mean over targets of profile times standardised edges, cells x TFs; 0 for a TF whose edges are all alike."""
    edges = network.matrix.astype(np.float64)
    if kind == "trans":  # each gene is a sample, its TFs the ranks, as for regulons
        edges = sparse.csr_matrix(quantile_normalize(edges.toarray()))
    n_targets = edges.shape[1]
    mean = np.asarray(edges.mean(axis=1)).ravel()
    sd = np.sqrt(np.maximum(np.asarray(edges.multiply(edges).mean(axis=1)).ravel() - mean**2, 0))
    along = np.asarray((profiles.astype(np.float64) @ edges.T).todense())
    covariance = (along - np.outer(np.asarray(profiles.sum(axis=1)).ravel(), mean)) / n_targets
    return np.divide(covariance, sd, out=np.zeros_like(covariance), where=sd > 1e-9 * np.abs(mean))
