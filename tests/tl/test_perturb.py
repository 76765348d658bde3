"""Perturbations against a loop over genes, and what must not change."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import linger as lg
from linger.pp._smoothed import SmoothedCells


@pytest.fixture(scope="module")
def _stored(tmp_path_factory):
    mdata = lg.ds.toy()
    lg.pp.link_peaks(mdata)
    store = tmp_path_factory.mktemp("perturb") / "networks"
    lg.tl.fit(mdata, groupby="cell_type", config=lg.FitConfig(epochs=30, n_folds=0), store=store)
    return mdata


@pytest.fixture
def mdata(_stored):
    return _stored.copy()


def dense_networks(mdata):
    """Every gene's weights by name, from the store."""
    store = lg.io.read_store(mdata)
    indptr, indices = store.design("links_indptr"), store.design("links_indices")
    found = {}
    for number in range(store.n_blocks):
        block = store.block(number)
        for row, gene in enumerate(block["genes"]):
            peaks = indices[indptr[gene] : indptr[gene + 1]]
            found[store.genes[gene]] = (
                gene,
                peaks,
                {name: block[name][row] for name in ("tf", "re", "w2", "b2", "w3", "b3")},
            )
    return store, found


def naive(mdata, doses, cell):
    """Change of every gene in one smoothed cell, gene by gene with plain numpy."""
    store, found = dense_networks(mdata)
    smoothed = lg.pp.metacells(mdata, groupby="cell_type", n_metacells="all")
    values = {key: smoothed[key].to_df().loc[cell] for key in ("rna", "atac")}
    x_tf, x_re = values["rna"][store.tfs].to_numpy(float), values["atac"][store.peaks].to_numpy(float)
    changed = x_tf.copy()
    for tf, dose in doses.items():
        k = store.tfs.get_loc(tf)
        changed[k] = np.log1p(dose * np.expm1(x_tf[k]))

    def standard(x, name):
        mean, sd = store.design(f"{name}_mean"), store.design(f"{name}_sd")
        return np.divide(x - mean, sd, out=np.zeros_like(x), where=sd > 0)

    def run(tf, gene, peaks, w):
        z1 = w["tf"] @ standard(tf, "tf") + w["re"][:, 0] + w["re"][:, 1 : len(peaks) + 1] @ standard(x_re, "re")[peaks]
        a2 = np.maximum(w["w2"] @ np.maximum(z1, 0) + w["b2"][:, 0], 0)
        return (w["w3"] @ a2 + w["b3"][:, 0])[0] * store.design("target_sd")[gene]

    result = {gene: run(changed, *network) - run(x_tf, *network) for gene, network in found.items()}
    result |= {tf: changed[store.tfs.get_loc(tf)] - x_tf[store.tfs.get_loc(tf)] for tf in doses}
    return pd.Series(result)


@pytest.mark.parametrize("doses", [{"TF1": 0.0}, {"TF2": 3.0, "TF5": 0.5}])
def test_equals_a_loop_over_genes(mdata, doses):
    lg.tl.perturb(mdata, doses, groupby="cell_type")
    found = lg.get.perturbation(mdata)
    for cell in mdata.obs_names[[0, 77]]:
        expected = naive(mdata, doses, cell)
        np.testing.assert_allclose(found.loc[cell, expected.index], expected, atol=2e-5)
    groups = lg.get.perturbation(mdata, level="groups")
    by_type = found.groupby(mdata.obs["cell_type"].astype(str)).mean()
    np.testing.assert_allclose(groups.loc[by_type.index, found.columns], by_type, atol=1e-6)
    after = lg.get.perturbation(mdata, what="after")
    np.testing.assert_allclose(after, lg.get.perturbation(mdata, what="before") + found, atol=1e-6)


