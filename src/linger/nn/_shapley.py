"""DeepSHAP of a block of networks in closed form."""

from __future__ import annotations

import math
from typing import NamedTuple, Self

import torch
from torch import Tensor
from torch.nn.functional import pad

from linger.nn._ensemble import ACTIVATIONS, Activation, Inputs, Weights, forward
from linger.nn._kernels import times_secant
from linger.nn._products import fast_products

_UNITS = 4
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


class _Layer(NamedTuple):
    """A hidden layer for the samples to explain and for the background (`_b`), each G x samples x units, contiguous."""

    z: Tensor
    """Pre-activation."""
    a: Tensor
    """Activation."""
    slope: Tensor
    """Derivative of the activation."""
    z_b: Tensor
    a_b: Tensor

    @classmethod
    def of(cls, activation: Activation, *arrays: Tensor) -> Self:
        """Of pre-activation and activation for the samples and for the background, each G x units x samples."""
        z, a, z_b, a_b = (array.transpose(1, 2).contiguous() for array in arrays)
        return cls(z, a, ACTIVATIONS[activation].backward_(torch.ones_like(a), a), z_b, a_b)

    def flat(self) -> Tensor:
        """Return which units of the only gene do the same in all samples, at slope 0: their multipliers are 0."""
        flat = (self.a == self.a_b[:, :1]) & (self.slope == 0)
        return flat.all(1)[0] & (self.a_b == self.a_b[:, :1]).all(1)[0]

    def straight(self) -> Tensor:
        """Return which units of the only gene hand on what they get in all samples: their multipliers are 1."""
        straight = (self.a == self.z) & (self.slope == 1)
        return straight.all(1)[0] & (self.a_b == self.z_b).all(1)[0]


def _values(
    weights: Weights, inputs: Inputs, background: Inputs, activation: Activation, work: _Workspace
) -> tuple[Tensor, Tensor]:
    """Return the values of all inputs, and the inputs themselves, both G x F x M."""
    x, b = forward(weights, inputs, activation), forward(weights, background, activation)
    layer, layer2 = _Layer.of(activation, x.z1, x.a1, b.z1, b.a1), _Layer.of(activation, x.z2, x.a2, b.z2, b.a2)
    first, w2 = torch.cat([weights.tf, weights.re[:, :, 1:]], dim=2), weights.w2
    if len(first) == 1:  # of several genes other units are straight
        first, w2, layer = _bent_only(first, weights, layer, layer2)
    u, mean = _multipliers(w2, weights.w3, layer, layer2, work)
    n_genes, n_samples, n_background, n_units = u.shape
    features, first = _features(inputs), first.transpose(1, 2).contiguous()  # both G x F x -
    values = torch.bmm(first, mean.transpose(1, 2)).mul_(features)
    # b_f(k) W1[h, f] for all pairs (k, h) at once, so that summing over both is a single product
    paired = work.empty("paired", (n_genes, first.shape[1], n_background, n_units), inputs.tf)
    torch.mul(_features(background).div_(n_background)[..., None], first[:, :, None], out=paired)
    u = u.view(n_genes, n_samples, -1).to(paired.dtype)
    return values.sub_(torch.bmm(paired.flatten(2), u.transpose(1, 2))), features


def _bent_only(first: Tensor, weights: Weights, layer: _Layer, layer2: _Layer) -> tuple[Tensor, Tensor, _Layer]:
    """Leave out units of a gene's first layer that are flat, and join those that are straight; others are bent.

    Inputs reach the second layer through straight units as if there were none, by ``W2 W1`` over these units. So every bent unit of
    the second layer gets a unit of its own in the first, behind the bent ones there, and all its straight ones together get one. As
    most units are straight or flat after training with ReLU, that is several times fewer. Where it would not be fewer, straight units
    count as bent.

    Returns
    -------
    First layer (1 x units x F) and second layer (1 x H2 x units) of the same function, the bent units first and some that do nothing
    last: oneDNN compiles and keeps code for every shape of a product, so their number is a multiple of 4. Then the layer of the bent
    units.
    """
    flat, straight, straight2 = layer.flat(), layer.straight(), layer2.straight()
    bent2 = ~(straight2 | layer2.flat())
    if straight.sum() <= bent2.sum() + 1:
        straight = torch.zeros_like(straight)
    bent = ~(flat | straight)
    kept, w2 = [first[:, bent]], [weights.w2[:, :, bent]]
    if straight.any():
        together = weights.w3[0] * straight2  # what the output changes by each of the straight ones
        own = torch.cat([torch.eye(len(bent2), dtype=first.dtype, device=first.device)[bent2], together])
        kept.append(own @ (weights.w2[:, :, straight] @ first[:, straight]))
        largest = together.abs().argmax()  # one of them tells them all: their multiplier is to be 1
        own[-1] = 0
        own[-1, largest] = together[0, largest].reciprocal().nan_to_num(posinf=0, neginf=0)
        w2.append(own.T[None])
    extra = -sum(part.shape[1] for part in kept) % _UNITS
    first, second = pad(torch.cat(kept, dim=1), (0, 0, 0, extra)), pad(torch.cat(w2, dim=2), (0, extra))
    return first, second, _Layer(*(array[:, :, bent] for array in layer))


def _features(inputs: Inputs) -> Tensor:
    """Return TFs and REs of every gene, G x F x samples."""
    return torch.cat([inputs.tf.expand(len(inputs.re), -1, -1), inputs.re[:, 1:]], dim=1)


def _multipliers(w2: Tensor, w3: Tensor, layer: _Layer, layer2: _Layer, work: _Workspace) -> tuple[Tensor, Tensor]:
    """Multipliers of the output against what enters the first layer, G x M x K x units, and their mean over K."""
    pairs = len(layer.z), layer.z.shape[1], layer.z_b.shape[1]
    second = work.empty("second", (*pairs, w2.shape[1]), w2)
    second.copy_(w3[:, None])
    _times_secant(second, layer2)
    through = work.empty("through", (*pairs, w2.shape[2]), w2)
    torch.bmm(second.flatten(1, 2), w2, out=through.flatten(1, 2))
    return through, _times_secant(through, layer).div_(pairs[2])


def _times_secant(out: Tensor, layer: _Layer) -> Tensor:
    """Multiply by the change of activation over that of pre-activation, and return the sum over the background, G x M x units.

    Parameters
    ----------
    out
        G x M x K x units, changed in place. Units past those of the layer are multiplied by 1.
    layer
        The layer.
    """
    if out.device.type != "cpu":
        return _times_secant_torch(out, layer)
    total = out.new_empty(*out.shape[:2], out.shape[3])
    z, a, slope, z_b, a_b = (array.numpy() for array in layer)
    times_secant(out.numpy(), total.numpy(), z, a, slope, z_b, a_b, _SMALL)
    return total


def _times_secant_torch(out: Tensor, layer: _Layer) -> Tensor:
    dz = layer.z[:, :, None] - layer.z_b[:, None]
    secant = (layer.a[:, :, None] - layer.a_b[:, None]).div_(dz)
    out[..., : layer.z.shape[2]] *= torch.where(dz.abs_() < _SMALL, layer.slope[:, :, None], secant, out=secant)
    return out.sum(2)
