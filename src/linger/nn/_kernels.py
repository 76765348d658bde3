"""Loops compiled for the CPU: one pass over memory where tensor operations would take several."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeVar, cast

import numpy as np
from numba import njit

Array: TypeAlias = np.ndarray

_Function = TypeVar("_Function", bound=Callable[..., object])


def _compiled(function: _Function) -> _Function:
    """Compile for the CPU, other threads running meanwhile."""
    return cast("_Function", njit(function, nogil=True, error_model="numpy"))


@_compiled
def adam_rows(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    l1: Array,
    decay: float,
    beta1: float,
    beta2: float,
    rate: float,
    scale: float,
    eps: float,
) -> None:
    """Take a step of Adam, in place.

    Parameters
    ----------
    w, g, m, v
        Weights, their gradient without penalties, and Adam's two moments: rows x columns.
    l1
        Weight of the penalty ``|w|`` in every column.
    decay
        Weight of the penalty ``w^2 / 2``.
    beta1, beta2, eps
        Adam's constants.
    rate, scale
        Step size over the bias correction of the first moment, and one over the root of that of the second.
    """
    number = w.dtype.type  # of one precision: of two, the loop would not be vectorised
    decay_, rate_, scale_, eps_ = number(decay), number(rate), number(scale), number(eps)
    beta1_, rest1, beta2_, rest2 = number(beta1), number(1 - beta1), number(beta2), number(1 - beta2)
    for row in range(w.shape[0]):
        w_row, g_row, m_row, v_row = w[row], g[row], m[row], v[row]
        for i in range(w.shape[1]):
            weight = w_row[i]
            gradient = g_row[i] + l1[i] * np.sign(weight) + decay_ * weight
            first = beta1_ * m_row[i] + rest1 * gradient
            second = beta2_ * v_row[i] + rest2 * gradient * gradient
            m_row[i], v_row[i] = first, second
            w_row[i] = weight - rate_ * first / (np.sqrt(second) * scale_ + eps_)


@_compiled
def times_secant(
    out: Array, total: Array, z: Array, a: Array, slope: Array, z_b: Array, a_b: Array, small: float
) -> None:
    """Multiply by the change of activation over that of pre-activation, in place, and add up over the background.

    Parameters
    ----------
    out
        What is multiplied, G x M x K x units, contiguous like all arrays. Units past those of the layer are multiplied by 1.
    total
        Sum over K, G x M x units, overwritten.
    z, a, slope
        Pre-activation, activation and its derivative of the samples, G x M x units of the layer.
    z_b, a_b
        The first two of the background, G x K x units of the layer.
    small
        Difference of pre-activations below which the derivative is taken.
    """
    n_genes, n_samples, n_background, n_out = out.shape
    n_units, small_ = z.shape[2], out.dtype.type(small)
    for gene in range(n_genes):
        for m in range(n_samples):
            z_m, a_m, slope_m, total_m = z[gene, m], a[gene, m], slope[gene, m], total[gene, m]
            total_m[:] = 0
            for k in range(n_background):
                z_k, a_k, row = z_b[gene, k], a_b[gene, k], out[gene, m, k]
                for unit in range(n_units):
                    dz = z_m[unit] - z_k[unit]
                    secant = slope_m[unit] if abs(dz) < small_ else (a_m[unit] - a_k[unit]) / dz
                    value = row[unit] * secant
                    row[unit] = value
                    total_m[unit] += value
                for unit in range(n_units, n_out):
                    total_m[unit] += row[unit]
