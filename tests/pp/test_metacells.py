from __future__ import annotations

import mudata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import linger as lg


@pytest.fixture
def mdata():
    return lg.ds.toy()


def frames(metacells):
    return {key: metacells[key].to_df().sort_index().sort_index(axis=1) for key in ("rna", "atac")}


def test_metacells_are_logged_means_of_depth_normalised_cells(mdata):
    metacells = lg.pp.metacells(mdata, n_metacells=20, n_neighbors=15)
    membership = pd.DataFrame(metacells.obsm["cells"].toarray(), metacells.obs_names, metacells.uns["linger"]["cells"])
    for key in ("rna", "atac"):
        counts = mdata[key].to_df().loc[membership.columns]
        scaled = counts.div(counts.sum(axis=1), axis=0) * counts.sum(axis=1).median()
        expected = np.log1p(membership.to_numpy() @ scaled.to_numpy())
        np.testing.assert_allclose(metacells[key].X, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(membership.sum(axis=1), 1, rtol=1e-6)
    assert (metacells.obs["n_cells"] == 15).all()
    centre = [membership.loc[name, name] for name in metacells.obs_names]
    np.testing.assert_allclose(centre, 1 / 15, rtol=1e-6)  # every metacell is named after its centre


def test_metacells_stay_within_groups_and_below_a_quarter(mdata):
    metacells = lg.pp.metacells(mdata, groupby="cell_type", n_metacells="sqrt")
    sizes = mdata.obs["cell_type"].value_counts()
    assert metacells.obs["cell_type"].value_counts().to_dict() == {
        g: int(np.ceil(np.sqrt(n))) for g, n in sizes.items()
    }
    types = mdata.obs["cell_type"].loc[metacells.uns["linger"]["cells"]].to_numpy()
    for row, group in zip(metacells.obsm["cells"], metacells.obs["cell_type"], strict=True):
        assert set(types[row.indices]) == {group}
        assert row.nnz == min(100, sizes[group] // 4)


@pytest.mark.parametrize(("asked", "expected"), [("sqrt", 15), ("auto", 200), ("all", 200), (30, 30), (999, 200)])
def test_numbers(mdata, asked, expected):
    assert lg.pp.metacells(mdata, n_metacells=asked, n_neighbors=5).n_obs == expected


def test_neighbours_are_near(mdata):
    """Metacells drawn without types still mix fewer types than random groups of cells would."""
    metacells = lg.pp.metacells(mdata, n_metacells=40, n_neighbors=10)
    types = mdata.obs["cell_type"].loc[metacells.uns["linger"]["cells"]].to_numpy()
    purity = np.mean(
        [pd.Series(types[row.indices]).value_counts(normalize=True).iloc[0] for row in metacells.obsm["cells"]]
    )
    assert purity > 0.8


def test_order_of_cells_genes_and_peaks_changes_nothing(mdata):
    rng = np.random.default_rng(0)
    cells = rng.permutation(mdata.n_obs)
    moved = mudata.MuData(
        {key: mdata[key][cells][:, rng.permutation(mdata[key].n_vars)].copy() for key in ("atac", "rna")}
    )
    options = {"groupby": "cell_type", "n_metacells": 20, "n_neighbors": 12, "rng": 3}
    one, other = frames(lg.pp.metacells(mdata, **options)), frames(lg.pp.metacells(moved, **options))
    for key in one:
        pd.testing.assert_frame_equal(one[key], other[key], rtol=1e-5)


def test_seed(mdata):
    draw = [frames(lg.pp.metacells(mdata, n_metacells=10, n_neighbors=10, rng=seed))["rna"] for seed in (0, 0, 1)]
    pd.testing.assert_frame_equal(draw[0], draw[1])
    assert set(draw[0].index) != set(draw[2].index)


def test_given_embedding_and_graph(mdata):
    line = np.arange(mdata.n_obs, dtype=float)[:, None]
    mdata.obsm["X_line"] = line
    by_rep = lg.pp.metacells(mdata, n_metacells=10, n_neighbors=3, use_rep="X_line")
    position = pd.Series(np.arange(mdata.n_obs), index=mdata.obs_names)
    near = np.abs(line - line.T)
    mdata.obsp["line"] = sparse.csr_matrix(np.where((near > 0) & (near <= 2), 1 / (near + 1), 0))
    by_graph = lg.pp.metacells(mdata, n_metacells=10, n_neighbors=3, neighbors_key="line")
    for metacells in (by_rep, by_graph):
        cells = metacells.uns["linger"]["cells"]
        for name, row in zip(metacells.obs_names, metacells.obsm["cells"], strict=True):
            assert np.abs(position[cells[row.indices]] - position[name]).max() <= 2
            assert row.nnz == 3
    for option, text in ({"use_rep": "X_none"}, "embedding"), ({"neighbors_key": "none"}, "graph"):
        with pytest.raises(KeyError, match=text):
            lg.pp.metacells(mdata, **option)


def test_labels(mdata):
    mdata.obs["SEACell"] = mdata.obs["cell_type"].astype(str) + np.where(np.arange(mdata.n_obs) % 2, "_a", "_b")
    metacells = lg.pp.metacells(mdata, labels="SEACell", groupby="cell_type")
    assert sorted(metacells.obs_names) == sorted(mdata.obs["SEACell"].unique())
    assert [name[:-2] for name in metacells.obs_names] == metacells.obs["cell_type"].tolist()
    assert metacells.obs["n_cells"].to_dict() == mdata.obs["SEACell"].value_counts().to_dict()


def test_near_duplicates_are_warned_of(mdata):
    mdata.obsm["X_point"] = np.zeros((mdata.n_obs, 1))
    with pytest.warns(UserWarning, match="share over 90%"):
        lg.pp.metacells(mdata, use_rep="X_point")


def test_bad_groups(mdata):
    few = mdata.obs["cell_type"].astype(str)
    few.iloc[:3] = "rare"
    mdata.obs["few"] = few
    with pytest.raises(
        ValueError, match=r"1 group of 'few' has fewer than min_cells=10 cells: 'rare \(3\)'. Merge or drop it"
    ):
        lg.pp.metacells(mdata, groupby="few")
    two = few.copy()
    two.iloc[3:5] = "rarer"
    mdata.obs["two"] = two
    with pytest.raises(ValueError, match=r"2 groups of 'two' have .* Merge or drop them"):
        lg.pp.metacells(mdata, groupby="two")
    assert "rare" in set(lg.pp.metacells(mdata, groupby="few", min_cells=2).obs["few"])
    mdata.obs["holes"] = few.where(few != "rare")
    with pytest.raises(ValueError, match="3 cells have no 'holes'"):
        lg.pp.metacells(mdata, groupby="holes")
    with pytest.raises(KeyError, match="No column 'nothing'"):
        lg.pp.metacells(mdata, groupby="nothing")


def test_unused_categories_are_ignored(mdata):
    mdata.obs["cell_type"] = mdata.obs["cell_type"].cat.add_categories("absent")
    assert "absent" not in set(lg.pp.metacells(mdata, groupby="cell_type").obs["cell_type"])


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda X: X * 0.5, "whole numbers"),
        (lambda X: X - 2, "negative"),
        (lambda X: X * np.nan, "NaN"),
        (lambda X: np.log2(X + 1), r"log\(count \+ 1\) in base 2"),
    ],
)
def test_values_that_are_not_counts(mdata, spoil, text):
    before = mdata["rna"].X.toarray()
    mdata["rna"].X = sparse.csr_matrix(spoil(before.astype(np.float64)))
    with pytest.raises(ValueError, match=text):
        lg.pp.metacells(mdata)


