"""The edges that are active, and how much they matter, in each cell type."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
from scipy import sparse

from linger.ds._expression import PIONEER_GAIN, Response, hill, opening_logit, respond, sigmoid, transcription
from linger.ds._wiring import Tier, Wiring, tf_names

MIN_EFFECT: Final = 0.05  # on the log rate of a gene
MIN_OCCUPANCY: Final = 0.05


@dataclass(frozen=True)
class Networks:
    """True edges, each a frame with columns source, target, weight, sign.

    Attributes
    ----------
    trans
        TF to gene. Weight: absolute change of the gene's log rate when the TF is lost and other TFs stay as they are.
    cis
        Peak to gene. Weight: loss of log rate when the peak is lost.
    binding
        TF to peak. Weight: occupancy, in [0, 1].
    """

    trans: pd.DataFrame = field(repr=False)
    cis: pd.DataFrame = field(repr=False)
    binding: pd.DataFrame = field(repr=False)


@dataclass(frozen=True)
class Truth(Networks):
    """Edges active in at least one cell type, with their largest weight, and the edges of each type.

    Attributes
    ----------
    per_type
        The edges active in each cell type.
    modules
        The module of every gene (``n_modules`` of :func:`linger.ds.simulate`); None without modules.
    """

    per_type: dict[str, Networks] = field(default_factory=dict, repr=False)
    modules: pd.Series | None = field(default=None, repr=False)


_Matrices = tuple[sparse.csr_matrix, sparse.csr_matrix, sparse.csr_matrix]


def make_truth(wiring: Wiring, centres: np.ndarray, names: list[str]) -> Truth:
    """Return the true networks of the population and of each type, at the state of its typical cell.

    Parameters
    ----------
    wiring
        The network.
    centres
        State of the typical cell of each type, n_types x D.
    names
        Names of the types.
    """
    response = respond(wiring, centres)
    logit = opening_logit(wiring, centres, response.levels)
    active = [_active(wiring, response, logit, number) for number in range(len(names))]
    union: list[sparse.csr_matrix] = []
    for kind in zip(*active, strict=True):
        largest = kind[0]
        for other in kind[1:]:
            largest = _strongest(largest, other)
        union.append(largest)
    per_type = {name: Networks(*_frames(wiring, *each)) for name, each in zip(names, active, strict=True)}
    trans, cis, binding = _frames(wiring, *union)
    modules = None
    if wiring.modules is not None:
        labels = [f"module_{number + 1}" for number in wiring.modules.gene]
        modules = pd.Series(labels, index=wiring.genome.genes.index, dtype=object)
    return Truth(trans, cis, binding, per_type, modules)


def _strongest(a: sparse.csr_matrix, b: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return the entry of larger size of two signed matrices (an edge has one sign in all types)."""
    return sparse.csr_matrix(a.maximum(0).maximum(b.maximum(0)) + a.minimum(0).minimum(b.minimum(0)))


def _active(wiring: Wiring, response: Response, logit: np.ndarray, number: int) -> _Matrices:
    """Return trans, cis and binding of one type as signed sparse matrices, active edges only."""
    levels, openness = response.levels[number], response.openness[number]
    binding = _occupancy(wiring, levels, openness)
    n_tfs, n_peaks = binding.shape
    n_genes = len(wiring.gene_scale)
    trans, cis = sparse.csr_matrix((n_tfs, n_genes)), sparse.csr_matrix((n_peaks, n_genes))
    for tier in (tier for tier in wiring.tiers if tier.weights.nnz):
        tier_trans, tier_cis = _effects(tier, wiring, levels, logit[number, tier.peaks])
        columns = _placement(tier.genes, n_genes)
        trans = trans + tier_trans @ columns
        cis = cis + _placement(tier.peaks, n_peaks).T @ tier_cis @ columns
    cis = _at_least(cis, MIN_EFFECT)
    reachable = _pattern(_pattern(binding) @ _pattern(cis))
    trans = _at_least(sparse.csr_matrix(trans.multiply(reachable)), MIN_EFFECT)
    return trans, cis, binding


