"""Read the fitted graph; nothing here writes."""

from linger.get._celloracle_base_grn import celloracle_base_grn
from linger.get._celloracle_coefficients import celloracle_coefficients
from linger.get._celloracle_links import celloracle_links
from linger.get._celloracle_tfdict import celloracle_tfdict
from linger.get._drivers import drivers
from linger.get._edges_per_cell import edges_per_cell
from linger.get._groups import groups
from linger.get._matrix import matrices, matrix
from linger.get._modules import module_enrichment, modules
from linger.get._motif_enrichment import motif_enrichment
from linger.get._network import network, networks
from linger.get._perturbation import perturbation
from linger.get._perturbation_screen import perturbation_screen
from linger.get._reader import NamedMatrix
from linger.get._regulons import regulons
from linger.get._snp_peaks import snp_peaks
from linger.get._subnetwork import subnetwork
from linger.get._survival_curves import survival_curves
from linger.get._target_overlap import target_overlap
from linger.get._tf_importance import tf_importance
from linger.get._tgi import tgi
from linger.get._traits import traits
from linger.get._transitions import transitions

__all__ = [
    "NamedMatrix",
    "celloracle_base_grn",
    "celloracle_coefficients",
    "celloracle_links",
    "celloracle_tfdict",
    "drivers",
    "edges_per_cell",
    "groups",
    "matrices",
    "matrix",
    "module_enrichment",
    "modules",
    "motif_enrichment",
    "network",
    "networks",
    "perturbation",
    "perturbation_screen",
    "regulons",
    "snp_peaks",
    "subnetwork",
    "survival_curves",
    "target_overlap",
    "tf_importance",
    "tgi",
    "traits",
    "transitions",
]
