"""Read where genes start from built-in tables, GTF, BED or a DataFrame into one form.

That form has one row per gene and columns gene, gene_id, chrom, tss, strand, biotype. Coordinates count from 0 and
lie between bases, as in BED: a gene that covers [start, end) starts at `start` on the + strand and at `end` on the -
strand, so that both strands are mirror images.
"""

from __future__ import annotations

import gzip
from functools import cache
from importlib import resources
from itertools import takewhile
from pathlib import Path
from typing import Final

import pandas as pd

from linger._keys import CHROM, END, START, STRAND, TSS
from linger._reading import reading
from linger._validate import preview

BUILT_IN: Final = ("hg38", "hg19", "mm10")
COLUMNS: Final = ["gene", "gene_id", CHROM, TSS, STRAND, "biotype"]

_ENSEMBL_ID: Final = r"^(ENS[A-Z]*G\d{11})(?:\.\d+)?"
_STANDARD: Final = r"(?:chr)?(?:\d{1,2}|X|Y|M|MT)"
_GTF_COLUMNS: Final = {0: CHROM, 2: "feature", 3: START, 4: END, 6: STRAND, 8: "attributes"}


def read_genes(annotation: str | Path | pd.DataFrame) -> pd.DataFrame:
    """Return the genes of a built-in table, a GTF or BED file, or a DataFrame.

    Parameters
    ----------
    annotation
        "hg38", "hg19" or "mm10"; a path; or a table.

    Returns
    -------
    Columns gene, gene_id, chrom, tss (Int64), strand, biotype; a gene may have several rows, the preferred first.

    Raises
    ------
    FileNotFoundError
        If there is neither a built-in table nor a file of that name.
    ValueError
        If the table cannot be understood.
    """
    if isinstance(annotation, pd.DataFrame):
        return _complete(_from_frame(annotation))
    if annotation in BUILT_IN:
        return _built_in(str(annotation))
    path = Path(annotation).expanduser()
    if not path.is_file():
        msg = f"annotation {str(annotation)!r} is neither a built-in table ({preview(BUILT_IN)}) nor a file."
        raise FileNotFoundError(msg)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    readers = [reader for suffix, reader in ((".gtf", _read_gtf), (".bed", _read_bed)) if suffix in suffixes]
    if not readers:
        msg = f"Cannot tell the format of {path.name!r}. Expected a name that ends in .gtf, .gtf.gz, .bed or .bed.gz."
        raise ValueError(msg)
    with reading(path):
        return _complete(readers[0](path))


def ensembl_ids(names: pd.Series) -> pd.Series:
    """Return Ensembl gene ids without their version, NA where a name is none.

    Examples
    --------
    >>> ensembl_ids(pd.Series(["ENSG00000102145.15", "GATA1"])).tolist()
    ['ENSG00000102145', nan]
    """
    return names.astype("object").str.extract(_ENSEMBL_ID, expand=False)


def start_sites(genes: pd.DataFrame) -> pd.Series:
    """Return start on the + strand, end on the - strand, the middle where the strand is unknown."""
    middle = (genes[START] + genes[END]) // 2
    return middle.mask(genes[STRAND] == "+", genes[START]).mask(genes[STRAND] == "-", genes[END]).rename(TSS)


@cache
def _built_in(name: str) -> pd.DataFrame:
    """Return a built-in table; kept, so nobody may change it."""
    with resources.as_file(resources.files("linger") / "data" / f"tss_{name}.tsv.xz") as path:
        return _complete(pd.read_csv(path, sep="\t", dtype={CHROM: str}, keep_default_na=False))


def _n_header_lines(path: Path) -> int:
    """Return how many lines come before the first record."""
    with (
        gzip.open(path, "rt", encoding="utf-8")
        if path.suffix.lower() == ".gz"
        else path.open(encoding="utf-8") as lines
    ):
        return sum(1 for _ in takewhile(lambda line: line.startswith(("#", "track", "browser")), lines))


