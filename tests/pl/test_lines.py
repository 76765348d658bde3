from __future__ import annotations

import anndata
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import linger as lg


@pytest.fixture
def overlap():
    table = pd.DataFrame({"n_targets": [500, 200], "overlap": [60.0, 30.0], "expected": [50.0, 20.0]})
    return table.assign(lower=[40.0, 15.0], upper=[62.0, 25.0], p_value=[0.1, 0.001])


def test_target_overlap_draws_chosen_and_random_tfs(overlap):
    ax = lg.pl.target_overlap(overlap)
    lines = {line.get_label(): line for line in ax.get_lines()}
    assert lines["chosen TFs"].get_xydata().tolist() == [[200, 30], [500, 60]]
    (random,) = ax.containers
    assert random.lines[0].get_xydata().tolist() == [[200, 20], [500, 50]]
    whiskers = [segment[:, 1].tolist() for segment in random.lines[2][0].get_segments()]
    assert whiskers == [[15, 25], [40, 62]]
    ax.figure.draw_without_rendering()
    assert ax.get_legend().get_window_extent().x0 > ax.get_window_extent().x1  # covers nothing
    dots = {each.get_label(): each.get_offsets().tolist() for each in ax.collections if each.get_label()[0] == "p"}
    assert dots == {"p < 0.05": [[200, 30]], "p ≥ 0.05": [[500, 60]]}
    for table in (overlap, overlap.astype({"n_targets": float})):
        assert [tick.get_text() for tick in lg.pl.target_overlap(table).get_xticklabels()] == ["200", "500"]
    with pytest.raises(KeyError, match=r"lg\.get\.target_overlap"):
        lg.pl.target_overlap(overlap.drop(columns="lower"))


def test_target_overlap_of_data(fitted):
    table = lg.get.target_overlap(fitted, ["GENE20", "GENE21"], tfs="TF1", n_targets=[5])
    assert lg.pl.target_overlap(table).get_lines()


@pytest.fixture
def samples():
    pytest.importorskip("lifelines")
    obs = pd.DataFrame({"months": [2.0, 3, 4, 9, 10, 12, 5], "died": [1, 1, 1, 1, 0, 0, 0]}, index=list("abcdefg"))
    found = anndata.AnnData(np.ones((7, 1)), obs=obs)
    found.obsm["score_linger"] = pd.DataFrame({"TF1": [3.0, 2.5, 2, 1, 0.5, 0, 4], "TF2": [1.0] + [0] * 6}, obs.index)
    lg.tl.survival(found, "months", event="died")
    return found


def test_survival_draws_curves_with_numbers_at_risk(samples):
    ax = lg.pl.survival(samples, "TF1")
    curves = lg.get.survival_curves(samples, "TF1")
    steps = [line for line in ax.get_lines() if line.get_drawstyle() == "steps-post"]
    for name, line in zip(("high", "low"), steps, strict=True):
        curve = curves[curves["activity"] == name]
        assert line.get_xydata().tolist() == curve[["time", "survival"]].to_numpy().tolist()
        assert line.get_label() == f"{name} ({curve['at_risk'].iloc[0]:.0f})"
    censored = [line.get_xdata().tolist() for line in ax.get_lines() if line.get_marker() == "|"]
    assert censored == [[5.0], [10.0, 12.0]]
    p_value = samples.uns["linger"]["survival"].set_index("tf").loc["TF1", "p_value"]
    assert ax.get_title() == f"TF1: p = {p_value:.2g}"
    assert ax.get_xlabel() == "months"
    numbers = {(text.xy[0], text.get_color()): int(text.get_text()) for text in ax.texts if text.get_text().isdigit()}
    months = samples.obs["months"]
    high = samples.obsm["score_linger"]["TF1"] > samples.obsm["score_linger"]["TF1"].median()
    colors = {True: steps[0].get_color(), False: steps[1].get_color()}
    assert len(numbers) >= 6
    for (tick, color), number in numbers.items():
        side = high if color == colors[True] else ~high
        assert number == (months[side] >= tick).sum()


def test_survival_says_what_was_not_tested(samples):
    assert lg.pl.survival(samples, "TF2").get_title() == "TF2: not tested"
    with pytest.raises(KeyError, match="TF9"):
        lg.pl.survival(samples, "TF9")


def test_by_distance_draws_groups_near_to_far():
    near = pd.DataFrame({"auroc": [0.7, 0.6], "n_pos": [20, 12]}, index=["0-5 kb", "5-10 kb"])
    far = pd.DataFrame({"auroc": [np.nan, 0.5, 0.55], "n_pos": [0, 12, 1500]}, index=["0-5 kb", "5-10 kb", "10-200 kb"])
    ax = lg.pl.by_distance({"linger": near, "random": far})
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0-5 kb\n(20)", "5-10 kb\n(12)", "10-200 kb\n(1,500)"]
    lines = {line.get_label(): line.get_ydata() for line in ax.get_lines()[:2]}
    np.testing.assert_array_equal(lines["linger"], [0.7, 0.6, np.nan])
    np.testing.assert_array_equal(lines["random"], [np.nan, 0.5, 0.55])
    assert ax.get_ylabel() == "AUROC"
    with pytest.raises(KeyError, match=r"'linger' has no column 'aupr_ratio'.*lg\.bm\.by_distance"):
        lg.pl.by_distance({"linger": near}, value="aupr_ratio")
    with pytest.raises(ValueError, match=r"lg\.bm\.by_distance"):
        lg.pl.by_distance({})


