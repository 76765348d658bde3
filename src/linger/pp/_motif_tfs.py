"""Which gene is the transcription factor of a motif."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from linger._reading import reading
from linger._validate import columns, preview
from linger.pp._motif_files import Motif

# human and mouse orthologues whose symbols differ by more than case
_ORTHOLOGUES = {"tp53": "trp53", "tp63": "trp63", "tp73": "trp73", "tbxt": "t"}
_OTHER_NAME = _ORTHOLOGUES | {mouse: human for human, mouse in _ORTHOLOGUES.items()}
_JASPAR_ID = re.compile(r"^M[A-Z]\d{4}\.\d+\.?")


def factor_names(label: str) -> list[list[str]]:
    """Return, for each partner of a dimer, the names its factor may go by, most literal first.

    Examples
    --------
    >>> factor_names("FOS::JUN(var.2)")
    [['FOS'], ['JUN(var.2)', 'JUN']]
    >>> factor_names("AHR_HUMAN.H11MO.0.B")
    [['AHR_HUMAN.H11MO.0.B', 'AHR']]
    """
    partners = []
    for part in _JASPAR_ID.sub("", label).split("::"):
        names = [re.sub(r"^\(([^)]*)\).*", r"\1", part.strip())]  # CIS-BP: (FOXA1)_(Homo_sapiens)
        for separator in "(/_.":  # HOMER: family and source; encode: number; HOCOMOCO: species and version
            shorter = names[-1].partition(separator)[0].strip()
            if shorter and shorter != names[-1]:
                names.append(shorter)
        partners.append(names)
    return partners


def read_motif_table(table: str | Path | pd.DataFrame) -> pd.DataFrame:
    """Return columns motif and tf of a frame or of a file (.csv, else tab-separated; a header line is optional)."""
    if not isinstance(table, pd.DataFrame):
        separator = "," if Path(table).suffix == ".csv" else "\t"
        with reading(table):
            table = pd.read_csv(
                table, sep=separator, header=None, dtype=str, comment=None, usecols=[0, 1], names=["motif", "tf"]
            )
        if [str(value).lower() for value in table.head(1).to_numpy().ravel()] == ["motif", "tf"]:
            table = table.iloc[1:]
    columns(table, ["motif", "tf"], "motif_tf", "motif_tf.rename(columns=...)")
    return table[["motif", "tf"]].dropna().astype(str).drop_duplicates(ignore_index=True)


class GeneLookup:
    """Genes by symbol: exact, else regardless of case, so that human motifs serve mouse and the reverse.

    Several genes with one symbol are all found, so the answer does not depend on the order of the genes.
    """

    def __init__(self, symbols: Iterable[str], genes: Iterable[str]) -> None:
        self._exact: dict[str, list[str]] = defaultdict(list)
        self._folded: dict[str, list[str]] = defaultdict(list)
        for symbol, gene in zip(symbols, genes, strict=True):
            self._exact[symbol].append(gene)
            self._folded[symbol.casefold()].append(gene)

    def find(self, symbol: str) -> list[str]:
        """Return the genes called `symbol`."""
        folded = symbol.casefold()
        return self._exact.get(symbol) or self._folded.get(folded) or self._folded.get(_OTHER_NAME.get(folded, ""), [])

    def find_first(self, symbols: Iterable[str]) -> list[str]:
        """Return the genes of the first of `symbols` that has any."""
        return next((found for symbol in symbols if (found := self.find(symbol))), [])


def match_motifs(motifs: Sequence[Motif], lookup: GeneLookup, table: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return one row per motif and gene (columns motif, tf), by the motif's label or by `table`.

    Parameters
    ----------
    motifs
        The motifs.
    lookup
        The genes that may be factors.
    table
        Columns motif (as the source of the motifs has it) and tf; replaces the labels.

    Raises
    ------
    ValueError
        If no motif belongs to any gene.
    """
    if table is None:
        named = [(motif.name, names) for motif in motifs for names in factor_names(motif.label)]
    else:
        factors = table.groupby("motif")["tf"].agg(list).to_dict()
        named = [(motif.name, [tf]) for motif in motifs for tf in factors.get(motif.written, [])]
    pairs = [(motif, gene) for motif, names in named for gene in lookup.find_first(names)]
    if not pairs:
        shown = preview(motif.written if table is not None else motif.label for motif in motifs)
        msg = (
            f"None of the {len(motifs)} motifs belongs to a gene (they are called {shown}). "
            "Give motif_tf=, a table of motif and tf; or gene_symbols= if var_names are not symbols."
        )
        raise ValueError(msg)
    return pd.DataFrame(pairs, columns=["motif", "tf"]).drop_duplicates(ignore_index=True)
