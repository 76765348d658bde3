from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import linger as lg
from linger.pl._embedding import draw_embedding


@pytest.fixture
def perturbed(fitted):
    lg.tl.perturb(fitted, {"TF1": 0.0}, cells=fitted.obs_names[:-20])
    fitted["rna"].obsm["X_umap"] = np.random.default_rng(0).normal(size=(fitted.n_obs, 2))
    return fitted


def points(collection):
    return {tuple(place) for place in np.asarray(collection.get_offsets())}


def test_perturbation_colours_cells_by_the_change_of_a_gene(perturbed):
    change = lg.get.perturbation(perturbed)["GENE20"]
    places = pd.DataFrame(perturbed["rna"].obsm["X_umap"], perturbed.obs_names)
    ax = lg.pl.perturbation(perturbed, "X_umap", gene="GENE20", quantile=0.9)
    unknown, cells = ax.collections
    assert points(unknown) == set(places.drop(change.index).itertuples(index=False, name=None))
    drawn = {tuple(at): value for at, value in zip(cells.get_offsets().tolist(), cells.get_array(), strict=True)}
    assert drawn == pytest.approx({tuple(places.loc[cell]): value for cell, value in change.items()})
    low, high = cells.get_clim()
    assert high == pytest.approx(change.abs().quantile(0.9))
    assert low == pytest.approx(-high if (change < 0).any() else change.clip(upper=high).min())
    assert ax.get_title() == "TF1 x 0: GENE20"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("UMAP 1", "UMAP 2")


def test_perturbation_of_all_genes_leaves_out_what_was_set(perturbed):
    change = lg.get.perturbation(perturbed)
    cells = lg.pl.perturbation(perturbed, "X_umap").collections[-1]
    expected = change.drop(columns="TF1").abs().mean(axis=1)
    np.testing.assert_allclose(np.sort(cells.get_array()), np.sort(expected), rtol=1e-6)


def test_perturbation_follows_names(perturbed):
    perturbed.obsm["X_other"] = perturbed["rna"].obsm["X_umap"] + 1  # the same cells, in the order of the MuData
    ax = lg.pl.perturbation(perturbed, "X_other")
    assert ax.get_xlabel() == "OTHER 1"
    assert len(points(ax.collections[0]) | points(ax.collections[1])) == perturbed.n_obs


def test_perturbation_refuses_what_is_not_there(perturbed):
    with pytest.raises(KeyError, match="X_tsne"):
        lg.pl.perturbation(perturbed, "X_tsne")
    with pytest.raises(KeyError, match="Did you mean 'GENE20'"):
        lg.pl.perturbation(perturbed, "X_umap", gene="gene20")
    with pytest.raises(ValueError, match="quantile"):
        lg.pl.perturbation(perturbed, "X_umap", quantile=0)
    perturbed["rna"].obsm["X_one"] = np.zeros((perturbed.n_obs, 1))
    with pytest.raises(ValueError, match="one dimension"):
        lg.pl.perturbation(perturbed, "X_one")


@pytest.fixture
def shifted(perturbed):
    lg.tl.perturb_shift(perturbed, "X_umap", n_neighbors=10, n_grid=12)
    return perturbed


def test_streams_stay_among_the_cells(shifted):
    ax = lg.pl.shift(shifted, kind="stream", min_mass=0.2)
    record = shifted.uns["linger"]["shift"]
    grid, mass = np.asarray(record["grid"]), np.asarray(record["mass"])
    kept = grid[mass > 0.2 * mass.max()]
    lines = np.concatenate(ax.collections[-1].get_segments())
    assert len(lines)
    step = np.ptp(grid, axis=0) / 11
    far = (np.abs((lines[:, None] - kept[None]) / step).max(axis=2).min(axis=1)).max()
    assert far <= 1  # no line further from a point of the field than the next one
    cells = np.asarray(shifted["rna"].obsm["X_umap"])
    low, high = ax.get_xlim()
    assert low <= cells[:, 0].min() < cells[:, 0].max() <= high
    with pytest.raises(ValueError, match="'quiver' or 'stream', found 'lines'"):
        lg.pl.shift(shifted, kind="lines")


def test_streams_leave_out_faint_shifts(shifted):
    record = shifted.uns["linger"]["shift"]
    left = np.asarray(record["grid"])[:, 0] < np.median(np.asarray(record["grid"])[:, 0])
    record["field"] = np.where(left[:, None], [[1.0, 0.0]], [[0.02, 0.0]])
    record["field_control"] = np.full_like(record["field"], 0.01)
    lines = np.concatenate(lg.pl.shift(shifted, kind="stream", min_mass=0).collections[-1].get_segments())
    assert lines[:, 0].max() <= np.asarray(record["grid"])[~left, 0].min()
    control = lg.pl.shift(shifted, kind="stream", control=True).collections[-1]
    assert not len(control.get_segments())


