from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import linger as lg


def ticks(labels):
    return [label.get_text() for label in labels]


@pytest.fixture
def table():
    """Five TFs in two groups; TF5 was not tested in one, and group_10 comes after group_2."""
    found = pd.MultiIndex.from_product(
        [["group_10", "group_2"], [f"TF{i}" for i in range(1, 6)]], names=["group", "tf"]
    )
    found = found.to_frame(index=False).assign(reference="rest")
    found["difference"] = [0.1, 0.2, 0.9, -0.4, np.nan, 0.8, -0.7, 0.0, 0.3, 0.6]
    found["p_value"] = [0.5, 0.4, 0.0, 1e-3, np.nan, 1e-12, 1e-4, 1.0, 0.2, 0.01]
    found["p_adj"] = found["p_value"]
    return found


def test_drivers_draws_every_test_where_it_belongs(table):
    ax = lg.pl.drivers(table)
    assert ticks(ax.get_xticklabels()) == ["group_2", "group_10"]
    assert ticks(ax.get_yticklabels()) == ["TF1", "TF5", "TF4", "TF3", "TF2"]  # a diagonal of highest values
    dots, tested = ax.collections[0], table.dropna()
    columns, rows = ticks(ax.get_xticklabels()), ticks(ax.get_yticklabels())
    places = [(columns.index(group), rows.index(tf)) for group, tf in zip(tested["group"], tested["tf"], strict=True)]
    assert dots.get_offsets().tolist() == [list(map(float, place)) for place in places]
    np.testing.assert_allclose(dots.get_array(), tested["difference"])
    assert dots.get_clim() == (-0.9, 0.9)
    edges = dots.get_edgecolors()[:, :3].sum(axis=1)
    assert (edges == 0).tolist() == (tested["p_adj"] < 0.05).tolist()  # black
    assert np.min(dots.get_linewidths()) > 0  # a pale dot has an edge, too
    assert dots.get_sizes().min() >= 18
    by_p = pd.Series(dots.get_sizes(), tested["p_adj"]).sort_index(ascending=False)
    assert (by_p.diff().dropna() >= 0).all()
    assert by_p.iloc[-1] == by_p.iloc[-2]  # 1e-12 is as large as 0
    assert ax.figure.axes[1].get_ylabel().replace("\n", " ") == "difference (vs. rest)"


def test_drivers_do_not_depend_on_the_order_of_rows(table):
    ax, shuffled = lg.pl.drivers(table, n_tfs=3), lg.pl.drivers(table.sample(frac=1, random_state=1), n_tfs=3)
    assert ticks(ax.get_yticklabels()) == ticks(shuffled.get_yticklabels())
    found = [{tuple(place) for place in each.collections[0].get_offsets().tolist()} for each in (ax, shuffled)]
    assert found[0] == found[1]


def test_every_comparison_chooses_its_tfs_in_turn(table):
    assert set(ticks(lg.pl.drivers(table, n_tfs=2).get_yticklabels())) == {"TF3", "TF1"}
    assert set(ticks(lg.pl.drivers(table, n_tfs=4).get_yticklabels())) == {"TF3", "TF1", "TF2", "TF4"}


def test_one_comparison_is_drawn_by_difference(table):
    ax = lg.pl.drivers(table[table["group"] == "group_2"], value="difference")
    assert ax.get_title() == "group_2 vs. rest"
    assert ticks(ax.get_yticklabels()) == ["TF1", "TF5", "TF4", "TF3", "TF2"]
    assert ax.collections[-1].get_offsets().tolist() == [[0.8, 0], [0.6, 1], [0.3, 2], [0.0, 3], [-0.7, 4]]
    called = ax.collections[-1].get_facecolors()
    assert (called[[0, 1, 4]] == called[0]).all()
    assert (called[2] == called[3]).all()
    assert not (called[0] == called[2]).all()


def test_comparisons_are_named_by_what_differs(table):
    within = pd.concat([table.assign(within="B"), table.assign(within="T")])  # the index repeats
    assert ticks(lg.pl.drivers(within).get_xticklabels())[0] == "B: group_2 vs. rest"
    ax = lg.pl.drivers(within[within["group"] == "group_2"])
    assert ticks(ax.get_xticklabels()) == ["B", "T"]
    assert ax.figure.axes[1].get_ylabel().replace("\n", " ") == "difference (group_2 vs. rest)"


def test_what_cannot_be_drawn_is_refused(table):
    with pytest.raises(KeyError, match=r"correlation.*lg\.get\.drivers"):
        lg.pl.drivers(table, value="correlation")
    with pytest.raises(ValueError, match="nothing to draw"):
        lg.pl.drivers(table.assign(p_adj=np.nan))
    with pytest.raises(ValueError, match="1 or more, found 0"):
        lg.pl.drivers(table, n_tfs=0)
    with pytest.raises(ValueError, match="more than once"):
        lg.pl.drivers(pd.concat([table, table]))


