"""Which motifs are enriched in sets of peaks, against peaks that are alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.stats import binom

from linger._keys import END, GC, MOTIF, MOTIF_HITS, START, slot
from linger._validate import get_counts, modality, parse_peaks, positions, preview, tf_mask

if TYPE_CHECKING:
    from mudata import MuData

PROPERTIES = ("gc", "length", "accessibility")


class MotifHits(NamedTuple):
    """Where motifs lie, and whose they are."""

    hits: sparse.csr_matrix
    """Peaks x motifs, 1 where there is a hit, CSR float64."""
    motifs: pd.Index
    tfs: pd.Index
    """TF of each pair."""
    columns: np.ndarray
    """Motif of each pair, as a column of `hits`."""


def motif_hits(mdata: MuData, *, key: str, rna_key: str, atac_key: str) -> MotifHits:
    """Return the hits of :func:`linger.pp.scan_motifs`; where only affinities are known, each TF's are those of one motif.

    Raises
    ------
    KeyError
        If there are neither hits nor affinities.
    """
    rna, atac, record = modality(mdata, rna_key), modality(mdata, atac_key), mdata.uns.get(key, {})
    tfs = rna.var_names[tf_mask(rna, rna_key)]
    if slot(key, MOTIF_HITS) in atac.varm and "motif_tf" in record:
        motifs = pd.Index(np.asarray(record["motif_names"], dtype=object).astype(str))
        pairs = record["motif_tf"].astype(str)
        pairs = pairs[pairs["tf"].isin(tfs)]
        hits = sparse.csr_matrix(atac.varm[slot(key, MOTIF_HITS)])
        return MotifHits(_ones(hits), motifs, pd.Index(pairs["tf"]), motifs.get_indexer(pairs["motif"]))
    if slot(key, MOTIF) not in mdata.varp:
        msg = (
            f"There are no motif hits under {key!r}: without motifs, TF importance is undefined and cell-type networks rest on "
            "expression, accessibility and alpha alone (C^s = 1). Call lg.pp.scan_motifs(mdata, genome=...) first if you have the sequence."
        )
        raise KeyError(msg)
    where = np.ix_(positions(mdata.var_names, tfs), positions(mdata.var_names, atac.var_names))
    affinity = sparse.csr_matrix(mdata.varp[slot(key, MOTIF)])[where]
    return MotifHits(_ones(affinity.T), tfs, tfs, np.arange(len(tfs)))


def _ones(matrix: sparse.spmatrix) -> sparse.csr_matrix:
    found = sparse.csr_matrix(matrix, dtype=np.float64, copy=True)
    found.data[:] = found.data > 0
    found.eliminate_zeros()
    return found


def peak_strata(
    mdata: MuData, match: tuple[str, ...], *, key: str, atac_key: str, layer: str | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Sort peaks into strata of like GC content, length and accessibility.

    Quantiles of each property, as many (2 to 8) as leave about 100 peaks in a stratum.

    Returns
    -------
    Number of the stratum of every peak, -1 where its sequence was not read and no motif could be found, and the properties that are
    known and used.
    """
    atac = modality(mdata, atac_key)
    unknown = [name for name in match if name not in PROPERTIES]
    if unknown:
        msg = f"match must be among {', '.join(map(repr, PROPERTIES))}, found {preview(unknown)}."
        raise ValueError(msg)
    known = np.ones(atac.n_vars, dtype=bool)
    if slot(key, GC) in atac.var:
        known = atac.var[slot(key, GC)].notna().to_numpy()
    if not known.any():
        msg = "The sequence of no peak is known: the genome file that lg.pp.scan_motifs read holds none of them."
        raise ValueError(msg)
    used = tuple(name for name in PROPERTIES if name in match and (name != "gc" or slot(key, GC) in atac.var))
    n_bins = int(np.clip((known.sum() / 100) ** (1 / max(len(used), 1)), 2, 8))
    stratum = np.zeros(known.sum(), dtype=np.int64)
    for name in used:
        stratum = stratum * n_bins + _quantile_bins(_property(mdata, name, key, atac_key, layer)[known], n_bins)
    found = np.full(atac.n_vars, -1)
    found[known] = np.unique(stratum, return_inverse=True)[1]
    return found, used


def _property(mdata: MuData, name: str, key: str, atac_key: str, layer: str | None) -> np.ndarray:
    atac = modality(mdata, atac_key)
    if name == "gc":
        return atac.var[slot(key, GC)].to_numpy()
    if name == "length":
        peaks = parse_peaks(atac)
        return (peaks[END] - peaks[START]).to_numpy()
    return get_counts(atac, layer=layer, name=atac_key).sum(axis=0, dtype=np.float64).A1


def _quantile_bins(values: np.ndarray, n_bins: int) -> np.ndarray:
    """Return the quantile bin of every value; equal values share one."""
    edges = np.unique(np.quantile(values, np.arange(1, n_bins) / n_bins))
    return np.searchsorted(edges, values, side="right")


class Enrichment(NamedTuple):
    """Enrichment of motifs (rows) in sets of peaks (columns)."""

    observed: np.ndarray
    expected: np.ndarray
    p_value: np.ndarray


def enrichment(hits: sparse.csr_matrix, sets: np.ndarray, stratum: np.ndarray) -> Enrichment:
    """Test every motif in every set of peaks against all peaks of the same strata, one-sided.

    Were the n peaks of a set drawn at random within their strata, the number of hits would be a sum of hypergeometric ones with mean
    mu = sum_s n_s K_s / N_s. Such a sum is one of n independent Bernoulli variables, whose upper tail that of Binomial(n, mu / n)
    bounds (Hoeffding, Ann. Math. Stat. 1956): p is that bound, which is close where a set is a small part of its strata and errs on the
    safe side elsewhere.

    Parameters
    ----------
    hits
        Peaks x motifs, 0 or 1.
    sets
        Peaks x sets, bool.
    stratum
        Number of the stratum of every peak; peaks with -1 are left out.
    """
    known = stratum >= 0
    hits, members, stratum = hits[known], sets[known].astype(np.float64), stratum[known]
    onehot = sparse.csr_matrix((np.ones(len(stratum)), (stratum, np.arange(len(stratum)))))
    rate = (onehot @ hits).toarray() / onehot.sum(axis=1).A1[:, None]
    observed = np.asarray(hits.T @ members)
    expected = rate.T @ (onehot @ members)
    n = np.maximum(members.sum(axis=0), 1)
    p_value = binom.sf(observed - 1, n, np.clip(expected / n, 0, 1))
    return Enrichment(observed, expected, p_value)
