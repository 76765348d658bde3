"""Paired RNA + ATAC data with a known regulatory network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import mudata
import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse
from threadpoolctl import threadpool_limits

from linger._keys import DEFAULT_KEY, MOTIF, slot
from linger._validate import known_names
from linger.ds._counts import Assay, atac_counts, expected, library_sizes, rna_counts
from linger.ds._expression import respond
from linger.ds._genome import make_genome
from linger.ds._programmes import bulk_states, cell_states, cell_types, make_programmes, type_states
from linger.ds._truth import Networks, Truth, make_truth
from linger.ds._wiring import Wiring, make_wiring, tf_names

if TYPE_CHECKING:
    from mudata import MuData

__all__ = ["Networks", "Simulation", "Truth", "simulate"]

_BLOCK = 8_000_000  # entries of the dense block of cells x peaks that exists at any time
_LOG_FLOOR = 1e-3


@dataclass(frozen=True)
class Simulation:
    """Simulated data and the network behind them; unpacks as ``mdata, bulk, truth``.

    Attributes
    ----------
    mdata
        Cells: raw counts, annotated, types in ``obs["cell_type"]``, motif affinity in ``varp["linger_motif"]``.
    bulk
        Bulk samples of the same genes and peaks, wired alike.
    truth
        The edges that are active in these cells.
    """

    mdata: MuData
    bulk: MuData
    truth: Truth
    _wiring: Wiring = field(repr=False)
    _centres: np.ndarray = field(repr=False)

    def __iter__(self) -> Iterator[MuData | Truth]:
        """Iterate over mdata, bulk, truth."""
        return iter((self.mdata, self.bulk, self.truth))

    def knockout(self, doses: Mapping[str, float], *, propagate: bool = True) -> pd.DataFrame:
        """Return what the true network does when TF levels change.

        Parameters
        ----------
        doses
            Factor on the level of each TF named: 0 knocks it out, 2 doubles it.
        propagate
            Pass changes of TFs that are themselves regulated on to their targets; False gives direct effects alone.

        Returns
        -------
        Natural log fold change of the expected rate in a typical cell, cell types x genes. Exactly 0 for genes that
        nothing reaches; the TF's own gene has the log of its dose, not below log(0.001).

        Raises
        ------
        KeyError
            If a name is not a TF.
        ValueError
            If a dose is negative or not finite.

        Examples
        --------
        >>> import linger as lg
        >>> sim = lg.ds.simulate(n_cells=50, n_genes=60, n_tfs=12, n_peaks=300, n_cell_types=3)
        >>> sim.knockout({"TF1": 0.0}).shape
        (3, 60)
        """
        dose = _dose_vector(doses, tf_names(self._wiring))
        before = respond(self._wiring, self._centres)
        after = respond(self._wiring, self._centres, dose=dose, held=None if propagate else before.levels)
        ratio = np.maximum(after.rates / before.rates, _LOG_FLOOR)
        types = pd.Index(self.truth.per_type, name="cell_type")
        return pd.DataFrame(np.log(ratio), index=types, columns=self._wiring.genome.genes.index)


def _dose_vector(doses: Mapping[str, float], tfs: pd.Index) -> np.ndarray:
    known_names(doses, tfs, "TFs")
    values = np.array(list(doses.values()), dtype=np.float32)
    if not np.isfinite(values).all() or (values < 0).any():
        msg = f"Doses must be finite and not negative, found {dict(doses)}. 0 knocks a TF out, 1 leaves it as it is."
        raise ValueError(msg)
    vector = np.ones(len(tfs), dtype=np.float32)
    vector[tfs.get_indexer(pd.Index(list(doses)))] = values
    return vector


def simulate(
    *,
    n_cells: int = 5000,
    n_genes: int = 500,
    n_tfs: int = 50,
    n_peaks: int = 3000,
    n_cell_types: int = 8,
    n_bulk: int = 60,
    n_modules: int | None = None,
    rna_depth: float | None = None,
    atac_depth: float | None = None,
    rng: int | np.random.Generator = 0,
) -> Simulation:
    r"""Simulate a multiome experiment, matching bulk samples and the network behind both.

    TF levels x follow a cell's latent state. A peak j is open with probability

    .. math:: o_j = \sigma(a_j + s \cdot g_j + 1.2 \sum_{pioneers} b_{kj} x_k / (1 + x_k))

    an enhancer is active by :math:`e_j = o_j H(\sum_{act} b_{kj} x_k) / (1 + \sum_{rep} b_{kj} x_k)` with
    :math:`H(u) = u^2 / (1 + u^2)`, and gene i is transcribed at the rate
    :math:`\rho_i = \beta_i + (1 - \beta_i) E_i / (1 + E_i)`, :math:`E_i = \sum_j w_{ij} e_j`. Counts are negative
    binomial with dropout (RNA) and Poisson (ATAC). ``docs/simulation.md`` has all of it.

    Parameters
    ----------
    n_cells, n_genes, n_tfs, n_peaks
        Sizes; the TFs are among the genes. About 10 peaks a gene or fewer, and 1 TF in 10 genes, look like real data.
    n_cell_types
        Number of cell types, of unequal size.
    n_bulk
        Number of bulk samples.
    n_modules
        Wire genes in that many modules: a gene is regulated only by TFs of its own, through peaks of its own, and motifs lie only there
        (``truth.modules``). None wires all together.
    rna_depth
        Median counts per cell; None is 5,000 at 16,000 genes and falls with the square root of their number.
    atac_depth
        Median fragments in peaks per cell; None is 8,000 at 108,000 peaks and falls with the 3/4 power.
    rng
        Seed or generator. The network depends on it and on the numbers of genes, TFs, peaks and types, not on the
        numbers of cells and bulk samples nor on depth.

    Returns
    -------
    Data, bulk samples and truth.

    Raises
    ------
    ValueError
        If sizes or depths contradict each other.

    Examples
    --------
    >>> import linger as lg
    >>> sim = lg.ds.simulate(n_cells=50, n_genes=60, n_tfs=12, n_peaks=300, n_cell_types=3)
    >>> sim.mdata["atac"].shape
    (50, 300)
    >>> list(sim.truth.trans.columns[:3])
    ['source', 'target', 'weight']
    """
    _check_sizes(n_cells, n_genes, n_tfs, n_peaks, n_cell_types, n_bulk)
    if n_modules is not None and not 1 <= n_modules <= n_tfs:
        msg = f"n_modules must lie between 1 and the number of TFs, {n_tfs}; found {n_modules}."
        raise ValueError(msg)
    # sums that depend on the number of threads move a few counts from one peak to the next
    with threadpool_limits(limits=1, user_api="blas"):
        return _simulate(n_cells, n_genes, n_tfs, n_peaks, n_cell_types, n_bulk, n_modules, rna_depth, atac_depth, rng)


def _simulate(
    n_cells: int,
    n_genes: int,
    n_tfs: int,
    n_peaks: int,
    n_cell_types: int,
    n_bulk: int,
    n_modules: int | None,
    rna_depth: float | None,
    atac_depth: float | None,
    rng: int | np.random.Generator,
) -> Simulation:
    """Do what :func:`simulate` says."""
    rna_median = _depth(rna_depth, 5_000 * (n_genes / 16_000) ** 0.5, "rna_depth")
    atac_median = _depth(atac_depth, 8_000 * (n_peaks / 108_000) ** 0.75, "atac_depth")
    for_network, for_types, for_cells, for_bulk = np.random.default_rng(rng).spawn(4)
    wiring = _make_network(
        for_network, n_genes=n_genes, n_tfs=n_tfs, n_peaks=n_peaks, n_cell_types=n_cell_types, n_modules=n_modules
    )
    centres = type_states(for_types, n_cell_types, wiring.programmes.n)
    names = [f"type_{number + 1}" for number in range(n_cell_types)]
    codes = cell_types(for_cells, n_cells, n_cell_types)
    cells, samples = _assays(wiring, rna_median, atac_median)
    states = cell_states(for_cells, centres, codes)
    mdata = _assemble(wiring, *_measure(for_cells, wiring, states, cells), prefix="cell")
    labels = pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(names))
    for container in (mdata, mdata["rna"], mdata["atac"]):
        container.obs["cell_type"] = labels
    states = bulk_states(for_bulk, n_bulk, wiring.programmes.n)
    bulk = _assemble(wiring, *_measure(for_bulk, wiring, states, samples), prefix="bulk")
    return Simulation(mdata, bulk, make_truth(wiring, centres, names), wiring, centres)


def _check_sizes(n_cells: int, n_genes: int, n_tfs: int, n_peaks: int, n_cell_types: int, n_bulk: int) -> None:
    sizes = {
        "n_cells": n_cells, "n_genes": n_genes, "n_tfs": n_tfs,
        "n_peaks": n_peaks, "n_cell_types": n_cell_types, "n_bulk": n_bulk,
    }  # fmt: skip
    for name, value in sizes.items():
        if value < 1:
            msg = f"{name} must be at least 1, found {value}."
            raise ValueError(msg)
    if n_tfs > n_genes:
        msg = f"TFs are genes, so n_tfs cannot exceed n_genes; found {n_tfs} TFs and {n_genes} genes."
        raise ValueError(msg)
    if n_cell_types > n_cells:
        msg = f"Every cell type needs a cell; found {n_cell_types} types and {n_cells} cells. Raise n_cells."
        raise ValueError(msg)


def _depth(given: float | None, default: float, name: str) -> float:
    if given is None:
        return default
    if not (np.isfinite(given) and given > 0):
        msg = f"{name} must be a positive number of counts per cell, found {given}."
        raise ValueError(msg)
    return given


def _make_network(
    rng: np.random.Generator, *, n_genes: int, n_tfs: int, n_peaks: int, n_cell_types: int, n_modules: int | None
) -> Wiring:
    genome = make_genome(rng, n_genes=n_genes, n_tfs=n_tfs, n_peaks=n_peaks)
    programmes = make_programmes(rng, n_cell_types=n_cell_types, n_tfs=n_tfs, promoter=genome.promoter, n_genes=n_genes)
    return make_wiring(rng, genome, programmes, n_modules)


def _assays(wiring: Wiring, rna_median: float, atac_median: float) -> tuple[Assay, Assay]:
    """Return how cells and how bulk samples are measured; bulk is deep, hardly overdispersed, and loses nothing."""
    n_genes, n_peaks = len(wiring.gene_scale), len(wiring.peak_scale)
    flat = np.full(n_genes, 0.02, dtype=np.float32)
    return (
        Assay(rna_median, atac_median, tf_noise=0.4, dispersion=wiring.dispersion),
        Assay(1_000.0 * n_genes, 100.0 * n_peaks, tf_noise=0.5, dispersion=flat, dropout=0),
    )


def _measure(
    rng: np.random.Generator, wiring: Wiring, states: np.ndarray, assay: Assay
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Return RNA and ATAC counts, a block of cells at a time."""
    rna, atac = [], []
    block = max(1, _BLOCK // max(len(wiring.peak_scale), len(wiring.gene_scale)))
    for first in range(0, len(states), block):
        part = states[first : first + block]
        noise = rng.normal(0, assay.tf_noise, (len(part), len(wiring.master))).astype(np.float32)
        response = respond(wiring, part, noise)
        rna_size, atac_size = (library_sizes(rng, depth, len(part)) for depth in (assay.rna_depth, assay.atac_depth))
        mean = expected(response.rates * wiring.gene_scale, rna_size)
        rna.append(rna_counts(rng, mean, assay.dispersion, dropout=assay.dropout))
        atac.append(atac_counts(rng, expected(response.openness * wiring.peak_scale, atac_size)))
    return sparse.csr_matrix(sparse.vstack(rna, format="csr")), sparse.csr_matrix(sparse.vstack(atac, format="csr"))


def _assemble(wiring: Wiring, rna: sparse.csr_matrix, atac: sparse.csr_matrix, *, prefix: str) -> MuData:
    """Return counts as MuData with annotated variables and motif affinity."""
    names = pd.Index([f"{prefix}_{number + 1}" for number in range(rna.shape[0])], dtype=object)
    genome = wiring.genome
    parts = {
        key: AnnData(X, obs=pd.DataFrame(index=names), var=var.copy())
        for key, X, var in (("rna", rna, genome.genes), ("atac", atac, genome.peaks))
    }
    with mudata.set_options(pull_on_update=False):
        mdata = mudata.MuData(parts)
    hits = wiring.motif.tocoo()
    n_genes, n = len(genome.genes), mdata.n_vars
    where = (genome.tfs[hits.row], hits.col + n_genes)
    mdata.varp[slot(DEFAULT_KEY, MOTIF)] = sparse.csr_matrix((hits.data, where), shape=(n, n), dtype=np.float32)
    return mdata
