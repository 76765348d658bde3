"""Expression and known pairs as BEELINE and DeepTGI keep them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from linger._columns import read_table

if TYPE_CHECKING:
    from anndata import AnnData


class Beeline(NamedTuple):
    """Cells and the pairs known among their genes."""

    adata: AnnData
    """Expression as it is in the file, cells x genes."""
    pairs: pd.DataFrame
    """Columns source, target and, where the file has labels, label."""


def read_beeline(expression: str | Path, network: str | Path) -> Beeline:
    r"""Read the expression and the network of a BEELINE data set.

    Parameters
    ----------
    expression
        Comma-separated values (plain or gzipped): BEELINE's ``ExpressionData.csv``, genes in rows below a header of cells, or
        DeepTGI's, cells in rows below a header of genes. Which it is follows from where the genes of the network are.
    network
        BEELINE's ``refNetwork.csv`` (Gene1, Gene2), DeepTGI's labelled pairs (TF, Target, Label), or GENELink's ``Label.csv``, whose numbers
        are positions in the ``Target.csv`` beside it.

    Returns
    -------
    The cells, and the pairs whose genes are both there, each once.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    KeyError
        If the network has no columns of TFs and targets.
    ValueError
        If files do not parse, or no pair has both its genes in the expression.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp())
    >>> _ = (folder / "expression.csv").write_text(",c1,c2\nA,1,2\nB,0,3\n")
    >>> _ = (folder / "network.csv").write_text("Gene1,Gene2\nA,B\n")
    >>> data = read_beeline(folder / "expression.csv", folder / "network.csv")
    >>> data.adata.shape, data.pairs.values.tolist()
    ((2, 2), [['A', 'B']])
    """
    from anndata import AnnData

    from linger.bm.truth import pairs as read_pairs

    known = read_pairs(_named(Path(network).expanduser()))
    table = read_table(expression)
    names = set(known["source"]) | set(known["target"])
    first = table.iloc[:, 0].astype(str)
    if first.isin(names).sum() > table.columns.astype(str).isin(names).sum():
        table = table.set_index(table.columns[0]).T
    elif not pd.api.types.is_numeric_dtype(table.iloc[:, 0]) or str(table.columns[0]).startswith("Unnamed"):
        table = table.set_index(table.columns[0])
    else:  # cells without names
        table = table.set_axis([f"cell_{number + 1}" for number in range(len(table))])
    try:
        values = table.to_numpy(np.float32)
    except ValueError as error:
        msg = f"{expression} holds values that are not numbers: {error}"
        raise ValueError(msg) from error
    names_of = pd.DataFrame(index=table.index.astype(str)), pd.DataFrame(index=table.columns.astype(str))
    adata = AnnData(values, obs=names_of[0].rename_axis(None), var=names_of[1].rename_axis(None))
    there = known["source"].isin(adata.var_names) & known["target"].isin(adata.var_names)
    if not there.any():
        msg = f"None of {len(known)} pairs of {network} has both its genes in {expression}."
        raise ValueError(msg)
    return Beeline(adata, known[there].reset_index(drop=True))


def _named(network: Path) -> pd.DataFrame:
    """Return a table of pairs, numbers replaced by the genes they stand for."""
    table = read_table(network)
    beside = network.with_name(network.name.replace("Label", "Target"))
    numbers = [name for name in ("TF", "Target") if name in table and pd.api.types.is_integer_dtype(table[name])]
    if len(numbers) < 2:
        return table
    if beside == network or not beside.is_file():
        msg = f"{network} holds positions of genes, and there is no {beside.name} beside it that names them."
        raise ValueError(msg)
    genes = read_table(beside).set_index("index")["Gene"]
    return table.assign(**{name: table[name].map(genes) for name in numbers})
