"""Files of other origin, read so that what fails names the file."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Name the file in the error of whatever fails while it is read: no text, cut short, too few columns.

    Raises
    ------
    FileNotFoundError
        If there is no file at `path`.
    ValueError
        If it cannot be read.

    Examples
    --------
    >>> with reading("nowhere.txt"):
    ...     pass
    Traceback (most recent call last):
    FileNotFoundError: There is no file nowhere.txt.
    """
    if not Path(path).is_file():
        msg = f"There is no file {path}."
        raise FileNotFoundError(msg)
    try:
        yield
    except (EOFError, IndexError, OSError, TypeError, ValueError, zlib.error) as error:
        msg = f"{path} cannot be read: {error}"
        raise ValueError(msg) from error
