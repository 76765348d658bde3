"""The networks as the page holds them: tables of the strongest edges, targets of every TF, peaks of chosen genes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from linger._keys import CHROM, CORRELATION, END, START, STRAND, TSS, Kind, slot
from linger._validate import modality, parse_peaks
from linger.get._network import edge_table
from linger.get._reader import NamedMatrix
from linger.get._tf_importance import tf_importance
from linger.get._threshold import Per, strongest
from linger.pl._page._source import Source
from linger.pl._page._tables import plain, table

_TITLES: dict[Kind, tuple[str, str, str]] = {
    "trans": ("TF → gene (trans)", "TF", "gene"),
    "cis": ("Peak → gene (cis)", "peak", "gene"),
    "binding": ("TF → peak (binding)", "TF", "peak"),
}
_NAMED = 8  # targets named beside a TF
_DRAWN = 40  # strongest edges drawn while no TF is chosen


class Networks(NamedTuple):
    """What is shown of the networks of all cells and of every type."""

    tables: list[dict[str, Any]]
    targets: dict[str, Any]
    """Names of TFs and genes, and of all cells and each type the edges of every TF and the strongest of all, as positions among these."""
    loci: dict[str, Any]
    """Locations of genes and peaks, the edges likewise, and the position of the gene to begin with, if there is any."""


def networks(source: Source, labels: Mapping[str, str]) -> Networks:
    """Read the networks of all cells and of every type, one kind after the other; one is in memory at a time."""
    best: dict[Kind, list[pd.DataFrame]] = {"trans": [], "cis": [], "binding": []}
    strengths: list[pd.Series] = []
    targets: list[pd.DataFrame] = []
    drawn: list[pd.DataFrame] = []
    loci: list[pd.DataFrame] = []
    for found in source.matrices("trans"):
        edges = _edges(source, "trans", found, max(source.top, _DRAWN))
        best["trans"].append(edges.head(source.top))
        drawn.append(edges.head(_DRAWN))
        targets.append(_edges(source, "trans", found, source.n_targets, per="source"))
        strengths.append(pd.Series(found.matrix.sum(axis=1).A1.astype(float), found.sources))
    genes = best_first = pd.Index([])
    for found in source.matrices("cis"):
        best_first = best_first if loci else _genes(source, found)  # the same for every type
        genes = best_first.sort_values()
        best["cis"].append(_edges(source, "cis", found, source.top))
        part = NamedMatrix(found.matrix[:, found.targets.get_indexer(genes)], found.sources, genes)
        loci.append(_edges(source, "cis", part, source.n_peaks, per="target"))
    for found in source.matrices("binding"):
        best["binding"].append(_edges(source, "binding", found, source.top))
    tables = [_tf_table(source, strengths, targets, labels)]
    tables += [_edge_table(kind, frames, labels, source.top) for kind, frames in best.items()]
    return Networks(
        tables,
        _targets(targets, drawn, labels),
        _loci(source, loci, genes, labels) | {"first": [int(at) for at in genes.get_indexer(best_first[:1])]},
    )


def _edges(source: Source, kind: Kind, found: NamedMatrix, top: int, per: Per | None = None) -> pd.DataFrame:
    kept = strongest(found.matrix, found.sources, found.targets, top=top, per=per, min_z=None)
    return edge_table(source.mdata, kind, found._replace(matrix=kept), source.key)


def _edge_table(kind: Kind, frames: list[pd.DataFrame], labels: Mapping[str, str], top: int) -> dict[str, Any]:
    title, of, to = _TITLES[kind]
    note, code = f"The {top:,} strongest edges.", f"lg.get.network(mdata, {kind!r}, group=...)"
    picks = {column: name.lower() for column, name in (("source", of), ("target", to)) if name != "peak"}
    return table(kind, title, note, code, frames, labels, columns={"source": of, "target": to}, picks=picks)


def _tf_table(
    source: Source, strengths: list[pd.Series], targets: list[pd.DataFrame], labels: Mapping[str, str]
) -> dict[str, Any]:
    """Return TFs by importance in the type, where there is one, else by the sum of their trans weights."""
    scored = pd.DataFrame({"group": [], "tf": [], "importance": [], "motif": [], "p_value": []})
    if source.has_importance:
        scored = tf_importance(source.mdata, **source.keys)[scored.columns]
    frames = []
    for group, strength, edges in zip([None, *source.groups], strengths, targets, strict=True):
        named = edges.groupby("source")["target"].agg(lambda names: ", ".join(labels[name] for name in names[:_NAMED]))
        frame = pd.DataFrame({"tf": strength.index, "total weight": strength.to_numpy()})
        frame["strongest targets"] = frame["tf"].map(named)
        if source.has_importance:
            own = scored[scored["group"] == group].drop(columns="group")
            frame = frame.merge(own.astype({"importance": float, "p_value": float}), on="tf", how="left")
            frame = frame[["tf", "importance", "motif", "p_value", "total weight", "strongest targets"]]
        first = ["importance"] if source.has_importance and group is not None else []
        frames.append(frame.sort_values([*first, "total weight", "tf"], ascending=[*[False] * len(first), False, True]))
    order = "their importance in the type (all cells have none), then by " if source.has_importance else ""
    note = f"All TFs, by {order}the sum of their trans weights. Choose one to see its targets below."
    code = "lg.get.tf_importance(mdata)" if source.has_importance else "lg.get.matrix(mdata, 'trans')"
    headings = {"tf": "TF", "motif": "best motif", "p_value": "p of the motif"}
    return table("tfs", "TFs", note, code, frames, labels, columns=headings, picks={"tf": "tf"})


def _targets(frames: list[pd.DataFrame], strongest: list[pd.DataFrame], labels: Mapping[str, str]) -> dict[str, Any]:
    tfs, genes = (
        pd.Index(sorted({name for frame in [*frames, *strongest] for name in frame[column]}))
        for column in ("source", "target")
    )
    return {
        "tfs": [labels[name] for name in tfs],
        "genes": [labels[name] for name in genes],
        "edges": [_columns(frame, tfs, genes) for frame in frames],
        "strongest": [_columns(frame, tfs, genes) for frame in strongest],
    }


def _genes(source: Source, found: NamedMatrix) -> pd.Index:
    """Return the genes whose peaks are shown, best first: those predicted best, or where that is not known those with the strongest peaks."""
    table = pd.DataFrame({"gene": found.targets, "value": found.matrix.sum(axis=0).A1})
    table = table[table["value"] > 0]
    quality = slot(source.key, CORRELATION)
    if quality in source.var:
        table["value"] = source.var[quality].reindex(table["gene"]).to_numpy()
    kept = table.sort_values(["value", "gene"], ascending=[False, True]).head(source.n_genes)
    return pd.Index(kept["gene"])


def _loci(source: Source, frames: list[pd.DataFrame], genes: pd.Index, labels: Mapping[str, str]) -> dict[str, Any]:
    peaks = pd.Index(sorted({name for frame in frames for name in frame["source"]}))
    located = parse_peaks(modality(source.mdata, source.atac_key)).loc[peaks]
    var = source.var.loc[genes]
    quality = slot(source.key, CORRELATION)
    return {
        "genes": [labels[name] for name in genes],
        "chrom": plain(var[CHROM].astype(object)),
        "tss": [int(position) for position in var[TSS]],
        "strand": plain(var[STRAND].astype(object)) if STRAND in var else [None] * len(var),
        "quality": plain(var[quality].astype(float)) if quality in var else [None] * len(var),
        "peaks": peaks.tolist(),
        "start": [int(position) for position in located[START]],
        "end": [int(position) for position in located[END]],
        "edges": [_columns(frame, peaks, genes) for frame in frames],
    }


def _columns(frame: pd.DataFrame, sources: pd.Index, targets: pd.Index) -> dict[str, list[Any]]:
    sign = frame["sign"] if "sign" in frame else pd.Series(0, frame.index)
    return {
        "source": sources.get_indexer(pd.Index(frame["source"])).tolist(),
        "target": targets.get_indexer(pd.Index(frame["target"])).tolist(),
        "weight": plain(frame["weight"]),
        "sign": sign.astype(int).tolist(),
    }
