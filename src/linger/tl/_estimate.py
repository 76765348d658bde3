"""Say what a fit will take before it starts."""

from __future__ import annotations

import time
import warnings
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import psutil
from scipy import sparse

from linger import nn
from linger._config import FitConfig
from linger._docs import docs
from linger._keys import DEFAULT_KEY
from linger._memory import available_memory
from linger.pp._metacells import metacells as make_metacells
from linger.tl._blocks import Blocks, genes_at_once
from linger.tl._cost import Sizes, check_memory, disk, memory, shapley_operations, training_operations
from linger.tl._design import Design, Samples, Standardized, make_design
from linger.tl._ensemble import Keys, Trainer, at_columns, background_columns, find_device
from linger.tl._jobs import Found
from linger.tl._workers import Workers, side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mudata import MuData


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a fit will take.

    Parameters
    ----------
    n_genes, n_tfs, n_peaks, n_metacells
        Its size.
    operations
        Floating-point operations of training and Shapley values, folds of the cross-validation included.
    rate
        Operations a second, measured on as many blocks of genes as are solved at once.
    seconds
        Time from the call to the networks.
    memory
        Bytes of this process (and of its helpers, where `n_jobs` says so) at the worst moment, data included.
    available_memory
        Bytes that there are for that.
    disk
        Bytes of the store of networks.
    """

    n_genes: int
    n_tfs: int
    n_peaks: int
    n_metacells: int
    operations: int
    rate: float
    seconds: float
    memory: int
    available_memory: int
    disk: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    def __str__(self) -> str:
        minutes, seconds = divmod(round(self.seconds), 60)
        disk = f"{self.disk / 1e9:.2f} GB" if self.disk > 1e8 else f"{self.disk / 1e6:.1f} MB"
        fits = "" if self.memory <= self.available_memory else ", which is TOO LITTLE"
        return (
            f"{self.n_genes} genes, {self.n_tfs} TFs, {self.n_peaks} peaks, {self.n_metacells} metacells\n"
            f"time    {minutes} min {seconds} s ({self.operations / 1e12:.3g} Tflop, {self.rate / 1e9:.3g} Gflop/s measured)\n"
            f"memory  {self.memory / 1e9:.2f} GB ({self.available_memory / 1e9:.2f} GB there{fits})\n"
            f"disk    {disk} for the store of networks"
        )


@docs.dedent
def estimate(
    mdata: MuData,
    *,
    metacells: MuData | None = None,
    groupby: str | None = None,
    genes: Iterable[str] | None = None,
    config: FitConfig | None = None,
    motifs: bool | None = None,
    device: str = "auto",
    n_jobs: int = 1,
    rna_key: str = "rna",
    atac_key: str = "atac",
    layer: str | None = None,
    key: str = DEFAULT_KEY,
) -> Estimate:
    """Say what :func:`linger.tl.fit` with the same arguments will take: time, memory and disk.

    Operations and bytes are counted; the rate of this machine is measured on one block of genes; making the metacells is timed, too.

    Parameters
    ----------
    %(mdata)s Needs TFs (:func:`linger.pp.mark_tfs`) and links (:func:`linger.pp.link_peaks`).
    metacells, groupby, genes, config, device, layer
        As for the fit.
    motifs
        Whether there will be motif affinities (:func:`linger.pp.scan_motifs`); None: if there are some now.
    n_jobs
        Processes that the fit will have.
    %(keys)s
    key
        The ``key_added`` of the links.

    Returns
    -------
    The estimate, which prints as a few lines. On an idle machine, and on as many cores as there are threads, expect the time within a factor of 1.5.

    Raises
    ------
    KeyError, ValueError
        As :func:`linger.tl.fit`, for what is missing in `mdata`.
    MemoryError
        If memory cannot hold as many blocks as are trained at once, so that time cannot be measured.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> expected = lg.tl.estimate(mdata, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> expected.n_metacells
    200
    >>> expected.seconds < 60
    True
    """
    config = FitConfig() if config is None else config
    where = find_device(device)
    workers = Workers.of(n_jobs, None, where)
    design = make_design(mdata, genes=genes, rna_key=rna_key, atac_key=atac_key, key_added=key)
    if motifs is not None:
        design = design._replace(affinity=_some_affinity(design) if motifs else None)
    n_metacells, making = _time_metacells(
        mdata, metacells, config.n_folds, groupby=groupby, rna_key=rna_key, atac_key=atac_key, layer=layer
    )
    sizes = Sizes.of(design, n_metacells)
    needed = memory(sizes, config, workers, where)
    if needed["networks"] > available_memory():  # not even a block can be tried
        check_memory(sizes, config, workers, where)
    training, explaining = _time_networks(design, sizes, Trainer(config, where, 0), workers)
    rounds = 1 + config.n_folds
    operations = rounds * training_operations(sizes, config) + shapley_operations(sizes, config)
    networks = rounds * training + explaining
    used = psutil.Process().memory_info().rss
    return Estimate(
        n_genes=len(design.genes),
        n_tfs=len(design.tfs),
        n_peaks=len(design.peaks),
        n_metacells=n_metacells,
        operations=operations,
        rate=operations / networks,
        seconds=networks + making + _time_start(workers.n_jobs),
        memory=used + sum(needed.values()),
        available_memory=used + available_memory(),
        disk=disk(sizes, config),
    )


def _time_metacells(mdata: MuData, metacells: MuData | None, n_folds: int, **settings: Any) -> tuple[int, float]:
    """Return how many metacells there are, and the seconds that making them takes over the whole fit."""
    if metacells is not None:
        settings = metacells.uns.get("linger", {}).get("metacells", {})
    times = n_folds + (metacells is None)  # both sides of a fold together are as many cells as there are
    if not times or not settings or "labels" in settings:
        return 0 if metacells is None else metacells.n_obs, 0.0
    begin = time.perf_counter()
    with warnings.catch_warnings():
        if metacells is not None:  # what there is to warn of was said when these were made
            warnings.simplefilter("ignore", UserWarning)
        made = make_metacells(mdata, **settings)
    return (made if metacells is None else metacells).n_obs, times * (time.perf_counter() - begin)


def _time_networks(design: Design, sizes: Sizes, trainer: Trainer, workers: Workers) -> tuple[float, float]:
    """Return the seconds of training and of explaining all genes, from those of a block of typical width that all workers do at once."""
    rows = _typical_rows(sizes, genes_at_once(trainer.config, trainer.device))
    part = _cut(design, rows)
    block = Blocks(trainer.data(part, _random_samples(part, sizes.n_metacells)), trainer.device, trainer.precision)[0]
    background = at_columns(block.inputs, background_columns(sizes.n_metacells, trainer))
    keys, networks = Keys.of(part), []

    def train(trainer: Trainer) -> None:
        networks.append(trainer.train(block, keys).weights)
        networks[-1].b3.cpu()  # waits for the device

    def explain() -> None:
        nn.shapley(networks[-1], block.inputs, background, activation=trainer.config.activation).tf.cpu()

    at_once = workers.at_once if trainer.device.type == "cpu" else 1
    for warm_up in (partial(train, trainer._replace(config=replace(trainer.config, epochs=2))), explain):
        _seconds_each(warm_up, at_once)  # compiles, and finds memory
    training, explaining = (_seconds_each(task, at_once) for task in (partial(train, trainer), explain))
    measured = Sizes.of(part, sizes.n_metacells)
    return (
        training * training_operations(sizes, trainer.config) / training_operations(measured, trainer.config),
        explaining * shapley_operations(sizes, trainer.config) / shapley_operations(measured, trainer.config),
    )


class _Nothing:
    """A job without work."""

    on_cpu = True

    def __call__(self, number: int) -> Found:
        """Find nothing."""
        return {}


def _time_start(n_jobs: int) -> float:
    """Return the seconds until processes work; more than two start as fast, on as many cores."""
    if n_jobs == 1:
        return 0.0
    begin = time.perf_counter()
    with closing(Workers(2)) as workers:
        list(workers.solve(_Nothing(), range(2)))
        return time.perf_counter() - begin


def _seconds_each(task: Callable[[], None], at_once: int) -> float:
    """Do something several times at once, and return the seconds over the number of times."""
    begin = time.perf_counter()
    list(side_by_side([task] * at_once, at_once))
    return (time.perf_counter() - begin) / at_once


def _typical_rows(sizes: Sizes, block_size: int) -> np.ndarray:
    """Return the genes of the block whose width is closest to the mean."""
    _, width = sizes.widths(block_size)
    first = int(np.abs(width - width.mean()).argmin()) * block_size
    return np.arange(first, min(first + block_size, len(sizes.n_res)))


def _cut(design: Design, rows: np.ndarray) -> Design:
    """Return the design of some genes, with their peaks only."""
    peaks = np.unique(design.links[rows].indices)
    return design._replace(
        genes=design.genes[rows],
        peaks=design.peaks[peaks],
        links=design.links[rows][:, peaks],
        own_tf=design.own_tf[rows],
        affinity=None if design.affinity is None else design.affinity[peaks],
        locations=design.locations.iloc[peaks],
    )


def _random_samples(design: Design, n_samples: int) -> Samples:
    """Return noise in place of metacells: training takes as long."""
    rng = np.random.default_rng(0)

    def noise(names: pd.Index) -> Standardized:
        values = rng.standard_normal((len(names), n_samples), dtype=np.float32)
        return Standardized(values, np.zeros(len(names)), np.ones(len(names)))

    return Samples(pd.RangeIndex(n_samples), noise(design.tfs), noise(design.peaks), noise(design.genes))


def _some_affinity(design: Design) -> sparse.csr_matrix:
    """Return motif affinities of no meaning, of a usual density."""
    shape = (len(design.peaks), len(design.tfs))
    return sparse.random(*shape, density=0.02, format="csr", dtype=np.float32, random_state=0)
