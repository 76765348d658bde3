"""The numerical core: torch, and numba where a loop saves passes over memory; knows tensors and names, not AnnData."""

from linger.nn._batch_network import BatchNetwork
from linger.nn._correlation import weight_correlation
from linger.nn._ensemble import Activation, Inputs, Layers, Weights, forward, predict
from linger.nn._fisher import Fisher, fisher_information, n_weights, normalized
from linger.nn._init import hashed_uniform, initial_weights, name_hash
from linger.nn._losses import Anchor, MotifGraph, ewc_penalty, l1_penalty, manifold_penalty, motif_graph
from linger.nn._pair_network import PairNetwork
from linger.nn._perturb import Change, change, gradient_moments, screen
from linger.nn._products import fast_products, matmul_t
from linger.nn._shapley import Shapley, explained_at_once, shapley, shapley_values
from linger.nn._train import Trained, train
from linger.nn._train_pairs import score_pairs, train_pairs

__all__ = [
    "Activation",
    "Anchor",
    "BatchNetwork",
    "Change",
    "Fisher",
    "Inputs",
    "Layers",
    "MotifGraph",
    "PairNetwork",
    "Shapley",
    "Trained",
    "Weights",
    "change",
    "ewc_penalty",
    "explained_at_once",
    "fast_products",
    "fisher_information",
    "forward",
    "gradient_moments",
    "hashed_uniform",
    "initial_weights",
    "l1_penalty",
    "manifold_penalty",
    "matmul_t",
    "motif_graph",
    "n_weights",
    "name_hash",
    "normalized",
    "predict",
    "score_pairs",
    "screen",
    "shapley",
    "shapley_values",
    "train",
    "train_pairs",
    "weight_correlation",
]
