"""DeepTGI as its authors run it: attention over the pairs of a batch (Briefings in Bioinformatics 2025, bbae639). For comparison."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class BatchNetwork(nn.Module):
    """Score pairs from both profiles, end to end, with attention over the other pairs of the batch.

    A pair's score depends on what is scored with it. Sizes d -> (d + L) / 2 -> L -> (L + 1) / 2 -> 1 are those of the authors' code, and so are GELU, batch
    norm and dropout after the first layer of encoder, decoder and head. Heads are ordinary ones; theirs exchange values between pairs when they are joined.

    Parameters
    ----------
    n_profile
        Length of a profile, d / 2.
    width
        Length of the code, L.
    heads, layers, dropout
        As in :class:`linger.TgiConfig`.
    batch_size
        Pairs that are scored together.
    """

    def __init__(self, n_profile: int, *, width: int, heads: int, layers: int, dropout: float, batch_size: int) -> None:
        super().__init__()
        self.batch_size = batch_size
        joined, middle, half = 2 * n_profile, (2 * n_profile + width) // 2, (width + 1) // 2
        self.encoder = nn.Sequential(
            _block(joined, middle, dropout), _BatchAttention(middle, heads), nn.Linear(middle, width)
        )
        self.decoder = nn.Sequential(_block(width, middle, dropout), nn.Linear(middle, joined))
        self.attention = nn.Sequential(*(_BatchAttention(width, heads) for _ in range(layers)))
        self.head = nn.Sequential(nn.LayerNorm(width), _block(width, half, dropout), nn.Linear(half, 1))

    def forward(self, source: Tensor, target: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logit of each pair and the squared error of its reconstructed profiles; `features` are not looked at."""
        profiles = torch.cat([source, target], 1)
        code = self.encoder(profiles)
        error = ((self.decoder(code) - profiles) ** 2).mean(1)
        return self.head(self.attention(code))[:, 0], error


def _block(inputs: int, outputs: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, outputs), nn.GELU(), nn.BatchNorm1d(outputs), nn.Dropout(dropout))


class _BatchAttention(nn.Module):
    """An encoder layer whose tokens are the pairs of the batch; the size need not be a multiple of the heads."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads, inner = heads, size // heads * heads
        self.project = nn.Linear(size, 3 * inner, bias=False)
        self.join = nn.Linear(inner, size, bias=False)
        self.linear = nn.Linear(size, size)
        self.norms = nn.ModuleList([nn.LayerNorm(size), nn.LayerNorm(size)])

    def forward(self, values: Tensor) -> Tensor:
        projected = self.project(values).view(len(values), 3, self.heads, -1).permute(1, 2, 0, 3)
        seen = nn.functional.scaled_dot_product_attention(*projected[:, None])[0]
        values = self.norms[0](values + self.join(seen.transpose(0, 1).flatten(1)))
        return self.norms[1](values + self.linear(values))
