"""The networks of a type or a cell as the authors' package computes them, for comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from linger._keys import BINDING, CIS, D0, DISTANCE, MOTIF, TRANS
from linger._validate import positions
from linger.get._graph import Selection, names_of

if TYPE_CHECKING:
    from linger.get._states import State

_PSEUDO = np.float32(0.1)
_OFFSET = np.float32(0.5)


@dataclass(frozen=True)
class AuthorsGraph:
    """Strengths with the authors' pseudo-counts: every pair of TF and peak, and every linked pair of peak and gene."""

    selection: Selection
    binding: np.ndarray
    """alpha / mean(alpha > 0) + B / mean(B) + 0.1, TFs x peaks, dense."""
    cis: sparse.csr_matrix
    """(beta + 0.1) exp(-(0.5 + d / d0)), peaks x genes."""
    means: tuple[np.ndarray, ...]
    """Positions of all TFs, all peaks and all genes, over which abundances are divided by their means."""

    def weighted(self, state: State | None) -> sparse.csr_matrix:
        """Return the network in a state."""
        assert state is not None, "the authors' weights are of groups and cells"
        selection, kind = self.selection, self.selection.kind
        tf, peak, gene = (state.abundance / max(state.abundance[where].mean(), 1e-18) + _PSEUDO for where in self.means)
        of_peaks = peak[selection.peaks]
        if kind == CIS:
            return _diagonal(of_peaks) @ self.cis @ _diagonal(gene[selection.cols])
        binding = tf[selection.rows][:, None] * self.binding * of_peaks
        if kind == BINDING:
            return sparse.csr_matrix(binding)
        reached = (_diagonal(of_peaks) @ self.cis @ _diagonal(gene[selection.cols])).T.tocsr()
        return sparse.csr_matrix((reached @ binding.T).T)


def read_authors_graph(selection: Selection) -> AuthorsGraph:
    """Read what a kind of network is made of. Memory: ``4 * n_tfs * n_peaks`` bytes for trans and binding."""
    mdata, names = selection.mdata, selection.mdata.var_names
    where = {"key": selection.key, "rna_key": selection.rna_key, "atac_key": selection.atac_key}
    (tfs, peaks), (_, genes) = (names_of(mdata, kind, **where) for kind in (BINDING, TRANS))
    everywhere = positions(names, tfs), positions(names, peaks), positions(names, genes)
    binding = np.zeros((0, 0), dtype=np.float32)
    if selection.kind != CIS:
        binding = _relative(selection, BINDING, everywhere, positive_only=True) + _PSEUDO
        if selection.has(MOTIF):
            binding += _relative(selection, MOTIF, everywhere, positive_only=False)
    cis = sparse.csr_matrix((0, 0), dtype=np.float32)
    if selection.kind != BINDING:
        links = selection.slot(DISTANCE, selection.peaks, selection.cols)
        beta = selection.slot(CIS, selection.peaks, selection.cols)
        decay = sparse.csr_matrix(
            (np.exp(-(_OFFSET + links.data / np.float32(D0))), links.indices, links.indptr), links.shape
        )
        cis = sparse.csr_matrix(decay * _PSEUDO + decay.multiply(beta))
    return AuthorsGraph(selection, binding, cis, everywhere)


def _relative(
    selection: Selection, name: str, everywhere: tuple[np.ndarray, ...], *, positive_only: bool
) -> np.ndarray:
    """Return strengths over their mean over all TFs and peaks, dense."""
    whole = selection.slot(name, everywhere[0], everywhere[1])
    n = whole.nnz if positive_only else whole.shape[0] * whole.shape[1]
    mean = whole.data.sum(dtype=np.float64) / max(n, 1)
    return selection.slot(name, selection.rows, selection.peaks).toarray() / np.float32(max(mean, 1e-18))


def _diagonal(values: np.ndarray) -> sparse.dia_matrix:
    return sparse.diags(values)
