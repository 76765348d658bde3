from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import linger as lg
from linger.pl._by_group import groups_of_cells

mpl.use("Agg")


@pytest.fixture
def active(fitted):
    """With activity of three TFs, one of which no gene, and one missing value."""
    rng = np.random.default_rng(0)
    types = fitted["rna"].obs["cell_type"].astype(str).to_numpy()
    scores = pd.DataFrame(
        {
            "TF1": rng.normal(size=fitted.n_obs) + 3 * (types == "type_2"),
            "TF2": rng.normal(size=fitted.n_obs) + 1 * (types == "type_1"),
            "absent": rng.normal(size=fitted.n_obs),
        },
        index=fitted["rna"].obs_names,
    )
    scores.iloc[0, 0] = np.nan
    fitted["rna"].obsm["score_linger"] = scores
    return fitted


def _z(means):
    return (means - means.mean()) / means.std(ddof=0)


def _ticks(axis):
    return [tick.get_text() for tick in axis.get_ticklabels()]


def _means(mdata):
    return mdata["rna"].obsm["score_linger"].groupby(mdata["rna"].obs["cell_type"], observed=True).mean()


def test_order_of_groups(fitted):
    rna = fitted["rna"]
    rna.obs["text"] = [f"c{number % 11}" for number in range(fitted.n_obs)]
    assert groups_of_cells(rna, "text", rna_key="rna").cat.categories.tolist() == [f"c{number}" for number in range(11)]
    rna.obs["text"] = pd.Categorical(rna.obs["text"])
    assert groups_of_cells(rna, "text", rna_key="rna").cat.categories.tolist()[2] == "c2"
    rna.obs["mine"] = pd.Categorical(rna.obs["cell_type"], ["type_3", "nobody", "type_1", "type_2"])
    groups = groups_of_cells(rna, "mine", rna_key="rna")
    assert groups.cat.categories.tolist() == ["type_3", "type_1", "type_2"]
    rna.obs["mine"] = None
    with pytest.raises(ValueError, match="No cell"):
        groups_of_cells(rna, "mine", rna_key="rna")
    with pytest.raises(KeyError, match="nowhere"):
        groups_of_cells(rna, "nowhere", rna_key="rna")


@pytest.mark.parametrize("of", ["mudata", "anndata"])
def test_heatmap_of_activity(active, of):
    adata = active if of == "mudata" else active["rna"]
    ax, bar = lg.pl.activity(adata, "cell_type").axes
    expected = _z(_means(active)).T
    tfs = _ticks(ax.yaxis)
    assert _ticks(ax.xaxis) == expected.columns.tolist()
    np.testing.assert_allclose(ax.collections[0].get_array().reshape(expected.shape), expected.loc[tfs])
    best = expected.loc[tfs].idxmax(axis=1).tolist()
    assert best == sorted(best)
    assert bar.get_ylabel() == "activity, z-score over groups"


def test_tfs_that_differ_most_are_shown(active):
    figure = lg.pl.activity(active, "cell_type", kind="box", top=2)
    assert [ax.get_title() for ax in figure.axes] == ["TF1", "TF2"]
    figure = lg.pl.activity(active, "cell_type", kind="violin", tfs=["absent", "TF2"])
    assert [ax.get_title() for ax in figure.axes] == ["absent", "TF2"]


def test_dots_show_means_and_shares(active):
    ax, _ = lg.pl.activity(active, "cell_type", kind="dotplot").axes
    scores, types = active["rna"].obsm["score_linger"], active["rna"].obs["cell_type"]
    shares = (scores > 0).where(scores.notna()).astype(float).groupby(types, observed=True).mean()
    z = _z(_means(active))
    tfs, groups = _ticks(ax.yaxis), _ticks(ax.xaxis)
    dots = ax.collections[0]
    for (column, row), size, value in zip(dots.get_offsets(), dots.get_sizes(), dots.get_array(), strict=True):
        tf, group = tfs[int(row)], groups[int(column)]
        assert size == pytest.approx(5 + 105 * shares.loc[group, tf])
        assert value == pytest.approx(z.loc[group, tf])
    assert [text.get_text() for text in ax.figure.legends[0].get_texts()] == ["0%", "50%", "100%"]


