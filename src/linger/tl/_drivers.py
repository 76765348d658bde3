"""TFs that differ between groups of cells or samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.stats import false_discovery_control, ttest_ind
from scipy.stats import t as student

from linger._docs import docs
from linger._groups import obs_column
from linger._keys import DEFAULT_KEY, DriverMethod, drivers_slot
from linger._logging import logger
from linger._validate import columns, expression_of, known_names, preview, tf_mask, valid_key
from linger.tl._network_scores import network_scores
from linger.tl._tf_activity import expression_values

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

REST = "rest"


@docs.dedent
def drivers(
    adata: AnnData | MuData,
    groupby: str,
    *,
    groups: str | Iterable[str] | None = None,
    reference: str = REST,
    within: str | None = None,
    sample_key: str | None = None,
    covariates: Iterable[str] = (),
    method: DriverMethod = "activity",
    layer: str | None = None,
    rna_key: str = "rna",
    atac_key: str = "atac",
    key_added: str = DEFAULT_KEY,
    copy: bool = False,
) -> AnnData | MuData | None:
    """Test every TF for a difference of its activity between groups: case and control, or cell types.

    Welch's t-test of the activity in ``obsm["score_linger"]`` (:func:`linger.tl.tf_activity`), for every TF, group and cell type;
    p-values are adjusted over all of these tests together (Benjamini-Hochberg).

    Cells of one donor are not independent, so where there are several samples, name them: activity is then averaged over the
    cells of a sample on either side of the comparison (of a type), and samples are compared. Without samples cells are, and p-values say how
    well these cells are told apart, not what other donors would show.

    Parameters
    ----------
    adata
        Cells or samples with TF activity; of a MuData the expression modality.
    groupby
        Column of ``obs`` with what is compared; of a MuData in its own ``obs`` or a modality's, as all columns here.
    groups
        Groups to test; None tests all but the reference.
    reference
        The group to compare with, such as ``"control"``; ``"rest"`` compares with all other cells.
    within
        Column of ``obs`` with cell types in each of which the groups are compared; None compares all cells.
    sample_key
        Column of ``obs`` with samples (donors, replicates).
    covariates
        Columns of ``obs`` (numbers, or categories such as sex or batch; one value a sample) to account for: the statistic is then that of the
        group in a linear model of the activity with these, a t-test of equal variances.
    method
        ``"activity"``: the activity of the TF's targets, as above. ``"expression"``: the expression of the TF itself, to put beside it. ``"transcriptomic"`` and ``"epigenetic"`` need a fitted MuData in place of activity: the
        TF's edges to all genes (trans, quantile-normalised as for regulons) or all peaks (binding) are correlated with the log fold changes of expression
        or accessibility, as the authors of LINGER do. Where `within` is the grouping of the stored networks (:func:`linger.tl.group_means`) each type has
        its own. The covariance of edges and log fold changes is the difference between the groups of what each cell has along the edges, so it is
        tested as activity is, by samples.
    layer
        Layer of the values that all methods but the first read; None takes ``X`` (expression) or counts as :func:`linger.tl.fit` does.
    %(keys)s
    key_added
        Suffix of the scores, key of the fit and of the result.
    %(copy)s

    Returns
    -------
    None, or the copy. Writes ``uns["linger"]["drivers"]`` of the expression modality (``"drivers_expression"`` and so on by the other methods;
    :func:`linger.get.drivers` returns it): columns ``within``
    (where given), ``group``, ``reference``, ``tf``, ``difference`` of the mean activities (with covariates the coefficient of the group), ``statistic`` (t), ``p_value``, ``p_adj``, and the numbers
    compared, ``n_group`` and ``n_reference``; by the last two methods also ``correlation`` of edges and log fold changes. Where one side has fewer than two cells or samples nothing is tested: NaN.

    Raises
    ------
    KeyError
        If there is no activity, or a column or group is missing.
    ValueError
        If there is nothing to compare.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> lg.tl.tf_activity(mdata, lg.get.regulons(mdata, n_targets=20))
    >>> lg.tl.drivers(mdata, "cell_type")
    >>> lg.get.drivers(mdata).groupby("group").size().tolist()  # 12 TFs
    [12, 12, 12]
    """
    valid_key(key_added)
    if method not in get_args(DriverMethod):
        msg = f"method must be one of {', '.join(map(repr, get_args(DriverMethod)))}, found {method!r}."
        raise ValueError(msg)
    source = expression_of(adata, rna_key)
    covariates = [covariates] if isinstance(covariates, str) else list(covariates)
    used = list(dict.fromkeys(name for name in (groupby, within, sample_key) if name is not None))
    if set(used) & set(covariates):
        msg = f"{preview(sorted(set(used) & set(covariates)))} cannot be a covariate too: it says what is compared."
        raise ValueError(msg)
    obs = _obs(adata, source, [*used, *covariates])
    profiles = None
    if method == "activity":
        scores = _activity(source, key_added)
    elif method == "expression":
        scores = _expression(source, layer, key_added)
    else:
        options: dict[str, Any] = {"key": key_added, "rna_key": rna_key, "atac_key": atac_key, "layer": layer}
        types = None if within is None else obs[within]
        scores, profiles = network_scores(adata, method, types=types, groupby=within, **options)
    cells = _cells(obs[used], _model_columns(obs[covariates]), scores, profiles, groupby, within, sample_key)
    tables = [_test(cells, each).assign(**each.names) for each in _comparisons(cells, groups, reference, groupby)]
    found = pd.concat(tables, ignore_index=True)
    tested = found["p_value"].notna()
    if not tested.any():
        msg = f"No group of {groupby!r} has two {'samples' if sample_key else 'cells'} on either side, or it follows from the covariates, so nothing can be compared."
        raise ValueError(msg)
    found["p_adj"] = np.nan
    found.loc[tested, "p_adj"] = false_discovery_control(found.loc[tested, "p_value"])
    shown = [
        "within",
        "group",
        "reference",
        "tf",
        "difference",
        "correlation",
        "statistic",
        "p_value",
        "p_adj",
        "n_group",
        "n_reference",
    ]
    left_out = {"within": within is None, "correlation": profiles is None}
    found = found[[column for column in shown if not left_out.get(column)]]
    target = adata.copy() if copy else adata
    uns = expression_of(target, rna_key).uns
    ordered = found.sort_values(["p_value", *[name for name in ("within", "group", "tf") if name in found]])
    uns[key_added] = dict(uns.get(key_added, {})) | {drivers_slot(method): ordered.reset_index(drop=True)}
    return target if copy else None


def _activity(source: AnnData, key_added: str) -> pd.DataFrame:
    score = f"score_{key_added}"
    if score not in source.obsm:
        msg = f"There is no TF activity in obsm[{score!r}]. Call lg.tl.tf_activity(adata, net) first."
        raise KeyError(msg)
    stored = source.obsm[score]
    return stored if isinstance(stored, pd.DataFrame) else pd.DataFrame(stored, index=source.obs_names)


def _expression(source: AnnData, layer: str | None, key_added: str) -> pd.DataFrame:
    """Return the expression of the TFs with an activity, or else of those marked as TFs; counts are scaled and logged."""
    scored = source.obsm.get(f"score_{key_added}")
    tfs = source.var_names.intersection(scored.columns) if scored is not None else source.var_names[tf_mask(source)]
    if not len(tfs):
        msg = "None of the TFs with an activity is among the genes, so their expression cannot be tested."
        raise ValueError(msg)
    values = expression_values(source, layer, as_they_are=False)[:, source.var_names.get_indexer(tfs)]
    return pd.DataFrame(values.toarray() if isinstance(values, sparse.csr_matrix) else values, source.obs_names, tfs)


class _Cells(NamedTuple):
    """Cells that have a group (and a type, a sample, covariates)."""

    activity: pd.DataFrame
    profiles: sparse.csr_matrix | None
    """Log-normalised expression or accessibility, for methods that correlate with its changes."""
    group: np.ndarray
    within: np.ndarray
    sample: np.ndarray | None
    covariates: pd.DataFrame

    def units(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return activity and covariates of the chosen cells, or their means by sample."""
        activity, model = self.activity[chosen], self.covariates[chosen]
        if self.sample is not None:
            activity, model = (part.groupby(self.sample[chosen]).mean() for part in (activity, model))
        return activity.to_numpy(float), model.to_numpy(float)

    def mean_profile(self, profiles: sparse.csr_matrix, chosen: np.ndarray) -> np.ndarray:
        """Return the mean profile of the chosen cells, every sample counting alike."""
        weight = np.ones(chosen.sum())
        if self.sample is not None:
            weight = 1 / pd.Series(self.sample[chosen]).map(pd.Series(self.sample[chosen]).value_counts()).to_numpy(
                float
            )
        return np.asarray(profiles[chosen].T @ (weight / weight.sum())).ravel()


