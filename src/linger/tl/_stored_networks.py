"""Run networks of a store over samples."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from tqdm.auto import tqdm

from linger import nn
from linger._groups import obs_column
from linger._validate import modality, preview
from linger.get._support import path_support
from linger.tl._blocks import re_inputs, with_zero_row
from linger.tl._design import Standardized
from linger.tl._ensemble import find_device

if TYPE_CHECKING:
    from mudata import MuData

    from linger.io._store import NetworkStore


Support = Literal["peaks"]


class StoredBlock(NamedTuple):
    """Networks of a block of genes."""

    number: int
    rows: np.ndarray
    """Positions of the genes in the store."""
    columns: np.ndarray
    """Positions of their peaks; past a gene's own peaks the number of peaks."""
    weights: nn.Weights


class StoredNetworks:
    """Networks of a store, with the moments that their inputs were standardised by.

    Parameters
    ----------
    store
        Trained networks.
    device
        Where to run them.
    """

    def __init__(self, store: NetworkStore, device: str = "auto") -> None:
        self.store, self.device = store, find_device(device)
        self.genes, self.tfs, self.peaks = store.genes, store.tfs, store.peaks
        with store.interpreted():
            self._load()

    def _load(self) -> None:
        store = self.store
        self.activation: nn.Activation = store.settings["config"]["activation"]
        self.tf, self.re, self.target = (
            Standardized(np.empty(0, np.float32), store.design(f"{name}_mean"), store.design(f"{name}_sd"))
            for name in ("tf", "re", "target")
        )
        wiring = store.design("links_indices"), store.design("links_indptr")
        shape = (len(self.genes), len(self.peaks))
        self.links = sparse.csr_matrix((np.ones(len(wiring[0]), np.float32), *wiring), shape)
        self.links.check_format(full_check=True)
        self.gene_of_tf = self.genes.get_indexer(self.tfs)
        """Position among the genes of every TF, -1 where it has no network."""

    def training_inputs(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the standardised TFs and REs of the metacells trained on."""
        return self.store.design("tf_values"), self.store.design("re_values")

    @cached_property
    def highest(self) -> np.ndarray:
        """Highest logged expression of every TF among the metacells."""
        found: np.ndarray = self.log_expression(self.store.design("tf_values")).max(axis=1)
        return found

    def log_expression(self, standardised: np.ndarray) -> np.ndarray:
        """Return the logged expression of TFs (T x M) from standardised values."""
        raw: np.ndarray = standardised.astype(np.float64) * self.tf.sd[:, None] + self.tf.mean[:, None]
        return np.maximum(raw, 0)

    def blocks(self, *, only: np.ndarray | None = None, description: str | None = None) -> Iterator[StoredBlock]:
        """Yield blocks of genes on the device; `only` (a mask over genes) leaves the others out."""
        numbers = range(self.store.n_blocks)
        shown = (
            numbers
            if description is None
            else tqdm(numbers, desc=description, unit="block", mininterval=1, disable=None, leave=False)
        )
        for number in shown:
            arrays = self.store.block(number)
            rows, n_res = arrays.pop("genes"), arrays.pop("n_res")
            kept = np.arange(len(rows)) if only is None else np.flatnonzero(only[rows])
            if not len(kept):
                continue
            width = arrays["re"].shape[2] - 1
            columns = np.full((len(kept), width), len(self.peaks))
            columns[np.arange(width) < n_res[kept, None]] = self.links[rows[kept]].indices
            weights = nn.Weights(
                *(torch.from_numpy(np.asarray(arrays[name][kept])).to(self.device) for name in nn.Weights._fields)
            )
            yield StoredBlock(number, rows[kept], columns, weights)

    def inputs(self, tf: torch.Tensor, re: torch.Tensor, block: StoredBlock) -> nn.Inputs:
        """Return the inputs of a block from standardised TFs, T x M, and REs with a last row of zeros, (N + 1) x M."""
        none = torch.zeros(0, dtype=torch.long, device=self.device)
        return nn.Inputs(tf, re_inputs(re, block.columns), none, none)

    def tensors(self, tf: np.ndarray, re: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Put standardised samples on the device."""
        return torch.from_numpy(np.asarray(tf, np.float32)).to(self.device), torch.from_numpy(with_zero_row(re)).to(
            self.device
        )


def metacell_groups(mdata: MuData, store: NetworkStore, groupby: str | None, keys: tuple[str, str]) -> pd.Series:
    """Return the group of every metacell in the store."""
    if groupby is None:
        return pd.Series("all", index=store.metacells)
    made = store.settings.get("metacells", {})
    if "groups" in store.settings and made.get("groupby") == groupby:
        return pd.Series(store.settings["groups"], index=store.metacells)
    if "labels" in made or not made:
        msg = f"The metacells of this fit are not named after their cells, so they have no {groupby!r}. Make them with lg.pp.metacells(mdata, groupby={groupby!r})."
        raise ValueError(msg)
    found = obs_column(mdata, groupby, store.metacells, keys=keys)
    if found.isna().any():
        msg = (
            f"{int(found.isna().sum())} of {len(found)} metacells ({preview(found.index[found.isna()], 3)}) are not named after cells of this MuData with a "
            f"{groupby!r}. Keep all cells of the fit, or fit with groupby={groupby!r}."
        )
        raise ValueError(msg)
    return found.astype(str)


def read_support(
    support: Support | None, mdata: MuData, networks: StoredNetworks, *, key: str, rna_key: str, atac_key: str
) -> np.ndarray | None:
    """Return the share of a TF's change that each gene sees, genes x TFs; None: all of it."""
    if support is None:
        return None
    if support != "peaks":
        msg = f"support must be 'peaks' or None, found {support!r}."
        raise ValueError(msg)
    return path_support(mdata, networks.tfs, networks.genes, key=key, rna_key=rna_key, atac_key=atac_key)


def check_features(mdata: MuData, networks: StoredNetworks, rna_key: str, atac_key: str) -> None:
    """Raise if an input of the networks is not in the data."""
    for key, names, what in ((rna_key, networks.tfs, "TFs"), (atac_key, networks.peaks, "peaks")):
        missing = names[~names.isin(modality(mdata, key).var_names)]
        if len(missing):
            msg = (
                f"{len(missing)} of {len(names)} {what} of the networks are not in mdata[{key!r}] ({preview(missing)}). Networks need all of their "
                "inputs: keep all genes and peaks, and choose with genes=."
            )
            raise ValueError(msg)
