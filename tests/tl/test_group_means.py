from __future__ import annotations

import mudata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import linger as lg


@pytest.fixture
def toy():
    return lg.ds.toy()


def by_hand(adata, groups):
    """Mean of counts over depth, over the mean of that over features."""
    X = adata.X.toarray()
    share = pd.DataFrame(X / X.sum(axis=1, keepdims=True), adata.obs_names, adata.var_names)
    mean = share.groupby(np.asarray(groups)).mean().T
    return mean / mean.mean()


def test_means_are_counts_over_depth_over_their_mean(toy):
    lg.tl.group_means(toy, "cell_type")
    assert list(toy.uns["linger"]["groups"]["names"]) == ["type_1", "type_2", "type_3"]
    assert toy.uns["linger"]["groups"]["n_cells"].tolist() == toy.obs["cell_type"].value_counts().sort_index().tolist()
    for key in ("rna", "atac"):
        stored = toy[key].varm["linger_group_mean"]
        assert stored.dtype == np.float32
        np.testing.assert_allclose(stored, by_hand(toy[key], toy[key].obs["cell_type"].astype(str)), rtol=1e-5)


def test_depth_and_blocks_change_nothing(toy, monkeypatch):
    lg.tl.group_means(toy, "cell_type")
    expected = toy["atac"].varm["linger_group_mean"].copy()
    monkeypatch.setattr("linger._abundance._BLOCK", 7)
    toy["atac"].X = sparse.csr_matrix(toy["atac"].X.multiply(np.arange(1, toy.n_obs + 1)[:, None]))
    lg.tl.group_means(toy, "cell_type")
    np.testing.assert_allclose(toy["atac"].varm["linger_group_mean"], expected, rtol=1e-5)


@pytest.mark.parametrize("form", ["csc", "dense", "layer"])
def test_form_of_the_counts_changes_nothing(toy, form):
    lg.tl.group_means(toy, "cell_type")
    expected = toy["rna"].varm["linger_group_mean"].copy()
    for key in ("rna", "atac"):
        X = toy[key].X
        if form == "layer":
            toy[key].layers["counts"], toy[key].X = X, X.log1p()
        else:
            toy[key].X = X.tocsc() if form == "csc" else X.toarray()
    lg.tl.group_means(toy, "cell_type")
    np.testing.assert_allclose(toy["rna"].varm["linger_group_mean"], expected, rtol=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_backed_on_disk(toy, tmp_path):
    lg.tl.group_means(toy, "cell_type")
    fresh = lg.ds.toy()
    fresh.write_h5mu(tmp_path / "toy.h5mu")
    backed = mudata.read_h5mu(tmp_path / "toy.h5mu", backed="r")
    assert backed["atac"].isbacked
    lg.tl.group_means(backed, "cell_type")
    for key in ("rna", "atac"):
        np.testing.assert_array_equal(backed[key].varm["linger_group_mean"], toy[key].varm["linger_group_mean"])


def test_fit_stores_the_means_of_the_groups_of_its_metacells(toy):
    lg.pp.link_peaks(toy)
    quick = lg.FitConfig(epochs=2, n_folds=0)
    lg.tl.fit(toy, config=quick)
    assert "linger_group_mean" not in toy["rna"].varm
    lg.tl.fit(toy, metacells=lg.pp.metacells(toy, groupby="cell_type"), config=quick)
    stored = toy["rna"].varm["linger_group_mean"]
    lg.tl.group_means(toy, "cell_type")
    np.testing.assert_array_equal(stored, toy["rna"].varm["linger_group_mean"])
    assert lg.get.groups(toy) == ["type_1", "type_2", "type_3"]


def test_other_groups_remove_importance(toy, caplog):
    lg.tl.tf_importance(toy, "cell_type")
    lg.tl.group_means(toy, "cell_type")  # the same groups
    assert "linger_tf_importance" in toy["rna"].varm
    toy.obs["half"] = np.where(np.arange(toy.n_obs) % 2, "odd", "even")
    lg.tl.group_means(toy, "half")
    assert "importance under 'linger' is removed" in caplog.text
    assert "linger_tf_importance" not in toy["rna"].varm
    assert "linger_specific_peaks" not in toy["atac"].varm
    assert "linger_coactivity" not in toy.varp
    assert "tf_importance" not in toy.uns["linger"]


@pytest.mark.parametrize("column", ["other", "cell_type"])
def test_groups_of_the_same_names_but_other_cells_remove_importance(toy, column):
    lg.tl.tf_importance(toy, "cell_type")
    turned = toy.obs["cell_type"].astype(str).map({"type_1": "type_2", "type_2": "type_3", "type_3": "type_1"})
    for container in (toy, toy["rna"], toy["atac"]):
        container.obs[column] = turned.to_numpy()
    lg.tl.group_means(toy, column)
    assert "linger_tf_importance" not in toy["rna"].varm


def test_errors_and_copy(toy):
    made = lg.tl.group_means(toy, "cell_type", copy=True)
    assert "linger_group_mean" in made["rna"].varm
    assert "linger_group_mean" not in toy["rna"].varm
    with pytest.raises(KeyError, match="No column 'kind'"):
        lg.tl.group_means(toy, "kind")
    toy.obs["few"] = np.where(np.arange(toy.n_obs) < 3, "rare", "common")
    with pytest.raises(ValueError, match=r"rare \(3\)"):
        lg.tl.group_means(toy, "few")
    lg.tl.group_means(toy, "few", min_cells=3)
    toy.obs["gaps"] = [None, *["a"] * (toy.n_obs - 1)]
    with pytest.raises(ValueError, match="have no 'gaps'"):
        lg.tl.group_means(toy, "gaps")
    toy["rna"].X.data[0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        lg.tl.group_means(toy, "cell_type")
