"""Transitions between groups of cells after a perturbation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from linger._docs import docs
from linger._keys import DEFAULT_KEY, SHIFT

if TYPE_CHECKING:
    from mudata import MuData


@docs.dedent
def transitions(mdata: MuData, *, key: str = DEFAULT_KEY) -> pd.DataFrame:
    """Return how likely cells of a group move to another, beside the control, as :func:`linger.tl.perturb_shift` found.

    Parameters
    ----------
    %(mdata)s
    %(key)s

    Returns
    -------
    Columns ``source``, ``target`` (groups), ``probability``, ``control`` (genes permuted), ``difference``; largest differences first.

    Raises
    ------
    KeyError
        If no transitions are stored.

    Examples
    --------
    >>> import linger as lg, tempfile
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0), store=tempfile.mkdtemp() + "/networks")
    >>> lg.tl.perturb(mdata, {"TF1": 0.0})
    >>> mdata["rna"].obsm["X_pca"] = np.linalg.svd(lg.get.perturbation(mdata, what="before").to_numpy(), full_matrices=False)[0][:, :2]
    >>> lg.tl.perturb_shift(mdata, "X_pca", groupby="cell_type", n_neighbors=10)
    >>> len(lg.get.transitions(mdata))  # 3 x 3 groups
    9
    """
    record = mdata.uns.get(key, {}).get(SHIFT, {})
    if "transitions" not in record:
        msg = f"No transitions are stored under {key!r}. Call lg.tl.perturb_shift(mdata, basis, groupby=...) first."
        raise KeyError(msg)
    names = np.asarray(record["groups"]).astype(str)
    table = pd.DataFrame({"source": np.repeat(names, len(names)), "target": np.tile(names, len(names))})
    table["probability"] = np.asarray(record["transitions"]).ravel()
    table["control"] = np.asarray(record["transitions_control"]).ravel()
    table["difference"] = table["probability"] - table["control"]
    return table.sort_values("difference", ascending=False, key=np.abs, kind="stable", ignore_index=True)
