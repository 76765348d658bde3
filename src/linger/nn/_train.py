"""Full-batch training of a block of networks by Adam, every gradient in closed form."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from linger.nn._adam import Adam
from linger.nn._authors import add_column_norm_gradient, add_similarity_gradient, column_norm, similarity
from linger.nn._ensemble import ACTIVATIONS, Activation, Inputs, Layers, Weights, forward, overwritten_layers
from linger.nn._losses import (
    Anchor,
    MotifGraph,
    add_ewc_gradient,
    add_l1_gradient,
    add_manifold_gradient,
    ewc_penalty,
    freeze_anchored,
    l1_penalty,
    manifold_penalty,
)
from linger.nn._products import fast_products, matmul_t


class Trained(NamedTuple):
    """A trained block."""

    weights: Weights
    loss: Tensor
    """Total loss of every gene before each epoch's step, G x epochs; NaN where it was not recorded."""


@torch.no_grad()
@fast_products()
def train(
    weights: Weights,
    inputs: Inputs,
    targets: Tensor,
    *,
    epochs: int = 100,
    learning_rate: float = 0.01,
    decay: bool = True,
    l1: float = 0.0,
    manifold: float = 0.0,
    graph: MotifGraph | None = None,
    ewc: float = 0.0,
    anchor: Anchor | None = None,
    sample_weights: Tensor | None = None,
    authors: bool = False,
    activation: Activation = "relu",
    record_every: int = 10,
) -> Trained:
    """Train the networks of a block, full batch, with Adam.

    ``loss = MSE + l1 * sum |weights| + manifold * tr(W1^T Lnorm W1) + ewc * mean F (W1 - W1_prior)^2`` (Yuan & Duren 2024, Methods).

    Parameters
    ----------
    weights
        Starting weights of G networks; changed in place.
    inputs
        Inputs over M samples.
    targets
        Expression to predict, G x M.
    epochs, learning_rate
        Steps and first step size of Adam.
    decay
        Let the step size fall linearly to 0. With a constant one, the l1 term keeps unused weights swinging by a step around 0, which
        shows as noise in Shapley values and weight correlations.
    l1
        Weight of the l1 norm of the weights of all layers (biases, padding and own TF excluded).
    manifold
        Weight of the motif manifold term; needs `graph`.
    graph
        Motif graph of the block.
    ewc
        Weight of elastic weight consolidation; ``inf`` freezes every weight with F > 0. Nothing without `anchor`.
    anchor
        First layer of the prior and its Fisher information.
    sample_weights
        Weight of every sample in the squared error, length M; their mean should be 1.
    authors
        Use the penalties as LingerGRN 1.117 writes them: largest column sums for l1, ``-sum F W1 W1_prior`` for EWC, and `l1` also as
        Adam's weight decay.
    activation
        Non-linearity of the hidden layers.
    record_every
        Record the loss at every so many epochs, and at the last.

    Returns
    -------
    Trained weights and the loss history.

    Notes
    -----
    A block costs ``4 G H F M`` multiply-adds an epoch, F = T + P: no gradient is needed for the inputs.
    """
    if manifold and graph is None:
        msg = "manifold > 0 needs the motif graph of the block."
        raise ValueError(msg)
    penalties = (_AuthorsPenalties if authors else _Penalties)(l1, manifold, graph, ewc, anchor)
    # not zeros_like, which keeps odd strides of axes of length 1: oneDNN then leaves the memory as it was (pytorch issue 195066)
    gradient = Weights(*(w.new_zeros(w.shape) for w in weights))
    adam = Adam(weights, gradient, l1=penalties.l1_of_step(), decay=l1 if authors else 0.0)
    # memory of every epoch: getting it from the system takes as long as filling it
    memory = overwritten_layers(weights, targets.shape[1])
    deltas = _empty_like_activations(memory)
    loss = torch.full((len(targets), epochs), torch.nan, dtype=targets.dtype)
    for epoch in range(epochs):
        layers = forward(weights, inputs, activation, memory)
        residual = layers.y[:, 0] - targets
        weighted = residual if sample_weights is None else residual * sample_weights
        if epoch % record_every == 0 or epoch == epochs - 1:
            loss[:, epoch] = ((residual * weighted).mean(1) + penalties.value(weights)).cpu()
        _set_gradient(gradient, weights, inputs, layers, deltas, weighted, activation)
        penalties.add_gradient(gradient, weights)
        if len(inputs.own_gene):
            gradient.tf[inputs.own_gene, :, inputs.own_tf] = 0  # that weight is 0, so no penalty moves it either
        adam.step(learning_rate * (1 - epoch / epochs) if decay else learning_rate)
    return Trained(weights, loss)


