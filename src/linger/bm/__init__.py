"""Measure networks: against truth, against baselines, against held-out cells."""

from linger.bm import splits, truth
from linger.bm._baselines import baseline, degree, universe
from linger.bm._by_distance import by_distance
from linger.bm._compare import compare, summarize
from linger.bm._curves import curves, f1_at_quantiles
from linger.bm._evaluate import evaluate
from linger.bm._expression_fit import expression_fit
from linger.bm._knockouts import knockouts
from linger.bm._paired_test import paired_test
from linger.bm._recovery import recovery

__all__ = [
    "baseline",
    "by_distance",
    "compare",
    "curves",
    "degree",
    "evaluate",
    "expression_fit",
    "f1_at_quantiles",
    "knockouts",
    "paired_test",
    "recovery",
    "splits",
    "summarize",
    "truth",
    "universe",
]
