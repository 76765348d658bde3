"""Checks that run before any work, and raise with the fix in the text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from linger._keys import CHROM, COUNTS_LAYER, END, IS_TF, START

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

_PEAK_NAME = r"^(?P<chrom>.*?[^:_-])[:_-](?P<start>\d+)[_-](?P<end>\d+)$"


def preview(names: Iterable[object], n: int = 5) -> str:
    """Return the first `n` names as text, and how many more there are.

    Examples
    --------
    >>> preview(["a", "b", "c"], n=2)
    "'a', 'b' and 1 more"
    """
    items = list(names)
    shown = ", ".join(repr(str(item)) for item in items[:n])
    return shown if len(items) <= n else f"{shown} and {len(items) - n} more"


def modality(mdata: MuData, key: str) -> AnnData:
    """Return ``mdata[key]``, or raise naming the modalities there are."""
    if not hasattr(mdata, "mod"):
        msg = f"Expected a MuData with modalities 'rna' and 'atac', found {type(mdata).__name__}. Build one with mudata.MuData({{'rna': rna, 'atac': atac}})."
        raise TypeError(msg)
    if key not in mdata.mod:
        msg = (
            f"The MuData has no modality {key!r} (it has {preview(mdata.mod)}). Name yours with rna_key= or atac_key=."
        )
        raise KeyError(msg)
    return mdata.mod[key]


def fit_record(mdata: MuData, key: str) -> dict[str, Any]:
    """Return what ``uns`` keeps of the fit called `key`, or raise."""
    if "fit" not in mdata.uns.get(key, {}):
        msg = f"mdata.uns[{key!r}] has no 'fit'. Fit first with lg.tl.fit(mdata, key_added={key!r})."
        raise KeyError(msg)
    return dict(mdata.uns[key]["fit"])


def expression_of(adata: AnnData | MuData, rna_key: str) -> AnnData:
    """Return an AnnData as it is, and the expression modality of a MuData."""
    if not hasattr(adata, "mod"):
        return adata
    if rna_key not in adata.mod:
        msg = f"The MuData has no modality {rna_key!r} (it has {preview(adata.mod)}). Name yours with rna_key=."
        raise KeyError(msg)
    return adata.mod[rna_key]


def unique_names(names: pd.Index, what: str, fix: str) -> None:
    """Raise if `names` holds a name twice."""
    if not names.is_unique:
        repeated = names[names.duplicated()].unique()
        msg = f"{len(repeated)} {what} occur more than once ({preview(repeated)}). Call {fix} first."
        raise ValueError(msg)


def paired(mdata: MuData, *, rna_key: str = "rna", atac_key: str = "atac") -> tuple[AnnData, AnnData]:
    """Return both modalities after checking that they hold the same, uniquely named cells and features.

    Raises
    ------
    KeyError
        If a modality is missing.
    ValueError
        If cells or features are duplicated, or the modalities do not hold the same cells.
    """
    rna, atac = modality(mdata, rna_key), modality(mdata, atac_key)
    for key, adata in ((rna_key, rna), (atac_key, atac)):
        unique_names(adata.obs_names, f"cell names of {key!r}", f"mdata[{key!r}].obs_names_make_unique()")
        unique_names(
            adata.var_names, f"feature names of {key!r}", f"mdata[{key!r}].var_names_make_unique() and mdata.update()"
        )
        if 0 in adata.shape:
            msg = f"mdata[{key!r}] is empty: {adata.n_obs} cells x {adata.n_vars} features."
            raise ValueError(msg)
    both = rna.var_names.intersection(atac.var_names)
    if len(both):
        msg = f"{len(both)} names are both a gene and a peak ({preview(both)}). Feature names must differ between modalities."
        raise ValueError(msg)
    shared = rna.obs_names.intersection(atac.obs_names)
    if not len(shared) == rna.n_obs == atac.n_obs:
        msg = (
            f"Cells are not paired: {rna_key!r} has {rna.n_obs} cells, {atac_key!r} has {atac.n_obs}, {len(shared)} are in both. "
            "Keep the shared ones with muon.pp.intersect_obs(mdata)."
        )
        raise ValueError(msg)
    return rna, atac


def tf_mask(rna: AnnData, rna_key: str = "rna") -> np.ndarray:
    """Return which genes are TFs, or raise if that is not marked, not boolean, or nothing is."""
    columns(rna.var, [IS_TF], f"mdata[{rna_key!r}].var", "lg.pp.mark_tfs(mdata)")
    values = rna.var[IS_TF]
    if values.isna().any() or not values.isin([True, False]).all():
        msg = f"mdata[{rna_key!r}].var['is_tf'] must be True or False for every gene. Call lg.pp.mark_tfs(mdata) again."
        raise ValueError(msg)
    mask = values.to_numpy(dtype=bool)
    if not mask.any():
        msg = (
            "No gene is marked as a transcription factor in rna.var['is_tf']. Call lg.pp.mark_tfs with names that are in "
            "rna.var_names."
        )
        raise ValueError(msg)
    return mask


def cell_positions(index: pd.Index, cells: pd.Index, what: str) -> np.ndarray:
    """Return where `cells` are in `index`, or raise if some are not there."""
    found = index.get_indexer(cells)
    if (found < 0).any():
        missing = cells[found < 0]
        msg = f"{len(missing)} cells are not in {what} ({preview(missing)})."
        raise ValueError(msg)
    return found


def positions(index: pd.Index, names: pd.Index, what: str = "mdata.var_names") -> np.ndarray:
    """Return where `names` are in `index`, or raise if some are not there."""
    found = index.get_indexer(names)
    if (found < 0).any():
        missing = names[found < 0]
        msg = (
            f"{len(missing)} genes or peaks are not in {what} ({preview(missing)}). If a modality has changed, call "
            "mdata.update(); metacells must come from the same MuData."
        )
        raise ValueError(msg)
    return found


def valid_key(key_added: str) -> None:
    """Raise unless `key_added` can be part of a slot's name on disk."""
    if not key_added or "/" in key_added:
        msg = f"key_added={key_added!r} cannot name a slot: it must not be empty or hold '/'."
        raise ValueError(msg)


