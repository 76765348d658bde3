"""Results that no longer belong to their inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linger._keys import (
    COACTIVITY,
    EDGES,
    FIT_COLUMNS,
    FIT_RECORDS,
    FIT_SLOTS,
    MODULE_LOADINGS,
    PERTURBATION,
    PREDICTED,
    SCREEN,
    SHIFT,
    SPECIFIC_PEAKS,
    TF_IMPORTANCE,
    slot,
)
from linger._logging import logger

if TYPE_CHECKING:
    from mudata import MuData


def drop_fit(mdata: MuData, key: str, *, because: str) -> None:
    """Remove the networks fitted under `key`, which rest on links or motifs that are about to change."""
    found = [slot(key, name) for name in FIT_SLOTS if slot(key, name) in mdata.varp]
    if not found:
        return
    logger.warning(
        "The networks fitted as %r are removed from the data in memory, %s (files stay as they are). Fit again.",
        key,
        because,
    )
    for name in found:
        del mdata.varp[name]
    drop_derived(mdata, key)


def drop_derived(mdata: MuData, key: str) -> None:
    """Remove what describes a fit or was made from it, so that nothing of an earlier one passes for the next one's."""
    for adata in mdata.mod.values():
        adata.var.drop(columns=[slot(key, name) for name in FIT_COLUMNS], errors="ignore", inplace=True)
        for name in (EDGES, PERTURBATION, PREDICTED, SHIFT, f"{SHIFT}_control"):
            adata.obsm.pop(slot(key, name), None)
        for name in (MODULE_LOADINGS, PERTURBATION, SCREEN):
            adata.varm.pop(slot(key, name), None)
    for uns in (mdata.uns, *(adata.uns for adata in mdata.mod.values() if key in adata.uns)):
        uns[key] = {name: value for name, value in uns.get(key, {}).items() if name not in FIT_RECORDS}


def drop_importance(mdata: MuData, key: str, *, because: str) -> None:
    """Remove TF importance and what was made with it, which rest on motifs or groups that are about to change."""
    if TF_IMPORTANCE not in mdata.uns.get(key, {}):
        return
    logger.warning("The TF importance under %r is removed, %s. Call lg.tl.tf_importance again.", key, because)
    if slot(key, COACTIVITY) in mdata.varp:
        del mdata.varp[slot(key, COACTIVITY)]
    for adata in mdata.mod.values():
        for name in (TF_IMPORTANCE, SPECIFIC_PEAKS):
            adata.varm.pop(slot(key, name), None)
    mdata.uns[key] = {name: value for name, value in mdata.uns[key].items() if name != TF_IMPORTANCE}
