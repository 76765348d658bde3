"""The fitted strengths alpha, beta and gamma, as they are or held to their means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from linger._keys import BINDING, CIS, DISTANCE, FITTED, R2, TRANS, slot
from linger._validate import columns, modality, positions

if TYPE_CHECKING:
    from linger.get._graph import Selection


class Strengths:
    """Strengths between the names selected.

    Parameters
    ----------
    selection
        Names, and where they stand on the joint axis.
    """

    def __init__(self, selection: Selection) -> None:
        self.selection = selection

    def alpha(self, peaks: np.ndarray, *, known: tuple[np.ndarray, sparse.csr_matrix] | None) -> sparse.csr_matrix:
        """Return alpha of the selected TFs at `peaks`; `known` says which TFs have a motif, and holds their affinity there."""
        return self.selection.slot(BINDING, self.selection.rows, peaks)

    def beta(self, peaks: np.ndarray, genes: np.ndarray) -> sparse.csr_matrix:
        """Return beta between peaks and genes."""
        return self.selection.slot(CIS, peaks, genes)

    def gamma(self) -> sparse.csr_matrix:
        """Return gamma between the selected TFs and genes."""
        return self.selection.slot(TRANS, self.selection.rows, self.selection.cols)


class ShrunkStrengths(Strengths):
    """Strengths times r plus their mean times 1 - r, r being how well held-out cells of the gene are predicted: sqrt(max(R2, 0)).

    A network that predicts nothing has learnt nothing about its edges, and what is left of the products of the paper is
    expression, accessibility, motifs and distance.
    """

    def __init__(self, selection: Selection) -> None:
        super().__init__(selection)
        rna = modality(selection.mdata, selection.rna_key)
        column, fitted = slot(selection.key, R2), rna.var[slot(selection.key, FITTED)].to_numpy(bool)
        fix = "lg.tl.fit with FitConfig(n_folds=5), which measures how well held-out cells are predicted,"
        columns(rna.var, [column], f"{selection.rna_key}.var", fix)
        self._genes = positions(selection.mdata.var_names, rna.var_names[fitted])
        trust = np.sqrt(np.clip(rna.var[column].to_numpy(np.float64)[fitted], 0, 1))
        self._trust = np.zeros(selection.mdata.n_vars, dtype=np.float32)
        self._trust[self._genes] = np.nan_to_num(trust)

    def alpha(self, peaks: np.ndarray, *, known: tuple[np.ndarray, sparse.csr_matrix] | None) -> sparse.csr_matrix:
        """Return alpha, at motif hits, and of TFs without a motif at all linked peaks; r is the mean over a peak's genes."""
        every = np.arange(self.selection.mdata.n_vars)
        links = _ones(self.selection.slot(DISTANCE, every, self._genes))
        n_genes = links.getnnz(axis=1)
        trust = np.asarray(links @ self._trust[self._genes]) / np.maximum(n_genes, 1)
        mean = self.selection.slot(BINDING, self.selection.rows, every).sum(axis=1) / max((n_genes > 0).sum(), 1)
        where = sparse.csr_matrix(np.ones((len(self.selection.rows), 1)) * (n_genes[peaks] > 0))
        if known is not None:
            has_motif, motif = known[0].astype(np.float32), known[1]
            where = sparse.diags(has_motif) @ _ones(motif) + sparse.diags(1 - has_motif) @ where
        own = super().alpha(peaks, known=known) @ sparse.diags(trust[peaks])
        return _sorted(own + sparse.diags(np.asarray(mean).ravel()) @ where @ sparse.diags(1 - trust[peaks]))

    def beta(self, peaks: np.ndarray, genes: np.ndarray) -> sparse.csr_matrix:
        """Return beta of all linked pairs."""
        every, trust = np.arange(self.selection.mdata.n_vars), self._trust[genes]
        n_links = self.selection.slot(DISTANCE, every, self._genes).nnz
        mean = self.selection.slot(CIS, every, self._genes).sum() / n_links
        links = _ones(self.selection.slot(DISTANCE, peaks, genes))
        return _sorted(super().beta(peaks, genes) @ sparse.diags(trust) + links @ sparse.diags(mean * (1 - trust)))

    def gamma(self) -> sparse.csr_matrix:
        """Return gamma of every TF and gene but itself."""
        rows, cols, trust = self.selection.rows, self.selection.cols, self._trust[self.selection.cols]
        everywhere = self.selection.slot(TRANS, np.arange(self.selection.mdata.n_vars), self._genes)
        n_tfs = int(modality(self.selection.mdata, self.selection.rna_key).var["is_tf"].sum())
        mean = everywhere.sum() / (n_tfs * len(self._genes))
        dense = super().gamma().toarray() * trust + mean * (1 - trust)
        dense[rows[:, None] == cols] = 0
        return _sorted(sparse.csr_matrix(dense))


def _ones(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return 1 wherever something is stored."""
    return sparse.csr_matrix((np.ones(matrix.nnz, dtype=np.float32), matrix.indices, matrix.indptr), matrix.shape)


def _sorted(matrix: sparse.spmatrix) -> sparse.csr_matrix:
    found = sparse.csr_matrix(matrix, dtype=np.float32)
    found.sort_indices()
    return found
