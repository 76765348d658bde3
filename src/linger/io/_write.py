"""Write a MuData so that a file is either complete or not there."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scipy import sparse

from linger._mudata import quiet_update
from linger.io._partial import partial_file

if TYPE_CHECKING:
    from mudata import MuData


def write_h5mu(mdata: MuData, path: str | Path) -> None:
    """Write `mdata` to a temporary name beside `path`, then rename it.

    Parameters
    ----------
    mdata
        What to write.
    path
        File to make or replace.

    Raises
    ------
    OSError
        If the disk has less room than the arrays take. HDF5 would end the process where a disk fills while it writes.
    """
    path = Path(path)
    check_room(mdata, path)
    with partial_file(path) as partial, quiet_update():
        mdata.write_h5mu(str(partial))


def check_room(mdata: MuData, path: Path) -> None:
    """Raise OSError if the disk has less room than the arrays take.

    Parameters
    ----------
    mdata
        What is to be written.
    path
        File to make; its folder is made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    needed, room = _size(mdata), shutil.disk_usage(path.parent).free
    if needed > room:
        msg = f"{path} takes {needed / 1e6:,.1f} MB or more, and its disk has room for {room / 1e6:,.1f} MB. Make room, or write it elsewhere."
        raise OSError(msg)


def _size(mdata: MuData) -> int:
    """Return the bytes of the arrays, which are written as they are; names, and what is read from a file as needed, come on top."""
    parts = [mdata, *mdata.mod.values()]
    slots = ("obsm", "varm", "obsp", "varp", "layers", "uns")
    return sum(_bytes(getattr(part, slot, None)) for part in parts for slot in slots) + sum(
        _bytes(part.X) for part in mdata.mod.values()
    )


def _bytes(value: Any) -> int:
    if isinstance(value, Mapping):
        return _sum(value.values())
    if sparse.issparse(value):
        return _sum(getattr(value, name, None) for name in ("data", "indices", "indptr"))
    return int(getattr(value, "nbytes", 0))


def _sum(values: Iterable[Any]) -> int:
    return sum(map(_bytes, values))