def test_knock_out_is_no_expression_at_all_and_a_dose_of_1_nothing(mdata):
    lg.tl.perturb(mdata, ["TF1"])
    found = lg.get.perturbation(mdata)
    smoothed = lg.pp.metacells(mdata, groupby="cell_type", n_metacells="all")["rna"].to_df()["TF1"]
    np.testing.assert_allclose(found["TF1"], -smoothed[found.index], atol=1e-5)
    lg.tl.perturb(mdata, {"TF1": 1.0, "TF2": 1.0}, n_propagation=3)
    assert not lg.get.perturbation(mdata).to_numpy().any()


def test_a_gene_without_the_input_does_not_change(mdata, tmp_path):
    """A TF whose first-layer weights are 0 in a gene's network does nothing to it, exactly."""
    import hashlib
    import json
    import shutil

    from safetensors.numpy import load_file, save_file

    store = lg.io.read_store(mdata)
    folder = tmp_path / "edited"
    shutil.copytree(store.path, folder)
    file = folder / "block-00000.safetensors"
    arrays = load_file(file)
    arrays["tf"][2, :, store.tfs.get_loc("TF1")] = 0
    save_file(arrays, file)
    index = json.loads((folder / "index.json").read_text())
    index["sha256"][file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
    index.pop("checksum")
    index["checksum"] = hashlib.sha256(json.dumps(index, sort_keys=True).encode()).hexdigest()
    (folder / "index.json").write_text(json.dumps(index))
    lg.io.attach(mdata, store=folder)
    lg.tl.perturb(mdata, {"TF1": 0.0})
    found = lg.get.perturbation(mdata)
    gene = store.genes[arrays["genes"][2]]
    assert not found[gene].any()
    assert found.drop(columns=gene).abs().to_numpy().any()


def test_order_of_cells_and_genes_changes_nothing(mdata):
    moved = mdata[mdata.obs_names[::-1], mdata.var_names[::-1]].copy()
    for each in (mdata, moved):
        lg.tl.perturb(each, {"TF3": 0.0}, groupby="cell_type", n_propagation=2)
    one, other = lg.get.perturbation(mdata), lg.get.perturbation(moved)
    np.testing.assert_allclose(one, other.loc[one.index, one.columns], atol=1e-5)


def test_some_cells_and_genes(mdata):
    lg.tl.perturb(mdata, {"TF3": 0.0})
    whole = lg.get.perturbation(mdata)
    chosen, genes = mdata.obs_names[[3, 50, 120]], ["GENE20", "GENE30"]
    lg.tl.perturb(mdata, {"TF3": 0.0}, cells=list(chosen), genes=genes)
    part = lg.get.perturbation(mdata)
    assert list(part.columns) == ["TF3", *genes]
    np.testing.assert_allclose(part, whole.loc[part.index, part.columns], atol=1e-6)
    assert set(part.index) == set(chosen)
    mask = mdata.obs_names.isin(chosen)
    copied = lg.tl.perturb(mdata, {"TF3": 0.0}, cells=mask, copy=True)
    assert set(lg.get.perturbation(copied).index) == set(chosen)


def test_propagation_reaches_targets_of_targets_and_is_bounded(mdata, caplog):
    lg.tl.perturb(mdata, {"TF1": 0.0})
    direct = lg.get.perturbation(mdata)
    lg.tl.perturb(mdata, {"TF1": 0.0}, n_propagation=4)
    spread = lg.get.perturbation(mdata)
    assert np.abs(spread - direct).to_numpy().max() > 1e-4
    np.testing.assert_array_equal(spread["TF1"], direct["TF1"])  # what was set stays set
    record = mdata.uns["linger"]["perturbation"]
    assert len(record["residual"]) == 4
    assert record["residual"][-1] < 0.01 or "not settled" in caplog.text
    lg.tl.perturb(mdata, {"TF1": 1000.0}, n_propagation=6)
    assert np.isfinite(lg.get.perturbation(mdata)).to_numpy().all()


def test_result_survives_a_file_and_goes_with_the_fit(mdata, tmp_path):
    import mudata

    lg.tl.perturb(mdata, {"TF1": 0.0}, groupby="cell_type")
    lg.tl.perturb_screen(mdata, tfs=["TF1", "TF2"], groupby="cell_type")
    lg.io.write_h5mu(mdata, tmp_path / "perturbed.h5mu")
    again = mudata.read_h5mu(tmp_path / "perturbed.h5mu")
    pd.testing.assert_frame_equal(lg.get.perturbation(again), lg.get.perturbation(mdata), check_names=False)
    pd.testing.assert_frame_equal(
        lg.get.perturbation_screen(again, group="type_1"),
        lg.get.perturbation_screen(mdata, group="type_1"),
        check_names=False,
    )
    lg.tl.fit(again, config=lg.FitConfig(epochs=2, n_folds=0))
    with pytest.raises(KeyError, match="No perturbation"):
        lg.get.perturbation(again)
    with pytest.raises(KeyError, match="No screen"):
        lg.get.perturbation_screen(again)


def test_screen_equals_single_perturbations_of_metacells(mdata):
    """Metacells of one cell each are the cells, so that both see the same samples."""
    store = lg.io.read_store(mdata)
    lg.tl.perturb_screen(mdata, tfs=["TF1", "TF4"], groupby="cell_type")
    tf_values = store.design("tf_values") * store.design("tf_sd")[:, None] + store.design("tf_mean")[:, None]
    groups = mdata.obs["cell_type"].astype(str).reindex(store.metacells)
    for tf in ("TF1", "TF4"):
        lg.tl.perturb(mdata, {tf: 0.0}, cells=list(store.metacells))
        cells = lg.get.perturbation(mdata).loc[store.metacells]
        expected = cells.groupby(groups.to_numpy()).mean()
        for group in expected.index:
            found = lg.get.perturbation_screen(mdata, group=group).loc[tf]
            np.testing.assert_allclose(found, expected.loc[group, found.index], atol=2e-5)
            own = -tf_values[store.tfs.get_loc(tf)][(groups == group).to_numpy()].mean()
            assert found[tf] == pytest.approx(own, abs=1e-4)
    with pytest.raises(ValueError, match="3 groups"):
        lg.get.perturbation_screen(mdata)


def test_screen_resumes_where_it_was(mdata, tmp_path, monkeypatch):
    from linger import nn
    from linger.tl import _perturb_screen

    lg.tl.perturb_screen(mdata, groupby="cell_type")
    whole = lg.get.perturbation_screen(mdata, group="type_2")
    calls = []

    def interrupted(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return nn.screen(*args, **kwargs)

    monkeypatch.setattr(_perturb_screen, "nn", type("nn", (), {"screen": staticmethod(interrupted)}))
    with pytest.raises(KeyboardInterrupt):
        lg.tl.perturb_screen(mdata, groupby="cell_type", path=tmp_path / "screen")
    done = sorted((tmp_path / "screen").glob("block-*.npy"))
    assert len(done) == 2
    done[1].write_bytes(done[1].read_bytes()[:100])  # cut short: made again
    lg.tl.perturb_screen(mdata, groupby="cell_type", path=tmp_path / "screen")
    n_blocks = lg.io.read_store(mdata).n_blocks
    assert len(calls) == 3 + n_blocks - 1
    pd.testing.assert_frame_equal(lg.get.perturbation_screen(mdata, group="type_2"), whole)
    with pytest.raises(ValueError, match="another path"):
        lg.tl.perturb_screen(mdata, tfs=["TF1"], path=tmp_path / "screen")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(ValueError, match="neither empty nor a screen"):
        lg.tl.perturb_screen(mdata, path=tmp_path / "other")


def test_what_cannot_be_perturbed(mdata):
    for doses, error, match in (
        ({"GENE20": 0.0}, KeyError, "unknown"),
        ({"tf1": 0.0}, KeyError, "Did you mean 'TF1'"),
        ({"TF1": -1.0}, ValueError, "not negative"),
        ({"TF1": np.nan}, ValueError, "finite"),
        ({}, ValueError, "No TF"),
    ):
        with pytest.raises(error, match=match):
            lg.tl.perturb(mdata, doses)
    with pytest.raises(KeyError, match="genes with a network"):
        lg.tl.perturb(mdata, ["TF1"], genes=["absent"])
    with pytest.raises(ValueError, match="n_propagation"):
        lg.tl.perturb(mdata, ["TF1"], n_propagation=0)
    with pytest.raises(KeyError, match="cells are unknown"):
        lg.tl.perturb(mdata, ["TF1"], cells=["absent"])
    lg.tl.fit(mdata, config=lg.FitConfig(epochs=2, n_folds=0))
    with pytest.raises(KeyError, match="No networks are stored"):
        lg.tl.perturb(mdata, ["TF1"])


def test_a_tf_that_is_not_expressed_is_refused(tmp_path):
    mdata = lg.ds.toy()
    X = mdata["rna"].X.tolil()
    X[:, mdata["rna"].var_names.get_loc("TF3")] = 0
    mdata["rna"].X = X.tocsr()
    lg.pp.link_peaks(mdata)
    lg.tl.fit(mdata, config=lg.FitConfig(epochs=2, n_folds=0), store=tmp_path / "networks")
    with pytest.raises(ValueError, match="'TF3': not expressed"):
        lg.tl.perturb(mdata, {"TF3": 2.0})
    lg.tl.perturb_screen(mdata)
    assert "TF3" not in lg.get.perturbation_screen(mdata).index


def test_shift_points_to_the_cells_that_look_like_the_change(mdata):
    """Cells on a line; the change is that along the line, so all move up it, and with genes permuted hardly."""
    rna = mdata["rna"]
    lg.tl.perturb(mdata, {"TF1": 0.0})
    rng = np.random.default_rng(0)
    n, g = rna.n_obs, rna.obsm["linger_perturbation"].shape[1]
    along = rng.random(n)
    direction = rng.normal(size=g)
    rna.obsm["linger_predicted"] = (along[:, None] * direction + 0.01 * rng.normal(size=(n, g))).astype(np.float32)
    rna.obsm["linger_perturbation"] = np.tile(direction, (n, 1)).astype(np.float32)
    rna.obsm["X_line"] = np.column_stack([along, 0.01 * rng.normal(size=n)])
    mdata.obs["half"] = np.where(along > 0.5, "high", "low")
    lg.tl.perturb_shift(mdata, "X_line", groupby="half", n_neighbors=30)
    shift, control = rna.obsm["linger_shift"], rna.obsm["linger_shift_control"]
    inner = (along > 0.1) & (along < 0.9)
    assert (shift[inner, 0] > 0).mean() > 0.95
    assert shift[inner, 0].mean() > 5 * abs(control[inner, 0].mean())
    record = mdata.uns["linger"]["shift"]
    assert record["field"].shape == record["grid"].shape == (900, 2)
    table = lg.get.transitions(mdata)
    np.testing.assert_allclose(table.groupby("source")["probability"].sum(), 1)
    rows = table.set_index(["source", "target"])
    assert rows.loc[("low", "high"), "difference"] > 0
    assert rows.loc[("high", "low"), "difference"] < 0


def test_shift_follows_names_and_leaves_out_cells_without_a_prediction(mdata):
    lg.tl.perturb(mdata, {"TF1": 0.0}, cells=list(mdata.obs_names[:150]))
    rng = np.random.default_rng(0)
    mdata["rna"].obsm["X_umap"] = rng.normal(size=(mdata.n_obs, 2))
    moved = mdata[mdata.obs_names[::-1]].copy()
    for each in (mdata, moved):
        lg.tl.perturb_shift(each, "X_umap", n_neighbors=10, groupby="cell_type")
    for name in ("linger_shift", "linger_shift_control"):
        one = pd.DataFrame(mdata["rna"].obsm[name], mdata["rna"].obs_names)
        other = pd.DataFrame(moved["rna"].obsm[name], moved["rna"].obs_names).loc[one.index]
        np.testing.assert_allclose(one, other, atol=1e-5)
        assert one.isna().any(axis=1).sum() == mdata.n_obs - 150
    with pytest.raises(KeyError, match="no embedding 'X_pca'"):
        lg.tl.perturb_shift(mdata, "X_pca")
    with pytest.raises(ValueError, match="temperature"):
        lg.tl.perturb_shift(mdata, "X_umap", temperature=0)
    lg.tl.perturb(mdata, {"TF1": 1.0})
    with pytest.raises(ValueError, match="changes nothing"):
        lg.tl.perturb_shift(mdata, "X_umap")


def test_celloracle_tables(mdata):
    coefficients = lg.get.celloracle_coefficients(mdata, groupby="cell_type")
    store, found = dense_networks(mdata)
    groups = mdata.obs["cell_type"].astype(str).reindex(store.metacells).to_numpy()
    gene, peaks, w = found["GENE30"]
    x_tf, x_re = store.design("tf_values"), store.design("re_values")[peaks]
    z1 = w["tf"] @ x_tf + w["re"][:, :1] + w["re"][:, 1 : len(peaks) + 1] @ x_re
    z2 = w["w2"] @ np.maximum(z1, 0) + w["b2"]
    gradient = w["tf"].T @ ((z1 > 0) * (w["w2"].T @ ((z2 > 0) * w["w3"].T)))
    scaled = gradient * store.design("target_sd")[gene] / store.design("tf_sd")[:, None]
    for group, table in coefficients.items():
        np.testing.assert_allclose(table.loc[store.tfs, "GENE30"], scaled[:, groups == group].mean(axis=1), atol=1e-5)
    own = [table.loc[tf, tf] for table in coefficients.values() for tf in store.tfs if tf in table.columns]
    assert not np.any(own)
    square = lg.get.celloracle_coefficients(mdata, genes=mdata["rna"].var_names)["all"]
    assert list(square.index) == list(square.columns) == list(mdata["rna"].var_names)
    links = lg.get.celloracle_links(mdata, groupby="cell_type", top=50)
    for group, table in links.items():
        assert len(table) == 50
        assert table["coef_abs"].is_monotonic_decreasing
        row = table.iloc[3]
        assert row["coef_mean"] == coefficients[group].loc[row["source"], row["target"]]
    edge = links["type_1"][links["type_1"]["target"] == "GENE30"]
    for _, row in edge.iterrows():
        from scipy.stats import ttest_1samp

        values = scaled[store.tfs.get_loc(row["source"]), groups == "type_1"]
        if values.std() > 1e-6:
            assert row["p"] == pytest.approx(ttest_1samp(values, 0).pvalue, rel=0.05, abs=1e-12)


def test_celloracle_base_network_and_tfdict(mdata):
    table = lg.get.celloracle_base_grn(mdata, peaks_per_gene=3, tfs_per_peak=2)
    tfs = table.columns[2:]
    assert table["peak_id"].str.fullmatch(r"chr\w+_\d+_\d+").all()
    assert table.groupby("gene_short_name").size().max() <= 3
    assert table[tfs].sum(axis=1).between(1, 2).all()
    assert set(tfs) == set(mdata["rna"].var_names[mdata["rna"].var["is_tf"]])
    tfdict = lg.get.celloracle_tfdict(mdata, groups=["type_1"], n_tfs=4)["type_1"]
    net = lg.get.network(mdata, "trans", group="type_1", targets=["GENE25"], top=4)
    assert tfdict["GENE25"] == net["source"].tolist()
    with pytest.raises(ValueError, match="n_tfs"):
        lg.get.celloracle_tfdict(mdata, n_tfs=0)


def test_support_by_peaks(mdata):
    from linger.get._support import path_support

    store = lg.io.read_store(mdata)
    share = path_support(mdata, store.tfs, store.genes, key="linger", rna_key="rna", atac_key="atac")
    net = lg.get.network(mdata, "trans", tfs=["TF1"]).set_index("target")
    path = (net["weight"] / net["gamma"]).reindex(store.genes).fillna(0)
    known = net["gamma"].reindex(store.genes).fillna(0) > 0
    column = store.tfs.get_loc("TF1")
    binding, cis = lg.get.matrix(mdata, "binding", tfs=["TF1"]), lg.get.matrix(mdata, "cis")
    whole = np.asarray((binding.matrix @ cis.matrix[cis.sources.get_indexer(binding.targets)]).todense())[0]
    whole = pd.Series(whole, cis.targets).reindex(store.genes)
    np.testing.assert_allclose(whole[known], path[known], rtol=1e-4)
    np.testing.assert_allclose(share[:, column], 0.1 + 0.9 * whole / (whole + whole.mean()), rtol=1e-4)
    changes = {}
    for support in (None, "peaks"):
        lg.tl.perturb(mdata, {"TF1": 0.0}, support=support)
        changes[support] = lg.get.perturbation(mdata).drop(columns="TF1")
    smaller = changes["peaks"].abs().mean() / changes[None].abs().mean()
    assert smaller.corr(pd.Series(share[:, column], store.genes)[smaller.index], method="spearman") > 0.8
    lg.tl.perturb_screen(mdata, tfs=["TF1"], support="peaks")
    screened = lg.get.perturbation_screen(mdata).loc["TF1"].drop("TF1")
    assert screened.corr(changes["peaks"][screened.index].mean()) > 0.95
    with pytest.raises(ValueError, match="support must be"):
        lg.tl.perturb(mdata, {"TF1": 0.0}, support="motif")


def test_sliced_data_are_refused_or_warned_of(mdata, caplog):
    names = mdata.var_names
    for gone, what in (("TF2", "TFs"), (mdata["atac"].var_names[3], "peaks")):
        with pytest.raises(ValueError, match=f"1 of .* {what} of the networks are not in"):
            lg.tl.perturb(mdata[:, names[names != gone]].copy(), {"TF1": 0.0})
    fewer = mdata[:, names[names != "GENE30"]].copy()
    for each in (fewer, mdata):
        lg.tl.perturb(each, {"TF1": 0.0})
    found = lg.get.perturbation(fewer)
    assert "GENE30" not in found
    # depth is over the genes that are left, so only nearly the same
    assert found.corrwith(lg.get.perturbation(mdata)[found.columns]).dropna().median() > 0.9
    assert "were fitted with" not in caplog.text
    lg.tl.perturb(mdata[mdata.obs_names[:150]].copy(), {"TF1": 0.0})
    assert "Keep all cells" in caplog.text


def test_columns_follow_the_data_and_a_new_perturbation_removes_the_old_shift(mdata):
    lg.tl.perturb(mdata, {"TF1": 0.0}, groupby="cell_type")
    genes = lg.get.perturbation(mdata).columns
    assert list(genes) == [name for name in mdata["rna"].var_names if name in set(genes)]
    mdata["rna"].obsm["X_umap"] = np.random.default_rng(0).normal(size=(mdata.n_obs, 2))
    lg.tl.perturb_shift(mdata, "X_umap", groupby="cell_type", n_neighbors=10)
    assert list(mdata.uns["linger"]["shift"]["tfs"]) == ["TF1"]
    lg.tl.perturb(mdata, {"TF2": 0.0})
    with pytest.raises(KeyError, match="No transitions"):
        lg.get.transitions(mdata)
    assert "linger_shift" not in mdata["rna"].obsm


def test_doses_that_are_no_numbers_and_genes_that_are_not_there(mdata):
    for dose in (True, "ko", None):
        with pytest.raises(ValueError, match="must be numbers"):
            lg.tl.perturb(mdata, {"TF1": dose})
    with pytest.raises(KeyError, match="Did you mean 'TF1'"):
        lg.get.celloracle_coefficients(mdata, genes=["tf1"])


def test_a_screen_resumed_in_another_order_is_refused(mdata, tmp_path):
    lg.tl.perturb_screen(mdata, tfs=["TF1", "TF2"], path=tmp_path / "screen")
    with pytest.raises(ValueError, match="another path"):
        lg.tl.perturb_screen(mdata, tfs=["TF2", "TF1"], path=tmp_path / "screen")
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="is a file"):
        lg.tl.perturb_screen(mdata, path=tmp_path / "file")


def test_cells_must_be_paired_and_metacells_made_by_linger(mdata, tmp_path):
    import mudata as md

    with md.set_options(pull_on_update=False):
        unpaired = md.MuData({"rna": mdata["rna"].copy(), "atac": mdata["atac"][:150].copy()})
    unpaired.uns["linger"] = mdata.uns["linger"]
    with pytest.raises(ValueError, match="not paired"):
        lg.tl.perturb(unpaired, {"TF1": 0.0})
    metacells = lg.pp.metacells(mdata)
    del metacells.uns["linger"]
    lg.tl.fit(mdata, metacells=metacells, config=lg.FitConfig(epochs=2, n_folds=0), store=tmp_path / "foreign")
    with pytest.raises(ValueError, match="linger did not make"):
        lg.tl.perturb(mdata, {"TF1": 0.0})
    lg.tl.perturb_screen(mdata, tfs=["TF1"])
    with pytest.raises(ValueError, match="not named after their cells"):
        lg.tl.perturb_screen(mdata, groupby="cell_type")


def test_depth_is_that_of_the_fit(tmp_path):
    """Deep cells alone are scaled as they were among all cells."""
    mdata = lg.ds.toy()
    deep = np.arange(mdata.n_obs) % 2 == 0
    for key in ("rna", "atac"):
        factor = sparse.diags(np.where(deep, 4.0, 1.0))
        mdata[key].X = sparse.csr_matrix(factor @ mdata[key].X)
    lg.pp.link_peaks(mdata)
    lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0), store=tmp_path / "networks")
    part = mdata[deep].copy()
    settings = lg.io.read_store(mdata).settings
    depth = np.median(np.asarray(mdata["rna"].X.sum(axis=1)))
    assert settings["depth"]["rna"] == depth
    for each in (mdata, part):
        smoothed = SmoothedCells(each, part.obs_names, settings, 200, layer=None, rna_key="rna", atac_key="atac")
        _, genes, _ = next(smoothed.chunks(mdata["rna"].var_names, mdata["atac"].var_names))
        np.testing.assert_allclose(np.expm1(genes.astype(float)).sum(axis=0), depth, rtol=1e-3)


