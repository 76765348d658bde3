"""Figures; nothing here computes."""

from linger.pl._recovery import recovery
from linger.pl._training import training

__all__ = ["recovery", "training"]
