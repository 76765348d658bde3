"""Train all networks, block by block, and gather what the graph needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from scipy import sparse

from linger import nn
from linger.tl._blocks import Block, BlockData, genes_at_once, re_inputs, with_zero_row
from linger.tl._jobs import Found, Job, Solve, solve_blocks
from linger.tl._match import start_from_prior

if TYPE_CHECKING:
    from collections.abc import Callable

    from linger._config import FitConfig
    from linger.io._work import Part
    from linger.tl._design import Design, Samples
    from linger.tl._match import Match
    from linger.tl._workers import Workers


class Graph(NamedTuple):
    """The fitted graph in canonical order: G genes, T TFs, N peaks."""

    gamma: np.ndarray
    """Trans strength, G x T: mean |Shapley value| of a TF."""
    gamma_sign: np.ndarray
    beta: sparse.csr_matrix
    """Cis strength, G x N: mean |Shapley value| of a peak."""
    beta_sign: sparse.csr_matrix
    alpha: np.ndarray
    """Binding strength, N x T."""
    loss: np.ndarray
    """Mean loss over genes, one value an epoch; NaN where not recorded."""


class Trainer(NamedTuple):
    """The settings shared by all blocks of a run."""

    config: FitConfig
    device: torch.device
    seed: int
    match: Match | None = None
    """What a prior knows of the design; None without a prior."""
    sample_weights: torch.Tensor | None = None
    refine: bool = True
    """Whether to train at all; else networks stay as they start."""

    @property
    def precision(self) -> torch.dtype:
        """Type of the large products' inputs."""
        return torch.bfloat16 if self.config.precision == "bfloat16" else torch.float32

    def train(self, block: Block, keys: Keys) -> nn.Trained:
        """Train one block from its starting weights."""
        return self.train_from(block, *self.start(block, keys))

    def start(self, block: Block, keys: Keys) -> tuple[nn.Weights, nn.Anchor | None]:
        """Return the starting weights of a block, and what holds them where there is a prior."""
        res = np.concatenate([keys.peaks, np.zeros(1, dtype=np.uint64)])[block.columns]
        res = np.concatenate([np.zeros((len(res), 1), dtype=np.uint64), res], axis=1)
        fresh = nn.initial_weights(
            block.inputs, keys.genes[block.rows], keys.tfs, res, hidden=self.config.hidden, seed=self.seed
        )
        if self.match is None:
            return fresh, None
        if not self.refine:  # what the prior lacks stays out: there is nothing to learn it from
            fresh = nn.Weights(*(torch.zeros_like(values) for values in fresh))
        known, anchor = start_from_prior(self.match, block, fresh, raw_fisher=self.config.authors)
        return (fresh if self.config.authors else known), anchor

    def train_from(self, block: Block, start: nn.Weights, anchor: nn.Anchor | None) -> nn.Trained:
        """Train one block from given weights, held by `anchor`."""
        config = self.config
        return nn.train(
            start,
            block.inputs,
            block.targets,
            epochs=config.epochs if self.refine else 0,
            learning_rate=config.learning_rate,
            decay=config.decay,
            l1=config.l1,
            manifold=0.0 if block.graph is None else config.manifold,
            graph=block.graph,
            ewc=config.ewc,
            anchor=anchor,
            sample_weights=self.sample_weights,
            authors=config.authors,
            activation=config.activation,
        )

    def job(self, design: Design, samples: Samples, solve: Solve) -> Job:
        """Return the job of solving every block of a design with these settings."""
        return Job(self.data(design, samples), self, solve)

    def data(self, design: Design, samples: Samples) -> BlockData:
        """Return what the blocks of a design are cut from."""
        block_size = genes_at_once(self.config, self.device)
        return BlockData.of(design, samples, block_size=block_size, manifold=self.config.manifold > 0)


class Keys(NamedTuple):
    """Name hashes that starting weights are drawn from."""

    genes: np.ndarray
    tfs: np.ndarray
    peaks: np.ndarray

    @classmethod
    def of(cls, design: Design) -> Keys:
        """Hash the names of a design."""
        return cls(*(nn.name_hash(map(str, names)) for names in (design.genes, design.tfs, design.peaks)))


@dataclass(frozen=True)
class _Networks:
    """Train the networks of a block and explain them."""

    keys: Keys
    background: np.ndarray
    """Positions of the metacells that stand for the unknown."""

    def __call__(self, trainer: Trainer, block: Block) -> Found:
        weights, loss = trainer.train(block, self.keys)
        background = at_columns(block.inputs, self.background)
        shapley = nn.shapley(weights, block.inputs, background, activation=trainer.config.activation)
        return {name: value.contiguous() for name, value in weights._asdict().items()} | {
            "gamma": shapley.tf,
            "gamma_sign": shapley.tf_sign.to(torch.int8),
            "beta": shapley.re,
            "beta_sign": shapley.re_sign.to(torch.int8),
            "loss": loss,
            "genes": torch.from_numpy(block.rows),
            "n_res": torch.from_numpy(block.n_res.astype(np.int64)),
        }


@dataclass(frozen=True)
class _HeldOut:
    """Train the networks of a block and predict other samples."""

    keys: Keys
    tf: np.ndarray
    """Standardised TFs of these samples, T x M."""
    re: np.ndarray
    """Their standardised peaks, with a last row of zeros, (N + 1) x M."""

    def __call__(self, trainer: Trainer, block: Block) -> Found:
        trained = trainer.train(block, self.keys)
        tf = torch.from_numpy(self.tf).clone().to(trainer.device)
        re = re_inputs(torch.from_numpy(self.re), block.columns).to(trainer.device)
        inputs = block.inputs._replace(tf=tf, re=re)
        return {"predicted": nn.predict(trained.weights, inputs, trainer.config.activation)}


