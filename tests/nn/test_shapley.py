from __future__ import annotations

import numpy as np
import pytest
import torch

from linger import nn
from linger.nn import _shapley
from linger.nn._shapley import _Layer, _times_secant, _times_secant_torch

from .conftest import as_modules, gene_inputs

shap = pytest.importorskip("shap")


def reference(block, weights, gene, activation, n_background):
    """shap.DeepExplainer on the same network written with modules."""
    n = block.n_res[gene]
    net, x = as_modules(weights, gene, n, activation), gene_inputs(block.inputs, gene, n)
    values = shap.DeepExplainer(net, x[:n_background]).shap_values(x)
    return np.asarray(values)[..., 0]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 1e-3)])
def test_equals_deep_explainer(random_block, activation, trained, dtype, tolerance):
    block = random_block(dtype=dtype, seed=3)
    weights = block.weights()
    if trained:
        weights = nn.train(weights, block.inputs, block.targets, epochs=30, l1=0.003, activation=activation).weights
    phi_tf, phi_re = nn.shapley_values(weights, block.inputs, block.background(), activation=activation)
    for gene, n in enumerate(block.n_res):
        expected = reference(block, weights, gene, activation, 11)
        found = torch.cat([phi_tf[gene], phi_re[gene, :, :n]], dim=1).numpy()
        assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("n_straight", [4, 9])
def test_one_gene_with_straight_and_flat_units_equals_deep_explainer(random_block, n_straight):
    block = random_block(seed=3)
    weights, background = block.weights(), block.background()
    weights.re[:, :n_straight, 0] = 1e2
    weights.re[:, -2:, 0] = -1e2
    weights.b2[:, :2] = 1e3
    weights.b2[:, 2] = -1e3
    for gene, n in enumerate(block.n_res):
        alone = nn.Weights(*(w[gene : gene + 1] for w in weights))
        rows = block.inputs.own_gene == gene
        own = torch.zeros_like(block.inputs.own_gene[rows]), block.inputs.own_tf[rows]
        inputs, known = (nn.Inputs(x.tf, x.re[gene : gene + 1], *own) for x in (block.inputs, background))
        phi_tf, phi_re = nn.shapley_values(alone, inputs, known)
        expected = reference(block, weights, gene, "relu", 11)
        found = torch.cat([phi_tf[0], phi_re[0, :, :n]], dim=1).numpy()
        assert np.abs(expected).max() > 0
        assert np.abs(found - expected).max() <= 1e-6 * np.abs(expected).max()


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_values_add_up_to_the_prediction(random_block, activation):
    block = random_block(seed=4)
    weights, background = block.weights(), block.background()
    phi_tf, phi_re = nn.shapley_values(weights, block.inputs, background, activation=activation)
    prediction = nn.predict(weights, block.inputs, activation)
    expected = prediction - nn.predict(weights, background, activation).mean(1, keepdim=True)
    torch.testing.assert_close(phi_tf.sum(2) + phi_re.sum(2), expected, rtol=1e-10, atol=1e-12)


def test_identical_sample_and_background_use_the_slope(random_block):
    block = random_block(seed=5)
    weights = block.weights()
    same = nn.Inputs(block.inputs.tf[:, :1], block.inputs.re[:, :, :1], block.inputs.own_gene, block.inputs.own_tf)
    phi_tf, phi_re = nn.shapley_values(weights, same, same)
    torch.testing.assert_close(phi_tf, torch.zeros_like(phi_tf), rtol=0, atol=1e-15)
    torch.testing.assert_close(phi_re, torch.zeros_like(phi_re), rtol=0, atol=1e-15)


@pytest.mark.parametrize("chunk", [1, 2, 5])
def test_summary_is_mean_absolute_value_and_covariance_sign(random_block, chunk):
    block = random_block(seed=6)
    weights = nn.train(block.weights(), block.inputs, block.targets, epochs=30).weights
    summary = nn.shapley(weights, block.inputs, block.background(), chunk=chunk)
    phi_tf, phi_re = nn.shapley_values(weights, block.inputs, block.background())
    torch.testing.assert_close(summary.tf, phi_tf.abs().mean(1))
    torch.testing.assert_close(summary.re, phi_re.abs().mean(1))
    for gene in range(len(block.n_res)):
        for tf in range(len(block.inputs.tf)):
            covariance = np.cov(phi_tf[gene, :, tf].numpy(), block.inputs.tf[tf].numpy())[0, 1]
            assert summary.tf_sign[gene, tf] == np.sign(covariance)
    own = summary.tf[block.inputs.own_gene, block.inputs.own_tf]
    assert not own.any()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("n_flat", [0, 3, 12])
