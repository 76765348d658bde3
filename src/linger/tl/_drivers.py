"""TFs that differ between groups of cells or samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, ttest_ind

from linger._docs import docs
from linger._keys import DEFAULT_KEY
from linger._logging import logger
from linger._validate import columns, expression_of, known_names, preview, valid_key

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
    rna_key: str = "rna",
    key_added: str = DEFAULT_KEY,
    copy: bool = False,
) -> AnnData | MuData | None:
    """Test every TF for a difference of its activity between groups: case and control, or cell types.

    Welch's t-test of the activity in ``obsm["score_linger"]`` (:func:`linger.tl.tf_activity`), for every TF, group and cell type;
    p-values are adjusted over all of these tests together (Benjamini-Hochberg).

    Cells of one donor are not independent, so where there are several samples, name them: activity is then averaged over the
    cells of a sample (of a type, in a group) and samples are compared. Without samples cells are, and p-values say how
    well these cells are told apart, not what other donors would show.

    Parameters
    ----------
    adata
        Cells or samples with TF activity; of a MuData the expression modality.
    groupby
        Column of ``obs`` with what is compared.
    groups
        Groups to test; None tests all but the reference.
    reference
        The group to compare with, such as ``"control"``; ``"rest"`` compares with all other cells.
    within
        Column of ``obs`` with cell types in each of which the groups are compared; None compares all cells.
    sample_key
        Column of ``obs`` with samples (donors, replicates).
    %(rna_key)s
    key_added
        Suffix of the scores, and key of the result.
    %(copy)s

    Returns
    -------
    None, or the copy. Writes ``uns["linger"]["drivers"]`` of the expression modality (:func:`linger.get.drivers` returns it): columns ``within``
    (where given), ``group``, ``reference``, ``tf``, ``difference`` of the mean activities, ``statistic`` (t), ``p_value``, ``p_adj``, and the numbers
    compared, ``n_group`` and ``n_reference``. Where one side has fewer than two cells or samples nothing is tested: NaN.

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
    source = expression_of(adata, rna_key)
    score = f"score_{key_added}"
    if score not in source.obsm:
        msg = f"There is no TF activity in obsm[{score!r}]. Call lg.tl.tf_activity(adata, net) first."
        raise KeyError(msg)
    units = _units(source, groupby, within, sample_key, pd.DataFrame(source.obsm[score]))
    tables = [
        _test(units.activity[comparison.mine], units.activity[comparison.other]).assign(**comparison.names)
        for comparison in _comparisons(units, groups, reference, groupby)
    ]
    found = pd.concat(tables, ignore_index=True)
    tested = found["p_value"].notna()
    if not tested.any():
        msg = f"No group of {groupby!r} has two {'samples' if sample_key else 'cells'} on either side, so nothing can be compared."
        raise ValueError(msg)
    found["p_adj"] = np.nan
    found.loc[tested, "p_adj"] = false_discovery_control(found.loc[tested, "p_value"])
    shown = [
        "within",
        "group",
        "reference",
        "tf",
        "difference",
        "statistic",
        "p_value",
        "p_adj",
        "n_group",
        "n_reference",
    ]
    found = found[[column for column in shown if column != "within" or within is not None]]
    target = adata.copy() if copy else adata
    uns = expression_of(target, rna_key).uns
    ordered = found.sort_values(["p_value", *[name for name in ("within", "group", "tf") if name in found]])
    uns[key_added] = dict(uns.get(key_added, {})) | {"drivers": ordered.reset_index(drop=True)}
    return target if copy else None


class _Units(NamedTuple):
    """What is compared: cells, or means over the cells of a sample."""

    activity: pd.DataFrame
    group: np.ndarray
    within: np.ndarray


class _Comparison(NamedTuple):
    names: dict[str, str]
    mine: np.ndarray
    other: np.ndarray


def _units(adata: AnnData, groupby: str, within: str | None, sample_key: str | None, activity: pd.DataFrame) -> _Units:
    """Return cells, or samples with mean activity, that have a group (and a type)."""
    used = [name for name in (groupby, within, sample_key) if name is not None]
    columns(adata.obs, used, "obs", "adata.obs[...] = ...")
    labels = adata.obs[used].astype(object)
    kept = labels.notna().all(axis=1).to_numpy() & activity.notna().all(axis=1).to_numpy()
    if not kept.all():
        logger.warning(
            "%d of %d cells have no %s or no activity and are left out.", (~kept).sum(), len(kept), preview(used)
        )
    labels, activity = labels[kept].astype(str), activity[kept]
    if sample_key is None:
        logger.warning(
            "Cells are compared, and cells of a donor are no replicates: name the samples (sample_key=) where there are several."
        )
    else:
        keys = [labels[name].to_numpy() for name in dict.fromkeys(used)]
        activity = activity.groupby(keys).mean()
        index = activity.index.to_frame(index=False).set_axis(list(dict.fromkeys(used)), axis=1)
        labels, activity = index, activity.reset_index(drop=True)
    types = np.full(len(labels), "all", dtype=object) if within is None else labels[within].to_numpy()
    return _Units(activity, labels[groupby].to_numpy(), types)


def _comparisons(
    units: _Units, groups: str | Iterable[str] | None, reference: str, groupby: str
) -> Iterator[_Comparison]:
    """Yield every group in every type with what it is compared with."""
    names = pd.Index(np.unique(units.group), dtype=object)
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
    for kind in np.unique(units.within):
        inside = units.within == kind
        for name in chosen:
            other = units.group != name if reference == REST else units.group == reference
            labels = {"within": kind, "group": name, "reference": reference}
            yield _Comparison(labels, inside & (units.group == name), inside & other)


def _test(mine: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return Welch's t-test of every TF."""
    found = pd.DataFrame({"tf": mine.columns.astype(str), "difference": (mine.mean() - other.mean()).to_numpy()})
    found["n_group"], found["n_reference"] = len(mine), len(other)
    found["statistic"] = found["p_value"] = np.nan
    if min(len(mine), len(other)) >= 2:
        with np.errstate(divide="ignore", invalid="ignore"):  # activity that does not vary
            test = ttest_ind(mine.to_numpy(float), other.to_numpy(float), equal_var=False)
        found["statistic"], found["p_value"] = test.statistic, test.pvalue
    return found
