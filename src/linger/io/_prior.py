"""The prior: networks pre-trained on bulk data, with their Fisher information (format ``linger-prior``, see docs/formats.md).

Layout (version 1)::

    index.json            format, genes, TFs, chromosomes, genome build, what it was made from, and the SHA-256 of every other file
    tables.safetensors    peaks, moments, links, where each gene's network is
    block-00000.safetensors, ...   weights and Fisher information of a block of genes
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from linger._keys import CHROM, END, START
from linger.io._folder import Folder, FolderWriter, listed_names
from linger.io._store import block_name

FORMAT: Final = "linger-prior"
VERSION: Final = 1
_TABLES: Final = "tables"
_MATRICES: Final = ("tf", "w2", "b2", "w3", "b3", "tf_fisher")
Precision = Literal["float32", "float16"]


class Round(NamedTuple):
    """What one round of pre-training learnt from."""

    n_samples: int
    n_genes: int
    settings: dict[str, Any]
    """Settings of the training, seed and version."""
    description: str


class PriorTables(NamedTuple):
    """All of a prior but its networks."""

    genes: pd.Index
    tfs: pd.Index
    peaks: pd.DataFrame
    """chrom, start, end (from 0, half-open)."""
    links: sparse.csr_matrix
    """Genes x peaks; what is stored is an input of the gene's network."""
    moments: Mapping[str, np.ndarray]
    """``tf_mean``, ``tf_sd``, ``re_mean``, ``re_sd``, ``target_mean``, ``target_sd``; empty where unknown."""
    genome: str | None
    hidden: tuple[int, int]
    activation: str
    rounds: list[Round]


class PriorRows(NamedTuple):
    """The networks of some genes, read from disk. REs of all genes lie below each other."""

    tf: np.ndarray
    """First layer, TFs: G x H x T."""
    bias: np.ndarray
    """G x H."""
    re: np.ndarray
    """First layer, REs: sum of P x H."""
    offsets: np.ndarray
    """Where each gene's REs begin, G + 1."""
    w2: np.ndarray
    b2: np.ndarray
    w3: np.ndarray
    b3: np.ndarray
    tf_fisher: np.ndarray
    """Fisher information with mean 1 per gene, G x H x T."""
    re_fisher: np.ndarray
    """sum of P x H."""
    fisher_mean: np.ndarray
    """Mean of the Fisher information before it was scaled to 1, length G."""


class PriorWriter(FolderWriter):
    """Write a prior block by block.

    Parameters
    ----------
    path
        Folder to make. One that is there is replaced when the new one is complete, if it is a prior.
    precision
        Number format of weights and Fisher information.
    """

    def __init__(self, path: str | Path, *, precision: Precision = "float32") -> None:
        if precision not in ("float32", "float16"):
            msg = f"precision must be 'float32' or 'float16', found {precision!r}."
            raise ValueError(msg)
        super().__init__(path, format=FORMAT, version=VERSION)
        self._precision = precision
        self._places: list[np.ndarray] = []
        self._fisher_mean: list[np.ndarray] = []

    def add_block(self, arrays: Mapping[str, np.ndarray], rows: np.ndarray) -> None:
        """Write the networks of a block of genes.

        Parameters
        ----------
        arrays
            Fields of :class:`linger.nn.Weights`, ``tf_fisher`` and ``re_fisher`` (mean 1 per gene), ``fisher_mean``; genes first.
        rows
            Positions of the genes in the tables.
        """
        limit = np.finfo(self._precision).max
        number = len(self._places)
        kept = {
            name: np.clip(value, -limit, limit).astype(self._precision)
            for name, value in arrays.items()
            if name != "fisher_mean"
        }
        self.add(block_name(number), kept)
        self._places.append(np.stack([rows, np.full(len(rows), number), np.arange(len(rows))]))
        self._fisher_mean.append(np.asarray(arrays["fisher_mean"], dtype=np.float64))

    def finish(self, tables: PriorTables) -> str:
        """Write the tables and the index, rename the folder, and return the checksum of the index."""
        gene, block, row = np.concatenate(self._places, axis=1)
        order = np.argsort(gene)
        chrom = pd.Categorical(tables.peaks[CHROM])
        self.add(
            _TABLES,
            {
                "peak_chrom": chrom.codes.astype(np.int32),
                "peak_start": tables.peaks[START].to_numpy(np.int64),
                "peak_end": tables.peaks[END].to_numpy(np.int64),
                "links_indptr": tables.links.indptr.astype(np.int64),
                "links_indices": tables.links.indices.astype(np.int64),
                "gene_block": block[order],
                "gene_row": row[order],
                "fisher_mean": np.concatenate(self._fisher_mean)[order],
                **tables.moments,
            },
        )
        return self.close(
            {
                "genes": list(map(str, tables.genes)),
                "tfs": list(map(str, tables.tfs)),
                "chromosomes": list(map(str, chrom.categories)),
                "genome": tables.genome,
                "hidden": list(tables.hidden),
                "activation": tables.activation,
                "precision": self._precision,
                "moments": sorted(tables.moments),
                "rounds": [entry._asdict() for entry in tables.rounds],
            }
        )


