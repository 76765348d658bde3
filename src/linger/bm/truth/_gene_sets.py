"""Targets from gene sets named after TFs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from linger._reading import reading


def gene_sets(sets: str | Path | Mapping[str, Iterable[str]], *, source: str = r"^[^\s_(]+") -> pd.DataFrame:
    r"""Read TF-target pairs from gene sets, such as Enrichr's libraries of ChIP-seq targets.

    Parameters
    ----------
    sets
        A GMT file (name, description, genes; separated by tabs), or genes by name of the set.
    source
        Regular expression whose first match in a set's name is its TF: by default all before a space, an underscore or a
        bracket, as in ``"SPI1 ENCODE"`` and ``"SPI1(+)"``.

    Returns
    -------
    Columns source, target, one row a pair, sorted by name; the sets of a TF are united.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If no set holds a gene, or the name of none matches.

    Examples
    --------
    >>> gene_sets({"SPI1 ENCODE": ["CSF1R"], "SPI1 CHEA": ["CSF1R", "CD14"]})["target"].tolist()
    ['CD14', 'CSF1R']
    """
    named = sets if isinstance(sets, Mapping) else _read_gmt(Path(sets).expanduser())
    rows = []
    for name, genes in named.items():
        found = re.search(source, str(name).strip())
        # a gene may carry a weight behind a comma
        listed = [genes] if isinstance(genes, str) else genes
        rows += [(found.group(), str(gene).split(",")[0].strip()) for gene in listed] if found else []
    table = pd.DataFrame(rows, columns=["source", "target"])
    table = table[table["target"] != ""].drop_duplicates()
    if table.empty:
        msg = f"No gene set with a gene has a name that matches source={source!r}."
        raise ValueError(msg)
    return table.sort_values(["source", "target"], ignore_index=True)


def _read_gmt(path: Path) -> dict[str, list[str]]:
    with reading(path):
        lines = [line.rstrip("\n").split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    sets: dict[str, list[str]] = {}
    for name, *rest in (line for line in lines if len(line) > 2):
        sets.setdefault(name, []).extend(rest[1:])
    return sets
