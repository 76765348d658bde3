"""The store of trained networks: a folder of safetensors files and a JSON index.

Layout (format version 1)::

    index.json            format, settings, names, and the SHA-256 of every other file
    design.safetensors    metacells, moments of training, background, links, binding strengths
    block-00000.safetensors, ...   weights of a block of genes

Nothing in it is a program: it is read without pickle. Files are memory-mapped, so that reading a few genes reads little.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pandas as pd
from safetensors import safe_open
from safetensors.numpy import save_file

FORMAT = "linger-networks"
VERSION = 1
_INDEX = "index.json"
_DESIGN = "design.safetensors"


class StoreWriter:
    """Write a store block by block; it takes its final name only when complete.

    Parameters
    ----------
    path
        Folder to make. One that is there is replaced when the new one is complete, if it is a store.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if self.path.exists() and not (self.path / _INDEX).is_file():
            msg = f"{self.path} exists and is not a store of networks; it is left alone. Choose another path."
            raise FileExistsError(msg)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._partial = Path(mkdtemp(prefix=f".{self.path.name}.", suffix=".partial", dir=self.path.parent))
        self._checksums: dict[str, str] = {}
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
        tensors = {name: np.ascontiguousarray(value) for name, value in weights.items()}
        tensors |= {"genes": genes.astype(np.int64), "n_res": n_res.astype(np.int64)}
        self._save(f"block-{self._n_blocks:05d}.safetensors", tensors)
        self._n_blocks += 1

    def finish(
        self, *, names: Mapping[str, Iterable[str]], design: Mapping[str, np.ndarray], settings: Mapping[str, Any]
    ) -> str:
        """Write the rest, rename the folder, and return the checksum of the index."""
        self._save(_DESIGN, {name: np.ascontiguousarray(value) for name, value in design.items()})
        index = {
            "format": FORMAT,
            "version": VERSION,
            "n_blocks": self._n_blocks,
            "settings": dict(settings),
            "names": {name: list(map(str, values)) for name, values in names.items()},
            "sha256": self._checksums,
        }
        text = json.dumps(index)
        (self._partial / _INDEX).write_text(text)
        self._swap()
        return hashlib.sha256(text.encode()).hexdigest()

    def abort(self) -> None:
        """Remove what was written; the store that was there before stays."""
        shutil.rmtree(self._partial, ignore_errors=True)

    def _save(self, name: str, tensors: dict[str, np.ndarray]) -> None:
        save_file(tensors, self._partial / name)
        self._checksums[name] = _sha256(self._partial / name)

    def _swap(self) -> None:
        self._partial.chmod(0o755)  # mkdtemp leaves it to its owner alone
        if not self.path.exists():
            self._partial.rename(self.path)
            return
        old = Path(mkdtemp(prefix=f".{self.path.name}.", suffix=".old", dir=self.path.parent))
        self.path.rename(old / "store")
        try:
            self._partial.rename(self.path)
        except OSError:
            (old / "store").rename(self.path)
            raise
        finally:
            shutil.rmtree(old, ignore_errors=True)


class NetworkStore:
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
        self.path = Path(path)
        index_file = self.path / _INDEX
        if not index_file.is_file():
            msg = f"No store of networks at {self.path}. Fit with store=, or attach it again with lg.io.attach(mdata, store=path)."
            raise FileNotFoundError(msg)
        text = index_file.read_text()
        self.checksum = hashlib.sha256(text.encode()).hexdigest()
        self._index = _parse_index(text, index_file)
        self.settings: dict[str, Any] = self._index["settings"]
        self.genes, self.tfs, self.peaks, self.metacells = (
            pd.Index(self._index["names"][name], dtype=object) for name in ("genes", "tfs", "peaks", "metacells")
        )

    def verify(self) -> None:
        """Compare every file with its checksum, and raise ValueError naming the first that differs."""
        for name, expected in self._index["sha256"].items():
            if _sha256(self._file(name)) != expected:
                msg = f"{self.path / name} is damaged: its checksum differs from the index. Restore it or fit again."
                raise ValueError(msg)

    def design(self, name: str) -> np.ndarray:
        """Return one array of the design (see :func:`linger.tl.fit` for what is kept)."""
        with safe_open(self._file(_DESIGN), framework="numpy") as file:
            if name not in file.keys():  # noqa: SIM118 (safe_open is no mapping)
                msg = f"The store has no array {name!r}; it has {', '.join(sorted(file.keys()))}."
                raise KeyError(msg)
            return file.get_tensor(name)

    def block(self, number: int) -> dict[str, np.ndarray]:
        """Return the arrays of one block: weights, ``genes`` (positions in ``self.genes``) and ``n_res``."""
        with safe_open(self._file(f"block-{number:05d}.safetensors"), framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return int(self._index["n_blocks"])

    def _file(self, name: str) -> Path:
        path = self.path / name
        if name not in self._index["sha256"] or not path.is_file():
            msg = f"{path} is missing from the store. Restore it or fit again."
            raise ValueError(msg)
        return path


def _parse_index(text: str, path: Path) -> dict[str, Any]:
    try:
        index = json.loads(text)
    except json.JSONDecodeError as error:
        msg = f"{path} is damaged: {error}. Restore it or fit again."
        raise ValueError(msg) from error
    if not isinstance(index, dict) or index.get("format") != FORMAT or index.get("version") != VERSION:
        msg = f"{path} is not a {FORMAT} index of version {VERSION}; it was written by something else or by a newer linger."
        raise ValueError(msg)
    if any(Path(name).name != name for name in index["sha256"]):
        msg = f"{path} names files outside its folder and is refused."
        raise ValueError(msg)
    return index


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
