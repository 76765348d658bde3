"""What networks predict when some of their TF inputs change."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from linger.nn._ensemble import ACTIVATIONS, Activation, Inputs, Weights, forward
from linger.nn._products import fast_products
from linger.nn._train import pull_back


class Change(NamedTuple):
    """Predictions of a block of G genes over M samples."""

    before: Tensor
    """G x M."""
    change: Tensor
    """After minus before, G x M; exactly 0 where no input of the gene changes."""


@fast_products()
def change(
    weights: Weights,
    inputs: Inputs,
    delta: Tensor,
    rows: Tensor,
    activation: Activation = "relu",
    *,
    support: Tensor | None = None,
) -> Change:
    """Predict before and after a change of TFs.

    The first layer is linear, so its change is a product of the columns of the TFs that change: nothing else is computed twice.

    Parameters
    ----------
    weights, inputs, activation
        As for :func:`linger.nn.forward`.
    delta
        Change of the standardised expression of K TFs, K x M.
    rows
        Their positions among the TFs, K.
    support
        Share of the change of each TF that each gene sees, G x K; None: all of it.
    """
    before = forward(weights, inputs, activation)
    z1 = torch.baddbmm(before.z1, _columns(weights, rows, support), delta.expand(len(weights.tf), -1, -1))
    return Change(before.y[:, 0], _rest(weights, z1, activation)[:, 0] - before.y[:, 0])


@fast_products()
def screen(
    weights: Weights,
    inputs: Inputs,
    delta: Tensor,
    rows: Tensor,
    average: Tensor,
    activation: Activation = "relu",
    *,
    support: Tensor | None = None,
) -> Tensor:
    """Predict the mean change of each gene when each of K TFs changes alone.

    Parameters
    ----------
    weights, inputs, activation
        As for :func:`linger.nn.forward`.
    delta
        Change of the standardised expression of each TF, K x M.
    rows
        Their positions among the TFs, K.
    average
        Weights of the samples in S sets, M x S; columns sum to 1.
    support
        Share of the change of each TF that each gene sees, G x K; None: all of it.

    Returns
    -------
    G x K x S. Each TF is a rank-1 update of the first layer of all genes.
    """
    function = ACTIVATIONS[activation].function
    # samples before units: the update of rank 1 then runs along contiguous memory, many times faster
    z1 = forward(weights, inputs, activation).z1.transpose(1, 2).contiguous()
    columns = _columns(weights, rows, support).permute(2, 0, 1).unsqueeze(2).contiguous()
    w2, w3 = weights.w2.transpose(1, 2).contiguous(), weights.w3.transpose(1, 2).contiguous()
    b2, buffer = weights.b2.transpose(1, 2), z1.clone()

    def averaged(z: Tensor) -> Tensor:
        a1 = function(z, out=z)
        return torch.baddbmm(weights.b3, function(torch.baddbmm(b2, a1, w2)), w3)[:, :, 0] @ average

    before = averaged(buffer)  # by the same operations, so that what does not change comes out as 0
    found = torch.empty(len(weights.tf), len(rows), average.shape[1], device=delta.device)
    for number in range(len(rows)):
        torch.addcmul(z1, delta[number][:, None], columns[number], out=buffer)
        found[:, number] = averaged(buffer) - before
    return found


def _columns(weights: Weights, rows: Tensor, support: Tensor | None) -> Tensor:
    """Return the first-layer weights of some TFs, G x H x K, times their support."""
    columns = weights.tf[:, :, rows]
    return columns if support is None else columns * support[:, None]


def _rest(weights: Weights, z1: Tensor, activation: Activation) -> Tensor:
    """Return the output from the first pre-activation, G x 1 x M."""
    function = ACTIVATIONS[activation].function
    a2 = function(torch.baddbmm(weights.b2, weights.w2, function(z1)))
    return torch.baddbmm(weights.b3, weights.w3, a2)


@fast_products()
def gradient_moments(
    weights: Weights, inputs: Inputs, average: Tensor, activation: Activation = "relu"
) -> tuple[Tensor, Tensor]:
    """Return mean and mean square of the derivative of each prediction by each TF, over sets of samples.

    Parameters
    ----------
    weights, inputs, activation
        As for :func:`linger.nn.forward`.
    average
        Weights of the samples in S sets, M x S; columns sum to 1.

    Returns
    -------
    Both S x G x T, in standard deviations of the gene by standard deviations of the TF.
    """
    layers = forward(weights, inputs, activation)
    d1 = pull_back(weights, layers, torch.ones_like(layers.y), activation)
    gradient = weights.tf.transpose(1, 2) @ d1
    mean, square = gradient @ average, gradient.square() @ average
    return mean.permute(2, 0, 1), square.permute(2, 0, 1)
