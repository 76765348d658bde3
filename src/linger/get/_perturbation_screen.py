"""The screen of TFs as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from linger._docs import docs
from linger._keys import DEFAULT_KEY, SCREEN, slot
from linger._validate import known_names, modality

if TYPE_CHECKING:
    from mudata import MuData


@docs.dedent
def perturbation_screen(
    mdata: MuData, *, group: str | None = None, key: str = DEFAULT_KEY, rna_key: str = "rna"
) -> pd.DataFrame:
    """Return the changes that :func:`linger.tl.perturb_screen` predicted.

    Parameters
    ----------
    %(mdata)s
    group
        The group; None where there is one alone.
    %(key)s
    %(rna_key)s

    Returns
    -------
    TFs x genes with a network: mean change of logged expression when the TF is perturbed.

    Raises
    ------
    KeyError
        If there was no screen, or no such group.
    ValueError
        If there are several groups and none is named.

    Examples
    --------
    >>> import linger as lg, tempfile
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0), store=tempfile.mkdtemp() + "/networks")
    >>> lg.tl.perturb_screen(mdata, groupby="cell_type")
    >>> lg.get.perturbation_screen(mdata, group="type_1").shape[0]  # TFs
    12
    """
    record = mdata.uns.get(key, {}).get(SCREEN)
    if record is None:
        msg = f"No screen is stored under {key!r}. Call lg.tl.perturb_screen(mdata) first."
        raise KeyError(msg)
    names, tfs = (pd.Index(np.asarray(record[name]).astype(str)) for name in ("groups", "tfs"))
    if group is None and len(names) > 1:
        msg = f"The screen is of {len(names)} groups. Name one: group={names[0]!r}."
        raise ValueError(msg)
    at = 0 if group is None else names.get_loc(known_names(group, names, "groups")[0])
    rna = modality(mdata, rna_key)
    values = np.asarray(rna.varm[slot(key, SCREEN)])[:, :, at]
    return pd.DataFrame(values.T, tfs, rna.var_names).dropna(axis=1, how="all")
