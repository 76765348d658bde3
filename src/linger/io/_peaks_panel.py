"""Peaks x samples openness from one peak file a sample."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from linger._keys import CHROM, END, START
from linger._logging import logger
from linger._validate import preview

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
    samples = {name: _read_intervals(Path(path), value) for name, path in _by_sample(files).items()}
    located = _merged(samples) if peaks is None else _given(peaks)
    rows = [_openness(sample, located) for sample in samples.values()]
    X = sparse.csr_matrix(np.stack(rows))
    kept = X.getnnz(axis=0) >= min_samples
    if not kept.any():
        msg = f"No peak is found in {min_samples} samples. Lower min_samples."
        raise ValueError(msg)
    logger.info("%d samples, %d peaks in at least %d of them.", len(samples), kept.sum(), min_samples)
    return _assemble(X[:, kept], list(samples), located[kept])


def _by_sample(files: str | Path | Mapping[str, str | Path]) -> Mapping[str, str | Path]:
    if isinstance(files, Mapping):
        return files
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


def _read_intervals(path: Path, value: str) -> pd.DataFrame:
    """Return chrom, start, end and value of every line."""
    if not path.is_file():
        msg = f"There is no file {path}."
        raise FileNotFoundError(msg)
    # names for twelve columns, the most that BED has: else a header line would set their number
    table = pd.read_csv(path, sep="\t", header=None, names=list(range(12)), index_col=False, dtype=str, comment="#")
    table = table[~table[0].str.startswith(("track", "browser"))].dropna(axis=1, how="all")
    column = _COLUMNS.get(value)
    if column is not None and column >= table.shape[1]:
        msg = f"{path} has {table.shape[1]} columns, and value={value!r} is column {column + 1}. Use value='binary'."
        raise ValueError(msg)
    if table.shape[1] < 3:
        msg = f"{path} has {table.shape[1]} columns separated by tabs; chrom, start and end are needed."
        raise ValueError(msg)
    values = "1" if column is None else table[column]
    frame = pd.DataFrame({CHROM: table[0], START: table[1], END: table[2], "value": values})
    for name in (START, END, "value"):
        frame[name] = pd.to_numeric(frame[name], errors="coerce")
    bad = frame.isna().any(axis=1) | (frame[START] < 0) | (frame[END] <= frame[START]) | (frame["value"] < 0)
    if bad.any():
        msg = f"{int(bad.sum())} lines of {path} do not parse, the first is line {int(np.flatnonzero(bad)[0]) + 1}."
        raise ValueError(msg)
    return frame.astype({START: np.int64, END: np.int64, "value": np.float32})


def _merged(samples: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    import bioframe

    union = bioframe.merge(pd.concat([sample[[CHROM, START, END]] for sample in samples.values()]), min_dist=None)
    return union[[CHROM, START, END]].sort_values([CHROM, START]).reset_index(drop=True)


def _given(peaks: str | Path | pd.DataFrame) -> pd.DataFrame:
    frame = peaks if isinstance(peaks, pd.DataFrame) else _read_intervals(Path(peaks), "binary")
    return frame[[CHROM, START, END]].drop_duplicates().sort_values([CHROM, START, END]).reset_index(drop=True)


def _openness(sample: pd.DataFrame, located: pd.DataFrame) -> np.ndarray:
    """Return the largest value of the sample's peaks that overlap each peak."""
    import bioframe

    pairs = bioframe.overlap(located, sample, how="inner", return_index=True, suffixes=("", "_"))
    values = np.zeros(len(located), dtype=np.float32)
    np.maximum.at(values, pairs["index"].to_numpy(np.int64), pairs["value_"].to_numpy(np.float32))
    return values


def _assemble(X: sparse.csr_matrix, samples: list[str], located: pd.DataFrame) -> AnnData:
    from anndata import AnnData

    names = located[CHROM].astype(str) + ":" + located[START].astype(str) + "-" + located[END].astype(str)
    return AnnData(X, obs=pd.DataFrame(index=samples), var=located.set_axis(pd.Index(names, name=None), axis=0))
