"""Modules: genes and the TFs that regulate them together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.stats import zscore

from linger._docs import docs
from linger._keys import DEFAULT_KEY, MODULE, MODULE_LOADINGS, TF_MODULE, slot
from linger._validate import modality, valid_key
from linger.get._matrix import matrix
from linger.get._states import Weights

if TYPE_CHECKING:
    from mudata import MuData


@docs.dedent
def modules(
    mdata: MuData,
    *,
    n_modules: int,
    group: str | None = None,
    gene_quantile: float = 0.85,
    tf_quantile: float = 0.6,
    n_starts: int = 10,
    weights: Weights = "paper",
    rna_key: str = "rna",
    atac_key: str = "atac",
    key_added: str = DEFAULT_KEY,
    rng: int = 0,
    copy: bool = False,
) -> MuData | None:
    """Factorise the trans network into modules of genes and TFs.

    After the authors of LINGER: strengths T are set in relation to what they would be if all TFs shared their targets,
    ``max(0, T / E - 1)`` with E the product of the marginal means over the mean; z-scored among the targets of a TF and among the TFs of a gene,
    summed, negative sums as 0; and their square roots are factorised (non-negative matrix factorisation; the authors factorise the sums themselves, and a few outstanding
    edges then take modules of their own: docs/downstream.md). Genes and TFs belong to the module
    of their largest share of loadings, if that share is at or above a quantile over genes (TFs).

    Parameters
    ----------
    %(mdata)s
    n_modules
        Number of modules.
    group
        A group whose network to take (:func:`linger.get.matrix`); None takes the population's.
    gene_quantile, tf_quantile
        Genes and TFs whose largest share of loadings is below this quantile belong to no module; 0 assigns all that are loaded.
    n_starts
        Factorisations to start, one from singular vectors and the others at random; the closest is kept.
    %(weights)s
    %(keys)s
    %(key_added)s
    rng
        Seed of the factorisation. Results do not depend on the order of genes.
    %(copy)s

    Returns
    -------
    None, or the copy. Writes ``rna.var["linger_module"]`` and ``rna.var["linger_tf_module"]`` (``"module_1"`` ..., missing for genes and TFs of none;
    modules are numbered by their number of genes), ``rna.varm["linger_module_loadings"]`` (genes x modules, as targets) and
    ``uns["linger"]["modules"]``. :func:`linger.get.modules` gives a decoupler net.

    Raises
    ------
    KeyError
        If nothing was fitted, or the group is unknown.
    ValueError
        If there are fewer genes or TFs than modules, or a quantile is not in [0, 1).

    Notes
    -----
    Memory: ``32 * n_tfs * n_genes`` bytes.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> lg.tl.modules(mdata, n_modules=3)
    >>> sorted(mdata["rna"].var["linger_module"].dropna().unique())
    ['module_1', 'module_2', 'module_3']
    """
    valid_key(key_added)
    if group is not None and not isinstance(group, str):
        msg = "group must be the name of one group."
        raise ValueError(msg)
    if n_starts < 1:
        msg = f"n_starts must be 1 or more, found {n_starts}."
        raise ValueError(msg)
    if not (0 <= gene_quantile < 1 and 0 <= tf_quantile < 1):
        msg = f"Quantiles must lie in [0, 1), found {gene_quantile} and {tf_quantile}."
        raise ValueError(msg)
    found = matrix(mdata, "trans", group=group, weights=weights, key=key_added, rna_key=rna_key, atac_key=atac_key)
    tfs, genes = found.sources.argsort(), found.targets.argsort()
    if not 1 <= n_modules <= min(len(tfs), len(genes)):
        msg = f"n_modules must lie between 1 and {min(len(tfs), len(genes))}, the number of TFs or genes; found {n_modules}."
        raise ValueError(msg)
    Z = np.sqrt(standing_out(found.matrix[tfs][:, genes].T))
    of_genes, of_tfs = _factorize(Z, n_modules, n_starts, rng)
    gene_module, tf_module = _assign(of_genes, gene_quantile), _assign(of_tfs, tf_quantile)
    order = np.argsort(-np.bincount(gene_module[gene_module >= 0], minlength=n_modules), kind="stable")
    labels = np.array([f"module_{number + 1}" for number in range(n_modules)], dtype=object)[np.argsort(order)]
    target = mdata.copy() if copy else mdata
    rna = modality(target, rna_key)
    for column, names, assigned in (
        (MODULE, found.targets[genes], gene_module),
        (TF_MODULE, found.sources[tfs], tf_module),
    ):
        known = pd.Series(labels[assigned], index=names)[assigned >= 0]
        rna.var[slot(key_added, column)] = known.reindex(rna.var_names).astype(object)
    loadings = np.full((rna.n_vars, n_modules), np.nan, dtype=np.float32)
    loadings[rna.var_names.get_indexer(found.targets[genes])] = of_genes[:, order]
    rna.varm[slot(key_added, MODULE_LOADINGS)] = loadings
    record = {"n_modules": n_modules, "group": group or "", "gene_quantile": gene_quantile, "tf_quantile": tf_quantile}
    target.uns[key_added] = dict(target.uns[key_added]) | {"modules": record | {"weights": weights, "rng": rng}}
    return target if copy else None


def standing_out(strength: sparse.csr_matrix) -> np.ndarray:
    """Return max(0, z among rows + z among columns) of max(0, T / E - 1); what does not vary has z-score 0.

    Parameters
    ----------
    strength
        T, genes x TFs.
    """
    T = strength.toarray().astype(np.float64)
    expected = np.outer(T.mean(axis=1), T.mean(axis=0)) / max(T.mean(), 1e-300)
    relative = np.maximum(np.divide(T, expected, out=np.zeros_like(T), where=expected > 0) - 1, 0)
    relative[T == 0] = 0
    with np.errstate(divide="ignore", invalid="ignore"):
        total = sum(np.nan_to_num(zscore(relative, axis=axis), posinf=0, neginf=0) for axis in (0, 1))
    return np.maximum(total, 0)


def _factorize(Z: np.ndarray, n_modules: int, n_starts: int, rng: int) -> tuple[np.ndarray, np.ndarray]:
    """Return loadings of genes and of TFs, from the start that comes closest to Z."""
    from sklearn.decomposition import NMF

    best: tuple[float, np.ndarray, np.ndarray] | None = None
    for start in range(n_starts):
        init = "random" if start else "nndsvda"
        model = NMF(
            n_modules,
            init=init,
            max_iter=1000,
            random_state=int(np.random.SeedSequence([rng, start]).generate_state(1)[0]),
        )
        of_genes = model.fit_transform(Z)
        if best is None or model.reconstruction_err_ < best[0]:
            best = model.reconstruction_err_, of_genes, model.components_.T
    assert best is not None
    return best[1:]


def _assign(loadings: np.ndarray, quantile: float) -> np.ndarray:
    """Return the module of the largest share of loadings of every row, -1 where it is not above the quantile.

    Loadings of a module are set in relation to their sum first: the factorisation leaves its scale open.
    """
    scaled = loadings / np.maximum(loadings.sum(axis=0), 1e-300)
    share = scaled / np.maximum(scaled.sum(axis=1, keepdims=True), 1e-300)
    largest = share.max(axis=1)
    above = (largest > 0) & (largest >= np.quantile(largest, quantile))
    return np.where(above, share.argmax(axis=1), -1)
