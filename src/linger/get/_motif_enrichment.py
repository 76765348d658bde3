"""Enrichment of motifs in sets of peaks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from linger._docs import docs
from linger._enrichment import PROPERTIES, Enrichment, MotifHits, enrichment, motif_hits, peak_strata
from linger._keys import DEFAULT_KEY, TF_IMPORTANCE
from linger._validate import known_names, paired

if TYPE_CHECKING:
    from mudata import MuData


@docs.dedent
def motif_enrichment(
    mdata: MuData,
    *,
    group: str | None = None,
    peaks: Iterable[str] | np.ndarray | pd.Series | None = None,
    match: str | Iterable[str] = PROPERTIES,
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
    atac_key: str = "atac",
    layer: str | None = None,
) -> pd.DataFrame:
    """Return how enriched every motif is in a set of peaks, against all peaks that are like them.

    The number of peaks with the motif is compared with what is expected if the peaks were drawn at random from peaks of
    the same stratum of GC content, length and accessibility. The one-sided p-value is that of a binomial
    distribution with this mean, an upper bound for the sum of hypergeometric ones.

    Parameters
    ----------
    %(mdata)s Needs :func:`linger.pp.scan_motifs`.
    group
        A group: the enrichment in its specific peaks that :func:`linger.tl.tf_importance` found.
    peaks
        Names of any peaks to test, or a mask of the peaks (a Series by its index).
    match
        Properties in which the background of `peaks` is matched: ``"gc"``, ``"length"``, ``"accessibility"`` (total counts). GC content is
        known where :func:`linger.pp.scan_motifs` read the sequence; peaks whose sequence the genome file lacked are left out.
    %(key)s
    %(keys)s
    %(layer)s Read for accessibility.

    Returns
    -------
    Columns ``motif``, ``tfs`` (the TFs it belongs to), ``n`` (peaks of the set with the motif), ``expected``, ``fold`` (n over expected), ``p_value``, ``p_adj``
    (Benjamini-Hochberg over motifs), most enriched first.

    Raises
    ------
    KeyError
        If there are no motifs, or a peak or group is unknown.
    ValueError
        If not exactly one of `group` and `peaks` is given, no peak is named, or none has a sequence.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.get.motif_enrichment(mdata, peaks=mdata["atac"].var_names[:50]).columns.tolist()
    ['motif', 'tfs', 'n', 'expected', 'fold', 'p_value', 'p_adj']
    """
    if (group is None) == (peaks is None):
        msg = "Give group= (its specific peaks) or peaks=, one of the two."
        raise ValueError(msg)
    if group is not None:
        found = group_enrichment(mdata, key=key, rna_key=rna_key, atac_key=atac_key)
        chosen = known_names(str(group), pd.Index(found["group"].unique()), "groups")
        return found[found["group"].isin(chosen)].drop(columns="group").reset_index(drop=True)
    atac = paired(mdata, rna_key=rna_key, atac_key=atac_key)[1]
    members = _members(atac.var_names, peaks)
    known = motif_hits(mdata, key=key, rna_key=rna_key, atac_key=atac_key)
    properties = (match,) if isinstance(match, str) else tuple(match)
    stratum, _ = peak_strata(mdata, properties, key=key, atac_key=atac_key, layer=layer)
    return _tables(known, enrichment(known.hits, members[:, None], stratum), ["peaks"]).drop(columns="group")


def _members(names: pd.Index, peaks: Iterable[str] | np.ndarray | pd.Series | None) -> np.ndarray:
    """Return a mask of the peaks that are named, or are True in a mask."""
    if isinstance(peaks, pd.Series) and peaks.dtype == bool:
        peaks = peaks.index[peaks]
    mask = np.asarray(peaks)
    if mask.dtype == bool and mask.shape == names.shape:
        peaks = names[mask]
    chosen = known_names([] if peaks is None else peaks, names, "peaks")
    if not len(chosen):
        msg = "peaks= names no peak."
        raise ValueError(msg)
    return names.isin(chosen)


def group_enrichment(mdata: MuData, *, key: str, rna_key: str, atac_key: str) -> pd.DataFrame:
    """Return the stored enrichment in the specific peaks of every group, with a column group."""
    record = mdata.uns.get(key, {}).get(TF_IMPORTANCE)
    if record is None:
        msg = f"No TF importance is stored under {key!r}. Call lg.tl.tf_importance(mdata, groupby) first."
        raise KeyError(msg)
    known = motif_hits(mdata, key=key, rna_key=rna_key, atac_key=atac_key)
    names = np.asarray(record["groups"], dtype=object).astype(str)
    return _tables(known, Enrichment(**record["enrichment"]), names)


def _tables(known: MotifHits, found: Enrichment, names: Iterable[str]) -> pd.DataFrame:
    """Return the enrichment in every set, most enriched motifs first."""
    owned = pd.Series(known.tfs, index=known.motifs[known.columns]).groupby(level=0)
    owners = owned.agg(lambda tfs: ", ".join(sorted(tfs))).reindex(known.motifs).to_numpy()
    parts = []
    for number, name in enumerate(names):
        observed, expected, p_value = (np.asarray(part)[:, number] for part in found)
        fold = np.divide(observed, expected, out=np.full(len(observed), np.nan), where=expected > 0)
        columns = {"group": name, "motif": known.motifs, "tfs": owners, "n": observed.astype(int), "expected": expected}
        columns |= {"fold": fold, "p_value": p_value, "p_adj": false_discovery_control(p_value)}
        parts.append(pd.DataFrame(columns).sort_values(["p_value", "motif"]))
    return pd.concat(parts, ignore_index=True)
