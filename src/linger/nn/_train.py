"""Full-batch training of a block of networks by Adam, every gradient in closed form."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from linger.nn._adam import Adam
from linger.nn._authors import add_column_norm_gradient, add_similarity_gradient, column_norm, similarity
from linger.nn._ensemble import ACTIVATIONS, Activation, Inputs, Layers, Weights, hidden_layers, overwritten_layers
from linger.nn._losses import (
    Anchor,
    Edges,
    MotifGraph,
    add_ewc_gradient,
    ewc_penalty,
    freeze_anchored,
)
from linger.nn._output import set_output_gradient
from linger.nn._products import fast_products, matmul_t
from linger.nn._single import Single


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

    Raises
    ------
    ValueError
        If shapes or number formats do not fit, or `manifold` has no `graph`.

    Notes
    -----
    A block costs ``4 G H F M`` multiply-adds an epoch, F = T + P: no gradient is needed for the inputs.
    """
    if manifold and graph is None:
        msg = "manifold > 0 needs the motif graph of the block."
        raise ValueError(msg)
    if sample_weights is None:
        sample_weights = targets.new_ones(targets.shape[1])
    _check(weights, inputs, targets, sample_weights, graph)
    penalties = (_AuthorsPenalties if authors else _Penalties)(weights, l1, manifold, graph, ewc, anchor)
    # not zeros_like, which keeps odd strides of axes of length 1: oneDNN then leaves the memory as it was (pytorch issue 195066)
    gradient = Weights(*(w.new_zeros(w.shape) for w in weights))
    adam = Adam(weights, gradient, penalties.of_step())
    # memory of every epoch: getting it from the system takes as long as filling it
    memory = overwritten_layers(weights, targets.shape[1])
    d1, d2 = memory.a1.new_empty(memory.a1.shape), memory.a2.new_empty(memory.a2.shape)
    loss = torch.full((len(targets), epochs), torch.nan, dtype=targets.dtype)
    for epoch in range(epochs):
        layers = hidden_layers(weights, inputs, activation, memory)
        error = set_output_gradient(gradient, d2, weights, layers.a2, targets, sample_weights, activation)
        through_second_layer(weights, layers.a1, d2, activation, d1)
        torch.bmm(d2, layers.a1.transpose(1, 2), out=gradient.w2)
        matmul_t(d1.flatten(0, 1), inputs.tf, gradient.tf.flatten(0, 1))
        torch.bmm(d1, inputs.re.transpose(1, 2), out=gradient.re)
        penalties.add_gradient(gradient)
        if epoch % record_every == 0 or epoch == epochs - 1:
            loss[:, epoch] = (error + penalties.value()).cpu()
        if len(inputs.own_gene):
            gradient.tf[inputs.own_gene, :, inputs.own_tf] = 0  # that weight is 0, so no penalty moves it either
        adam.step(learning_rate * (1 - epoch / epochs) if decay else learning_rate)
    return Trained(weights, loss)


def _check(weights: Weights, inputs: Inputs, targets: Tensor, sample_weights: Tensor, graph: MotifGraph | None) -> None:
    """Raise ValueError if something does not fit the weights: compiled code would read past its end."""
    n_genes, _, n_tfs = weights.tf.shape
    width, n_samples = weights.re.shape[2], inputs.tf.shape[1]
    wanted = {"targets": (targets, (n_genes, n_samples)), "sample_weights": (sample_weights, (n_samples,))}
    if graph is not None:
        wanted["graph.adjacency"] = graph.adjacency, (n_genes, n_tfs, width)
        wanted["graph.tf_nodes"] = graph.tf_nodes, (n_genes, 1, n_tfs)
        wanted["graph.re_nodes"] = graph.re_nodes, (n_genes, 1, width)
    for name, (found, shape) in wanted.items():
        if found.shape != shape or found.dtype != weights.tf.dtype:
            msg = f"{name} must be {' x '.join(map(str, shape))} of {weights.tf.dtype}, found {' x '.join(map(str, found.shape))} of {found.dtype}."
            raise ValueError(msg)


