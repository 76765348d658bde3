"""Regions with a known effect on a gene: eQTL, CRISPR interference, promoter-capture Hi-C with named baits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from linger._columns import find_columns, read_table
from linger._docs import docs
from linger._keys import CHROM, END, START
from linger._logging import logger
from linger.bm.truth._intervals import data_peaks, in_build, overlapping, refuse_nothing
from linger.bm.truth._match import match

if TYPE_CHECKING:
    from mudata import MuData

# generic, ENCODE's CRISPR benchmark, GTEx and the eQTL catalogue, eQTLGen, CHiCAGO's peak matrix
_NAMES: Final = {
    CHROM: ("chrom", "chr", "#chrom", "chromosome", "snpchr", "oechr", "variant_chr"),
    START: (START, "chromstart", "oestart"),
    END: (END, "chromend", "oeend"),
    "pos": ("pos", "position", "snppos", "variant_pos", "bp"),
    "variant": ("variant_id", "variant"),
    "target": ("target", "gene", "measuredgenesymbol", "genesymbol", "gene_symbol", "baitname", "gene_name", "gene_id", "molecular_trait_id"),
    "label": ("label", "regulated", "significant"),
}  # fmt: skip
_VARIANT: Final = r"^(?:chr)?(?P<chrom>\w+?)[_:](?P<pos>\d+)[_:]"


@docs.dedent
def peak_genes(
    mdata: MuData,
    table: str | Path | pd.DataFrame,
    *,
    chain: str | Path | None = None,
    rna_key: str = "rna",
    atac_key: str = "atac",
) -> pd.DataFrame:
    """Find peaks that hold a variant, or overlap a region, with a known effect on a gene: truth for the cis network.

    Parameters
    ----------
    %(mdata)s
    table
        One row a region and gene; a frame or a file. Regions are columns chrom, start, end (from 0, half-open), positions of variants
        (from 1) columns chrom, pos, or ids such as ``chr1_64764_C_T_b38``; genes are symbols or Ensembl ids, several separated by
        ``;``. Column names of eQTL tables (GTEx, eQTL catalogue, eQTLGen), of ENCODE's CRISPR benchmark and of CHiCAGO's peak matrices (baits and
        other ends) are known.
    chain
        Chain file from the build of the table to that of the data, where they differ.
    %(keys)s

    Returns
    -------
    Columns source (peak), target (gene, as the data call it) and, where the table says which pairs were tested without effect (a
    column label, Regulated or Significant), ``label``: whether there is an effect in any row of the pair. True edges are those with
    ``label``; all are the universe to rank (``lg.bm.evaluate(scores, tested[tested["label"]], universe=tested)``).

    Raises
    ------
    FileNotFoundError, KeyError, ValueError
        If a file or columns are missing, or no pair is in the data.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> peak, gene = mdata["atac"].var.iloc[0], mdata["rna"].var_names[3]
    >>> eqtl = pd.DataFrame({"chrom": [peak["chrom"]], "pos": [peak["start"] + 1], "gene": [gene]})
    >>> lg.bm.truth.peak_genes(mdata, eqtl)["target"].tolist() == [gene]
    True
    """
    found = find_columns(read_table(table), _NAMES, required=["target"], what="regions and genes")
    found = _located(found).dropna(subset=[name for name in ("target", "label") if name in found])
    found = found.assign(target=found["target"].astype(str).str.split(";")).explode("target", ignore_index=True)
    regions = in_build(found, chain)
    peaks = data_peaks(mdata, atac_key)
    at, which = overlapping(peaks, regions)
    logger.info("%d of %d regions overlap a peak.", len(np.unique(which)), len(regions))
    pairs = pd.DataFrame(
        {"source": peaks["name"].to_numpy()[at], "target": regions["target"].str.strip().to_numpy()[which]}
    )
    if "label" in regions:
        pairs["label"] = _as_bool(regions["label"]).to_numpy()[which]
    pairs = refuse_nothing(pairs, "No peak of the data overlaps a region of the table.")
    return match(mdata, pairs, columns=["target"], rna_key=rna_key)


def _located(found: pd.DataFrame) -> pd.DataFrame:
    """Return the table with chrom, start, end, whichever way places are given."""
    if {CHROM, START, END} <= set(found):
        return found
    if {CHROM, "pos"} <= set(found):
        place = found[[CHROM, "pos"]]
    elif "variant" in found:
        place = found["variant"].astype(str).str.extract(_VARIANT)
    else:
        msg = "The table says nowhere where its regions lie. Name columns chrom, start, end, or chrom, pos, or variant_id."
        raise KeyError(msg)
    pos = pd.to_numeric(place["pos"], errors="coerce")
    return found.assign(**{CHROM: place[CHROM], START: pos - 1, END: pos})


def _as_bool(label: pd.Series) -> pd.Series:
    text = label.astype(str).str.strip().str.lower().str.removesuffix(".0")
    known = {"true": True, "1": True, "false": False, "0": False}
    if not text.isin(known).all():
        msg = f"The labels of pairs must be true or false (or 1 or 0), found {sorted(set(text) - set(known))[:3]}."
        raise ValueError(msg)
    return pd.Series(np.array([known[value] for value in text], dtype=bool), index=label.index)
