"""Random blocks of networks, and the same networks as plain torch modules."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from linger import nn

MODULES = {"relu": torch.nn.ReLU, "sigmoid": torch.nn.Sigmoid, "tanh": torch.nn.Tanh}


def as_modules(weights, gene, n_res, activation):
    """One gene's network as an nn.Sequential over its TFs and its own REs."""
    w1 = torch.cat([weights.tf[gene], weights.re[gene, :, 1 : n_res + 1]], dim=1)
    layers = [
        torch.nn.Linear(w1.shape[1], w1.shape[0]),
        MODULES[activation](),
        torch.nn.Linear(*weights.w2.shape[:0:-1]),
        MODULES[activation](),
        torch.nn.Linear(weights.w3.shape[2], 1),
    ]
    net = torch.nn.Sequential(*layers).to(w1.dtype)
    with torch.no_grad():
        for layer, (w, b) in zip(
            layers[::2],
            [
                (w1, weights.re[gene, :, 0]),
                (weights.w2[gene], weights.b2[gene, :, 0]),
                (weights.w3[gene], weights.b3[gene, :, 0]),
            ],
            strict=True,
        ):
            layer.weight.copy_(w)
            layer.bias.copy_(b)
    return net


def gene_inputs(inputs, gene, n_res):
    """Samples x features of one gene, its own TF set to 0."""
    tf = inputs.tf.clone()
    own = inputs.own_tf[inputs.own_gene == gene]
    tf[own] = 0
    return torch.cat([tf, inputs.re[gene, 1 : n_res + 1]]).T.contiguous()


class RandomBlock:
    """G genes with unequal numbers of REs; gene 1 is TF 2 and gene 3 is TF 0."""

    def __init__(self, seed=0, dtype=torch.float64, n_genes=5, n_tfs=9, n_samples=40, hidden=(12, 6)):
        rng = np.random.default_rng(seed)
        self.n_res = np.array([7, 3, 0, 5, 1])[:n_genes]
        width = self.n_res.max() + 1
        re = rng.normal(size=(n_genes, width, n_samples))
        re[:, 0] = 1
        res = np.zeros((n_genes, width), dtype=np.uint64)
        for gene, n in enumerate(self.n_res):
            re[gene, n + 1 :] = 0
            res[gene, 1 : n + 1] = nn.name_hash(f"peak{gene}.{j}" for j in range(n))
        tf = rng.normal(size=(n_tfs, n_samples))
        own = torch.tensor([1, 3]), torch.tensor([2, 0])
        self.inputs = nn.Inputs(torch.tensor(tf, dtype=dtype), torch.tensor(re, dtype=dtype), *own)
        self.targets = torch.tensor(rng.normal(size=(n_genes, n_samples)), dtype=dtype)
        self.keys = nn.name_hash(f"gene{i}" for i in range(n_genes)), nn.name_hash(f"tf{i}" for i in range(n_tfs)), res
        self.hidden = hidden
        affinity = rng.random((n_genes, n_tfs, width)) * (rng.random((n_genes, n_tfs, width)) < 0.4)
        for gene, n in enumerate(self.n_res):
            affinity[gene, :, n + 1 :] = 0
        affinity[:, :, 0] = 0
        self.affinity = torch.tensor(affinity, dtype=dtype)

    def weights(self, seed=0):
        return nn.initial_weights(self.inputs, *self.keys, hidden=self.hidden, seed=seed)

    def background(self, n=11):
        return nn.Inputs(self.inputs.tf[:, :n], self.inputs.re[:, :, :n], self.inputs.own_gene, self.inputs.own_tf)


@pytest.fixture
def random_block():
    return RandomBlock