def test_groups_of_metacells_from_labels_are_their_own(mdata, tmp_path):
    mdata.obs["label"] = mdata.obs_names.to_numpy()[np.arange(mdata.n_obs) % 40]
    metacells = lg.pp.metacells(mdata, labels="label", groupby="cell_type")
    lg.tl.fit(mdata, metacells=metacells, config=lg.FitConfig(epochs=2, n_folds=0), store=tmp_path / "networks")
    store = lg.io.read_store(mdata)
    own = metacells.obs["cell_type"].astype(str).reindex(store.metacells)
    assert store.settings["groups"] == own.tolist()
    lg.tl.perturb_screen(mdata, tfs=["TF1"], groupby="cell_type")
    assert list(mdata.uns["linger"]["screen"]["groups"]) == sorted(own.unique())
    mdata.obs["other"] = "x"
    with pytest.raises(ValueError, match="not named after their cells"):
        lg.tl.perturb_screen(mdata, groupby="other")


def test_propagation_of_a_cell_does_not_depend_on_the_others(mdata):
    cell = mdata.obs_names[0]
    lg.tl.perturb(mdata, {"TF8": 0.0}, n_propagation=5)
    whole = lg.get.perturbation(mdata).loc[cell]
    lg.tl.perturb(mdata, pd.Series({"TF8": 0.0}), n_propagation=5, cells=cell)
    np.testing.assert_allclose(lg.get.perturbation(mdata).loc[cell], whole, atol=1e-6)


def test_another_store_in_its_place_is_refused(mdata, tmp_path):
    path = tmp_path / "networks"
    lg.tl.fit(mdata, config=lg.FitConfig(epochs=2, n_folds=0), store=path)
    lg.tl.fit(mdata.copy(), config=lg.FitConfig(epochs=3, n_folds=0), store=path)
    with pytest.raises(ValueError, match="not the one of the fit"):
        lg.tl.perturb(mdata, {"TF1": 0.0})
