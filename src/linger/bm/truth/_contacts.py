"""Peaks and start sites that touch in (promoter-capture) Hi-C."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from linger._columns import find_columns, read_table
from linger._docs import docs
from linger._keys import CHROM, END, START, TSS
from linger._snps import chromosome_names
from linger._validate import columns, modality
from linger.bm.truth._intervals import data_peaks, in_build, overlapping, refuse_nothing

if TYPE_CHECKING:
    from mudata import MuData

# BEDPE of loop callers, and baits and other ends of CHiCAGO
_ENDS: Final = (
    {CHROM: ("chrom1", "chr1", "#chr1", "baitchr", "bait_chr"), START: ("start1", "x1", "baitstart", "bait_start"), END: ("end1", "x2", "baitend", "bait_end")},
    {CHROM: ("chrom2", "chr2", "oechr", "otherend_chr"), START: ("start2", "y1", "oestart", "otherend_start"), END: ("end2", "y2", "oeend", "otherend_end")},
)  # fmt: skip


@docs.dedent
def contacts(
    mdata: MuData,
    loops: str | Path | pd.DataFrame,
    *,
    chain: str | Path | None = None,
    rna_key: str = "rna",
    atac_key: str = "atac",
) -> pd.DataFrame:
    """Find peaks in one end of a chromatin loop whose other end holds the start site of a gene: truth for the cis network.

    Parameters
    ----------
    %(mdata)s Genes must be located (:func:`linger.pp.annotate_genes`).
    loops
        One row a loop, as BEDPE (chrom1, start1, end1, chrom2, start2, end2, from 0, half-open) or as baits and other ends of CHiCAGO; a
        frame or a file with a header.
    chain
        Chain file from the build of the loops to that of the data, where they differ.
    %(keys)s

    Returns
    -------
    Columns source (peak), target (gene), one row a pair, sorted by name.

    Raises
    ------
    FileNotFoundError, KeyError, ValueError
        If a file or columns are missing, genes are not located, or no loop joins a peak and a gene.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> gene, peak = mdata["rna"].var.iloc[3], mdata["atac"].var.iloc[0]
    >>> loop = {"chrom1": gene["chrom"], "start1": gene["tss"] - 500, "end1": gene["tss"] + 500}
    >>> loop |= {"chrom2": peak["chrom"], "start2": peak["start"], "end2": peak["end"]}
    >>> bool(lg.bm.truth.contacts(mdata, pd.DataFrame([loop]))["target"].eq(gene.name).any())
    True
    """
    var = modality(mdata, rna_key).var
    columns(var, [CHROM, TSS], f"{rna_key}.var", "lg.pp.annotate_genes(mdata, annotation=...)")
    table = read_table(loops).reset_index(drop=True)
    ends = [find_columns(table, names, required=list(names), what="loops").assign(loop=table.index) for names in _ENDS]
    ends = [in_build(end, chain) for end in ends]
    located = var[[CHROM, TSS]].dropna()
    tss = located[TSS].astype(np.int64).to_numpy()
    # a start site lies between bases; the base after it stands for it
    chrom = chromosome_names(located[CHROM]).to_numpy()
    genes = pd.DataFrame({CHROM: chrom, START: tss, END: tss + 1, "name": located.index})
    peaks, parts = data_peaks(mdata, atac_key), []
    for here, there in (ends, ends[::-1]):
        parts.append(_in_loops(peaks, here, "source").merge(_in_loops(genes, there, "target"), on="loop"))
    found = pd.concat(parts, ignore_index=True)[["source", "target"]]
    return refuse_nothing(found, "No loop joins a peak and a start site.")


def _in_loops(features: pd.DataFrame, ends: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return which features lie in the ends of which loops."""
    at, which = overlapping(features, ends)
    return pd.DataFrame({name: features["name"].to_numpy()[at], "loop": ends["loop"].to_numpy()[which]})
