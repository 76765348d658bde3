from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import linger as lg
from linger.get._regulons import quantile_normalize


def test_quantile_normalisation_gives_columns_one_distribution():
    values = np.random.default_rng(0).random((20, 7))
    found = quantile_normalize(values)
    np.testing.assert_allclose(np.sort(found, axis=0), np.sort(values, axis=0).mean(1, keepdims=True).repeat(7, axis=1))
    np.testing.assert_array_equal(found.argsort(axis=0), values.argsort(axis=0))


def test_ties_get_the_mean_over_their_ranks():
    found = quantile_normalize(np.array([[0.0, 1.0], [0.0, 2.0], [6.0, 3.0]]))
    np.testing.assert_allclose(found, [[0.75, 0.5], [0.75, 1.0], [4.5, 4.5]])


@pytest.mark.parametrize("signed", [False, True])
def test_regulons_are_the_strongest_nonzero_targets(fitted, signed):
    net = lg.get.regulons(fitted, n_targets=10, signed=signed)
    found = lg.get.matrix(fitted, kind="trans")
    normalized = pd.DataFrame(quantile_normalize(found.matrix.toarray()), found.sources, found.targets)
    assert not net.duplicated(["source", "target"]).any()
    for source, rows in net.groupby("source"):
        assert len(rows) <= 10
        weights = normalized.loc[source, rows["target"]].to_numpy()
        np.testing.assert_allclose(rows["weight"].abs(), weights)
        if not signed:
            raw = found.matrix[found.sources.get_loc(source)].toarray()[0]
            best = np.sort(normalized.loc[source].to_numpy()[raw > 0])[::-1][: len(rows)]
            np.testing.assert_allclose(weights, best)
    assert (net["weight"] < 0).any() == signed


def test_decoupler_accepts_them(fitted):
    import decoupler

    net = lg.get.regulons(fitted, n_targets=15)
    rna = fitted["rna"].copy()
    decoupler.mt.ulm(rna, net, tmin=5)
    assert rna.obsm["score_ulm"].shape[1] == net["source"].nunique()


def test_filters(fitted):
    whole = lg.get.regulons(fitted, n_targets=10_000, signed=True)
    tfs, targets = whole["source"].unique()[[2, 5]], whole["target"].unique()[::3]
    part = lg.get.regulons(fitted, n_targets=10_000, tfs=tfs, targets=targets, signed=True)
    expected = whole[whole["source"].isin(tfs) & whole["target"].isin(targets)].reset_index(drop=True)
    pd.testing.assert_frame_equal(part, expected)
    sizes = whole["source"].value_counts()
    kept = lg.get.regulons(fitted, n_targets=10_000, signed=True, min_targets=int(sizes.median()))
    assert set(kept["source"]) == set(sizes.index[sizes >= int(sizes.median())])
    with pytest.raises(KeyError, match="TFs"):
        lg.get.regulons(fitted, tfs="nobody")


def test_gmt_is_read_by_decoupler(fitted, tmp_path):
    import decoupler

    net = lg.get.regulons(fitted, n_targets=7)
    lg.io.write_gmt(net, tmp_path / "net.gmt")
    read = decoupler.pp.read_gmt(tmp_path / "net.gmt")
    assert set(zip(read["source"], read["target"], strict=True)) == set(zip(net["source"], net["target"], strict=True))
    signed = lg.get.regulons(fitted, n_targets=7, signed=True)
    lg.io.write_gmt(signed, tmp_path / "net.gmt", signed=True)
    read = decoupler.pp.read_gmt(tmp_path / "net.gmt")
    names = signed["source"] + signed["weight"].map(lambda weight: "(+)" if weight > 0 else "(-)")
    assert set(zip(read["source"], read["target"], strict=True)) == set(zip(names, signed["target"], strict=True))
    assert [path.name for path in tmp_path.iterdir()] == ["net.gmt"]
    with pytest.raises(ValueError, match="line break"):
        lg.io.write_gmt(net.assign(target="a\nb"), tmp_path / "net.gmt")
    with pytest.raises(ValueError, match="empty"):
        lg.io.write_gmt(net.head(0), tmp_path / "net.gmt")


def test_wrong_number_of_targets(fitted):
    with pytest.raises(ValueError, match="positive"):
        lg.get.regulons(fitted, n_targets=0)
