"""Make a MuData the same way under every version of mudata."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData


def new_mudata(modalities: dict[str, AnnData]) -> MuData:
    """Wrap `modalities`; columns of their obs and var stay theirs, as mudata does from 0.4 on."""
    import mudata

    with mudata.set_options(pull_on_update=False):
        return mudata.MuData(modalities)


@contextmanager
def quiet_update() -> Iterator[None]:
    """Silence what mudata 0.3 says about 0.4 each time it reads, writes or updates."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"From 0\.4 \.update\(\) will not pull", category=FutureWarning)
        yield