def test_f1_at_quantiles_draws_means():
    net = pd.DataFrame({"source": ["A"] * 4 + ["B"] * 4, "target": list("wxyz") * 2, "weight": [4.0, 3, 2, 1] * 2})
    table = lg.bm.f1_at_quantiles(net, net.iloc[[0, 1, 6]], quantiles=[0.25, 0.5])
    ax = lg.pl.f1_at_quantiles({"mine": table, "one": table[table["name"] == "A"]})
    for container, part in zip(ax.containers, (table, table[table["name"] == "A"]), strict=True):
        drawn = container.lines[0]
        expected = part.groupby("quantile")["f1"].mean()
        assert drawn.get_xydata().tolist() == expected.reset_index().to_numpy().tolist()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["mine", "one"]
    ax.figure.draw_without_rendering()
    for part in range(3):  # line, caps, bars of methods that are alike stand beside each other
        (low, high), (_, top) = ax.get_xlim(), ax.get_ylim()
        assert low < 0.25 < 0.5 < high
        assert top > table["f1"].groupby(table["quantile"]).mean().max()
        lines = [np.ravel(container.lines[part])[0] for container in ax.containers]
        at = [line.get_transform().transform([(0, 0)])[0, 0] for line in lines]
        assert at[1] - at[0] == pytest.approx(3 / 72 * ax.figure.dpi)
    with pytest.raises(KeyError, match=r"lg\.bm\.f1_at_quantiles"):
        lg.pl.f1_at_quantiles({"mine": table}, value="auroc")
    with pytest.raises(ValueError, match=r"lg\.bm\.f1_at_quantiles"):
        lg.pl.f1_at_quantiles({})


def test_comparison_as_violins():
    table = pd.DataFrame({"method": ["a"] * 5 + ["b"] * 5 + ["c"], "name": [*"vwxyz", *"vwxyz", "v"]})
    table["auroc"] = [0.5, 0.6, 0.7, 0.8, 0.9, *[0.5] * 5, 0.4]
    ax = lg.pl.comparison(table, kind="violin")
    medians = [line.get_xdata().tolist() for line in ax.get_lines()[:3]]
    assert medians == [[0.7, 0.7], [0.5, 0.5], [0.4, 0.4]]
    dots = [each.get_offsets()[:, 0].tolist() for each in ax.collections if each.get_sizes().size]
    assert dots == [rows["auroc"].tolist() for _, rows in table.groupby("method")]
    assert len(ax.collections) - len(dots) == 1  # the violin of what varies
    with pytest.raises(ValueError, match="'box' or 'violin', found 'bar'"):
        lg.pl.comparison(table, kind="bar")


def test_dominance_ranks_genes(fitted):
    with pytest.raises(KeyError, match=r"lg\.tl\.dominance"):
        lg.pl.dominance(fitted)
    lg.tl.dominance(fitted)
    var = fitted["rna"].var
    called = np.where(
        var["linger_dominance_t"] > 1, "cis", np.where(var["linger_dominance_t"] < -1, "trans", "neither")
    )
    var["linger_dominance"] = np.where(var["linger_dominance_t"].notna(), called, None)
    tested = var.dropna(subset="linger_dominance_t").sort_values("linger_dominance_t")
    ax = lg.pl.dominance(fitted, n_labels=3)
    for dots, name in zip(ax.collections, ("cis", "neither", "trans"), strict=True):
        mine = (tested["linger_dominance"] == name).to_numpy()
        assert dots.get_offsets()[:, 0].tolist() == np.flatnonzero(mine).tolist()
        np.testing.assert_array_equal(dots.get_offsets()[:, 1], tested.loc[mine, "linger_dominance_t"])
        assert dots.get_label() == f"{name} ({mine.sum()})"
    assert [text.get_text() for text in ax.texts] == [*tested.index[::-1][:3], *tested.index[:3]]
    assert all(text.xy[1] == tested.loc[text.get_text(), "linger_dominance_t"] for text in ax.texts)
    assert not lg.pl.dominance(fitted, n_labels=0).texts
    with pytest.raises(ValueError, match="n_labels"):
        lg.pl.dominance(fitted, n_labels=-1)


def test_names_of_ruled_genes_keep_off_the_curve(fitted):
    var = fitted["rna"].var
    t = np.linspace(-4, 1, len(var))  # most genes below 0, a few far above
    var["linger_dominance_t"] = np.where(t > 0.98, 9.0 * t, t)
    var["linger_dominance"] = "neither"
    ax = lg.pl.dominance(fitted)
    ax.figure.draw_without_rendering()
    curve = np.concatenate([ax.transData.transform(dots.get_offsets()) for dots in ax.collections])
    for text in ax.texts:
        box = mpl.text.Text.get_window_extent(text)
        assert not ((curve > box.min) & (curve < box.max)).all(axis=1).any()
