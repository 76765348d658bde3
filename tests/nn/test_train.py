from __future__ import annotations

import itertools
import math

import pytest
import torch

from linger import nn

from .conftest import as_modules, gene_inputs
from .test_losses import dense_laplacian, random_anchor


def train_plainly(block, weights, gene, *, epochs, l1, manifold, ewc, anchor, activation, decay):
    """The same training, gene by gene, with torch modules, autograd, the dense Laplacian and torch's Adam."""
    n = block.n_res[gene]
    net, x = as_modules(weights, gene, n, activation), gene_inputs(block.inputs, gene, n)
    affinity = block.affinity[gene, :, 1 : n + 1].clone()
    affinity[block.inputs.own_tf[block.inputs.own_gene == gene]] = 0
    laplacian = dense_laplacian(affinity)
    prior = torch.cat([anchor.tf[gene], anchor.re[gene, :, 1 : n + 1]], dim=1)
    fisher = torch.cat([anchor.tf_pull[gene], anchor.re_pull[gene, :, 1 : n + 1]], dim=1)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    history = []
    for epoch in range(epochs):
        optimizer.param_groups[0]["lr"] = 0.01 * (1 - epoch / epochs) if decay else 0.01
        loss = (net(x)[:, 0] - block.targets[gene]).square().mean()
        loss = loss + l1 * sum(p.abs().sum() for name, p in net.named_parameters() if name.endswith("weight"))
        loss = loss + manifold * torch.trace(net[0].weight @ laplacian @ net[0].weight.T)
        loss = loss + ewc * (fisher * (net[0].weight - prior).square()).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    return net, torch.tensor(history, dtype=torch.float64)


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize(
    ("l1", "manifold", "ewc"), [(0.0, 0.0, 0.0), (0.01, 0.0, 0.0), (0.003, 0.1, 0.0), (0.003, 0.1, 0.5)]
)
@pytest.mark.parametrize("decay", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-8), (torch.float32, 2e-3)])
def test_block_equals_a_plain_loop_over_genes(random_block, activation, l1, manifold, ewc, decay, dtype, tolerance):
    block = random_block(dtype=dtype)
    start, anchor = block.weights(), random_anchor(block)
    penalties = {"l1": l1, "manifold": manifold, "ewc": ewc, "anchor": anchor}
    plain = [
        train_plainly(block, start, gene, epochs=20, activation=activation, decay=decay, **penalties)
        for gene in range(len(block.n_res))
    ]
    graph = nn.motif_graph(block.affinity, block.inputs)
    options = {**penalties, "graph": graph, "activation": activation, "decay": decay}
    trained = nn.train(block.weights(), block.inputs, block.targets, epochs=20, record_every=1, **options)
    for gene, (net, history) in enumerate(plain):
        found = as_modules(trained.weights, gene, block.n_res[gene], activation)
        for (name, a), b in zip(found.named_parameters(), net.parameters(), strict=True):
            if (
                name == "0.weight"
            ):  # in the plain network the own TF is a constant input, whose weight only the penalties move
                own = block.inputs.own_tf[block.inputs.own_gene == gene]
                b.data[:, own] = 0
            # where error and l1 cancel, Adam's first steps go where rounding points: in float32 that happens to single weights
            differ = ~torch.isclose(a.data, b.data, rtol=tolerance, atol=tolerance)
            assert differ.sum() <= (dtype == torch.float32 and differ.numel() > 100), f"gene {gene} {name}"
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