def test_boxes_hold_the_cells_of_a_group(active):
    figure = lg.pl.activity(active, "cell_type", kind="box", tfs="TF1", expression=True)
    activity, expression = figure.axes
    assert (activity.get_xlabel(), expression.get_xlabel()) == ("activity", "expression")
    assert _ticks(activity.yaxis) == ["type_1", "type_2", "type_3"]
    types = active["rna"].obs["cell_type"]
    medians = [
        line.get_xdata()[0] for line in activity.lines if line.get_color() == "black" and len(line.get_xdata()) == 2
    ]
    expected = active["rna"].obsm["score_linger"]["TF1"].groupby(types, observed=True).median()
    assert set(np.round(expected, 6)) <= set(np.round(medians, 6))


def test_expression_beside_activity(active):
    figure = lg.pl.activity(active, "cell_type", expression=True)
    tables = [ax.collections[0].get_array() for ax in figure.axes[:2]]
    tfs = _ticks(figure.axes[0].yaxis)
    assert _ticks(figure.axes[1].yaxis) == tfs
    missing = np.ma.getmaskarray(tables[1]).reshape(3, 3).all(axis=1)
    assert [tf for tf, none in zip(tfs, missing, strict=True) if none] == ["absent"]
    counts = active["rna"][:, "TF1"].X.toarray().ravel()
    depth = np.asarray(active["rna"].X.sum(axis=1)).ravel()
    logged = pd.Series(np.log1p(counts / depth * np.median(depth)), active["rna"].obs_names)
    expected = _z(logged.groupby(active["rna"].obs["cell_type"], observed=True).mean())
    np.testing.assert_allclose(tables[1].reshape(3, 3)[tfs.index("TF1")], expected, rtol=1e-4)
    dotted = lg.pl.activity(active, "cell_type", kind="dotplot", expression=True).axes[1]
    assert len(dotted.collections[0].get_offsets()) == 6


def test_cells_without_group_and_one_group(active):
    obs = active["rna"].obs
    obs["one"] = np.where(obs["cell_type"] == "type_1", "type_1", None)
    ax, bar = lg.pl.activity(active, "one").axes
    assert _ticks(ax.xaxis) == ["type_1"]
    assert bar.get_ylabel() == "activity, mean"
    drawn = dict(zip(_ticks(ax.yaxis), ax.collections[0].get_array().ravel(), strict=True))
    assert drawn == pytest.approx(_means(active).loc["type_1"].to_dict())


def test_two_groups_keep_the_size_of_their_difference(active):
    obs, scores = active["rna"].obs, active["rna"].obsm["score_linger"]
    obs["two"] = obs["cell_type"].astype(str).where(obs["cell_type"] != "type_3")
    ax, bar = lg.pl.activity(active, "two").axes
    means = scores.groupby(obs["two"]).mean()
    expected = ((means - means.mean()) / scores[obs["two"].notna()].std()).T
    drawn = ax.collections[0].get_array().reshape(3, 2)
    np.testing.assert_allclose(drawn, expected.loc[_ticks(ax.yaxis)])
    assert np.abs(expected.loc["TF1"]).max() > 3 * np.abs(expected.loc["absent"]).max()
    assert bar.get_ylabel() == "activity, SD of cells from the mean"


@pytest.mark.parametrize("kind", ["heatmap", "dotplot"])
def test_rounding_is_no_difference(active, kind):
    active["rna"].obsm["score_linger"]["flat"] = 0.1  # sums of it differ in the last digit
    ax = lg.pl.activity(active, "cell_type", kind=kind).axes[0]
    drawn = np.asarray(ax.collections[0].get_array()).reshape(4, 3)
    assert (drawn[_ticks(ax.yaxis).index("flat")] == 0).all()
    active["rna"].obsm["score_linger"]["absent"] = 0.3  # neither differs: the name decides
    figure = lg.pl.activity(active, "cell_type", kind="box", top=4)
    assert [ax.get_title() for ax in figure.axes][2:] == ["absent", "flat"]


