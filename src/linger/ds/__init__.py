"""Data with known truth."""

from linger.ds._simulate import Networks, Simulation, simulate
from linger.ds._toy import toy

__all__ = ["Networks", "Simulation", "simulate", "toy"]
