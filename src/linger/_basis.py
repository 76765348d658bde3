"""Embeddings, found and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from linger._validate import cell_positions, modality

if TYPE_CHECKING:
    from mudata import MuData


def embedding(mdata: MuData, basis: str, *, rna_key: str) -> np.ndarray:
    """Return an embedding of the MuData or of its expression, in the order of the latter's cells.

    Raises
    ------
    KeyError
        If there is no such embedding.
    ValueError
        If cells are missing in it.
    """
    rna = modality(mdata, rna_key)
    for holder in (mdata, rna):
        if basis in holder.obsm:
            at = cell_positions(holder.obs_names, rna.obs_names, f"the embedding {basis!r}")
            found = np.asarray(holder.obsm[basis], dtype=np.float64)[at]
            return found
    there = sorted(name for name in {*map(str, mdata.obsm), *map(str, rna.obsm)} if name.startswith("X_"))
    msg = f"There is no embedding {basis!r} in obsm (there are {there}). Compute one, for example with scanpy.tl.umap."
    raise KeyError(msg)