def test_weighted_samples_count_as_repeated_ones(random_block):
    block = random_block()
    n = block.targets.shape[1]
    repeated = torch.arange(n).repeat_interleave(torch.tensor([3, 1] * (n // 2)))
    twice = block.inputs._replace(tf=block.inputs.tf[:, repeated], re=block.inputs.re[:, :, repeated])
    weights = torch.tensor([1.5, 0.5] * (n // 2), dtype=torch.float64)
    one = nn.train(block.weights(), block.inputs, block.targets, epochs=10, sample_weights=weights).weights
    other = nn.train(block.weights(), twice, block.targets[:, repeated], epochs=10).weights
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b)


def test_infinite_ewc_freezes_what_the_prior_knows_and_nothing_else(random_block):
    block = random_block()
    anchor = random_anchor(block)
    start = nn.Weights(*(w.clone() for w in block.weights()))._replace(tf=anchor.tf.clone(), re=anchor.re.clone())
    trained = nn.train(
        nn.Weights(*(w.clone() for w in start)),
        block.inputs,
        block.targets,
        epochs=15,
        l1=0.01,
        ewc=math.inf,
        anchor=anchor,
    ).weights
    for now, before, pull in ((trained.tf, start.tf, anchor.tf_pull), (trained.re, start.re, anchor.re_pull)):
        assert torch.equal(now[pull > 0], before[pull > 0])
        assert (now[(pull == 0) & (before != 0)] != before[(pull == 0) & (before != 0)]).all()
    assert not torch.equal(trained.w2, start.w2)


def test_penalties_stay_under_infinite_ewc(random_block):
    """What is not frozen moves as in a plain loop with torch's Adam, on the whole loss but for the frozen weights' gradient."""
    block = random_block()
    anchor, graph = random_anchor(block), nn.motif_graph(block.affinity, block.inputs)
    start = block.weights()._replace(tf=anchor.tf.clone(), re=anchor.re.clone())
    plain = nn.Weights(*(w.clone().requires_grad_() for w in start))
    optimizer = torch.optim.Adam(plain, lr=0.01)
    for _ in range(8):
        error = (nn.predict(plain, block.inputs) - block.targets).square().mean(1)
        loss = error + 0.02 * nn.l1_penalty(plain) + 0.3 * nn.manifold_penalty(plain, graph)
        optimizer.zero_grad()
        loss.sum().backward()
        plain.tf.grad[anchor.tf_pull > 0] = 0
        plain.re.grad[anchor.re_pull > 0] = 0
        plain.tf.grad[block.inputs.own_gene, :, block.inputs.own_tf] = 0
        optimizer.step()
    found = nn.train(
        start, block.inputs, block.targets, epochs=8, decay=False, l1=0.02, manifold=0.3, graph=graph, ewc=math.inf,
        anchor=anchor,
    ).weights  # fmt: skip
    for a, b in zip(found, plain, strict=True):
        torch.testing.assert_close(a, b.detach(), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"sample_weights": torch.ones(20, dtype=torch.float64)}, "sample_weights"),
        ({"sample_weights": torch.ones(40)}, "sample_weights"),
        ({"sample_weights": torch.ones(1, 40, dtype=torch.float64)}, "sample_weights"),
    ],
)
def test_what_does_not_fit_is_refused(random_block, wrong, name):
    block = random_block()
    with pytest.raises(ValueError, match=f"{name} must be 40 of torch.float64"):
        nn.train(block.weights(), block.inputs, block.targets, **wrong)


def test_targets_and_graphs_of_other_blocks_are_refused(random_block):
    block = random_block()
    with pytest.raises(ValueError, match="targets must be 5 x 40"):
        nn.train(block.weights(), block.inputs, block.targets[:2])
    graph = nn.motif_graph(block.affinity, block.inputs)
    with pytest.raises(ValueError, match="tf_nodes must be 5 x 1 x 9"):
        nn.train(
            block.weights(), block.inputs, block.targets, manifold=1, graph=graph._replace(tf_nodes=graph.tf_nodes[:2])
        )


def test_distance_to_the_prior_falls_with_the_weight(random_block):
    block = random_block()
    anchor = random_anchor(block)
    n = nn.n_weights(block.inputs, block.hidden[0])[:, None, None]
    anchor = anchor._replace(tf_pull=anchor.tf_pull / n, re_pull=anchor.re_pull / n)
    start = block.weights()._replace(tf=anchor.tf, re=anchor.re)
    distances = []
    for ewc in (0, 0.1, 1, 10, 100, 1e3, 1e4):
        trained = nn.train(
            nn.Weights(*(w.clone() for w in start)),
            block.inputs,
            block.targets,
            epochs=60,
            ewc=ewc,
            anchor=anchor,
        ).weights
        distances.append(nn.ewc_penalty(trained, anchor).sum().item())
    assert all(later < earlier for earlier, later in itertools.pairwise(distances)), distances


def test_without_weight_the_anchor_changes_nothing(random_block):
    block = random_block()
    anchor = random_anchor(block)
    with_anchor = nn.train(block.weights(), block.inputs, block.targets, epochs=15, l1=0.01, ewc=0, anchor=anchor)
    without = nn.train(block.weights(), block.inputs, block.targets, epochs=15, l1=0.01)
    for a, b in zip(with_anchor.weights, without.weights, strict=True):
        assert torch.equal(a, b)


def test_authors_objective_equals_their_training_step_by_step(random_block):
    """LingerGRN 1.117's loss and optimiser, written out with torch modules and autograd."""
    block = random_block()
    anchor, graph = random_anchor(block), nn.motif_graph(block.affinity, block.inputs)
    trained = nn.train(
        block.weights(), block.inputs, block.targets, epochs=12, decay=False, l1=0.01, manifold=1.0, graph=graph,
        ewc=0.1, anchor=anchor, authors=True, record_every=1,
    )  # fmt: skip
    for gene, n in enumerate(block.n_res):
        own = block.inputs.own_tf[block.inputs.own_gene == gene]
        net, x = as_modules(block.weights(), gene, n, "relu"), gene_inputs(block.inputs, gene, n)
        affinity = block.affinity[gene, :, 1 : n + 1].clone()
        affinity[own] = 0
        laplacian = dense_laplacian(affinity)
        prior = torch.cat([anchor.tf[gene], anchor.re[gene, :, 1 : n + 1]], dim=1)
        fisher = torch.cat([anchor.tf_pull[gene], anchor.re_pull[gene, :, 1 : n + 1]], dim=1)
        optimizer = torch.optim.Adam(net.parameters(), lr=0.01, weight_decay=0.01)
        for epoch in range(12):
            loss = (net(x)[:, 0] - block.targets[gene]).square().mean()
            loss = loss + 0.01 * sum(torch.linalg.norm(p, 1) for p in net.parameters())
            loss = loss - 0.1 * (fisher * prior * net[0].weight).sum()
            loss = loss + torch.trace(net[0].weight @ laplacian @ net[0].weight.T)
            torch.testing.assert_close(trained.loss[gene, epoch], loss.detach())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        found = as_modules(trained.weights, gene, n, "relu")
        for a, b in zip(found.parameters(), net.parameters(), strict=True):
            torch.testing.assert_close(a.data, b.data, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("l1", [0.0, 0.01])
def test_strides_of_weights_do_not_matter(l1):
    """Products into memory with odd strides of an axis of length 1 can be left out without an error."""
    generator = torch.Generator().manual_seed(0)
    # a shape of its own, which nothing has met before, and large enough: small products are always computed
    n_genes, n_tfs, n_res, h1, h2, n_samples = 16, 11, 6, 23, 19, 293
    shapes = nn.Weights((h1, n_tfs), (h1, n_res), (h2, h1), (h2, 1), (1, h2), (1, 1))
    start = nn.Weights(*(torch.rand(n_genes, *shape, generator=generator) - 0.5 for shape in shapes))
    odd = nn.Weights(*(w.clone() for w in start))
    odd = odd._replace(w3=odd.w3.as_strided(odd.w3.shape, (h2, 1, 1)))
    tf, re = (
        torch.randn(n_tfs, n_samples, generator=generator),
        torch.randn(n_genes, n_res, n_samples, generator=generator),
    )
    none = torch.zeros(0, dtype=torch.long)
    inputs, targets = nn.Inputs(tf, re, none, none), torch.randn(n_genes, n_samples, generator=generator)
    before = start.w3.clone()
    found = nn.train(odd, inputs, targets, epochs=5, l1=l1).weights
    expected = nn.train(start, inputs, targets, epochs=5, l1=l1).weights
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)
    assert (found.w3 != before).float().mean() > 0.9
