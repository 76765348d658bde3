"""The groups that networks can be read for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linger._docs import docs
from linger._keys import DEFAULT_KEY
from linger.get._states import States

if TYPE_CHECKING:
    from mudata import MuData


@docs.dedent
def groups(mdata: MuData, *, key: str = DEFAULT_KEY, rna_key: str = "rna", atac_key: str = "atac") -> list[str]:
    """Return the names of the groups whose means are stored.

    Parameters
    ----------
    %(mdata)s
    %(key)s
    %(keys)s

    Returns
    -------
    Names, as ``group=`` of :func:`linger.get.network` takes them.

    Raises
    ------
    KeyError
        If no group means are stored (:func:`linger.tl.group_means`).

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.tl.group_means(mdata, "cell_type")
    >>> lg.get.groups(mdata)
    ['type_1', 'type_2', 'type_3']
    """
    return States(mdata, weights="paper", key=key, rna_key=rna_key, atac_key=atac_key, layer=None).names
