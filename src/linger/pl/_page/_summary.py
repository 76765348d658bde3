"""The data and the fit in a few numbers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from linger._keys import CORRELATION, GROUPS, slot
from linger.pl._page._source import POPULATION, Source


def tiles(source: Source) -> list[tuple[str, str]]:
    """Return what stands at the top of the page: a number, and what it counts."""
    record, quality = source.record, slot(source.key, CORRELATION)
    found = [
        (f"{source.mdata.n_obs:,}", "cells"),
        (f"{record['n_metacells']:,}", "metacells"),
        (f"{record['n_genes']:,}", "genes with a network"),
        (f"{record['n_tfs']:,}", "TFs"),
        (f"{record['n_peaks']:,}", "peaks"),
    ]
    if source.groups:
        found.append((f"{len(source.groups):,}", "cell type" if len(source.groups) == 1 else "cell types"))
    if quality in source.var and source.var[quality].notna().any():
        found.append((f"{source.var[quality].median():.2f}", "median correlation with held-out expression"))
    return found


def types(source: Source) -> list[str]:
    """Return the names of the networks on the page: all cells, then the types with their numbers of cells."""
    sizes = np.asarray(source.uns.get(GROUPS, {}).get("n_cells", []))
    named = [f"{name} ({size:,} cells)" for name, size in zip(source.groups, sizes, strict=True)]
    return [f"{POPULATION} ({source.mdata.n_obs:,})", *named]


def settings(source: Source) -> list[tuple[str, str]]:
    """Return the settings of the fit, by name."""
    record = source.record
    found = {
        "linger": record["linger"],
        "torch": record["torch"],
        "genome build": source.genome,
        "cell types": source.uns.get(GROUPS, {}).get("groupby"),
        "motifs": "yes" if record["motifs"] else "no",
        "prior": "yes" if source.uns.get("prior") is not None else "no",
        "seed": record["rng"],
        "device": record["device"],
    }
    found |= dict(sorted(record["config"].items()))  # a file gives them back in another order
    return [(name, _text(value)) for name, value in found.items() if value is not None]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(np.asarray(value).tolist()).strip("[]")
