"""Train all networks, block by block, and gather what the graph needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from scipy import sparse
from tqdm.auto import tqdm

from linger import nn
from linger.tl._design import Block, Design, Samples, iterate_blocks, re_inputs, with_zero_row
from linger.tl._match import start_from_prior

if TYPE_CHECKING:
    from linger._config import FitConfig
    from linger.io._store import StoreWriter
    from linger.tl._match import Match


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

    def blocks(self, design: Design, samples: Samples, description: str) -> tqdm:
        """Iterate over the blocks with a progress bar."""
        blocks = iterate_blocks(
            design, samples, block_size=self.config.block_size, device=self.device, manifold=self.config.manifold > 0
        )
        total = -(-len(design.genes) // self.config.block_size)
        return tqdm(blocks, desc=description, total=total, unit="block", mininterval=1, disable=None, leave=False)


class Keys(NamedTuple):
    """Name hashes that starting weights are drawn from."""

    genes: np.ndarray
    tfs: np.ndarray
    peaks: np.ndarray

    @classmethod
    def of(cls, design: Design) -> Keys:
        """Hash the names of a design."""
        return cls(*(nn.name_hash(map(str, names)) for names in (design.genes, design.tfs, design.peaks)))


def train_all(design: Design, samples: Samples, trainer: Trainer, *, writer: StoreWriter | None = None) -> Graph:
    """Train every gene's network and summarise the networks as a graph.

    Parameters
    ----------
    design, samples
        Names, wiring and standardised metacells.
    trainer
        Settings.
    writer
        Store that receives the weights.

    Returns
    -------
    The graph. Memory: ``4 * (N * T + 2 * G * T)`` bytes for the strengths, ``4 * N * M`` for the inputs.
    """
    n_genes, n_tfs, n_peaks = len(design.genes), len(design.tfs), len(design.peaks)
    gamma, gamma_sign = np.zeros((n_genes, n_tfs), np.float32), np.zeros((n_genes, n_tfs), np.int8)
    beta, beta_sign = (np.zeros(design.links.nnz, dtype) for dtype in (np.float32, np.int8))
    alpha = torch.zeros((n_peaks + 1, n_tfs), device=trainer.device)  # the last row takes the padding
    losses, keys = [], Keys.of(design)
    background = background_columns(len(samples.names), trainer)
    for block in trainer.blocks(design, samples, "networks"):
        trained = trainer.train(block, keys)
        shapley = nn.shapley(
            trained.weights, block.inputs, _at(block.inputs, background), activation=trainer.config.activation
        )
        gamma[block.rows], gamma_sign[block.rows] = shapley.tf.cpu(), shapley.tf_sign.cpu()
        span = slice(design.links.indptr[block.rows[0]], design.links.indptr[block.rows[-1] + 1])
        own = np.arange(block.columns.shape[1]) < block.n_res[:, None]
        beta[span], beta_sign[span] = shapley.re.cpu().numpy()[own], shapley.re_sign.cpu().numpy()[own]
        correlation = nn.weight_correlation(trained.weights).flatten(0, 1)
        columns = torch.from_numpy(block.columns.ravel()).to(alpha.device)
        alpha.scatter_reduce_(0, columns[:, None].expand_as(correlation), correlation, "amax")
        losses.append(trained.loss)
        if writer is not None:
            weights = {name: value.cpu().numpy() for name, value in trained.weights._asdict().items()}
            writer.add_block(weights, block.rows, block.n_res)
    wiring = (design.links.indices, design.links.indptr)
    return Graph(
        gamma,
        gamma_sign,
        sparse.csr_matrix((beta, *wiring), design.links.shape),
        sparse.csr_matrix((beta_sign, *wiring), design.links.shape),
        alpha[:-1].cpu().numpy(),
        torch.cat(losses).mean(0).numpy(),
    )


def find_device(name: str) -> torch.device:
    """Return the device called `name`, or raise if it is not there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        msg = (
            "device='cuda' was asked for, but torch finds no CUDA device. Use device='cpu' or install torch with CUDA."
        )
        raise RuntimeError(msg)
    try:
        return torch.device(name)
    except RuntimeError as error:
        msg = f"There is no device {name!r}. Use device='auto', 'cpu', 'cuda' or 'cuda:0'."
        raise ValueError(msg) from error


def background_columns(n_samples: int, trainer: Trainer) -> np.ndarray:
    """Return the positions of the metacells that stand for the unknown, sorted."""
    rng = np.random.default_rng([trainer.seed, 1])
    return np.sort(rng.choice(n_samples, size=min(trainer.config.n_background, n_samples), replace=False))


def _at(inputs: nn.Inputs, columns: np.ndarray) -> nn.Inputs:
    index = torch.from_numpy(columns).to(inputs.tf.device)
    return inputs._replace(tf=inputs.tf[:, index], re=inputs.re[:, :, index])


def predict_held_out(
    design: Design, train: Samples, test: tuple[np.ndarray, np.ndarray], trainer: Trainer, *, description: str
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
    description
        Text of the progress bar.

    Returns
    -------
    Predicted expression in standard deviations of the training metacells, G x M.
    """
    keys = Keys.of(design)
    tf = torch.from_numpy(train.tf.apply(test[0])).to(trainer.device)
    re = with_zero_row(train.re.apply(test[1])).to(trainer.device)
    predicted = np.zeros((len(design.genes), tf.shape[1]), dtype=np.float32)
    for block in trainer.blocks(design, train, description):
        trained = trainer.train(block, keys)
        inputs = block.inputs._replace(tf=tf, re=re_inputs(re, block.columns))
        predicted[block.rows] = nn.predict(trained.weights, inputs, trainer.config.activation).cpu().numpy()
    return predicted
