from __future__ import annotations

import numpy as np

from linger import nn


def test_equals_numpy_correlation_with_negatives_and_constants_zero(random_block):
    block = random_block()
    weights = block.weights()
    weights.tf[0, :, 5] = 0.7  # a constant row has no correlation
    found = nn.weight_correlation(weights)
    assert found.shape == (5, 7, 9)
    for gene, n in enumerate(block.n_res):
        for j in range(n):
            for k in range(9):
                tf, re = weights.tf[gene, :, k].numpy(), weights.re[gene, :, j + 1].numpy()
                expected = 0 if np.ptp(tf) == 0 else max(0, np.corrcoef(tf, re)[0, 1])
                np.testing.assert_allclose(found[gene, j, k], expected, atol=1e-12)
    assert not found[0, :, 5].any()
