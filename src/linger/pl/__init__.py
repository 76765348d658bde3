"""Figures; nothing here computes."""

from linger.pl._activity import activity
from linger.pl._by_distance import by_distance
from linger.pl._comparison import comparison
from linger.pl._curves import precision_recall, roc
from linger.pl._dominance import dominance
from linger.pl._drivers import drivers
from linger.pl._edges import edges
from linger.pl._edges_by_group import edges_by_group
from linger.pl._f1_at_quantiles import f1_at_quantiles
from linger.pl._importance import importance
from linger.pl._locus import locus
from linger.pl._metacells import metacells
from linger.pl._module_enrichment import module_enrichment
from linger.pl._modules import modules
from linger.pl._network import network
from linger.pl._perturbation import perturbation
from linger.pl._prior_match import prior_match
from linger.pl._recovery import recovery
from linger.pl._report import report
from linger.pl._screen import screen
from linger.pl._shift import shift
from linger.pl._survival import survival
from linger.pl._target_overlap import target_overlap
from linger.pl._training import training
from linger.pl._trait_histogram import trait_histogram
from linger.pl._traits import traits

__all__ = [
    "activity",
    "by_distance",
    "comparison",
    "dominance",
    "drivers",
    "edges",
    "edges_by_group",
    "f1_at_quantiles",
    "importance",
    "locus",
    "metacells",
    "module_enrichment",
    "modules",
    "network",
    "perturbation",
    "precision_recall",
    "prior_match",
    "recovery",
    "report",
    "roc",
    "screen",
    "shift",
    "survival",
    "target_overlap",
    "training",
    "trait_histogram",
    "traits",
]
