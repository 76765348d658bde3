from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
import torch

from linger import nn
from linger.nn._products import _keeps_precision, _settings, fast_products, matmul_t


def test_products_keep_float32():
    a, b = (torch.randn(3, 70, 130, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    exact = a.double() @ b.double().transpose(1, 2)
    with fast_products():
        batched, single = torch.bmm(a, b.transpose(1, 2)), torch.mm(a[0], b[0].T)
    torch.testing.assert_close(batched.double(), exact, rtol=0, atol=1e-4)
    torch.testing.assert_close(single.double(), exact[0], rtol=0, atol=1e-4)


@pytest.mark.skipif(not _keeps_precision(), reason="this torch or processor has no such products")
def test_the_permission_lasts_as_long_as_its_last_user():
    before, entered = _settings().fp32_precision, Barrier(2)

    def use(_):
        with fast_products():
            entered.wait()
            return _settings().fp32_precision

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(use, range(2))) == ["bf16", "bf16"]
    assert _settings().fp32_precision == before
    with pytest.raises(ZeroDivisionError), fast_products():
        _ = 1 / 0
    assert _settings().fp32_precision == before


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_matmul_t_into_memory(precision):
    generator = torch.Generator().manual_seed(0)
    out, a, b = (torch.randn(shape, generator=generator) for shape in ((5, 7), (5, 9), (7, 9)))
    assert matmul_t(a, b.to(precision), out) is out
    torch.testing.assert_close(out, a @ b.T, rtol=0, atol=1e-6 if precision == torch.float32 else 0.05)


def test_bfloat16_comes_close_to_float32(random_block):
    """Networks and Shapley values differ by what 8 bits leave out, and no more."""
    block = random_block(seed=8, dtype=torch.float32)
    low = block.inputs._replace(tf=block.inputs.tf.bfloat16())
    background = block.background()
    found = {}
    for name, inputs in (("float32", block.inputs), ("bfloat16", low)):
        weights = nn.train(block.weights(), inputs, block.targets, epochs=40, l1=0.003).weights
        assert all(values.dtype == torch.float32 for values in weights)
        shap = nn.shapley(weights, inputs, background._replace(tf=background.tf.to(inputs.tf.dtype)))
        found[name] = nn.predict(weights, block.inputs).numpy(), torch.cat([shap.tf, shap.re], dim=1).numpy()
    for one, other in zip(found["float32"], found["bfloat16"], strict=True):
        assert not np.array_equal(one, other)
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.999
