from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

import linger as lg


def test_measures_are_those_of_scikit_learn_and_scipy():
    rng = np.random.default_rng(0)
    genes = [f"g{i}" for i in range(60)]
    predicted = pd.DataFrame(rng.normal(size=(3, 61)), ["A", "B", "C"], ["A", *genes])
    measured = pd.DataFrame(rng.normal(size=(3, 61)) * (rng.random((3, 61)) < 0.3), predicted.index, predicted.columns)
    measured += 0.5 * predicted * (measured != 0)
    truth = measured.rename_axis("source").reset_index().melt("source", var_name="target", value_name="log_fc")
    truth = truth[truth["log_fc"] != 0]
    found = lg.bm.knockouts(predicted, truth.sample(frac=1, random_state=0), n_strongest=10)
    for tf in predicted.index:
        others = predicted.columns != tf
        p, m = predicted.loc[tf][others], measured.loc[tf][others]
        assert found.loc[tf, "auroc"] == pytest.approx(roc_auc_score(m != 0, p.abs()))
        assert found.loc[tf, "aupr_ratio"] == pytest.approx(average_precision_score(m != 0, p.abs()) / (m != 0).mean())
        assert found.loc[tf, "correlation"] == pytest.approx(spearmanr(p, m).statistic)
        top = m.abs().nlargest(10).index
        assert found.loc[tf, "sign_accuracy"] == pytest.approx((np.sign(p[top]) == np.sign(m[top])).mean())
        assert found.loc[tf, "n_pos"] == (m != 0).sum()


def test_names_of_other_types_and_what_cannot_be_compared():
    predicted = pd.DataFrame([[1.0, -1.0, 0.0]], index=[7], columns=[1, 2, 3])
    truth = pd.DataFrame({"source": ["7"], "target": ["2"], "log_fc": [-3.0]})
    assert lg.bm.knockouts(predicted, truth).loc["7", ["sign_accuracy", "n_pos"]].tolist() == [1, 1]
    nothing = lg.bm.knockouts(predicted * 0, truth)
    assert nothing.loc["7", ["auroc", "sign_accuracy", "correlation"]].tolist() == [0.5, 0.5, 0]
    with pytest.raises(ValueError, match="Rows must be TFs"):
        lg.bm.knockouts(predicted, truth.assign(source="8"))
    own = pd.DataFrame([[1.0, 2.0]], index=["A"], columns=["A", "b"])
    with pytest.raises(ValueError, match="Rows must be TFs"):
        lg.bm.knockouts(own, pd.DataFrame({"source": ["A"], "target": ["A"], "log_fc": [1.0]}))
    with pytest.raises(ValueError, match="n_strongest"):
        lg.bm.knockouts(predicted, truth, n_strongest=0)
