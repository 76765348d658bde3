"""Self-attention over the tokens of a TF-gene pair (after DeepTGI, Briefings in Bioinformatics 2025, bbae639)."""

from __future__ import annotations

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

    batch_size = None

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