def columns(frame: pd.DataFrame, wanted: Sequence[str], where: str, fix: str) -> None:
    """Raise if `frame` lacks one of the `wanted` columns."""
    missing = [column for column in wanted if column not in frame]
    if missing:
        msg = f"{where} has no column {preview(missing)}. Call {fix} first."
        raise KeyError(msg)


def known_names(names: Iterable[str], known: pd.Index, what: str) -> pd.Index:
    """Return `names` as an Index, or raise naming those that are not `known` (or given twice)."""
    index = pd.Index([names] if isinstance(names, str) or np.isscalar(names) else list(names), dtype=object)
    unknown = index[~index.isin(known)]
    if len(unknown):
        close = {str(name).casefold(): str(name) for name in known}.get(str(unknown[0]).casefold())
        hint = f"Did you mean {close!r}?" if close else f"Known are for example {preview(known[:3])}."
        msg = f"{len(unknown)} of {len(index)} {what} are unknown: {preview(unknown)}. {hint}"
        raise KeyError(msg)
    return index.unique()


def known_tfs(names: str | Iterable[str], tfs: pd.Index, genes: pd.Index) -> pd.Index:
    """Return `names` as an Index, or raise naming those that are no TFs, and apart from them `genes` that are not marked as such."""
    listed = [names] if isinstance(names, str) or np.isscalar(names) else list(names)
    unmarked = [name for name in listed if name in genes and name not in tfs]
    if unmarked:
        is_gene = "is a gene but not marked as a TF" if len(unmarked) == 1 else "are genes but not marked as TFs"
        msg = f"{preview(unmarked)} {is_gene}. Name them with the other TFs in lg.pp.mark_tfs(mdata, tfs=[...]), and fit again."
        raise KeyError(msg)
    return known_names(listed, tfs, "TFs")


def parse_peaks(adata: AnnData) -> pd.DataFrame:
    """Return chrom, start, end (0-based, half-open) of every peak, indexed by peak name.

    Taken from ``var[["chrom", "start", "end"]]`` where all three are there, else from the ``interval`` column of 10x
    files, else parsed from names such as ``chr1:100-200``, ``chr1-100-200`` or ``chr1_100_200``.

    Raises
    ------
    ValueError
        If a peak does not parse, or does not end after it starts.
    """
    if {CHROM, START, END} <= set(adata.var.columns):
        peaks = adata.var[[CHROM, START, END]].copy()
    else:
        source = adata.var["interval"] if "interval" in adata.var else adata.var_names.to_series()
        peaks = source.astype(str).str.extract(_PEAK_NAME)
    starts, ends = (pd.to_numeric(peaks[column], errors="coerce") for column in (START, END))
    bad = peaks[CHROM].isna() | starts.isna() | ends.isna() | (starts < 0) | (ends <= starts)
    if bad.any():
        msg = (
            f"{int(bad.sum())} of {len(peaks)} peaks do not parse ({preview(peaks.index[bad])}). Expected names such as "
            "'chr1:100-200', 'chr1-100-200' or 'chr1_100_200' with end > start, or columns chrom, start, end in atac.var."
        )
        raise ValueError(msg)
    return pd.DataFrame(
        {CHROM: peaks[CHROM].astype(str), START: starts.astype(np.int64), END: ends.astype(np.int64)},
        index=adata.var_names,
    )


def _stored_values(X: Any) -> np.ndarray:
    if sparse.issparse(X):
        return X.data
    return np.asarray(X).ravel()


