"""TF activity from expression alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
from scipy import sparse

from linger._docs import docs
from linger._keys import DEFAULT_KEY
from linger._logging import logger
from linger._validate import columns, expression_of, preview, tidy, unique_names, valid_key
from linger.tl._regulon_score import regulon_score

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

Method = Literal["aucell", "ulm", "mlm", "viper", "waggr", "consensus", "lingergrn"]
_AS_THEY_ARE = (
    "aucell",
    "lingergrn",
)  # the first depends on the order of a cell's genes alone, the second takes shares of its sum
_CONSENSUS = ["ulm", "mlm", "waggr"]
_OF_FORMER_ACTIVITY = ("drivers", "survival", "survival_settings")


@docs.dedent
def tf_activity(
    adata: AnnData | MuData,
    net: pd.DataFrame,
    *,
    method: Method = "aucell",
    n_min: int = 5,
    layer: str | None = None,
    rna_key: str = "rna",
    key_added: str = DEFAULT_KEY,
    copy: bool = False,
    **options: Any,
) -> AnnData | MuData | None:
    """Score how active each TF is in every cell or sample, from the expression of its targets.

    Parameters
    ----------
    adata
        Expression of cells, samples or pseudobulk; of a MuData the expression modality. Backed on disk or not.
    net
        Columns ``source``, ``target`` and, for all but AUCell, ``weight``, each pair once, as :func:`linger.get.regulons` or decoupler's
        resources give it.
    method
        decoupler's ``"aucell"`` (area under the recovery curve of the targets among the highest genes of a cell; ignores weights and their sign),
        ``"ulm"``, ``"mlm"``, ``"viper"``, ``"waggr"``, ``"consensus"`` (mean z-score of ulm, mlm and waggr); or ``"lingergrn"``, the regulon
        score of the authors of LINGER: the weighted expression of the targets relative to what it would be if all TFs shared
        their targets (weights and expression must not be negative).
    n_min
        Fewest targets among the genes of a TF that is scored.
    layer
        Layer with the values; None takes ``X``. Counts are scaled to the median depth and logged first, except for aucell (only the
        order of a cell's genes matters) and lingergrn (which takes shares of a cell's sum).
    %(rna_key)s
    key_added
        Suffix of the slots written.
    %(copy)s
    **options
        Further options of decoupler's method.

    Returns
    -------
    None, or the copy. Writes ``obsm["score_linger"]`` of the expression modality, a frame cells x TFs as decoupler writes its scores (cells
    without any count have NaN), and ``obsm["padj_linger"]`` where the method tests. ``decoupler.pp.get_obsm`` reads them.
    Drivers and survival that were tested with an earlier activity of the name are removed.

    Raises
    ------
    KeyError
        If a column, the layer or the modality is missing.
    ValueError
        If the method is unknown, pairs are not unique, names of genes repeat, values are NaN, or too few targets are among the genes.

    Notes
    -----
    AUCell: Aibar et al., Nat. Methods 2017; the others: Badia-i-Mompel et al., Bioinform. Adv. 2022.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> lg.tl.tf_activity(mdata, lg.get.regulons(mdata, n_targets=20))
    >>> mdata["rna"].obsm["score_linger"].shape
    (200, 12)
    """
    valid_key(key_added)
    if method not in get_args(Method):
        msg = f"method must be one of {', '.join(map(repr, get_args(Method)))}, found {method!r}."
        raise ValueError(msg)
    source = expression_of(adata, rna_key)
    net = checked_net(net, source.var_names, n_min, weighted=method != "aucell")
    values = expression_values(source, layer, as_they_are=method in _AS_THEY_ARE)
    score, p_adj = _run(_filled(values, source), net, method, n_min, options)
    target = adata.copy() if copy else adata
    obsm = expression_of(target, rna_key).obsm
    for name, found in (("score", score), ("padj", p_adj)):
        obsm.pop(f"{name}_{key_added}", None)
        if found is not None:
            obsm[f"{name}_{key_added}"] = found.reindex(source.obs_names)
    uns = expression_of(target, rna_key).uns
    if key_added in uns:
        uns[key_added] = {name: value for name, value in uns[key_added].items() if name not in _OF_FORMER_ACTIVITY}
    return target if copy else None


def checked_net(net: pd.DataFrame, genes: pd.Index, n_min: int, *, weighted: bool) -> pd.DataFrame:
    """Return the columns of a net that are needed, or raise if it does not fit the genes."""
    columns(net, ["source", "target", *(["weight"] if weighted else [])], "net", "net.rename(columns=...)")
    unique_names(genes, "genes", "adata.var_names_make_unique()")
    if weighted and not np.isfinite(net["weight"].to_numpy(float)).all():
        msg = "Weights of the net hold NaN or infinite values. Leave those edges out."
        raise ValueError(msg)
    if net.duplicated(["source", "target"]).any():
        msg = f"net holds {int(net.duplicated(['source', 'target']).sum())} pairs twice. Call net.drop_duplicates(['source', 'target']) first."
        raise ValueError(msg)
    found = net.loc[net["target"].isin(genes), "source"].value_counts()
    if not (found >= n_min).any():
        msg = (
            f"No TF of the net has {n_min} targets among the {len(genes)} genes (the best has {found.max() if len(found) else 0}). Are names "
            f"the same ({preview(net['target'].unique(), 3)}; {preview(genes, 3)})? Else lower n_min."
        )
        raise ValueError(msg)
    logger.info(
        "%d of %d TFs have %d targets or more among the genes.", (found >= n_min).sum(), net["source"].nunique(), n_min
    )
    return net[["source", "target", "weight"] if weighted else ["source", "target"]]


def expression_values(adata: AnnData, layer: str | None, *, as_they_are: bool) -> sparse.csr_matrix | np.ndarray:
    """Return values in memory, counts logged unless only ranks matter."""
    from linger.pp._embedding import log_normalize_depth

    if layer is not None and layer not in adata.layers:
        msg = f"There is no layer {layer!r} (there are {preview(adata.layers) or 'none'})."
        raise KeyError(msg)
    X = adata.X if layer is None else adata.layers[layer]
    X = X.to_memory() if hasattr(X, "to_memory") else X
    X = sparse.csr_matrix(tidy(X)) if sparse.issparse(X) else np.asarray(X)
    stored = np.asarray(X.data if sparse.issparse(X) else X)
    if not np.isfinite(stored).all():
        msg = "The expression values hold NaN or infinite values. Remove or impute them first."
        raise ValueError(msg)
    if as_they_are or stored.min(initial=0) < 0 or not np.array_equal(stored, np.rint(stored)):
        return X
    logger.info("The values are counts: scaled to the median depth and logged.")
    return log_normalize_depth(sparse.csr_matrix(X, dtype=np.float32))


def _filled(values: sparse.csr_matrix | np.ndarray, source: AnnData) -> AnnData:
    """Return the cells that have a value that is not 0 (the others have no activity), genes by name: decoupler breaks ties by position."""
    from anndata import AnnData

    filled = np.asarray((values != 0).sum(axis=1)).ravel() > 0
    if not filled.any():
        msg = "All expression values are 0."
        raise ValueError(msg)
    genes = np.argsort(source.var_names.to_numpy(str))
    names = pd.DataFrame(index=source.obs_names[filled]), pd.DataFrame(index=source.var_names[genes])
    return AnnData(values[filled][:, genes], *names)


def _run(
    data: AnnData, net: pd.DataFrame, method: Method, n_min: int, options: dict[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Return scores and, where there are any, adjusted p-values."""
    import decoupler as dc

    if method == "lingergrn":
        return regulon_score(data, net, n_min=n_min, **options), None
    if method == "consensus":
        dc.mt.decouple(data, net, methods=_CONSENSUS, cons=True, tmin=n_min, **options)
    else:
        getattr(dc.mt, method)(data, net, tmin=n_min, **options)
    return data.obsm[f"score_{method}"], data.obsm.get(f"padj_{method}")
