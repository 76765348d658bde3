from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control, ttest_ind

import linger as lg


def scored(seed, n_cells=240, n_tfs=30, effect=0.0, donor_sd=0.0):
    """Activity of cells of two types from eight donors, four of them cases; `effect` on TF0 in cases of type A."""
    rng = np.random.default_rng(seed)
    donor = np.arange(n_cells) % 8
    obs = pd.DataFrame(
        {"donor": [f"d{i}" for i in donor], "state": np.where(donor < 4, "case", "control"),
         "type": rng.choice(["A", "B"], n_cells)},
        index=[f"c{i}" for i in range(n_cells)],
    )  # fmt: skip
    score = rng.normal(size=(n_cells, n_tfs)) + donor_sd * rng.normal(size=(8, n_tfs))[donor]
    score[:, 0] += effect * ((obs["state"] == "case") & (obs["type"] == "A")).to_numpy()
    cells = ad.AnnData(np.ones((n_cells, 1)), obs=obs)
    cells.obsm["score_linger"] = pd.DataFrame(score, obs.index, [f"TF{i}" for i in range(n_tfs)])
    return cells


@pytest.mark.parametrize("sample_key", [None, "donor"])
def test_is_welchs_test_of_cells_or_of_means_of_samples(sample_key):
    cells = scored(0)
    lg.tl.drivers(cells, "state", reference="control", within="type", sample_key=sample_key)
    table = lg.get.drivers(cells)
    assert len(table) == 60
    for _, row in table.iterrows():
        part = cells[(cells.obs["type"] == row["within"]).to_numpy()]
        values = part.obsm["score_linger"][row["tf"]]
        if sample_key:
            values = values.groupby(part.obs["donor"].to_numpy()).mean()
            state = pd.Series(values.index.map(lambda name: "case" if name < "d4" else "control"), values.index)
        else:
            state = part.obs["state"]
        mine, other = values[(state == "case").to_numpy()], values[(state == "control").to_numpy()]
        expected = ttest_ind(mine, other, equal_var=False)
        assert row["statistic"] == pytest.approx(expected.statistic)
        assert row["p_value"] == pytest.approx(expected.pvalue)
        assert row["difference"] == pytest.approx(mine.mean() - other.mean())
        assert (row["n_group"], row["n_reference"]) == (len(mine), len(other))
    np.testing.assert_allclose(table["p_adj"], false_discovery_control(table["p_value"]))
    assert table["p_value"].is_monotonic_increasing


@pytest.mark.parametrize("sample_key", [None, "donor"])
def test_p_values_are_calibrated_when_labels_are_permuted(sample_key):
    p_values = []
    for seed in range(100):
        cells = scored(seed, donor_sd=0.5 if sample_key else 0)
        rng = np.random.default_rng(seed)
        if sample_key:
            case = rng.permutation(8) < 4
            cells.obs["state"] = np.where(case[cells.obs["donor"].str[1:].astype(int)], "case", "control")
        else:
            cells.obs["state"] = rng.permutation(cells.obs["state"].to_numpy())
        lg.tl.drivers(cells, "state", reference="control", within="type", sample_key=sample_key)
        p_values.append(lg.get.drivers(cells)["p_value"])
    p_values = np.concatenate(p_values)
    assert len(p_values) >= 5000
    assert abs((p_values < 0.05).mean() - 0.05) <= 0.01


def test_cells_of_a_donor_are_no_replicates(caplog):
    """Donors that differ make cells differ, whatever the groups: samples keep the error, cells do not, and that is said."""
    share = {}
    for sample_key in (None, "donor"):
        found = []
        for seed in range(20):
            cells = scored(seed, donor_sd=1.0)
            lg.tl.drivers(cells, "state", reference="control", sample_key=sample_key)
            found.append(lg.get.drivers(cells)["p_value"])
        share[sample_key] = (np.concatenate(found) < 0.05).mean()
    assert share["donor"] < 0.09
    assert share[None] > 0.4
    assert "no replicates" in caplog.text


def test_a_planted_driver_is_found_in_its_type():
    cells = scored(1, effect=2.0)
    lg.tl.drivers(cells, "state", reference="control", within="type", sample_key="donor")
    table = lg.get.drivers(cells)
    assert table.loc[0, ["within", "tf", "group"]].tolist() == ["A", "TF0", "case"]
    assert table.loc[0, "p_adj"] < 0.05
    assert table.loc[0, "difference"] > 1
    assert (table.loc[1:, "p_adj"] > 0.05).all()


