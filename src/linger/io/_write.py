"""Write a MuData so that a file is either complete or not there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from linger._mudata import quiet_update

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
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial.h5mu")
    try:
        with quiet_update():
            mdata.write(str(partial))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
