"""Make a MuData the same way under every version of mudata."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData


def new_mudata(modalities: dict[str, AnnData]) -> MuData:
    """Wrap `modalities`; columns of their obs and var stay theirs, as mudata does from 0.4 on."""
    import mudata

    with mudata.set_options(pull_on_update=False):
        return mudata.MuData(modalities)
