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
def attach(mdata: MuData, *, store: str | Path, key_added: str = DEFAULT_KEY, rna_key: str = "rna") -> None:
    """Point a MuData at its trained networks, after they moved or after an operation that loses ``uns``.

    Parameters
    ----------
    %(mdata)s
    store
        Folder with the networks.
    %(key_added)s
    %(rna_key)s

    Returns
    -------
    None. Writes ``mdata.uns[key_added]["store"]``: the path and the checksum of its index.

    Raises
    ------
    FileNotFoundError
        If there is no store at `store`.
    ValueError
        If it is damaged, or was trained on genes that the MuData lacks.
    """
    networks = NetworkStore(store)
    networks.verify()
    missing = networks.genes.difference(mdata.mod[rna_key].var_names)
    if len(missing):
        msg = f"{len(missing)} of {len(networks.genes)} genes of the store are not in the MuData ({preview(missing)}). It belongs to other data."
        raise ValueError(msg)
    mdata.uns.setdefault(key_added, {})["store"] = {"path": str(networks.path.resolve()), "checksum": networks.checksum}
