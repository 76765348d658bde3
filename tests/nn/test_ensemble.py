from __future__ import annotations

import numpy as np
import pytest
import torch

from linger import nn

from .conftest import as_modules, gene_inputs


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_prediction_equals_plain_modules(random_block, activation, dtype, tolerance):
    block = random_block(dtype=dtype)
    weights = block.weights()
    predicted = nn.predict(weights, block.inputs, activation)
    for gene, n in enumerate(block.n_res):
        expected = as_modules(weights, gene, n, activation)(gene_inputs(block.inputs, gene, n))[:, 0]
        torch.testing.assert_close(predicted[gene], expected, rtol=tolerance, atol=tolerance)


def test_matmul_t_equals_matmul_for_views():
    a, b = torch.randn(30, 20), torch.randn(40, 20)
    torch.testing.assert_close(nn.matmul_t(a, b), a @ b.T, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(nn.matmul_t(a, b.T.contiguous().T), a @ b.T, rtol=1e-5, atol=1e-5)


def test_initial_weights_follow_names_not_positions(random_block):
    block = random_block()
    weights = block.weights()
    genes, tfs, res = block.keys
    order = np.random.default_rng(1).permutation(len(tfs))
    tf_position = np.argsort(order)
    moved = nn.Inputs(
        block.inputs.tf[order], block.inputs.re, block.inputs.own_gene, torch.tensor(tf_position[block.inputs.own_tf])
    )
    other = nn.initial_weights(moved, genes, tfs[order], res, hidden=block.hidden)
    torch.testing.assert_close(other.tf, weights.tf[:, :, order], rtol=0, atol=0)
    torch.testing.assert_close(other.re, weights.re, rtol=0, atol=0)


def test_initial_weights_are_uniform_and_independent_between_genes_and_seeds():
    keys = nn.name_hash(f"g{i}" for i in range(50)), nn.name_hash(f"t{i}" for i in range(200))
    values = nn.hashed_uniform(*keys, 64)
    assert values.shape == (50, 64, 200)
    assert abs(values.mean()) < 2e-3
    assert values.var() == pytest.approx(1 / 3, abs=2e-3)
    correlations = np.corrcoef(values.reshape(50, -1)) - np.eye(50)
    assert np.abs(correlations).max() < 0.06


def test_the_same_names_give_the_same_numbers_on_every_machine():
    found = nn.hashed_uniform(nn.name_hash(["GATA1"]), nn.name_hash(["SPI1", "chr1:1-2"]), 2)
    expected = [[0.2654423713684082, 0.9453836679458618], [-0.7339290380477905, -0.8279478549957275]]
    assert found[0].tolist() == expected


def test_keys_of_another_type_are_refused():
    with pytest.raises(TypeError, match="uint64, found int64"):
        nn.hashed_uniform(np.arange(3), np.arange(2, dtype=np.uint64), 2)


def test_initial_weights_leave_out_constants_padding_and_own_tf(random_block):
    block = random_block()
    block.inputs.tf[4] = 0
    weights = block.weights()
    assert not weights.tf[:, :, 4].any()
    assert not weights.tf[block.inputs.own_gene, :, block.inputs.own_tf].any()
    for gene, n in enumerate(block.n_res):
        assert not weights.re[gene, :, n + 1 :].any()
        assert weights.re[gene, :, : n + 1].all()
    bound = 1 / np.sqrt(8 + block.n_res - np.isin(range(5), [1, 3]))
    reached = weights.tf.abs().amax((1, 2)).numpy()
    assert (reached <= bound).all()
    assert (reached > 0.9 * bound).all()
    assert not torch.equal(block.weights(seed=1).tf, weights.tf)
