"""The DNA sequence of every peak, from FASTA or 2bit."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np
import pandas as pd

from linger._keys import CHROM, END, START
from linger._logging import logger
from linger._validate import preview

_LETTERS_ONLY: Final = bytes(ord(chr(i).upper()) if chr(i) in "ACGTacgt" else ord("N") for i in range(256))


class Genome(NamedTuple):
    """Chromosome lengths, and a function (chrom, start, end) -> sequence; 0-based, half-open."""

    lengths: dict[str, int]
    fetch: Callable[[str, int, int], str]
    close: Callable[[], None]


def open_genome(path: str | Path) -> Genome:
    """Open a FASTA (plain or bgzipped) or .2bit file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If py2bit (.2bit) or biopython (bgzipped FASTA) is needed and missing.
    ValueError
        If the file is not indexable FASTA, or is gzipped but not with bgzip.
    """
    path = Path(path)
    if not path.is_file():
        msg = f"No genome file at {path}. Give a FASTA (plain or bgzipped) or .2bit file."
        raise FileNotFoundError(msg)
    return _open_2bit(path) if path.suffix == ".2bit" else _open_fasta(path)


def _open_2bit(path: Path) -> Genome:
    try:
        import py2bit
    except ImportError as error:
        msg = "Reading .2bit needs py2bit: pip install 'linger-multiome[motifs]'."
        raise ImportError(msg) from error
    try:
        file = py2bit.open(str(path))
    except RuntimeError as error:
        msg = f"{path} is no .2bit file, or is damaged: {error}"
        raise ValueError(msg) from error
    return Genome(dict(file.chroms()), file.sequence, file.close)


def _open_fasta(path: Path) -> Genome:
    import pyfaidx

    try:
        fai, gzi = _fasta_index(path)
        file = pyfaidx.Faidx(str(path), indexname=fai, gzi_indexname=gzi, as_raw=True)
    except ImportError as error:
        msg = "Reading bgzipped FASTA needs biopython: pip install biopython."
        raise ImportError(msg) from error
    except pyfaidx.UnsupportedCompressionFormat as error:
        msg = (
            f"{path} is compressed, but not with bgzip, so it cannot be read by position. Do: gunzip it, then bgzip it."
        )
        raise ValueError(msg) from error
    except (pyfaidx.FastaIndexingError, ValueError) as error:  # ValueError: bytes that are no text, a name given twice
        msg = f"{path} cannot be indexed as FASTA: {error}"
        raise ValueError(msg) from error
    lengths = {str(name): int(record.rlen) for name, record in file.index.items()}
    return Genome(lengths, lambda chrom, start, end: str(file.fetch(chrom, start + 1, end)), file.close)


def _fasta_index(path: Path) -> tuple[Path, Path]:
    """Return a current index: the one beside the file, else one in the cache (the file's folder may be read-only)."""
    import pyfaidx

    packed = path.suffix in {".gz", ".bgz"}
    beside = (Path(f"{path}.fai"), Path(f"{path}.gzi"))
    written = path.stat().st_mtime
    if all(index.is_file() and index.stat().st_mtime >= written for index in beside[: 1 + packed]):
        return beside
    identity = f"{path.resolve()}|{path.stat().st_size}|{path.stat().st_mtime_ns}"
    stem = _cache_folder() / hashlib.sha256(identity.encode()).hexdigest()[:32]
    cached = (stem.with_suffix(".fai"), stem.with_suffix(".gzi"))
    if not all(index.is_file() for index in cached[: 1 + packed]):
        logger.info("Indexing %s (once; kept in %s)", path, stem.parent)
        with tempfile.TemporaryDirectory(dir=stem.parent) as folder:  # another process may be building the same
            fresh = (Path(folder) / "fai", Path(folder) / "gzi")
            pyfaidx.Faidx(str(path), indexname=fresh[0], gzi_indexname=fresh[1]).close()
            for new, final in zip(fresh[: 1 + packed], cached, strict=False):
                new.replace(final)
    return cached


def _cache_folder() -> Path:
    """Return a folder that can be written: the user's cache, else a temporary one."""
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "linger" / "fasta"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError):
        return Path(tempfile.mkdtemp(prefix="linger-"))


