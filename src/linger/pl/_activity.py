"""TF activity by group of cells."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import numpy as np
import pandas as pd
from scipy import sparse

from linger._docs import docs
from linger._validate import expression_of, known_names
from linger.pl._by_group import Distribution, along_diagonal, draw_distribution, groups_of_cells
from linger.pl._heatmap import draw_heatmap
from linger.pl._style import color_scale, colored
from linger.tl._tf_activity import expression_values

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from mudata import MuData

Kind = Literal["heatmap", "dotplot", "violin", "box"]
_TOP: Final[dict[str, int]] = {"heatmap": 25, "dotplot": 25, "violin": 4, "box": 4}
_ROUNDING: Final = 1e-9  # of the size of numbers; what differs by less does not differ
_AREA: Final = (5.0, 110.0)  # of the dots of shares 0 and 1, in points squared


@docs.dedent
def activity(
    adata: AnnData | MuData,
    groupby: str,
    *,
    kind: Kind = "heatmap",
    tfs: str | Iterable[str] | None = None,
    top: int | None = None,
    expression: bool = False,
    layer: str | None = None,
    score: str = "score_linger",
    rna_key: str = "rna",
) -> Figure:
    """Draw how active TFs are in groups of cells.

    Parameters
    ----------
    adata
        Cells with activity (:func:`linger.tl.tf_activity`); of a MuData the expression modality.
    groupby
        Column of ``obs`` with the groups; cells without one are left out.
    kind
        ``"heatmap"``: means of groups, as z-scores over the groups. Of two groups, whose z-scores are 1 and -1 however little they differ, as distances
        from the mean of both in standard deviations of the cells; of one group as they are. ``"dotplot"``: the same as colour, the share of cells above 0 as size. ``"violin"``, ``"box"``: all cells, a column a TF.
    tfs
        TFs to show; None takes those whose means differ most between groups, relative to the standard deviation of the cells.
    top
        How many of these; None takes 25, for violins and boxes 4.
    expression
        Show the expression of the TFs, too, scaled to the median depth and logged. TFs that are not among the genes have none.
    layer
        Layer with expression; None takes ``X``.
    score
        Slot of ``obsm`` with the activity, cells x TFs: ``"score_ulm"`` for what decoupler wrote.
    %(rna_key)s

    Returns
    -------
    The figure. In heatmap and dot plot TFs are in the order of the group where they are most active.

    Raises
    ------
    KeyError
        If there is no activity, or a column, layer or TF is missing.
    ValueError
        If there is no such kind, `top` is not positive, or no cell has a group.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> net = pd.DataFrame({"source": np.repeat(["TF1", "TF2"], 6), "target": [f"GENE{i}" for i in range(20, 32)], "weight": 1.0})
    >>> lg.tl.tf_activity(mdata, net, method="ulm")
    >>> [tick.get_text() for tick in lg.pl.activity(mdata, "cell_type").axes[0].get_xticklabels()]
    ['type_1', 'type_2', 'type_3']
    """
    if kind not in get_args(Kind):
        msg = f"kind must be one of {', '.join(map(repr, get_args(Kind)))}, found {kind!r}."
        raise ValueError(msg)
    source = expression_of(adata, rna_key)
    if score not in source.obsm:
        msg = f"obsm has no {score!r}. Call lg.tl.tf_activity(adata, net) first, or name the slot: score=."
        raise KeyError(msg)
    groups = groups_of_cells(adata, groupby, rna_key=rna_key)
    scores = pd.DataFrame(source.obsm[score]).astype(float)
    if tfs is None:
        chosen = _most_different(scores, groups, _TOP[kind] if top is None else top)
    else:
        chosen = list(known_names(tfs, scores.columns, "TFs"))
    values = {"activity": scores[chosen]}
    if expression:
        values["expression"] = _expression(source, chosen, layer)
    if kind == "heatmap":
        return _heatmaps(values, groups)
    return _dots(values, groups) if kind == "dotplot" else _distributions(values, groups, kind)


def _most_different(scores: pd.DataFrame, groups: pd.Series, top: int) -> list[str]:
    """Return the TFs whose means differ most; ties go by name."""
    if top < 1:
        msg = f"top must be 1 or more, found {top}."
        raise ValueError(msg)
    means, sd = _means(scores, groups), scores.std()
    difference = ((means.max() - means.min()) / sd.where(_differ(sd, means))).fillna(0)
    ranked = pd.DataFrame({"difference": difference, "tf": difference.index.astype(str)})
    return ranked.sort_values(["difference", "tf"], ascending=[False, True]).index[:top].tolist()


def _means(values: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    return values.groupby(groups.to_numpy(), observed=True).mean().reindex(groups.cat.categories)


def _differ(sd: pd.Series, means: pd.DataFrame) -> pd.Series:
    """Return of which columns a standard deviation is more than rounding."""
    return sd > _ROUNDING * means.abs().max()


def _expression(source: AnnData, tfs: list[str], layer: str | None) -> pd.DataFrame:
    """Return logged expression of the TFs, NaN where they are not among the genes."""
    values = sparse.csc_matrix(expression_values(source, layer, as_they_are=False))
    table = pd.DataFrame(index=source.obs_names)
    for tf in tfs:
        at = source.var_names.get_indexer([tf])[0]
        table[tf] = values[:, [at]].toarray().ravel() if at >= 0 else np.nan
    return table


def _over_groups(values: pd.DataFrame, groups: pd.Series) -> tuple[pd.DataFrame, str]:
    """Return means of groups on one scale for all TFs, TFs x groups, and what they are."""
    means = _means(values, groups)
    if len(means) == 1:
        return means.T, "mean"
    if len(means) == 2:
        sd, what = values[groups.notna().to_numpy()].std(), "SD of cells from the mean"
    else:
        sd, what = means.std(ddof=0), "z-score over groups"
    differ = _differ(sd, means)
    return ((means - means.mean()) / sd.where(differ, 1.0) * differ).T, what


def _heatmaps(values: dict[str, pd.DataFrame], groups: pd.Series) -> Figure:
    """Draw a heatmap a measure, TFs in the order of the first."""
    figure, axes = _side_by_side(values, groups)
    order = along_diagonal(_over_groups(values["activity"], groups)[0]).index
    for ax, (name, each) in zip(axes, values.items(), strict=True):
        table, what = _over_groups(each, groups)
        draw_heatmap(table.loc[order], label=f"{name}, {what}", ax=ax)
    return figure


def _dots(values: dict[str, pd.DataFrame], groups: pd.Series) -> Figure:
    """Draw a dot a TF and group: colour is the mean, size the share of cells above 0."""
    figure, axes = _side_by_side(values, groups)
    order = along_diagonal(_over_groups(values["activity"], groups)[0]).index
    for ax, (name, each) in zip(axes, values.items(), strict=True):
        table, what = _over_groups(each[order], groups)
        shares = _means((each[order] > 0).where(each[order].notna()).astype(float), groups).T
        colors = color_scale(table.to_numpy().ravel())
        row, column = np.indices(table.shape)
        known = table.notna().to_numpy()
        drawn = ax.scatter(
            column[known], row[known], s=_areas(shares.to_numpy()[known]), c=table.to_numpy()[known],
            edgecolors="#555555", linewidths=0.5, **colored(colors),
        )  # fmt: skip
        ax.set_xticks(range(table.shape[1]), table.columns, rotation=90, fontsize="small")
        ax.set_yticks(range(len(table)), table.index, fontsize="small")
        ax.set(xlim=(-0.7, table.shape[1] - 0.3), ylim=(len(table) - 0.3, -0.7))
        ax.tick_params(length=0)
        ax.spines[:].set_color("#cccccc")
        share = min(1.0, 2.2 / (0.2 * len(table)))
        figure.colorbar(drawn, ax=ax, label=f"{name}, {what}", shrink=share, anchor=(0.0, 1.0), aspect=14)
    _size_legend(figure)
    return figure


def _areas(shares: np.ndarray | float) -> np.ndarray:
    return _AREA[0] + (_AREA[1] - _AREA[0]) * np.asarray(shares, dtype=float)


def _size_legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    style: dict[str, Any] = {"marker": "o", "linestyle": "", "markerfacecolor": "#bbbbbb", "markeredgecolor": "#555555"}
    handles = [
        Line2D([], [], **style, markersize=float(_areas(share)) ** 0.5, label=f"{share:.0%}")
        for share in (0.0, 0.5, 1.0)
    ]
    figure.legend(
        handles=handles, title="cells above 0", loc="outside lower center", ncols=3, frameon=False, fontsize="small",
        title_fontsize="small",
    )  # fmt: skip


def _side_by_side(values: dict[str, pd.DataFrame], groups: pd.Series) -> tuple[Figure, list[Axes]]:
    """Return a figure with room for a table of TFs and groups a measure."""
    import matplotlib.pyplot as plt

    tfs, names = next(iter(values.values())).columns, groups.cat.categories
    width = 1.4 + max(0.22 * len(names), 1.2) + 0.075 * max(map(len, map(str, tfs)))
    height = 0.6 + max(0.2 * len(tfs), 2.2) + 0.075 * max(map(len, names))
    figure, axes = plt.subplots(
        1, len(values), figsize=(width * len(values), height), layout="constrained", squeeze=False
    )
    return figure, list(axes[0])


def _distributions(values: dict[str, pd.DataFrame], groups: pd.Series, kind: Distribution) -> Figure:
    """Draw a panel a TF and measure."""
    import matplotlib.pyplot as plt

    tfs, names = list(values["activity"].columns), groups.cat.categories
    size = (2.4 * len(tfs) + 0.08 * max(map(len, names)), len(values) * (0.9 + 0.28 * len(names)))
    figure, axes = plt.subplots(len(values), len(tfs), figsize=size, sharey=True, layout="constrained", squeeze=False)
    for row, (name, each) in zip(axes, values.items(), strict=True):
        for ax, tf in zip(row, tfs, strict=True):
            draw_distribution(ax, each[tf], groups, kind=kind)
            ax.set_xlabel(name)
    for ax, tf in zip(axes[0], tfs, strict=True):
        ax.set_title(tf, fontsize="medium")
    return figure