class Prior(Folder):
    """Networks pre-trained on bulk data, on disk and read on demand.

    Made by :func:`linger.tl.pretrain`, :func:`linger.io.read_prior` or :func:`linger.io.read_lingergrn_prior`; used by
    :func:`linger.tl.fit` and for further rounds of pre-training.

    Parameters
    ----------
    path
        Folder of the prior.

    Attributes
    ----------
    genes, tfs
        Names.
    peaks
        chrom, start, end (from 0, half-open) of every peak.
    genome
        Build of the peaks, None where it is not known.
    hidden, activation
        Units of the hidden layers and their non-linearity.
    rounds
        What each round of pre-training learnt from.
    fisher_mean
        Mean Fisher information of every gene before it was scaled to 1.

    Raises
    ------
    FileNotFoundError
        If there is no prior at `path`.
    ValueError
        If it is of another format or version, or a file is missing or cut short.
    """

    def __init__(self, path: str | Path) -> None:
        missing = "No prior", "Make one with lg.tl.pretrain(bulk).save(path)."
        super().__init__(path, format=FORMAT, version=VERSION, missing=missing)
        self._temporary: TemporaryDirectory[str] | None = None
        tables = self.read(_TABLES)
        with self.interpreted():
            self._load(tables)

    @classmethod
    def make(cls, path: str | Path | None, write: Callable[[str | Path], None]) -> Prior:
        """Let `write` write a prior to `path` and open it; without a path to a temporary folder, removed with the object."""
        if path is not None:
            write(path)
            return cls(path)
        folder = TemporaryDirectory(prefix="linger-prior-")
        write(Path(folder.name) / "prior")
        prior = cls(Path(folder.name) / "prior")
        prior._temporary = folder
        return prior

    def __getstate__(self) -> dict[str, Any]:
        """Leave a temporary folder to this process: others only read it."""
        return self.__dict__ | {"_temporary": None}

    def _load(self, tables: dict[str, np.ndarray]) -> None:
        index = self.index
        self.genes, self.tfs, chromosomes = (
            listed_names(index[name], name) for name in ("genes", "tfs", "chromosomes")
        )
        chrom = pd.Categorical.from_codes(tables["peak_chrom"], categories=chromosomes)
        self.peaks = pd.DataFrame(
            {CHROM: np.asarray(chrom, dtype=object), START: tables["peak_start"], END: tables["peak_end"]}
        )
        self.genome: str | None = index["genome"]
        self.hidden: tuple[int, int] = (int(index["hidden"][0]), int(index["hidden"][1]))
        self.activation: str = index["activation"]
        self.precision: Precision = index["precision"]
        self.rounds = [Round(**entry) for entry in index["rounds"]]
        self.moments = {name: tables[name] for name in index["moments"]}
        indptr, indices = tables["links_indptr"], tables["links_indices"]
        shape = (len(self.genes), len(self.peaks))
        self.links = sparse.csr_matrix((np.ones(len(indices), dtype=np.float32), indices, indptr), shape)
        self.links.check_format(full_check=True)
        if not self.links.has_sorted_indices:
            msg = "the peaks of a gene must come in ascending order in links_indices"
            raise ValueError(msg)
        self._place = tables["gene_block"], tables["gene_row"]
        self.fisher_mean = tables["fisher_mean"]
        sizes = dict.fromkeys(("gene_block", "gene_row", "fisher_mean"), len(self.genes))
        for part, names in (("tf", self.tfs), ("re", self.peaks), ("target", self.genes)):
            sizes |= dict.fromkeys((f"{part}_mean", f"{part}_sd"), len(names))
        wrong = [name for name, size in sizes.items() if name in tables and tables[name].shape != (size,)]
        if wrong:
            msg = f"{wrong[0]} has shape {tables[wrong[0]].shape}, not one value a name"
            raise ValueError(msg)

    @property
    def n_samples(self) -> int:
        """Bulk samples over all rounds; 0 where it is not known."""
        return sum(entry.n_samples for entry in self.rounds)

    def __repr__(self) -> str:
        return (
            f"Prior of {len(self.genes)} genes, {len(self.tfs)} TFs and {len(self.peaks)} peaks ({self.genome or 'build unknown'}) from "
            f"{self.n_samples or 'an unknown number of'} bulk samples in {len(self.rounds)} round(s), at {self.path}"
        )

    def usable(self, part: Literal["tf", "re"]) -> np.ndarray:
        """Return which TFs or peaks varied over the bulk samples: of others the networks know nothing."""
        n = len(self.tfs) if part == "tf" else len(self.peaks)
        sd = self.moments.get(f"{part}_sd")
        return np.ones(n, dtype=bool) if sd is None else sd > 0

    def rows(self, genes: np.ndarray) -> PriorRows:
        """Read the networks of some genes; nothing else is read.

        Parameters
        ----------
        genes
            Positions in ``self.genes``.
        """
        n_res = np.diff(self.links.indptr)[genes]
        parts: dict[str, list[np.ndarray]] = {name: [] for name in (*_MATRICES, "re", "re_fisher", "bias")}
        for gene, n in zip(genes.tolist(), n_res.tolist(), strict=True):
            block, row = (int(place[gene]) for place in self._place)
            with self.opened(block_name(block)) as file:
                for name in _MATRICES:
                    parts[name].append(file.get_slice(name)[row : row + 1])
                first = file.get_slice("re")[row : row + 1][0]
                fisher = file.get_slice("re_fisher")[row : row + 1][0]
            parts["bias"].append(first[None, :, 0])
            parts["re"].append(first[:, 1 : n + 1].T)
            parts["re_fisher"].append(fisher[:, 1 : n + 1].T)
        arrays = {name: np.concatenate(pieces).astype(np.float32) for name, pieces in parts.items()}
        offsets = np.concatenate([[0], np.cumsum(n_res)])
        return PriorRows(**arrays, offsets=offsets, fisher_mean=self.fisher_mean[genes])

    def save(self, path: str | Path, *, precision: Precision | None = None) -> None:
        """Write the prior to a folder, which appears there only when complete.

        Parameters
        ----------
        path
            Folder to make; a prior that is there is replaced.
        precision
            ``"float16"`` halves the size; None keeps the format it has.

        Raises
        ------
        FileExistsError
            If something else than a prior is at `path`.
        ValueError
            If a file of the prior is damaged, or `path` is where it is already.
        """
        if Path(path).resolve() == self.path.resolve():
            msg = f"The prior is at {path} already. Choose another path for a copy in another format."
            raise ValueError(msg)
        self.verify()
        with PriorWriter(path, precision=precision or self.precision) as writer:
            order = np.lexsort([self._place[1], self._place[0]])
            for number in np.unique(self._place[0]):
                rows = order[self._place[0][order] == number]
                writer.add_block(self.read(block_name(int(number))) | {"fisher_mean": self.fisher_mean[rows]}, rows)
            writer.finish(self._tables())

    def _tables(self) -> PriorTables:
        return PriorTables(
            self.genes,
            self.tfs,
            self.peaks,
            self.links,
            self.moments,
            self.genome,
            self.hidden,
            self.activation,
            self.rounds,
        )


def read_prior(path: str | Path, *, verify: bool = True) -> Prior:
    """Open a prior saved by :meth:`Prior.save`.

    Parameters
    ----------
    path
        Folder of the prior.
    verify
        Compare every file with its checksum at once (a few seconds for a genome-wide prior); False trusts them all.

    Returns
    -------
    The prior; its networks are read when they are needed.

    Raises
    ------
    FileNotFoundError
        If there is no prior at `path`.
    ValueError
        If it is of another format or version, or a file is missing, cut short or changed; the file is named.
    """
    prior = Prior(path)
    if verify:
        prior.verify()
    else:
        prior.trust()
    return prior
