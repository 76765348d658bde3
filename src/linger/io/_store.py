"""The store of trained networks (format ``linger-networks``, see docs/formats.md).

Layout (version 1)::

    index.json            format, settings, names, and the SHA-256 of every other file
    design.safetensors    metacells, moments of training, background, links, binding strengths
    block-00000.safetensors, ...   weights of a block of genes, and the strengths found with them
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from linger.io._folder import INDEX, Folder, FolderWriter, folder_format, listed_names, refuse_taken
from linger.io._work import Part, WorkFolder

FORMAT = "linger-networks"
VERSION = 1
_DESIGN = "design"
_BLOCK = "block"


class StoreWriter(FolderWriter):
    """Write a store block by block, so that what is finished outlives the process.

    Parameters
    ----------
    path
        Folder to make. One that is there is replaced when the new one is complete, if it is a store.
    resume
        Go on from what an interrupted fit to the same path left; False removes it.

    Raises
    ------
    FileExistsError
        If something else is at `path`, or another process is writing there.
    """

    def __init__(self, path: str | Path, *, resume: bool = True) -> None:
        path = Path(path)
        refuse_taken(path, FORMAT, found=folder_format)
        self._work = WorkFolder(path.with_name(f".{path.name}.partial"), resume=resume)
        super().__init__(path, format=FORMAT, version=VERSION, partial=self._work.path)

    def blocks(self, fingerprint: str) -> Part:
        """Return the place of the blocks of the store: fields of :class:`linger.nn.Weights` and what was found with them (docs/formats.md)."""
        return self.part(_BLOCK, fingerprint)

    def part(self, name: str, fingerprint: str) -> Part:
        """Return the place of other results of a job that are kept until the store is complete."""
        return self._work.part(name, fingerprint)

    def finish(
        self, *, names: Mapping[str, Iterable[str]], design: Mapping[str, np.ndarray], settings: Mapping[str, Any]
    ) -> str:
        """Write the rest, rename the folder, and return the checksum of the index."""
        blocks = self._work.checksums(_BLOCK)
        self._checksums |= blocks
        self.add(_DESIGN, design)
        listed = {name: list(map(str, values)) for name, values in names.items()}
        checksum = self.close({"n_blocks": len(blocks), "settings": dict(settings), "names": listed})
        for file in self.path.iterdir():  # what only an interrupted fit needs, to the very end
            if file.name not in (INDEX, *self._checksums):
                file.unlink()
        self._work.release()
        return checksum

    def abort(self) -> None:
        """Leave what is finished to the next fit; the store that was there before stays."""
        self._work.leave()


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
    return f"{_BLOCK}-{number:05d}"
