"""Which TFs and cell types a trait's genes point to."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.stats import false_discovery_control, hypergeom

from linger._columns import read_table
from linger._docs import docs
from linger._keys import DEFAULT_KEY, GROUP_MEAN, slot
from linger._logging import logger
from linger._snps import gene_p_values, read_snps
from linger._validate import modality, preview, valid_key
from linger.get._graph import names_of
from linger.get._regulons import regulons
from linger.get._states import States

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData


@docs.dedent
def trait_enrichment(
    mdata: MuData,
    snps: pd.DataFrame | Path | Iterable[str],
    *,
    trait: str = "trait",
    window: int = 200_000,
    correct_for_snps: bool = True,
    max_p_adj: float = 0.01,
    n_targets: int = 1000,
    n_top_tfs: int = 100,
    n_permutations: int = 2000,
    rna_key: str = "rna",
    atac_key: str = "atac",
    key_added: str = DEFAULT_KEY,
    rng: int = 0,
    copy: bool = False,
) -> MuData | None:
    r"""Relate a trait (GWAS) to TFs and cell types through their targets.

    After Yuan & Duren 2024 (Methods). A gene's p-value is the smallest of the SNPs within a window centred on its TSS,
    times their number (the paper's is not multiplied, so that with a full table of millions of SNPs every gene would be one); trait genes
    have an adjusted p-value (Benjamini-Hochberg) below `max_p_adj`. Then

    - the **trait score** of a TF is the z-score, over TFs, of the number of trait genes among its strongest `n_targets` targets. Its p-value is
      hypergeometric: that many or more trait genes among so many targets, drawn from all genes with a network;
    - the **relevance** of a cell type is the t statistic between that number for the `n_top_tfs` TFs highest expressed there and for all other TFs. TFs share
      targets, so the p-value is not that of the t-test: it is the share of random sets of as many trait genes that give as large a t;
    - **key TFs** of a type have the largest z(trait score) + z(expression in the type).

    Parameters
    ----------
    %(mdata)s Fitted; with group means (:func:`linger.tl.group_means`) for cell types, and located genes for SNPs.
    snps
        Table of SNPs with chromosome, position (of the genome build of the genes) and p-value, in columns chrom, pos, p_value or as the GWAS
        catalogue calls them (CHR_ID, CHR_POS, P-VALUE), or a file of it (a Path); or the names of the trait's genes, of which those that are not in the data are left out.
    trait
        What to call it.
    window
        Width of the window in base pairs.
    correct_for_snps
        Multiply a gene's smallest p-value by the number of SNPs in its window (Bonferroni); False leaves it as in the paper.
    max_p_adj
        Largest adjusted p-value of a trait gene.
    n_targets
        Strongest targets of a TF (:func:`linger.get.regulons`).
    n_top_tfs
        TFs highest expressed in a type; at most half of all.
    n_permutations
        Random gene sets.
    %(keys)s
    %(key_added)s
    %(rng)s
    %(copy)s

    Returns
    -------
    None, or the copy. Writes ``uns["linger"]["traits"]``, frames with a column ``trait``, rows of an earlier run of the same trait replaced:

    - ``tfs``: ``tf``, ``n_trait_genes``, ``n_targets``, ``score``, ``p_value``, ``p_adj`` (over TFs);
    - ``groups``: ``group``, ``statistic``, ``p_value``, ``p_adj`` (over types), ``n_top_tfs`` (TFs compared with all others), where group means are stored;
    - ``key_tfs``: ``group``, ``tf``, ``score``, ``expression`` (z over TFs), ``key_score``, likewise;
    - ``genes``: ``gene`` and, of SNPs, ``p_value``, ``p_adj``: the trait genes that have a network.

    Raises
    ------
    KeyError
        If nothing was fitted, a column is missing, or genes are not located.
    ValueError
        If there is no trait gene with a network, or an option is out of range.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, groupby="cell_type", config=lg.FitConfig(epochs=5, n_folds=0))
    >>> lg.tl.trait_enrichment(mdata, ["GENE20", "GENE30", "GENE40"], n_targets=10, n_permutations=99)
    >>> lg.get.traits(mdata, "groups")["group"].sort_values().tolist()
    ['type_1', 'type_2', 'type_3']
    """
    valid_key(key_added)
    if window < 1 or n_top_tfs < 1 or n_permutations < 1 or not 0 < max_p_adj < 1:
        msg = "window, n_top_tfs and n_permutations must be 1 or more, and max_p_adj between 0 and 1."
        raise ValueError(msg)
    rna = modality(mdata, rna_key)
    net = regulons(mdata, n_targets=n_targets, key=key_added, rna_key=rna_key, atac_key=atac_key)
    all_tfs, all_genes = names_of(mdata, "trans", key=key_added, rna_key=rna_key, atac_key=atac_key)
    genes, tfs = all_genes.sort_values(), all_tfs.sort_values()
    snps = read_table(snps) if isinstance(snps, Path) else snps
    listed = _trait_genes(snps, rna, window, max_p_adj, per_snp=correct_for_snps)
    is_trait = genes.isin(listed["gene"])
    logger.log(
        logging.WARNING if is_trait.mean() > 0.5 else logging.INFO,
        "%d of %d genes belong to the trait.",
        is_trait.sum(),
        len(genes),
    )
    if not is_trait.any():
        msg = f"None of the {len(genes)} genes with a network belongs to the trait. Check names, genome build and max_p_adj={max_p_adj}."
        raise ValueError(msg)
    at = tfs.get_indexer(pd.Index(net["source"])), genes.get_indexer(pd.Index(net["target"]))
    targets = sparse.csr_matrix((np.ones(len(net)), at), shape=(len(tfs), len(genes)))
    counted = _Counts(targets, is_trait)
    tables = {"tfs": _of_tfs(counted, tfs), "genes": listed[listed["gene"].isin(genes)]}
    if slot(key_added, GROUP_MEAN) in rna.varm:
        states = States(mdata, weights="paper", key=key_added, rna_key=rna_key, atac_key=atac_key, layer=None)
        means = np.asarray(rna.varm[slot(key_added, GROUP_MEAN)], dtype=np.float64)[rna.var_names.get_indexer(tfs)]
        expression = pd.DataFrame(means, tfs, states.names)
        tables["groups"] = _of_groups(counted, expression, n_top_tfs, n_permutations, rng)
        tables["key_tfs"] = _key_tfs(tables["tfs"], expression)
    target = mdata.copy() if copy else mdata
    _write(target, tables, str(trait), key_added)
    return target if copy else None


def _trait_genes(
    snps: pd.DataFrame | Iterable[str], rna: AnnData, window: int, max_p_adj: float, *, per_snp: bool
) -> pd.DataFrame:
    """Return the trait's genes, from SNPs with their p-values."""
    if not isinstance(snps, pd.DataFrame):
        named = pd.Index([snps] if isinstance(snps, str) else list(snps), dtype=object).unique()
        missing = named[~named.isin(rna.var_names)]
        if len(missing):
            logger.info(
                "%d of %d genes of the trait are not in the data: %s.", len(missing), len(named), preview(missing)
            )
        return pd.DataFrame({"gene": named.difference(missing).astype(str)})
    p_value = gene_p_values(read_snps(snps), rna, window, per_snp=per_snp)
    table = pd.DataFrame({"gene": p_value.index.astype(str), "p_value": p_value.to_numpy()})
    table["p_adj"] = false_discovery_control(table["p_value"])
    return table[table["p_adj"] < max_p_adj].sort_values(["p_value", "gene"], ignore_index=True)


