from __future__ import annotations

import pytest
import torch

from linger import nn
from linger.nn._losses import add_l1_gradient, add_manifold_gradient


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


@pytest.mark.parametrize(
    ("penalty", "add"),
    [(lambda w, g: nn.manifold_penalty(w, g), add_manifold_gradient), (lambda w, g: nn.l1_penalty(w), None)],
)
def test_gradients_equal_autograd(random_block, penalty, add):
    block = random_block()
    graph = nn.motif_graph(block.affinity, block.inputs)
    weights = nn.Weights(*(w.requires_grad_() for w in block.weights()))
    (0.3 * penalty(weights, graph).sum()).backward()
    found = nn.Weights(*(torch.zeros_like(w) for w in weights))
    with torch.no_grad():
        if add is None:
            add_l1_gradient(found, weights, 0.3)
        else:
            add(found, weights, graph, 0.3)
    for name, value, parameter in zip(weights._fields, found, weights, strict=True):
        expected = torch.zeros_like(value) if parameter.grad is None else parameter.grad
        torch.testing.assert_close(value, expected, msg=name)


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
