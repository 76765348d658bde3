"""Self-attention over the tokens of a TF-gene pair (after DeepTGI, Briefings in Bioinformatics 2025, bbae639)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

_ROLES = 3  # profile of the source, of the target, and their product


class PairNetwork(nn.Module):
    """Score pairs from the profiles of both genes and what is known of the pair.

    Each profile is cut into patches; patches of the source, of the target and of the product of both are tokens, told apart by position and role, so that
    direction is kept. Attention runs over the tokens of one pair, never over the batch: a pair's score does not depend on what else is scored.

    Parameters
    ----------
    n_profile, n_features
        Length of a profile, and number of features of a pair.
    n_patches, width, heads, layers, dropout
        As in :class:`linger.TgiConfig`.
    """

    def __init__(
        self, n_profile: int, n_features: int, *, n_patches: int, width: int, heads: int, layers: int, dropout: float
    ) -> None:
        super().__init__()
        self.n_patches, self.size = n_patches, -(-n_profile // n_patches)
        self.padding = self.size * n_patches - n_profile
        self.embedding = nn.Parameter(torch.randn(_ROLES, n_patches, self.size, width) * self.size**-0.5)
        self.position = nn.Parameter(torch.randn(_ROLES, n_patches, width) * 0.02)
        self.features = nn.Linear(n_features, width)
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, dropout, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        joined = (_ROLES + 1) * width
        self.head = nn.Sequential(
            nn.LayerNorm(joined), nn.Dropout(dropout), nn.Linear(joined, width), nn.GELU(), nn.Linear(width, 1)
        )
        self.decoder = nn.Linear(width, self.size)

    def forward(self, source: Tensor, target: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logit of each pair and the squared error of its reconstructed profiles.

        Parameters
        ----------
        source, target
            Profiles, pairs x n_profile.
        features
            Pairs x n_features.
        """
        profiles = nn.functional.pad(torch.stack([source, target, source * target], 1), (0, self.padding))
        patches = profiles.view(len(source), _ROLES, self.n_patches, self.size)
        tokens = torch.einsum("brps,rpsw->brpw", patches, self.embedding) + self.position
        tokens = torch.cat([self.features(features)[:, None], tokens.flatten(1, 2)], 1)
        encoded = self.encoder(tokens)
        by_role = encoded[:, 1:].reshape(len(source), _ROLES, self.n_patches, -1)
        error = ((self.decoder(by_role) - patches) ** 2).mean((1, 2, 3))
        joined = torch.cat([encoded[:, 0], by_role.mean(2).flatten(1)], 1)
        return self.head(joined)[:, 0], error


def train_pairs(
    network: PairNetwork,
    profiles: Tensor,
    pairs: tuple[Tensor, Tensor],
    features: Tensor,
    labels: Tensor,
    *,
    train: Tensor,
    validation: Tensor,
    epochs: int,
    patience: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float,
    mixup: float,
    reconstruction: float,
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
        Pairs x n_features, and 0 or 1 for each.
    train, validation
        Positions of pairs.
    epochs, patience, batch_size, learning_rate, weight_decay, mixup, reconstruction
        As in :class:`linger.TgiConfig`.
    seed
        Of batches and mixing.
    """
    optimiser = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=weight_decay)
    draw, shares = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    loss_of, losses = nn.functional.binary_cross_entropy_with_logits, []
    best, kept = 0, dict[str, Tensor]()
    for epoch in range(epochs):
        network.train()
        for batch in torch.split(train[torch.randperm(len(train), generator=draw)], batch_size):
            inputs = [profiles[pairs[0][batch]], profiles[pairs[1][batch]], features[batch]]
            label = labels[batch]
            if mixup:
                share = torch.from_numpy(shares.beta(mixup, mixup, (len(batch), 1)).astype(np.float32)).to(label.device)
                other = torch.randperm(len(batch), generator=draw)
                inputs = [share * value + (1 - share) * value[other] for value in inputs]
                label = share[:, 0] * label + (1 - share[:, 0]) * label[other]
            logit, error = network(*inputs)
            loss = loss_of(logit, label) + reconstruction * error.mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        found = score_pairs(network, profiles, pairs, features, validation)
        losses.append(float(loss_of(found, labels[validation])))
        if not kept or losses[-1] < losses[best]:
            best, kept = epoch, {name: value.clone() for name, value in network.state_dict().items()}
        if epoch - best >= patience:
            break
    network.load_state_dict(kept)
    return losses


@torch.no_grad()
def score_pairs(
    network: PairNetwork,
    profiles: Tensor,
    pairs: tuple[Tensor, Tensor],
    features: Tensor,
    chosen: Tensor,
    *,
    size: int = 1024,
) -> Tensor:
    """Return the logits of some pairs; batches all have the same shape, so that a score is the same in whatever company.

    Parameters
    ----------
    network, profiles, pairs, features
        As for :func:`train_pairs`.
    chosen
        Positions of pairs.
    size
        Pairs at a time.
    """
    network.eval()
    found = []
    for batch in torch.split(chosen, size):
        padded = torch.cat([batch, batch[:1].expand(size - len(batch))])
        found.append(network(profiles[pairs[0][padded]], profiles[pairs[1][padded]], features[padded])[0][: len(batch)])
    return torch.cat(found) if found else torch.zeros(0, device=profiles.device)