def train_all(
    design: Design,
    samples: Samples,
    trainer: Trainer,
    workers: Workers,
    *,
    keep: Callable[[str], Part] | None = None,
) -> Graph:
    """Train every gene's network and summarise the networks as a graph.

    Parameters
    ----------
    design, samples
        Names, wiring and standardised metacells.
    trainer
        Settings.
    workers
        Who does it.
    keep
        Where the networks are kept (see :func:`linger.tl._jobs.solve_blocks`).

    Returns
    -------
    The graph. Memory: ``4 * (N * T + 2 * G * T)`` bytes for the strengths, ``4 * N * M`` for the inputs.
    """
    background = background_columns(len(samples.names), trainer)
    job = trainer.job(design, samples, _Networks(Keys.of(design), background))
    gathered = _Gathered(design, trainer)
    for number, found in solve_blocks(job, workers, "networks", keep=keep):
        gathered.add(job.data.rows(number), *job.data.columns(number), found)
    return gathered.graph()


class _Gathered:
    """The graph of the blocks that are trained already."""

    def __init__(self, design: Design, trainer: Trainer) -> None:
        n_genes, n_tfs, n_peaks = len(design.genes), len(design.tfs), len(design.peaks)
        self._links = design.links
        self._gamma, self._gamma_sign = np.zeros((n_genes, n_tfs), np.float32), np.zeros((n_genes, n_tfs), np.int8)
        self._beta, self._beta_sign = (np.zeros(design.links.nnz, dtype) for dtype in (np.float32, np.int8))
        self._alpha = torch.zeros((n_peaks + 1, n_tfs), device=trainer.device)  # the last row takes the padding
        self._losses: list[torch.Tensor] = []

    def add(self, rows: np.ndarray, columns: np.ndarray, n_res: np.ndarray, found: Found) -> None:
        """Take what was found for a block of genes (`rows`), whose peaks are `columns`."""
        self._gamma[rows], self._gamma_sign[rows] = found["gamma"].cpu(), found["gamma_sign"].cpu()
        span = slice(self._links.indptr[rows[0]], self._links.indptr[rows[-1] + 1])
        own = np.arange(columns.shape[1]) < n_res[:, None]
        self._beta[span], self._beta_sign[span] = (found[name].cpu().numpy()[own] for name in ("beta", "beta_sign"))
        weights = nn.Weights(*(found[name].to(self._alpha.device) for name in nn.Weights._fields))
        correlation = nn.weight_correlation(weights).flatten(0, 1)
        places = torch.from_numpy(columns.ravel()).to(self._alpha.device)
        self._alpha.scatter_reduce_(0, places[:, None].expand_as(correlation), correlation, "amax")
        self._losses.append(found["loss"])

    def graph(self) -> Graph:
        """Return the whole graph."""
        wiring = (self._links.indices, self._links.indptr)
        return Graph(
            self._gamma,
            self._gamma_sign,
            sparse.csr_matrix((self._beta, *wiring), self._links.shape),
            sparse.csr_matrix((self._beta_sign, *wiring), self._links.shape),
            self._alpha[:-1].cpu().numpy(),
            torch.cat(self._losses).mean(0).numpy(),
        )


def find_device(name: str) -> torch.device:
    """Return the device called `name`, or raise if it is not there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        msg = f"device={name!r} was asked for, but torch finds no CUDA device. Use device='cpu' or install torch with CUDA."
        raise RuntimeError(msg)
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        msg = f"There is no device {name!r}. Use device='auto', 'cpu', 'cuda' or 'cuda:0'."
        raise ValueError(msg)
    return device


def background_columns(n_samples: int, trainer: Trainer) -> np.ndarray:
    """Return the positions of the metacells that stand for the unknown, sorted."""
    rng = np.random.default_rng([trainer.seed, 1])
    return np.sort(rng.choice(n_samples, size=min(trainer.config.n_background, n_samples), replace=False))


def at_columns(inputs: nn.Inputs, columns: np.ndarray) -> nn.Inputs:
    """Return the inputs at some samples."""
    index = torch.from_numpy(columns).to(inputs.tf.device)
    return inputs._replace(tf=inputs.tf[:, index], re=inputs.re[:, :, index])


def predict_held_out(
    design: Design,
    train: Samples,
    test: tuple[np.ndarray, np.ndarray],
    trainer: Trainer,
    workers: Workers,
    *,
    description: str,
    keep: Callable[[str], Part] | None = None,
) -> np.ndarray:
    """Train on some metacells and predict others.

    Parameters
    ----------
    design, train
        Names, wiring and the metacells to learn from.
    test
        Raw TF expression (T x M) and accessibility (N x M) of the metacells to predict.
    trainer
        Settings.
    workers
        Who does it.
    description
        Text of the progress bar.
    keep
        Where the predictions are kept (see :func:`linger.tl._jobs.solve_blocks`).

    Returns
    -------
    Predicted expression in standard deviations of the training metacells, G x M.
    """
    tf, re = train.tf.apply(test[0]), with_zero_row(train.re.apply(test[1]))
    job = trainer.job(design, train, _HeldOut(Keys.of(design), tf, re))
    predicted = np.zeros((len(design.genes), tf.shape[1]), dtype=np.float32)
    for number, found in solve_blocks(job, workers, description, keep=keep):
        predicted[job.data.rows(number)] = found["predicted"].cpu()
    return predicted
