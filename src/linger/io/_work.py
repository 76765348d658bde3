"""Finished parts of a long job, in a folder that outlives the process."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.numpy import load, save

from linger._logging import logger
from linger.io._partial import partial_file

_JOURNAL: Final = "journal"
_LINE: Final = re.compile(r"([0-9a-f]{64}) ([0-9a-f]{40}) ([\w.-]+)")


class WorkFolder:
    """A folder of safetensors files that a job which is killed leaves, and the same job goes on from.

    A file is listed in the journal once it is complete: its SHA-256, the fingerprint of the job that it is a result of, and its name. One that is not
    listed, or not as listed, is made again; so is one of another fingerprint. One process at a time has the folder.

    Parameters
    ----------
    path
        Where it is, or is made.
    resume
        Use what is there; False removes it.

    Raises
    ------
    FileExistsError
        If another process has the folder, or something else is there.
    """

    def __init__(self, path: Path, *, resume: bool) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(path.with_name(f"{path.name}.lock"))
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            msg = f"Another process is writing {path}. Wait until it is done, or choose another path."
            raise FileExistsError(msg) from error
        try:
            self._open(resume=resume)
        except BaseException:
            self.release()
            raise

    def _open(self, *, resume: bool) -> None:
        journal = self.path / _JOURNAL
        if self.path.exists() and not journal.is_file() and not _is_empty(self.path):
            msg = f"{self.path} is in the way and is not from an interrupted fit; it is left alone. Move it, or choose another path."
            raise FileExistsError(msg)
        self.path.mkdir(exist_ok=True)
        found = journal.read_text(errors="replace").split("\n") if resume and journal.is_file() else []
        lines = [match for match in map(_LINE.fullmatch, found) if match is not None]  # the last may be cut short
        self._listed = {file: (checksum, fingerprint) for checksum, fingerprint, file in (m.groups() for m in lines)}
        self._write_journal()  # before any file goes: a folder without a journal would not be taken for ours
        for file in self.path.iterdir():
            if file.name not in self._listed and file != journal:
                file.unlink()

    def _write_journal(self) -> None:
        with partial_file(self.path / _JOURNAL) as partial:
            partial.write_text("".join(map(self._line, self._listed)))

    def _line(self, file: str) -> str:
        return f"{' '.join(self._listed[file])} {file}\n"

    def part(self, name: str, fingerprint: str) -> Part:
        """Return the results of one job; those of another job of the same name are removed."""
        listed = [file for file in self._listed if _part_of(file) == name]
        other = [file for file in listed if self._listed[file][1] != fingerprint]
        if other:
            text = "What is in %s is of other data, settings or versions; it is removed, and the fit starts anew."
            logger.info(text, self.path)
        for file in other:
            del self._listed[file]
            (self.path / file).unlink(missing_ok=True)
        self._write_journal()
        return Part(self, name, fingerprint)

    def checksums(self, name: str) -> dict[str, str]:
        """Return the checksum of every finished file of a part."""
        return {file: entry[0] for file, entry in self._listed.items() if _part_of(file) == name}

    def read(self, file: str) -> dict[str, np.ndarray] | None:
        """Return the arrays of a file, None if it is not there as listed."""
        if file not in self._listed:
            return None
        path = self.path / file
        data = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(data).hexdigest() != self._listed[file][0]:
            logger.warning("%s is damaged and made again.", path)
            return None
        return load(data)

    def write(self, file: str, arrays: Mapping[str, np.ndarray], fingerprint: str) -> None:
        """Write a file, then list it.

        Raises
        ------
        OSError
            If that fails, for example because the disk is full; all files before are kept.
        """
        path = self.path / file
        try:
            data = save({name: np.ascontiguousarray(values) for name, values in arrays.items()})
            path.write_bytes(data)
            self._listed[file] = hashlib.sha256(data).hexdigest(), fingerprint
            with (self.path / _JOURNAL).open("a") as journal:
                journal.write(self._line(file))
        except (OSError, SafetensorError) as error:
            msg = f"{path} cannot be written: {error}. Make room and call again with the same arguments: what is finished is kept."
            raise OSError(msg) from error

    def leave(self) -> None:
        """Give the folder up, to be gone on from if anything in it is finished."""
        if self._listed:
            logger.info("What is finished is kept in %s; the same call goes on from there.", self.path)
        else:
            shutil.rmtree(self.path, ignore_errors=True)
        self.release()

    def release(self) -> None:
        """Let other processes have the folder."""
        self._lock.release()
        Path(self._lock.lock_file).unlink(missing_ok=True)


class Part(NamedTuple):
    """The results of one job in a work folder, by number."""

    folder: WorkFolder
    name: str
    fingerprint: str

    def read(self, number: int) -> dict[str, np.ndarray] | None:
        """Return one result, None where it is not there."""
        return self.folder.read(self._file(number))

    def write(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep one result."""
        self.folder.write(self._file(number), arrays, self.fingerprint)

    def _file(self, number: int) -> str:
        return f"{self.name}-{number:05d}.safetensors"


def _is_empty(path: Path) -> bool:
    """Return whether a folder holds nothing but, at most, a journal that was about to be written."""
    return path.is_dir() and all(file.name.startswith(f".{_JOURNAL}.") for file in path.iterdir())


def _part_of(file: str) -> str:
    return file.rpartition("-")[0]