def test_drivers_of_data_and_given_axes(fitted):
    import matplotlib.pyplot as plt

    lg.tl.tf_activity(fitted, lg.get.regulons(fitted, n_targets=20))
    lg.tl.drivers(fitted, "cell_type")
    found = lg.get.drivers(fitted)
    _, given = plt.subplots()
    assert lg.pl.drivers(found, ax=given) is given
    assert len(given.collections[0].get_offsets()) == len(found)


def test_module_enrichment_draws_shares():
    table = pd.DataFrame({"module": ["module_2", "module_10", "module_2"], "gene_set": ["heme", "heme", "iron"]})
    table = table.assign(n=[4, 0, 1], n_module=[8, 5, 8], p_value=[0.001, 1, 0.8], p_adj=[0.002, 1, 0.8])
    ax = lg.pl.module_enrichment(table)  # module_10 has no gene of either
    assert ax.collections[-1].get_offsets().tolist() == [[0.5, 0], [0.125, 1]]
    assert ax.get_title() == "module_2"
    with pytest.raises(KeyError, match=r"lg\.get\.module_enrichment"):
        lg.pl.module_enrichment(table.drop(columns="n"))


@pytest.fixture
def with_traits(fitted):
    lg.tl.group_means(fitted, "cell_type")
    genes = fitted["rna"].var_names
    for trait, chosen in (("height", genes[20:30]), ("bmi", genes[15:35:2])):
        lg.tl.trait_enrichment(fitted, list(chosen), trait=trait, n_targets=10, n_top_tfs=4, n_permutations=49)
    return fitted


def test_traits_draw_types_or_tfs(with_traits):
    for level, row, value in (("groups", "group", "statistic"), ("tfs", "tf", "score")):
        table = lg.get.traits(with_traits, level)
        ax = lg.pl.traits(table, n_rows=50)
        assert ticks(ax.get_xticklabels()) == ["bmi", "height"]
        assert set(ticks(ax.get_yticklabels())) == set(table[row])
        np.testing.assert_allclose(ax.collections[0].get_array(), table[value])
    with pytest.raises(KeyError, match="p_value"):
        lg.pl.traits(lg.get.traits(with_traits, "key_tfs"))


def test_trait_histogram_counts_trait_genes(with_traits):
    ax = lg.pl.trait_histogram(with_traits, "type_2", trait="bmi")  # the four TFs that were tested
    expression = lg.get.traits(with_traits, "key_tfs", trait="bmi").query("group == 'type_2'").set_index("tf")
    top = expression["expression"].nlargest(4).index
    numbers = lg.get.traits(with_traits, "tfs", trait="bmi").set_index("tf")["n_trait_genes"]
    lines = [line.get_xdata()[0] for line in ax.get_lines()]
    np.testing.assert_allclose(lines, [numbers[top].mean(), numbers.drop(top).mean()])
    for patch, side in zip(ax.patches, (numbers[top], numbers.drop(top)), strict=True):
        x, y = patch.get_xy().T
        area = np.abs(np.sum(x * np.roll(y, 1) - y * np.roll(x, 1))) / 2
        assert area == pytest.approx(1)  # shares of bins of one gene
        assert y.max() == pytest.approx(side.value_counts(normalize=True).max())
    tested = lg.get.traits(with_traits, "groups", trait="bmi").set_index("group").loc["type_2"]
    assert ax.get_title(loc="left") == f"bmi in type_2\nt = {tested['statistic']:.2f}, p = {tested['p_value']:.2g}"
    assert [tick % 1 for tick in ax.get_xticks()] == [0] * len(ax.get_xticks())  # numbers of genes
    other = lg.pl.trait_histogram(with_traits, "type_2", trait="bmi", n_top_tfs=3)
    assert other.get_lines()[0].get_label().startswith("3 TFs highest expressed")
    assert other.get_title(loc="left") == "bmi in type_2"  # t and p are those of four
    with pytest.raises(ValueError, match="Name one: trait="):
        lg.pl.trait_histogram(with_traits, "type_2")
    with pytest.raises(KeyError, match="type_9"):
        lg.pl.trait_histogram(with_traits, "type_9", trait="bmi")


def test_long_names_of_traits_are_not_cut(with_traits):
    name = "height, of those who were measured without shoes"
    genes = with_traits["rna"].var_names[20:30]
    lg.tl.trait_enrichment(with_traits, list(genes), trait=name, n_targets=10, n_top_tfs=4, n_permutations=9)
    histogram = lg.pl.trait_histogram(with_traits, "type_2", trait=name)
    assert within_figure([histogram.title, histogram._left_title], histogram)
    dots = lg.pl.traits(lg.get.traits(with_traits, "tfs"))
    assert within_figure([*dots.get_xticklabels(), *dots.get_yticklabels()], dots)
    row = (
        0.9 * dots.figure.bbox.height / dots.figure.get_figheight() * 0.22
    )  # a long name takes no height from the rows
    assert dots.get_window_extent().height > row * len(dots.get_yticklabels())


def within_figure(texts, ax):
    ax.figure.draw_without_rendering()
    boxes = np.array([text.get_window_extent().extents for text in texts])
    return (boxes[:, :2] >= 0).all() and (boxes[:, 2:] <= ax.figure.bbox.size).all()
