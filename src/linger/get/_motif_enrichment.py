"""Enrichment of motifs in sets of peaks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from linger._docs import docs
from linger._enrichment import PROPERTIES, enrichment, motif_hits, peak_strata
from linger._keys import DEFAULT_KEY, SPECIFIC_PEAKS, TF_IMPORTANCE, slot
from linger._validate import known_names, modality, paired

if TYPE_CHECKING:
    from mudata import MuData


@docs.dedent
def motif_enrichment(
    mdata: MuData,
    *,
    group: str | None = None,
    peaks: Iterable[str] | None = None,
    match: tuple[str, ...] = PROPERTIES,
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
        A group, whose specific peaks (:func:`linger.tl.tf_importance`) are tested; they were matched for all that is known.
    peaks
        Names of any other peaks to test.
    match
        Properties in which the background is matched: ``"gc"``, ``"length"``, ``"accessibility"`` (total counts). GC content is
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
        If not exactly one of `group` and `peaks` is given, or no peak is named.

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
        found = group_enrichment(mdata, match=match, key=key, rna_key=rna_key, atac_key=atac_key, layer=layer)
        chosen = known_names(group, pd.Index(found["group"].unique()), "groups")
        return found[found["group"].isin(chosen)].drop(columns="group").reset_index(drop=True)
    atac = paired(mdata, rna_key=rna_key, atac_key=atac_key)[1]
    names = known_names([] if peaks is None else peaks, atac.var_names, "peaks")
    if not len(names):
        msg = "peaks= names no peak."
        raise ValueError(msg)
    sets = pd.DataFrame({"peaks": atac.var_names.isin(names)}, index=atac.var_names)
    return _tables(mdata, sets, match, key, rna_key, atac_key, layer).drop(columns="group")


def group_enrichment(
    mdata: MuData,
    *,
    match: tuple[str, ...] = PROPERTIES,
    key: str,
    rna_key: str,
    atac_key: str,
    layer: str | None,
) -> pd.DataFrame:
    """Return the enrichment in the specific peaks of every group, with a column group."""
    atac = modality(mdata, atac_key)
    record = mdata.uns.get(key, {}).get(TF_IMPORTANCE)
    if record is None or slot(key, SPECIFIC_PEAKS) not in atac.varm:
        msg = f"No specific peaks are stored under {key!r}. Call lg.tl.tf_importance(mdata, groupby) first."
        raise KeyError(msg)
    names = np.asarray(record["groups"], dtype=object).astype(str)
    sets = pd.DataFrame(np.asarray(atac.varm[slot(key, SPECIFIC_PEAKS)], dtype=bool), atac.var_names, names)
    return _tables(mdata, sets, match, key, rna_key, atac_key, layer)


def _tables(
    mdata: MuData,
    sets: pd.DataFrame,
    match: tuple[str, ...],
    key: str,
    rna_key: str,
    atac_key: str,
    layer: str | None,
) -> pd.DataFrame:
    known = motif_hits(mdata, key=key, rna_key=rna_key, atac_key=atac_key)
    stratum, _ = peak_strata(mdata, match, key=key, atac_key=atac_key, layer=layer)
    found = enrichment(known.hits, sets.to_numpy(), stratum)
    owners = (
        pd.Series(known.tfs, index=known.motifs[known.columns]).groupby(level=0).agg(lambda tfs: ", ".join(sorted(tfs)))
    )
    parts = []
    for number, name in enumerate(sets.columns):
        observed, expected, p_value = (part[:, number] for part in found)
        fold = np.divide(observed, expected, out=np.full(len(observed), np.nan), where=expected > 0)
        table = pd.DataFrame(
            {
                "group": name,
                "motif": known.motifs,
                "tfs": owners.reindex(known.motifs).to_numpy(),
                "n": observed.astype(int),
                "expected": expected,
                "fold": fold,
                "p_value": p_value,
                "p_adj": false_discovery_control(p_value),
            }
        )
        parts.append(table.sort_values(["p_value", "motif"]))
    return pd.concat(parts, ignore_index=True)
