"""TF importance as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from linger._docs import docs
from linger._enrichment import motif_hits
from linger._keys import DEFAULT_KEY, TF_IMPORTANCE, slot
from linger._validate import known_names, modality
from linger.get._motif_enrichment import group_enrichment

if TYPE_CHECKING:
    from mudata import MuData


@docs.dedent
def tf_importance(
    mdata: MuData,
    *,
    group: str | Iterable[str] | None = None,
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
    atac_key: str = "atac",
) -> pd.DataFrame:
    """Return how much each TF prefers to open the peaks of each group, most important first.

    Parameters
    ----------
    %(mdata)s
    group
        Groups to return; None returns all.
    %(key)s
    %(keys)s

    Returns
    -------
    Columns ``group``, ``tf``, ``importance`` (:func:`linger.tl.tf_importance`: above 0 where the TF is expressed where its peaks are
    open, below where they are closed, 0 where no motif of it is enriched), ``n_enriched`` (its enriched motifs), ``motif`` (the most enriched of all its
    motifs, whether or not it is; missing for TFs without motif) and the ``p_value`` of that.

    Raises
    ------
    KeyError
        If importance was not computed, or a group is unknown.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.tl.tf_importance(mdata, "cell_type")
    >>> lg.get.tf_importance(mdata).groupby("group").size().tolist()  # 12 TFs
    [12, 12, 12]
    """
    rna = modality(mdata, rna_key)
    record = mdata.uns.get(key, {}).get(TF_IMPORTANCE)
    if record is None or slot(key, TF_IMPORTANCE) not in rna.varm:
        msg = f"No TF importance is stored under {key!r}. Call lg.tl.tf_importance(mdata, groupby) first."
        raise KeyError(msg)
    names = pd.Index(np.asarray(record["groups"], dtype=object).astype(str))
    stored = pd.DataFrame(np.asarray(rna.varm[slot(key, TF_IMPORTANCE)]), rna.var_names, names)
    stored = stored[stored.notna().all(axis=1)]
    chosen = names if group is None else known_names(group, names, "groups")
    motifs = group_enrichment(mdata, key=key, rna_key=rna_key, atac_key=atac_key)
    known = motif_hits(mdata, key=key, rna_key=rna_key, atac_key=atac_key)
    owner = pd.DataFrame({"tf": known.tfs, "motif": known.motifs[known.columns]})
    parts = []
    for name in chosen:
        own = owner.merge(motifs[motifs["group"] == name], on="motif").sort_values(["p_value", "motif"])
        enriched = own[own["p_value"] < record["max_p_motif"]].groupby("tf").size()
        part = stored[name].astype(float).rename("importance").rename_axis("tf").reset_index()
        part["n_enriched"] = part["tf"].map(enriched).fillna(0).astype(int)
        part = part.merge(own.drop_duplicates("tf")[["tf", "motif", "p_value"]], on="tf", how="left")
        part.insert(0, "group", name)
        parts.append(part.sort_values(["importance", "tf"], ascending=[False, True]))
    return pd.concat(parts, ignore_index=True)
