"""DeepSHAP of a block of networks in closed form."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from linger.nn._ensemble import ACTIVATIONS, Activation, Inputs, Layers, Weights, forward
from linger.nn._kernels import times_secant
from linger.nn._products import fast_products

_UNITS = 8
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
@fast_products()
def shapley(
    weights: Weights, inputs: Inputs, background: Inputs, *, activation: Activation = "relu", chunk: int | None = None
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
        Genes at once, by default :func:`explained_at_once`; memory is about ``4 * chunk * H * K * (3 * M + F)`` bytes. Changes nothing else.

    Returns
    -------
    Mean absolute values and signs.
    """
    parts, work, device = [], _Workspace(), weights.tf.device
    for rows in torch.split(torch.arange(len(weights.tf), device=device), chunk or explained_at_once(device)):
        part = Weights(*(w[rows] for w in weights)), _take(inputs, rows), _take(background, rows)
        values, x = _values(*part, activation, work)
        parts.append((values.abs().mean(2), _sign(values, x)))
    strength, sign = (torch.cat(column) for column in zip(*parts, strict=True))
    n_tfs = weights.tf.shape[2]
    return Shapley(strength[:, :n_tfs], strength[:, n_tfs:], sign[:, :n_tfs], sign[:, n_tfs:])


def explained_at_once(device: torch.device) -> int:
    """Return the number of genes whose Shapley values are computed at once by default.

    Parameters
    ----------
    device
        Where that is done.
    """
    return 1 if device.type == "cpu" else 64


def _take(inputs: Inputs, rows: Tensor) -> Inputs:
    empty = rows[:0]
    return Inputs(inputs.tf, inputs.re[rows], empty, empty)


def _sign(phi: Tensor, x: Tensor) -> Tensor:
    return ((phi - phi.mean(2, keepdim=True)) * x).sum(2).sign()


@torch.no_grad()
@fast_products()
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
    values = _values(weights, inputs, background, activation, _Workspace())[0].transpose(1, 2)
    n_tfs = weights.tf.shape[2]
    return values[..., :n_tfs], values[..., n_tfs:]


class _Workspace:
    """Memory of large arrays, used again for gene after gene: getting it from the system takes longer than filling it."""

    def __init__(self) -> None:
        self._arrays: dict[str, Tensor] = {}

    def empty(self, name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Return an array of any content, which is the one returned before by the same name."""
        size = math.prod(shape)
        if name not in self._arrays or len(self._arrays[name]) < size:
            self._arrays[name] = like.new_empty(size)
        return self._arrays[name][:size].view(shape)


def _values(
    weights: Weights, inputs: Inputs, background: Inputs, activation: Activation, work: _Workspace
) -> tuple[Tensor, Tensor]:
    """Return the values of all inputs, and the inputs themselves, both G x F x M."""
    x, b = forward(weights, inputs, activation), forward(weights, background, activation)
    slope = ACTIVATIONS[activation].backward_(torch.ones_like(x.a1), x.a1)
    if len(weights.tf) == 1:
        weights, x, b, slope = _used_units(weights, x, b, slope)
    u, mean = _multipliers(weights, x, b, slope, activation, work)
    n_genes, n_samples, n_background, n_hidden = u.shape
    features = _features(inputs)
    first = torch.cat([weights.tf, weights.re[:, :, 1:]], dim=2).transpose(1, 2).contiguous()  # G x F x H
    values = torch.bmm(first, mean.transpose(1, 2)).mul_(features)
    # b_f(k) W1[h, f] for all pairs (k, h) at once, so that summing over both is a single product
    paired = work.empty("paired", (n_genes, first.shape[1], n_background, n_hidden), inputs.tf)
    torch.mul(_features(background).div_(n_background)[..., None], first[:, :, None], out=paired)
    u = u.view(n_genes, n_samples, -1).to(paired.dtype)
    return values.sub_(torch.bmm(paired.flatten(2), u.transpose(1, 2))), features


def _used_units(weights: Weights, x: Layers, b: Layers, slope: Tensor) -> tuple[Weights, Layers, Layers, Tensor]:
    """Leave out units of a gene's first layer that are the same in all samples, at slope 0: their multipliers are 0.

    Some stay, up to a multiple of 8: oneDNN compiles and keeps code for every shape of a product.
    """
    used = ((x.a1 != b.a1[:, :, :1]) | (slope != 0)).any(2)[0] | (b.a1 != b.a1[:, :, :1]).any(2)[0]
    n_kept = -(-int(used.sum()) // _UNITS) * _UNITS
    used = used.argsort(descending=True, stable=True)[:n_kept].sort().values
    weights = weights._replace(tf=weights.tf[:, used], re=weights.re[:, used], w2=weights.w2[:, :, used])
    x, b = (layers._replace(z1=layers.z1[:, used], a1=layers.a1[:, used]) for layers in (x, b))
    return weights, x, b, slope[:, used]


def _features(inputs: Inputs) -> Tensor:
    """Return TFs and REs of every gene, G x F x samples."""
    return torch.cat([inputs.tf.expand(len(inputs.re), -1, -1), inputs.re[:, 1:]], dim=1)


def _multipliers(
    weights: Weights, x: Layers, b: Layers, slope: Tensor, activation: Activation, work: _Workspace
) -> tuple[Tensor, Tensor]:
    """Multipliers of the output against the first pre-activation, G x M x K x H, and their mean over K."""
    slope2 = ACTIVATIONS[activation].backward_(torch.ones_like(x.a2), x.a2)
    pairs = len(x.z1), x.z1.shape[2], b.z1.shape[2]
    second = work.empty("second", (*pairs, x.z2.shape[1]), x.z2)
    second.copy_(weights.w3[:, None])
    _times_secant(second, (x.z2, x.a2, slope2, b.z2, b.a2))
    through = work.empty("through", (*pairs, x.z1.shape[1]), x.z1)
    torch.bmm(second.flatten(1, 2), weights.w2, out=through.flatten(1, 2))
    return through, _times_secant(through, (x.z1, x.a1, slope, b.z1, b.a1)).div_(pairs[2])


def _times_secant(out: Tensor, layer: tuple[Tensor, ...]) -> Tensor:
    """Multiply by the change of activation over that of pre-activation, and return the sum over the background.

    Parameters
    ----------
    out
        G x M x K x units, changed in place.
    layer
        Pre-activation, activation and its derivative of the samples, G x units x M; the first two of the background, G x units x K.
    """
    z, a, slope, z_b, a_b = (array.transpose(1, 2).contiguous() for array in layer)
    if out.device.type != "cpu":
        return _times_secant_torch(out, z, a, slope, z_b, a_b)
    total = torch.empty_like(z)
    times_secant(out.numpy(), total.numpy(), z.numpy(), a.numpy(), slope.numpy(), z_b.numpy(), a_b.numpy(), _SMALL)
    return total


def _times_secant_torch(out: Tensor, z: Tensor, a: Tensor, slope: Tensor, z_b: Tensor, a_b: Tensor) -> Tensor:
    dz = z[:, :, None] - z_b[:, None]
    secant = (a[:, :, None] - a_b[:, None]).div_(dz)
    return out.mul_(torch.where(dz.abs_() < _SMALL, slope[:, :, None], secant, out=secant)).sum(2)