def test_cells_without_counts_stay_finite(mdata):
    X = mdata["atac"].X.tolil()
    X[:2] = 0
    mdata["atac"].X = X.tocsr()
    assert np.isfinite(lg.pp.metacells(mdata)["atac"].X).all()


def test_dense_and_other_formats_give_the_same(mdata):
    expected = frames(lg.pp.metacells(mdata, n_metacells=20))
    for convert in (lambda X: X.toarray(), sparse.csc_matrix, lambda X: X.astype(np.int64)):
        other = mdata.copy()
        for key in ("rna", "atac"):
            other[key].X = convert(mdata[key].X)
        for key, frame in frames(lg.pp.metacells(other, n_metacells=20)).items():
            pd.testing.assert_frame_equal(frame, expected[key])


def test_a_column_of_a_modality_goes_by_either_name(mdata):
    for obs in (mdata.obs, *(adata.obs for adata in mdata.mod.values())):
        del obs["cell_type"]
    mdata["rna"].obs["kind"] = np.repeat(["a", "b"], [100, mdata.n_obs - 100])
    expected = lg.pp.metacells(mdata, groupby="kind")
    mdata.obs = mdata.obs[[]]  # as with mudata.set_options(pull_on_update=False)
    found = lg.pp.metacells(mdata, groupby="rna:kind")
    assert found.obs["rna:kind"].tolist() == expected.obs["kind"].tolist()
    mdata.obs["rna:kind"] = mdata["rna"].obs["kind"]  # as pulled
    with pytest.raises(KeyError) as error:
        lg.pp.metacells(mdata, groupby="type")
    assert "'kind'" in str(error.value)
    assert "rna:kind" not in str(error.value)
