"""Regions of a truth set, found among the peaks of the data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from linger._keys import CHROM, END, START
from linger._liftover import lift_intervals
from linger._logging import logger
from linger._snps import chromosome_names
from linger._validate import modality, parse_peaks

if TYPE_CHECKING:
    from mudata import MuData


def data_peaks(mdata: MuData, atac_key: str) -> pd.DataFrame:
    """Return chrom, start, end and name of every peak, chromosomes spelled as "chr1"."""
    peaks = parse_peaks(modality(mdata, atac_key))
    return peaks.assign(name=peaks.index, **{CHROM: chromosome_names(peaks[CHROM])}).reset_index(drop=True)


def in_build(regions: pd.DataFrame, chain: str | Path | None) -> pd.DataFrame:
    """Return regions in the build of the data; those that do not parse or have no place there are left out."""
    numbers = regions[[START, END]].apply(pd.to_numeric, errors="coerce")
    good = (
        regions[CHROM].notna() & numbers.notna().all(axis=1) & (numbers[START] >= 0) & (numbers[END] > numbers[START])
    )
    placed = regions[good].assign(
        **numbers[good].astype(np.int64), **{CHROM: chromosome_names(regions.loc[good, CHROM])}
    )
    if chain is not None:
        lifted = lift_intervals(placed[[CHROM, START, END]], chain)
        placed = placed.assign(**lifted)[lifted[CHROM].notna()].astype({START: np.int64, END: np.int64})
    if len(placed) < len(regions):
        logger.info("%d of %d regions have no place in the data's genome.", len(regions) - len(placed), len(regions))
    if placed.empty:
        msg = f"None of {len(regions)} regions has a place in the data's genome."
        raise ValueError(msg)
    return placed.reset_index(drop=True)


def overlapping(peaks: pd.DataFrame, regions: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return which peaks (rows) overlap which regions (rows) by a base or more."""
    import bioframe

    found = bioframe.overlap(
        peaks[[CHROM, START, END]], regions[[CHROM, START, END]], how="inner", return_index=True, suffixes=("", "_")
    )
    return found["index"].to_numpy(np.int64), found["index_"].to_numpy(np.int64)


def refuse_nothing(table: pd.DataFrame, what: str) -> pd.DataFrame:
    """Return the pairs sorted and once, or raise if there are none."""
    if table.empty:
        msg = f"{what} Are regions and peaks of the same genome build (chain=), and names of the same kind?"
        raise ValueError(msg)
    return table.drop_duplicates().sort_values(["source", "target"], ignore_index=True)
