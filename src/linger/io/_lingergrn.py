"""The prior that the authors published as a folder ``data_bulk``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy import sparse

from linger._keys import CHROM, END, START
from linger._logging import logger
from linger._validate import preview
from linger.io._prior import Precision, Prior, PriorTables, PriorWriter, Round

_CHROMOSOMES: Final = [f"chr{number}" for number in (*range(1, 23), "X")]
_BLOCK: Final = 64
_H1, _H2 = 64, 16
_LAYERS: Final = ("fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias", "fc3.weight", "fc3.bias")
_NAME: Final = r"^(?P<chrom>[^:_-]+)[:_-](?P<start>\d+)[:_-](?P<end>\d+)$"


class _Gene(NamedTuple):
    """One gene of the folder: where its network is, and what its inputs are."""

    symbol: str
    place: int
    """Which of the chromosome's networks."""
    tfs: np.ndarray
    peaks: np.ndarray


def read_lingergrn_prior(
    path: str | Path,
    *,
    genome: Literal["hg38", "hg19"] = "hg38",
    activation: Literal["relu", "sigmoid", "tanh"] = "relu",
    n_samples: int = 201,
    output: str | Path | None = None,
    precision: Precision = "float32",
) -> Prior:
    """Read the networks and Fisher information that the authors of LINGER published (folder ``data_bulk``).

    Files: ``TFName.txt`` and ``all_hg19.txt`` (a TF, a peak a line); ``hg38_hg19_pair.bed``; and for every chromosome
    ``chrN_gene.txt``, ``chrN_index.txt`` (column 3 the gene's TFs), ``chrN_index_all.txt`` (column 1 its peaks), ``all_models_chrN.pt``
    and ``fisher_chrN.pt``. The ``.pt`` files are read with ``weights_only=True``, so that nothing in them is executed.

    Parameters
    ----------
    path
        The folder.
    genome
        Build the peaks should be of: ``"hg38"`` through ``hg38_hg19_pair.bed`` (peaks without a partner there are not matched), or
        ``"hg19"`` as they are.
    activation
        Non-linearity the networks were trained with.
    n_samples
        Bulk samples behind them (Yuan & Duren 2024: 201), by which a further round of pre-training weighs them.
    output
        Folder to write the converted prior to; None makes a temporary one that lives as long as the object.
    precision
        ``"float16"`` halves the size.

    Returns
    -------
    The prior. Moments of the bulk data are not in the folder: every TF and peak counts as varying.

    Raises
    ------
    FileNotFoundError
        If the folder has no chromosome, or a file is missing.
    ValueError
        If a file holds anything but tensors, or networks do not fit their indices; the file is named.

    Notes
    -----
    TFs and peaks are counted from 0 where an index is 0 anywhere in the folder, from 1 where one equals their number, and from 0
    otherwise. Memory: the models and Fisher information of one chromosome.
    """
    folder = Path(path)
    chromosomes = [name for name in _CHROMOSOMES if (folder / f"{name}_gene.txt").is_file()]
    if not chromosomes:
        msg = f"{folder} has no chr1_gene.txt ... chrX_gene.txt; it is not the folder data_bulk of LingerGRN."
        raise FileNotFoundError(msg)
    tfs = pd.Index(_lines(folder / "TFName.txt"), dtype=object)
    if not tfs.is_unique:
        msg = f"{folder / 'TFName.txt'} holds names twice: {preview(tfs[tfs.duplicated()])}."
        raise ValueError(msg)
    peaks = _peaks(folder, genome)
    genes = _first_of_each({name: _genes(folder, name) for name in chromosomes})
    genes = _count_from_zero(genes, len(tfs), len(peaks))
    tables = _tables(genes, tfs, peaks, genome, activation, n_samples)
    prior = Prior.make(output, partial(_write, folder, genes, tables, precision))
    logger.info("Read %d genes of %d chromosomes from %s.", len(prior.genes), len(chromosomes), folder)
    return prior


def _write(
    folder: Path, genes: dict[str, list[_Gene]], tables: PriorTables, precision: Precision, target: str | Path
) -> None:
    """Convert the networks of all chromosomes."""
    done = 0
    with PriorWriter(target, precision=precision) as writer:
        for chromosome, listed in genes.items():
            for block in _blocks(folder, chromosome, listed, len(tables.tfs)):
                writer.add_block(block, np.arange(done, done + len(block["fisher_mean"])))
                done += len(block["fisher_mean"])
        writer.finish(tables)


def _lines(path: Path) -> list[str]:
    """Return the first column of a file."""
    if not path.is_file():
        msg = f"{path} is missing."
        raise FileNotFoundError(msg)
    return pd.read_csv(path, sep="\t", header=None, dtype=str, keep_default_na=False)[0].tolist()


