"""Open the store a MuData points at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linger._docs import docs
from linger._keys import DEFAULT_KEY
from linger.io._store import NetworkStore

if TYPE_CHECKING:
    from mudata import MuData


@docs.dedent
def read_store(mdata: MuData, *, key: str = DEFAULT_KEY) -> NetworkStore:
    """Open the trained networks of a fit.

    Parameters
    ----------
    %(mdata)s
    %(key)s

    Returns
    -------
    The store; its arrays are read when asked for.

    Raises
    ------
    KeyError
        If the fit kept no store.
    FileNotFoundError
        If the store is no longer where it was (see :func:`linger.io.attach`).
    ValueError
        If another store is there.
    """
    where = mdata.uns.get(key, {}).get("store")
    if where is None:
        msg = f"No networks are stored for {key!r}. Fit with lg.tl.fit(mdata, store='networks'), or attach a store with lg.io.attach."
        raise KeyError(msg)
    store = NetworkStore(str(where["path"]))
    if store.checksum != where["checksum"]:
        msg = f"The store at {store.path} is not the one of the fit {key!r}: its checksum differs. Fit again, or if it is meant, attach it with lg.io.attach."
        raise ValueError(msg)
    return store