def locate(peaks: pd.DataFrame, lengths: dict[str, int], missing: Literal["error", "skip"]) -> np.ndarray:
    """Return which peaks the genome covers.

    Parameters
    ----------
    peaks
        Columns chrom, start, end.
    lengths
        Length of each chromosome of the genome.
    missing
        "error" raises where a chromosome is missing, "skip" leaves its peaks out.

    Raises
    ------
    ValueError
        If a chromosome is missing (with "skip": if all are), or shorter than a peak reaches.
    """
    length = peaks[CHROM].map(lengths)
    absent = length.isna().to_numpy()
    if absent.any() and (missing == "error" or absent.all()):
        raise ValueError(_absent_message(peaks[CHROM][absent], list(lengths), len(peaks)))
    beyond = (peaks[END] > length).to_numpy() & ~absent
    if beyond.any():
        first = peaks[beyond].iloc[0]
        msg = (
            f"{int(beyond.sum())} of {len(peaks)} peaks reach beyond the end of their chromosome "
            f"({preview(peaks.index[beyond])}; {first[CHROM]} has {lengths[first[CHROM]]} bp in the genome file). "
            "Give the assembly the peaks were called on."
        )
        raise ValueError(msg)
    if absent.any():
        names = peaks[CHROM][absent].unique()
        logger.info("%d peaks on chromosomes missing from the genome get no hits (%s)", absent.sum(), preview(names))
    return ~absent


def _absent_message(chroms: pd.Series, known: list[str], n_peaks: int) -> str:
    names = chroms.unique()
    found = (
        f"The genome file lacks {len(names)} chromosomes ({preview(names)}) of {len(chroms)} of {n_peaks} peaks; "
        f"it has {preview(known)}."
    )
    have = set(known)
    if any(f"chr{name}" in have for name in names):
        fix = (
            "The file says 'chr1' where the peaks say '1': give a file that says '1' (Ensembl's do, UCSC's do not), or write "
            "atac.var['chrom'] = 'chr' + chrom, with columns start and end, and link peaks again to genes of such chromosomes."
        )
    elif any(name.removeprefix("chr") in have for name in names):
        fix = (
            "The file says '1' where the peaks say 'chr1': write atac.var['chrom'] = chrom.str.removeprefix('chr'), "
            "with columns start and end."
        )
    else:
        fix = (
            "Give the genome the peaks were called on, or missing_chromosomes='skip' to leave these peaks without hits."
        )
    return f"{found} {fix}"


def read_peaks(genome: Genome, peaks: pd.DataFrame, covered: np.ndarray) -> list[bytes]:
    """Return the sequence of every peak in A, C, G, T and N (for anything else), empty where not `covered`."""
    chroms, starts, ends = (peaks[column].to_numpy() for column in (CHROM, START, END))
    sequences = [b""] * len(peaks)
    order = np.lexsort((starts, chroms))  # neighbours share a compressed block
    for i in order[covered[order]].tolist():
        text = genome.fetch(chroms[i], int(starts[i]), int(ends[i]))
        sequences[i] = text.encode("ascii", "replace").translate(_LETTERS_ONLY)
    return sequences


def background(sequences: list[bytes]) -> np.ndarray:
    """Return the frequencies of A, C, G, T over both strands of the sequences, one count added to each letter.

    Raises
    ------
    ValueError
        If there is no A, C, G or T at all.
    """
    counts = np.array(
        [sum(sequence.count(letter) for sequence in sequences) for letter in (b"A", b"C", b"G", b"T")], dtype=float
    )
    if not counts.sum():
        msg = "The genome file has no sequence in any peak: only N. Give the genome the peaks were called on."
        raise ValueError(msg)
    both = counts + counts[::-1] + 2
    return both / both.sum()


def gc_content(sequences: list[bytes]) -> np.ndarray:
    """Return the share of G and C among the letters of every sequence, float32; NaN where there is none."""
    counts = np.array([[s.count(b"G") + s.count(b"C"), s.count(b"A") + s.count(b"T")] for s in sequences], dtype=float)
    total = counts.sum(axis=1)
    return np.divide(counts[:, 0], total, out=np.full(len(total), np.nan), where=total > 0).astype(np.float32)
