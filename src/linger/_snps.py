"""Tables of variants, and the genes around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from linger._columns import find_columns
from linger._keys import CHROM, TSS
from linger._validate import columns

if TYPE_CHECKING:
    from anndata import AnnData

# other names of the columns, lower case: GWAS catalogue, PLINK, summary statistics
_NAMES = {
    CHROM: ("chrom", "chr_id", "chr", "chromosome", "#chrom", "hm_chrom"),
    "pos": ("pos", "chr_pos", "bp", "position", "base_pair_location", "hm_pos"),
    "p_value": ("p_value", "p-value", "p", "pval", "pvalue", "p_val"),
    "snp": ("snp", "snps", "rsid", "variant_id", "hm_rsid", "id"),
}


def read_snps(table: pd.DataFrame, *, scored: bool = True) -> pd.DataFrame:
    """Return columns chrom ("chr1"), pos, p_value and, where it is there, snp; rows without one of the first three are left out.

    Without `scored`, p-values may be missing as a column.

    Raises
    ------
    KeyError
        If chromosome, position or p-value have no column.
    ValueError
        If no row is left, or a p-value is not one.
    """
    wanted = [CHROM, "pos", "p_value"] if scored else [CHROM, "pos"]
    snps = find_columns(table, _NAMES, required=wanted, what="SNPs")
    wanted = [name for name in (CHROM, "pos", "p_value") if name in snps]
    for name in wanted[1:]:
        snps[name] = pd.to_numeric(snps[name], errors="coerce").replace([np.inf, -np.inf], np.nan)
    snps = snps.dropna(subset=wanted).reset_index(drop=True)
    if snps.empty or ("p_value" in snps and not snps["p_value"].between(0, 1).all()):
        msg = (
            f"No SNP has {', '.join(wanted[:-1])} and {wanted[-1]}."
            if snps.empty
            else "p-values of SNPs must lie between 0 and 1."
        )
        raise ValueError(msg)
    snps[CHROM], snps["pos"] = chromosome_names(snps[CHROM]), snps["pos"].astype(np.int64)
    return snps


def chromosome_names(names: pd.Series) -> pd.Series:
    """Return names such as "chr1", "chrX", "chrM" of any spelling: "1", "01", "Chr1", "x", "MT", and the bare codes 23 to 26 of PLINK.

    Examples
    --------
    >>> chromosome_names(pd.Series(["1", "01", " CHR2", "x", "23", "MT", 7.0])).tolist()
    ['chr1', 'chr1', 'chr2', 'chrX', 'chrX', 'chrM', 'chr7']
    """
    text = names.astype(str).str.strip()
    bare = text.str.replace(r"^chr", "", case=False, regex=True).str.removesuffix(".0")
    coded = ~text.str.contains(
        r"^chr", case=False, regex=True
    )  # chr23 is a chromosome of zebrafish, 23 a code of PLINK
    bare = bare.str.replace(r"^0+(?=\d)", "", regex=True)
    bare = bare.where(~bare.str.fullmatch(r"[xymtXYMT]+"), bare.str.upper())
    codes = {"23": "X", "24": "Y", "25": "X", "26": "M"}
    return "chr" + bare.where(~coded, bare.replace(codes)).replace({"MT": "M", "XY": "X"})


def gene_p_values(snps: pd.DataFrame, rna: AnnData, window: int, *, per_snp: bool = True) -> pd.Series:
    """Return the smallest p-value of the SNPs within half of `window` of each gene's TSS; genes without one are left out.

    With `per_snp` it is multiplied by the number of SNPs there (Bonferroni): the smallest of hundreds is small by chance.

    Raises
    ------
    KeyError
        If genes are not located.
    ValueError
        If no gene has a SNP.
    """
    columns(rna.var, [CHROM, TSS], "rna.var", "lg.pp.annotate_genes(mdata, annotation=...)")
    parts = []
    located = rna.var[[CHROM, TSS]].dropna()
    for chrom, genes in located.groupby(chromosome_names(located[CHROM])):
        here = snps[snps[CHROM] == chrom].sort_values("pos")
        first, last = (
            np.searchsorted(
                here["pos"], genes[TSS].astype(np.int64) + side * (window // 2), side="left" if side < 0 else "right"
            )
            for side in (-1, 1)
        )
        near = last > first
        if not near.any():
            continue
        # minima over consecutive runs: reduceat takes every other slice of (first, last, first, last, ...)
        bounds = np.column_stack([first[near], last[near]]).ravel()
        p_value = np.minimum.reduceat(np.append(here["p_value"].to_numpy(), np.inf), bounds)[::2]
        number = (last - first)[near] if per_snp else 1
        parts.append(pd.Series(np.minimum(p_value * number, 1), index=genes.index[near]))
    if not parts:
        msg = f"No gene has a SNP within {window // 2:,} bp of its TSS. Are SNPs and genes of the same genome build?"
        raise ValueError(msg)
    return pd.concat(parts)
