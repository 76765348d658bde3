"""Why a network has no edge, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linger._keys import BINDING, CIS, GC, MOTIF, TRANS, Kind, slot
from linger._validate import modality, preview
from linger.get._reader import Options, Reader

if TYPE_CHECKING:
    from mudata import MuData


def why_empty(mdata: MuData, kind: Kind, group: Any, options: Options) -> str:
    """Return the reason why a network that was read has no edge: thresholds, counts of 0, or nothing to begin with.

    Parameters
    ----------
    mdata, kind, options
        As the network was read.
    group
        The group, if it was the network of one that is stored.
    """
    free: Options = {**options, "top": None, "per": None, "min_z": None}
    if isinstance(group, str):
        own = Reader(mdata, kind, **free)
        if own.group(group).matrix.nnz:
            return "All edges are below the threshold (min_z=, top=)."
    anywhere: Options = {**free, "weights": "paper"}
    reader = Reader(mdata, kind, **anywhere)
    n_edges = reader.population().matrix.nnz
    if not n_edges:
        return _why_nowhere(reader)
    if isinstance(group, str):
        return f"The population has {n_edges} such edges, but {_silent(reader, group)} in {group!r}."
    return f"The population has {n_edges} such edges without a threshold; these are below it, or have no counts here."


def _silent(reader: Reader, group: str) -> str:
    """Return what has no counts in a group: all sources, all targets, or what is between them."""
    abundance, selection = reader.states.group(group).abundance, reader.selection
    for names, at in ((selection.sources, selection.rows), (selection.targets, selection.cols)):
        if not abundance[at].any():
            return f"{preview(names, 3)} {'has' if len(names) == 1 else 'have'} no counts"
    return "what they go through (TFs, open peaks, genes) has no counts"


def _why_nowhere(reader: Reader) -> str:
    selection = reader.selection
    if selection.kind == CIS:
        return "The networks give no strength to any of these peaks for these genes."
    if selection.kind == TRANS and not selection.slot(TRANS, selection.rows, selection.cols).count_nonzero():
        return "The networks give no strength to any of these TFs for these genes."
    if not selection.has(MOTIF):
        return "The TFs and peaks have no binding strength (alpha)."
    where = "of these peaks" if selection.kind == BINDING else "that regulates these genes"
    return f"No peak {where} has a motif of {preview(selection.sources, 3)}.{_not_scanned(selection.mdata, reader)}"


def _not_scanned(mdata: MuData, reader: Reader) -> str:
    """Return how many peaks could not have a motif, since the genome file lacked their sequence."""
    gc = modality(mdata, reader.selection.atac_key).var.get(slot(reader.selection.key, GC))
    missing = 0 if gc is None else int(np.isnan(gc.to_numpy(float)).sum())
    return f" {missing} of {len(gc)} peaks were not scanned: the genome file has no sequence there." if missing else ""
