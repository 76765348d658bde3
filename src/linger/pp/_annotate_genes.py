"""Where genes start."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from linger import _validate
from linger._docs import docs
from linger._keys import BUILDS, CHROM, DEFAULT_KEY, END, GENOME, START, STRAND, TSS
from linger._logging import logger
from linger.pp._gene_tables import BUILT_IN, ensembl_ids, read_genes, start_sites

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

_MIN_FOUND: Final = 0.1
_INTERVAL: Final = r"^(?P<chrom>.+?):(?P<start>\d+)-(?P<end>\d+)$"
_OTHER_NAMES: Final = {"hg38": "hg19", "hg19": "hg38"}  # tables of different age, so they know a gene's other name
_GENOMES: Final = {**BUILDS, **{build: build for build in BUILDS.values()}}


@docs.dedent
def annotate_genes(
    mdata: MuData,
    *,
    annotation: str | Path | pd.DataFrame = "hg38",
    gene_symbols: str | None = None,
    rna_key: str = "rna",
    copy: bool = False,
) -> MuData | None:
    """Write chromosome, transcription start site (TSS) and strand of every gene.

    Genes are looked up by Ensembl id (of ``var["gene_ids"]``, or of ``var_names`` that look like one; versions such as
    ``.15`` are ignored) and, where that finds nothing, by symbol, upper and lower case told apart.

    Parameters
    ----------
    %(mdata)s
    annotation
        Where genes lie:

        - "hg38", "hg19" or "mm10": built-in tables, genes of Ensembl 100 on assembled chromosomes (chr1 ... chrM);
        - the path of a GTF (``.gtf``, ``.gtf.gz``): gene records, else the outermost ends of transcript records;
        - the path of a BED file (``.bed``, ``.bed.gz``): chrom, start, end, name, [score,] strand;
        - a DataFrame with columns chrom, tss, strand, or chrom, start, end, strand, and the genes in its index or in a
          column ``gene``;
        - "interval": the ``interval`` column of 10x files, the stretch that holds the TSSs of a gene's transcripts. It
          has no strand, which comes from the built-in table for the ``genome`` column (GRCh38, GRCh37, mm10);
          where that knows no strand, the middle of the interval is taken, and "." for the strand.
    gene_symbols
        Column of ``rna.var`` with gene symbols; None takes ``var_names``.
    %(rna_key)s
    %(copy)s

    Returns
    -------
    None, or the changed copy. Writes columns of ``rna.var``:

    - ``chrom``: as the annotation calls it, categorical;
    - ``tss``: in bp, nullable integer. Counts from 0 and lies between bases, as BED coordinates do: a gene that
      covers [start, end) begins at `start` on the + strand and at `end` on the - strand. A ``tss`` column given
      is taken as it is;
    - ``strand``: "+", "-" or "." where it is unknown, categorical.

    and, where a built-in table was used, its build to ``mdata.uns["linger"]["genome"]``. Genes that are not found get NA in all
    three columns and are counted in the log.

    Raises
    ------
    KeyError
        If the modality or a column is missing.
    FileNotFoundError
        If `annotation` names neither a built-in table nor a file.
    ValueError
        If the annotation does not parse, gene names repeat, or fewer than a tenth of the genes are found.

    Notes
    -----
    Genes were renamed between the gene models of hg19 and hg38: a symbol that one table lacks (AARS, now AARS1) is
    looked up in the other for its Ensembl id. A symbol that stands for several places gets one: an assembled
    chromosome before scaffolds and haplotypes, then a protein-coding gene before others, then the lowest Ensembl id.
    The built-in tables are made by ``scripts/build_tss_tables.py``.

    Examples
    --------
    >>> import linger as lg
    >>> import anndata, mudata, numpy, pandas
    >>> rna = anndata.AnnData(numpy.ones((2, 3)), var=pandas.DataFrame(index=["GATA1", "TSPAN6", "unheard-of"]))
    >>> mdata = mudata.MuData({"rna": rna})
    >>> lg.pp.annotate_genes(mdata, annotation="hg38")
    >>> mdata["rna"].var[["chrom", "tss", "strand"]]
               chrom        tss strand
    GATA1       chrX   48786561      +
    TSPAN6      chrX  100639991      -
    unheard-of   NaN       <NA>    NaN
    """
    rna = _validate.modality(mdata, rna_key)
    _validate.unique_names(rna.var_names, f"gene names of {rna_key!r}", f"mdata[{rna_key!r}].var_names_make_unique()")
    symbols, ids = _gene_names(rna, gene_symbols, rna_key)
    if isinstance(annotation, str) and annotation == "interval":
        located = _from_interval(rna, symbols, ids, rna_key)
    else:
        located = _locate(annotation, symbols, ids)
    _check_found(located, symbols, ids, annotation)
    mdata = mdata.copy() if copy else mdata
    var = mdata.mod[rna_key].var
    for column in (CHROM, TSS, STRAND):
        var[column] = located[column].set_axis(var.index)
    _record_build(mdata, annotation)
    return mdata if copy else None


def _gene_names(rna: AnnData, gene_symbols: str | None, rna_key: str) -> tuple[pd.Index, pd.Index]:
    """Return symbol and Ensembl id of every gene; NA where there is none."""
    if gene_symbols is not None:
        fix = "annotate_genes without gene_symbols=, or add the column,"
        _validate.columns(rna.var, [gene_symbols], f"{rna_key}.var", fix)
    symbols = rna.var_names.to_series() if gene_symbols is None else rna.var[gene_symbols]
    ids = ensembl_ids(rna.var_names.to_series())
    if "gene_ids" in rna.var:
        known = ensembl_ids(rna.var["gene_ids"])
        ids = known.where(known.notna(), ids)  # fillna would warn of a change of type where there is none
    return pd.Index(symbols.astype("object")), pd.Index(ids.astype("object"))


def _locate(annotation: str | Path | pd.DataFrame, symbols: pd.Index, ids: pd.Index) -> pd.DataFrame:
    """Return chrom, tss, strand for every gene in order, NA where it is not found."""
    genes, wanted = read_genes(annotation), [("gene_id", ids), ("gene", symbols)]
    if isinstance(annotation, str) and annotation in _OTHER_NAMES:
        wanted.append(("gene_id", _ids_of_symbols(_OTHER_NAMES[annotation], symbols)))
    found = np.full(len(symbols), -1)
    for column, names in wanted:
        known = genes[column].dropna().drop_duplicates()  # the first row of a gene counts
        rows = np.append(known.index.to_numpy(), -1)  # what get_indexer does not find, -1, leads here to row -1
        matched = np.where(names.isna(), -1, rows[pd.Index(known).get_indexer(names)])
        found = np.where(found < 0, matched, found)
    located: pd.DataFrame = genes[[CHROM, TSS, STRAND]].reindex(found).reset_index(drop=True)
    return located.astype({CHROM: "category", STRAND: "category"})


def _ids_of_symbols(table: str, symbols: pd.Index) -> pd.Index:
    """Return the Ensembl ids that a built-in table gives to symbols."""
    genes = read_genes(table).drop_duplicates("gene").set_index("gene")
    ids: pd.Index = pd.Index(genes["gene_id"].reindex(symbols).astype("object"))
    return ids


def _from_interval(rna: AnnData, symbols: pd.Index, ids: pd.Index, rna_key: str) -> pd.DataFrame:
    """Return chrom, tss, strand from the intervals of 10x files."""
    _validate.columns(rna.var, ["interval"], f"{rna_key}.var", "annotate_genes(mdata, annotation='hg38')")
    spans = rna.var["interval"].astype(str).str.extract(_INTERVAL).reset_index(drop=True)
    spans = spans.assign(**{column: pd.to_numeric(spans[column]).astype("Int64") for column in (START, END)})
    spans[STRAND] = _known_strands(rna, symbols, ids).where(spans[CHROM].notna())
    unknown = int((spans[STRAND] == ".").sum())
    if unknown:
        logger.info("%d genes have an interval but no known strand; their TSS is its middle.", unknown)
    located: pd.DataFrame = spans.assign(**{TSS: start_sites(spans)})[[CHROM, TSS, STRAND]]
    return located.astype({CHROM: "category", STRAND: "category"})


def _known_strands(rna: AnnData, symbols: pd.Index, ids: pd.Index) -> pd.Series:
    """Return the strands that the built-in tables know for the genomes in ``var["genome"]``, else "."."""
    strands = np.full(rna.n_vars, ".", dtype=object)
    genomes = rna.var["genome"].astype(str).map(_GENOMES) if "genome" in rna.var else pd.Series(dtype="object")
    for name in genomes.dropna().unique():
        here = np.flatnonzero(genomes == name)
        known = _locate(name, symbols[here], ids[here])[STRAND]
        strands[here] = known.astype("object").fillna(".").to_numpy()
    return pd.Series(strands)


def _check_found(
    located: pd.DataFrame, symbols: pd.Index, ids: pd.Index, annotation: str | Path | pd.DataFrame
) -> None:
    """Log how many genes were not found, and raise if nearly all of them."""
    found = located[TSS].notna().to_numpy()
    what = "the table given" if isinstance(annotation, pd.DataFrame) else repr(str(annotation))
    if found.mean() < _MIN_FOUND or not len(found):
        msg = (
            f"Only {found.sum()} of {len(found)} genes ({_validate.preview(symbols[:3])}) are in {what}. "
            f"{_better_table(symbols, ids, annotation)}"
        )
        raise ValueError(msg)
    missing = symbols[~found]
    if len(missing):
        names = _validate.preview(missing)
        level = logging.WARNING if len(missing) > len(found) / 2 else logging.INFO
        logger.log(
            level, "%d of %d genes are not in %s and stay without TSS: %s", len(missing), len(found), what, names
        )


def _better_table(symbols: pd.Index, ids: pd.Index, annotation: str | Path | pd.DataFrame) -> str:
    """Return what to do when genes were not found: the built-in tables that know most of them, if there are such."""
    others = [name for name in BUILT_IN if not (isinstance(annotation, str) and annotation == name)]
    shares = {name: _locate(name, symbols, ids)[TSS].notna().mean() for name in others}
    better = [f"{name!r} knows {share:.0%}" for name, share in shares.items() if share >= 0.5]
    if better:
        return (
            f"{', '.join(better)} of them: call annotate_genes with annotation= the one that is the build of the peaks."
        )
    return (
        "Give the annotation of the right species and build, and gene_symbols= (a column of rna.var) if var_names are "
        "neither symbols nor Ensembl ids."
    )


def _record_build(mdata: MuData, annotation: str | Path | pd.DataFrame) -> None:
    """Keep the genome build, so that priors of another one are noticed; forget it where it is not known."""
    known = mdata.uns.setdefault(DEFAULT_KEY, {})
    known.pop(GENOME, None)
    if isinstance(annotation, str) and annotation in BUILT_IN:
        known[GENOME] = annotation
