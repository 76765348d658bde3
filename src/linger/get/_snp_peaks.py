"""Variants in or near peaks, and the genes these peaks regulate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from linger._docs import docs
from linger._keys import CHROM, DEFAULT_KEY, END, START
from linger._snps import chromosome_names, read_snps
from linger._validate import modality, parse_peaks
from linger.get._network import network

if TYPE_CHECKING:
    from mudata import MuData


@docs.dedent
def snp_peaks(
    mdata: MuData,
    snps: pd.DataFrame,
    *,
    genes: str | Iterable[str] | None = None,
    group: str | None = None,
    max_distance: int = 0,
    max_p_value: float = 1.0,
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
    atac_key: str = "atac",
) -> pd.DataFrame:
    """Return peaks that hold a SNP or lie near one, with the genes they regulate.

    Parameters
    ----------
    %(mdata)s
    snps
        Columns chrom, pos (from 1) and p_value, or as the GWAS catalogue calls them (:func:`linger.tl.trait_enrichment`).
    genes
        Genes to keep; None keeps all.
    group
        A group whose cis network is taken; None takes the population's.
    max_distance
        Largest distance in base pairs between SNP and peak; 0 takes SNPs in peaks.
    max_p_value
        Leave out SNPs with a larger p-value.
    %(key)s
    %(keys)s

    Returns
    -------
    One row a SNP (by its smallest p-value where it is listed several times), peak and gene: ``snp`` (where the table names them), ``chrom``, ``pos``, ``p_value``, ``peak``, ``snp_distance`` (0 within the peak), ``gene``,
    ``weight`` and ``sign`` of the cis edge and the peak's ``distance`` to the TSS; by p-value, then strongest edges first. Empty if there is none.

    Raises
    ------
    KeyError
        If a column or gene is missing, or nothing was fitted.
    ValueError
        If `max_distance` is negative, or the SNPs do not parse.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> peak = mdata["atac"].var.loc[lg.get.network(mdata, "cis")["source"][0]]
    >>> snp = pd.DataFrame({"chrom": [peak["chrom"]], "pos": [peak["end"]], "p_value": [1e-9]})
    >>> bool((lg.get.snp_peaks(mdata, snp)["snp_distance"] == 0).all())
    True
    """
    import bioframe

    if max_distance < 0:
        msg = f"max_distance must be 0 or more, found {max_distance}."
        raise ValueError(msg)
    found = read_snps(snps)
    named = [name for name in ("snp", CHROM, "pos") if name in found]
    found = found[found["p_value"] <= max_p_value].sort_values("p_value").drop_duplicates(named)
    points = found.assign(start=found["pos"] - 1, end=found["pos"])
    peaks = parse_peaks(modality(mdata, atac_key)).rename_axis("peak").reset_index()
    peaks[CHROM] = chromosome_names(peaks[CHROM])
    reach = peaks.assign(start=peaks[START] - max_distance, end=peaks[END] + max_distance)
    near = bioframe.overlap(points, reach, how="inner", return_index=True, suffixes=("", "_"))
    table = points.loc[near["index"]].reset_index(drop=True)
    at = peaks.loc[near["index_"]].reset_index(drop=True)
    table["peak"] = at["peak"]
    table["snp_distance"] = np.maximum(0, np.maximum(at[START] - table["pos"] + 1, table["pos"] - at[END]))
    options: dict[str, Any] = {"targets": genes, "group": group, "key": key, "rna_key": rna_key, "atac_key": atac_key}
    if table.empty:
        edges = network(mdata, "cis", top=1, **options).head(0)
    else:
        edges = network(mdata, "cis", peaks=table["peak"].unique(), **options)
    table = table.merge(edges.rename(columns={"source": "peak", "target": "gene"}), on="peak")
    table = table.sort_values(["p_value", "weight", "peak", "gene"], ascending=[True, False, True, True])
    shown = ["snp", CHROM, "pos", "p_value", "peak", "snp_distance", "gene", "weight", "sign", "distance"]
    return table[[column for column in shown if column in table]].reset_index(drop=True)