class _Penalties(NamedTuple):
    """All terms of the loss but the squared error."""

    l1: float
    manifold: float
    graph: MotifGraph | None
    ewc: float
    anchor: Anchor | None

    def value(self, weights: Weights) -> Tensor:
        total = self.l1 * l1_penalty(weights)
        if self.manifold and self.graph is not None:
            total = total + self.manifold * manifold_penalty(weights, self.graph)
        if self.anchor is not None and 0 < self.ewc < math.inf:
            total = total + self.ewc * ewc_penalty(weights, self.anchor)
        return total

    def l1_of_step(self) -> float:
        """Return the weight of the l1 norm that Adam takes along, which is all of it unless some weights are frozen."""
        return 0.0 if self._freezes() else self.l1

    def _freezes(self) -> bool:
        return self.anchor is not None and self.ewc == math.inf

    def add_gradient(self, gradient: Weights, weights: Weights) -> None:
        """Add the gradient of all terms but what Adam takes along."""
        if self.manifold and self.graph is not None:
            add_manifold_gradient(gradient, weights, self.graph, self.manifold)
        if self.anchor is None or not self.ewc:
            return
        if self._freezes():
            add_l1_gradient(gradient, weights, self.l1)
            freeze_anchored(gradient, self.anchor)
        else:
            add_ewc_gradient(gradient, weights, self.anchor, self.ewc)


class _AuthorsPenalties(_Penalties):
    """The same terms as LingerGRN 1.117 writes them."""

    def value(self, weights: Weights) -> Tensor:
        total = self.l1 * column_norm(weights)
        if self.manifold and self.graph is not None:
            total = total + self.manifold * manifold_penalty(weights, self.graph)
        if self.anchor is not None:
            total = total + self.ewc * similarity(weights, self.anchor)
        return total

    def l1_of_step(self) -> float:
        return 0.0

    def add_gradient(self, gradient: Weights, weights: Weights) -> None:
        add_column_norm_gradient(gradient, weights, self.l1)
        if self.manifold and self.graph is not None:
            add_manifold_gradient(gradient, weights, self.graph, self.manifold)
        if self.anchor is not None:
            add_similarity_gradient(gradient, self.anchor, self.ewc)


def _set_gradient(
    gradient: Weights,
    weights: Weights,
    inputs: Inputs,
    layers: Layers,
    deltas: tuple[Tensor, Tensor],
    residual: Tensor,
    activation: Activation,
) -> None:
    """Set `gradient` to that of mean squared error with respect to all weights, by the chain rule; `deltas` is overwritten."""
    d3 = residual[:, None, :] * (2 / residual.shape[1])
    d1, d2 = pull_back(weights, layers, d3, activation, deltas)
    matmul_t(d1.flatten(0, 1), inputs.tf, gradient.tf.flatten(0, 1))
    torch.bmm(d1, inputs.re.transpose(1, 2), out=gradient.re)
    torch.bmm(d2, layers.a1.transpose(1, 2), out=gradient.w2)
    torch.bmm(d3, layers.a2.transpose(1, 2), out=gradient.w3)
    torch.sum(d2, 2, keepdim=True, out=gradient.b2)
    torch.sum(d3, 2, keepdim=True, out=gradient.b3)


def pull_back(
    weights: Weights, layers: Layers, d3: Tensor, activation: Activation, out: tuple[Tensor, Tensor] | None = None
) -> tuple[Tensor, Tensor]:
    """Return the gradient at both pre-activations (first, second) from that at the output, `d3`, G x 1 x M.

    Parameters
    ----------
    weights, layers
        The networks, and what :func:`forward` returned for them.
    d3
        Gradient at the output.
    activation
        Non-linearity of the hidden layers.
    out
        Memory for both, by default new.
    """
    d1, d2 = out or _empty_like_activations(layers)
    backward_ = ACTIVATIONS[activation].backward_
    backward_(torch.mul(weights.w3.transpose(1, 2), d3, out=d2), layers.a2)
    return backward_(torch.bmm(weights.w2.transpose(1, 2), d2, out=d1), layers.a1), d2


def _empty_like_activations(layers: Layers) -> tuple[Tensor, Tensor]:
    return layers.a1.new_empty(layers.a1.shape), layers.a2.new_empty(layers.a2.shape)
