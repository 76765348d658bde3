"""Targets from gene scores of ChIP-seq experiments (Cistrome DB)."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pandas as pd

from linger._columns import find_columns, read_table
from linger._reading import reading

_NAMES: Final = {
    "target": ("symbol", "gene", "target", "gene_symbol", "#symbol", "#gene"),
    "score": ("score", "rp", "rp_score", "regulatory_potential", "weight"),
}
_BETA: Final = ["chrom", "start", "end", "refseq", "score", "strand", "symbol"]  # as BETA writes it, without a header


def gene_scores(experiments: Mapping[str, str | Path | pd.DataFrame], *, n_top: int = 1000) -> pd.DataFrame:
    r"""Take the highest scored genes of ChIP-seq experiments as targets: Cistrome DB's regulatory potentials.

    Parameters
    ----------
    experiments
        By TF, a table with columns symbol (or gene, target) and score, or the file of BETA that Cistrome DB offers, whose comments
        begin with ``#`` and whose columns are chrom, start, end, transcript, score, strand, symbol.
    n_top
        Targets a TF; a gene counts by its best transcript, a score of 0 is no target, ties go by name.

    Returns
    -------
    Columns source, target, weight (the score), strongest first within a TF.

    Raises
    ------
    FileNotFoundError, KeyError, ValueError
        If a file is missing, columns are not found, or no gene has a score above 0.

    Examples
    --------
    >>> table = pd.DataFrame({"symbol": ["A", "B", "C"], "score": [0.1, 2.0, 0.0]})
    >>> gene_scores({"SPI1": table}, n_top=2)["target"].tolist()
    ['B', 'A']
    """
    if n_top < 1:
        msg = f"n_top must be 1 or more, found {n_top}."
        raise ValueError(msg)
    parts = []
    for tf, table in experiments.items():
        scored = find_columns(_read(table), _NAMES, required=["target", "score"], what=f"gene scores of {tf}")
        scored["score"] = pd.to_numeric(scored["score"], errors="coerce")
        best = scored.dropna().astype({"target": str}).groupby("target")["score"].max()
        best = best[best > 0].sort_index().sort_values(ascending=False, kind="stable").head(n_top)
        parts.append(pd.DataFrame({"source": str(tf), "target": best.index, "weight": best.to_numpy()}))
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if found.empty:
        msg = "No gene of any experiment has a score above 0."
        raise ValueError(msg)
    return found


def _read(table: str | Path | pd.DataFrame) -> pd.DataFrame:
    """Return a table, or read a file with a header or one of BETA, whose comments come first."""
    if isinstance(table, pd.DataFrame):
        return table
    path = Path(table).expanduser()
    with reading(path):
        first = _first_line(path)
        if first.startswith("#") and "symbol\t" not in first.lower():
            return pd.read_csv(path, sep="\t", comment="#", header=None, names=_BETA, index_col=False)
    return read_table(path)


def _first_line(path: Path) -> str:
    """Return the first line of a file, compressed or not."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        return file.readline()
