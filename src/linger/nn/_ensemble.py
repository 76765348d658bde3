"""The ensemble of per-gene networks: inputs and weights of a block of genes, and its forward pass.

A block holds G genes. All share the standardised expression of the T transcription factors; each has the accessibility of its own
regulatory elements (REs). Every array is laid out (gene, feature or unit, sample), so that the first layer of the whole block is
one product over the TFs and one batched product over the REs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from linger.nn._kernels import Slope, slope_of_relu, slope_of_sigmoid, slope_of_tanh
from linger.nn._products import fast_products, matmul_t

Activation = Literal["relu", "sigmoid", "tanh"]


class Inputs(NamedTuple):
    """Standardised inputs of a block of G genes over M samples."""

    tf: Tensor
    """TF expression, T x M, shared by all genes. In bfloat16, its products and those of Shapley values are computed in bfloat16."""
    re: Tensor
    """RE accessibility, G x (1 + P) x M. Row 0 is 1 (its weight is the bias); rows past a gene's own REs are 0."""
    own_gene: Tensor
    """Positions in the block of the genes that are TFs themselves."""
    own_tf: Tensor
    """For each of these its position among the TFs: a gene never predicts itself."""


class Weights(NamedTuple):
    """Weights of a block of G networks F -> H -> H2 -> 1."""

    tf: Tensor
    """First layer, TFs: G x H x T."""
    re: Tensor
    """First layer, bias and REs: G x H x (1 + P)."""
    w2: Tensor
    """G x H2 x H."""
    b2: Tensor
    """G x H2 x 1."""
    w3: Tensor
    """G x 1 x H2."""
    b3: Tensor
    """G x 1 x 1."""


class HiddenLayers(NamedTuple):
    """Pre-activations and activations of both hidden layers, each G x units x M."""

    z1: Tensor
    a1: Tensor
    z2: Tensor
    a2: Tensor


class Layers(NamedTuple):
    """Pre-activations and activations of both hidden layers, and the output, each G x units x M."""

    z1: Tensor
    a1: Tensor
    z2: Tensor
    a2: Tensor
    y: Tensor


class Nonlinearity(NamedTuple):
    """An activation function, and its derivative by the chain rule."""

    function: Callable[..., Tensor]
    """Takes ``out=``, which may be the argument; without it, autograd can follow."""
    backward_: Callable[[Tensor, Tensor], Tensor]
    """Turns the gradient after the activation, changed in place, and its value into the gradient before it."""
    slope: Slope
    """Compiled: turns the activation into its derivative."""


_aten = torch.ops.aten
ACTIVATIONS: dict[Activation, Nonlinearity] = {
    "relu": Nonlinearity(
        lambda z, out=None: torch.relu(z) if out is None else torch.clamp(z, min=0, out=out),
        lambda gradient, a: _aten.threshold_backward.grad_input(gradient, a, 0, grad_input=gradient),
        slope_of_relu,
    ),
    "sigmoid": Nonlinearity(
        torch.sigmoid,
        lambda gradient, a: _aten.sigmoid_backward.grad_input(gradient, a, grad_input=gradient),
        slope_of_sigmoid,
    ),
    "tanh": Nonlinearity(
        torch.tanh,
        lambda gradient, a: _aten.tanh_backward.grad_input(gradient, a, grad_input=gradient),
        slope_of_tanh,
    ),
}


def overwritten_layers(weights: Weights, n_samples: int) -> HiddenLayers:
    """Return memory for :func:`hidden_layers` in which activations replace pre-activations."""
    (n_genes, n_hidden2, n_hidden), new = weights.w2.shape, weights.w2.new_empty
    a1, a2 = new(n_genes, n_hidden, n_samples), new(n_genes, n_hidden2, n_samples)
    return HiddenLayers(a1, a1, a2, a2)


def hidden_layers(
    weights: Weights, inputs: Inputs, activation: Activation, out: HiddenLayers | None = None
) -> HiddenLayers:
    """Run the hidden layers of the networks of a block.

    Parameters
    ----------
    weights
        Networks of G genes.
    inputs
        Their inputs over M samples.
    activation
        Non-linearity of both hidden layers.
    out
        Memory for the result (:func:`overwritten_layers`), by default new.
    """
    n_genes, n_hidden, n_tfs = weights.tf.shape
    z1_out, a1_out, z2_out, a2_out = (None,) * 4 if out is None else (out.z1.flatten(0, 1), *out[1:])
    function = ACTIVATIONS[activation].function
    z1 = matmul_t(weights.tf.reshape(n_genes * n_hidden, n_tfs), inputs.tf.T, z1_out).view(n_genes, n_hidden, -1)
    a1 = function(z1.baddbmm_(weights.re, inputs.re), out=a1_out)
    z2 = torch.baddbmm(weights.b2, weights.w2, a1, out=z2_out)
    return HiddenLayers(z1, a1, z2, function(z2, out=a2_out))


def forward(weights: Weights, inputs: Inputs, activation: Activation) -> Layers:
    """Run the networks of a block.

    Parameters
    ----------
    weights, inputs, activation
        As for :func:`hidden_layers`.

    Returns
    -------
    All layers; ``y`` is the prediction, G x 1 x M.
    """
    hidden = hidden_layers(weights, inputs, activation)
    return Layers(*hidden, torch.baddbmm(weights.b3, weights.w3, hidden.a2))


@fast_products()
def predict(weights: Weights, inputs: Inputs, activation: Activation = "relu") -> Tensor:
    """Return the prediction for every gene and sample.

    Parameters
    ----------
    weights, inputs, activation
        As for :func:`forward`.

    Returns
    -------
    Predictions, G x M.
    """
    return forward(weights, inputs, activation).y[:, 0]


def n_varying(inputs: Inputs) -> Tensor:
    """Return the number of inputs of every gene that vary over the samples, own TF left out (length G, at least 1)."""
    tf_used = inputs.tf.any(dim=1)
    number = tf_used.sum() + inputs.re[:, 1:].any(dim=2).sum(dim=1)
    number[inputs.own_gene] -= tf_used[inputs.own_tf].to(number.dtype)
    return number.clamp(min=1)
