"""Blocks of genes: what is trained at once.

A block depends on the design and the number of genes in a block alone, never on who trains it, so that any number of processes finds the
same networks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
import torch
from scipy import sparse

from linger import nn

if TYPE_CHECKING:
    from linger._config import FitConfig
    from linger.tl._design import Design, Samples


_STEP = 16


def padded(width: np.ndarray) -> np.ndarray:
    """Return to how many peaks a block is padded whose widest gene has `width`: with the bias a multiple of 16.

    So few shapes of products are there that the code which oneDNN compiles and keeps for each does not fill memory.
    """
    return -(-(width + 1) // _STEP) * _STEP - 1


def genes_at_once(config: FitConfig, device: torch.device) -> int:
    """Return the number of genes in a block: a GPU needs more to be busy."""
    return config.block_size * (1 if device.type == "cpu" else 16)


class BlockData(NamedTuple):
    """Plain arrays that all blocks of a design are cut from; this is what other processes are sent."""

    tf: np.ndarray
    """Standardised TFs, T x M."""
    re: np.ndarray
    """Standardised peaks, (N + 1) x M; the last row, of zeros, is what padding points at."""
    targets: np.ndarray
    """Standardised genes, G x M."""
    links: sparse.csr_matrix
    own_tf: np.ndarray
    affinity: sparse.csr_matrix | None
    """Motif affinity, (N + 1) x TFs; None without motifs or without the manifold term."""
    block_size: int

    @classmethod
    def of(cls, design: Design, samples: Samples, *, block_size: int, manifold: bool) -> Self:
        """Take what training needs."""
        affinity = _with_empty_row(design.affinity) if manifold and design.affinity is not None else None
        re = with_zero_row(samples.re.values)
        return cls(samples.tf.values, re, samples.target.values, design.links, design.own_tf, affinity, block_size)

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return -(-len(self.targets) // self.block_size)

    def rows(self, number: int) -> np.ndarray:
        """Return the positions of the genes of a block."""
        start = number * self.block_size
        return np.arange(start, min(start + self.block_size, len(self.targets)))

    def columns(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions of the peaks of a block's genes, padded, and how many each gene has."""
        rows = self.rows(number)
        n_res = np.diff(self.links.indptr)[rows]
        width = int(padded(n_res.max()))
        columns = np.full((len(rows), width), self.links.shape[1])
        columns[np.arange(width) < n_res[:, None]] = self.links[rows].indices
        return columns, n_res


class Block(NamedTuple):
    """Tensors of G genes."""

    rows: np.ndarray
    """Positions of the genes in the design."""
    columns: np.ndarray
    """Positions of their peaks, G x P; past a gene's own peaks the number of peaks."""
    n_res: np.ndarray
    inputs: nn.Inputs
    targets: torch.Tensor
    graph: nn.MotifGraph | None


class Blocks:
    """The blocks of a design, made when asked for, with all tensors on `device` and the TFs in `precision`."""

    def __init__(self, data: BlockData, device: torch.device, precision: torch.dtype = torch.float32) -> None:
        self.data, self.device = data, device
        # memory of torch's own, aligned in the same way in every process: products may differ in the last bit otherwise
        self._tf = torch.from_numpy(data.tf).clone().to(device, precision)
        self._re = torch.from_numpy(data.re).to(device)

    def __getitem__(self, number: int) -> Block:
        """Make one block."""
        rows = self.data.rows(number)
        columns, n_res = self.data.columns(number)
        inputs = _block_inputs(self._tf, self._re, columns, self.data.own_tf[rows])
        graph = None if self.data.affinity is None else _block_graph(self.data.affinity, columns, inputs)
        targets = torch.from_numpy(self.data.targets[rows]).to(self.device)
        return Block(rows, columns, n_res, inputs, targets, graph)


def _block_inputs(tf: torch.Tensor, re: torch.Tensor, columns: np.ndarray, own_tf: np.ndarray) -> nn.Inputs:
    own_gene = np.flatnonzero(own_tf >= 0)
    return nn.Inputs(
        tf,
        re_inputs(re, columns),
        torch.from_numpy(own_gene).to(re.device),
        torch.from_numpy(own_tf[own_gene]).to(re.device),
    )


def with_zero_row(values: np.ndarray) -> np.ndarray:
    """Append the row of zeros that padding points at."""
    return np.vstack([values, np.zeros((1, values.shape[1]), dtype=np.float32)])


def re_inputs(re: torch.Tensor, columns: np.ndarray) -> torch.Tensor:
    """Return the REs of every gene below a row of ones for the bias, G x (1 + P) x M."""
    ones = torch.ones(len(columns), 1, re.shape[1], device=re.device)
    return torch.cat([ones, re[torch.from_numpy(columns).to(re.device)]], dim=1)


def _with_empty_row(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    return sparse.vstack([matrix, sparse.csr_matrix((1, matrix.shape[1]), dtype=matrix.dtype)], format="csr")


def _block_graph(affinity: sparse.csr_matrix, columns: np.ndarray, inputs: nn.Inputs) -> nn.MotifGraph:
    n_genes, width = columns.shape
    picked = affinity[columns.ravel()].toarray()
    dense = np.zeros((n_genes, affinity.shape[1], width + 1), dtype=np.float32)
    dense[:, :, 1:] = picked.reshape(n_genes, width, -1).transpose(0, 2, 1)
    return nn.motif_graph(torch.from_numpy(dense).to(inputs.tf.device), inputs)
