"""Single cells averaged over their neighbours, as metacells are, a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from linger._groups import cell_groups
from linger._logging import logger
from linger._validate import paired, positions
from linger.pp._embedding import log_normalize_depth
from linger.pp._metacells import smoothing_weights
from linger.pp._neighbors import Search

if TYPE_CHECKING:
    from mudata import MuData

_ENTRIES = 2**26  # dense values held at a time: 256 MB


class SmoothedCells:
    """Cells smoothed as metacells are made, so that the moments of training hold for them.

    Parameters
    ----------
    mdata
        Cells.
    cells
        Names of the cells wanted.
    settings
        How the metacells were made (:func:`linger.pp.metacells`): ``metacells``, ``depth``, ``n_cells`` of a store's settings.
    n_metacells
        Their number.
    layer, rna_key, atac_key
        Where counts are.
    """

    def __init__(
        self,
        mdata: MuData,
        cells: pd.Index,
        settings: Mapping[str, Any],
        n_metacells: int,
        *,
        layer: str | None,
        rna_key: str,
        atac_key: str,
    ) -> None:
        paired(mdata, rna_key=rna_key, atac_key=atac_key)
        made, depth = settings.get("metacells", {}), settings.get("depth", {})
        if not made:
            msg = "The fit was given metacells that linger did not make, so cells cannot be averaged like them. lg.tl.perturb_screen runs on the metacells themselves."
            raise ValueError(msg)
        layer = made.get("layer") if layer is None else layer
        rng, n_neighbors = int(made.get("rng", 0)), int(made.get("n_neighbors", 100))
        if "labels" in made:
            n_neighbors = max(1, round(settings["n_cells"] / n_metacells))
            logger.warning(
                "Metacells were made from labels; cells are averaged over %d neighbours, as many as a metacell has.",
                n_neighbors,
            )
        settings = made
        search = Search(
            mdata, use_rep=settings.get("use_rep"), neighbors_key=settings.get("neighbors_key"), layer=layer, rna_key=rna_key,
            atac_key=atac_key, rng=rng,
        )  # fmt: skip
        groups = cell_groups(mdata, settings.get("groupby"), search.cells, 1, keys=search.keys)
        names, weights = smoothing_weights(groups, search, n_neighbors, rng)
        self.names = cells
        self._weights = weights[names.get_indexer(cells)]
        self._scaled = [
            log_normalize_depth(search.counts[key], log=False, target=depth.get(key)).tocsc() for key in search.keys
        ]
        self._features = {key: mdata.mod[key].var_names for key in search.keys}

    def chunks(self, genes: pd.Index, peaks: pd.Index) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Yield which cells, and their logged expression (genes x cells) and accessibility (peaks x cells)."""
        parts = [
            matrix[:, positions(self._features[key], wanted, f"mdata[{key!r}]")].tocsr()
            for matrix, key, wanted in zip(self._scaled, self._features, (genes, peaks), strict=True)
        ]
        size = max(1, _ENTRIES // (len(genes) + len(peaks)))
        for first in range(0, len(self.names), size):
            chunk = slice(first, min(first + size, len(self.names)))
            gene_values, peak_values = (
                np.log1p(sparse.csr_matrix(self._weights[chunk] @ part).toarray().T, dtype=np.float32) for part in parts
            )
            yield chunk, gene_values, peak_values
