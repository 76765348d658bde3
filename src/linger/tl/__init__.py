"""Compute: fit the networks."""

from linger.tl._fit import fit

__all__ = ["fit"]
