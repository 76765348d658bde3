"""Motif affinity B of every transcription factor for every peak."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse


def affinity(
    hits: sparse.csr_matrix, motif_names: list[str], pairs: pd.DataFrame, measure: Literal["max", "sum"]
) -> tuple[pd.Index, sparse.csr_matrix]:
    """Return the factors, and their affinity for every peak (factors x peaks, CSR float32, 0 to 1).

    ``B_kj = b_kj / max_j b_kj`` where ``b_kj`` is the best or summed log-odds in peak j over the motifs of factor k. So
    the best peak of every factor has 1, and a factor without a hit has none.

    Parameters
    ----------
    hits
        Log-odds in bits, peaks x motifs.
    motif_names
        Names of the columns of `hits`.
    pairs
        Columns motif and tf, without repeats.
    measure
        "max" or "sum".
    """
    columns = sparse.csc_matrix(hits, dtype=np.float64)
    position = pd.Series(np.arange(len(motif_names)), index=motif_names)
    factors = pd.Index(pairs["tf"].unique())
    rows = []
    for factor in factors:
        own = columns[:, position[pairs["motif"][pairs["tf"] == factor]].to_numpy()]
        row = sparse.csr_matrix(own.max(axis=1).T if measure == "max" else own.sum(axis=1).T)
        if row.nnz:
            row.data = row.data / row.data.max()  # not row / maximum, which multiplies by the rounded reciprocal
        rows.append(row)
    scaled = sparse.csr_matrix(sparse.vstack(rows, format="csr"), dtype=np.float32)
    scaled.sort_indices()
    return factors, scaled
