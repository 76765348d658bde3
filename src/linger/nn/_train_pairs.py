"""Training and scoring of networks of TF-gene pairs."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from linger._tgi_config import TgiConfig
from linger.nn._batch_network import BatchNetwork
from linger.nn._pair_network import PairNetwork

_SCORED = 1024  # pairs at a time


def train_pairs(
    network: PairNetwork | BatchNetwork,
    profiles: Tensor,
    pairs: tuple[Tensor, Tensor],
    features: Tensor,
    labels: Tensor,
    *,
    train: Tensor,
    validation: Tensor,
    config: TgiConfig,
    seed: int,
) -> list[float]:
    """Train a network in place, keep its best epoch, and return the validation loss of every epoch.

    Parameters
    ----------
    network
        On the device of the data.
    profiles
        Genes x n_profile.
    pairs
        Positions of sources and targets among the genes.
    features, labels
        Draws x pairs x n_features, of which a pair shows one at random whenever it is seen, a validation pair the first; and 0 or 1 for each pair.
    train, validation
        Positions of pairs.
    config
        Settings of the training.
    seed
        Of batches and mixing.
    """
    optimiser, schedule = _optimiser(network, config)
    draw, shares = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    losses: list[float] = []
    best, kept = 0, dict[str, Tensor]()
    ends = torch.stack(pairs, 1)
    for epoch in range(config.epochs):
        network.train()
        for batch, turned in _batches(train, draw, config):
            at = torch.where(turned[:, None], ends[batch].flip(1), ends[batch])
            drawn = torch.randint(len(features), (len(batch),), generator=draw).to(batch.device)
            shown = [profiles[at[:, 0]], profiles[at[:, 1]], features[drawn, batch], labels[batch]]
            inputs, label = _mixed(shown, config, draw, shares)
            with torch.autocast(label.device.type, torch.bfloat16, enabled=config.mixed_precision):
                logit, error = network(*inputs)
            loss = _cross_entropy(logit.float(), label) + config.reconstruction * error.float().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        found = score_pairs(network, profiles, pairs, features[0], validation)
        losses.append(float(_cross_entropy(found, labels[validation])))
        if not kept or losses[-1] < losses[best]:
            best, kept = epoch, {name: value.clone() for name, value in network.state_dict().items()}
        if epoch - best >= config.patience:
            break
    network.load_state_dict(kept)
    return losses


_cross_entropy = nn.functional.binary_cross_entropy_with_logits


def _optimiser(
    network: nn.Module, config: TgiConfig
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LambdaLR]:
    """Return AdamW at a constant rate; or RAdam, that is Adam at a rate that grows while its second moments are still uncertain.

    The rate is that of Liu et al. (ICLR 2020), 0 instead of plain momentum in the first steps, where it is undefined. Adam has a fused step and RAdam none: half
    the time of a training step.
    """
    rate, decay = config.learning_rate, config.weight_decay
    if config.optimiser == "adamw":
        adamw = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=decay)
        return adamw, torch.optim.lr_scheduler.LambdaLR(adamw, lambda step: 1.0)
    adam = torch.optim.Adam(network.parameters(), lr=rate, weight_decay=decay, fused=True)
    return adam, torch.optim.lr_scheduler.LambdaLR(adam, lambda step: _rectification(step + 1))


def _rectification(step: int, beta: float = 0.999) -> float:
    most = 2 / (1 - beta) - 1
    rho = most - 2 * step * beta**step / (1 - beta**step)
    if rho <= 5:
        return 0.0
    return float(((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho)) ** 0.5)


def _batches(train: Tensor, draw: torch.Generator, config: TgiConfig) -> list[tuple[Tensor, Tensor]]:
    """Return pairs in batches of about the same size, drawn on the CPU; with `both_ways` every pair twice, once turned."""
    ways = 2 if config.both_ways else 1
    order = torch.randperm(ways * len(train), generator=draw).to(train.device)
    chosen, turned = train.repeat(ways)[order], order >= len(train)
    n = -(-len(order) // config.batch_size)
    return list(zip(chosen.tensor_split(n), turned.tensor_split(n), strict=True))


def _mixed(
    values: list[Tensor], config: TgiConfig, draw: torch.Generator, shares: np.random.Generator
) -> tuple[list[Tensor], Tensor]:
    """Return inputs and labels, each row mixed with another of the batch by a share of its own; the authors draw one for the batch."""
    *inputs, label = values
    if not config.mixup:
        return inputs, label
    n_shares = 1 if config.attention == "batch" else len(label)
    drawn = shares.beta(config.mixup, config.mixup, (n_shares, 1)).astype(np.float32)
    share = torch.from_numpy(drawn).to(label.device)
    other = torch.randperm(len(label), generator=draw).to(label.device)
    mixed = [share * value + (1 - share) * value[other] for value in (*inputs, label[:, None])]
    return mixed[:-1], mixed[-1][:, 0]


@torch.no_grad()
def score_pairs(
    network: PairNetwork | BatchNetwork,
    profiles: Tensor,
    pairs: tuple[Tensor, Tensor],
    features: Tensor,
    chosen: Tensor,
) -> Tensor:
    """Return the logits of some pairs.

    Batches of a :class:`PairNetwork` all have the same shape, so that a score is the same in whatever company; those of a :class:`BatchNetwork` have the size it
    was trained with, and pairs in an order drawn once, since neighbours in a table share a gene.

    Parameters
    ----------
    network, profiles, pairs
        As for :func:`train_pairs`.
    features
        Pairs x n_features.
    chosen
        Positions of pairs.
    """
    network.eval()
    found, size = [], network.batch_size or _SCORED
    order = torch.arange(len(chosen))
    if network.batch_size:
        order = torch.randperm(len(chosen), generator=torch.Generator().manual_seed(0))
    for batch in torch.split(chosen[order], size):
        missing = 0 if network.batch_size else size - len(batch)
        filled = torch.cat([batch, batch[:1].expand(missing)])
        found.append(network(profiles[pairs[0][filled]], profiles[pairs[1][filled]], features[filled])[0][: len(batch)])
    return torch.cat(found)[order.argsort()] if found else torch.zeros(0, device=profiles.device)
