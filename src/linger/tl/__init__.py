"""Compute: pre-train on bulk samples, fit the networks, weigh them by cell type, score and compare TFs."""

from linger.tl._dominance import dominance
from linger.tl._drivers import drivers
from linger.tl._edges_per_cell import edges_per_cell
from linger.tl._estimate import Estimate, estimate
from linger.tl._fit import fit
from linger.tl._group_means import group_means
from linger.tl._modules import modules
from linger.tl._perturb import perturb
from linger.tl._perturb_screen import perturb_screen
from linger.tl._perturb_shift import perturb_shift
from linger.tl._pretrain import pretrain
from linger.tl._survival import survival
from linger.tl._tf_activity import tf_activity
from linger.tl._tf_importance import tf_importance
from linger.tl._tgi import tgi
from linger.tl._trait_enrichment import trait_enrichment

__all__ = [
    "Estimate",
    "dominance",
    "drivers",
    "edges_per_cell",
    "estimate",
    "fit",
    "group_means",
    "modules",
    "perturb",
    "perturb_screen",
    "perturb_shift",
    "pretrain",
    "survival",
    "tf_activity",
    "tf_importance",
    "tgi",
    "trait_enrichment",
]