class _Counts(NamedTuple):
    """Strongest targets of TFs (TFs x genes, 0 or 1), and which genes belong to the trait."""

    targets: sparse.csr_matrix
    is_trait: np.ndarray

    def of(self, is_trait: np.ndarray) -> np.ndarray:
        """Return the number of trait genes among the targets of each TF, for one or several sets of genes in columns."""
        return np.asarray(self.targets @ is_trait.astype(np.float64))


def _of_tfs(counted: _Counts, tfs: pd.Index) -> pd.DataFrame:
    number, n_targets = counted.of(counted.is_trait), counted.targets.getnnz(axis=1)
    table = pd.DataFrame({"tf": tfs.astype(str), "n_trait_genes": number.astype(int), "n_targets": n_targets})
    table["score"] = _z(number)
    table["p_value"] = hypergeom.sf(number - 1, len(counted.is_trait), counted.is_trait.sum(), n_targets)
    table["p_adj"] = false_discovery_control(table["p_value"])
    return table.sort_values(["score", "tf"], ascending=[False, True], ignore_index=True)


def _z(values: np.ndarray) -> np.ndarray:
    sd = values.std()
    return (values - values.mean()) / sd if sd > 0 else np.zeros_like(values)


def _of_groups(counted: _Counts, expression: pd.DataFrame, n_top: int, n_permutations: int, rng: int) -> pd.DataFrame:
    """Compare the TFs highest expressed in each type with all others, against random sets of genes."""
    n_top = min(n_top, len(expression) // 2)
    rank = expression.rank(ascending=False, method="first").to_numpy()
    top = (rank <= n_top).astype(np.float64)
    observed = _t(counted.of(counted.is_trait)[:, None], top)[:, 0]
    generator, as_large = np.random.default_rng(rng), np.ones(len(observed))
    for size in np.diff(np.append(np.arange(0, n_permutations, 500), n_permutations)):
        drawn = generator.permuted(np.tile(counted.is_trait, (size, 1)), axis=1).T
        as_large += (_t(counted.of(drawn), top) >= observed[:, None] - 1e-9).sum(axis=1)
    table = pd.DataFrame({"group": expression.columns, "statistic": observed})
    known = np.isfinite(observed)  # too few TFs to compare leave nothing to test
    table["p_value"], table["p_adj"] = np.where(known, as_large / (n_permutations + 1), np.nan), np.nan
    table.loc[known, "p_adj"] = false_discovery_control(table.loc[known, "p_value"])
    table["n_top_tfs"] = n_top
    return table.sort_values(["p_value", "group"], ignore_index=True)


def _t(numbers: np.ndarray, top: np.ndarray) -> np.ndarray:
    """Return Welch's t of `numbers` (TFs x sets) between the top TFs of each type (TFs x types) and the others: types x sets."""
    parts = []
    with np.errstate(divide="ignore", invalid="ignore"):  # no TF on one side: NaN
        for chosen in (top, 1 - top):
            n = chosen.sum(axis=0)[:, None]
            mean = chosen.T @ numbers / n
            variance = (chosen.T @ numbers**2 - n * mean**2) / np.maximum(n - 1, 1)
            parts.append((mean, np.maximum(variance, 0) / n))
        (mean, error), (other_mean, other_error) = parts
        return (mean - other_mean) / np.sqrt(error + other_error + 1e-12)


def _key_tfs(scored: pd.DataFrame, expression: pd.DataFrame) -> pd.DataFrame:
    parts = []
    score = scored.set_index("tf")["score"].reindex(expression.index)
    for group in expression.columns:
        z = _z(np.log1p(expression[group].to_numpy()))
        part = pd.DataFrame(
            {"group": group, "tf": expression.index.astype(str), "score": score.to_numpy(), "expression": z}
        )
        part["key_score"] = part["score"] + part["expression"]
        parts.append(part.sort_values(["key_score", "tf"], ascending=[False, True]))
    return pd.concat(parts, ignore_index=True)


def _write(mdata: MuData, tables: dict[str, pd.DataFrame], trait: str, key: str) -> None:
    """Store the tables, in place of all those of the same trait."""
    stored = {
        name: earlier[earlier["trait"] != trait] for name, earlier in mdata.uns.get(key, {}).get("traits", {}).items()
    }
    stored = {name: earlier for name, earlier in stored.items() if len(earlier)}
    for name, table in tables.items():
        own = table.reset_index(drop=True)
        own.insert(0, "trait", trait)
        if name in stored:
            own = pd.concat([stored[name], own], ignore_index=True)
        stored[name] = own
    mdata.uns[key] = dict(mdata.uns.get(key, {})) | {"traits": stored}
