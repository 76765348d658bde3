"""The cells nearest to each cell, computed or from a graph that is there."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from linger._validate import cell_positions, get_counts, preview
from linger.pp._embedding import joint_embedding

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData


class Search:
    """Where neighbours are looked for; cells are in the order of their names, so that input order changes nothing.

    Parameters
    ----------
    mdata
        Paired RNA and ATAC.
    use_rep, neighbors_key
        Embedding in obsm, or graph in obsp, of the MuData or a modality; neither: the joint embedding is computed.
    layer, rna_key, atac_key
        Where the counts are, for the embedding.
    rng
        Seed of the embedding.
    """

    def __init__(
        self,
        mdata: MuData,
        *,
        use_rep: str | None,
        neighbors_key: str | None,
        layer: str | None,
        rna_key: str,
        atac_key: str,
        rng: int,
    ) -> None:
        if use_rep is not None and neighbors_key is not None:
            msg = "use_rep and neighbors_key both say what the neighbours of a cell are. Give one of them."
            raise ValueError(msg)
        self.mdata, self.layer, self.keys, self.rng = mdata, layer, (rna_key, atac_key), rng
        self.use_rep, self.neighbors_key = use_rep, neighbors_key
        self.cells = mdata.mod[rna_key].obs_names.sort_values()

    @cached_property
    def counts(self) -> dict[str, sparse.csr_matrix]:
        """Counts of both modalities."""
        found = {key: get_counts(self.mdata.mod[key], layer=self.layer, name=key) for key in self.keys}
        return {key: X[self.mdata.mod[key].obs_names.get_indexer(self.cells)] for key, X in found.items()}

    def weights(self, members: np.ndarray, centres: np.ndarray, k: int) -> sparse.csr_matrix:
        """Give weight 1/k to the k nearest `members` of each centre (positions among the members), itself included."""
        if self.neighbors_key is not None:
            return _strongest(self._graph, members, centres, k)
        return _nearest(self._embedding, members, centres, k)

    @cached_property
    def _embedding(self) -> np.ndarray:
        if self.use_rep is None:
            return joint_embedding(self.counts, {key: self.mdata.mod[key].var for key in self.keys}, rng=self.rng)
        holder = self._holder("obsm", self.use_rep, "embedding")
        order = cell_positions(holder.obs_names, self.cells, f"the embedding {self.use_rep!r}")
        return np.asarray(holder.obsm[self.use_rep], dtype=np.float64)[order]

    @cached_property
    def _graph(self) -> sparse.csr_matrix:
        holder = self._holder("obsp", str(self.neighbors_key), "graph")
        order = cell_positions(holder.obs_names, self.cells, f"the graph {self.neighbors_key!r}")
        return sparse.csr_matrix(holder.obsp[self.neighbors_key])[order][:, order]

    def _holder(self, slot: str, name: str, what: str) -> MuData | AnnData:
        """Return the MuData or the modality that has `name`."""
        holders = (self.mdata, *self.mdata.mod.values())
        for holder in holders:
            if name in getattr(holder, slot):
                return holder
        there = sorted({str(key) for holder in holders for key in getattr(holder, slot)})
        msg = f"No {what} {name!r} in {slot} of the MuData or its modalities (there are {preview(there) or 'none'})."
        raise KeyError(msg)


def _nearest(embedding: np.ndarray, members: np.ndarray, centres: np.ndarray, k: int) -> sparse.csr_matrix:
    """Give weight 1/k to each centre's k nearest members, itself included."""
    from sklearn.neighbors import NearestNeighbors

    found = (
        NearestNeighbors(n_neighbors=k)
        .fit(embedding[members])
        .kneighbors(embedding[members[centres]], return_distance=False)
    )
    index = members[found].ravel()
    return sparse.csr_matrix(
        (np.full(index.size, 1 / k), index, np.arange(0, index.size + 1, k)), shape=(len(centres), len(embedding))
    )


def _strongest(graph: sparse.csr_matrix, members: np.ndarray, centres: np.ndarray, k: int) -> sparse.csr_matrix:
    """Give equal weight to each centre and its k - 1 strongest connections among the members."""
    within = graph[members[centres]][:, members].tocoo()
    links = pd.DataFrame({"row": within.row, "column": within.col, "weight": within.data})
    links = links[centres[links["row"]] != links["column"]]
    links = links.sort_values(["row", "weight", "column"], ascending=[True, False, True]).groupby("row").head(k - 1)
    row = np.concatenate([np.arange(len(centres)), links["row"]])
    column = members[np.concatenate([centres, links["column"]])]
    weights = sparse.csr_matrix((np.ones(len(row)), (row, column)), shape=(len(centres), graph.shape[0]))
    return sparse.csr_matrix(sparse.diags(1 / weights.sum(axis=1).A1) @ weights)
