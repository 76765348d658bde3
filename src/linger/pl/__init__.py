"""Figures; nothing here computes."""

from linger.pl._comparison import comparison
from linger.pl._curves import precision_recall, roc
from linger.pl._recovery import recovery
from linger.pl._shift import shift
from linger.pl._training import training

__all__ = ["comparison", "precision_recall", "recovery", "roc", "shift", "training"]
