"""Attach a store of networks to a MuData."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from linger._docs import docs
from linger._keys import DEFAULT_KEY
from linger._validate import preview
from linger.io._store import NetworkStore

if TYPE_CHECKING:
    from mudata import MuData


@docs.dedent
def attach(mdata: MuData, *, store: str | Path, key_added: str = DEFAULT_KEY) -> None:
    """Point a MuData at its trained networks, after they moved or after an operation that loses ``uns``.

    Parameters
    ----------
    %(mdata)s
    store
        Folder with the networks.
    %(key_added)s

    Returns
    -------
    None. Writes ``mdata.uns[key_added]["store"]``: the path and the checksum of its index.

    Raises
    ------
    FileNotFoundError
        If there is no store at `store`.
    ValueError
        If it is damaged, or was trained on genes or peaks that the MuData lacks.
    """
    networks = NetworkStore(store)
    networks.verify()
    stored = networks.genes.append([networks.tfs, networks.peaks])
    missing = stored.difference(mdata.var_names)
    if len(missing):
        msg = f"{len(missing)} genes and peaks of the store are not in the MuData ({preview(missing)}). It belongs to other data."
        raise ValueError(msg)
    mdata.uns.setdefault(key_added, {})["store"] = {"path": str(networks.path.resolve()), "checksum": networks.checksum}
