"""Measure networks: against truth, against baselines, against held-out cells."""

from linger.bm._baselines import baseline, universe
from linger.bm._evaluate import evaluate
from linger.bm._expression_fit import expression_fit
from linger.bm._paired_test import paired_test
from linger.bm._recovery import recovery

__all__ = ["baseline", "evaluate", "expression_fit", "paired_test", "recovery", "universe"]