def _peaks(folder: Path, genome: str) -> pd.DataFrame:
    """Return chrom, start, end of the peaks in the wanted build; missing where they have no place there."""
    names = pd.Series(_lines(folder / "all_hg19.txt"))
    found = names.str.extract(_NAME)
    if found.isna().any(axis=None):
        msg = f"{folder / 'all_hg19.txt'} holds lines that are no peaks, such as {names[found.isna().any(axis=1)].iloc[0]!r}."
        raise ValueError(msg)
    hg19 = found.astype({START: np.int64, END: np.int64})
    if genome == "hg19":
        return hg19
    if genome != "hg38":
        msg = f"genome must be 'hg38' or 'hg19', found {genome!r}."
        raise ValueError(msg)
    path = folder / "hg38_hg19_pair.bed"
    _lines(path)
    pairs = pd.read_csv(path, sep="\t", header=None).iloc[:, :6]
    if pairs.shape[1] != 6:
        msg = f"{path} has {pairs.shape[1]} columns; chrom, start, end in hg38 and then in hg19 are needed."
        raise ValueError(msg)
    pairs.columns = ["chrom38", "start38", "end38", CHROM, START, END]
    pairs = pairs.drop_duplicates([CHROM, START, END])
    lifted = hg19.merge(pairs, on=[CHROM, START, END], how="left")[["chrom38", "start38", "end38"]]
    lost = lifted["chrom38"].isna()
    logger.info("%d of %d peaks have a partner in hg38.", int((~lost).sum()), len(lost))
    if lost.all():
        msg = f"{path} has a partner for none of the peaks in all_hg19.txt."
        raise ValueError(msg)
    # an interval on no chromosome overlaps nothing
    lifted = lifted.fillna({"chrom38": "", "start38": 0, "end38": 1}).astype({"start38": np.int64, "end38": np.int64})
    return lifted.set_axis([CHROM, START, END], axis=1)


def _genes(folder: Path, chromosome: str) -> list[_Gene]:
    symbols = _lines(folder / f"{chromosome}_gene.txt")
    path = folder / f"{chromosome}_index.txt"
    _lines(path)
    tfs = pd.read_csv(path, sep="\t", header=None, dtype=str, keep_default_na=False)
    peaks = _lines(folder / f"{chromosome}_index_all.txt")
    if tfs.shape[1] < 4 or not len(symbols) == len(tfs) == len(peaks):
        msg = f"{chromosome}_gene.txt, {path.name} (four columns) and {chromosome}_index_all.txt of {folder} must have a line a gene."
        raise ValueError(msg)
    rows = zip(symbols, tfs[2], tfs[3], peaks, strict=True)
    found = []
    for index, (symbol, tf, size, peak) in enumerate(rows):
        gene = _Gene(symbol, index, _indices(tf, path), _indices(peak, path))
        if size and int(float(size)) != len(gene.tfs) + len(gene.peaks):
            msg = f"{path} gives {symbol} {size} inputs, but it has {len(gene.tfs)} TFs and {len(gene.peaks)} peaks."
            raise ValueError(msg)
        found.append(gene)
    return found


def _indices(text: str, path: Path) -> np.ndarray:
    if text in ("", "nan"):
        return np.zeros(0, dtype=np.int64)
    try:
        return np.array([int(part.removesuffix(".0")) for part in text.split("_")], dtype=np.int64)
    except ValueError as error:
        msg = f"{path}: {text[:40]!r} is no list of indices joined by '_'."
        raise ValueError(msg) from error


def _first_of_each(genes: dict[str, list[_Gene]]) -> dict[str, list[_Gene]]:
    """Keep the first of genes that share a symbol."""
    symbols = pd.Index([gene.symbol for listed in genes.values() for gene in listed])
    first = iter(~symbols.duplicated())
    return {name: [gene for gene in listed if next(first)] for name, listed in genes.items()}


def _count_from_zero(genes: dict[str, list[_Gene]], n_tfs: int, n_peaks: int) -> dict[str, list[_Gene]]:
    sizes = {"tfs": n_tfs, "peaks": n_peaks}
    used = {
        part: np.concatenate([getattr(gene, part) for listed in genes.values() for gene in listed]) for part in sizes
    }
    lowest = min((int(indices.min()) for indices in used.values() if len(indices)), default=0)
    first = int(lowest > 0 and any(n in indices for n, indices in zip(sizes.values(), used.values(), strict=True)))
    for part, indices in used.items():
        if len(indices) and not first <= indices.min() <= indices.max() < sizes[part] + first:
            msg = f"The folder's indices of {part} reach from {indices.min()} to {indices.max()}, but there are {sizes[part]} of them."
            raise ValueError(msg)
    return {
        name: [gene._replace(tfs=gene.tfs - first, peaks=gene.peaks - first) for gene in listed]
        for name, listed in genes.items()
    }


