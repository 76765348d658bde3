"""The networks as CellOracle's Links."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import t as student

from linger._docs import docs
from linger._keys import DEFAULT_KEY
from linger.tl._gradients import gradients

if TYPE_CHECKING:
    from mudata import MuData


@docs.dedent
def celloracle_links(
    mdata: MuData,
    *,
    groupby: str | None = None,
    top: int = 10_000,
    device: str = "auto",
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
    atac_key: str = "atac",
) -> dict[str, pd.DataFrame]:
    """Return edges with coefficients for each group, in the columns of CellOracle's ``Links.links_dict``.

    Parameters
    ----------
    %(mdata)s Fitted with ``store=``.
    groupby
        Column of ``obs`` with the clusters; None takes all cells as one, ``"all"``.
    top
        Edges kept of each group, those with the largest absolute coefficients.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:0"``.
    %(key)s
    %(keys)s

    Returns
    -------
    For each group a frame with ``source``, ``target``, ``coef_mean`` (:func:`linger.get.celloracle_coefficients`), ``coef_abs``, ``p`` and ``-logp``, largest first. p is that of a
    t-test of the derivatives over the group's metacells against 0, as CellOracle tests its bagged coefficients: how steady the fitted network is, no
    evidence that the edge exists. NaN where the group has one metacell.

    Raises
    ------
    KeyError, ValueError
        As :func:`linger.get.celloracle_coefficients`, or if `top` is not positive.

    Examples
    --------
    >>> import linger as lg, tempfile
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0), store=tempfile.mkdtemp() + "/networks")
    >>> lg.get.celloracle_links(mdata, top=5)["all"].columns.tolist()
    ['source', 'target', 'coef_mean', 'coef_abs', 'p', '-logp']
    """
    if top < 1:
        msg = f"top must be 1 or more, found {top}."
        raise ValueError(msg)
    found = gradients(mdata, groupby=groupby, device=device, key=key, keys=(rna_key, atac_key))
    tables = {}
    for number, name in enumerate(found.groups):
        mean, n = found.mean[number], int(found.sizes[number])
        gene, tf = np.nonzero(mean)
        kept = np.lexsort([found.genes[gene].astype(str), found.tfs[tf].astype(str), -np.abs(mean[gene, tf])])[:top]
        gene, tf = gene[kept], tf[kept]
        table = pd.DataFrame({"source": found.tfs.to_numpy()[tf], "target": found.genes.to_numpy()[gene]})
        table["coef_mean"] = mean[gene, tf]
        table["coef_abs"] = table["coef_mean"].abs()
        variance = np.maximum(found.square[number][gene, tf] - mean[gene, tf].astype(np.float64) ** 2, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = np.abs(mean[gene, tf]) / np.sqrt(variance / max(n - 1, 1))
        table["p"] = 2 * student.sf(statistic, n - 1) if n > 1 else np.nan
        table["-logp"] = -np.log10(table["p"].clip(lower=np.finfo(float).tiny))
        tables[name] = table
    return tables
