from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

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
    with pytest.raises(KeyError, match="weight"):
        lg.bm.evaluate(scores.drop(columns="weight"), truth)
