"""Data with known truth, and public data."""

from linger.ds._pbmc10k import pbmc10k
from linger.ds._simulate import Networks, Simulation, Truth, simulate
from linger.ds._toy import toy

__all__ = ["Networks", "Simulation", "Truth", "pbmc10k", "simulate", "toy"]
