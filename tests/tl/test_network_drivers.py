"""Drivers by the correlation of edges with log fold changes, against numpy and against permuted labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import ttest_ind

import linger as lg
from linger.get._regulons import quantile_normalize

METHODS = {"transcriptomic": ("trans", "rna"), "epigenetic": ("binding", "atac")}


def with_donors(fitted, seed, case=None):
    rng = np.random.default_rng(seed)
    donor = rng.permutation(np.arange(fitted.n_obs) % 10)
    case = donor < 5 if case is None else np.isin(donor, case)
    fitted.obs["donor"], fitted.obs["state"] = [f"d{i}" for i in donor], np.where(case, "case", "control")
    return fitted


def profiles(mdata, key, targets):
    """log(1 + counts scaled to the median depth)."""
    counts = mdata[key].to_df().to_numpy(float)
    depth = counts.sum(axis=1)
    scaled = np.log1p(counts / depth[:, None] * np.median(depth))
    return pd.DataFrame(scaled, mdata[key].obs_names, mdata[key].var_names)[targets]


def edges(mdata, kind, **options):
    found = lg.get.matrix(mdata, kind, **options)
    dense = found.matrix.toarray().astype(float)
    return pd.DataFrame(quantile_normalize(dense) if kind == "trans" else dense, found.sources, found.targets)


@pytest.mark.parametrize("method", METHODS)
def test_correlation_and_test_equal_numpy(fitted, method):
    kind, key = METHODS[method]
    mdata = with_donors(fitted, 0)
    lg.tl.drivers(mdata, "state", reference="control", sample_key="donor", method=method)
    found = lg.get.drivers(mdata, method=method).set_index("tf")
    network = edges(mdata, kind)
    values = profiles(mdata, key, network.columns)
    by_donor = values.groupby(mdata.obs["donor"]).mean()
    is_case = mdata.obs.groupby("donor")["state"].first().reindex(by_donor.index) == "case"
    change = by_donor[is_case].mean() - by_donor[~is_case].mean()
    assert len(found) == len(network)
    for tf in network.index[::3]:
        assert found.loc[tf, "correlation"] == pytest.approx(np.corrcoef(network.loc[tf], change)[0, 1], abs=1e-5)
        along = by_donor @ (network.loc[tf] - network.loc[tf].mean())
        expected = ttest_ind(along[is_case], along[~is_case], equal_var=False)
        assert found.loc[tf, "statistic"] == pytest.approx(expected.statistic, rel=1e-3)
        assert found.loc[tf, "p_value"] == pytest.approx(expected.pvalue, rel=1e-3)


def test_each_type_has_its_own_network(fitted):
    mdata = with_donors(fitted, 1)
    lg.tl.group_means(mdata, "cell_type")
    lg.tl.drivers(mdata, "state", reference="control", within="cell_type", method="transcriptomic")
    found = lg.get.drivers(mdata, method="transcriptomic")
    name = found["within"].iloc[0]
    part = mdata[(mdata.obs["cell_type"] == name).to_numpy()]
    network = edges(mdata, "trans", group=name)
    values = profiles(mdata, "rna", network.columns).loc[part.obs_names]
    change = (
        values[(part.obs["state"] == "case").to_numpy()].mean()
        - values[(part.obs["state"] == "control").to_numpy()].mean()
    )
    row = found[found["within"] == name].iloc[0]
    assert row["correlation"] == pytest.approx(np.corrcoef(network.loc[row["tf"]], change)[0, 1], abs=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_p_values_are_calibrated_when_donors_are_permuted(fitted, method):
    """Ten donors, five called cases, drawn anew 450 times: 12 TFs, over 5,000 tests."""
    rng, p_values = np.random.default_rng(0), []
    network = edges(fitted, METHODS[method][0])
    values = profiles(fitted, METHODS[method][1], network.columns).to_numpy()
    standard = network.sub(network.mean(axis=1), axis=0)
    score = values @ standard.to_numpy().T
    fitted["rna"].obsm["score_linger"] = pd.DataFrame(score, fitted.obs_names, network.index)
    for seed in range(450):
        mdata = with_donors(fitted, seed, case=rng.choice(10, 5, replace=False))
        lg.tl.drivers(mdata, "state", reference="control", sample_key="donor")  # the same test, of the same scores
        p_values.extend(lg.get.drivers(mdata)["p_value"])
        if seed < 3:
            lg.tl.drivers(mdata, "state", reference="control", sample_key="donor", method=method)
            one, other = (lg.get.drivers(mdata, method=m).set_index("tf")["p_value"] for m in ("activity", method))
            np.testing.assert_allclose(one, other[one.index], rtol=1e-3)
    assert len(p_values) >= 5000
    assert abs(np.mean(np.array(p_values) < 0.05) - 0.05) < 0.01


@pytest.mark.parametrize("method", METHODS)
def test_a_planted_driver_is_found(fitted, method):
    kind, key = METHODS[method]
    mdata = with_donors(fitted, 2)
    network = edges(mdata, kind)
    tf = network.index[4]
    strongest = network.loc[tf].nlargest(8).index
    counts = mdata[key].to_df()
    counts.loc[(mdata.obs["state"] == "case").to_numpy(), strongest] += 3
    mdata[key].X = sparse.csr_matrix(counts.to_numpy())
    lg.tl.drivers(mdata, "state", reference="control", sample_key="donor", method=method)
    found = lg.get.drivers(mdata, method=method).set_index("tf")
    assert found.loc[tf, "p_adj"] < 0.01
    assert found["correlation"].rank(ascending=False)[tf] <= 3


def test_what_is_missing_is_named(fitted):
    mdata = with_donors(fitted, 0)
    with pytest.raises(ValueError, match="method must be"):
        lg.tl.drivers(mdata, "state", method="network")
    rna = mdata["rna"].copy()
    rna.obs["donor"] = mdata.obs["donor"]
    with pytest.raises(TypeError, match="MuData"):
        lg.tl.drivers(rna, "donor", method="transcriptomic")
    with pytest.raises(KeyError, match="method='epigenetic'"):
        lg.get.drivers(mdata, method="epigenetic")
    lg.tl.drivers(mdata, "state", method="epigenetic")
    lg.tl.fit(mdata, config=lg.FitConfig(epochs=2, n_folds=0))
    with pytest.raises(KeyError, match="drivers_epigenetic"):
        lg.get.drivers(mdata, method="epigenetic")  # made from the earlier fit


def test_order_changes_nothing(fitted):
    mdata = with_donors(fitted, 0)
    moved = mdata[mdata.obs_names[::-1], mdata.var_names[::-1]].copy()
    tables = []
    for each in (mdata, moved):
        lg.tl.drivers(each, "state", reference="control", sample_key="donor", method="transcriptomic")
        tables.append(lg.get.drivers(each, method="transcriptomic").set_index("tf").sort_index())
    np.testing.assert_allclose(tables[0]["p_value"], tables[1]["p_value"], rtol=1e-4)
    np.testing.assert_allclose(tables[0]["correlation"], tables[1]["correlation"], atol=1e-6)


def test_expression_of_the_tfs_beside_their_activity(fitted):
    mdata = with_donors(fitted, 3)
    lg.tl.drivers(mdata, "state", reference="control", sample_key="donor", method="expression")
    found = lg.get.drivers(mdata, method="expression").set_index("tf")
    tfs = mdata["rna"].var_names[mdata["rna"].var["is_tf"]]
    assert sorted(found.index) == sorted(tfs)
    values = profiles(mdata, "rna", tfs).groupby(mdata.obs["donor"]).mean()
    is_case = mdata.obs.groupby("donor")["state"].first().reindex(values.index) == "case"
    for tf in tfs[:4]:
        expected = ttest_ind(values.loc[is_case, tf], values.loc[~is_case, tf], equal_var=False)
        assert found.loc[tf, "p_value"] == pytest.approx(expected.pvalue, rel=1e-3)
    lg.tl.tf_activity(mdata, lg.get.regulons(mdata, n_targets=20, tfs=list(tfs[:3])))
    lg.tl.drivers(mdata, "state", reference="control", method="expression")  # now of those with an activity
    assert sorted(lg.get.drivers(mdata, method="expression")["tf"]) == sorted(tfs[:3])
    elsewhere = mdata["rna"][:, ~mdata["rna"].var_names.isin(tfs)].copy()
    elsewhere.obs["state"] = mdata.obs["state"]
    with pytest.raises(ValueError, match="None of the TFs"):
        lg.tl.drivers(elsewhere, "state", method="expression")
