"""Changes of the inputs of many networks at once, against autograd and loops."""

from __future__ import annotations

import pytest
import torch

from linger import nn


def block(seed, activation_scale=1.0, dtype=torch.float64):
    g = torch.Generator().manual_seed(seed)
    G, T, P, M, H, H2 = 3, 7, 4, 9, 8, 5

    def draw(*shape):
        return torch.randn(*shape, generator=g, dtype=dtype) * activation_scale

    weights = nn.Weights(
        draw(G, H, T), draw(G, H, P + 1), draw(G, H2, H), draw(G, H2, 1), draw(G, 1, H2), draw(G, 1, 1)
    )
    weights.tf[1, :, 2] = 0  # a gene that does not see this TF
    none = torch.zeros(0, dtype=torch.long)
    re = draw(G, P + 1, M)
    re[:, 0] = 1
    return weights, nn.Inputs(draw(T, M), re, none, none)


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_change_is_the_difference_of_two_predictions(activation):
    weights, inputs = block(0)
    rows, delta = torch.tensor([2, 5]), torch.randn(2, 9, dtype=torch.float64)
    moved = inputs.tf.clone()
    moved[rows] += delta
    found = nn.change(weights, inputs, delta, rows, activation)
    before, after = nn.predict(weights, inputs, activation), nn.predict(weights, inputs._replace(tf=moved), activation)
    torch.testing.assert_close(found.before, before)
    torch.testing.assert_close(found.change, after - before)
    alone = nn.change(weights, inputs, delta[:1], rows[:1], activation)
    assert not alone.change[1].any()  # exactly 0 without the input
    assert not nn.change(weights, inputs, torch.zeros_like(delta), rows, activation).change.any()


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_screen_is_one_change_at_a_time(activation):
    weights, inputs = block(1)
    rows, delta = torch.tensor([0, 2, 6]), torch.randn(3, 9, dtype=torch.float64)
    average = torch.rand(9, 2, dtype=torch.float64)
    average /= average.sum(0)
    found = nn.screen(weights, inputs, delta, rows, average, activation)
    for k in range(3):
        one = nn.change(weights, inputs, delta[k : k + 1], rows[k : k + 1], activation)
        torch.testing.assert_close(found[:, k], one.change @ average, check_dtype=False)
    assert not found[1, 1].any()


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_gradients_are_those_of_autograd(activation):
    weights, inputs = block(2)
    average = torch.rand(9, 2, dtype=torch.float64)
    average /= average.sum(0)
    mean, square = nn.gradient_moments(weights, inputs, average, activation)
    for gene in range(3):
        tf = inputs.tf.clone().requires_grad_()
        nn.predict(weights, inputs._replace(tf=tf), activation)[gene].sum().backward()
        torch.testing.assert_close(mean[:, gene], (tf.grad @ average).T)
        torch.testing.assert_close(square[:, gene], (tf.grad**2 @ average).T)


def test_support_scales_what_a_gene_sees():
    weights, inputs = block(3)
    rows, delta = torch.tensor([1, 4]), torch.randn(2, 9, dtype=torch.float64)
    support = torch.rand(3, 2, dtype=torch.float64)
    found = nn.change(weights, inputs, delta, rows, support=support).change
    average = torch.eye(9, dtype=torch.float64)
    screened = nn.screen(weights, inputs, delta, rows, average, support=support)
    for gene in range(3):
        scaled = nn.change(weights, inputs, delta * support[gene][:, None], rows).change[gene]
        torch.testing.assert_close(found[gene], scaled)
        for k in range(2):
            one = nn.change(weights, inputs, delta[k : k + 1] * support[gene, k], rows[k : k + 1]).change[gene]
            torch.testing.assert_close(screened[gene, k], one, check_dtype=False)
