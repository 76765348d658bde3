"""Peaks, genes and TFs as CellOracle's base network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from linger._docs import docs
from linger._keys import CHROM, DEFAULT_KEY, END, START
from linger._validate import modality, parse_peaks
from linger.get._matrix import matrix

if TYPE_CHECKING:
    from mudata import MuData


@docs.dedent
def celloracle_base_grn(
    mdata: MuData,
    *,
    group: str | None = None,
    peaks_per_gene: int = 10,
    tfs_per_peak: int = 20,
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
    atac_key: str = "atac",
) -> pd.DataFrame:
    """Return which TFs may regulate which genes through which peaks, as CellOracle imports it.

    Parameters
    ----------
    %(mdata)s
    group
        A group whose means are stored; None takes the population's networks.
    peaks_per_gene
        Peaks kept of every gene, those of the strongest cis edges.
    tfs_per_peak
        TFs kept of every peak, those of the strongest binding edges (with a motif there, where motifs were scanned).
    %(key)s
    %(keys)s

    Returns
    -------
    Columns ``peak_id`` (``chr1_100_200``), ``gene_short_name``, and one of 0 and 1 for every TF: what ``Oracle.import_TF_data(TF_info_matrix=)`` takes. One row a
    peak and gene with at least one TF, sorted. Memory: ``n_rows * n_tfs`` bytes.

    Raises
    ------
    KeyError
        If nothing was fitted, or the group is unknown.
    ValueError
        If a number is not positive, or no peak of a gene has a TF.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> lg.get.celloracle_base_grn(mdata).columns[:3].tolist()
    ['peak_id', 'gene_short_name', 'TF1']
    """
    if peaks_per_gene < 1 or tfs_per_peak < 1:
        msg = f"peaks_per_gene and tfs_per_peak must be 1 or more, found {peaks_per_gene} and {tfs_per_peak}."
        raise ValueError(msg)
    names: dict[str, Any] = {"group": group, "per": "target", "key": key, "rna_key": rna_key, "atac_key": atac_key}
    cis = matrix(mdata, "cis", top=peaks_per_gene, **names)
    edges = cis.matrix.tocoo()
    binding = matrix(mdata, "binding", top=tfs_per_peak, **names)
    bound = binding.matrix.T.tocsr()[binding.targets.get_indexer(cis.sources)]
    rows = pd.DataFrame({"peak": edges.row, "gene": cis.targets.to_numpy()[edges.col]})
    rows = rows[bound.getnnz(axis=1)[rows["peak"]] > 0]
    if rows.empty:
        msg = "No peak with a cis edge is bound by a TF."
        raise ValueError(msg)
    located = parse_peaks(modality(mdata, atac_key)).loc[cis.sources]
    ids = located[CHROM] + "_" + located[START].astype(str) + "_" + located[END].astype(str)
    table = pd.DataFrame((bound[rows["peak"].to_numpy()] > 0).toarray().astype("int8"), columns=binding.sources)
    table.insert(0, "peak_id", ids.to_numpy()[rows["peak"]])
    table.insert(1, "gene_short_name", rows["gene"].to_numpy())
    return table.sort_values(["peak_id", "gene_short_name"], ignore_index=True)