def _load(path: Path) -> Any:
    """Read tensors, and refuse anything that could be a program."""
    if not path.is_file():
        msg = f"{path} is missing."
        raise FileNotFoundError(msg)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file fails in many ways, none of which names it
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        msg = (
            f"{path} is refused: it is damaged, or holds more than tensors, which only running it as a program could read "
            f"({reason}). Where you trust it, save its state dicts with torch.save."
        )
        raise ValueError(msg) from error


def _blocks(folder: Path, chromosome: str, genes: list[_Gene], n_tfs: int) -> Iterator[dict[str, np.ndarray]]:
    """Yield the networks of a chromosome in blocks, laid out as in a prior."""
    files = [folder / f"{name}_{chromosome}.pt" for name in ("all_models", "fisher")]
    models, fishers = (_load(path) for path in files)
    for start in range(0, len(genes), _BLOCK):
        block = genes[start : start + _BLOCK]
        yield _block([_network(gene, models, fishers, files) for gene in block], block, n_tfs)


def _network(gene: _Gene, models: Any, fishers: Any, files: list[Path]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the layers of one gene and its Fisher information, checked."""
    where = f"{files[0]} and {files[1].name}: gene {gene.place} ({gene.symbol})"
    try:
        layers = {name: models[gene.place][name].detach().float().numpy() for name in _LAYERS}
        fisher = fishers[gene.place][0].detach().float().numpy()
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        msg = f"{where} lacks a network with fc1, fc2, fc3 or Fisher information."
        raise ValueError(msg) from error
    n_inputs = len(gene.tfs) + len(gene.peaks)
    expected = [(_H1, n_inputs), (_H1,), (_H2, _H1), (_H2,), (1, _H2), (1,), (_H1, n_inputs)]
    found = [values.shape for values in (*layers.values(), fisher)]
    if found != expected:
        msg = f"{where} has arrays of shapes {found}; for its {n_inputs} inputs they should be {expected}."
        raise ValueError(msg)
    if not all(np.isfinite(values).all() for values in layers.values()) or not (fisher >= 0).all():
        msg = f"{where} has weights that are not finite, or Fisher information that is missing or negative."
        raise ValueError(msg)
    return layers, fisher


def _block(
    networks: list[tuple[dict[str, np.ndarray], np.ndarray]], genes: list[_Gene], n_tfs: int
) -> dict[str, np.ndarray]:
    n, width = len(genes), 1 + max(len(gene.peaks) for gene in genes)
    arrays = {name: np.zeros((n, _H1, n_tfs), np.float32) for name in ("tf", "tf_fisher")}
    arrays |= {name: np.zeros((n, _H1, width), np.float32) for name in ("re", "re_fisher")}
    mean = np.zeros(n)
    for row, (gene, (layers, fisher)) in enumerate(zip(genes, networks, strict=True)):
        k, order = len(gene.tfs), np.argsort(gene.peaks, kind="stable")
        mean[row] = fisher.mean(dtype=np.float64) if fisher.size else 0
        scaled = fisher / mean[row] if mean[row] > 0 else fisher
        for name, values in (("tf", layers["fc1.weight"]), ("tf_fisher", scaled)):
            arrays[name][row][:, gene.tfs] = values[:, :k]
        for name, values in (("re", layers["fc1.weight"]), ("re_fisher", scaled)):
            arrays[name][row][:, 1 : len(order) + 1] = values[:, k:][:, order]
        arrays["re"][row][:, 0] = layers["fc1.bias"]
    stacked = {
        name: np.stack([layers[key] for layers, _ in networks])
        for name, key in (("w2", "fc2.weight"), ("w3", "fc3.weight"))
    }
    stacked |= {
        name: np.stack([layers[key] for layers, _ in networks])[:, :, None]
        for name, key in (("b2", "fc2.bias"), ("b3", "fc3.bias"))
    }
    stacked["b2"] = stacked["b2"].reshape(n, _H2, 1)
    return {**arrays, **stacked, "fisher_mean": mean}


def _tables(
    genes: dict[str, list[_Gene]], tfs: pd.Index, peaks: pd.DataFrame, genome: str, activation: str, n_samples: int
) -> PriorTables:
    listed = [gene for part in genes.values() for gene in part]
    indices = np.concatenate([np.sort(gene.peaks) for gene in listed])
    indptr = np.concatenate([[0], np.cumsum([len(gene.peaks) for gene in listed])])
    links = sparse.csr_matrix((np.ones(len(indices), np.float32), indices, indptr), (len(listed), len(peaks)))
    entry = Round(n_samples, len(listed), {}, "LingerGRN data_bulk (Yuan & Duren 2024)")
    symbols = pd.Index([gene.symbol for gene in listed], dtype=object)
    return PriorTables(symbols, tfs, peaks, links, {}, genome, (_H1, _H2), activation, [entry])
