"""Modules as a net, and the gene sets enriched in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, hypergeom

from linger._docs import docs
from linger._keys import DEFAULT_KEY, IS_TF, MODULE, MODULE_LOADINGS, slot
from linger._validate import columns, modality, preview
from linger.get._graph import fitted_genes

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData


@docs.dedent
def modules(mdata: MuData, *, key: str = DEFAULT_KEY, rna_key: str = "rna") -> pd.DataFrame:
    """Return the modules of :func:`linger.tl.modules` as a decoupler net, from module to gene.

    With it :func:`linger.tl.tf_activity` scores how active modules are in every cell, and :func:`linger.tl.drivers` tests which differ
    between groups.

    Parameters
    ----------
    %(mdata)s
    %(key)s
    rna_key
        Name of the gene expression modality.

    Returns
    -------
    Columns ``source`` (module), ``target`` (gene), ``weight`` (its loading, largest first within a module) and ``is_tf``.

    Raises
    ------
    KeyError
        If there are no modules.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> lg.tl.modules(mdata, n_modules=3, gene_quantile=0)
    >>> lg.get.modules(mdata)["source"].nunique()
    3
    """
    rna = _with_modules(mdata, key, rna_key)
    member = rna.var[slot(key, MODULE)].dropna().astype(str)
    numbers = member.str.removeprefix("module_").astype(int).to_numpy() - 1
    loadings = np.asarray(rna.varm[slot(key, MODULE_LOADINGS)])[rna.var_names.get_indexer(member.index), numbers]
    net = pd.DataFrame({"source": member.to_numpy(), "target": member.index, "weight": loadings.astype(float)})
    net["is_tf"] = rna.var.loc[member.index, IS_TF].to_numpy(dtype=bool)
    order = np.lexsort([net["target"], -net["weight"], numbers])
    return net.iloc[order].reset_index(drop=True)


@docs.dedent
def module_enrichment(
    mdata: MuData,
    gene_sets: Mapping[str, Iterable[str]] | pd.DataFrame,
    *,
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
) -> pd.DataFrame:
    """Return which gene sets (pathways, trait genes) are enriched among the genes of each module, by Fisher's exact test.

    Parameters
    ----------
    %(mdata)s
    gene_sets
        Genes by name of the set, or a net with columns source (set) and target (gene).
    %(key)s
    rna_key
        Name of the gene expression modality.

    Returns
    -------
    Columns ``module``, ``gene_set``, ``n`` (genes in both), ``n_module``, ``n_set`` (of the genes with a network), ``odds_ratio``, ``p_value`` (one-sided) and
    ``p_adj`` (Benjamini-Hochberg over all modules and sets), smallest p-values first.

    Raises
    ------
    KeyError
        If there are no modules, or a column is missing.
    ValueError
        If no set has a gene with a network.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> lg.tl.modules(mdata, n_modules=2, gene_quantile=0)
    >>> len(lg.get.module_enrichment(mdata, {"mine": ["GENE5", "GENE7"]}))
    2
    """
    rna = _with_modules(mdata, key, rna_key)
    genes = fitted_genes(rna, key)
    if isinstance(gene_sets, pd.DataFrame):
        columns(gene_sets, ["source", "target"], "gene_sets", "gene_sets.rename(columns=...)")
        named: Mapping[Any, Iterable[str]] = gene_sets.groupby("source")["target"].agg(list).to_dict()
    else:
        named = gene_sets
    sets = pd.DataFrame(
        {
            str(name): genes.isin([members] if isinstance(members, str) else list(members))
            for name, members in named.items()
        },
        index=genes,
    )
    if not sets.to_numpy().any():
        msg = f"None of the {sets.shape[1]} sets has a gene with a network (genes are called {preview(genes, 3)})."
        raise ValueError(msg)
    member = pd.get_dummies(rna.var.loc[genes, slot(key, MODULE)].astype(object))
    both = member.to_numpy(dtype=float).T @ sets.to_numpy(dtype=float)
    n_module, n_set = np.broadcast_arrays(member.sum().to_numpy(float)[:, None], sets.sum().to_numpy(float)[None])
    neither = len(genes) - n_module - n_set + both
    with np.errstate(divide="ignore", invalid="ignore"):
        odds_ratio = both * neither / ((n_module - both) * (n_set - both))
    p_value = hypergeom.sf(both - 1, len(genes), n_set, n_module)
    names = pd.MultiIndex.from_product([member.columns, sets.columns], names=["module", "gene_set"]).to_frame(
        index=False
    )
    table = names.assign(
        n=both.ravel().astype(int), n_module=n_module.ravel().astype(int), n_set=n_set.ravel().astype(int)
    )
    table = table.assign(
        odds_ratio=odds_ratio.ravel(), p_value=p_value.ravel(), p_adj=false_discovery_control(p_value.ravel())
    )
    return table.sort_values(["p_value", "module", "gene_set"], ignore_index=True)


def _with_modules(mdata: MuData, key: str, rna_key: str) -> AnnData:
    rna = modality(mdata, rna_key)
    if slot(key, MODULE) not in rna.var or slot(key, MODULE_LOADINGS) not in rna.varm:
        msg = f"There are no modules under {key!r}. Call lg.tl.modules(mdata, n_modules=...) first."
        raise KeyError(msg)
    return rna
