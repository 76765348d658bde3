from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

import linger as lg


@pytest.fixture
def edges():
    rng = np.random.default_rng(0)
    pairs = pd.MultiIndex.from_product(
        [[f"TF{i}" for i in range(6)], [f"g{i}" for i in range(40)]], names=["source", "target"]
    )
    frame = pairs.to_frame(index=False)
    frame["weight"] = rng.integers(0, 6, len(frame)).astype(float)  # many ties
    truth = frame[(rng.random(len(frame)) < 0.2) & (frame["source"] != "TF5")]
    return frame, truth


@pytest.mark.parametrize("by", ["source", "target", None])
def test_equals_scikit_learn_with_ties(edges, by):
    scores, truth = edges
    found = lg.bm.evaluate(scores, truth, by=by)
    positive = scores.index.isin(truth.index)
    groups = scores[by] if by else pd.Series("all", index=scores.index)
    assert list(found.index) == sorted(groups.unique())
    for name, index in scores.groupby(groups).groups.items():
        y, s = positive[index], scores.loc[index, "weight"]
        assert found.loc[name, "n"] == len(index)
        assert found.loc[name, "n_pos"] == y.sum()
        if 0 < y.sum() < len(y):
            assert found.loc[name, "auroc"] == pytest.approx(roc_auc_score(y, s))
            assert found.loc[name, "aupr_ratio"] == pytest.approx(average_precision_score(y, s) / y.mean())
        else:
            assert np.isnan(found.loc[name, "auroc"])


def test_f1_at_matched_size_is_that_of_scikit_learn_averaged_over_orders_of_ties(edges):
    scores, truth = edges
    found, rng = lg.bm.evaluate(scores, truth), np.random.default_rng(1)
    for name, index in scores.groupby("source").groups.items():
        y, s = scores.index.isin(truth.index)[index], scores.loc[index, "weight"].to_numpy()
        if not y.any():
            assert np.isnan(found.loc[name, ["f1", "early_precision_ratio"]].astype(float)).all()
            continue
        values = []
        for _ in range(4000):
            called = np.zeros(len(y), dtype=bool)
            called[np.lexsort([rng.random(len(y)), -s])[: y.sum()]] = True
            values.append(f1_score(y, called))
        assert found.loc[name, "f1"] == pytest.approx(np.mean(values), abs=0.01)
        assert found.loc[name, "early_precision_ratio"] == pytest.approx(found.loc[name, "f1"] / y.mean())


def test_paired_test_is_scipys(edges):
    scores, truth = edges
    better = scores.assign(weight=scores["weight"] + 2 * scores.index.isin(truth.index))
    ours, theirs = lg.bm.evaluate(better, truth), lg.bm.evaluate(scores, truth)
    found = lg.bm.paired_test(ours.sample(frac=1, random_state=0), theirs)
    expected = ttest_rel(ours["auroc"].dropna(), theirs["auroc"].dropna(), alternative="greater")
    assert found["p_value"] == pytest.approx(expected.pvalue)
    assert found["statistic"] == pytest.approx(expected.statistic)
    assert found["n"] == 5  # TF5 has no true edge
    assert found["difference"] > 0
    assert lg.bm.paired_test(theirs, ours)["p_value"] > 0.5
    with pytest.raises(ValueError, match="0 rows are scored"):
        lg.bm.paired_test(ours, theirs.rename(index=str.lower))


def test_source_without_true_edges_is_reported(edges):
    found = lg.bm.evaluate(*edges)
    assert found.loc["TF5", "n_pos"] == 0
    assert found.loc["TF5"][["auroc", "aupr_ratio"]].isna().all()


def test_pairs_without_a_score_rank_last(edges):
    scores, truth = edges
    kept = scores[scores["weight"] >= 3]
    found = lg.bm.evaluate(kept, truth, universe=scores)
    lowered = scores.assign(weight=scores["weight"].where(scores["weight"] >= 3, -1.0))
    pd.testing.assert_frame_equal(found, lg.bm.evaluate(lowered, truth, universe="rows"))


def test_shuffled_rows_change_nothing(edges):
    scores, truth = edges
    shuffled = lg.bm.evaluate(scores.sample(frac=1, random_state=1), truth.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(shuffled, lg.bm.evaluate(scores, truth))


def test_bad_input_is_refused(edges):
    scores, truth = edges
    with pytest.raises(ValueError, match="unique"):
        lg.bm.evaluate(pd.concat([scores, scores]), truth)
    with pytest.raises(ValueError, match="same names"):
        lg.bm.evaluate(scores, truth.assign(source="unknown"))
    with pytest.raises(ValueError, match="universe must be"):
        lg.bm.evaluate(scores, truth, universe="row")
    with pytest.raises(KeyError, match="weight"):
        lg.bm.evaluate(scores.drop(columns="weight"), truth)
