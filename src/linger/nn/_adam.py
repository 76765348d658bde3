"""Adam for a block of networks, penalties on single weights included."""

from __future__ import annotations

import math

import torch
from torch.optim.adam import adam

from linger.nn._ensemble import Weights
from linger.nn._kernels import adam_rows
from linger.nn._single import Single, rows

_BETA1, _BETA2, _EPS = 0.9, 0.999, 1e-8


class Adam:
    """Adam (Kingma & Ba 2015) with torch's defaults, on the gradient of a loss to which it adds penalties on single weights.

    On the CPU one compiled pass over the weights, elsewhere torch's fused kernel.

    Parameters
    ----------
    weights
        What is trained, contiguous; changed in place.
    gradient
        Where the gradient of everything but `single` is found at each step; its content may change.
    single
        Penalties on single weights.
    """

    def __init__(self, weights: Weights, gradient: Weights, single: Single) -> None:
        self._weights, self._gradient, self._single = weights, gradient, single
        self._moments = [[torch.zeros_like(w) for w in weights] for _ in range(2)]
        self._counts = [torch.zeros((), device=w.device) for w in weights]
        self._number = 0
        self._compiled = weights.tf.device.type == "cpu"
        if self._compiled:
            layers = zip(weights, gradient, *self._moments, single.l1, single.squares, strict=True)
            self._rows = [[rows(array) for array in layer] for layer in layers]

    def step(self, rate: float) -> None:
        """Move the weights by a step of size `rate`."""
        self._number += 1
        if self._compiled:
            self._step_compiled(rate)
        else:
            self._step_fused(rate)

    def _step_compiled(self, rate: float) -> None:
        corrected = rate / (1 - _BETA1**self._number), 1 / math.sqrt(1 - _BETA2**self._number)
        for w, g, m, v, l1, squares in self._rows:
            adam_rows(w, g, m, v, l1[0], squares, _BETA1, _BETA2, *corrected, _EPS)

    def _step_fused(self, rate: float) -> None:
        self._single.add_gradient(self._gradient, self._weights)
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
            weight_decay=0.0,
            eps=_EPS,
            maximize=False,
        )
