"""Fisher information of the first layer in closed form for a block of networks."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from linger.nn._ensemble import Activation, Inputs, Weights, forward, n_varying
from linger.nn._products import fast_products, matmul_t
from linger.nn._train import pull_back


class Fisher(NamedTuple):
    """Fisher information of the first layer of G networks."""

    tf: Tensor
    """TFs, G x H x T; 0 for a gene's own TF."""
    re: Tensor
    """REs, G x H x (1 + P); 0 for the bias and for padding."""


@torch.no_grad()
@fast_products()
def fisher_information(
    weights: Weights,
    inputs: Inputs,
    targets: Tensor | None,
    *,
    sample_weights: Tensor | None = None,
    activation: Activation = "relu",
) -> Fisher:
    """Return the diagonal Fisher information of the first layer.

    F = mean over samples of (d e / d theta)^2, where e is the squared error of a sample (the empirical Fisher; Yuan & Duren 2024,
    Methods) or, without `targets`, the prediction itself (the model's Fisher, which does not vanish where the samples are fitted
    exactly). With delta the gradient at the first pre-activation, that is ``(delta * delta) (X * X)^T / M``, one product for all.

    Parameters
    ----------
    weights
        Networks of G genes.
    inputs
        Inputs over M samples.
    targets
        Expression, G x M; None for the model's Fisher.
    sample_weights
        Weights of the samples in the mean, length M with mean 1.
    activation
        Non-linearity of the hidden layers.
    """
    layers = forward(weights, inputs, activation)
    d3 = torch.ones_like(layers.y) if targets is None else 2 * (layers.y - targets[:, None])
    squared = pull_back(weights, layers, d3, activation).square_()
    if sample_weights is not None:
        squared.mul_(sample_weights)
    n_genes, n_hidden, n_samples = squared.shape
    squared.div_(n_samples)
    tf = matmul_t(squared.view(n_genes * n_hidden, n_samples), inputs.tf.square()).view(n_genes, n_hidden, -1)
    re = torch.bmm(squared, inputs.re.square().transpose(1, 2))
    tf[inputs.own_gene, :, inputs.own_tf] = 0
    re[:, :, 0] = 0
    return Fisher(tf, re)


def normalized(fisher: Fisher, inputs: Inputs) -> tuple[Fisher, Tensor]:
    """Scale the Fisher information of every gene to mean 1 over the weights of the inputs that vary, and return the means it had.

    The scale differs by orders of magnitude between genes, and tends to 0 where a small panel is fitted exactly.

    Parameters
    ----------
    fisher
        Fisher information of G networks.
    inputs
        Their inputs.
    """
    mean = (fisher.tf.sum((1, 2)) + fisher.re.sum((1, 2))) / n_weights(inputs, fisher.tf.shape[1])
    scale = torch.where(mean > 0, mean.clamp(min=torch.finfo(mean.dtype).tiny).reciprocal(), 0)[:, None, None]
    return Fisher(fisher.tf * scale, fisher.re * scale), mean


def n_weights(inputs: Inputs, n_hidden: int) -> Tensor:
    """Return the number of first-layer weights of every gene whose inputs vary over the samples (length G).

    Parameters
    ----------
    inputs
        Inputs of G genes.
    n_hidden
        Units of the first hidden layer.
    """
    return n_varying(inputs).to(inputs.re.dtype) * n_hidden
