from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score, roc_auc_score

import linger as lg


@pytest.fixture
def nets():
    rng = np.random.default_rng(1)
    pairs = pd.MultiIndex.from_product([["a", "b", "c", "d"], [f"g{i}" for i in range(30)]], names=["source", "target"])
    frame = pairs.to_frame(index=False)
    true = rng.random(len(frame)) < 0.3
    good = frame.assign(weight=true + rng.normal(0, 0.8, len(frame)))
    poor = frame.assign(weight=true + rng.normal(0, 3, len(frame)))
    return {"good": good, "poor": poor}, frame[true & (frame["source"] != "d")], frame


def test_every_method_ranks_the_same_pairs(nets):
    networks, truth, frame = nets
    networks["partial"] = networks["good"].iloc[::2]
    table = lg.bm.compare(networks, truth, universe=frame)
    assert (table.groupby("method")["n"].sum() == len(frame)).all()
    assert list(table["method"].unique()) == ["good", "poor", "partial", "random", "degree in the truth"]
    alone = lg.bm.evaluate(networks["partial"], truth, universe=frame)
    mine = table[table["method"] == "partial"].set_index("name")
    np.testing.assert_array_equal(mine["auroc"], alone["auroc"])
    assert mine.loc["d", "n_pos"] == 0  # reported, not dropped
    assert np.isnan(mine.loc["d", "auroc"])


def test_pairs_shared_by_all_networks_and_names_of_baselines(nets):
    networks, truth, _ = nets
    networks["fewer"] = networks["good"][networks["good"]["source"] != "c"]
    assert set(lg.bm.compare(networks, truth)["name"]) == {"a", "b", "d"}
    with pytest.raises(ValueError, match="share no sources"):
        lg.bm.compare({"one": networks["good"], "two": networks["good"].assign(source="z")}, truth)
    with pytest.raises(ValueError, match="name of a baseline"):
        lg.bm.compare({"random": networks["good"]}, truth)
    with pytest.raises(ValueError, match="no network"):
        lg.bm.compare({}, truth)


def test_summary(nets):
    networks, truth, frame = nets
    table = lg.bm.compare(networks, truth, universe=frame)
    summary = lg.bm.summarize(table, reference="good")
    single = {name: lg.bm.evaluate(net, truth, universe=frame)["auroc"].dropna() for name, net in networks.items()}
    assert summary.loc["poor", "auroc"] == pytest.approx(single["poor"].mean())
    assert (summary["n"] == 3).all()
    assert (summary["n_undefined"] == 1).all()
    test = ttest_rel(single["good"], single["poor"], alternative="greater")
    assert summary.loc["poor", "p_value"] == pytest.approx(test.pvalue)
    assert np.isnan(summary.loc["good", "p_value"])
    with pytest.raises(KeyError, match="no method"):
        lg.bm.summarize(table, reference="best")


def test_degree_leaves_the_pair_itself_out():
    truth = pd.DataFrame({"source": ["a", "b", "c", "a"], "target": ["x", "x", "x", "y"]})
    pairs = pd.DataFrame({"source": ["a", "d", "a", "d"], "target": ["x", "x", "y", "z"]})
    assert lg.bm.degree(pairs, pd.concat([truth, truth]))["weight"].tolist() == [2, 3, 0, 0]
    assert lg.bm.degree(pairs, truth, side="source")["weight"].tolist() == [1, 0, 1, 0]


def test_baselines_from_data(fitted, toy_metacells):
    gene, tf = fitted["rna"].var_names[20], fitted["rna"].var_names[fitted["rna"].var["is_tf"]][0]
    trans = {
        method: lg.bm.baseline(fitted, toy_metacells, method=method).set_index(["source", "target"])["weight"]
        for method in ("accessibility", "expression")
    }
    expected = np.asarray(toy_metacells["rna"][:, gene].X).mean()
    assert trans["expression"][tf, gene] == pytest.approx(expected, rel=1e-5)
    distance = fitted.varp["linger_distance"].tocsc()[:, fitted.var_names.get_loc(gene)].tocoo()
    peaks = fitted.var_names[distance.row]
    openness = np.asarray(toy_metacells["atac"][:, peaks].X).mean(axis=0)
    assert trans["accessibility"][tf, gene] == pytest.approx(
        (openness * np.exp(-distance.data / 25_000)).sum(), rel=1e-4
    )
    for kind, side in (("cis", "source"), ("binding", "target")):
        row = lg.bm.baseline(fitted, toy_metacells, kind=kind, method="accessibility").iloc[7]
        assert row["weight"] == pytest.approx(np.asarray(toy_metacells["atac"][:, row[side]].X).mean(), rel=1e-5)
    with pytest.raises(ValueError, match="No baseline"):
        lg.bm.baseline(fitted, toy_metacells, kind="binding", method="expression")
    table = lg.bm.compare(
        {"ours": lg.get.network(fitted, "cis")},
        lg.get.network(fitted, "cis", top=30),
        mdata=fitted,
        metacells=toy_metacells,
        kind="cis",
        by=None,
    )
    assert {"correlation", "distance", "accessibility", "expression"} < set(table["method"])


def test_curves_are_scikit_learns(nets):
    networks, truth, frame = nets
    found = lg.bm.curves(networks, truth, universe=frame, n_points=10_000)
    positive = frame.index.isin(truth.index)
    for name, curve in found.groupby("method"):
        weight = networks[name]["weight"]
        assert curve["auroc"].iloc[0] == pytest.approx(roc_auc_score(positive, weight))
        assert curve["average_precision"].iloc[0] == pytest.approx(average_precision_score(positive, weight))
        assert np.trapezoid(curve["tpr"], curve["fpr"]) == pytest.approx(roc_auc_score(positive, weight))
        step = (np.diff(curve["tpr"]) * curve["precision"].iloc[1:]).sum()
        assert step == pytest.approx(average_precision_score(positive, weight))
        assert curve["chance"].iloc[0] == pytest.approx(positive.mean())
    assert len(lg.bm.curves(networks, truth, universe=frame, n_points=20)) <= 40


