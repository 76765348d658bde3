"""The penalties as the authors' package writes them, for comparison (FitConfig.lingergrn)."""

from __future__ import annotations

import torch
from torch import Tensor

from linger.nn._ensemble import Weights
from linger.nn._losses import Anchor


def column_norm(weights: Weights) -> Tensor:
    """Return what LingerGRN 1.117 calls the l1 norm, of every gene (length G).

    ``torch.linalg.norm(W, 1)`` of a matrix is its largest column sum of absolute values, not the sum of all; biases, being vectors,
    do count with their sum.

    Parameters
    ----------
    weights
        Networks of G genes.
    """
    tf, re = weights.tf.abs().sum(1), weights.re.abs().sum(1)
    matrices = [torch.cat([tf, re[:, 1:]], dim=1), weights.w2.abs().sum(1), weights.w3.abs().sum(1)]
    biases = re[:, 0] + weights.b2.abs().sum((1, 2)) + weights.b3.abs().sum((1, 2))
    return torch.stack([columns.amax(1) for columns in matrices]).sum(0) + biases


def add_column_norm_gradient(gradient: Weights, weights: Weights, weight: float) -> None:
    """Add ``weight`` times the (sub)gradient of :func:`column_norm`: signs of the largest column of each matrix, and of biases."""
    tf, re = weights.tf.abs().sum(1, keepdim=True), weights.re[:, :, 1:].abs().sum(1, keepdim=True)
    largest = torch.cat([tf, re], dim=2).amax(2, keepdim=True)
    gradient.tf.addcmul_(weights.tf.sign(), (tf == largest).to(tf.dtype), value=weight)
    gradient.re[:, :, 1:].addcmul_(weights.re[:, :, 1:].sign(), (re == largest).to(re.dtype), value=weight)
    for added, values in ((gradient.w2, weights.w2), (gradient.w3, weights.w3)):
        columns = values.abs().sum(1, keepdim=True)
        added.addcmul_(values.sign(), (columns == columns.amax(2, keepdim=True)).to(tf.dtype), value=weight)
    gradient.re[:, :, 0].add_(weights.re[:, :, 0].sign(), alpha=weight)
    gradient.b2.add_(weights.b2.sign(), alpha=weight)
    gradient.b3.add_(weights.b3.sign(), alpha=weight)


def similarity(weights: Weights, anchor: Anchor) -> Tensor:
    """Return -sum F theta theta_b over the first layer of every gene (length G), LingerGRN's term for the prior.

    Parameters
    ----------
    weights
        Networks of G genes.
    anchor
        Weights theta_b of the prior and Fisher information F.
    """
    tf, re = (weights.tf * anchor.tf * anchor.tf_pull), (weights.re * anchor.re * anchor.re_pull)
    return -(tf.sum((1, 2)) + re.sum((1, 2)))


def add_similarity_gradient(gradient: Weights, anchor: Anchor, weight: float) -> None:
    """Add ``weight`` times the gradient of :func:`similarity` to `gradient`."""
    gradient.tf.addcmul_(anchor.tf, anchor.tf_pull, value=-weight)
    gradient.re.addcmul_(anchor.re, anchor.re_pull, value=-weight)
