from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

import linger as lg


def samples(seed, n=60, n_tfs=20, effect=0.0):
    """Samples with exponential survival, censored at random; `effect` is the log hazard ratio of TF0's activity."""
    rng = np.random.default_rng(seed)
    activity = rng.normal(size=(n, n_tfs))
    death = rng.exponential(np.exp(-effect * activity[:, 0]))
    censoring = rng.exponential(2.0, n)
    obs = pd.DataFrame(
        {"time": np.minimum(death, censoring), "died": death <= censoring}, index=[f"s{i}" for i in range(n)]
    )
    found = ad.AnnData(np.ones((n, 1)), obs=obs)
    found.obsm["score_linger"] = pd.DataFrame(activity, obs.index, [f"TF{i}" for i in range(n_tfs)])
    return found


def logrank(time, died, high):
    """Observed, expected and variance of events among the high samples, time by time."""
    observed = expected = variance = 0.0
    for moment in np.unique(time[died]):
        risk, risk_high = (time >= moment).sum(), (time[high] >= moment).sum()
        events = ((time == moment) & died).sum()
        observed += ((time == moment) & died & high).sum()
        expected += events * risk_high / risk
        if risk > 1:
            variance += events * (risk_high / risk) * (1 - risk_high / risk) * (risk - events) / (risk - 1)
    return observed, expected, (observed - expected) ** 2 / variance


@pytest.mark.parametrize("cut", ["median", "mean", 0.7])
def test_equals_the_log_rank_test_written_out(cut):
    cells = samples(0, effect=0.8)
    cells.obs["time"] = cells.obs["time"].round(1)  # ties
    lg.tl.survival(cells, "time", event="died", cut=cut)
    table = cells.uns["linger"]["survival"].set_index("tf")
    assert len(table) == 20
    for tf in ("TF0", "TF7"):
        score = cells.obsm["score_linger"][tf]
        bound = score.quantile(cut) if isinstance(cut, float) else getattr(score, cut)()
        high = (score > bound).to_numpy()
        observed, expected, statistic = logrank(cells.obs["time"].to_numpy(), cells.obs["died"].to_numpy(), high)
        row = table.loc[tf]
        assert (row["n_high"], row["events_high"]) == (high.sum(), observed)
        assert row["expected_high"] == pytest.approx(expected)
        assert row["statistic"] == pytest.approx(statistic, rel=1e-6)
        assert row["p_value"] == pytest.approx(chi2.sf(statistic, 1), rel=1e-6)


def test_a_planted_effect_is_found_and_nothing_else():
    cells = samples(1, n=200, effect=1.0)
    lg.tl.survival(cells, "time", event="died")
    table = cells.uns["linger"]["survival"]
    assert table["tf"][0] == "TF0"
    assert table["p_adj"][0] < 1e-3
    assert table["events_high"][0] > table["expected_high"][0]


def test_p_values_are_calibrated_without_an_effect():
    p_values = []
    for seed in range(250):
        cells = samples(seed, n=80)
        lg.tl.survival(cells, "time", event="died")
        p_values.extend(cells.uns["linger"]["survival"]["p_value"])
    assert len(p_values) == 5000
    assert abs(np.mean(np.array(p_values) < 0.05) - 0.05) < 0.01


def test_curves_hold_every_sample(tmp_path):
    cells = samples(2)
    lg.tl.survival(cells, "time", event="died")
    curves = lg.get.survival_curves(cells, "TF3")
    assert curves.groupby("activity")["at_risk"].max().sum() == 60
    assert curves["survival"].between(0, 1).all()
    assert (curves["lower"] <= curves["survival"] + 1e-9).all()
    cells.write_h5ad(tmp_path / "cells.h5ad")
    again = ad.read_h5ad(tmp_path / "cells.h5ad")
    pd.testing.assert_frame_equal(lg.get.survival_curves(again, "TF3"), curves)


def test_missing_values_and_errors(caplog):
    cells = samples(3)
    cells.obs.loc[["s0", "s1"], "time"] = np.nan
    copied = lg.tl.survival(cells, "time", event="died", copy=True)
    assert "2 of 60 samples" in caplog.text
    assert "linger" not in cells.uns
    assert (copied.uns["linger"]["survival"][["n_high", "n_low"]].sum(axis=1) == 58).all()
    for broken, match in (
        ({"time": -1.0}, "negative"),
        ({"died": "yes"}, "true or false"),
        ({"died": False}, "true somewhere"),
    ):
        other = samples(3)
        for column, value in broken.items():
            other.obs[column] = value
        with pytest.raises(ValueError, match=match):
            lg.tl.survival(other, "time", event="died")
    with pytest.raises(ValueError, match="cut must be"):
        lg.tl.survival(cells, "time", event="died", cut="third")
    with pytest.raises(KeyError, match=r"lg\.tl\.survival"):
        lg.get.survival_curves(cells, "TF1")
    with pytest.raises(KeyError, match="unknown"):
        lg.get.survival_curves(copied, "TF99")
    constant = samples(4)
    constant.obsm["score_linger"]["TF1"] = 1.0
    lg.tl.survival(constant, "time", event="died")
    table = constant.uns["linger"]["survival"].set_index("tf")
    assert np.isnan(table.loc["TF1", "p_value"])
    assert table["p_adj"].notna().sum() == 19


def test_a_test_of_other_samples_or_activity_is_not_shown():
    cells = samples(5, n=80, effect=1.0)
    lg.tl.survival(cells, "time", event="died")
    fewer, shuffled = cells[:20].copy(), cells.copy()
    shuffled.obsm["score_linger"]["TF0"] = np.random.default_rng(0).permutation(cells.obsm["score_linger"]["TF0"])
    for stale in (fewer, shuffled):
        with pytest.raises(ValueError, match=r"Test again: lg\.tl\.survival"):
            lg.get.survival_curves(stale, "TF0")
        with pytest.raises(ValueError, match="Test again"):
            lg.pl.survival(stale, "TF0")
        lg.tl.survival(stale, "time", event="died")
        lg.get.survival_curves(stale, "TF0")
    cells.obsm["score_linger"]["new"] = cells.obsm["score_linger"]["TF1"]
    with pytest.raises(ValueError, match="Test again"):
        lg.get.survival_curves(cells, "new")


def test_survival_of_an_earlier_activity_is_dropped():
    cells = samples(6)
    genes = ad.AnnData(np.random.default_rng(0).random((60, 30)), obs=cells.obs)
    genes.obsm["score_linger"] = cells.obsm["score_linger"]
    lg.tl.survival(genes, "time", event="died")
    genes.uns["linger"]["kept"] = 1
    net = pd.DataFrame({"source": "TF0", "target": genes.var_names[:10]})
    lg.tl.tf_activity(genes, net)
    assert list(genes.uns["linger"]) == ["kept"]
    with pytest.raises(KeyError, match=r"lg\.tl\.survival"):
        lg.get.survival_curves(genes, "TF0")