def test_f1_at_quantiles_is_scikit_learns(nets):
    networks, truth, frame = nets
    found = lg.bm.f1_at_quantiles(networks["good"], truth, by=None).set_index("quantile")
    positive = frame.index.isin(truth.index)
    for quantile, row in found.iterrows():
        called = networks["good"]["weight"] > networks["good"]["weight"].quantile(quantile, interpolation="lower")
        assert row["n_called"] == called.sum()
        for name, score in (("f1", f1_score), ("precision", precision_score), ("recall", recall_score)):
            assert row[name] == pytest.approx(score(positive, called))
    assert len(found) == 9
    by_tf = lg.bm.f1_at_quantiles(networks["good"], truth).set_index(["name", "quantile"])
    assert np.isnan(by_tf.loc[("d", 0.5), "f1"])
    with pytest.raises(ValueError, match="between 0 and 1"):
        lg.bm.f1_at_quantiles(networks["good"], truth, quantiles=[1.0])


def test_by_distance_holds_every_pair_once(fitted):
    scores = lg.get.network(fitted, "cis")
    truth = scores.groupby("target").head(2)
    edges = [0, 5_000, 20_000, 100_000, 1_000_000]
    found = lg.bm.by_distance(fitted, scores, truth=truth, edges=edges)
    assert found["n"].sum() == fitted.varp["linger_distance"].nnz
    assert found["n_pos"].sum() == len(truth)
    distance = fitted.varp["linger_distance"].tocoo()
    inside = (distance.data > 5_000) & (distance.data <= 20_000)
    names = fitted.var_names
    pairs = pd.DataFrame({"source": names[distance.row[inside]], "target": names[distance.col[inside]]})
    alone = lg.bm.evaluate(scores, truth, by=None, universe=pairs).iloc[0]
    assert found.loc["5-20 kb", "auroc"] == pytest.approx(alone["auroc"])
    near = lg.bm.by_distance(fitted, scores, truth=truth.head(1), edges=edges)
    assert near["n"].sum() == found["n"].sum()  # groups without a true edge are reported
    with pytest.raises(ValueError, match="increasing"):
        lg.bm.by_distance(fitted, scores, truth=truth, edges=[5, 5])
    with pytest.raises(ValueError, match="No pair"):
        lg.bm.by_distance(fitted, scores, truth=truth, universe=pd.DataFrame({"source": ["x"], "target": ["y"]}))


def test_cis_is_ranked_gene_by_gene_among_linked_pairs(fitted, toy_metacells):
    cis = lg.get.network(fitted, "cis")
    truth = cis.head(80)
    options = {"kind": "cis", "mdata": fitted, "metacells": toy_metacells}
    found = lg.bm.compare({"ours": cis}, truth, **options)
    expected = lg.bm.evaluate(cis, truth, by="target", universe=lg.bm.universe(fitted, kind="cis"))
    ours = found[found["method"] == "ours"].set_index("name")
    np.testing.assert_allclose(ours["auroc"], expected["auroc"])
    by_peak = lg.bm.compare({"ours": cis}, truth, by="source", **options)
    assert by_peak.loc[by_peak["method"] == "degree in the truth", "auroc"].max() > 0  # the genes' degrees rank here
    with pytest.raises(ValueError, match="Is kind='trans' right"):
        lg.bm.compare({"ours": cis}, truth, mdata=fitted, metacells=toy_metacells)
    with pytest.raises(ValueError, match="both mdata= and metacells="):
        lg.bm.compare({"ours": cis}, truth, mdata=fitted)


def test_labels_say_what_is_true(nets):
    networks, truth, frame = nets
    labelled = frame.assign(label=frame.index.isin(truth.index))
    for function in (lg.bm.evaluate, lg.bm.f1_at_quantiles):
        pd.testing.assert_frame_equal(function(networks["good"], labelled), function(networks["good"], truth))
    assert lg.bm.degree(frame, labelled)["weight"].tolist() == lg.bm.degree(frame, truth)["weight"].tolist()
    with pytest.raises(ValueError, match="true or false"):
        lg.bm.evaluate(networks["good"], labelled.assign(label="yes"))


def test_thinned_curves_keep_their_top():
    n = 20_000
    frame = pd.DataFrame({"source": "a", "target": [f"g{i}" for i in range(n)], "weight": np.arange(n, 0, -1.0)})
    curve = lg.bm.curves({"one": frame}, frame.head(50), n_points=100)
    assert len(curve) <= 100
    assert ((curve["tpr"] > 0.1) & (curve["precision"] == 1)).sum() > 20


def test_summary_of_one_row_is_refused_and_names_may_be_numbers(nets):
    networks, truth, _ = nets
    table = lg.bm.compare({64: networks["good"], 128: networks["poor"]}, truth)
    assert lg.bm.summarize(table, reference=64).loc[128, "p_value"] < 1
    with pytest.raises(ValueError, match="by=None"):
        lg.bm.summarize(lg.bm.compare(networks, truth, by=None), reference="good")


def test_distance_groups_where_nothing_matches(fitted):
    with pytest.raises(ValueError, match="No true edge"):
        lg.bm.by_distance(fitted, lg.get.network(fitted, "cis"), truth=pd.DataFrame({"source": ["x"], "target": ["y"]}))
