"""Predicted changes as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from linger._docs import docs
from linger._keys import DEFAULT_KEY, PERTURBATION, PREDICTED, slot
from linger._validate import modality

if TYPE_CHECKING:
    from mudata import MuData


@docs.dedent
def perturbation(
    mdata: MuData,
    *,
    level: Literal["cells", "groups"] = "cells",
    what: Literal["change", "before", "after"] = "change",
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
) -> pd.DataFrame:
    """Return what :func:`linger.tl.perturb` predicted last.

    Parameters
    ----------
    %(mdata)s
    level
        ``"cells"``, or ``"groups"``: means over the cells of each group (changes alone).
    what
        ``"change"`` of logged expression, or the prediction ``"before"`` or ``"after"``.
    %(key)s
    %(rna_key)s

    Returns
    -------
    Cells (groups) x genes; cells that were not predicted are left out.

    Raises
    ------
    KeyError
        If nothing was perturbed.
    ValueError
        If an option is unknown.

    Examples
    --------
    >>> import linger as lg, tempfile
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0), store=tempfile.mkdtemp() + "/networks")
    >>> lg.tl.perturb(mdata, ["TF1"], groupby="cell_type", cells=mdata.obs_names[:50])
    >>> lg.get.perturbation(mdata).shape[0]
    50
    >>> lg.get.perturbation(mdata, level="groups").index.tolist()
    ['type_1', 'type_2', 'type_3']
    """
    allowed = {"cells": ("change", "before", "after"), "groups": ("change",)}
    if what not in allowed.get(level, ()):
        msg = f"There is no level={level!r} with what={what!r}; there are {allowed}."
        raise ValueError(msg)
    record = mdata.uns.get(key, {}).get(PERTURBATION)
    if record is None:
        msg = f"No perturbation is stored under {key!r}. Call lg.tl.perturb(mdata, {{'GATA1': 0.0}}) first."
        raise KeyError(msg)
    rna, genes = modality(mdata, rna_key), pd.Index(np.asarray(record["genes"]).astype(str))
    if level == "groups":
        genes = genes[genes.isin(rna.var_names)]
        means = np.asarray(rna.varm[slot(key, PERTURBATION)])[rna.var_names.get_indexer(genes)]
        return pd.DataFrame(means.T, pd.Index(np.asarray(record["groups"]).astype(str)), genes)
    stored = [np.asarray(rna.obsm[slot(key, name)]) for name in (PERTURBATION, PREDICTED)]
    values = {"change": stored[0], "before": stored[1], "after": stored[0] + stored[1]}[what]
    return pd.DataFrame(values, rna.obs_names, genes).dropna(how="all")