def _occupancy(wiring: Wiring, levels: np.ndarray, openness: np.ndarray) -> sparse.csr_matrix:
    """Return how much of the time a TF sits at a peak, negative for repressors, where it is worth the name."""
    edges = wiring.binding.tocoo()
    bound = edges.data * levels[edges.row]
    occupancy = openness[edges.col] * bound / (1 + bound) * np.where(wiring.repressor[edges.row], -1, 1)
    matrix = sparse.csr_matrix((occupancy, (edges.row, edges.col)), shape=edges.shape, dtype=np.float32)
    return _at_least(matrix, MIN_OCCUPANCY)


def _effects(
    tier: Tier, wiring: Wiring, levels: np.ndarray, logit: np.ndarray
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Return the log rate that each TF (n_tfs x g) and each enhancer (m x g) gives to the genes of a tier.

    Both are exact losses, computed edge by edge: e is an enhancer's activity, e' the same without one TF, and a gene's
    drive falls by the sum of ``w (e - e')`` over its enhancers.
    """
    activation, repression = tier.activators @ levels, tier.repressors @ levels
    activity = sigmoid(logit) * hill(activation) / (1 + repression)
    drive = tier.weights @ activity
    opened = (wiring.pioneers[tier.peaks] @ sparse.diags_array(PIONEER_GAIN * levels / (1 + levels))).tocsr()
    edges = sparse.csr_matrix(tier.activators + tier.repressors).tocoo()
    row, column = edges.row, edges.col
    opened_here = np.asarray(opened[row, column]).ravel()
    given = edges.data * levels[column]
    less_active = np.maximum(activation[row] - np.where(wiring.repressor[column], 0, given), 0)
    less_repressed = np.maximum(repression[row] - np.where(wiring.repressor[column], given, 0), 0)
    without = sigmoid(logit[row] - opened_here) * hill(less_active) / (1 + less_repressed)
    lost = sparse.csr_matrix((activity[row] - without, (column, row)), shape=edges.shape[::-1])
    by_tf = sparse.csr_matrix(lost @ tier.weights.T)
    by_peak = sparse.csr_matrix(sparse.diags_array(activity) @ tier.weights.T)
    return _log_loss(by_tf, drive, tier.basal), _log_loss(by_peak, drive, tier.basal)


def _log_loss(lost: sparse.csr_matrix, drive: np.ndarray, basal: np.ndarray) -> sparse.csr_matrix:
    """Return the loss of log rate for each stored loss of drive (columns are genes)."""
    gene = lost.indices
    left = np.maximum(drive[gene] - lost.data, 0)
    loss = np.log(transcription(drive[gene], basal[gene])) - np.log(transcription(left, basal[gene]))
    return sparse.csr_matrix((loss, gene, lost.indptr), shape=lost.shape)


def _placement(where: np.ndarray, n: int) -> sparse.csr_matrix:
    """Return the 0/1 matrix that puts column i of a part into column ``where[i]`` of the whole."""
    ones = np.ones(len(where), dtype=np.float32)
    return sparse.csr_matrix((ones, (np.arange(len(where)), where)), shape=(len(where), n))


def _pattern(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return `matrix` with every stored entry set to 1."""
    matrix = sparse.csr_matrix(matrix, copy=True)
    matrix.data[:] = 1
    return matrix


def _at_least(matrix: sparse.csr_matrix, cut: float) -> sparse.csr_matrix:
    """Return `matrix` without the entries smaller than `cut` in size."""
    matrix = sparse.csr_matrix(matrix)
    matrix.data[np.abs(matrix.data) < cut] = 0
    matrix.eliminate_zeros()
    return matrix


def _frames(
    wiring: Wiring, trans: sparse.csr_matrix, cis: sparse.csr_matrix, binding: sparse.csr_matrix
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    tfs, genes, peaks = tf_names(wiring), wiring.genome.genes.index, wiring.genome.peaks.index
    return _frame(trans, tfs, genes), _frame(cis, peaks, genes), _frame(binding, tfs, peaks)


def _frame(matrix: sparse.csr_matrix, sources: pd.Index, targets: pd.Index) -> pd.DataFrame:
    edges = matrix.tocoo()
    sign = np.sign(edges.data).astype(np.int8)
    columns = {
        "source": sources.to_numpy()[edges.row],
        "target": targets.to_numpy()[edges.col],
        "weight": np.abs(edges.data).astype(np.float32),
        "sign": sign,
    }
    return pd.DataFrame(columns)
