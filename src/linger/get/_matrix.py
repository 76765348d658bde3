"""A network as a sparse matrix with names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from linger._docs import docs
from linger._keys import (
    ALPHA_SCALE,
    BINDING,
    CIS,
    D0,
    DEFAULT_KEY,
    DISTANCE,
    FITTED,
    KINDS,
    MOTIF,
    TRANS,
    TRANS_PATH,
    Kind,
    slot,
)
from linger._validate import known_names, modality, positions, tf_mask

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
    tfs: str | Iterable[str] | None = None,
    peaks: str | Iterable[str] | None = None,
    targets: str | Iterable[str] | None = None,
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
    atac_key: str = "atac",
) -> NamedMatrix:
    r"""Return a network of the cell population as a sparse matrix.

    The strengths of Yuan & Duren 2024 (Methods) without the terms of a cell type (expression and accessibility 1). With TF k, peak
    j, gene i, distance d and motif affinity B:

    - ``"binding"``: TFB_kj = alpha_kj + B_kj, the correlation of first-layer weights and the motif affinity, at the peaks with a
      motif of the TF. A TF without any motif hit binds in proportion to alpha, in all as much as the average TF with one
      (``rna.var["linger_alpha_scale"]``).
    - ``"cis"``: CRP_ij = beta_ij exp(-d_ij / 25 kb), beta the mean \|Shapley value\| of the peak for the gene.
    - ``"trans"``: TRP_ki = gamma_ki sum_j TFB_kj CRP_ij, gamma the mean \|Shapley value\| of the TF for the gene: a TF regulates
      a gene if the gene's network uses it, and it can bind where the gene is regulated.

    The paper adds alpha at peaks without a motif too. It is a maximum over genes and hardly ever near 0 there, so summed over a
    window it drowns the motifs (docs/benchmarks.md has the numbers). The bare alpha, beta and gamma are in ``mdata.varp``
    (see :func:`linger.tl.fit`).

    Parameters
    ----------
    %(mdata)s
    kind
        ``"trans"`` (TF -> gene), ``"cis"`` (peak -> gene) or ``"binding"`` (TF -> peak).
    tfs
        TFs to keep as sources of trans and binding, in this order; None keeps all in the order of the MuData.
    peaks
        Peaks to keep as sources of cis, likewise.
    targets
        Genes (trans, cis) or peaks (binding) to keep as targets, likewise.
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
        If `kind` is none of the three, or has no sources of the sort given.

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
    fitted_slot(mdata, kind, key)  # raises before any work
    sources = _sources(kind, tfs, peaks)
    rows, cols = names_of(mdata, kind, key=key, rna_key=rna_key, atac_key=atac_key)
    if sources is not None:
        rows = known_names(sources, rows, "peaks" if kind == CIS else "TFs (genes count only if marked as TFs)")
    if targets is not None:
        cols = known_names(targets, cols, f"targets of {kind!r}")
    part = _Part(mdata, key, np.ix_(positions(mdata.var_names, rows), positions(mdata.var_names, cols)))
    if kind == BINDING:
        strength = part.binding(modality(mdata, rna_key).var.loc[rows, slot(key, ALPHA_SCALE)])
    else:
        strength = part.cis() if kind == CIS else part.slot(TRANS).multiply(part.slot(TRANS_PATH))
    return NamedMatrix(sparse.csr_matrix(strength), rows, cols)


def _sources(
    kind: Kind, tfs: str | Iterable[str] | None, peaks: str | Iterable[str] | None
) -> str | Iterable[str] | None:
    given, other, name = (peaks, tfs, "tfs") if kind == CIS else (tfs, peaks, "peaks")
    if other is not None:
        msg = f"{name}= names no sources of {kind!r}, which are {'peaks' if kind == CIS else 'TFs'}."
        raise ValueError(msg)
    return given


class _Part(NamedTuple):
    """Some rows and columns of the slots of a fit."""

    mdata: MuData
    key: str
    at: tuple[np.ndarray, ...]

    def slot(self, name: str) -> sparse.csr_matrix:
        return fitted_slot(self.mdata, name, self.key, kinds=[name])[self.at]

    def cis(self) -> sparse.csr_matrix:
        decay = self.slot(DISTANCE)
        decay.data = np.exp(-decay.data / D0)
        return self.slot(CIS).multiply(decay)

    def binding(self, alpha_scale: pd.Series) -> sparse.csr_matrix:
        alpha = self.slot(BINDING)
        strength = sparse.diags(alpha_scale.to_numpy(np.float32)) @ alpha
        if slot(self.key, MOTIF) not in self.mdata.varp:
            return strength
        motif = self.slot(MOTIF)
        return strength + motif + alpha.multiply(motif > 0)


def names_of(mdata: MuData, kind: Kind, *, key: str, rna_key: str, atac_key: str) -> tuple[pd.Index, pd.Index]:
    """Return all sources and all targets of a kind of network: TFs, fitted genes or peaks."""
    rna, atac = modality(mdata, rna_key), modality(mdata, atac_key)
    tfs = rna.var_names[tf_mask(rna, rna_key)]
    genes = rna.var_names[rna.var[slot(key, FITTED)].to_numpy(dtype=bool)]
    return {TRANS: (tfs, genes), CIS: (atac.var_names, genes), BINDING: (tfs, atac.var_names)}[kind]


def fitted_slot(mdata: MuData, name: str, key: str, *, kinds: Iterable[str] = KINDS) -> sparse.csr_matrix:
    """Return a fitted varp matrix, or raise saying what to do."""
    if name not in kinds:
        msg = f"kind must be one of {', '.join(map(repr, kinds))}, found {name!r}."
        raise ValueError(msg)
    if slot(key, name) not in mdata.varp:
        maker = {DISTANCE: "lg.pp.link_peaks", MOTIF: "lg.pp.scan_motifs"}.get(name, "lg.tl.fit")
        msg = f"mdata.varp has no {slot(key, name)!r}. Call {maker}(mdata, key_added={key!r}) first."
        raise KeyError(msg)
    stored = sparse.csr_matrix(mdata.varp[slot(key, name)])
    if stored.dtype.kind == "f" and np.isnan(stored.data).any():
        msg = f"mdata.varp[{slot(key, name)!r}] holds NaN, as mdata.update() leaves it after a modality is added. Fit again."
        raise ValueError(msg)
    return stored
