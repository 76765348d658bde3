"""Networks of pairs: the schedule that makes Adam RAdam, batches, and the authors' attention over the batch."""

from __future__ import annotations

import numpy as np
import torch

from linger import TgiConfig, nn
from linger.nn._train_pairs import _batches, _optimiser


def test_adam_with_a_growing_rate_is_radam():
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(7, 5, generator=generator)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    model = torch.nn.ParameterList([ours])
    config = TgiConfig(optimiser="radam", learning_rate=1e-2, weight_decay=0.1)
    optimiser, schedule = _optimiser(model, config)
    reference = torch.optim.RAdam([theirs], lr=1e-2, weight_decay=0.1)
    for step in range(60):
        gradient = torch.randn(7, 5, generator=generator)
        ours.grad, theirs.grad = gradient + 0, gradient + 0
        if step == 5:  # before, RAdam takes steps of plain momentum and ours none
            with torch.no_grad():
                theirs.copy_(ours)
        if step >= 5:  # the decay is part of the moments, which have seen other values until then
            ours_before, theirs_before = ours.detach().clone(), theirs.detach().clone()
        optimiser.step()
        schedule.step()
        reference.step()
        if step >= 5:
            np.testing.assert_allclose(
                (ours - ours_before).detach(), (theirs - theirs_before).detach(), rtol=0.02, atol=2e-5
            )


def test_every_pair_is_seen_once_or_once_each_way():
    train = torch.arange(10, 75)
    for both_ways in (False, True):
        config = TgiConfig(batch_size=32, both_ways=both_ways)
        found = _batches(train, torch.Generator().manual_seed(1), config)
        chosen = torch.cat([pairs for pairs, _ in found])
        turned = torch.cat([way for _, way in found])
        for way in (False, True):
            expected = train if both_ways or not way else train[:0]
            assert torch.equal(chosen[turned == way].sort().values, expected)
        assert min(len(pairs) for pairs, _ in found) >= 21  # no batch of one, which batch norm refuses


def test_batch_attention_equals_attention_by_hand():
    torch.manual_seed(0)
    network = nn.BatchNetwork(11, width=14, heads=4, layers=1, dropout=0.3, batch_size=6).eval()
    layer = network.attention[0]
    values = torch.randn(6, 14)
    queries, keys, contents = (layer.project(values).view(6, 3, 4, 3)[:, i] for i in range(3))
    joined = torch.zeros(6, 12)
    for head in range(4):
        weights = torch.softmax(queries[:, head] @ keys[:, head].T / 3**0.5, dim=1)
        joined[:, 3 * head : 3 * head + 3] = weights @ contents[:, head]
    first = layer.norms[0](values + layer.join(joined))
    torch.testing.assert_close(layer(values), layer.norms[1](first + layer.linear(first)))
    source, target = torch.randn(6, 11), torch.randn(6, 11)
    logit, error = network(source, target, torch.zeros(6, 0))
    assert logit.shape == error.shape == (6,)
    assert network(source[:3], target[:3], torch.zeros(3, 0))[0].sub(logit[:3]).abs().max() > 1e-6