def test_rest_reference_and_groups():
    cells = scored(2)
    lg.tl.drivers(cells, "donor", groups=["d1", "d5"])
    table = lg.get.drivers(cells)
    assert set(table["group"]) == {"d1", "d5"}
    assert table["n_group"].iloc[0] + table["n_reference"].iloc[0] == 240
    assert "within" not in table


def test_what_cannot_be_tested_is_kept_as_nan_and_missing_cells_are_left_out(caplog):
    cells = scored(3)
    cells.obs.loc[cells.obs["type"] == "B", "state"] = "control"
    cells.obs.loc["c0", "state"] = None
    cells.obsm["score_linger"].iloc[1] = np.nan
    lg.tl.drivers(cells, "state", reference="control", within="type")
    table = lg.get.drivers(cells)
    assert table.loc[table["within"] == "B", "p_value"].isna().all()
    assert table.loc[table["within"] == "A", "p_adj"].notna().all()
    assert "2 of 240 cells" in caplog.text


@pytest.mark.filterwarnings("ignore")
def test_result_survives_a_file(tmp_path):
    cells = scored(4)
    lg.tl.drivers(cells, "state", reference="control")
    cells.write_h5ad(tmp_path / "cells.h5ad")
    read = ad.read_h5ad(tmp_path / "cells.h5ad")
    pd.testing.assert_frame_equal(
        lg.get.drivers(read), lg.get.drivers(cells), check_dtype=False, check_index_type=False
    )


@pytest.mark.filterwarnings("ignore")
def test_columns_of_a_mudata(tmp_path):
    import mudata

    cells = scored(9)
    lg.tl.drivers(cells, "state", reference="control", sample_key="donor")
    mdata = mudata.MuData({"rna": cells[::-1].copy()})
    mdata.obs = mdata["rna"].obs[["state"]]
    del mdata["rna"].obs["state"], mdata["rna"].uns["linger"]
    lg.tl.drivers(mdata, "state", reference="control", sample_key="donor")
    pd.testing.assert_frame_equal(lg.get.drivers(mdata), lg.get.drivers(cells))


def test_order_of_cells_changes_nothing():
    cells = scored(5)
    moved = cells[np.random.default_rng(0).permutation(cells.n_obs)].copy()
    for each in (cells, moved):
        lg.tl.drivers(each, "state", reference="control", within="type", sample_key="donor")
    pd.testing.assert_frame_equal(lg.get.drivers(cells), lg.get.drivers(moved))


def test_errors():
    cells = scored(6)
    with pytest.raises(KeyError, match=r"lg\.tl\.drivers"):
        lg.get.drivers(cells)
    with pytest.raises(KeyError, match="no column 'nothing'"):
        lg.tl.drivers(cells, "nothing")
    with pytest.raises(KeyError, match="Did you mean 'control'"):
        lg.tl.drivers(cells, "state", reference="Control")
    cells.obs["same"] = "all"
    with pytest.raises(ValueError, match="no two groups"):
        lg.tl.drivers(cells, "same")
    with pytest.raises(ValueError, match="has two samples"):
        lg.tl.drivers(cells[cells.obs["donor"].isin(["d0", "d7"])].copy(), "state", sample_key="donor")
    del cells.obsm["score_linger"]
    with pytest.raises(KeyError, match=r"lg\.tl\.tf_activity"):
        lg.tl.drivers(cells, "state")


def test_covariates_are_those_of_a_linear_model():
    from statsmodels.formula.api import ols

    cells = scored(7, donor_sd=0.3)
    rng = np.random.default_rng(0)
    cells.obs["age"] = (
        cells.obs["donor"].map({f"d{i}": age for i, age in enumerate(rng.normal(50, 10, 8))}).astype(float)
    )
    cells.obs["batch"] = cells.obs["donor"].isin(["d0", "d2", "d5"]).map({True: "one", False: "two"})
    for sample_key in (None, "donor"):
        lg.tl.drivers(cells, "state", reference="control", covariates=["age", "batch"], sample_key=sample_key)
        for _, row in lg.get.drivers(cells).iloc[::6].iterrows():
            data = cells.obs.assign(y=cells.obsm["score_linger"][row["tf"]])
            if sample_key:
                data = data.groupby(["donor", "state", "batch"]).agg({"y": "mean", "age": "mean"}).reset_index()
            fitted = ols("y ~ C(state, Treatment('control')) + age + batch", data).fit()
            name = "C(state, Treatment('control'))[T.case]"
            assert row["statistic"] == pytest.approx(fitted.tvalues[name])
            assert row["p_value"] == pytest.approx(fitted.pvalues[name])


