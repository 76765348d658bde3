from __future__ import annotations

import pytest
import torch

from linger import nn

from .conftest import as_modules, gene_inputs
from .test_losses import dense_laplacian


def train_plainly(block, weights, gene, *, epochs, l1, manifold, activation, decay):
    """The same training, gene by gene, with torch modules, autograd, the dense Laplacian and torch's Adam."""
    n = block.n_res[gene]
    net, x = as_modules(weights, gene, n, activation), gene_inputs(block.inputs, gene, n)
    affinity = block.affinity[gene, :, 1 : n + 1].clone()
    affinity[block.inputs.own_tf[block.inputs.own_gene == gene]] = 0
    laplacian = dense_laplacian(affinity)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    history = []
    for epoch in range(epochs):
        optimizer.param_groups[0]["lr"] = 0.01 * (1 - epoch / epochs) if decay else 0.01
        loss = (net(x)[:, 0] - block.targets[gene]).square().mean()
        loss = loss + l1 * sum(p.abs().sum() for name, p in net.named_parameters() if name.endswith("weight"))
        loss = loss + manifold * torch.trace(net[0].weight @ laplacian @ net[0].weight.T)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    return net, torch.tensor(history, dtype=torch.float64)


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize(("l1", "manifold"), [(0.0, 0.0), (0.01, 0.0), (0.003, 0.1)])
@pytest.mark.parametrize("decay", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-8), (torch.float32, 2e-3)])
def test_block_equals_a_plain_loop_over_genes(random_block, activation, l1, manifold, decay, dtype, tolerance):
    block = random_block(dtype=dtype)
    start = block.weights()
    plain = [
        train_plainly(block, start, gene, epochs=20, l1=l1, manifold=manifold, activation=activation, decay=decay)
        for gene in range(len(block.n_res))
    ]
    graph = nn.motif_graph(block.affinity, block.inputs)
    options = {"l1": l1, "manifold": manifold, "graph": graph, "activation": activation, "decay": decay}
    trained = nn.train(block.weights(), block.inputs, block.targets, epochs=20, record_every=1, **options)
    for gene, (net, history) in enumerate(plain):
        found = as_modules(trained.weights, gene, block.n_res[gene], activation)
        for (name, a), b in zip(found.named_parameters(), net.parameters(), strict=True):
            if (
                name == "0.weight"
            ):  # in the plain network the own TF is a constant input, whose weight only the penalties move
                own = block.inputs.own_tf[block.inputs.own_gene == gene]
                b.data[:, own] = 0
            torch.testing.assert_close(a.data, b.data, rtol=tolerance, atol=tolerance, msg=f"gene {gene} {name}")
        torch.testing.assert_close(trained.loss[gene].double(), history.double(), rtol=tolerance, atol=tolerance)


def test_training_in_parts_equals_training_at_once(random_block):
    block = random_block(dtype=torch.float32)
    whole = nn.train(block.weights(), block.inputs, block.targets, epochs=20, l1=0.01).weights
    rows = torch.tensor([3])
    part_inputs = nn.Inputs(block.inputs.tf, block.inputs.re[rows, :6], torch.tensor([0]), torch.tensor([0]))
    start = nn.initial_weights(
        part_inputs, block.keys[0][rows.numpy()], block.keys[1], block.keys[2][rows.numpy(), :6], hidden=block.hidden
    )
    part = nn.train(start, part_inputs, block.targets[rows], epochs=20, l1=0.01).weights
    torch.testing.assert_close(part.tf, whole.tf[rows], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(part.re, whole.re[rows, :, :6], rtol=1e-4, atol=1e-5)


def test_padding_and_own_tf_stay_zero(random_block):
    block = random_block()
    trained = nn.train(block.weights(), block.inputs, block.targets, epochs=15, l1=0.01).weights
    assert not trained.tf[block.inputs.own_gene, :, block.inputs.own_tf].any()
    for gene, n in enumerate(block.n_res):
        assert not trained.re[gene, :, n + 1 :].any()


def test_manifold_without_graph_is_refused(random_block):
    block = random_block()
    with pytest.raises(ValueError, match="motif graph"):
        nn.train(block.weights(), block.inputs, block.targets, manifold=1.0)


def test_loss_is_recorded_at_the_asked_epochs(random_block):
    block = random_block()
    loss = nn.train(block.weights(), block.inputs, block.targets, epochs=12, record_every=5).loss
    assert torch.isfinite(loss).all(0).nonzero()[:, 0].tolist() == [0, 5, 10, 11]
    assert (loss[:, 11] < loss[:, 0]).all()
