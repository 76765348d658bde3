"""Single cells averaged over their neighbours, as metacells are, a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from linger._groups import cell_groups
from linger.pp._embedding import log_normalize_depth
from linger.pp._metacells import smoothing_weights
from linger.pp._neighbors import Search

if TYPE_CHECKING:
    from mudata import MuData

_ENTRIES = 2**27  # dense values held at a time: 512 MB


class SmoothedCells:
    """Cells smoothed as metacells are made, so that the moments of training hold for them.

    Parameters
    ----------
    mdata
        Cells.
    cells
        Names of the cells wanted.
    settings
        How the metacells were made (:func:`linger.pp.metacells`).
    layer, rna_key, atac_key
        Where counts are.
    """

    def __init__(
        self,
        mdata: MuData,
        cells: pd.Index,
        settings: Mapping[str, Any],
        *,
        layer: str | None,
        rna_key: str,
        atac_key: str,
    ) -> None:
        layer = settings.get("layer") if layer is None else layer
        rng = int(settings.get("rng", 0))
        search = Search(
            mdata, use_rep=settings.get("use_rep"), neighbors_key=settings.get("neighbors_key"), layer=layer, rna_key=rna_key,
            atac_key=atac_key, rng=rng,
        )  # fmt: skip
        groups = cell_groups(mdata, settings.get("groupby"), search.cells, 1, keys=search.keys)
        names, weights = smoothing_weights(groups, search, int(settings.get("n_neighbors", 100)), rng)
        self.names = cells
        self._weights = weights[names.get_indexer(cells)]
        self._scaled = [log_normalize_depth(search.counts[key], log=False).tocsc() for key in search.keys]
        self._features = [mdata.mod[key].var_names for key in search.keys]

    def chunks(self, genes: pd.Index, peaks: pd.Index) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Yield which cells, and their logged expression (genes x cells) and accessibility (peaks x cells)."""
        parts = [
            matrix[:, features.get_indexer(wanted)].tocsr()
            for matrix, features, wanted in zip(self._scaled, self._features, (genes, peaks), strict=True)
        ]
        size = max(1, _ENTRIES // (len(genes) + len(peaks)))
        for first in range(0, len(self.names), size):
            chunk = slice(first, min(first + size, len(self.names)))
            gene_values, peak_values = (
                np.log1p(sparse.csr_matrix(self._weights[chunk] @ part).toarray().T, dtype=np.float32) for part in parts
            )
            yield chunk, gene_values, peak_values
