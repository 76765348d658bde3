"""The networks as a page to look through."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from linger._docs import docs
from linger._keys import DEFAULT_KEY
from linger._validate import fit_record, modality
from linger.io._partial import partial_file
from linger.pl._page._render import check_libraries, page
from linger.pl._page._source import Source

if TYPE_CHECKING:
    from mudata import MuData


@docs.dedent
def report(
    mdata: MuData,
    path: str | Path,
    *,
    title: str = "Gene regulatory networks",
    top: int = 500,
    n_targets: int = 15,
    n_genes: int = 1500,
    gene_symbols: str | None = None,
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
    atac_key: str = "atac",
) -> None:
    """Write an interactive report: one HTML file that works without a network connection and on a phone.

    It shows the data and the quality of the fit, and for all cells and every type whose means are stored: TFs by importance with their targets, the targets of
    any TF, the peaks of any of `n_genes` genes, and tables of the strongest edges to search, sort and download; besides driver
    TFs, modules and traits where they are stored.

    Parameters
    ----------
    %(mdata)s Fitted.
    path
        File to make or replace; it appears when it is complete.
    title
        Heading of the page.
    top
        Strongest edges of each kind in the tables, for all cells and each type.
    n_targets
        Strongest targets of every TF.
    n_genes
        Genes whose peaks are shown (at most 8 of each): those predicted best in held-out cells, or where that is not known those with the strongest peaks.
    gene_symbols
        Column of ``rna.var`` with what to call genes; None takes their names.
    %(key)s
    %(keys)s

    Raises
    ------
    KeyError
        If nothing was fitted under `key`, or the column is missing.
    ValueError
        If a number is below 1.
    ImportError
        If the libraries of the page are not installed: ``pip install "linger-multiome[report]"``.

    Notes
    -----
    Weights have four significant digits. The same MuData gives the same file, to the byte. It holds 6 MB of libraries; 14 types and 600 TFs with the defaults add 4 MB.

    Examples
    --------
    >>> import linger as lg, tempfile
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, groupby="cell_type", config=lg.FitConfig(epochs=5, n_folds=0))
    >>> path = Path(tempfile.mkdtemp()) / "report.html"
    >>> lg.pl.report(mdata, path, title="Toy data")
    >>> "<title>Toy data</title>" in path.read_text(encoding="utf-8")
    True
    """
    check_libraries()
    fit_record(mdata, key)
    for name, number in (("top", top), ("n_targets", n_targets), ("n_genes", n_genes)):
        if number < 1:
            msg = f"{name} must be 1 or more, found {number}."
            raise ValueError(msg)
    if gene_symbols is not None and gene_symbols not in modality(mdata, rna_key).var:
        msg = f"mdata[{rna_key!r}].var has no column {gene_symbols!r}. Name the column with symbols, or leave gene_symbols out."
        raise KeyError(msg)
    source = Source(
        mdata,
        top=top,
        n_targets=n_targets,
        n_genes=n_genes,
        gene_symbols=gene_symbols,
        key=key,
        rna_key=rna_key,
        atac_key=atac_key,
    )
    text = page(source, title)
    with partial_file(Path(path)) as partial:
        partial.write_text(text, encoding="utf-8")
