"""Baselines that every network has to beat: correlation, distance, motifs, what is expressed or open, chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from linger._docs import docs
from linger._keys import D0, DEFAULT_KEY, DISTANCE, FITTED, MOTIF, Kind, slot
from linger._validate import columns, modality, tf_mask
from linger.bm._evaluate import true_edges
from linger.get._graph import fitted_genes, fitted_slot
from linger.tl._design import read_values

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

Baseline = Literal["correlation", "distance", "motif", "accessibility", "expression", "random"]
BASELINES: dict[Kind, tuple[Baseline, ...]] = {
    "trans": ("correlation", "distance", "accessibility", "expression", "random"),
    "cis": ("correlation", "distance", "accessibility", "expression", "random"),
    "binding": ("correlation", "motif", "accessibility", "random"),
}


@docs.dedent
def baseline(
    mdata: MuData,
    metacells: MuData,
    *,
    kind: Kind = "trans",
    method: Baseline = "correlation",
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
    atac_key: str = "atac",
    rng: int = 0,
) -> pd.DataFrame:
    r"""Score the edges of a network without fitting one.

    Parameters
    ----------
    %(mdata)s
    metacells
        Metacells over which correlations are taken.
    kind
        ``"trans"``, ``"cis"`` or ``"binding"``.
    method
        ``"correlation"``: \|Pearson r\| over metacells of the two ends. ``"distance"``: exp(-d / 25 kb) (cis), or the sum of that over a
        gene's peaks with the TF's motif (trans; every peak counts where there are no motifs). ``"motif"``: motif affinity (binding).
        ``"accessibility"``: the mean openness over metacells of a peak (cis, binding), or of a gene's peaks, weighed by exp(-d / 25 kb) and summed
        (trans). ``"expression"``: the mean expression of the target over metacells. ``"random"``: uniform numbers.
    %(key)s
    %(keys)s
    %(rng)s

    Returns
    -------
    Columns source, target, weight: all TF-gene pairs (trans, a TF with itself left out), linked peak-gene pairs (cis), or TF-peak
    pairs of linked peaks (binding).

    Raises
    ------
    KeyError
        If TFs, links or motifs are missing.
    ValueError
        If the method does not apply to the kind.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.bm.baseline(mdata, lg.pp.metacells(mdata), kind="cis", method="distance")["weight"].max() <= 1
    np.True_
    """
    if method not in BASELINES.get(kind, ()):
        msg = f"No baseline {method!r} for {kind!r}; there are {BASELINES}."
        raise ValueError(msg)
    pairs = universe(mdata, kind=kind, key=key, rna_key=rna_key)
    if method == "random":
        weight = random_weights(pairs, rng)
    elif method == "correlation":
        weight = _correlation(pairs, metacells, kind, rna_key, atac_key)
    elif method == "expression":
        weight = _means(metacells.mod[rna_key], pairs["target"])
    elif method == "accessibility" and kind != "trans":
        weight = _means(metacells.mod[atac_key], pairs["source" if kind == "cis" else "target"])
    elif method == "accessibility":
        weight = _near_by(mdata, metacells.mod[atac_key], pairs["target"], key)
    else:
        weight = _from_graph(mdata, pairs, kind, method, key)
    return pairs.assign(weight=weight)


def random_weights(pairs: pd.DataFrame, rng: int) -> np.ndarray:
    """Return uniform numbers, drawn in the order of the names, so that they follow them."""
    order = np.lexsort([pairs["target"], pairs["source"]])
    weight = np.empty(len(pairs))
    weight[order] = np.random.default_rng(rng).random(len(pairs))
    return weight


def degree(pairs: pd.DataFrame, truth: pd.DataFrame, *, side: Literal["source", "target"] = "target") -> pd.DataFrame:
    """Score each pair by the number of *other* true edges that its target (or source) has.

    No method has this knowledge: it shows how much of a truth set says which targets are bound by whatever is measured, rather than by whom.

    Parameters
    ----------
    pairs
        Columns source, target: the pairs to score.
    truth
        Columns source, target: the true edges.
    side
        ``"target"``: the in-degree, to rank the targets of a source; ``"source"``: the out-degree, to rank the sources of a target.

    Returns
    -------
    Columns source, target, weight.

    Raises
    ------
    KeyError
        If a column is missing.

    Examples
    --------
    >>> truth = pd.DataFrame({"source": ["A", "B", "B"], "target": ["x", "x", "y"]})
    >>> degree(truth, truth)["weight"].tolist()
    [1, 1, 0]
    """
    for frame, name in ((pairs, "pairs"), (truth, "truth")):
        columns(frame, ["source", "target"], name, f"{name}.rename(columns=...)")
    asked, known = pairs[["source", "target"]].astype(str), true_edges(truth)
    total = asked[side].map(known[side].value_counts()).fillna(0).astype(int)
    own = pd.MultiIndex.from_frame(asked).isin(pd.MultiIndex.from_frame(known))
    return pairs[["source", "target"]].assign(weight=total.to_numpy() - own)


def universe(
    mdata: MuData, *, kind: Kind, only_fitted: bool = False, key: str = DEFAULT_KEY, rna_key: str = "rna"
) -> pd.DataFrame:
    """Return all pairs that a network of this kind could hold.

    Parameters
    ----------
    mdata
        MuData with TFs and links.
    kind
        ``"trans"``: every TF with every linked gene but itself. ``"cis"``: linked peak-gene pairs. ``"binding"``: every TF with every
        linked peak.
    only_fitted
        Leave out genes without a network, and the peaks that are linked to no other: all networks and baselines over these pairs know
        the same genes, where some were fitted only (``fit(genes=)``).
    key
        The ``key_added`` of the links.
    rna_key
        Name of the gene expression modality.

    Returns
    -------
    Columns source, target.
    """
    rna = modality(mdata, rna_key)
    distance = fitted_slot(mdata, DISTANCE, key, kinds=[DISTANCE]).tocoo()
    rows, cols = distance.row, distance.col
    if only_fitted:
        columns(rna.var, [slot(key, FITTED)], f"{rna_key}.var", "lg.tl.fit(mdata)")
        kept = mdata.var_names.isin(fitted_genes(rna, key))[cols]
        rows, cols = rows[kept], cols[kept]
    names = mdata.var_names.to_numpy()
    tfs = rna.var_names[tf_mask(rna, rna_key)]
    if kind == "cis":
        return pd.DataFrame({"source": names[rows], "target": names[cols]})
    targets = names[np.unique(cols if kind == "trans" else rows)]
    pairs = pd.MultiIndex.from_product([tfs, targets], names=["source", "target"]).to_frame(index=False)
    return pairs[pairs["source"] != pairs["target"]].reset_index(drop=True)


def _correlation(pairs: pd.DataFrame, metacells: MuData, kind: Kind, rna_key: str, atac_key: str) -> np.ndarray:
    source_key = atac_key if kind == "cis" else rna_key
    target_key = atac_key if kind == "binding" else rna_key
    cells = metacells.mod[rna_key].obs_names.sort_values()
    source, rows = _unit_rows(metacells.mod[source_key], cells, pairs["source"])
    target, cols = _unit_rows(metacells.mod[target_key], cells, pairs["target"])
    weight = np.empty(len(pairs))
    for part in np.array_split(np.arange(len(pairs)), max(1, len(pairs) // 100_000)):  # bounds the memory
        weight[part] = np.abs(np.einsum("ij,ij->i", source[rows[part]], target[cols[part]]))
    return weight


def _unit_rows(adata: AnnData, cells: pd.Index, names: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return centred values of length 1, features x metacells, and the row of every name."""
    codes, features = pd.factorize(names, sort=True)
    values = read_values(adata, cells, pd.Index(features))
    values = values - values.mean(axis=1, keepdims=True)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return np.divide(values, length, out=np.zeros_like(values), where=length > 1e-6), codes


