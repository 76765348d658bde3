"""Loops compiled for the CPU: one pass over memory where tensor operations would take several."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeVar, cast

import numpy as np
from numba import njit

Array: TypeAlias = np.ndarray
Slope: TypeAlias = Callable[[np.floating], np.floating]

_Function = TypeVar("_Function", bound=Callable[..., object])


def _compiled(function: _Function) -> _Function:
    """Compile for the CPU, other threads running meanwhile."""
    return cast("_Function", njit(function, nogil=True, error_model="numpy"))


def _compiled_sums(function: _Function) -> _Function:
    """Compile what may take sums in any order, so that they are vectorised."""
    return cast("_Function", njit(function, nogil=True, error_model="numpy", fastmath={"reassoc", "nsz"}))


@_compiled
def slope_of_relu(a: np.floating) -> np.floating:
    """Return the derivative of ReLU where it is `a`."""
    return np.float32(1) if a > 0 else np.float32(0)


@_compiled
def slope_of_sigmoid(a: np.floating) -> np.floating:
    """Return the derivative of the logistic function where it is `a`."""
    return a * (np.float32(1) - a)


@_compiled
def slope_of_tanh(a: np.floating) -> np.floating:
    """Return the derivative of tanh where it is `a`."""
    return np.float32(1) - a * a


@_compiled_sums
def output_gradient(
    error: Array,
    d2: Array,
    g_w3: Array,
    g_b2: Array,
    g_b3: Array,
    a2: Array,
    w3: Array,
    b3: Array,
    targets: Array,
    sample_weights: Array,
    slope: Slope,
) -> None:
    """Compute the output, its squared error, and the gradient back to the second hidden layer.

    Parameters
    ----------
    error
        Mean squared error, G, overwritten like the next four.
    d2
        Gradient at the second pre-activation, G x H2 x M.
    g_w3, g_b2, g_b3
        Gradient of w3 (G x H2), b2 (G x H2) and b3 (G).
    a2
        Second activation, G x H2 x M.
    w3, b3
        Output weights, G x H2 and G.
    targets
        What the output should be, G x M.
    sample_weights
        Weights of the samples in the error, M.
    slope
        Derivative of the activation, from the activation.
    """
    n_genes, n_units, n_samples = a2.shape
    number = a2.dtype.type  # of one precision: of two, the loops would not be vectorised
    d3, share = np.empty(n_samples, a2.dtype), number(1 / n_samples)
    for gene in range(n_genes):
        for m in range(n_samples):
            d3[m] = b3[gene] - targets[gene, m]
        for unit in range(n_units):
            weight, a_row = w3[gene, unit], a2[gene, unit]
            for m in range(n_samples):
                d3[m] += weight * a_row[m]
        total, bias = number(0), number(0)
        for m in range(n_samples):
            weighted = d3[m] * sample_weights[m] * share
            total += d3[m] * weighted
            d3[m] = weighted + weighted
            bias += d3[m]
        error[gene], g_b3[gene] = total, bias
        for unit in range(n_units):
            weight, a_row, d_row = w3[gene, unit], a2[gene, unit], d2[gene, unit]
            total, bias = number(0), number(0)
            for m in range(n_samples):
                total += d3[m] * a_row[m]
                d_row[m] = weight * d3[m] * slope(a_row[m])
                bias += d_row[m]
            g_w3[gene, unit], g_b2[gene, unit] = total, bias


@_compiled
def adam_rows(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    l1: Array,
    squares: Array,
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
        Weights, their gradient without the two penalties that follow, and Adam's two moments: rows x columns.
    l1
        Weight of the penalty ``|w|`` in every column.
    squares
        Weight of the penalty ``w^2 / 2``, sets x columns; every set is for as many rows.
    beta1, beta2, eps
        Adam's constants.
    rate, scale
        Step size over the bias correction of the first moment, and one over the root of that of the second.
    """
    number = w.dtype.type  # of one precision: of two, the loop would not be vectorised
    rate_, scale_, eps_ = number(rate), number(scale), number(eps)
    beta1_, rest1, beta2_, rest2 = number(beta1), number(1 - beta1), number(beta2), number(1 - beta2)
    n_rows = w.shape[0]
    for row in range(n_rows):
        w_row, g_row, m_row, v_row, squares_row = w[row], g[row], m[row], v[row], squares[row * len(squares) // n_rows]
        for i in range(w.shape[1]):
            weight = w_row[i]
            gradient = g_row[i] + l1[i] * np.sign(weight) + squares_row[i] * weight
            first = beta1_ * m_row[i] + rest1 * gradient
            second = beta2_ * v_row[i] + rest2 * gradient * gradient
            m_row[i], v_row[i] = first, second
            w_row[i] = weight - rate_ * first / (np.sqrt(second) * scale_ + eps_)


@_compiled_sums
def add_single(total: Array, w: Array, l1: Array, squares: Array) -> None:
    """Add up the two penalties of :func:`adam_rows`.

    Parameters
    ----------
    total
        What their sum over equal numbers of rows is added to.
    w, l1, squares
        As there.
    """
    number = w.dtype.type
    n_rows, half = w.shape[0], number(0.5)
    for row in range(n_rows):
        w_row, squares_row, here = w[row], squares[row * len(squares) // n_rows], number(0)
        for i in range(w.shape[1]):
            weight = w_row[i]
            here += l1[i] * abs(weight) + half * squares_row[i] * weight * weight
        total[row * len(total) // n_rows] += here


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


@_compiled
def _mixed(x: np.uint64) -> np.uint64:
    """Return SplitMix64's finaliser (Steele, Lea & Flood 2014): every input bit reaches every output bit."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@_compiled
def mix(keys: Array) -> None:
    """Replace each of a vector of 64-bit keys by a hash of it."""
    for i in range(len(keys)):
        keys[i] = _mixed(keys[i])


@_compiled
def fill_uniform(out: Array, rows: Array, units: Array, columns: Array) -> None:
    """Fill with uniform numbers in [-1, 1), each by its own key.

    Parameters
    ----------
    out
        Rows x units x columns, float32, overwritten.
    rows, units, columns
        Keys of each, uint64.
    """
    for row in range(out.shape[0]):
        for unit in range(out.shape[1]):
            key = _mixed(rows[row] ^ units[unit])
            for column in range(out.shape[2]):
                bits = np.int32(_mixed(key + columns[column]) >> np.uint64(40))
                out[row, unit, column] = np.float32(bits) * np.float32(2.0**-23) - np.float32(1)