def test_bad_activity_is_refused(active):
    with pytest.raises(ValueError, match="kind"):
        lg.pl.activity(active, "cell_type", kind="pie")
    with pytest.raises(ValueError, match="top"):
        lg.pl.activity(active, "cell_type", top=0)
    with pytest.raises(KeyError, match="score_ulm"):
        lg.pl.activity(active, "cell_type", score="score_ulm")
    with pytest.raises(KeyError, match="TF9"):
        lg.pl.activity(active, "cell_type", tfs=["TF9"])


def test_importance(cells_importance):
    found = lg.get.tf_importance(cells_importance)
    ax = lg.pl.importance(cells_importance, top=2)
    shown = found[found["importance"] > 0].groupby("group").head(2)
    tfs = _ticks(ax.yaxis)
    assert set(tfs) == set(shown["tf"])
    assert _ticks(ax.xaxis) == found["group"].unique().tolist()
    table = found.pivot(index="tf", columns="group", values="importance").loc[tfs, found["group"].unique()]
    np.testing.assert_allclose(ax.collections[0].get_array().reshape(table.shape), table)
    best = table.to_numpy().argmax(axis=1).tolist()
    assert best == sorted(best)
    low, high = ax.collections[0].get_clim()
    assert (low, high) == pytest.approx((-table.abs().max().max(), table.abs().max().max()))  # 0 is white
    one = lg.pl.importance(cells_importance, tfs=["TF3", "TF1"], group="type_1")
    assert set(_ticks(one.yaxis)) == {"TF1", "TF3"}
    assert _ticks(one.xaxis) == ["type_1"]
    assert lg.pl.importance(cells_importance, ax=one) is one
    with pytest.raises(ValueError, match="top"):
        lg.pl.importance(cells_importance, top=0)
    values = cells_importance["rna"].varm["linger_tf_importance"]
    cells_importance["rna"].varm["linger_tf_importance"] = np.where(np.isnan(values), values, 0)
    with pytest.raises(ValueError, match="No TF has importance above 0"):
        lg.pl.importance(cells_importance)


@pytest.fixture
def cells_importance(cells):
    lg.tl.tf_importance(cells, "cell_type")
    return cells


def test_edges_on_an_embedding(fitted):
    net = lg.get.network(fitted, "trans", top=4)
    strengths = lg.get.edges_per_cell(fitted, net)
    points = np.random.default_rng(0).normal(size=(fitted.n_obs, 2))
    fitted["rna"].obsm["X_umap"] = points
    with pytest.raises(KeyError, match=r"lg\.tl\.edges_per_cell"):
        lg.pl.edges(fitted, "X_umap")
    fitted["rna"].obsm["linger_edges"] = strengths
    figure = lg.pl.edges(fitted, "X_umap")
    panels = [ax for ax in figure.axes if ax.get_title()]
    assert [ax.get_title() for ax in panels] == [name.replace("->", " → ") for name in strengths]
    for ax, name in zip(panels, strengths, strict=True):
        drawn = np.column_stack([ax.collections[0].get_offsets(), ax.collections[0].get_array()])
        expected = np.column_stack([points, strengths[name]])
        np.testing.assert_allclose(drawn[np.lexsort(drawn.T)], expected[np.lexsort(expected.T)], rtol=1e-6)
        assert ax.collections[0].norm.vmax == pytest.approx(strengths[name].quantile(0.99), rel=1e-5)
    shuffled = strengths.sample(frac=1, random_state=0)
    name = strengths.columns[1]
    (ax, _) = lg.pl.edges(fitted, "X_umap", edges=name, strengths=shuffled).axes
    drawn = np.column_stack([ax.collections[0].get_offsets(), ax.collections[0].get_array()])
    expected = np.column_stack([points, strengths[name]])
    np.testing.assert_allclose(drawn[np.lexsort(drawn.T)], expected[np.lexsort(expected.T)], rtol=1e-6)


