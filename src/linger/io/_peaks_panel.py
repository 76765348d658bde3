"""Peaks x samples openness from one peak file a sample."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from linger._keys import CHROM, END, START
from linger._logging import logger
from linger._validate import columns, preview

if TYPE_CHECKING:
    from anndata import AnnData

_COLUMNS: Final = {"signal": 6, "score": 4}
_SUFFIXES: Final = (".narrowPeak", ".narrowpeak", ".bed")


def read_peaks_panel(
    files: str | Path | Mapping[str, str | Path],
    *,
    peaks: str | Path | pd.DataFrame | None = None,
    value: Literal["signal", "score", "binary"] = "signal",
    min_samples: int = 1,
) -> AnnData:
    r"""Read peak calls of bulk samples (ATAC, DNase) as a samples x peaks matrix of openness.

    Overlapping peaks of all samples are merged into one; the openness of a sample there is the largest value among its own peaks
    that overlap it, 0 where it has none.

    Parameters
    ----------
    files
        narrowPeak or BED files (plain or gzipped) by name of the sample, or a folder of them; a sample is then named as its file, less
        the suffix and ``_peaks``.
    peaks
        Peaks to measure in place of the merged ones: a BED file or a frame with columns chrom, start, end.
    value
        ``"signal"``: column 7 of narrowPeak, fold enrichment. ``"score"``: column 5. ``"binary"``: 1 wherever there is a peak.
    min_samples
        Keep peaks found in at least so many samples.

    Returns
    -------
    AnnData, samples x peaks, ``X`` CSR float32, ``var`` with chrom, start, end (from 0, half-open), peaks in genomic order, named
    ``chrom:start-end``. :func:`linger.tl.pretrain` normalises the values.

    Raises
    ------
    FileNotFoundError
        If a file is missing, or the folder holds none.
    ValueError
        If a file does not parse or lacks the column, or no peak is left.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp())
    >>> _ = (folder / "liver.bed").write_text("chr1\t100\t200\nchr1\t900\t950\n")
    >>> _ = (folder / "blood.bed").write_text("chr1\t150\t300\n")
    >>> panel = read_peaks_panel(folder, value="binary")
    >>> panel.var_names.tolist()
    ['chr1:100-300', 'chr1:900-950']
    >>> panel.X.toarray().tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    if value not in ("signal", "score", "binary"):
        msg = f"value must be 'signal', 'score' or 'binary', found {value!r}."
        raise ValueError(msg)
    samples = {name: read_intervals(Path(path), value) for name, path in _by_sample(files).items()}
    located = _merged(samples) if peaks is None else _given(peaks)
    X = sparse.csr_matrix(sparse.vstack([_openness(sample, located) for sample in samples.values()]))
    kept = X.getnnz(axis=0) >= min_samples
    if not kept.any():
        msg = f"No peak is found in {min_samples} samples. Lower min_samples."
        raise ValueError(msg)
    logger.info("%d samples, %d peaks in at least %d of them.", len(samples), kept.sum(), min_samples)
    return _assemble(X[:, kept], list(samples), located[kept])


def _by_sample(files: str | Path | Mapping[str, str | Path]) -> Mapping[str, str | Path]:
    if isinstance(files, Mapping):
        return files
    if not isinstance(files, (str, os.PathLike)):
        msg = f"files must be a folder, or files by name of the sample ({{'liver': 'liver.bed'}}), found {type(files).__name__}."
        raise TypeError(msg)
    folder = Path(files)
    found = sorted(path for path in folder.glob("*") if path.name.removesuffix(".gz").endswith(_SUFFIXES))
    if not found:
        msg = f"There is no narrowPeak or BED file in {folder}. Give a folder of them, or files by sample."
        raise FileNotFoundError(msg)
    names = [path.name.removesuffix(".gz").rsplit(".", 1)[0].removesuffix("_peaks") for path in found]
    repeated = pd.Index(names)[pd.Index(names).duplicated()]
    if len(repeated):
        msg = f"Several files of {folder} are of the same sample: {preview(repeated)}. Give files by sample."
        raise ValueError(msg)
    return dict(zip(names, found, strict=True))


