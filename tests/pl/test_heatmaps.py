from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import linger as lg


def drawn(ax):
    """Return what a heatmap shows, with its labels."""
    rows, columns = ([label.get_text() for label in labels] for labels in (ax.get_yticklabels(), ax.get_xticklabels()))
    mesh = ax.collections[0]
    values = mesh.get_array().filled(np.nan).reshape(len(rows), len(columns))
    return pd.DataFrame(values, rows, columns)


def test_modules_draw_loadings_of_their_strongest_genes(fitted):
    lg.tl.modules(fitted, n_modules=3, gene_quantile=0, tf_quantile=0)
    ax = lg.pl.modules(fitted, n_genes=4)
    net = lg.get.modules(fitted)
    strongest = net.groupby("source", sort=False).head(4)
    shown = drawn(ax)
    assert shown.index.tolist() == strongest["target"].tolist()
    rna = fitted["rna"]
    loadings = pd.DataFrame(np.asarray(rna.varm["linger_module_loadings"], float), rna.var_names)
    np.testing.assert_allclose(shown, (loadings / loadings.max()).loc[shown.index])
    n_tfs = rna.var["linger_tf_module"].value_counts()
    sizes = net["source"].value_counts()
    names = ["module_1", "module_2", "module_3"]
    assert shown.columns.tolist() == [f"{name}: {sizes[name]} genes, {n_tfs[name]} TFs" for name in names]
    bold = [label.get_text() for label in ax.get_yticklabels() if label.get_fontweight() == "bold"]
    assert bold == strongest.loc[strongest["is_tf"], "target"].tolist()
    with pytest.raises(ValueError, match="n_genes must be 1 or more"):
        lg.pl.modules(fitted, n_genes=0)


@pytest.fixture
def changes():
    values = np.random.default_rng(0).normal(size=(6, 12))
    table = pd.DataFrame(values, [f"TF{i}" for i in range(6)], [f"g{i}" for i in range(9)] + ["TF0", "TF1", "TF2"])
    for tf in ("TF0", "TF1", "TF2"):
        table.loc[tf, tf] = -50.0  # its own gene, which was set
    return table


def test_screen_draws_the_largest_changes(changes):
    shown = drawn(lg.pl.screen(changes, n_tfs=4, n_genes=5))
    others = changes.where(changes > -50)
    tfs = others.abs().mean(axis=1).nlargest(4).index
    genes = others.loc[tfs].abs().max().nlargest(5).index
    assert set(shown.index) == set(tfs)
    assert set(shown.columns) == set(genes)
    pd.testing.assert_frame_equal(shown, others.loc[shown.index, shown.columns])


def test_screen_follows_names_not_positions(changes):
    pd.testing.assert_frame_equal(drawn(lg.pl.screen(changes)), drawn(lg.pl.screen(changes.iloc[::-1, ::-1])))


def test_alike_rows_stand_together(changes):
    alike = pd.concat([changes, changes.rename(index=lambda name: f"Z{name}")]).iloc[:, :9]
    order = drawn(lg.pl.screen(alike)).index.str.removeprefix("Z")
    assert all(order[i] == order[i + 1] for i in range(0, len(order), 2))


def test_colours_of_a_screen_are_symmetric(changes):
    ax = lg.pl.screen(changes, quantile=0.9)
    low, high = ax.collections[0].get_clim()
    assert -low == high == pytest.approx(np.nanquantile(changes.where(changes > -50).abs(), 0.9))
    for bad in ({"n_tfs": 0}, {"n_genes": 0}, {"quantile": 0}):
        with pytest.raises(ValueError, match=r"lg\.get\.perturbation_screen"):
            lg.pl.screen(changes, **bad)


def test_a_single_change_and_none_at_all():
    one = pd.DataFrame([[0.0, np.nan]], ["TF1"], ["a", "b"])
    assert drawn(lg.pl.screen(one)).loc["TF1", "a"] == 0
    assert drawn(lg.pl.screen(one[["b"]])).isna().all(axis=None)
