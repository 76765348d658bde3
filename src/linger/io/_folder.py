"""A folder of safetensors files and a JSON index: what every store of this package is.

``index.json`` holds format, version, plain values and the SHA-256 of every other file. Nothing in it is a program: it is read without
pickle. Files are memory-mapped, so that reading a few genes reads little. A folder takes its final name only when complete.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Self

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

INDEX = "index.json"


class FolderWriter:
    """Write a folder file by file, beside its final name; as a context, leave nothing behind if what is inside fails.

    Parameters
    ----------
    path
        Folder to make. One that is there is replaced when the new one is complete, if it is of the same format.
    format, version
        What it holds.
    partial
        Folder to write in, which is then renamed; None makes one.
    """

    def __init__(self, path: str | Path, *, format: str, version: int, partial: Path | None = None) -> None:
        self.path = Path(path)
        self._header = {"format": format, "version": version}
        self._partial = partial_folder(self.path, format, found=folder_format) if partial is None else partial
        self._checksums: dict[str, str] = {}

    def add(self, name: str, tensors: Mapping[str, np.ndarray]) -> None:
        """Write one file, ``<name>.safetensors``.

        Raises
        ------
        OSError
            If that fails, for example because the disk is full.
        """
        file = f"{name}.safetensors"
        try:
            save_file({key: np.ascontiguousarray(value) for key, value in tensors.items()}, self._partial / file)
        except (OSError, SafetensorError) as error:
            msg = f"{self._partial / file} cannot be written: {error}. Make room and call again."
            raise OSError(msg) from error
        self._checksums[file] = _sha256(self._partial / file)

    def close(self, values: Mapping[str, Any]) -> str:
        """Write the index with these `values`, rename the folder, and return the checksum of the index."""
        index = {**self._header, **values, "sha256": dict(sorted(self._checksums.items()))}
        text = json.dumps({**index, "checksum": _digest(index)})
        (self._partial / INDEX).write_text(text)
        replace_folder(self._partial, self.path)
        return hashlib.sha256(text.encode()).hexdigest()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is not None:
            self.abort()

    def abort(self) -> None:
        """Remove what was written; the folder that was there before stays."""
        shutil.rmtree(self._partial, ignore_errors=True)


def partial_folder(path: Path, format: str, *, found: Callable[[Path], str | None]) -> Path:
    """Make the folder, beside `path`, that is to take its name; refuse a `path` that holds something of another format."""
    refuse_taken(path, format, found=found)
    path.parent.mkdir(parents=True, exist_ok=True)
    return Path(mkdtemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent))


def refuse_taken(path: Path, format: str, *, found: Callable[[Path], str | None]) -> None:
    """Raise if there is something of another format at `path`."""
    taken = path.exists() and not (path.is_dir() and not any(path.iterdir()))
    if taken and found(path) != format:
        msg = f"{path} exists and is not a folder of format {format}; it is left alone. Choose another path."
        raise FileExistsError(msg)


def replace_folder(partial: Path, path: Path) -> None:
    """Give a folder that is complete its final name; the one that was there goes only when that has worked."""
    partial.chmod(0o755)  # mkdtemp leaves it to its owner alone
    if not path.exists():
        partial.rename(path)
        return
    old = Path(mkdtemp(prefix=f".{path.name}.", suffix=".old", dir=path.parent))
    path.rename(old / "store")
    try:
        partial.rename(path)
    except BaseException:  # whatever interrupts, the old folder comes back
        (old / "store").rename(path)
        old.rmdir()
        raise
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
        What to say where there is none, and what to do.

    Raises
    ------
    FileNotFoundError
        If there is no index at `path`.
    ValueError
        If it is of another format or version, or a file is missing, cut short or changed.
    """

    def __init__(self, path: str | Path, *, format: str, version: int, missing: tuple[str, str]) -> None:
        self.path = Path(path)
        index_file = self.path / INDEX
        if not index_file.is_file():
            msg = f"{missing[0]} at {self.path}. {missing[1]}"
            raise FileNotFoundError(msg)
        self._opened = identity(index_file)
        data = index_file.read_bytes()
        self.checksum = hashlib.sha256(data).hexdigest()
        self.index = _parse_index(data, index_file, format, version)
        self._verified: set[str] = set()

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
        self._verified.add(name)

    def trust(self) -> None:
        """Leave out the comparison with checksums that comes before a file is first read."""
        self._verified.update(self.index["sha256"])

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
        """Open ``<name>.safetensors`` to read single arrays, or parts of them; at first it is compared with its checksum."""
        file_name = f"{name}.safetensors"
        path = self.file(file_name)
        if file_name not in self._verified:
            self.verify_file(file_name)
        try:
            with safe_open(path, framework="numpy") as file:
                yield file
        except SafetensorError as error:
            msg = f"{path} is damaged: {error}. Restore it or make it again."
            raise ValueError(msg) from error

    def file(self, name: str) -> Path:
        """Return the path of one file, or raise if it is not there."""
        path = self.path / name
        if identity(self.path / INDEX) != self._opened:
            msg = f"{self.path} has been replaced or removed since it was opened. Open it again (a temporary prior is kept by its save method)."
            raise ValueError(msg)
        if name not in self.index["sha256"] or not path.is_file():
            msg = f"{path} is missing. Restore it or make it again."
            raise ValueError(msg)
        if path.resolve().parent != self.path.resolve():
            msg = f"{path} is a link to a file outside its folder, and is refused. Put the file itself there."
            raise ValueError(msg)
        return path

    @contextmanager
    def interpreted(self) -> Iterator[None]:
        """Say of which folder it is where index or arrays turn out not to hold what the format says."""
        try:
            yield
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            if str(self.path) in str(error):  # said already
                raise
            reason = f"it has no {error}" if isinstance(error, KeyError) else error
            msg = f"{self.path} is damaged, or was not written by linger: {reason}. Restore it or make it again."
            raise ValueError(msg) from error


def listed_names(values: object, what: str) -> pd.Index:
    """Return a list of an index as an Index, or raise unless it holds texts, each once."""
    if not isinstance(values, list) or set(map(type, values)) - {str} or len(set(values)) < len(values):
        msg = f"its {what} are not a list of names, each once"
        raise ValueError(msg)
    return pd.Index(values, dtype=object)


def folder_format(path: Path) -> str | None:
    """Return the format of the folder at `path`, None if it is none of ours."""
    try:
        index = json.loads((path / INDEX).read_text())
    except (OSError, ValueError):
        return None
    return index.get("format") if isinstance(index, dict) else None


def identity(path: Path) -> tuple[int, int] | None:
    """Return what changes when a file is replaced; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _parse_index(data: bytes, path: Path, wanted: str, version: int) -> dict[str, Any]:
    try:
        index = json.loads(data)
    except (ValueError, RecursionError) as error:  # no JSON, or no text at all
        msg = f"{path} is damaged: {error}. Restore it or make it again."
        raise ValueError(msg) from error
    if not isinstance(index, dict) or index.get("format") != wanted or index.get("version") != version:
        msg = f"{path} is not a {wanted} index of version {version}; it was written by something else or by a newer linger."
        raise ValueError(msg)
    files = index.get("sha256")
    if not isinstance(files, dict) or any(Path(name).name != name for name in files):
        msg = f"{path} names files outside its folder, or none, and is refused."
        raise ValueError(msg)
    if index.pop("checksum", None) != _digest(index):
        msg = f"{path} is damaged: it differs from its own checksum. Restore it or make it again."
        raise ValueError(msg)
    return index


def _digest(index: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(index, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