def read_intervals(path: Path, value: str) -> pd.DataFrame:
    """Return chrom, start, end and value of every line."""
    if not path.is_file():
        msg = f"There is no file {path}."
        raise FileNotFoundError(msg)
    try:
        # names for twelve columns, the most that BED has: else a header line would set their number
        table = pd.read_csv(
            path, sep="\t", header=None, names=list(range(12)), index_col=False, dtype=str, quoting=csv.QUOTE_NONE,
            keep_default_na=False, na_values=[""],
        )  # fmt: skip
    except pd.errors.EmptyDataError:
        table = pd.DataFrame(columns=range(12), dtype=str)
    except (OSError, EOFError, ValueError) as error:
        msg = f"{path} cannot be read as a table: {error}"
        raise ValueError(msg) from error
    table = table[~table[0].str.contains(r"^(?:#|track\s|browser\s|track$|browser$)", na=False)]
    return _checked(table, _COLUMNS.get(value), value, path)


def _checked(table: pd.DataFrame, column: int | None, value: str, path: Path) -> pd.DataFrame:
    """Return chrom, start, end and value as numbers, or raise naming the file and the first line that is wrong."""
    if len(table) and table[2].isna().all():
        msg = f"{path} has fewer than three columns separated by tabs; chrom, start and end are needed."
        raise ValueError(msg)
    if len(table) and column is not None and table[column].isna().all():
        msg = f"{path} has no column {column + 1}, which value={value!r} is. Use value='binary'."
        raise ValueError(msg)
    frame = pd.DataFrame({CHROM: table[0], START: table[1], END: table[2]})
    frame["value"] = "1" if column is None else table[column]
    for name in (START, END, "value"):
        frame[name] = pd.to_numeric(frame[name], errors="coerce")
    bad = frame.isna().any(axis=1) | (frame[START] < 0) | (frame[END] <= frame[START])
    if bad.any():
        line = table.index[bad.to_numpy()][0]
        msg = f"{int(bad.sum())} lines of {path} do not parse, the first of them ({line + 1} but for blank lines): {' '.join(table.loc[line].dropna())!r}."
        raise ValueError(msg)
    if (frame["value"] < 0).any():
        msg = f"{path} has negative numbers in column {(column or 0) + 1}, as callers write where they have none. Use value='binary' or 'score'."
        raise ValueError(msg)
    return frame.astype({START: np.int64, END: np.int64, "value": np.float32})


def _merged(samples: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    import bioframe

    everything = pd.concat([sample[[CHROM, START, END]] for sample in samples.values()], ignore_index=True)
    if everything.empty:
        msg = "None of the files holds a peak."
        raise ValueError(msg)
    union = bioframe.merge(everything, min_dist=None)
    return union[[CHROM, START, END]].sort_values([CHROM, START]).reset_index(drop=True)


def _given(peaks: str | Path | pd.DataFrame) -> pd.DataFrame:
    if isinstance(peaks, pd.DataFrame):
        columns(peaks, [CHROM, START, END], "peaks", "peaks.rename(columns=...)")
        table = peaks[[CHROM, START, END]].reset_index(drop=True).set_axis(range(3), axis=1)
        frame = _checked(table.astype(str), None, "binary", Path("peaks"))
    else:
        frame = read_intervals(Path(peaks), "binary")
    return frame[[CHROM, START, END]].drop_duplicates().sort_values([CHROM, START, END]).reset_index(drop=True)


def _openness(sample: pd.DataFrame, located: pd.DataFrame) -> sparse.csr_matrix:
    """Return the largest value of the sample's peaks that overlap each peak, 1 x peaks."""
    import bioframe

    pairs = bioframe.overlap(located, sample, how="inner", return_index=True, suffixes=("", "_"))
    largest = pairs.groupby("index")["value_"].max()
    entries = (largest.to_numpy(np.float32), (np.zeros(len(largest), int), largest.index.to_numpy(np.int64)))
    return sparse.csr_matrix(entries, shape=(1, len(located)))


def _assemble(X: sparse.csr_matrix, samples: list[str], located: pd.DataFrame) -> AnnData:
    from anndata import AnnData

    names = located[CHROM].astype(str) + ":" + located[START].astype(str) + "-" + located[END].astype(str)
    return AnnData(X, obs=pd.DataFrame(index=samples), var=located.set_axis(pd.Index(names, name=None), axis=0))
