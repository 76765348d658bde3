"""Counts from exact logarithms of counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from linger import _validate
from linger._docs import docs
from linger._keys import COUNTS_LAYER
from linger._logging import logger

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData


@docs.dedent
def restore_counts(
    mdata: MuData,
    *,
    modalities: Sequence[str] | None = None,
    layer: str | None = None,
    copy: bool = False,
) -> MuData | None:
    """Undo log(count + 1), so that functions which need counts find them in ``layers["counts"]``.

    With x the values found and b the base, 2, e or 10, of which every ``b**x - 1`` is a whole number, the counts are::

        count = round(b**x - 1)

    Values that were scaled to a library size before the logarithm are not restored: their counts are lost.

    Parameters
    ----------
    %(mdata)s
    modalities
        Names of the modalities to restore; None takes all.
    layer
        Layer to read in each of them; None takes ``layers["counts"]``, else ``X``.
    %(copy)s

    Returns
    -------
    None, or the changed copy. Where the values are log(count + 1), writes ``layers["counts"]`` of the modality: whole
    numbers as float32, cells x features, sparse (same format) where the source is. Where they are counts
    already, writes nothing.

    Raises
    ------
    KeyError
        If a modality or the layer is missing.
    ValueError
        If a modality holds neither counts nor log(count + 1); then none is changed.

    Examples
    --------
    >>> import linger as lg
    >>> import anndata, mudata, numpy
    >>> rna = anndata.AnnData(numpy.log2(numpy.array([[0.0, 3.0], [5.0, 1.0]]) + 1))
    >>> mdata = mudata.MuData({"rna": rna})
    >>> lg.pp.restore_counts(mdata)
    >>> mdata["rna"].layers["counts"]
    array([[0., 3.],
           [5., 1.]], dtype=float32)
    """
    names = _chosen(mdata, modalities)
    restored = {name: _restore(_validate.modality(mdata, name), layer, name) for name in names}
    mdata = mdata.copy() if copy else mdata
    for name, counts in restored.items():
        if counts is not None:
            mdata.mod[name].layers[COUNTS_LAYER] = counts
    return mdata if copy else None


def _chosen(mdata: MuData, modalities: Sequence[str] | None) -> list[str]:
    if isinstance(modalities, str):
        return [modalities]
    if modalities is not None:
        return list(modalities)
    if not hasattr(mdata, "mod"):
        _validate.modality(mdata, "rna")  # raises, naming what was expected
    return list(mdata.mod)


def _restore(adata: AnnData, layer: str | None, name: str) -> np.ndarray | sparse.csr_matrix | None:
    """Return the counts of a modality, or None if it holds counts already."""
    X, where = _validate._counts_source(adata, layer, name)
    values = _validate._stored_values(X)
    if _is_counts(values):
        logger.info("%s holds counts already.", where)
        return None
    base = _validate.log_base(values)
    if base is None:
        msg = (
            f"{where} holds neither counts nor log(count + 1) in base 2, e or 10, so counts cannot be restored "
            "(scaled to library size, perhaps). Name a layer that holds them (layer=), or leave the modality "
            "out (modalities=)."
        )
        raise ValueError(msg)
    logger.info("%s holds log(count + 1) in base %.4g; counts written to layers[%r].", where, base, COUNTS_LAYER)
    counts = np.rint(np.power(base, values.astype(np.float64)) - 1).astype(np.float32)
    return _with_values(X, counts)


def _is_counts(values: np.ndarray) -> bool:
    return bool(np.isfinite(values).all() and (values >= 0).all() and np.array_equal(values, np.rint(values)))


def _with_values(X: Any, values: np.ndarray) -> np.ndarray | sparse.csr_matrix:
    """Return a matrix like `X` that holds `values` instead; sparse ones keep format and pattern."""
    if isinstance(X, np.ndarray):
        return values.reshape(X.shape)
    changed: sparse.csr_matrix = X.astype(np.float32)
    changed.data = values
    return changed
