"""Peaks bound by TFs in ChIP-seq."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from linger._docs import docs
from linger._keys import CHROM, END, START
from linger._validate import columns
from linger.bm.truth._intervals import data_peaks, in_build, overlapping, refuse_nothing
from linger.io._peaks_panel import read_intervals

if TYPE_CHECKING:
    from mudata import MuData


@docs.dedent
def tf_peaks(
    mdata: MuData,
    experiments: Mapping[str, str | Path | pd.DataFrame],
    *,
    chain: str | Path | None = None,
    atac_key: str = "atac",
) -> pd.DataFrame:
    """Find the peaks of the data that overlap ChIP-seq peaks of TFs: truth for the binding network.

    Parameters
    ----------
    %(mdata)s
    experiments
        By TF, a BED or narrowPeak file (plain or gzipped), or a frame with columns chrom, start, end (from 0, half-open).
    chain
        Chain file from the build of the experiments to that of the data, where they differ.
    %(atac_key)s

    Returns
    -------
    Columns source (TF), target (peak), one row a pair, sorted by name.

    Raises
    ------
    FileNotFoundError, KeyError, ValueError
        If a file is missing or does not parse, or no peak overlaps.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> chip = mdata["atac"].var[["chrom", "start", "end"]].iloc[:2]
    >>> len(lg.bm.truth.tf_peaks(mdata, {"TF1": chip}))
    2
    """
    peaks, parts = data_peaks(mdata, atac_key), []
    for tf, given in experiments.items():
        if isinstance(given, pd.DataFrame):
            columns(given, [CHROM, START, END], f"The peaks of {tf}", "peaks.rename(columns=...)")
            regions = given[[CHROM, START, END]]
        else:
            regions = read_intervals(Path(given).expanduser(), "binary")
        at, _ = overlapping(peaks, in_build(regions, chain))
        parts.append(pd.DataFrame({"source": str(tf), "target": peaks["name"].to_numpy()[at]}))
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["source", "target"])
    return refuse_nothing(found, "No peak of the data overlaps one of the experiments.")
