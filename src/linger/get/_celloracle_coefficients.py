"""Linear models of the networks around each group, as CellOracle's coefficient matrices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from linger._docs import docs
from linger._keys import DEFAULT_KEY
from linger._validate import known_names, modality
from linger.tl._gradients import gradients

if TYPE_CHECKING:
    from mudata import MuData


@docs.dedent
def celloracle_coefficients(
    mdata: MuData,
    *,
    groupby: str | None = None,
    genes: Iterable[str] | None = None,
    device: str = "auto",
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
    atac_key: str = "atac",
) -> dict[str, pd.DataFrame]:
    r"""Return the mean derivative of every gene by every TF in each group: what CellOracle's ``coef_matrix_per_cluster`` holds.

    .. math:: J_{ki} = \frac{1}{|G|} \sum_{n \in G} \frac{\partial y_i}{\partial x_k}\Big|_n

    over the metacells n of a group G, x and y being logged expression, log(1 + counts scaled to the median depth): the scale of CellOracle's simulation on
    counts imported with ``transform="natural_log"`` after the same scaling.

    Parameters
    ----------
    %(mdata)s Fitted with ``store=``.
    groupby
        Column of ``obs`` with the clusters, by which metacells are grouped (as for :func:`linger.tl.perturb_screen`); None takes all as one, ``"all"``.
    genes
        Names of rows and columns, such as ``oracle.adata.var_names``, as CellOracle simulates with square matrices; those without a network get 0. None returns TFs x genes
        with a network.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:0"``.
    %(key)s
    %(keys)s

    Returns
    -------
    For each group a frame, regulators in rows, targets in columns, signed; 0 from a TF to itself.

    Raises
    ------
    KeyError
        If there is no store, no such column, or a gene is not in the data.
    ValueError
        If metacells have no group.

    Examples
    --------
    >>> import linger as lg, tempfile
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0), store=tempfile.mkdtemp() + "/networks")
    >>> lg.get.celloracle_coefficients(mdata)["all"].shape[0]  # TFs
    12
    """
    found = gradients(mdata, groupby=groupby, device=device, key=key, keys=(rna_key, atac_key))
    square = None if genes is None else known_names(genes, modality(mdata, rna_key).var_names, "genes")
    tables = {}
    for name, mean in zip(found.groups, found.mean, strict=True):
        table = pd.DataFrame(mean.T, found.tfs, found.genes)
        tables[name] = (
            table if square is None else table.reindex(index=square, columns=square, fill_value=np.float32(0))
        )
    return tables
