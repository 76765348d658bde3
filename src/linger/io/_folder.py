"""A folder of safetensors files and a JSON index: what every store of this package is.

``index.json`` holds format, version, plain values and the SHA-256 of every other file. Nothing in it is a program: it is read without
pickle. Files are memory-mapped, so that reading a few genes reads little. A folder takes its final name only when complete.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

_INDEX = "index.json"


class FolderWriter:
    """Write a folder file by file, beside its final name.

    Parameters
    ----------
    path
        Folder to make. One that is there is replaced when the new one is complete, if it is of the same format.
    format, version
        What it holds.
    """

    def __init__(self, path: str | Path, *, format: str, version: int) -> None:
        self.path = Path(path)
        self._header = {"format": format, "version": version}
        if self.path.exists() and _format(self.path) != format:
            msg = f"{self.path} exists and is not a folder of format {format}; it is left alone. Choose another path."
            raise FileExistsError(msg)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._partial = Path(mkdtemp(prefix=f".{self.path.name}.", suffix=".partial", dir=self.path.parent))
        self._checksums: dict[str, str] = {}

    def add(self, name: str, tensors: Mapping[str, np.ndarray]) -> None:
        """Write one file, ``<name>.safetensors``."""
        file = f"{name}.safetensors"
        save_file({key: np.ascontiguousarray(value) for key, value in tensors.items()}, self._partial / file)
        self._checksums[file] = _sha256(self._partial / file)

    def close(self, values: Mapping[str, Any]) -> str:
        """Write the index with these `values`, rename the folder, and return the checksum of the index."""
        text = json.dumps({**self._header, **values, "sha256": self._checksums})
        (self._partial / _INDEX).write_text(text)
        self._swap()
        return hashlib.sha256(text.encode()).hexdigest()

    def abort(self) -> None:
        """Remove what was written; the folder that was there before stays."""
        shutil.rmtree(self._partial, ignore_errors=True)

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


class Folder:
    """A folder on disk, read on demand.

    Parameters
    ----------
    path
        Where it is.
    format, version
        What it must hold.
    missing
        What to do where there is none, for the error.

    Raises
    ------
    FileNotFoundError
        If there is no index at `path`.
    ValueError
        If it is of another format or version, or a file is missing, cut short or changed.
    """

    def __init__(self, path: str | Path, *, format: str, version: int, missing: str) -> None:
        self.path = Path(path)
        index_file = self.path / _INDEX
        if not index_file.is_file():
            msg = f"No store of format {format} at {self.path}. {missing}"
            raise FileNotFoundError(msg)
        text = index_file.read_text()
        self.checksum = hashlib.sha256(text.encode()).hexdigest()
        self.index = _parse_index(text, index_file, format, version)

    def verify(self) -> None:
        """Compare every file with its checksum, and raise ValueError naming the first that differs."""
        for name in self.index["sha256"]:
            self.verify_file(name)

    def verify_file(self, name: str) -> None:
        """Compare one file with its checksum."""
        path = self.file(name)
        if _sha256(path) != self.index["sha256"][name]:
            msg = f"{path} is damaged: its checksum differs from the index. Restore it or make it again."
            raise ValueError(msg)

    def read(self, name: str) -> dict[str, np.ndarray]:
        """Return all arrays of ``<name>.safetensors``."""
        with self.opened(name) as file:
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (safe_open is no mapping)

    def array(self, name: str, key: str) -> np.ndarray:
        """Return one array of ``<name>.safetensors``."""
        with self.opened(name) as file:
            if key not in file.keys():  # noqa: SIM118
                msg = f"{self.path} has no array {key!r}; it has {', '.join(sorted(file.keys()))}."
                raise KeyError(msg)
            return file.get_tensor(key)

    @contextmanager
    def opened(self, name: str) -> Iterator[Any]:
        """Open ``<name>.safetensors`` to read single arrays, or parts of them."""
        path = self.file(f"{name}.safetensors")
        try:
            with safe_open(path, framework="numpy") as file:
                yield file
        except SafetensorError as error:
            msg = f"{path} is damaged: {error}. Restore it or make it again."
            raise ValueError(msg) from error

    def file(self, name: str) -> Path:
        """Return the path of one file, or raise if it is not there."""
        path = self.path / name
        if name not in self.index["sha256"] or not path.is_file():
            msg = f"{path} is missing. Restore it or make it again."
            raise ValueError(msg)
        return path


def _format(path: Path) -> str | None:
    """Return the format of the folder at `path`, None if it is none of ours."""
    try:
        index = json.loads((path / _INDEX).read_text())
    except (OSError, ValueError):
        return None
    return index.get("format") if isinstance(index, dict) else None


def _parse_index(text: str, path: Path, wanted: str, version: int) -> dict[str, Any]:
    try:
        index = json.loads(text)
    except json.JSONDecodeError as error:
        msg = f"{path} is damaged: {error}. Restore it or make it again."
        raise ValueError(msg) from error
    if not isinstance(index, dict) or index.get("format") != wanted or index.get("version") != version:
        msg = f"{path} is not a {wanted} index of version {version}; it was written by something else or by a newer linger."
        raise ValueError(msg)
    if any(Path(name).name != name for name in index["sha256"]):
        msg = f"{path} names files outside its folder and is refused."
        raise ValueError(msg)
    return index


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
