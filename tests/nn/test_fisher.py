from __future__ import annotations

import pytest
import torch

from linger import nn

from .conftest import as_modules, gene_inputs


def plain_fisher(block, weights, gene, *, activation, empirical, sample_weights):
    """Squared gradients of one sample after the other, by autograd."""
    n = block.n_res[gene]
    net, x = as_modules(weights, gene, n, activation), gene_inputs(block.inputs, gene, n)
    total = torch.zeros_like(net[0].weight)
    for sample in range(len(x)):
        predicted = net(x[sample : sample + 1])[0, 0]
        value = (predicted - block.targets[gene, sample]).square() if empirical else predicted
        (gradient,) = torch.autograd.grad(value, net[0].weight)
        total += sample_weights[sample] * gradient.square()
    return total / len(x)


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("empirical", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_closed_form_equals_autograd(random_block, activation, empirical, weighted, dtype, tolerance):
    block = random_block(dtype=dtype)
    n_samples = block.targets.shape[1]
    sample_weights = (
        torch.linspace(0.5, 1.5, n_samples, dtype=dtype) if weighted else torch.ones(n_samples, dtype=dtype)
    )
    weights = nn.train(block.weights(), block.inputs, block.targets, epochs=5, activation=activation).weights
    found = nn.fisher_information(
        weights,
        block.inputs,
        block.targets if empirical else None,
        sample_weights=sample_weights if weighted else None,
        activation=activation,
    )
    for gene, n in enumerate(block.n_res):
        expected = plain_fisher(
            block, weights, gene, activation=activation, empirical=empirical, sample_weights=sample_weights
        )
        got = torch.cat([found.tf[gene], found.re[gene, :, 1 : n + 1]], dim=1)
        scale = expected.max()
        torch.testing.assert_close(got / scale, expected / scale, rtol=tolerance, atol=tolerance)
        assert not found.re[gene, :, n + 1 :].any()
        assert not found.re[gene, :, 0].any()
    assert not found.tf[block.inputs.own_gene, :, block.inputs.own_tf].any()


def test_normalized_has_mean_one_over_the_inputs_that_vary(random_block):
    block = random_block()
    block.inputs.tf[5] = 0
    fisher = nn.fisher_information(block.weights(), block.inputs, block.targets)
    scaled, mean = nn.normalized(fisher, block.inputs)
    for gene, n in enumerate(block.n_res):
        used = torch.ones(block.inputs.tf.shape[0], dtype=torch.bool)
        used[5] = False
        used[block.inputs.own_tf[block.inputs.own_gene == gene]] = False
        entries = torch.cat([scaled.tf[gene][:, used], scaled.re[gene, :, 1 : n + 1]], dim=1)
        torch.testing.assert_close(entries.mean(), torch.tensor(1.0, dtype=torch.float64))
        torch.testing.assert_close(scaled.tf[gene] * mean[gene], fisher.tf[gene])


def test_a_gene_that_is_fitted_exactly_keeps_no_information(random_block):
    block = random_block()
    weights = block.weights()
    exact = nn.predict(weights, block.inputs)
    scaled, mean = nn.normalized(nn.fisher_information(weights, block.inputs, exact), block.inputs)
    assert not mean.any()
    assert not scaled.tf.any()
    assert nn.normalized(nn.fisher_information(weights, block.inputs, None), block.inputs)[1].all()