class _Comparison(NamedTuple):
    names: dict[str, str]
    mine: np.ndarray
    other: np.ndarray


def _obs(adata: AnnData | MuData, source: AnnData, names: list[str]) -> pd.DataFrame:
    """Return columns of obs; of a MuData those of its own or of a modality."""
    if hasattr(adata, "mod"):
        found = {name: obs_column(adata, name, source.obs_names, keys=tuple(adata.mod)) for name in names}
        return pd.DataFrame(found, index=source.obs_names)
    columns(adata.obs, names, "adata.obs", "adata.obs.columns to see what there is, or add it,")
    return adata.obs[names]


def _cells(
    labels: pd.DataFrame,
    model: pd.DataFrame,
    activity: pd.DataFrame,
    profiles: sparse.csr_matrix | None,
    groupby: str,
    within: str | None,
    sample_key: str | None,
) -> _Cells:
    """Return the cells that have all labels, activity and covariates."""
    kept = labels.notna().all(axis=1) & activity.notna().all(axis=1) & model.notna().all(axis=1)
    if not kept.all():
        shown = preview([*labels.columns, *model.columns])
        logger.warning("%d of %d cells have no %s or no activity and are left out.", (~kept).sum(), len(kept), shown)
    labels, activity, model = labels[kept].astype(object).astype(str), activity[kept], model[kept]
    if sample_key is None:
        logger.warning(
            "Cells are compared, and cells of a donor are no replicates: name the samples (sample_key=) where there are several."
        )
    else:
        keys = [labels[name].to_numpy() for name in labels]
        _one_value_a_sample(model, keys)
    types = np.full(len(labels), "all", dtype=object) if within is None else labels[within].to_numpy()
    sample = None if sample_key is None else labels[sample_key].to_numpy()
    profiles = None if profiles is None else profiles[kept.to_numpy()]
    return _Cells(activity, profiles, labels[groupby].to_numpy(), types, sample, model)


