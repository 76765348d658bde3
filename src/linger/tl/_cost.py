"""What a fit costs, by counting: operations, bytes of memory, bytes on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
import torch

from linger import nn
from linger._memory import available_memory
from linger.tl._blocks import genes_at_once, padded

if TYPE_CHECKING:
    from linger._config import FitConfig
    from linger.tl._design import Design
    from linger.tl._workers import Workers

_PROCESS = 450_000_000
"""Bytes of another process of this package before it does anything."""


class Sizes(NamedTuple):
    """How large a fit is."""

    n_tfs: int
    n_peaks: int
    n_res: np.ndarray
    """Peaks of every gene, in the order of the blocks."""
    n_metacells: int
    motifs: bool

    @classmethod
    def of(cls, design: Design, n_metacells: int) -> Self:
        """Read them from a design."""
        n_res = np.diff(design.links.indptr)
        return cls(len(design.tfs), len(design.peaks), n_res, n_metacells, design.affinity is not None)

    def widths(self, block_size: int) -> tuple[np.ndarray, np.ndarray]:
        """Return how many genes each block has, and how many peaks these are padded to."""
        starts = np.arange(0, len(self.n_res), block_size)
        return np.diff(np.append(starts, len(self.n_res))), padded(np.maximum.reduceat(self.n_res, starts))


def training_operations(sizes: Sizes, config: FitConfig) -> int:
    """Return the floating-point operations of training every network once."""
    n_genes, width = sizes.widths(config.block_size)
    first, second = config.hidden
    n_inputs = sizes.n_tfs + width + 1
    a_gene = 4 * first * n_inputs * sizes.n_metacells + 6 * first * second * sizes.n_metacells
    if sizes.motifs and config.manifold:
        a_gene = a_gene + 4 * first * sizes.n_tfs * width
    return int(config.epochs * (n_genes * a_gene).sum())


def shapley_operations(sizes: Sizes, config: FitConfig) -> int:
    """Return the floating-point operations of explaining every network."""
    n_genes, width = sizes.widths(config.block_size)
    pairs = sizes.n_metacells * min(config.n_background, sizes.n_metacells)
    return int((n_genes * 2 * pairs * config.hidden[0] * (sizes.n_tfs + width)).sum())


def memory(sizes: Sizes, config: FitConfig, workers: Workers, device: torch.device) -> dict[str, int]:
    """Return the bytes that a fit takes beside the data, by what takes them at the worst moment."""
    samples = sizes.n_peaks * sizes.n_metacells
    pairs = sizes.n_peaks * sizes.n_tfs
    networks = workers.at_once * block_memory(sizes, config, device) if device.type == "cpu" else 0
    return {
        # as given, standardised, padded; in a fold those held out too; and in double precision while they are standardised
        "metacells": (36 if config.n_folds else 28) * samples,
        # alpha, and what is kept of it, laid out; 5 bytes for gamma and its sign
        "strengths": int((9 + 40 * config.binding_share) * pairs) + 5 * len(sizes.n_res) * sizes.n_tfs,
        "networks": networks + (_PROCESS * workers.n_jobs if workers.n_jobs > 1 else 0),
    }


def block_memory(sizes: Sizes, config: FitConfig, device: torch.device) -> int:
    """Return the bytes of training and explaining a block."""
    n_genes, width = sizes.widths(genes_at_once(config, device))
    networks = int((n_genes * config.hidden[0] * (sizes.n_tfs + width + 1)).max())
    hidden = int(n_genes.max()) * config.hidden[0] * sizes.n_metacells
    explained = config.hidden[0] * min(config.n_background, sizes.n_metacells)
    explained *= 3 * sizes.n_metacells + sizes.n_tfs + int(width.max())
    explained *= nn.explained_at_once(device)
    graph = int((n_genes * sizes.n_tfs * (width + 1)).max()) if sizes.motifs and config.manifold else 0
    return 4 * (5 * networks + 6 * hidden + explained + 3 * graph)


def disk(sizes: Sizes, config: FitConfig) -> int:
    """Return the bytes of the store of networks."""
    n_genes, width = sizes.widths(config.block_size)
    n_inputs = int((n_genes * (sizes.n_tfs + width + 1)).sum())
    values = 4 * (sizes.n_peaks + sizes.n_tfs + len(sizes.n_res)) * sizes.n_metacells
    first, second = config.hidden
    upper = len(sizes.n_res) * 4 * (first * second + 2 * second + config.epochs)
    return (4 * first + 5) * n_inputs + upper + values + 4 * sizes.n_peaks * sizes.n_tfs


def check_memory(sizes: Sizes, config: FitConfig, workers: Workers, device: torch.device) -> None:
    """Refuse a fit that memory, or that of the GPU, cannot hold.

    Raises
    ------
    MemoryError
        With what it needs, what there is, and what to reduce.
    """
    if device.type == "cuda":
        needed, available = block_memory(sizes, config, device), torch.cuda.mem_get_info(device)[0]
        if needed > available:
            msg = f"A block needs about {needed / 1e9:.1f} GB of the GPU's memory, and {available / 1e9:.1f} GB are free. Lower FitConfig.block_size."
            raise MemoryError(msg)
    parts, available = memory(sizes, config, workers, device), available_memory()
    needed = sum(parts.values())
    if needed <= available:
        return
    listed = ", ".join(f"{value / 1e9:.1f} GB for {name}" for name, value in parts.items())
    msg = (
        f"The fit needs about {needed / 1e9:.1f} GB of memory beside the data ({listed}), and {available / 1e9:.1f} GB are available. "
        f"Its {sizes.n_peaks} peaks, {sizes.n_tfs} TFs and {sizes.n_metacells} metacells make the size: leave out peaks seen in few cells, mark "
        "fewer genes as TFs (lg.pp.mark_tfs), fit parts of the genes in turn (genes=), make fewer metacells, or use fewer processes (n_jobs=)."
    )
    raise MemoryError(msg)
