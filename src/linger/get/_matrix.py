"""A network as a sparse matrix with names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from linger._docs import docs
from linger._keys import BINDING, CIS, D0, DEFAULT_KEY, DISTANCE, FITTED, IS_TF, KINDS, MOTIF, TRANS, Kind, slot
from linger._validate import known_names, modality

if TYPE_CHECKING:
    from mudata import MuData


class NamedMatrix(NamedTuple):
    """A network as a matrix."""

    matrix: sparse.csr_matrix
    """Strengths, sources x targets, CSR float32."""
    sources: pd.Index
    """Names of the rows: TFs (trans, binding) or peaks (cis)."""
    targets: pd.Index
    """Names of the columns: genes (trans, cis) or peaks (binding)."""


@docs.dedent
def matrix(
    mdata: MuData,
    *,
    kind: Kind = "trans",
    sources: str | Iterable[str] | None = None,
    targets: str | Iterable[str] | None = None,
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
    atac_key: str = "atac",
) -> NamedMatrix:
    r"""Return a network of the cell population as a sparse matrix.

    The strengths of Yuan & Duren 2024 (Methods) without the terms of a cell type (expression and accessibility 1):

    - ``"trans"``: gamma_ki, mean \|Shapley value\| of TF k for gene i;
    - ``"cis"``: beta_ij exp(-d_ij / 25 kb), mean \|Shapley value\| of peak j for gene i, decaying with the distance to its TSS;
    - ``"binding"``: alpha_kj + B_kj, correlation of first-layer weights and motif affinity, both in [0, 1].

    The bare alpha, beta and gamma are in ``mdata.varp`` (see :func:`linger.tl.fit`).

    Parameters
    ----------
    %(mdata)s
    kind
        ``"trans"`` (TF -> gene), ``"cis"`` (peak -> gene) or ``"binding"`` (TF -> peak).
    sources, targets
        Names to keep, in this order; None keeps all (TFs, fitted genes, peaks) in the order of the MuData.
    %(key)s
    %(keys)s

    Returns
    -------
    The matrix and the names of its rows and columns.

    Raises
    ------
    KeyError
        If nothing was fitted under `key`, or a name is unknown.
    ValueError
        If `kind` is none of the three.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> network = lg.get.matrix(mdata, kind="cis")
    >>> network.matrix.shape == (len(network.sources), len(network.targets))
    True
    """
    strength = fitted_slot(mdata, kind, key)
    names = names_of(mdata, kind, key=key, rna_key=rna_key, atac_key=atac_key)
    rows = names[0] if sources is None else known_names(sources, names[0], f"sources of {kind!r}")
    cols = names[1] if targets is None else known_names(targets, names[1], f"targets of {kind!r}")
    at = np.ix_(mdata.var_names.get_indexer(rows), mdata.var_names.get_indexer(cols))
    picked = strength[at]
    if kind == CIS:
        decay = fitted_slot(mdata, DISTANCE, key, kinds=[DISTANCE])[at]
        decay.data = np.exp(-decay.data / D0)
        picked = picked.multiply(decay).tocsr()
    if kind == BINDING and slot(key, MOTIF) in mdata.varp:
        picked = (picked + fitted_slot(mdata, MOTIF, key, kinds=[MOTIF])[at]).tocsr()
    return NamedMatrix(picked, rows, cols)


def names_of(mdata: MuData, kind: Kind, *, key: str, rna_key: str, atac_key: str) -> tuple[pd.Index, pd.Index]:
    """Return all sources and all targets of a kind of network: TFs, fitted genes or peaks."""
    rna, atac = modality(mdata, rna_key), modality(mdata, atac_key)
    tfs = rna.var_names[rna.var[IS_TF].to_numpy(dtype=bool)]
    genes = rna.var_names[rna.var[slot(key, FITTED)].to_numpy(dtype=bool)]
    return {TRANS: (tfs, genes), CIS: (atac.var_names, genes), BINDING: (tfs, atac.var_names)}[kind]


def fitted_slot(mdata: MuData, name: str, key: str, *, kinds: Iterable[str] = KINDS) -> sparse.csr_matrix:
    """Return a fitted varp matrix, or raise saying what to do."""
    if name not in kinds:
        msg = f"kind must be one of {', '.join(map(repr, kinds))}, found {name!r}."
        raise ValueError(msg)
    if slot(key, name) not in mdata.varp:
        msg = f"mdata.varp has no {slot(key, name)!r}. Fit first with lg.tl.fit(mdata, key_added={key!r})."
        raise KeyError(msg)
    stored = sparse.csr_matrix(mdata.varp[slot(key, name)])
    if stored.dtype.kind == "f" and np.isnan(stored.data).any():
        msg = f"mdata.varp[{slot(key, name)!r}] holds NaN, as mdata.update() leaves it after a modality is added. Fit again."
        raise ValueError(msg)
    return stored
