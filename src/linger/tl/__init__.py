"""Compute: pre-train on bulk samples, fit the networks."""

from linger.tl._fit import fit
from linger.tl._pretrain import pretrain

__all__ = ["fit", "pretrain"]
