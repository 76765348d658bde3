"""Derivatives of stored networks over their metacells."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import torch

from linger import nn
from linger.io._read_store import read_store
from linger.tl._stored_networks import StoredNetworks, metacell_groups

if TYPE_CHECKING:
    from mudata import MuData


class Gradients(NamedTuple):
    """Derivatives of logged expression by logged expression of TFs."""

    groups: list[str]
    sizes: np.ndarray
    """Metacells of each group."""
    genes: pd.Index
    tfs: pd.Index
    mean: np.ndarray
    """Groups x genes x TFs."""
    square: np.ndarray
    """Mean of the squares, likewise."""


def gradients(mdata: MuData, *, groupby: str | None, device: str, key: str, keys: tuple[str, str]) -> Gradients:
    """Return means and mean squares of the derivatives over the metacells of each group.

    Memory: ``8 * n_groups * n_genes * n_tfs`` bytes.
    """
    store = read_store(mdata, key=key)
    networks = StoredNetworks(store, device)
    member = pd.get_dummies(metacell_groups(mdata, store, groupby, keys), dtype=np.float32)
    average = torch.from_numpy((member / member.sum()).to_numpy(np.float32)).to(networks.device)
    tf, re = networks.tensors(*networks.training_inputs())
    shape = (member.shape[1], len(networks.genes), len(networks.tfs))
    mean, square = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    by_tf = np.divide(1, networks.tf.sd, out=np.zeros_like(networks.tf.sd), where=networks.tf.sd > 0)
    for block in networks.blocks(description="derivatives"):
        found = nn.gradient_moments(block.weights, networks.inputs(tf, re, block), average, networks.activation)
        unit = networks.target.sd[block.rows, None] * by_tf
        mean[:, block.rows] = found[0].cpu().numpy() * unit
        square[:, block.rows] = found[1].cpu().numpy() * unit**2
    return Gradients(
        list(map(str, member.columns)), member.sum().to_numpy(), networks.genes, networks.tfs, mean, square
    )
