"""Write a MuData so that a file is either complete or not there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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
    """
    with partial_file(Path(path)) as partial, quiet_update():
        mdata.write_h5mu(str(partial))
