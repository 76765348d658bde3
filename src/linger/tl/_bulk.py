"""Bulk samples made ready to train on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from linger._keys import DISTANCE, slot
from linger._logging import logger
from linger._mudata import new_mudata
from linger._validate import get_abundance, paired, preview

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData
    from scipy import sparse

Normalize = Literal["log", "quantile"]
_TARGET = 1e6  # as in counts per million
_MIN_SAMPLES = 3
_LOGGED = 25  # more than log2 of 33 million
_SPECIES = {"hg38": "human", "hg19": "human", "mm10": "mouse"}


def as_mudata(
    bulk: MuData | tuple[AnnData | pd.DataFrame, AnnData | pd.DataFrame],
    genome: str | None,
    *,
    rna_key: str,
    atac_key: str,
    key: str,
) -> MuData:
    """Return bulk samples as an annotated MuData with links.

    A pair of tables is annotated with the built-in tables of `genome`; where peaks are not linked yet, they are in a copy.

    Raises
    ------
    TypeError
        If `bulk` is neither a MuData nor a pair.
    ValueError
        If a pair comes without a known genome build, or hardly any samples are in both.
    """
    if not isinstance(bulk, tuple) and hasattr(bulk, "mod"):
        return _linked(bulk, rna_key=rna_key, atac_key=atac_key, key=key)
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
        msg = (
            f"Only {len(shared)} samples are in both tables (RNA has {rna.n_obs}, such as {preview(rna.obs_names[:2])}, ATAC {atac.n_obs}, such "
            f"as {preview(atac.obs_names[:2])}); at least {_MIN_SAMPLES} names must be the same. If these are genes and peaks, the tables "
            "are the wrong way round: transpose them."
        )
        raise ValueError(msg)
    logger.info("%d samples are in both tables (of %d and %d).", len(shared), rna.n_obs, atac.n_obs)
    return _annotated(
        new_mudata({rna_key: rna[shared].copy(), atac_key: atac[shared].copy()}), genome, rna_key, atac_key, key
    )


def _linked(mdata: MuData, *, rna_key: str, atac_key: str, key: str) -> MuData:
    """Return `mdata`, or a copy with links where it has none."""
    from linger.pp import link_peaks

    if slot(key, DISTANCE) in mdata.varp:
        return mdata
    mdata = mdata.copy()
    link_peaks(mdata, rna_key=rna_key, atac_key=atac_key, key_added=key)
    return mdata


def _as_anndata(part: AnnData | pd.DataFrame, what: str) -> AnnData:
    from anndata import AnnData

    if isinstance(part, AnnData):
        checked = part
    elif isinstance(part, pd.DataFrame):
        checked = _from_table(part, what)
    else:
        msg = f"The {what} table must be an AnnData or a DataFrame, found {type(part).__name__}."
        raise TypeError(msg)
    for names, kind in ((checked.obs_names, "samples"), (checked.var_names, "features")):
        repeated = names[names.duplicated()].unique()
        if len(repeated):
            axis = "table" if kind == "samples" else "table.T"
            msg = (
                f"{len(repeated)} {kind} of the {what} table occur more than once ({preview(repeated)}). Add them up, for example "
                f"{axis}.groupby(level=0).sum(){'' if kind == 'samples' else '.T'}, or keep one of each."
            )
            raise ValueError(msg)
    return checked


def _from_table(table: pd.DataFrame, what: str) -> AnnData:
    from anndata import AnnData

    if isinstance(table.index, pd.RangeIndex):
        msg = f"The rows of the {what} table have no names. Give samples in rows, by name: table.set_index(...)."
        raise ValueError(msg)
    text = [str(name) for name, dtype in table.dtypes.items() if not pd.api.types.is_numeric_dtype(dtype)]
    if text:
        msg = f"{len(text)} columns of the {what} table do not hold numbers: {preview(text)}. Remove them."
        raise ValueError(msg)
    names = [pd.DataFrame(index=axis.astype(str)) for axis in table.axes]
    return AnnData(table.to_numpy(np.float32), obs=names[0], var=names[1])


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
        return _as_they_are(adata, layer=layer, name=name)
    values = get_abundance(adata, layer=layer, name=name)
    depth = np.asarray(values.sum(axis=1)).ravel()
    empty = adata.obs_names[depth == 0]
    if len(empty):
        msg = f"{len(empty)} samples of {name!r} are empty: {', '.join(empty[:5])}. Remove them."
        raise ValueError(msg)
    if values.nnz and values.max() < _LOGGED and not np.array_equal(values.data, np.rint(values.data)):
        logger.warning("No value of %r is above %d: are they logged already? Then use normalize=None.", name, _LOGGED)
    scaled = values.multiply((_TARGET / depth)[:, None]).tocsr().astype(np.float32).log1p()
    return quantile_normalize(scaled.toarray()) if normalize == "quantile" else scaled


def _as_they_are(adata: AnnData, *, layer: str | None, name: str) -> np.ndarray | sparse.csr_matrix:
    """Return ``X`` or a layer, checked for missing values."""
    if layer is not None and layer not in adata.layers:
        msg = f"{name}.layers has no {layer!r} (it has {preview(adata.layers) or 'none'})."
        raise KeyError(msg)
    X = adata.X if layer is None else adata.layers[layer]
    if not np.isfinite(X.data if hasattr(X, "indptr") else np.asarray(X)).all():
        msg = f"{name!r} holds NaN or infinite values. Remove or impute them first."
        raise ValueError(msg)
    return X


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