def _means(adata: AnnData, names: pd.Series) -> np.ndarray:
    """Return the mean over metacells of every name."""
    codes, features = pd.factorize(names, sort=True)
    mean: np.ndarray = read_values(adata, adata.obs_names.sort_values(), pd.Index(features)).mean(axis=1)
    return mean[codes]


def _near_by(mdata: MuData, atac: AnnData, genes: pd.Series, key: str) -> np.ndarray:
    """Return sum_j O_j exp(-d_ij / 25 kb) of every gene."""
    codes, names = pd.factorize(genes, sort=True)
    near = fitted_slot(mdata, DISTANCE, key, kinds=[DISTANCE])[:, mdata.var_names.get_indexer(names)].tocsr()
    linked = np.flatnonzero(np.diff(near.indptr))
    near = near[linked]
    near.data = np.exp(-near.data / D0)
    open_ = _means(atac, mdata.var_names[linked].to_series())
    return np.asarray(near.T @ open_)[codes]


def _from_graph(mdata: MuData, pairs: pd.DataFrame, kind: Kind, method: Baseline, key: str) -> np.ndarray:
    rows, cols = mdata.var_names.get_indexer(pairs["source"]), mdata.var_names.get_indexer(pairs["target"])
    if method == "motif":
        scores = fitted_slot(mdata, MOTIF, key, kinds=[MOTIF])
        return np.asarray(scores[rows, cols]).ravel()
    near = fitted_slot(mdata, DISTANCE, key, kinds=[DISTANCE]).copy()
    near.data = np.exp(-near.data / D0)
    if kind == "trans" and slot(key, MOTIF) in mdata.varp:
        near = sparse.csr_matrix(fitted_slot(mdata, MOTIF, key, kinds=[MOTIF]) @ near)
    elif kind == "trans":
        return np.asarray(near.sum(axis=0)).ravel()[cols]
    return np.asarray(near[rows, cols]).ravel()
