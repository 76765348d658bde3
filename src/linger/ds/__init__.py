"""Data with known truth."""

from linger.ds._simulate import Networks, Simulation, Truth, simulate
from linger.ds._toy import toy

__all__ = ["Networks", "Simulation", "Truth", "simulate", "toy"]