def log_base(values: np.ndarray) -> float | None:
    """Return the base b (2, e or 10) in which `values` are log(count + 1), as exactly as float32 can say, or None.

    Large values are whole numbers in any base if one is generous: a count of 1,000 written as log10 in float32 is good
    to 0.002, and a tolerance relative to the count would take depth-normalised data of shallow cells for counts.

    Examples
    --------
    >>> log_base(np.log2(np.array([1.0, 2.0, 8.0]) + 1))
    2.0
    """
    if not values.size or not np.isfinite(values).all() or values.min() < 0:
        return None
    positive = values[values > 0].astype(np.float64)
    for base in (2.0, np.e, 10.0):
        restored = np.expm1(np.minimum(positive * np.log(base), 100))
        tolerance = (restored + 1) * np.log(base) * np.maximum(positive, 1) * 2.0**-22  # a few roundings of float32
        counts = np.rint(restored)
        exact = (np.abs(restored - counts) <= tolerance).all()
        if exact and counts.size and counts.min() >= 1 and tolerance.max() < 0.5:
            return base
    return None


def get_counts(adata: AnnData, *, layer: str | None = None, name: str = "rna") -> sparse.csr_matrix:
    """Return raw counts as CSR float32: from `layer`, else ``layers["counts"]``, else ``X``; never a dense copy of sparse data.

    Parameters
    ----------
    adata
        One modality.
    layer
        Layer to read; None chooses as above.
    name
        How to call the modality in an error.

    Returns
    -------
    Counts, cells x features.

    Raises
    ------
    KeyError
        If `layer` does not exist.
    ValueError
        If the values are missing, negative or not whole numbers; where they are exactly log(count + 1) the error
        says to call :func:`linger.pp.restore_counts`.
    """
    X, where = _counts_source(adata, layer, name)
    values = _stored_values(X)
    _check_nonnegative(values, where, "counts")
    if not np.array_equal(values, np.rint(values)):
        base = log_base(values)
        found = "values that are not whole numbers" if base is None else f"exactly log(count + 1) in base {base:.4g}"
        fix = (
            "Name the layer with raw counts: layer=."
            if base is None
            else f"Call lg.pp.restore_counts(mdata) to write the counts to layers[{COUNTS_LAYER!r}]."
        )
        msg = f"{where} holds {found}; counts are needed. {fix}"
        raise ValueError(msg)
    return sparse.csr_matrix(X, dtype=np.float32)


def get_abundance(adata: AnnData, *, layer: str | None = None, name: str = "rna") -> sparse.csr_matrix:
    """Return non-negative values, counts or not (TPM, openness), as CSR float32; found as :func:`get_counts` finds counts.

    Parameters
    ----------
    adata
        One modality.
    layer
        Layer to read; None takes ``layers["counts"]``, else ``X``.
    name
        How to call the modality in an error.

    Raises
    ------
    KeyError
        If `layer` does not exist.
    ValueError
        If values are missing or negative.
    """
    X, where = _counts_source(adata, layer, name)
    _check_nonnegative(_stored_values(X), where, "counts or abundances")
    return sparse.csr_matrix(X, dtype=np.float32)


def _check_nonnegative(values: np.ndarray, where: str, what: str) -> None:
    if not np.isfinite(values).all():
        msg = f"{where} holds NaN or infinite values; {what} must be finite. Remove or impute them first."
        raise ValueError(msg)
    if values.size and values.min() < 0:
        msg = f"{where} holds negative values (minimum {values.min():.3g}), so it is not {what}. Name the layer with raw counts: layer=."
        raise ValueError(msg)


def _counts_source(adata: AnnData, layer: str | None, name: str) -> tuple[object, str]:
    """Return the matrix that holds the counts, and where it was found, for messages."""
    if layer is None and COUNTS_LAYER in adata.layers:
        layer = COUNTS_LAYER
    if layer is not None and layer not in adata.layers:
        msg = f"{name}.layers has no {layer!r} (it has {preview(adata.layers) or 'none'})."
        raise KeyError(msg)
    X = adata.X if layer is None else adata.layers[layer]
    where = f"{name}.X" if layer is None else f"{name}.layers[{layer!r}]"
    if X is None:
        msg = f"{where} is empty. Name the layer with raw counts: layer=."
        raise ValueError(msg)
    if hasattr(X, "to_memory"):  # backed or lazily read
        X = X.to_memory()
    elif not sparse.issparse(X) and not isinstance(X, np.ndarray):
        X = np.asarray(X)
    if X.dtype.kind not in "buif":
        msg = f"{where} holds values of type {X.dtype}; numbers are needed. Name the layer with raw counts: layer=."
        raise ValueError(msg)
    return tidy(X), where


def tidy(X: Any) -> Any:
    """Return a matrix in which every stored value is a place of its own and not 0; sparse ones that are not so are copied.

    Code that counts stored values (inverse document frequencies, say) would take a stored 0, or the second part of a
    value stored in two, for another count.
    """
    if not sparse.issparse(X) or (X.has_canonical_format and np.count_nonzero(X.data) == X.nnz):
        return X
    X = X.copy()
    X.sum_duplicates()
    X.eliminate_zeros()
    return X
