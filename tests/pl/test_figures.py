from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import linger as lg

mpl.use("Agg")


def test_recovery_draws_every_row():
    table = pd.DataFrame(
        {"kind": ["trans", "trans", "cis", "cis"], "method": ["linger", "random"] * 2, "auroc": [0.8, 0.5, 0.7, 0.51]}
    )
    ax = lg.pl.recovery(table)
    drawn = {collection.get_label(): collection.get_offsets() for collection in ax.collections}
    assert {name: dots[:, 0].tolist() for name, dots in drawn.items()} == {"linger": [0.8, 0.7], "random": [0.5, 0.51]}
    assert all(dots[:, 1].round().tolist() == [0, 1] for dots in drawn.values())
    assert (drawn["linger"][:, 1] < drawn["random"][:, 1]).all()
    assert [label.get_text() for label in ax.get_legend().get_texts()] == ["linger", "random"]
    assert lg.pl.recovery(table, ax=ax) is ax
    assert {tuple(chance.get_xdata()) for chance in ax.get_lines()} == {(0.5, 0.5)}
    assert not lg.pl.recovery(table.rename(columns={"auroc": "f1"}), value="f1").get_lines()  # depends on the truth
    with pytest.raises(KeyError, match="aupr"):
        lg.pl.recovery(table, value="aupr")


def test_training(fitted):
    figure = lg.pl.training(fitted)
    loss, histogram = figure.axes
    line = loss.get_lines()[0]
    assert line.get_ydata().tolist() == fitted.uns["linger"]["fit"]["loss"].tolist()
    quality = fitted["rna"].var["linger_correlation"].dropna()
    assert sum(patch.get_height() for patch in histogram.patches) == len(quality)
    with pytest.raises(KeyError, match="Fit first"):
        lg.pl.training(fitted, key="other")


@pytest.fixture
def nets():
    net = pd.DataFrame({"source": "A", "target": list("uvwxyz"), "weight": [6.0, 5, 4, 3, 2, 1]})
    return {"one": net, "two": net.assign(weight=net["weight"].to_numpy()[::-1])}, net.iloc[[0, 2]]


def test_curves_are_drawn_one_a_method(nets):
    table = lg.bm.curves(*nets)
    for draw, x, y, measure in (
        (lg.pl.roc, "fpr", "tpr", "auroc"),
        (lg.pl.precision_recall, "tpr", "precision", "average_precision"),
    ):
        ax = draw(table)
        labels = [text.get_text() for text in ax.get_legend().get_texts()]
        for (method, curve), line, label in zip(table.groupby("method"), ax.get_lines(), labels, strict=False):
            drawn = curve if draw is lg.pl.roc else curve[curve["tpr"] > 0]
            assert line.get_xdata().tolist() == drawn[x].tolist()
            assert line.get_ydata().tolist() == drawn[y].tolist()
            assert label == f"{method} ({curve[measure].iloc[0]:.2f})"
        assert draw(table, ax=ax) is ax
        long = draw(table.assign(method=table["method"] + " of all cells, weighed by what they have open"))
        for each in (ax, long):
            each.figure.draw_without_rendering()
            assert each.get_window_extent().height > 0.75 * each.figure.bbox.height  # the legend takes no room from it
        with pytest.raises(KeyError, match=r"lg\.bm\.curves"):
            draw(table.drop(columns=measure))


def test_comparison_draws_every_tf(nets):
    networks, truth = nets
    table = lg.bm.compare(networks, truth)
    ax = lg.pl.comparison(table, value="aupr_ratio")
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["one", "two", "random", "degree in the truth"]
    for (_, rows), dots in zip(table.groupby("method", sort=False), ax.collections, strict=True):
        assert dots.get_offsets()[:, 0].tolist() == rows["aupr_ratio"].tolist()
    assert ax.get_xlabel() == "AUPR ratio"
    with pytest.raises(KeyError, match=r"lg\.bm\.compare"):
        lg.pl.comparison(table.drop(columns="method"))


def test_shift_draws_cells_and_the_field(fitted, tmp_path):
    lg.tl.fit(fitted, config=lg.FitConfig(epochs=3, n_folds=0), store=tmp_path / "networks")
    with pytest.raises(KeyError, match=r"lg\.tl\.perturb_shift"):
        lg.pl.shift(fitted)
    lg.tl.perturb(fitted, {"TF1": 0.0})
    points = np.random.default_rng(0).normal(size=(fitted.n_obs, 2))
    fitted["rna"].obsm["X_umap"] = points
    lg.tl.perturb_shift(fitted, "X_umap", n_neighbors=10, n_grid=10)
    ax = lg.pl.shift(fitted, color="cell_type")
    *cells, arrows = ax.collections
    assert sum(len(dots.get_offsets()) for dots in cells) == fitted.n_obs
    record = fitted.uns["linger"]["shift"]
    kept = record["mass"] > 0.05 * record["mass"].max()
    assert kept.sum() == arrows.N
    drawn = np.column_stack([arrows.U, arrows.V]) / record["field"][kept]
    np.testing.assert_allclose(drawn, drawn[0][None].repeat(len(drawn), 0), rtol=1e-4)  # one scale an axis
    other = lg.pl.shift(fitted, control=True).collections[-1]
    ratio = np.column_stack([other.U, other.V]) / record["field_control"][kept]
    np.testing.assert_allclose(ratio[0], drawn[0], rtol=1e-4)  # the same scale as the field's
    with pytest.raises(KeyError, match="No column"):
        lg.pl.shift(fitted, color="absent")
