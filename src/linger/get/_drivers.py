"""Driver TFs as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from linger._docs import docs
from linger._keys import DEFAULT_KEY, DriverMethod, drivers_slot
from linger._validate import expression_of

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData


@docs.dedent
def drivers(
    adata: AnnData | MuData, *, method: DriverMethod = "activity", key: str = DEFAULT_KEY, rna_key: str = "rna"
) -> pd.DataFrame:
    """Return the TFs that :func:`linger.tl.drivers` tested, smallest p-values first.

    Parameters
    ----------
    adata
        What was tested; of a MuData the expression modality.
    method
        The method of the test.
    key
        The ``key_added`` of the test.
    %(rna_key)s

    Returns
    -------
    One row a TF, group and type, with the columns of :func:`linger.tl.drivers`.

    Raises
    ------
    KeyError
        If nothing was tested.

    Examples
    --------
    >>> import linger as lg
    >>> import anndata, numpy, pandas
    >>> rng = numpy.random.default_rng(0)
    >>> cells = anndata.AnnData(numpy.ones((8, 1)), obs=pandas.DataFrame({"state": list("aaaabbbb")}, index=list("stuvwxyz")))
    >>> cells.obsm["score_linger"] = pandas.DataFrame({"TF1": rng.normal(size=8)}, index=cells.obs_names)
    >>> lg.tl.drivers(cells, "state", reference="a")
    >>> lg.get.drivers(cells)[["group", "reference", "tf"]].values.tolist()
    [['b', 'a', 'TF1']]
    """
    stored = expression_of(adata, rna_key).uns.get(key, {})
    name = drivers_slot(method)
    if name not in stored:
        msg = f"No drivers are stored in uns[{key!r}][{name!r}]. Call lg.tl.drivers(adata, groupby, method={method!r}) first."
        raise KeyError(msg)
    return stored[name].copy()