def _model_columns(covariates: pd.DataFrame) -> pd.DataFrame:
    """Return numbers as they are and categories as indicators of all but the first, NaN where there is no value."""
    parts = [pd.DataFrame(index=covariates.index)]
    for name, values in covariates.items():
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            parts.append(values.astype(float).to_frame())
            continue
        indicators = pd.get_dummies(values.astype(object), prefix=str(name), drop_first=True, dtype=float)
        parts.append(indicators.where(values.notna(), np.nan))
    return pd.concat(parts, axis=1)


def _one_value_a_sample(model: pd.DataFrame, keys: list[np.ndarray]) -> None:
    varying = model.groupby(keys).std().max()
    if (varying > 1e-9).any():
        msg = (
            f"Covariates must have one value a sample; {preview(varying.index[varying > 1e-9])} varies within samples."
        )
        raise ValueError(msg)


def _comparisons(
    cells: _Cells, groups: str | Iterable[str] | None, reference: str, groupby: str
) -> Iterator[_Comparison]:
    """Yield every group in every type with what it is compared with."""
    names, reference = pd.Index(np.unique(cells.group), dtype=object), str(reference)
    if groups is not None and not isinstance(groups, str):
        groups = [str(group) for group in groups]
    if reference != REST:
        known_names(reference, names, f"groups of {groupby!r}")
    chosen = (
        names.drop(reference, errors="ignore")
        if groups is None
        else known_names(groups, names, f"groups of {groupby!r}")
    )
    if not len(chosen) or len(names) < 2:
        msg = f"{groupby!r} has no two groups to compare (there are {preview(names)})."
        raise ValueError(msg)
    for kind in np.unique(cells.within):
        inside = cells.within == kind
        for name in chosen:
            other = cells.group != name if reference == REST else cells.group == reference
            labels = {"within": kind, "group": name, "reference": reference}
            yield _Comparison(labels, inside & (cells.group == name), inside & other)


