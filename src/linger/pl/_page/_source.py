"""What a report is made from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from linger._keys import DEFAULT_KEY, GENOME, GROUPS, TF_IMPORTANCE, Kind, slot
from linger._validate import fit_record, modality
from linger.get._matrix import matrices, matrix
from linger.get._reader import NamedMatrix

if TYPE_CHECKING:
    from mudata import MuData

POPULATION = "all cells"


@dataclass(frozen=True)
class Source:
    """A fitted MuData, and how much of it is shown."""

    mdata: MuData
    top: int
    n_targets: int
    n_genes: int
    gene_symbols: str | None
    key: str
    rna_key: str
    atac_key: str
    n_peaks: int = 8
    """Peaks shown of a gene."""

    @property
    def keys(self) -> dict[str, Any]:
        """The options by which other functions find the fit."""
        return {"key": self.key, "rna_key": self.rna_key, "atac_key": self.atac_key}

    @property
    def record(self) -> dict[str, Any]:
        """What was kept of the fit."""
        return fit_record(self.mdata, self.key)

    @property
    def uns(self) -> dict[str, Any]:
        """All that is kept under the key."""
        return dict(self.mdata.uns[self.key])

    @property
    def genome(self) -> str | None:
        """The genome build, where it is known; it is that of the data, whatever the fit is called."""
        return self.mdata.uns.get(DEFAULT_KEY, {}).get(GENOME)

    @property
    def var(self) -> pd.DataFrame:
        """The table of genes."""
        return modality(self.mdata, self.rna_key).var

    @property
    def groups(self) -> list[str]:
        """Names of the cell types whose networks can be read."""
        return [str(name) for name in self.uns.get(GROUPS, {}).get("names", [])]

    @property
    def has_importance(self) -> bool:
        """Whether TFs were scored in every type."""
        stored = slot(self.key, TF_IMPORTANCE) in modality(self.mdata, self.rna_key).varm
        return stored and TF_IMPORTANCE in self.uns

    def matrices(self, kind: Kind) -> Iterator[NamedMatrix]:
        """Yield the network of all cells, then that of every type."""
        yield matrix(self.mdata, kind, **self.keys)
        if self.groups:
            for _, found in matrices(self.mdata, kind, **self.keys):
                yield found

    def labels(self) -> dict[str, str]:
        """Return what every gene is called on the page: its symbol, followed by its name where symbols are not unique."""
        names = pd.Series(self.var.index.astype(str), self.var.index)
        if self.gene_symbols is None:
            return dict(names)
        symbols = self.var[self.gene_symbols].astype(object)
        symbols = symbols.where(symbols.notna() & (symbols.astype(str) != ""), names).astype(str)
        return dict(symbols.where(~symbols.duplicated(keep=False), symbols + " (" + names + ")"))
