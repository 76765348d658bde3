"""Targets from the genes that change when a TF is knocked down."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from linger._columns import find_columns, read_table

# as DESeq2, edgeR, limma, Seurat, scanpy and KnockTF write them
_NAMES: Final = {
    "target": ("gene", "target", "symbol", "names", "gene_symbol", "gene_name", "unnamed: 0"),
    "log_fc": ("log_fc", "log2foldchange", "logfc", "avg_log2fc", "logfoldchanges", "log2fc", "log2 fc"),
    "p_adj": ("p_adj", "padj", "fdr", "adj.p.val", "p_val_adj", "pvals_adj", "adj_p_value", "qvalue"),
}


def differential(
    experiments: Mapping[str, str | Path | pd.DataFrame], *, max_p_adj: float = 0.05, min_abs_log_fc: float = 0.0
) -> pd.DataFrame:
    """Take genes that change after a TF is knocked down (or over-expressed) as its targets.

    Parameters
    ----------
    experiments
        By TF, a table of differential expression as DESeq2, edgeR, limma, Seurat or scanpy write it: gene, log fold change, adjusted p-value.
    max_p_adj
        Largest adjusted p-value.
    min_abs_log_fc
        Smallest absolute log fold change.

    Returns
    -------
    Columns source, target, log_fc, sorted by name; the TF itself is left out. A gene listed twice counts by its smaller p-value.

    Raises
    ------
    FileNotFoundError, KeyError, ValueError
        If a file is missing, columns are not found, or no gene changes.

    Examples
    --------
    >>> table = pd.DataFrame({"gene": ["A", "B"], "log2FoldChange": [-1.0, 0.1], "padj": [0.01, 0.5]})
    >>> differential({"SPI1": table})
      source target  log_fc
    0   SPI1      A    -1.0
    """
    parts = []
    for tf, table in experiments.items():
        found = find_columns(read_table(table), _NAMES, required=list(_NAMES), what=f"differential expression of {tf}")
        for name in ("log_fc", "p_adj"):
            found[name] = pd.to_numeric(found[name], errors="coerce").replace([np.inf, -np.inf], np.nan)
        found = found.dropna().astype({"target": str}).sort_values(["p_adj", "target"]).drop_duplicates("target")
        changed = found[(found["p_adj"] <= max_p_adj) & (found["log_fc"].abs() >= min_abs_log_fc)]
        parts.append(changed.assign(source=str(tf))[["source", "target", "log_fc"]])
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["source", "target"])
    table = table[table["source"] != table["target"]]
    if table.empty:
        msg = f"No gene changes with an adjusted p-value up to {max_p_adj} and |log fold change| from {min_abs_log_fc}."
        raise ValueError(msg)
    return table.sort_values(["source", "target"], ignore_index=True)
