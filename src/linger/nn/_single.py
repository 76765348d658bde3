"""Penalties on every weight by itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import torch
from torch import Tensor

from linger.nn._ensemble import Weights
from linger.nn._kernels import add_single
from linger.nn._losses import MotifGraph, without_biases


@dataclass(frozen=True)
class Single:
    """The penalty ``l1 |w| + squares w^2 / 2`` on every weight of a block of networks."""

    l1: Weights
    """Each 1 x 1 x columns."""
    squares: Weights
    """Each 1 x 1 x columns, the same for all genes, or G x 1 x columns."""

    @classmethod
    def of(
        cls,
        weights: Weights,
        *,
        l1: float = 0.0,
        decay: float = 0.0,
        manifold: float = 0.0,
        graph: MotifGraph | None = None,
    ) -> Self:
        """Collect such penalties.

        Parameters
        ----------
        weights
            Networks of G genes.
        l1
            Weight of the l1 norm of all weights but biases.
        decay
            Weight of half the squares of all weights.
        manifold
            Weight of the squares of weights whose input has a motif edge: that part of the manifold term which is about single nodes.
        graph
            Motif graph of the block.
        """
        columns = Weights(*(w.new_zeros(1, 1, w.shape[2]) for w in weights))
        for part in without_biases(columns):
            part.fill_(l1)
        squares = Weights(*(torch.full_like(column, decay) for column in columns))
        if graph is not None and manifold:
            nodes = (2 * manifold * part.contiguous() for part in (graph.tf_nodes, graph.re_nodes))
            tf, re = (part + more for part, more in zip(squares, nodes, strict=False))
            squares = squares._replace(tf=tf, re=re)
        return cls(columns, squares)

    @cached_property
    def _has_l1_and_squares(self) -> tuple[bool, bool]:
        return any(map(torch.any, self.l1)), any(map(torch.any, self.squares))

    def value(self, weights: Weights) -> Tensor:
        """Return the penalty of every gene (length G)."""
        total = weights.tf.new_zeros(len(weights.tf))
        if total.device.type == "cpu":
            for w, l1, squares in zip(*(map(rows, layers) for layers in (weights, self.l1, self.squares)), strict=True):
                add_single(total.numpy(), w, l1[0], squares)
            return total
        for w, l1, squares in zip(weights, self.l1, self.squares, strict=True):
            total += (l1 * w.abs() + squares * w.square() / 2).sum((1, 2))
        return total

    def add_gradient(self, gradient: Weights, weights: Weights) -> None:
        """Add the gradient of the penalty to `gradient`; that of ``|w|`` is 0 at 0."""
        has_l1, has_squares = self._has_l1_and_squares
        for added, w, l1, squares in zip(gradient, weights, self.l1, self.squares, strict=True):
            if has_l1:
                added.addcmul_(w.sign(), l1)
            if has_squares:
                added.addcmul_(w, squares)


def rows(array: Tensor) -> np.ndarray:
    """Return the same memory as a matrix with the last axis of `array` as columns; refuses what is not contiguous."""
    return array.view(-1).numpy().reshape(-1, array.shape[2])