def _read_gtf(path: Path) -> pd.DataFrame:
    """Read gene records, or the outermost ends of transcript records where there are none."""
    chunks = pd.read_csv(
        path, sep="\t", header=None, skiprows=_n_header_lines(path), usecols=list(_GTF_COLUMNS), quoting=3,
        chunksize=200_000, dtype={0: str, 6: str},
    )  # fmt: skip
    kept = [chunk[chunk[2].isin(["gene", "transcript", "mRNA"])] for chunk in chunks]
    records = pd.concat(kept).rename(columns=_GTF_COLUMNS)
    if records.empty:
        msg = f"{path.name!r} has no gene or transcript records (third column). Give a complete GTF or a BED file."
        raise ValueError(msg)
    if (records["feature"] == "gene").any():
        records = records[records["feature"] == "gene"]
    records = records.assign(
        gene_id=_attribute(records, "gene_id"),
        gene=_attribute(records, "gene_name|gene").fillna(_attribute(records, "gene_id")),
        biotype=_attribute(records, "gene_type|gene_biotype"),
    )
    records[[START, END]] = records[[START, END]].apply(pd.to_numeric)
    keys = ["gene_id", "gene", "biotype", CHROM, STRAND]
    genes = records.groupby(keys, dropna=False, sort=False).agg({START: "min", END: "max"}).reset_index()
    genes[START] -= 1  # GTF counts from 1 and includes the end
    return genes.assign(**{TSS: start_sites(genes)})


def _attribute(records: pd.DataFrame, names: str) -> pd.Series:
    """Return a value of the last GTF column; `names` are alternatives, split by |."""
    return records["attributes"].str.extract(rf'(?:^|;)\s*(?:{names}) "?([^";]+)"?', expand=False)


def _read_bed(path: Path) -> pd.DataFrame:
    """Read chrom, start, end, name and the strand, which is column 6, or column 5 where the score is left out."""
    skipped = _n_header_lines(path)
    bed = pd.read_csv(path, sep="\t", header=None, skiprows=skipped, dtype=str, keep_default_na=False)
    if bed.shape[1] < 4:
        msg = f"{path.name!r} has {bed.shape[1]} columns; expected chrom, start, end, name and strand, split by tabs."
        raise ValueError(msg)
    strands = [column for column in bed.columns[4:6] if bed[column].isin(["+", "-", "."]).all()]
    genes = bed[[0, 1, 2, 3]].set_axis([CHROM, START, END, "gene"], axis="columns")
    strand = bed[strands[-1]] if strands else "."
    return _from_frame(genes.assign(**{STRAND: strand}))


def _from_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with genes as a column and a tss."""
    frame = frame.copy() if "gene" in frame else frame.rename_axis(index="gene").reset_index()
    if CHROM not in frame or not (TSS in frame or {START, END, STRAND} <= set(frame.columns)):
        msg = (
            f"The table of genes has columns {preview(frame.columns, 12)}; expected 'chrom', 'tss' and 'strand', "
            "or 'chrom', 'start', 'end' and 'strand', with genes in the index or in a column 'gene'."
        )
        raise ValueError(msg)
    for column in {START, END, TSS} & set(frame.columns):
        frame[column] = pd.to_numeric(frame[column], errors="coerce").round().astype("Int64")
    if TSS not in frame:
        frame[TSS] = start_sites(frame)
    return frame


def _complete(genes: pd.DataFrame) -> pd.DataFrame:
    """Fill the missing columns, check the values and put the preferred row of a gene first.

    Where a name stands for several places, one on a chromosome comes before one on a scaffold, patch or haplotype,
    then protein-coding genes, then the lowest Ensembl id, then chromosome and position.
    """
    genes = genes.reindex(columns=COLUMNS).astype({CHROM: "object", TSS: "Int64"})
    genes["gene"] = genes["gene"].astype(str)
    genes["gene_id"] = ensembl_ids(genes["gene_id"].astype("object").fillna(genes["gene"]))
    genes[STRAND] = genes[STRAND].astype("object").fillna(".").replace({1: "+", -1: "-", "1": "+", "-1": "-"})
    genes = genes[genes[CHROM].notna() & genes[TSS].notna()]
    wrong = ~genes[STRAND].isin(["+", "-", "."]) | (genes[TSS] < 0)
    if wrong.any() or genes.empty:
        msg = (
            f"{int(wrong.sum())} of {len(genes)} genes of the table have a strand other than '+', '-' or '.', or a "
            f"negative position: {preview(genes['gene'][wrong]) or 'none is left'}."
        )
        raise ValueError(msg)
    genes[CHROM] = genes[CHROM].astype(str)
    order = genes.assign(
        scaffold=~genes[CHROM].str.fullmatch(_STANDARD), other=genes["biotype"] != "protein_coding"
    ).sort_values(["scaffold", "other", "gene_id", CHROM, TSS], na_position="last", kind="stable")
    return order[COLUMNS].reset_index(drop=True)
