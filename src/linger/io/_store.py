"""The store of trained networks (format ``linger-networks``, see docs/formats.md).

Layout (version 1)::

    index.json            format, settings, names, and the SHA-256 of every other file
    design.safetensors    metacells, moments of training, background, links, binding strengths
    block-00000.safetensors, ...   weights of a block of genes
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from linger.io._folder import Folder, FolderWriter, listed_names

FORMAT = "linger-networks"
VERSION = 1
_DESIGN = "design"


class StoreWriter(FolderWriter):
    """Write a store block by block.

    Parameters
    ----------
    path
        Folder to make. One that is there is replaced when the new one is complete, if it is a store.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, format=FORMAT, version=VERSION)
        self._n_blocks = 0

    def add_block(self, weights: Mapping[str, np.ndarray], genes: np.ndarray, n_res: np.ndarray) -> None:
        """Write the weights of one block: arrays by the name of the field of :class:`linger.nn.Weights`.

        Parameters
        ----------
        weights
            Arrays with the genes first.
        genes
            Positions of the genes in the index, one a row.
        n_res
            Number of REs of every gene; columns past it are padding.
        """
        self.add(
            block_name(self._n_blocks),
            {**weights, "genes": genes.astype(np.int64), "n_res": n_res.astype(np.int64)},
        )
        self._n_blocks += 1

    def finish(
        self, *, names: Mapping[str, Iterable[str]], design: Mapping[str, np.ndarray], settings: Mapping[str, Any]
    ) -> str:
        """Write the rest, rename the folder, and return the checksum of the index."""
        self.add(_DESIGN, design)
        listed = {name: list(map(str, values)) for name, values in names.items()}
        return self.close({"n_blocks": self._n_blocks, "settings": dict(settings), "names": listed})


class NetworkStore(Folder):
    """Trained networks on disk, read on demand.

    Parameters
    ----------
    path
        Folder written by :func:`linger.tl.fit` with ``store=``.

    Raises
    ------
    FileNotFoundError
        If there is no store at `path`.
    ValueError
        If it is of another format or version, or a file is missing, cut short or changed.
    """

    def __init__(self, path: str | Path) -> None:
        missing = "No store of networks", "Fit with store=, or attach it again with lg.io.attach(mdata, store=path)."
        super().__init__(path, format=FORMAT, version=VERSION, missing=missing)
        with self.interpreted():
            self._load()

    def _load(self) -> None:
        self.settings: dict[str, Any] = dict(self.index["settings"])
        self.genes, self.tfs, self.peaks, self.metacells = (
            listed_names(self.index["names"][name], name) for name in ("genes", "tfs", "peaks", "metacells")
        )
        blocks = {f"{block_name(number)}.safetensors" for number in range(len(self.index["sha256"]) - 1)}
        if blocks != self.index["sha256"].keys() - {f"{_DESIGN}.safetensors"} or self.index["n_blocks"] != len(blocks):
            msg = f"its {self.index['n_blocks']} blocks are not the files it lists"
            raise ValueError(msg)

    def design(self, name: str) -> np.ndarray:
        """Return one array of the design (see :func:`linger.tl.fit` for what is kept)."""
        return self.array(_DESIGN, name)

    def block(self, number: int) -> dict[str, np.ndarray]:
        """Return the arrays of one block: weights, ``genes`` (positions in ``self.genes``) and ``n_res``."""
        arrays = self.read(block_name(number))
        with self.interpreted():
            genes = self.genes[arrays["genes"]]
            if not genes.is_unique or any(len(values) != len(genes) for values in arrays.values()):
                msg = f"block {number} does not hold a row for each of its genes"
                raise ValueError(msg)
        return arrays

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return int(self.index["n_blocks"])


def block_name(number: int) -> str:
    """Return the name of the file of a block."""
    return f"block-{number:05d}"