def test_a_covariate_takes_its_effect_out_and_keeps_the_error():
    p_values = {(): [], ("age",): []}
    for seed in range(200):
        cells = scored(seed)
        rng = np.random.default_rng(seed)
        age = rng.normal(size=8) + (np.arange(8) < 4)  # cases are older
        cells.obs["age"] = age[cells.obs["donor"].str[1:].astype(int)]
        cells.obsm["score_linger"] += 2 * cells.obs[["age"]].to_numpy()
        for covariates in p_values:
            lg.tl.drivers(cells, "state", reference="control", sample_key="donor", covariates=covariates)
            p_values[covariates].append(lg.get.drivers(cells)["p_value"])
    with_age, without = (np.concatenate(p_values[covariates]) for covariates in (("age",), ()))
    assert len(with_age) >= 5000
    assert abs((with_age < 0.05).mean() - 0.05) <= 0.01
    assert (without < 0.05).mean() > 0.1


def test_covariates_that_cannot_be_used():
    cells = scored(8)
    cells.obs["mixed"] = np.arange(cells.n_obs) % 3
    with pytest.raises(ValueError, match="'mixed' varies within samples"):
        lg.tl.drivers(cells, "state", sample_key="donor", covariates="mixed")
    cells.obs["same"] = cells.obs["state"]
    with pytest.raises(ValueError, match="nothing can be compared"):
        lg.tl.drivers(cells, "state", sample_key="donor", covariates=["same"])


@pytest.mark.parametrize("offset", [0, 2020, 20_231_100, 1.7e9])
def test_a_covariate_with_a_large_offset_is_still_one(offset):
    cells = scored(10)
    cells.obs["day"] = cells.obs["donor"].str[1:].astype(float) * 3
    lg.tl.drivers(cells, "state", reference="control", sample_key="donor", covariates="day")
    expected = lg.get.drivers(cells)["p_value"]
    cells.obs["day"] += offset
    lg.tl.drivers(cells, "state", reference="control", sample_key="donor", covariates="day")
    np.testing.assert_allclose(lg.get.drivers(cells)["p_value"], expected, rtol=1e-4)


@pytest.mark.parametrize("covariates", [(), ("age",)])
def test_activity_that_does_not_vary_is_not_tested(covariates):
    cells = scored(11)
    cells.obs["age"] = np.random.default_rng(0).normal(size=cells.n_obs)
    cells.obsm["score_linger"]["TF3"] = 0.1
    lg.tl.drivers(cells, "state", reference="control", covariates=covariates)
    table = lg.get.drivers(cells).set_index("tf")
    assert np.isnan(table.loc["TF3", ["statistic", "p_value", "p_adj"]].astype(float)).all()
    assert table.drop("TF3")["p_adj"].notna().all()


def test_rest_holds_every_donor_once():
    found = []
    for seed in range(100):
        cells = scored(seed, donor_sd=1.0)
        rng = np.random.default_rng(seed)
        states = np.array(["one", "two", "three", "four"])
        cells.obs["state"] = np.where(cells.obs["donor"] < "d4", "ctrl", rng.choice(states, cells.n_obs))
        lg.tl.drivers(cells, "state", groups="ctrl", sample_key="donor")
        table = lg.get.drivers(cells)
        assert (table[["n_group", "n_reference"]] == 4).all(axis=None)
        found.append(table["p_value"])
    assert abs((np.concatenate(found) < 0.05).mean() - 0.05) < 0.02


def test_groups_that_are_numbers_and_scores_made_again():
    cells = scored(12)
    cells.obs["cluster"] = np.arange(cells.n_obs) % 3
    lg.tl.drivers(cells, "cluster", groups=[1], reference=0)
    assert lg.get.drivers(cells)[["group", "reference"]].drop_duplicates().to_numpy().tolist() == [["1", "0"]]
    with pytest.raises(ValueError, match="cannot be a covariate too"):
        lg.tl.drivers(cells, "cluster", covariates="cluster")
    genes = ad.AnnData(np.random.default_rng(0).random((cells.n_obs, 40)), obs=cells.obs)
    genes.obsm["score_linger"] = cells.obsm["score_linger"]
    lg.tl.drivers(genes, "state")
    net = pd.DataFrame({"source": "A", "target": genes.var_names[:8]})
    lg.tl.tf_activity(genes, net)
    with pytest.raises(KeyError, match="No drivers"):  # they were of the former activity
        lg.get.drivers(genes)
