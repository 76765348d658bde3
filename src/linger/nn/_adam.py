"""Adam for a block of networks, the l1 norm of the weights included."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.optim.adam import adam

from linger.nn._ensemble import Weights
from linger.nn._kernels import adam_rows
from linger.nn._losses import add_l1_gradient, without_biases

_BETA1, _BETA2, _EPS = 0.9, 0.999, 1e-8


class Adam:
    """Adam (Kingma & Ba 2015) with torch's defaults, on the gradient of a loss to which it adds ``l1 * sum |w|``.

    On the CPU one compiled pass over the weights, elsewhere torch's fused kernel.

    Parameters
    ----------
    weights
        What is trained, contiguous; changed in place.
    gradient
        Where the gradient of everything but the l1 norm is found at each step; its content may change.
    l1
        Weight of the l1 norm; biases left out.
    decay
        Adam's weight decay.
    """

    def __init__(self, weights: Weights, gradient: Weights, *, l1: float, decay: float) -> None:
        self._weights, self._gradient, self._l1, self._decay = weights, gradient, l1, float(decay)
        self._moments = [[torch.zeros_like(w) for w in weights] for _ in range(2)]
        self._counts = [torch.zeros((), device=w.device) for w in weights]
        self._number = 0
        self._compiled = weights.tf.device.type == "cpu"
        if self._compiled:
            layers = zip(weights, gradient, *self._moments, strict=True)
            self._rows = [[_rows(array) for array in layer] for layer in layers]
            columns = Weights(*(w.new_zeros(1, 1, w.shape[2]) for w in weights))
            for part in without_biases(columns):
                part.fill_(l1)
            self._columns_l1 = [_rows(values)[0] for values in columns]

    def step(self, rate: float) -> None:
        """Move the weights by a step of size `rate`."""
        self._number += 1
        if self._compiled:
            self._step_compiled(rate)
        else:
            self._step_fused(rate)

    def _step_compiled(self, rate: float) -> None:
        corrected = rate / (1 - _BETA1**self._number), 1 / math.sqrt(1 - _BETA2**self._number)
        for (w, g, m, v), l1 in zip(self._rows, self._columns_l1, strict=True):
            adam_rows(w, g, m, v, l1, self._decay, _BETA1, _BETA2, *corrected, _EPS)

    def _step_fused(self, rate: float) -> None:
        add_l1_gradient(self._gradient, self._weights, self._l1)
        adam(
            list(self._weights),
            list(self._gradient),
            self._moments[0],
            self._moments[1],
            [],  # AMSGrad's maxima
            self._counts,
            fused=True,
            amsgrad=False,
            beta1=_BETA1,
            beta2=_BETA2,
            lr=rate,
            weight_decay=self._decay,
            eps=_EPS,
            maximize=False,
        )


def _rows(array: Tensor) -> np.ndarray:
    """Return the same memory as a matrix with the last axis of `array` as columns; refuses what is not contiguous."""
    return array.view(-1).numpy().reshape(-1, array.shape[2])
