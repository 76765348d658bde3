"""Error and gradient of the output layer, compiled, against torch and against autograd."""

import pytest
import torch

from linger import nn
from linger.nn import _output


def _block(dtype, activation, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def random(*shape):
        return torch.randn(*shape, generator=generator, dtype=dtype)

    n_genes, n_units, n_samples = 3, 5, 37
    z2 = random(n_genes, n_units, n_samples)
    a2 = {"relu": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh}[activation](z2)
    shapes = (8, 7), (8, 4), (n_units, 8), (n_units, 1), (1, n_units), (1, 1)
    weights = nn.Weights(*(random(n_genes, *shape) for shape in shapes))
    return weights, z2, a2, random(n_genes, n_samples), random(n_samples).abs()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("compute", [_output._compiled, _output._by_torch])
def test_gradient_equals_autograd(dtype, activation, compute):
    weights, z2, a2, targets, sample_weights = _block(dtype, activation)
    found, d2 = nn.Weights(*(torch.full_like(w, torch.nan) for w in weights)), torch.full_like(a2, torch.nan)
    error = compute(found, d2, weights, a2, targets, sample_weights, activation)

    b2 = torch.zeros_like(weights.b2).requires_grad_()
    z2, w3, b3 = (array.clone().requires_grad_() for array in (z2, weights.w3, weights.b3))
    y = torch.baddbmm(b3, w3, nn._ensemble.ACTIVATIONS[activation].function(z2 + b2))[:, 0]
    expected = ((y - targets).square() * sample_weights).mean(1)
    expected.sum().backward()
    torch.testing.assert_close(error, expected.detach())
    for name, one, other in (("d2", d2, z2), ("w3", found.w3, w3), ("b2", found.b2, b2), ("b3", found.b3, b3)):
        torch.testing.assert_close(one, other.grad, msg=lambda text, name=name: f"{name}: {text}")
