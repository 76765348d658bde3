"""Penalties of the first layer in closed form, with their gradients added in place."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from linger.nn._ensemble import Inputs, Weights


class MotifGraph(NamedTuple):
    """Normalised bipartite motif graph of every gene of a block."""

    adjacency: Tensor
    """Bn = D_TF^-1/2 B D_RE^-1/2, G x T x (1 + P); column 0 (the bias) and padding are 0."""
    tf_nodes: Tensor
    """1 where a TF has an edge in the gene's graph, G x 1 x T."""
    re_nodes: Tensor
    """1 where an RE has an edge, G x 1 x (1 + P)."""


class Anchor(NamedTuple):
    """Where elastic weight consolidation holds the first layer of every gene, and how firmly."""

    tf: Tensor
    """Weights of the prior, TFs: G x H x T."""
    re: Tensor
    """Bias and REs: G x H x (1 + P)."""
    tf_pull: Tensor
    """How firmly, G x H x T: Fisher information over the number of weights of the gene's first layer (for the authors' terms, Fisher
    information as it was); 0 where the prior knows nothing."""
    re_pull: Tensor
    """The same for bias (always 0) and REs, G x H x (1 + P)."""


def motif_graph(affinity: Tensor, inputs: Inputs) -> MotifGraph:
    """Normalise the motif affinities of a block within each gene's own graph.

    Its nodes are the TFs but the gene itself and the gene's REs, those left out that do not vary over the samples.

    Parameters
    ----------
    affinity
        B >= 0, G x T x (1 + P), column 0 and padding 0.
    inputs
        The block.

    Notes
    -----
    Normalised Laplacian of the bipartite graph: Yuan & Duren 2024, Methods, manifold regularisation. D^-1/2 is 0 where the degree is.
    """
    varying = inputs.tf.any(dim=1)[None, :, None] & inputs.re.any(dim=2)[:, None]
    affinity = affinity * varying  # nothing but this term and l1 would move the weights of a constant input: noise
    affinity[inputs.own_gene, inputs.own_tf] = 0
    tf_degree, re_degree = affinity.sum(dim=2, keepdim=True), affinity.sum(dim=1, keepdim=True)
    adjacency = affinity.mul_(_inverse_sqrt(tf_degree)).mul_(_inverse_sqrt(re_degree))
    nodes = (tf_degree > 0).to(affinity.dtype).transpose(1, 2).contiguous(), (re_degree > 0).to(affinity.dtype)
    return MotifGraph(adjacency, *nodes)


def _inverse_sqrt(degree: Tensor) -> Tensor:
    return torch.where(degree > 0, degree.clamp(min=torch.finfo(degree.dtype).tiny).rsqrt(), 0)


def manifold_penalty(weights: Weights, graph: MotifGraph) -> Tensor:
    """Return tr(W^T Lnorm W) of every gene (length G) without forming the Laplacian.

    ``tr(W^T Lnorm W) = ||W||^2 (nodes with an edge) - 2 sum(W_TF * (Bn W_RE))``.

    Parameters
    ----------
    weights
        Networks of G genes.
    graph
        Their motif graph.
    """
    squares = (weights.tf.square() * graph.tf_nodes).sum((1, 2)) + (weights.re.square() * graph.re_nodes).sum((1, 2))
    return squares - 2 * (torch.bmm(weights.tf, graph.adjacency) * weights.re).sum((1, 2))


class Edges:
    """The second term of :func:`manifold_penalty`, times a weight; :class:`~linger.nn._single.Single` has the first.

    Parameters
    ----------
    weights
        Networks of G genes, which may change.
    graph
        Their motif graph.
    weight
        The weight.
    """

    def __init__(self, weights: Weights, graph: MotifGraph, weight: float) -> None:
        self._weights, self._weight, self._to_res = weights, weight, graph.adjacency
        self._to_tfs = graph.adjacency.transpose(1, 2)
        if (
            weights.tf.device.type == "cpu"
        ):  # a copy, so that both products read along their memory: faster than transposing each time
            self._to_tfs = self._to_tfs.contiguous()
        self._reached = weights.re.new_full(weights.re.shape, torch.nan)

    def add_gradient(self, gradient: Weights) -> None:
        """Add the gradient of the term to `gradient`."""
        torch.bmm(self._weights.tf, self._to_res, out=self._reached)
        gradient.re.add_(self._reached, alpha=-2 * self._weight)
        gradient.tf.baddbmm_(self._weights.re, self._to_tfs, alpha=-2 * self._weight)

    def value(self) -> Tensor:
        """Return the term for every gene (length G) by the product of :meth:`add_gradient`: to be called after it, before weights change."""
        return (self._reached * self._weights.re).sum((1, 2)).mul_(-2 * self._weight)


def l1_penalty(weights: Weights) -> Tensor:
    """Return the sum of absolute weights over all layers of every gene, biases left out (length G).

    Parameters
    ----------
    weights
        Networks of G genes.
    """
    return torch.stack([part.abs().sum((1, 2)) for part in without_biases(weights)]).sum(0)


def without_biases(weights: Weights) -> tuple[Tensor, ...]:
    """Return views of what l1 is about: the weights of all layers but the biases."""
    return weights.tf, weights.re[:, :, 1:], weights.w2, weights.w3


def ewc_penalty(weights: Weights, anchor: Anchor) -> Tensor:
    """Return mean F (theta - theta_b)^2 over the first layer of every gene, biases left out (length G).

    Elastic weight consolidation (Kirkpatrick et al. 2017), as Yuan & Duren 2024 describe it.

    Parameters
    ----------
    weights
        Networks of G genes.
    anchor
        Weights theta_b of the prior and Fisher information F, which holds the 1 / number of weights of the mean.
    """
    tf = ((weights.tf - anchor.tf).square_() * anchor.tf_pull).sum((1, 2))
    return tf + ((weights.re - anchor.re).square_() * anchor.re_pull).sum((1, 2))


def add_ewc_gradient(gradient: Weights, weights: Weights, anchor: Anchor, weight: float) -> None:
    """Add ``weight`` times the gradient of :func:`ewc_penalty` to `gradient`."""
    gradient.tf.addcmul_(weights.tf - anchor.tf, anchor.tf_pull, value=2 * weight)
    gradient.re.addcmul_(weights.re - anchor.re, anchor.re_pull, value=2 * weight)


def freeze_anchored(gradient: Weights, anchor: Anchor) -> None:
    """Set the gradient to 0 wherever the prior knows something: the limit of an infinite weight."""
    gradient.tf.masked_fill_(anchor.tf_pull > 0, 0)
    gradient.re.masked_fill_(anchor.re_pull > 0, 0)
