"""Which genes are transcription factors."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from typing import TYPE_CHECKING, Final

import pandas as pd

from linger import _keys, _validate
from linger._docs import docs
from linger._logging import logger

if TYPE_CHECKING:
    from mudata import MuData

_LISTS: Final = {"human": "tfs_human.txt", "mouse": "tfs_mouse.txt"}


@docs.dedent
def mark_tfs(
    mdata: MuData,
    *,
    tfs: str | Iterable[str] = "human",
    rna_key: str = "rna",
    gene_symbols: str | None = None,
    key_added: str = _keys.DEFAULT_KEY,
    copy: bool = False,
) -> MuData | None:
    """Mark the genes that are transcription factors.

    Parameters
    ----------
    %(mdata)s
    tfs
        "human" or "mouse": the built-in lists, the factors with a motif in JASPAR CORE (CC BY 4.0); "motifs": the
        factors that :func:`linger.pp.scan_motifs` found a motif for; or gene symbols of your own.
    %(rna_key)s
    gene_symbols
        Column of ``rna.var`` with gene symbols; None takes ``var_names``.
    key_added
        The ``key_added`` of the :func:`linger.pp.scan_motifs` that "motifs" refers to.
    %(copy)s

    Returns
    -------
    None, or the changed copy. Writes ``rna.var["is_tf"]``, bool.

    Raises
    ------
    KeyError
        If the modality or the column is missing, or "motifs" is asked for before :func:`linger.pp.scan_motifs`.
    ValueError
        If no gene is a transcription factor.

    Notes
    -----
    The built-in lists are made by ``scripts/build_tf_lists.py``; JASPAR 2026: Nucleic Acids Res. 54,
    database issue.

    Examples
    --------
    >>> import linger as lg
    >>> import anndata, mudata, numpy, pandas
    >>> rna = anndata.AnnData(numpy.ones((2, 3)), var=pandas.DataFrame(index=["GATA1", "ACTB", "SPI1"]))
    >>> mdata = mudata.MuData({"rna": rna})
    >>> lg.pp.mark_tfs(mdata)
    >>> mdata["rna"].var["is_tf"].tolist()
    [True, False, True]
    """
    rna = _validate.modality(mdata, rna_key)
    if gene_symbols is not None:
        _validate.columns(
            rna.var, [gene_symbols], f"{rna_key}.var", "mark_tfs without gene_symbols=, or add the column,"
        )
    from_motifs = isinstance(tfs, str) and tfs == "motifs"  # the motif table holds names of genes, not symbols
    wanted = _motif_tfs(mdata, key_added) if from_motifs else _read_list(tfs)
    symbols = rna.var_names if gene_symbols is None or from_motifs else pd.Index(rna.var[gene_symbols].astype(str))
    is_tf = symbols.isin(wanted)
    if not is_tf.any():
        msg = (
            f"None of the {len(symbols)} genes ({_validate.preview(symbols[:3])}) is among the {len(wanted)} "
            f"transcription factors ({_validate.preview(wanted[:3])}). Give tfs='human', 'mouse' or names, "
            "or gene_symbols= if var_names are not symbols."
        )
        raise ValueError(msg)
    missing = wanted[~wanted.isin(symbols)]
    logger.info(
        "%d genes are transcription factors; %d of the %d asked for are not among the genes",
        is_tf.sum(),
        len(missing),
        len(wanted),
    )
    if len(missing) and not isinstance(tfs, str):
        logger.warning(
            "%d of the TFs given are not among the genes: %s", len(missing), _validate.preview(missing, n=10)
        )
    mdata = mdata.copy() if copy else mdata
    mdata.mod[rna_key].var[_keys.IS_TF] = is_tf
    return mdata if copy else None


def _read_list(tfs: str | Iterable[str]) -> pd.Index:
    """Return a built-in list by its name, or the names given."""
    if not isinstance(tfs, str):
        return pd.Index(list(tfs), dtype=object).unique()
    if tfs not in _LISTS:
        msg = f"tfs must be 'human', 'mouse', 'motifs' or a list of gene symbols, found {tfs!r}."
        raise ValueError(msg)
    text = (resources.files("linger") / "data" / _LISTS[tfs]).read_text(encoding="utf-8")
    return pd.Index([line for line in text.splitlines() if line and not line.startswith("#")], dtype=object)


def _motif_tfs(mdata: MuData, key: str) -> pd.Index:
    """Return the factors of the motif table."""
    stored = mdata.uns.get(key, {})
    if "motif_tf" not in stored:
        msg = f"mdata.uns[{key!r}] has no 'motif_tf'. Call lg.pp.scan_motifs(mdata, genome=...) first."
        raise KeyError(msg)
    return pd.Index(stored["motif_tf"]["tf"].astype(str).unique())
