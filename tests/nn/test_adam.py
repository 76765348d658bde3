"""The compiled step of Adam against torch's."""

import numpy as np
import pytest
import torch

from linger import nn
from linger.nn._adam import Adam
from linger.nn._single import Single


def _networks(dtype, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = nn.Weights((3, 8, 5), (3, 8, 4), (3, 4, 8), (3, 4, 1), (3, 1, 4), (3, 1, 1))
    return nn.Weights(*(torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("l1", "decay", "manifold"), [(0, 0, 0), (0.3, 0, 0), (0, 0.2, 0), (0.3, 0, 0.4)])
def test_compiled_step_equals_torch_step_by_step(dtype, l1, decay, manifold):
    start = _networks(dtype)
    generator, shapes = torch.Generator().manual_seed(9), ((5, 4), (1, 5), (1, 4))
    graph = nn.MotifGraph(*(torch.rand(3, *shape, generator=generator, dtype=dtype).round() for shape in shapes))
    single = Single.of(start, l1=l1, decay=decay, manifold=manifold, graph=graph)
    start.tf[:, 2] = 0  # where the l1 norm has no slope
    found, expected = (nn.Weights(*(w.clone() for w in start)) for _ in range(2))
    gradients = [nn.Weights(*(torch.zeros_like(w) for w in start)) for _ in range(2)]
    compiled, fused = (
        Adam(weights, gradient, single) for weights, gradient in zip((found, expected), gradients, strict=True)
    )
    fused._compiled = False
    for epoch in range(5):
        for values, *both in zip(_networks(dtype, epoch + 1), *gradients, strict=True):
            for gradient in both:
                gradient.copy_(values)
        compiled.step(0.01 / (epoch + 1))
        fused.step(0.01 / (epoch + 1))
        for name, a, b, before in zip(start._fields, found, expected, start, strict=True):
            torch.testing.assert_close(a, b, msg=lambda text, name=name: f"{name}: {text}")
            assert not torch.equal(a, before)


def test_biases_are_left_out_of_the_l1_norm():
    weights = _networks(torch.float32)
    before = nn.Weights(*(w.clone() for w in weights))
    Adam(weights, nn.Weights(*(torch.zeros_like(w) for w in weights)), Single.of(weights, l1=0.3)).step(0.01)
    for bias, was in (
        (weights.re[:, :, 0], before.re[:, :, 0]), (weights.b2, before.b2), (weights.b3, before.b3),
    ):  # fmt: skip
        assert torch.equal(bias, was)
    for layer, was in ((weights.tf, before.tf), (weights.re[:, :, 1:], before.re[:, :, 1:]), (weights.w2, before.w2)):
        np.testing.assert_allclose(was - layer, 0.01 * was.sign(), atol=1e-6)


def test_weights_that_are_not_contiguous_are_refused():
    weights = _networks(torch.float32)._replace(tf=torch.randn(3, 5, 8).transpose(1, 2))
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        Adam(weights, nn.Weights(*(torch.zeros_like(w) for w in weights)), Single.of(weights))
