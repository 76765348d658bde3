"""Names of a truth set as the data call them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from linger import _validate
from linger._docs import docs
from linger._logging import logger
from linger._validate import modality, preview
from linger.pp._gene_tables import ensembl_ids, read_genes

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

_TABLES: Final = ("hg38", "hg19", "mm10")


@docs.dedent
def match(
    mdata: MuData,
    truth: pd.DataFrame,
    *,
    columns: Sequence[str] = ("source", "target"),
    gene_symbols: str | None = None,
    rna_key: str = "rna",
) -> pd.DataFrame:
    """Call the genes of a truth set as the data do, and leave out those that the data lack.

    A name is looked for among the names of the data; then, as symbol or Ensembl id (without its version), among their symbols
    and ids; then through the built-in gene tables, which know ids, symbols and symbols that have changed (AARS, now AARS1).
    Upper and lower case are told apart, as they tell human from mouse genes.

    Parameters
    ----------
    %(mdata)s
    truth
        A frame of pairs.
    columns
        Columns of `truth` with genes.
    gene_symbols
        Column of ``rna.var`` with symbols where its names are ids.
    %(rna_key)s

    Returns
    -------
    The pairs that are found, under the names of the data, once each: a ``sign`` that two names of a gene disagree about becomes 0, a ``label``
    is true if one is, of other columns the first value stays. What is not found is counted in the log.

    Raises
    ------
    KeyError
        If a column is missing.
    ValueError
        If no pair is found.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> truth = pd.DataFrame({"source": ["TF1", "unknown"], "target": ["GENE20", "GENE20"]})
    >>> len(lg.bm.truth.match(mdata, truth))
    1
    """
    rna = modality(mdata, rna_key)
    _validate.columns(truth, list(columns), "truth", "truth.rename(columns=...)")
    if gene_symbols is not None:
        _validate.columns(rna.var, [gene_symbols], f"{rna_key}.var", "match without gene_symbols=, or add the column,")
    found = truth.copy()
    for column in columns:
        wanted = pd.Index(truth[column].astype(str).unique(), dtype=object)
        names = _look_up(wanted, rna, gene_symbols)
        lost = wanted[names.isna()]
        if len(lost):
            logger.info(
                "%d of %d %ss of the truth are not in the data: %s.",
                len(lost),
                len(wanted),
                column,
                preview(lost),
            )
        found[column] = truth[column].astype(str).map(dict(zip(wanted, names, strict=True)))
    found = _once(found.dropna(subset=list(columns)))
    if found.empty:
        folded = rna.var_names.str.casefold().isin(truth[columns[-1]].astype(str).str.casefold())
        hint = " Names match but for upper and lower case: are they of another species?" if folded.any() else ""
        msg = f"None of the {len(truth)} pairs of the truth is in the data, whose genes are for example {preview(rna.var_names[:3])}.{hint}"
        raise ValueError(msg)
    return found.sort_values([name for name in ("source", "target") if name in found], ignore_index=True)


def _once(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return every pair once."""
    keys = [name for name in ("source", "target") if name in pairs]
    if pairs.empty or not pairs.duplicated(keys).any():
        return pairs
    rules: dict[str, Any] = dict.fromkeys(pairs.columns.difference(keys), "first")
    rules |= {"sign": _agreed} if "sign" in pairs else {}
    rules |= {"label": "any"} if "label" in pairs else {}
    if not rules:
        return pairs.drop_duplicates()
    return pairs.groupby(keys, as_index=False).agg(rules)[list(pairs.columns)]


def _agreed(signs: pd.Series) -> int:
    return int(signs.iloc[0]) if (signs == signs.iloc[0]).all() else 0


def _look_up(wanted: pd.Index, rna: AnnData, gene_symbols: str | None) -> pd.Series:
    """Return the name in the data of every wanted name, NA where there is none."""
    columns = [column for column in (gene_symbols, "gene_ids") if column is not None and column in rna.var]
    names, asked = rna.var_names.to_series(), _plain(wanted.to_series())
    known = [_plain(names), *(_plain(rna.var[column]) for column in columns)]
    found = pd.Series(np.nan, index=wanted, dtype=object)
    for labels in known:
        found = _filled(found, asked.map(_first(labels, names)))
    spelled = asked.str.replace(r"^(C(?:\d+|X|Y))ORF(\d+)$", r"\1orf\2", regex=True)  # C10ORF105, as Enrichr writes it
    found = _filled(found, spelled.map(_first(known[0], names)))
    lost = found.index[found.isna()]
    if not len(lost):
        return found
    mine = pd.Series(np.nan, index=names.index, dtype=object)
    for labels in known:
        mine = _filled(mine, _identifiers(labels))
    return _filled(found, _identifiers(asked[lost]).map(_first(mine, names)).reindex(wanted))


def _plain(labels: pd.Series) -> pd.Series:
    """Return symbols as they are and Ensembl ids without their version."""
    labels = labels.astype(object)
    return _filled(ensembl_ids(labels), labels)


def _first(labels: pd.Series, names: pd.Series) -> pd.Series:
    """Return the first name of every label."""
    has = labels.notna().to_numpy()
    mine = pd.Series(names.to_numpy()[has], index=pd.Index(labels.to_numpy()[has], dtype=object))
    return mine[~mine.index.duplicated()]


def _filled(values: pd.Series, others: pd.Series) -> pd.Series:
    return values.where(values.notna(), others)


def _identifiers(labels: pd.Series) -> pd.Series:
    """Return the Ensembl id of every symbol or id, by whichever built-in table knows it; the index is kept."""
    found = ensembl_ids(labels)
    for table in _TABLES:
        genes = read_genes(table).drop_duplicates("gene").set_index("gene")["gene_id"]
        found = _filled(found, labels.map(genes))
    return found
