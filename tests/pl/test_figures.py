from __future__ import annotations

import matplotlib as mpl
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
