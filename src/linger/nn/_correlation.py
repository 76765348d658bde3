"""Binding strength: correlation of first-layer weights."""

from __future__ import annotations

import torch
from torch import Tensor

from linger.nn._ensemble import Weights
from linger.nn._products import fast_products


@torch.no_grad()
@fast_products()
def weight_correlation(weights: Weights) -> Tensor:
    """Return the Pearson correlation of the first-layer weights of every RE and TF of every gene, G x P x T.

    The 64 weights that leave an input are its embedding in the gene's network; a TF and an RE that act together have similar ones
    (Yuan & Duren 2024, Methods: alpha). Negative values and constant rows give 0.

    Parameters
    ----------
    weights
        Networks of G genes.
    """
    re, tf = _unit(weights.re[:, :, 1:]), _unit(weights.tf)
    return torch.bmm(re.transpose(1, 2), tf).clamp_(0, 1)


def _unit(weights: Tensor) -> Tensor:
    """Centre over hidden units and scale to length 1; constant rows become 0."""
    centred = weights - weights.mean(1, keepdim=True)
    length = centred.norm(dim=1, keepdim=True)
    # a constant row leaves rounding error only, which must not be blown up to length 1
    constant = length <= 1e-6 * weights.norm(dim=1, keepdim=True)
    return torch.where(constant, 0, centred / length)
