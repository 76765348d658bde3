"""A joint RNA + ATAC embedding in which neighbours are searched."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

_N_COMPONENTS = 30


def median_depth(counts: sparse.csr_matrix) -> float:
    """Return the median sum of the cells that are not empty, 1 if all are."""
    depth = np.asarray(counts.sum(axis=1)).ravel()
    return float(np.median(depth[depth > 0])) if (depth > 0).any() else 1.0


def log_normalize_depth(
    counts: sparse.csr_matrix, *, log: bool = True, target: float | None = None
) -> sparse.csr_matrix:
    """Scale every cell to the median depth, then optionally take log(1 + x); empty cells stay empty.

    Parameters
    ----------
    counts
        Raw counts, cells x features.
    log
        Whether to take the logarithm.
    target
        Depth to scale to; None takes the median.
    """
    depth = np.asarray(counts.sum(axis=1)).ravel()
    target = median_depth(counts) if target is None else target
    scale = np.divide(target, depth, out=np.zeros_like(depth), where=depth > 0)
    scaled = sparse.csr_matrix(sparse.diags(scale.astype(np.float32)) @ counts)
    return scaled.log1p() if log else scaled


def joint_embedding(
    counts: dict[str, sparse.csr_matrix], features: dict[str, pd.DataFrame], *, rng: int = 0
) -> np.ndarray:
    r"""Embed cells by both modalities, each scaled to the same total variance.

    RNA by the principal components of log-normalised counts, ATAC by latent semantic indexing (TF-IDF, then a truncated singular
    value decomposition; components that follow depth, \|r\| > 0.9, are left out).

    Parameters
    ----------
    counts
        Raw counts of RNA and ATAC, in this order, cells x features.
    features
        Feature tables; features are taken in the order of their names, so that input order changes nothing.
    rng
        Seed of the decompositions.

    Returns
    -------
    Cells x components.
    """
    (rna_key, rna), (atac_key, atac) = counts.items()
    rna = rna[:, np.argsort(features[rna_key].index)]
    atac = atac[:, np.argsort(features[atac_key].index)]
    depth = np.asarray(atac.sum(axis=1)).ravel()
    parts = [_pca(log_normalize_depth(rna), rng), _without_depth(_lsi(atac, rng), np.log1p(depth))]
    return np.hstack([part / np.sqrt(max(part.var(axis=0).sum(), 1e-12)) for part in parts])


def _n_components(shape: tuple[int, int]) -> int:
    return max(1, min(_N_COMPONENTS, min(shape) - 1))


def _pca(X: sparse.csr_matrix, rng: int) -> np.ndarray:
    from sklearn.decomposition import PCA

    if min(X.shape) < 2:
        return X.toarray()
    return PCA(_n_components(X.shape), svd_solver="arpack", random_state=rng).fit_transform(X.astype(np.float64))


def _lsi(counts: sparse.csr_matrix, rng: int) -> np.ndarray:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfTransformer

    if min(counts.shape) < 2:
        return counts.toarray()
    tfidf = TfidfTransformer().fit_transform(counts)
    return TruncatedSVD(_n_components(counts.shape), algorithm="arpack", random_state=rng).fit_transform(
        tfidf.astype(np.float64)
    )


def _without_depth(components: np.ndarray, log_depth: np.ndarray) -> np.ndarray:
    """Drop components that follow sequencing depth, unless that leaves none."""
    centred = components - components.mean(axis=0)
    centred_depth = log_depth - log_depth.mean()
    norm = np.linalg.norm(centred, axis=0) * np.linalg.norm(centred_depth)
    correlation = np.divide(np.abs(centred_depth @ centred), norm, out=np.zeros(len(norm)), where=norm > 0)
    kept = correlation <= 0.9
    return components[:, kept] if kept.any() else components