class _Penalties:
    """All terms of the loss of a block but the squared error."""

    def __init__(
        self,
        weights: Weights,
        l1: float,
        manifold: float,
        graph: MotifGraph | None,
        ewc: float,
        anchor: Anchor | None,
    ) -> None:
        self._weights, self._ewc, self._anchor = weights, ewc, anchor
        self._single = Single.of(weights, l1=l1, manifold=manifold, graph=graph)
        self._edges = Edges(weights, graph, manifold) if manifold and graph is not None else None

    def of_step(self) -> Single:
        """Return what Adam takes along: the penalties on single weights, unless some weights are frozen."""
        return Single.of(self._weights) if self._freezes() else self._single

    def _freezes(self) -> bool:
        return self._anchor is not None and self._ewc == math.inf

    def add_gradient(self, gradient: Weights) -> None:
        """Add the gradient of all but what Adam takes along."""
        if self._edges is not None:
            self._edges.add_gradient(gradient)
        if self._anchor is None or not self._ewc:
            return
        if self._freezes():
            self._single.add_gradient(gradient, self._weights)
            freeze_anchored(gradient, self._anchor)
        else:
            add_ewc_gradient(gradient, self._weights, self._anchor, self._ewc)

    def value(self) -> Tensor:
        """Return the sum for every gene (length G), with the weights of the last :meth:`add_gradient`."""
        total = self._single.value(self._weights)
        if self._edges is not None:
            total += self._edges.value()
        if self._anchor is not None and 0 < self._ewc < math.inf:
            total += self._ewc * ewc_penalty(self._weights, self._anchor)
        return total


class _AuthorsPenalties(_Penalties):
    """The same terms as LingerGRN 1.117 writes them; its weight decay is Adam's, and not in its loss."""

    def __init__(
        self,
        weights: Weights,
        l1: float,
        manifold: float,
        graph: MotifGraph | None,
        ewc: float,
        anchor: Anchor | None,
    ) -> None:
        super().__init__(weights, 0.0, manifold, graph, ewc, anchor)
        self._l1, self._of_step = l1, Single.of(weights, decay=l1, manifold=manifold, graph=graph)

    def of_step(self) -> Single:
        return self._of_step

    def add_gradient(self, gradient: Weights) -> None:
        add_column_norm_gradient(gradient, self._weights, self._l1)
        if self._edges is not None:
            self._edges.add_gradient(gradient)
        if self._anchor is not None:
            add_similarity_gradient(gradient, self._anchor, self._ewc)

    def value(self) -> Tensor:
        total = self._single.value(self._weights) + self._l1 * column_norm(self._weights)
        if self._edges is not None:
            total += self._edges.value()
        if self._anchor is not None:
            total += self._ewc * similarity(self._weights, self._anchor)
        return total


def pull_back(weights: Weights, layers: Layers, d3: Tensor, activation: Activation) -> Tensor:
    """Return the gradient at the first pre-activation, G x H x M, from that at the output.

    Parameters
    ----------
    weights, layers
        The networks, and what :func:`forward` returned for them.
    d3
        Gradient at the output, G x 1 x M.
    activation
        Non-linearity of the hidden layers.
    """
    d2 = ACTIVATIONS[activation].backward_(weights.w3.transpose(1, 2) * d3, layers.a2)
    return through_second_layer(weights, layers.a1, d2, activation)


def through_second_layer(
    weights: Weights, a1: Tensor, d2: Tensor, activation: Activation, out: Tensor | None = None
) -> Tensor:
    """Return the gradient at the first pre-activation from that at the second.

    Parameters
    ----------
    weights
        The networks.
    a1
        Their first activation, G x H x M.
    d2
        Gradient at the second pre-activation, G x H2 x M.
    activation
        Non-linearity of the hidden layers.
    out
        Memory for the result, by default new.
    """
    return ACTIVATIONS[activation].backward_(torch.bmm(weights.w2.transpose(1, 2), d2, out=out), a1)
