"""Split known pairs of TFs and genes for training and testing, and draw pairs that are not known."""

from linger.bm.splits._negatives import negatives
from linger.bm.splits._split import both, pairs, sources, targets

__all__ = ["both", "negatives", "pairs", "sources", "targets"]
