"""DeepSHAP of a block of networks in closed form."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from linger.nn._ensemble import ACTIVATIONS, Activation, Inputs, Layers, Weights, forward
from linger.nn._matmul import matmul_t

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
        Genes at once; memory is about ``4 * chunk * M * (3 * H * K + 2 * F)`` bytes. Changes nothing else.

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

    so the second term is one product with the background followed by a weighted sum over hidden units. Values add up to
    ``f(x) - mean f(background)``.

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
    n_hidden, n_genes, n_samples, n_background = u.shape
    mean = u.mean(3)
    u /= n_background
    w_re, x_re = weights.re[:, :, 1:], inputs.re[:, 1:].transpose(1, 2)
    b_tf, b_re = background.tf.contiguous(), background.re[:, 1:].transpose(1, 2)
    phi_tf = torch.bmm(mean.permute(1, 2, 0), weights.tf).mul_(inputs.tf.T)
    phi_re = torch.bmm(mean.permute(1, 2, 0), w_re).mul_(x_re)
    for h in range(n_hidden):
        expected = matmul_t(u[h].view(n_genes * n_samples, n_background), b_tf).view(n_genes, n_samples, -1)
        phi_tf.addcmul_(expected, weights.tf[:, h, None], value=-1)
        phi_re.addcmul_(torch.bmm(u[h], b_re), w_re[:, h, None], value=-1)
    return phi_tf, phi_re


def _multipliers(weights: Weights, x: Layers, b: Layers, activation: Activation) -> Tensor:
    """Multipliers of the output against the first pre-activation, H x G x M x K."""
    slope = ACTIVATIONS[activation][1]
    secant2 = _secant(x.z2, x.a2, b.z2, b.a2, slope(x.a2)).mul_(weights.w3.permute(2, 0, 1)[..., None])
    h2, n_genes, n_samples, n_background = secant2.shape
    pairs = secant2.permute(1, 0, 2, 3).reshape(n_genes, h2, n_samples * n_background)
    through = torch.bmm(weights.w2.transpose(1, 2), pairs).view(n_genes, -1, n_samples, n_background)
    return _secant(x.z1, x.a1, b.z1, b.a1, slope(x.a1)).mul_(through.transpose(0, 1))


def _secant(z: Tensor, a: Tensor, z_b: Tensor, a_b: Tensor, slope: Tensor) -> Tensor:
    """Change of activation over change of pre-activation for all pairs of sample and background, units x G x M x K."""
    z, a, z_b, a_b, slope = (t.transpose(0, 1).contiguous() for t in (z, a, z_b, a_b, slope))
    dz = z[..., None] - z_b[..., None, :]
    flat = dz.abs() < _SMALL
    ratio = (a[..., None] - a_b[..., None, :]).div_(dz)
    return torch.where(flat, slope[..., None], ratio, out=ratio)
