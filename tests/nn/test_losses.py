from __future__ import annotations

import pytest
import torch

from linger import nn
from linger.nn._authors import add_column_norm_gradient, add_similarity_gradient, column_norm, similarity
from linger.nn._losses import Edges, add_ewc_gradient
from linger.nn._single import Single

from .conftest import as_modules


def dense_laplacian(affinity):
    """Normalised Laplacian of the bipartite graph of one gene, T + P nodes."""
    n_tfs, n_res = affinity.shape
    graph = torch.zeros(n_tfs + n_res, n_tfs + n_res, dtype=affinity.dtype)
    graph[:n_tfs, n_tfs:] = affinity
    graph[n_tfs:, :n_tfs] = affinity.T
    degree = graph.sum(1)
    scale = torch.where(degree > 0, degree.clamp(min=1e-300).rsqrt(), 0)
    return scale[:, None] * (torch.diag(degree) - graph) * scale


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_manifold_penalty_equals_dense_laplacian(random_block, dtype, tolerance):
    block = random_block(dtype=dtype)
    weights = block.weights()
    penalty = nn.manifold_penalty(weights, nn.motif_graph(block.affinity, block.inputs))
    own = dict(zip(block.inputs.own_gene.tolist(), block.inputs.own_tf.tolist(), strict=True))
    for gene, n in enumerate(block.n_res):
        affinity = block.affinity[gene, :, 1 : n + 1].clone()
        if gene in own:
            affinity[own[gene]] = 0
        w = torch.cat([weights.tf[gene], weights.re[gene, :, 1 : n + 1]], dim=1)
        expected = torch.trace(w @ dense_laplacian(affinity) @ w.T)
        torch.testing.assert_close(penalty[gene], expected, rtol=tolerance, atol=tolerance)


def random_anchor(block, seed=3):
    """An anchor elsewhere, with Fisher information that is 0 for a third of the weights, and for biases, padding and own TFs."""
    generator = torch.Generator().manual_seed(seed)
    start = block.weights(seed)
    pulls = []
    for values in (start.tf, start.re):
        pull = torch.rand(values.shape, generator=generator, dtype=values.dtype)
        pulls.append(pull * (pull > 1 / 3) * (values != 0))
    pulls[1][:, :, 0] = 0
    return nn.Anchor(start.tf, start.re, *pulls)


def add_manifold_gradient(gradient, weights, graph, weight):
    Edges(weights, graph, weight).add_gradient(gradient)
    Single.of(weights, manifold=weight, graph=graph).add_gradient(gradient, weights)


PENALTIES = {
    "l1": (
        lambda w, graph, anchor: nn.l1_penalty(w),
        lambda g, w, graph, anchor: Single.of(w, l1=0.3).add_gradient(g, w),
    ),
    "decay": (
        lambda w, graph, anchor: sum(layer.square().sum() for layer in w) / 2,
        lambda g, w, graph, anchor: Single.of(w, decay=0.3).add_gradient(g, w),
    ),
    "manifold": (
        lambda w, graph, anchor: nn.manifold_penalty(w, graph),
        lambda g, w, graph, anchor: add_manifold_gradient(g, w, graph, 0.3),
    ),
    "ewc": (
        lambda w, graph, anchor: nn.ewc_penalty(w, anchor),
        lambda g, w, graph, anchor: add_ewc_gradient(g, w, anchor, 0.3),
    ),
    "column norm": (
        lambda w, graph, anchor: column_norm(w),
        lambda g, w, graph, anchor: add_column_norm_gradient(g, w, 0.3),
    ),
    "similarity": (
        lambda w, graph, anchor: similarity(w, anchor),
        lambda g, w, graph, anchor: add_similarity_gradient(g, anchor, 0.3),
    ),
}


@pytest.mark.parametrize("name", PENALTIES)
def test_gradients_equal_autograd(random_block, name):
    penalty, add = PENALTIES[name]
    block = random_block()
    graph, anchor = nn.motif_graph(block.affinity, block.inputs), random_anchor(block)
    weights = nn.Weights(*(w.requires_grad_() for w in block.weights()))
    (0.3 * penalty(weights, graph, anchor).sum()).backward()
    found = nn.Weights(*(torch.zeros_like(w) for w in weights))
    with torch.no_grad():
        add(found, weights, graph, anchor)
    for field, value, parameter in zip(weights._fields, found, weights, strict=True):
        expected = torch.zeros_like(value) if parameter.grad is None else parameter.grad
        torch.testing.assert_close(value, expected, msg=field)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_penalties_in_two_parts_add_up(random_block, dtype, tolerance):
    block = random_block(dtype=dtype)
    weights, graph = block.weights(), nn.motif_graph(block.affinity, block.inputs)
    single, edges = Single.of(weights, l1=0.3, manifold=0.2, graph=graph), Edges(weights, graph, 0.2)
    edges.add_gradient(nn.Weights(*(torch.zeros_like(w) for w in weights)))
    expected = 0.3 * nn.l1_penalty(weights) + 0.2 * nn.manifold_penalty(weights, graph)
    torch.testing.assert_close(single.value(weights) + edges.value(), expected, rtol=tolerance, atol=tolerance)
    decay = Single.of(weights, decay=0.3).value(weights)
    squares = 0.15 * sum(layer.square().sum((1, 2)) for layer in weights)
    torch.testing.assert_close(decay, squares, rtol=tolerance, atol=tolerance)


def test_ewc_is_the_mean_over_a_gene_of_squared_distances_weighted_by_fisher(random_block):
    block = random_block()
    weights, anchor = block.weights(), random_anchor(block)
    found = nn.ewc_penalty(weights, anchor)
    for gene in range(len(block.n_res)):
        total = 0.0
        for now, then, pull in ((weights.tf, anchor.tf, anchor.tf_pull), (weights.re, anchor.re, anchor.re_pull)):
            for unit in range(now.shape[1]):
                for column in range(now.shape[2]):
                    total += pull[gene, unit, column] * (now[gene, unit, column] - then[gene, unit, column]) ** 2
        torch.testing.assert_close(found[gene], total)


def test_authors_norm_is_the_matrix_norm_of_torch(random_block):
    block = random_block()
    weights = block.weights()
    for gene, n in enumerate(block.n_res):
        net = as_modules(weights, gene, n, "relu")
        expected = sum(torch.linalg.norm(p, 1) for p in net.parameters())
        torch.testing.assert_close(column_norm(weights)[gene], expected.detach())


def test_motif_graph_leaves_the_affinities_as_they_were(random_block):
    block = random_block()
    before = block.affinity.clone()
    graph = nn.motif_graph(block.affinity, block.inputs)
    assert torch.equal(block.affinity, before)
    assert not graph.adjacency[block.inputs.own_gene, block.inputs.own_tf].any()


def test_constant_inputs_are_no_part_of_the_motif_graph(random_block):
    block = random_block()
    block.inputs.tf[5] = 0
    block.inputs.re[0, 2] = 0
    graph = nn.motif_graph(block.affinity, block.inputs)
    assert not graph.adjacency[:, 5].any()
    assert not graph.adjacency[0, :, 2].any()
    trained = nn.train(
        block.weights(), block.inputs, block.targets, epochs=5, l1=0.01, manifold=0.1, graph=graph
    ).weights
    assert not trained.tf[:, :, 5].any()
    assert not trained.re[0, :, 2].any()
