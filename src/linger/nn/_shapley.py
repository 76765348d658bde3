"""DeepSHAP of a block of networks in closed form."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from linger.nn._ensemble import ACTIVATIONS, Activation, Inputs, Layers, Weights, forward
from linger.nn._matmul import bmm_t

_SMALL = 1e-6  # below this difference the secant is replaced by the slope, as shap does


class Shapley(NamedTuple):
    """Shapley values of G networks summarised over M samples."""

    tf: Tensor
    """Mean absolute Shapley value of every TF, G x T."""
    re: Tensor
    """Mean absolute Shapley value of every RE, G x P."""
    tf_sign: Tensor
    """Sign of the covariance of Shapley value and input, G x T: +1 activates, -1 represses, 0 none."""
    re_sign: Tensor
    """The same for REs, G x P."""


@torch.no_grad()
def shapley(
    weights: Weights, inputs: Inputs, background: Inputs, *, activation: Activation = "relu", chunk: int = 1
) -> Shapley:
    """Summarise the Shapley values of every input of every network of a block.

    Parameters
    ----------
    weights
        Networks of G genes.
    inputs
        The M samples to explain.
    background
        The K samples that stand for an input not being known.
    activation
        Non-linearity of the hidden layers.
    chunk
        Genes at once; memory is about ``4 * chunk * H * K * (3 * M + F)`` bytes. Changes nothing else.

    Returns
    -------
    Mean absolute values and signs.
    """
    parts = []
    for rows in torch.split(torch.arange(len(weights.tf), device=weights.tf.device), chunk):
        tf, re = shapley_values(
            Weights(*(w[rows] for w in weights)), _take(inputs, rows), _take(background, rows), activation=activation
        )
        x_re = inputs.re[rows, 1:].transpose(1, 2)
        parts.append((tf.abs().mean(1), re.abs().mean(1), _sign(tf, inputs.tf.T), _sign(re, x_re)))
    return Shapley(*(torch.cat(column) for column in zip(*parts, strict=True)))


def _take(inputs: Inputs, rows: Tensor) -> Inputs:
    empty = rows[:0]
    return Inputs(inputs.tf, inputs.re[rows], empty, empty)


def _sign(phi: Tensor, x: Tensor) -> Tensor:
    return ((phi - phi.mean(1, keepdim=True)) * x).sum(1).sign()


@torch.no_grad()
def shapley_values(
    weights: Weights, inputs: Inputs, background: Inputs, *, activation: Activation = "relu"
) -> tuple[Tensor, Tensor]:
    """Return the DeepSHAP values of every input, sample and network.

    DeepLIFT's rescale rule averaged over the background (Lundberg & Lee 2017; Shrikumar et al. 2017). With u the multiplier of
    output against first pre-activation for a pair (sample m, background k), ::

        phi_f(m) = sum_h W1[h, f] * (x_f(m) * mean_k u_h(m, k) - mean_k u_h(m, k) b_f(k))

    so the second term is a product over all pairs (k, h). Values add up to ``f(x) - mean f(background)``.

    Parameters
    ----------
    weights
        Networks of G genes.
    inputs, background
        M samples to explain and K that stand for the unknown.
    activation
        Non-linearity of the hidden layers.

    Returns
    -------
    Values of the TFs (G x M x T) and of the REs (G x M x P).
    """
    u = _multipliers(
        weights, forward(weights, inputs, activation), forward(weights, background, activation), activation
    )
    n_genes, n_samples, n_background, n_hidden = u.shape
    n_tfs = weights.tf.shape[2]
    first = torch.cat([weights.tf, weights.re[:, :, 1:]], dim=2).transpose(1, 2)  # G x F x H
    x, b = _features(inputs), _features(background)
    # b_f(k) W1[h, f] for all pairs (k, h) at once, so that summing over both is a single product
    paired = (b[..., None] * first[:, :, None]).view(n_genes, -1, n_background * n_hidden)
    phi = bmm_t(u.mean(2), first).mul_(x.transpose(1, 2))
    phi.sub_(bmm_t(u.div_(n_background).view(n_genes, n_samples, -1), paired))
    return phi[..., :n_tfs], phi[..., n_tfs:]


def _features(inputs: Inputs) -> Tensor:
    """Return TFs and REs of every gene, G x F x samples."""
    return torch.cat([inputs.tf.expand(len(inputs.re), -1, -1), inputs.re[:, 1:]], dim=1)


def _multipliers(weights: Weights, x: Layers, b: Layers, activation: Activation) -> Tensor:
    """Multipliers of the output against the first pre-activation, G x M x K x H."""
    backward = ACTIVATIONS[activation].backward
    secant2 = _secant(x.z2, x.a2, b.z2, b.a2, backward(torch.ones_like(x.a2), x.a2)).mul_(weights.w3[:, None])
    through = bmm_t(secant2.flatten(1, 2), weights.w2.transpose(1, 2))
    secant1 = _secant(x.z1, x.a1, b.z1, b.a1, backward(torch.ones_like(x.a1), x.a1))
    return secant1.mul_(through.view_as(secant1))


def _secant(z: Tensor, a: Tensor, z_b: Tensor, a_b: Tensor, slope: Tensor) -> Tensor:
    """Change of activation over change of pre-activation for all pairs of sample and background, G x M x K x units."""
    z, a, slope = (t.transpose(1, 2).contiguous()[:, :, None] for t in (z, a, slope))
    z_b, a_b = (t.transpose(1, 2).contiguous()[:, None] for t in (z_b, a_b))
    dz = z - z_b
    flat = dz.abs() < _SMALL
    ratio = (a - a_b).div_(dz)
    return torch.where(flat, slope, ratio, out=ratio)
