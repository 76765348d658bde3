"""Read the fitted graph; nothing here writes."""

from linger.get._matrix import NamedMatrix, matrix
from linger.get._network import network
from linger.get._regulons import regulons

__all__ = ["NamedMatrix", "matrix", "network", "regulons"]
