"""Squared error of a block of networks, and its gradient back to the second hidden layer."""

from __future__ import annotations

import torch
from torch import Tensor

from linger.nn._ensemble import ACTIVATIONS, Activation, Weights
from linger.nn._kernels import output_gradient


def set_output_gradient(
    gradient: Weights,
    d2: Tensor,
    weights: Weights,
    a2: Tensor,
    targets: Tensor,
    sample_weights: Tensor,
    activation: Activation,
) -> Tensor:
    """Compute output and error, and set the gradient of w3, b2, b3 and of the second pre-activation.

    On the CPU one compiled pass, elsewhere torch's operations.

    Parameters
    ----------
    gradient
        Of which `w3`, `b2` and `b3` are set.
    d2
        Where the gradient at the second pre-activation is written, G x H2 x M.
    weights
        Networks of G genes.
    a2
        Second activation, G x H2 x M.
    targets
        Expression to predict, G x M.
    sample_weights
        Weights of the samples in the squared error, length M.
    activation
        Non-linearity of the hidden layers.

    Returns
    -------
    Mean squared error of every gene (length G).
    """
    if a2.device.type == "cpu":
        return _compiled(gradient, d2, weights, a2, targets, sample_weights, activation)
    return _by_torch(gradient, d2, weights, a2, targets, sample_weights, activation)


def _compiled(
    gradient: Weights,
    d2: Tensor,
    weights: Weights,
    a2: Tensor,
    targets: Tensor,
    sample_weights: Tensor,
    activation: Activation,
) -> Tensor:
    error = targets.new_empty(len(targets))
    output_gradient(
        error.numpy(),
        d2.numpy(),
        gradient.w3[:, 0].numpy(),
        gradient.b2[:, :, 0].numpy(),
        gradient.b3[:, 0, 0].numpy(),
        a2.numpy(),
        weights.w3[:, 0].numpy(),
        weights.b3[:, 0, 0].numpy(),
        targets.numpy(),
        sample_weights.numpy(),
        ACTIVATIONS[activation].slope,
    )
    return error


def _by_torch(
    gradient: Weights,
    d2: Tensor,
    weights: Weights,
    a2: Tensor,
    targets: Tensor,
    sample_weights: Tensor,
    activation: Activation,
) -> Tensor:
    residual = torch.baddbmm(weights.b3, weights.w3, a2)[:, 0] - targets
    weighted = residual * sample_weights
    d3 = weighted[:, None] * (2 / targets.shape[1])
    ACTIVATIONS[activation].backward_(torch.mul(weights.w3.transpose(1, 2), d3, out=d2), a2)
    torch.bmm(d3, a2.transpose(1, 2), out=gradient.w3)
    torch.sum(d2, 2, keepdim=True, out=gradient.b2)
    torch.sum(d3, 2, keepdim=True, out=gradient.b3)
    return (residual * weighted).mean(1)
