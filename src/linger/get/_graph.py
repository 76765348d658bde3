"""The fitted graph between chosen regulators and targets, and its re-weighting by a type or a cell (Yuan & Duren 2024)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from linger._keys import (
    ALPHA_SCALE,
    BINDING,
    CIS,
    COACTIVITY,
    D0,
    DISTANCE,
    FITTED,
    KINDS,
    MOTIF,
    TRANS,
    Kind,
    slot,
)
from linger._validate import known_names, known_tfs, modality, positions, tf_mask
from linger.get._states import State
from linger.get._strengths import Strengths

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

_MAX_LOG = 60.0  # of a power of coactivity: beyond, products leave the range of float32


@dataclass(frozen=True)
class Selection:
    """Chosen regulators and targets, and where they and the peaks between them stand on the joint axis."""

    mdata: MuData
    kind: Kind
    key: str
    rna_key: str
    atac_key: str
    sources: pd.Index
    targets: pd.Index
    rows: np.ndarray
    cols: np.ndarray
    peaks: np.ndarray

    def slot(self, name: str, rows: np.ndarray, cols: np.ndarray) -> sparse.csr_matrix:
        """Return a part of a varp matrix, sorted."""
        part = fitted_slot(self.mdata, name, self.key, kinds=[name])[np.ix_(rows, cols)]
        part.sort_indices()
        return part

    def has(self, name: str) -> bool:
        """Return whether there is such a varp matrix."""
        return slot(self.key, name) in self.mdata.varp


def select(
    mdata: MuData,
    kind: Kind,
    *,
    tfs: str | Iterable[str] | None,
    peaks: str | Iterable[str] | None,
    targets: str | Iterable[str] | None,
    key: str,
    rna_key: str,
    atac_key: str,
) -> Selection:
    """Check names against the fit and find them."""
    fitted_slot(mdata, kind, key)  # raises before any work
    chosen = _sources(kind, tfs, peaks)
    sources, all_targets = names_of(mdata, kind, key=key, rna_key=rna_key, atac_key=atac_key)
    if chosen is not None:
        genes = modality(mdata, rna_key).var_names
        sources = known_names(chosen, sources, "peaks") if kind == CIS else known_tfs(chosen, sources, genes)
    if targets is not None:
        all_targets = known_names(targets, all_targets, f"targets of {kind!r}")
    rows, cols = positions(mdata.var_names, sources), positions(mdata.var_names, all_targets)
    between = {CIS: rows, BINDING: cols, TRANS: positions(mdata.var_names, modality(mdata, atac_key).var_names)}[kind]
    return Selection(mdata, kind, key, rna_key, atac_key, sources, all_targets, rows, cols, between)


def _sources(
    kind: Kind, tfs: str | Iterable[str] | None, peaks: str | Iterable[str] | None
) -> str | Iterable[str] | None:
    given, other, name = (peaks, tfs, "tfs") if kind == CIS else (tfs, peaks, "peaks")
    if other is not None:
        msg = f"{name}= names no sources of {kind!r}, which are {'peaks' if kind == CIS else 'TFs'}."
        raise ValueError(msg)
    return given


@dataclass(frozen=True)
class Graph:
    """One kind of network of the population; parts that the kind does not need are empty."""

    selection: Selection
    peaks: np.ndarray
    binding: sparse.csr_matrix
    """alpha + B, TFs x peaks."""
    log_coactivity: np.ndarray | None
    """ln C of every stored pair of `binding`, 0 where it is not known."""
    cis: sparse.csr_matrix
    """beta exp(-d / d0), peaks x genes."""
    gamma: sparse.csr_matrix
    """TFs x genes."""

    def weighted(self, state: State | None) -> sparse.csr_matrix:
        """Return the network in a state, or that of the population; what is 0 is not stored."""
        kind = self.selection.kind
        found = {BINDING: self._binding, CIS: self._cis, TRANS: self._trans}[kind](state)
        found.eliminate_zeros()
        return found

    def _binding(self, state: State | None) -> sparse.csr_matrix:
        """TFB_kj = C_kj^s_k E_k O_j (alpha_kj + B_kj)."""
        if state is None:
            return self.binding.copy()
        at_peaks = self._bound(state, state.abundance[self.peaks])
        return _scaled(at_peaks, rows=state.abundance[self.selection.rows])

    def _cis(self, state: State | None) -> sparse.csr_matrix:
        """CRP_ij = beta_ij O_j E_i exp(-d_ij / d0)."""
        if state is None:
            return self.cis.copy()
        return _scaled(self.cis, rows=state.abundance[self.peaks], cols=state.abundance[self.selection.cols])

    def _trans(self, state: State | None) -> sparse.csr_matrix:
        """TRP_ki = gamma_ki sum_j TFB_kj CRP_ij; O_j is in both."""
        if state is None:
            return _at_pattern(self.gamma, self.binding @ self.cis)
        found = _at_pattern(self.gamma, self._bound(state, state.abundance[self.peaks] ** 2) @ self.cis)
        return _scaled(found, rows=state.abundance[self.selection.rows], cols=state.abundance[self.selection.cols])

    def by_peak(self, exponent: np.ndarray, row: np.ndarray, col: np.ndarray) -> sparse.csr_matrix:
        """Return what each peak gives to chosen edges before E and O: peaks x edges.

        Parameters
        ----------
        exponent
            Exponent of the coactivity of each TF, over the joint axis.
        row, col
            Source and target of each edge, as positions among those selected.
        """
        kind, each = self.selection.kind, np.arange(len(row))
        if kind == CIS:
            strength, at = self.cis[row, col].A1, row
        else:
            bound = self._bound(State(np.empty(0), exponent), np.ones(len(self.peaks), dtype=np.float32))
            if kind == TRANS:
                gamma = sparse.diags(self.gamma[row, col].A1)
                return sparse.csr_matrix((gamma @ bound[row].multiply(self.cis.T.tocsr()[col])).T)
            strength, at = bound[row, col].A1, col
        return sparse.csr_matrix((strength, (at, each)), shape=(len(self.peaks), len(row)))

    def _bound(self, state: State, at_peaks: np.ndarray) -> sparse.csr_matrix:
        """Return C^s (alpha + B), times a number for every peak."""
        data = self.binding.data * at_peaks[self.binding.indices]
        if self.log_coactivity is not None:
            exponent = np.repeat(state.exponent[self.selection.rows], np.diff(self.binding.indptr))
            power = exponent * self.log_coactivity
            data *= np.exp(np.clip(power, -_MAX_LOG, _MAX_LOG, out=power), out=power)
        return sparse.csr_matrix((data, self.binding.indices, self.binding.indptr), self.binding.shape)


def read_graph(selection: Selection, strengths: Strengths) -> Graph:
    """Read what a kind of network is made of."""
    nothing = sparse.csr_matrix((0, 0), dtype=np.float32)
    cols, peaks = selection.cols, selection.peaks
    cis = nothing if selection.kind == BINDING else _decayed(selection, strengths, peaks, cols)
    if selection.kind == CIS:
        return Graph(selection, peaks, nothing, None, cis, nothing)
    if selection.kind == TRANS:  # peaks that regulate none of the genes matter not
        reaching = np.flatnonzero(np.diff(cis.indptr))
        peaks, cis = peaks[reaching], cis[reaching]
    binding, log_coactivity = _binding(selection, strengths, peaks)
    gamma = strengths.gamma() if selection.kind == TRANS else nothing
    return Graph(selection, peaks, binding, log_coactivity, cis, gamma)


def _decayed(selection: Selection, strengths: Strengths, peaks: np.ndarray, genes: np.ndarray) -> sparse.csr_matrix:
    decay = selection.slot(DISTANCE, peaks, genes)
    decay.data = np.exp(-decay.data / np.float32(D0))
    found = sparse.csr_matrix(strengths.beta(peaks, genes).multiply(decay))
    found.sort_indices()
    return found


def _binding(
    selection: Selection, strengths: Strengths, peaks: np.ndarray
) -> tuple[sparse.csr_matrix, np.ndarray | None]:
    """Return alpha + B, and the logarithm of the coactivity of the same pairs."""
    var = modality(selection.mdata, selection.rna_key).var
    scale = var.loc[selection.sources, slot(selection.key, ALPHA_SCALE)].to_numpy(np.float32)
    if not selection.has(MOTIF):
        return _scaled(strengths.alpha(peaks, known=None), rows=scale), None
    motif = fitted_slot(selection.mdata, MOTIF, selection.key, kinds=[MOTIF])[selection.rows]
    motif.eliminate_zeros()
    known = np.diff(motif.indptr) > 0  # with a hit anywhere: bound there and nowhere else
    motif = motif[:, peaks]
    motif.sort_indices()
    alpha = strengths.alpha(peaks, known=(known, motif))
    elsewhere = _scaled(alpha, rows=np.where(known, np.float32(0), scale))
    elsewhere.eliminate_zeros()
    found = sparse.csr_matrix(motif + alpha.multiply(motif > 0) + elsewhere)
    found.sort_indices()
    if not selection.has(COACTIVITY):
        return found, None
    coactivity = selection.slot(COACTIVITY, selection.rows, peaks)
    if not (np.array_equal(coactivity.indptr, motif.indptr) and np.array_equal(coactivity.indices, motif.indices)):
        msg = "The coactivity stored is not that of the motif hits. Call lg.tl.tf_importance again."
        raise ValueError(msg)
    logs = np.zeros(found.nnz, dtype=np.float32)
    logs[np.repeat(known, np.diff(found.indptr))] = np.log(coactivity.data)
    return found, logs


def _scaled(
    matrix: sparse.csr_matrix, *, rows: np.ndarray | None = None, cols: np.ndarray | None = None
) -> sparse.csr_matrix:
    """Return `matrix` with rows and columns multiplied."""
    data = matrix.data * np.repeat(rows, np.diff(matrix.indptr)) if rows is not None else matrix.data.copy()
    if cols is not None:
        data *= cols[matrix.indices]
    return sparse.csr_matrix((data, matrix.indices.copy(), matrix.indptr.copy()), matrix.shape)


def _at_pattern(pattern: sparse.csr_matrix, values: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return the elementwise product, laid out like `pattern`.

    Gathered from a dense copy: `values` holds nearly every pair, and the product of sparse matrices comes unsorted.
    """
    dense = values.toarray()
    row = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
    data = pattern.data * dense[row, pattern.indices]
    return sparse.csr_matrix((data, pattern.indices.copy(), pattern.indptr.copy()), pattern.shape)


def fitted_genes(rna: AnnData, key: str) -> pd.Index:
    """Return the genes that have a network."""
    return rna.var_names[rna.var[slot(key, FITTED)].to_numpy(dtype=bool)]


def names_of(mdata: MuData, kind: Kind, *, key: str, rna_key: str, atac_key: str) -> tuple[pd.Index, pd.Index]:
    """Return all sources and all targets of a kind of network: TFs, fitted genes or peaks."""
    rna, atac = modality(mdata, rna_key), modality(mdata, atac_key)
    tfs = rna.var_names[tf_mask(rna, rna_key)]
    genes = fitted_genes(rna, key)
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
