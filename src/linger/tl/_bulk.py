"""Bulk samples made ready to train on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from linger._logging import logger
from linger._mudata import new_mudata
from linger._validate import get_abundance, paired, unique_names

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData
    from scipy import sparse

Normalize = Literal["log", "quantile"]
_TARGET = 1e6  # as in counts per million
_MIN_SAMPLES = 3
_SPECIES = {"hg38": "human", "hg19": "human", "mm10": "mouse"}


def as_mudata(
    bulk: MuData | tuple[AnnData | pd.DataFrame, AnnData | pd.DataFrame],
    genome: str | None,
    *,
    rna_key: str,
    atac_key: str,
    key: str,
) -> MuData:
    """Return bulk samples as an annotated MuData; a pair of tables is annotated and linked with the built-in tables of `genome`.

    Raises
    ------
    TypeError
        If `bulk` is neither a MuData nor a pair.
    ValueError
        If a pair comes without a known genome build, or hardly any samples are in both.
    """
    if hasattr(bulk, "mod"):
        return bulk
    if not isinstance(bulk, tuple) or len(bulk) != 2:
        msg = f"bulk must be a MuData or a pair (rna, atac) of AnnData or DataFrames with samples in rows, found {type(bulk).__name__}."
        raise TypeError(msg)
    if genome not in _SPECIES:
        msg = (
            f"A pair of tables needs genome= to locate its genes: one of {', '.join(_SPECIES)}, found {genome!r}. For other genomes give a "
            "MuData prepared by lg.pp.annotate_genes, mark_tfs and link_peaks."
        )
        raise ValueError(msg)
    rna, atac = (_as_anndata(part, what) for part, what in zip(bulk, ("RNA", "ATAC"), strict=True))
    shared = rna.obs_names.intersection(atac.obs_names)
    if len(shared) < _MIN_SAMPLES:
        msg = f"Only {len(shared)} samples are in both tables (RNA has {rna.n_obs}, ATAC {atac.n_obs}); rows must be samples of the same names."
        raise ValueError(msg)
    logger.info("%d samples are in both tables (of %d and %d).", len(shared), rna.n_obs, atac.n_obs)
    return _annotated(
        new_mudata({rna_key: rna[shared].copy(), atac_key: atac[shared].copy()}), genome, rna_key, atac_key, key
    )


def _as_anndata(part: AnnData | pd.DataFrame, what: str) -> AnnData:
    from anndata import AnnData

    if isinstance(part, pd.DataFrame):
        part = AnnData(
            part.to_numpy(np.float32),
            obs=pd.DataFrame(index=part.index.astype(str)),
            var=pd.DataFrame(index=part.columns.astype(str)),
        )
    unique_names(part.obs_names, f"samples of the {what} table", "obs_names_make_unique()")
    unique_names(part.var_names, f"features of the {what} table", "var_names_make_unique()")
    return part


def _annotated(mdata: MuData, genome: str, rna_key: str, atac_key: str, key: str) -> MuData:
    from linger.pp import annotate_genes, link_peaks, mark_tfs

    annotate_genes(mdata, annotation=genome, rna_key=rna_key)
    mark_tfs(mdata, tfs=_SPECIES[genome], rna_key=rna_key)
    link_peaks(mdata, rna_key=rna_key, atac_key=atac_key, key_added=key)
    return mdata


def normalize_bulk(
    mdata: MuData, normalize: Normalize | None, *, rna_key: str, atac_key: str, layer: str | None
) -> MuData:
    """Return a MuData of the same samples and features with normalised values in ``X``; nothing of the input changes.

    ``"log"``: every sample scaled to a million, then log(1 + x). ``"quantile"``: after that, every sample is given the same
    distribution of values, the mean over samples (Bolstad et al. 2003), ties averaged. None: values as they are.
    """
    from anndata import AnnData

    rna, atac = paired(mdata, rna_key=rna_key, atac_key=atac_key)
    if rna.n_obs < _MIN_SAMPLES:
        msg = f"There are {rna.n_obs} bulk samples; at least {_MIN_SAMPLES} are needed, and dozens to learn much."
        raise ValueError(msg)
    if normalize not in ("log", "quantile", None):
        msg = f"normalize must be 'log', 'quantile' or None, found {normalize!r}."
        raise ValueError(msg)
    parts = {}
    for name, adata in ((rna_key, rna), (atac_key, atac)):
        X = _values(adata, normalize, layer=layer, name=name)
        parts[name] = AnnData(X, obs=pd.DataFrame(index=adata.obs_names), var=pd.DataFrame(index=adata.var_names))
    return new_mudata(parts)


def _values(
    adata: AnnData, normalize: Normalize | None, *, layer: str | None, name: str
) -> np.ndarray | sparse.csr_matrix:
    if normalize is None:
        return adata.X if layer is None else adata.layers[layer]
    values = get_abundance(adata, layer=layer, name=name)
    depth = np.asarray(values.sum(axis=1)).ravel()
    empty = adata.obs_names[depth == 0]
    if len(empty):
        msg = f"{len(empty)} samples of {name!r} are empty: {', '.join(empty[:5])}. Remove them."
        raise ValueError(msg)
    scaled = values.multiply((_TARGET / depth)[:, None]).tocsr().astype(np.float32).log1p()
    return quantile_normalize(scaled.toarray()) if normalize == "quantile" else scaled


def quantile_normalize(values: np.ndarray) -> np.ndarray:
    """Give every row the same distribution: the mean of the sorted rows; tied values get the mean over their ranks.

    Examples
    --------
    >>> quantile_normalize(np.array([[1.0, 2.0, 3.0], [30.0, 10.0, 20.0]]))
    array([[ 5.5, 11. , 16.5],
           [16.5,  5.5, 11. ]], dtype=float32)
    """
    reference = np.sort(values, axis=1).mean(axis=0, dtype=np.float64)
    total = np.concatenate([[0.0], np.cumsum(reference)])
    first, last = (rankdata(values, method=method, axis=1).astype(np.int64) for method in ("min", "max"))
    return ((total[last] - total[first - 1]) / (last - first + 1)).astype(np.float32)