@pytest.mark.parametrize("n_straight", [0, 2, 9, 12])
@pytest.mark.parametrize("n_straight2", [0, 4, 6])
def test_units_that_never_bend_are_left_out_and_nothing_changes(random_block, dtype, n_flat, n_straight, n_straight2):
    """Genes one by one, where units that are off or on in all samples are left out, have the values of genes at once."""
    block = random_block(seed=9, dtype=dtype)
    weights = block.weights()
    weights.re[:, :n_straight, 0] = 1e2
    weights.re[:, 12 - n_flat :, 0] = -1e2
    weights.b2[:, :n_straight2] = 1e3
    one_by_one = nn.shapley(weights, block.inputs, block.background(), chunk=1)
    together = nn.shapley(weights, block.inputs, block.background(), chunk=5)
    for found, expected in zip(one_by_one[:2], together[:2], strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert one_by_one.tf.any() == (n_flat < 12)


def test_straight_units_are_joined(random_block, monkeypatch):
    block, widths, times = random_block(seed=9), [], _shapley._multipliers
    monkeypatch.setattr(_shapley, "_multipliers", lambda w2, *rest: (widths.append(w2.shape), times(w2, *rest))[1])
    weights = block.weights()
    weights.re[:, :9, 0] = 1e2  # 9 of 12
    weights.b2[:] = 1e3
    nn.shapley(weights, block.inputs, block.background(), chunk=1)
    assert [width[2] for width in widths] == [4] * 5
    widths.clear()
    weights.re[:, 11:, 0] = -1e2
    weights.re[:, :11, 0] = 1e2  # one straight unit in front of the second layer is left, and three that pad
    found = nn.shapley(weights, block.inputs, block.background(), chunk=1)
    assert [width[2] for width in widths] == [4] * 5
    together = nn.shapley(weights, block.inputs, block.background(), chunk=5)
    torch.testing.assert_close(found.tf, together.tf)


def _other_samples(block, n, seed):
    """Return a background of which nothing is among the samples."""
    generator = torch.Generator().manual_seed(seed)
    tf = torch.randn(len(block.inputs.tf), n, generator=generator, dtype=block.inputs.tf.dtype)
    re = (
        torch.randn(*block.inputs.re.shape[:2], n, generator=generator, dtype=tf.dtype)
        * block.inputs.re.any(2)[..., None]
    )
    re[:, 0] = 1
    return block.inputs._replace(tf=tf, re=re)


@pytest.mark.parametrize("n_background", [1, 2, 9])
@pytest.mark.parametrize("second", ["all bend", "all flat", "mixed"])
@pytest.mark.parametrize("shift", [0.3, 1.0, 2.0])
def test_units_may_be_off_in_the_samples_and_on_in_the_background(random_block, n_background, second, shift):
    """Many first-layer units are flat or straight in the one and bend in the other; alone and at once, values are the same."""
    for seed in range(6):
        block = random_block(seed=seed)
        weights = block.weights()
        weights.re[:, :6, 0] += shift
        weights.re[:, 6:, 0] -= shift
        if second == "all flat":
            weights.b2[:] = -1e3
        elif second == "mixed":
            weights.b2[:, ::2] += 1
        background = _other_samples(block, n_background, seed)
        background.tf.mul_(4)  # far from the samples: a unit that is off in all of them is on there
        alone = nn.shapley(weights, block.inputs, background, chunk=1)
        together = nn.shapley(weights, block.inputs, background, chunk=5)
        for found, expected in zip(alone[:2], together[:2], strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("scale", [0.0, 1e-20, 1e-3, 1e20])
def test_output_weights_of_any_size(random_block, scale):
    block = random_block(seed=9, dtype=torch.float32)
    weights = block.weights()
    weights.re[:, :9, 0] = 1e2
    weights.b2[:, :4] = 1e3
    background = block.background()
    once = nn.shapley(weights, block.inputs, background, chunk=1).tf
    weights.w3.mul_(scale)
    torch.testing.assert_close(
        nn.shapley(weights, block.inputs, background, chunk=1).tf / (scale or 1), once * (scale > 0)
    )


@pytest.mark.parametrize("n_units", [1, 7, 16])
@pytest.mark.parametrize("n_more", [0, 3])
def test_compiled_multipliers_equal_torch(n_units, n_more):
    generator = torch.Generator().manual_seed(n_units)
    z, z_b = (torch.randn(2, n, n_units, generator=generator) for n in (6, 5))
    z_b[:, 0] = z[:, 0]  # a pair without difference, where the derivative is taken
    layer = _Layer(z, torch.tanh(z), 1 - torch.tanh(z) ** 2, z_b, torch.tanh(z_b))
    start = torch.randn(2, 6, 5, n_units + n_more, generator=generator)
    found, expected = start.clone(), start.clone()
    total = _times_secant(found, layer)
    torch.testing.assert_close(total, _times_secant_torch(expected, layer))
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(found[:, 0, 0, :n_units], start[:, 0, 0, :n_units] * layer.slope[:, 0])
    assert torch.equal(found[..., n_units:], start[..., n_units:])