def test_bad_edges_are_refused(fitted):
    fitted["rna"].obsm["X_umap"] = np.zeros((fitted.n_obs, 2))
    strengths = pd.DataFrame(1.0, fitted["rna"].obs_names, [f"A->{number}" for number in range(31)])
    with pytest.raises(ValueError, match="31 edges"):
        lg.pl.edges(fitted, "X_umap", strengths=strengths)
    few = strengths.iloc[:, :2]
    with pytest.raises(ValueError, match="quantile"):
        lg.pl.edges(fitted, "X_umap", strengths=few, quantile=0)
    with pytest.raises(KeyError, match="B->C"):
        lg.pl.edges(fitted, "X_umap", strengths=few, edges="B->C")
    with pytest.raises(KeyError, match="cells of the strengths"):
        lg.pl.edges(fitted, "X_umap", strengths=few.iloc[1:])
    with pytest.raises(KeyError, match="X_tsne"):
        lg.pl.edges(fitted, "X_tsne", strengths=few)
    with pytest.raises(ValueError, match="kind"):
        lg.pl.edges_by_group(fitted, "cell_type", strengths=few, kind="pie")


def test_edges_by_group(fitted):
    strengths = lg.get.edges_per_cell(fitted, lg.get.network(fitted, "trans", top=3))
    figure = lg.pl.edges_by_group(fitted, "cell_type", strengths=strengths)
    medians = strengths.groupby(fitted["rna"].obs["cell_type"], observed=True).median()
    for ax, name in zip(figure.axes, strengths, strict=True):
        assert ax.get_title() == name.replace("->", " → ")
        dots = [dot.get_offsets()[0] for dot in ax.collections if isinstance(dot, mpl.collections.PathCollection)]
        np.testing.assert_allclose(np.array(dots), np.column_stack([medians[name], range(3)]), rtol=1e-6)
        low, high = ax.get_xlim()
        assert low < 0 < strengths[name].max() <= high
    assert _ticks(figure.axes[0].yaxis) == ["type_1", "type_2", "type_3"]


def test_edges_that_no_cell_has_say_so(fitted):
    fitted["rna"].obsm["X_umap"] = np.zeros((fitted.n_obs, 2))
    strengths = pd.DataFrame({"A->B": 0.0, "A->C": 1.0}, fitted["rna"].obs_names)
    for figure in (
        lg.pl.edges(fitted, "X_umap", strengths=strengths),
        lg.pl.edges_by_group(fitted, "cell_type", strengths=strengths),
    ):
        assert [ax.get_title() for ax in figure.axes[:2]] == ["A → B: 0 in every cell", "A → C"]
    assert figure.axes[0].get_xlim()[1] == 1


def test_metacells(cells):
    made = lg.pp.metacells(cells, groupby="cell_type", n_metacells=30)
    numbers, *others = lg.pl.metacells(made).axes
    counts = made.obs["cell_type"].value_counts().sort_index()
    assert [bar.get_width() for bar in numbers.patches] == counts.tolist()
    assert _ticks(numbers.yaxis) == counts.index.tolist()
    expected = [made.obs["n_cells"], *((made[name].X > 0).sum(axis=1) for name in ("rna", "atac"))]
    for ax, values in zip(others, expected, strict=True):
        drawn = np.concatenate([dots.get_offsets()[:, 0] for dots in ax.collections])
        by_type = np.argsort(made.obs["cell_type"].to_numpy(str), kind="stable")
        np.testing.assert_allclose(drawn, np.asarray(values)[by_type])
    used = len(np.unique(made.obsm["cells"].nonzero()[1]))
    assert numbers.figure.get_suptitle() == f"{made.n_obs} metacells of {used} of 300 cells"
    assert len(lg.pl.metacells(lg.pp.metacells(cells, n_metacells=5)).axes[1].collections) == 1
    with pytest.raises(KeyError, match=r"lg\.pp\.metacells"):
        lg.pl.metacells(cells)


def test_prior_match(cells):
    report = {"n_genes": 200, "n_genes_matched": 150, "n_tfs": 10, "n_tfs_matched": 10, "n_peaks": 4000}
    report |= {"n_peaks_matched": 0, "n_prior_peaks": 5000, "n_prior_peaks_used": 2500}
    with pytest.raises(KeyError, match="prior="):
        lg.pl.prior_match(cells)
    cells.uns["linger"] = dict(cells.uns["linger"]) | {"prior": report}
    ax = lg.pl.prior_match(cells)
    assert [text.get_text() for text in ax.texts] == ["150 of 200", "10 of 10", "0 of 4,000", "2,500 of 5,000"]
    assert [bar.get_width() for bar in ax.patches[1::2]] == [0.75, 1.0, 0.0, 0.5]
    assert lg.pl.prior_match(cells, ax=ax) is ax