def _test(cells: _Cells, comparison: _Comparison) -> pd.DataFrame:
    """Return the test of every TF; NaN where its activity does not vary beyond rounding."""
    (mine, mine_model), (other, other_model) = (cells.units(side) for side in (comparison.mine, comparison.other))
    found = pd.DataFrame({"tf": cells.activity.columns.astype(str)})
    found["n_group"], found["n_reference"] = len(mine), len(other)
    found[["difference", "correlation", "statistic", "p_value"]] = np.nan
    if not (len(mine) and len(other)):
        return found
    found["difference"] = mine.mean(axis=0) - other.mean(axis=0)
    if cells.profiles is not None:
        mine_mean, other_mean = (
            cells.mean_profile(cells.profiles, side) for side in (comparison.mine, comparison.other)
        )
        spread = (mine_mean - other_mean).std()
        found["correlation"] = found["difference"] / spread if spread > 0 else np.nan
    if min(len(mine), len(other)) < 2:
        return found
    both = np.vstack([mine, other])
    with np.errstate(divide="ignore", invalid="ignore"):
        if mine_model.shape[1]:
            slope, t, p_value = _linear_model(mine, other, np.vstack([mine_model, other_model]))
            found["difference"] = np.where(np.isnan(slope), found["difference"], slope)
        else:
            t, p_value = ttest_ind(mine, other, equal_var=False)
    varies = np.maximum(mine.std(axis=0), other.std(axis=0)) > 1e-9 * np.abs(both).max(axis=0)
    found["statistic"], found["p_value"] = np.where(varies, t, np.nan), np.where(varies, p_value, np.nan)
    return found


def _linear_model(
    mine: np.ndarray, other: np.ndarray, covariates: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return coefficient, t and p-value of the group in activity ~ 1 + covariates + group; NaN where the group follows from the covariates."""
    group = np.repeat([1.0, 0.0], [len(mine), len(other)])
    # centred and scaled, so that a date of eight digits is no rounding error away from the intercept
    centred = covariates - covariates.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    varies = length > 1e-12 * np.abs(covariates).max(axis=0)
    centred = centred[:, varies] / length[varies]
    directions, size, _ = np.linalg.svd(centred, full_matrices=False)
    basis = np.column_stack([np.full(len(group), len(group) ** -0.5), directions[:, size > 1e-8 * size.max(initial=0)]])
    activity = np.vstack([mine, other])
    residual, free = activity - basis @ (basis.T @ activity), group - basis @ (basis.T @ group)
    nothing = np.full(activity.shape[1], np.nan)
    left = len(group) - basis.shape[1] - 1
    if left < 1 or free @ free < 1e-9 * (group @ group):
        return nothing, nothing, nothing
    slope = free @ residual / (free @ free)
    error = ((residual - np.outer(free, slope)) ** 2).sum(axis=0) / left / (free @ free)
    t = slope / np.sqrt(error)
    return slope, t, 2 * student.sf(np.abs(t), left)