def test_scale_is_the_length_of_arrows_in_steps(shifted):
    record = shifted.uns["linger"]["shift"]
    arrows = lg.pl.shift(shifted, scale=3, min_mass=0).collections[-1]
    kept = np.asarray(record["mass"]) > 0
    step = np.ptp(record["grid"], axis=0).min() / 11
    np.testing.assert_allclose(np.column_stack([arrows.U, arrows.V]), record["field"][kept] * step * 3, rtol=1e-4)


def test_arrows_and_streams_point_where_cells_move(perturbed):
    perturbed["rna"].obsm["X_umap"] *= [30, 1]  # axes of different lengths
    lg.tl.perturb_shift(perturbed, "X_umap", n_neighbors=10, n_grid=12)
    record = perturbed.uns["linger"]["shift"]
    record["field"] = np.full_like(record["field"], 0.5)
    arrows = lg.pl.shift(perturbed, min_mass=0).collections[-1]
    np.testing.assert_allclose(arrows.U, arrows.V)
    lines = lg.pl.shift(perturbed, kind="stream", min_mass=0).collections[-1].get_segments()
    ways = np.array([line[-1] - line[0] for line in lines])
    ways = ways[np.abs(ways).sum(axis=1) > 0]
    np.testing.assert_allclose(ways[:, 0], ways[:, 1], rtol=1e-3)


def test_more_groups_than_colours_are_numbered(shifted):
    names = np.array([f"subset {i % 9 + 1}" if i % 10 else None for i in range(shifted.n_obs)], dtype=object)
    shifted.obs["subset"] = names
    ax = lg.pl.shift(shifted, color="subset")
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == [f"{i}  subset {i}" for i in range(1, 10)]
    places = pd.DataFrame(shifted["rna"].obsm["X_umap"]).groupby(names).median()
    for text in ax.texts:
        np.testing.assert_allclose(text.xy, places.loc[f"subset {text.get_text()}"])
    unknown, *groups, _ = ax.collections
    assert len(points(unknown)) == sum(name is None for name in names)
    assert [len(points(group)) for group in groups] == [int((names == f"subset {i}").sum()) for i in range(1, 10)]


def test_numbers_of_groups_do_not_cover_each_other(shifted):
    group = np.arange(shifted.n_obs) % 12
    shifted.obs["subset"] = np.array([f"subset {i}" for i in group], dtype=object)
    shifted["rna"].obsm["X_umap"] = np.column_stack([group // 3, group // 3]).astype(float)  # three at each place
    ax = lg.pl.shift(shifted, color="subset")
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert [text.get_text() for text in ax.texts] == [str(number) for number in range(1, 13)]
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])


def test_cells_without_a_prediction_are_pale(shifted):
    pale, others, _ = lg.pl.shift(shifted).collections
    assert points(pale) == {tuple(place) for place in shifted["rna"].obsm["X_umap"][-20:]}
    assert len(points(others)) == shifted.n_obs - 20


def test_numbers_colour_cells(shifted):
    shifted.obs["depth"] = np.arange(shifted.n_obs, dtype=float)
    ax = lg.pl.shift(shifted, color="depth")
    np.testing.assert_array_equal(np.sort(ax.collections[0].get_array()), shifted.obs["depth"])
    assert ax.figure.axes[1].get_ylabel() == "depth"


def test_colours_are_those_of_few_cells_where_all_others_have_none():
    points = np.random.default_rng(0).normal(size=(500, 2))
    values = pd.Series(np.zeros(500))
    values[:4] = [0.02, 0.03, 0.04, 0.06]
    cells = draw_embedding(None, points, values, basis="X_umap", quantile=0.99).collections[0]
    assert cells.get_clim() == pytest.approx((0, np.quantile(values[:4], 0.99)))
    cells = draw_embedding(None, points, -values, basis="X_umap", quantile=0.99).collections[0]
    high = np.quantile(values[:4], 0.99)
    assert cells.get_clim() == pytest.approx((-high, high))
    assert cells.get_cmap().name == "RdBu_r"  # a decrease in a rare type is one
    cells = draw_embedding(None, points, values * 0, basis="X_umap", quantile=0.99).collections[0]
    assert cells.get_clim() == (0, 1)


def test_groups_are_in_the_legend_whatever_they_are_called():
    points = np.random.default_rng(0).normal(size=(6, 2))
    ax = draw_embedding(None, points, pd.Series(["_a", "b", "b", "_a", "b", "c"]), basis="X_umap")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["_a", "b", "c"]
