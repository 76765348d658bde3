"""Results depend on the cells and their names, not on how the data are kept; odd but legal data are worked with."""

from __future__ import annotations

import anndata as ad
import mudata as md
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

import linger as lg
from linger._validate import get_counts

CONFIG = lg.FitConfig(epochs=2, n_folds=2, n_background=10)
quick = settings(
    max_examples=8, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def simulated():
    mdata = lg.ds.simulate(n_cells=90, n_genes=24, n_tfs=6, n_peaks=60, n_cell_types=3, rng=0).mdata
    assert {key: adata.X.format for key, adata in mdata.mod.items()} == {"rna": "csr", "atac": "csr"}
    return mdata


def analysis(mdata, folder):
    """Results of most functions, each a frame in an order that follows names."""
    lg.pp.link_peaks(mdata)
    metacells = lg.pp.metacells(mdata, groupby="cell_type", n_metacells=24, n_neighbors=5)
    lg.tl.fit(mdata, metacells=metacells, config=CONFIG, store=folder)
    lg.tl.tf_importance(mdata, "cell_type", metacells=metacells)
    net = lg.get.regulons(mdata, n_targets=8)
    lg.tl.tf_activity(mdata, net, n_min=2)
    lg.tl.drivers(mdata, "cell_type")
    tf = net["source"].min()
    lg.tl.perturb(mdata, {tf: 0.0}, groupby="cell_type")
    points = pd.DataFrame(np.random.default_rng(0).normal(size=(mdata.n_obs, 2)), mdata.obs_names.sort_values())
    mdata.obsm["X_points"] = points.loc[mdata.obs_names].to_numpy()
    lg.tl.perturb_shift(mdata, "X_points", groupby="cell_type", n_neighbors=10, n_grid=4)
    edges = net.sort_values(["source", "target"]).head(3)
    pairs = ["source", "target"]
    found = {kind: lg.get.network(mdata, kind).set_index(pairs) for kind in ("trans", "cis", "binding")}
    found |= {
        f"{kind} of a type": lg.get.network(mdata, kind, group="type_2", weights="shrunk").set_index(pairs)
        for kind in ("trans", "cis", "binding")
    }
    return found | {
        "metacells": pd.DataFrame(metacells["rna"].X, metacells.obs_names, metacells["rna"].var_names),
        "quality": mdata["rna"].var[["linger_r2", "linger_correlation"]],
        "importance": lg.get.tf_importance(mdata).set_index(["group", "tf"]),
        "activity": mdata["rna"].obsm["score_linger"],
        "drivers": lg.get.drivers(mdata).set_index(["group", "tf"]),
        "change": lg.get.perturbation(mdata),
        "shift": lg.get.transitions(mdata).set_index(pairs),
        "edges": lg.get.edges_per_cell(mdata, edges, n_neighbors=5),
        **downstream(mdata, tf),
    }


def downstream(mdata, tf):
    """Results of functions that start from the networks."""
    rna, pairs, genes = mdata["rna"], ["source", "target"], sorted(mdata["rna"].var_names)[:9]
    snps = rna.var.loc[genes, ["chrom"]].assign(pos=rna.var["tss"], p_value=np.linspace(1e-12, 1, 9))
    snps["chrom"] = snps["chrom"].astype(str)
    lg.tl.modules(mdata, n_modules=2, n_starts=3, gene_quantile=0.3, tf_quantile=0.0)
    lg.tl.trait_enrichment(mdata, snps, correct_for_snps=False, n_targets=8, n_top_tfs=3, n_permutations=50)
    lg.tl.perturb_screen(mdata, groupby="cell_type")
    coefficients = lg.get.celloracle_coefficients(mdata, groupby="cell_type")
    return {
        "modules": lg.get.modules(mdata).set_index(pairs),
        "traits of TFs": lg.get.traits(mdata, "tfs").set_index("tf"),
        "traits of types": lg.get.traits(mdata, "groups").set_index("group"),
        "screen": lg.get.perturbation_screen(mdata, group="type_2"),
        "coefficients": coefficients["type_2"],
        "base GRN": lg.get.celloracle_base_grn(mdata).set_index(["peak_id", "gene_short_name"]),
        "links": lg.get.celloracle_links(mdata, groupby="cell_type")["type_1"].set_index(pairs),
        "overlap": lg.get.target_overlap(mdata, genes, tfs=tf, n_targets=(4, 8), n_random=20).set_index("n_targets"),
        "subnetwork": lg.get.subnetwork(mdata, tfs=tf, top=2).set_index(pairs),
        "motifs": lg.get.motif_enrichment(mdata, group="type_1").set_index("motif"),
        "SNPs": lg.get.snp_peaks(mdata, snps, max_distance=100_000).set_index(["pos", "peak", "gene"]),
    }


@pytest.fixture(scope="module")
def plain(simulated, tmp_path_factory):
    return analysis(simulated.copy(), tmp_path_factory.mktemp("plain") / "networks")


def assert_same(found, expected):
    for name, table in expected.items():
        one, other = (each.sort_index(axis=0).sort_index(axis=1) for each in (found[name], table))
        pd.testing.assert_frame_equal(one, other, rtol=1e-4, atol=1e-6, check_dtype=False, check_names=False, obj=name)


def with_matrices(mdata, change):
    mdata = mdata.copy()
    for adata in mdata.mod.values():
        adata.X = change(adata.X)
    return mdata


def with_zeros_and_halves(X):
    """Store some zeros, and some counts in two parts."""
    dense = X.toarray()
    first = np.where(dense > 1, dense - 1, dense)
    rows, columns = np.indices(dense.shape)
    again = np.nonzero(dense > 1)
    values = np.concatenate([first.ravel(), np.ones(len(again[0]))])
    rows, columns = np.concatenate([rows.ravel(), again[0]]), np.concatenate([columns.ravel(), again[1]])
    order = np.argsort(rows, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows))])
    return sparse.csr_matrix((values[order].astype(np.float32), columns[order], indptr), dense.shape)


def shuffled(mdata):
    rng = np.random.default_rng(1)
    parts = {
        key: adata[rng.permutation(adata.n_obs)][:, rng.permutation(adata.n_vars)].copy()
        for key, adata in mdata.mod.items()
    }
    other = md.MuData(parts)
    at = mdata.var_names.get_indexer(other.var_names)
    for key in mdata.varp:
        other.varp[key] = sparse.csr_matrix(mdata.varp[key])[at][:, at]
    other.uns = mdata.uns.copy()
    return labelled(other, mdata.obs["cell_type"])


def labelled(mdata, types):
    for obs in (mdata.obs, *(adata.obs for adata in mdata.mod.values())):
        obs["cell_type"] = types.reindex(obs.index)
    return mdata


def viewed(mdata):
    """A view of data that hold further cells."""
    more = {key: ad.concat([adata, adata[:9]], index_unique="-", merge="same") for key, adata in mdata.mod.items()}
    for key, adata in more.items():
        adata.var = mdata[key].var.copy()
        adata.obs_names = adata.obs_names.str.removesuffix("-0")
    large = md.MuData(more)
    for key in mdata.varp:
        large.varp[key] = mdata.varp[key]
    large.uns = mdata.uns.copy()
    large.obs["cell_type"] = large["rna"].obs["cell_type"].astype(str)
    view = large[mdata.obs_names]
    assert view.is_view
    return view


def with_unused_levels(mdata):
    types = mdata.obs["cell_type"].astype(str)
    return labelled(mdata.copy(), types.astype(pd.CategoricalDtype(["no", *sorted(set(types))[::-1], "cells"])))


FORMS = {
    "dense integers, columns first": lambda mdata: with_matrices(mdata, lambda X: np.asfortranarray(X.toarray(), "u2")),
    "CSC array, float64": lambda mdata: with_matrices(mdata, lambda X: sparse.csc_array(X, dtype=np.float64)),
    "stored zeros": lambda mdata: with_matrices(mdata, with_zeros_and_halves),
    "shuffled": shuffled,
    "view": viewed,
    "unused levels": with_unused_levels,
}


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::anndata.ImplicitModificationWarning")
@pytest.mark.parametrize("form", FORMS)
def test_results_do_not_depend_on_how_data_are_kept(simulated, plain, form, tmp_path):
    data = FORMS[form](simulated)
    kept = {key: adata.X.copy() for key, adata in data.mod.items()}
    assert_same(analysis(data, tmp_path / "networks"), plain)
    for key, X in kept.items():
        assert type(data[key].X) is type(X) or form == "view"
        assert data[key].X.dtype == X.dtype
        assert not sparse.issparse(X) or data[key].X.nnz == X.nnz


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_backed_data_give_the_same(simulated, plain, tmp_path):
    simulated.write_h5mu(tmp_path / "cells.h5mu")
    backed = md.read_h5mu(tmp_path / "cells.h5mu", backed="r")
    assert_same(analysis(backed, tmp_path / "networks"), plain)


@st.composite
def matrices(draw):
    shape = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    values = draw(st.lists(st.integers(0, 9), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]))
    form = draw(
        st.sampled_from([np.asarray, sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array, np.asfortranarray])
    )
    dtype = draw(st.sampled_from(["u1", "i4", "i8", "f4", "f8"]))
    return np.array(values).reshape(shape), form, dtype


@quick
@given(matrices())
def test_counts_are_read_alike(drawn):
    values, form, dtype = drawn
    X = form(values.astype(dtype))
    counts = get_counts(ad.AnnData(X))
    assert (counts.dtype, counts.format, counts.nnz) == (np.float32, "csr", np.count_nonzero(values))
    np.testing.assert_array_equal(counts.toarray(), values)


def test_text_in_place_of_counts_is_named():
    with pytest.raises(ValueError, match=r"rna\.X holds values of type <U3; numbers are needed"):
        get_counts(ad.AnnData(np.array([["1.0", "2.0"]])))


NAMES = st.lists(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1, max_size=8),
    min_size=6, max_size=6, unique=True,
)  # fmt: skip


@quick
@given(NAMES)
def test_any_name_can_be_a_group_and_comes_back(simulated, names):
    mdata = labelled(
        simulated.copy(), simulated.obs["cell_type"].astype(str).map(dict(zip(TYPES, names, strict=False)))
    )
    lg.tl.group_means(mdata, "cell_type")
    assert lg.get.groups(mdata) == sorted(names[:3])
    expected = simulated.copy()
    lg.tl.group_means(expected, "cell_type")
    order = np.argsort(np.argsort(names[:3]))
    for key in ("rna", "atac"):
        found, wanted = (each[key].varm["linger_group_mean"] for each in (mdata, expected))
        np.testing.assert_allclose(found[:, order], wanted, rtol=1e-6)


TYPES = ["type_1", "type_2", "type_3"]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_silent_features_and_cells(simulated, tmp_path):
    """Constant genes, a silent TF, closed peaks, an empty cell and peaks at the same place change no number to NaN."""
    mdata = simulated.copy()
    tf = mdata["rna"].var_names[mdata["rna"].var["is_tf"]].min()
    for key, silent in (("rna", [tf]), ("atac", mdata["atac"].var_names[:2])):
        X = mdata[key].X.toarray()
        X[:, mdata[key].var_names.get_indexer(silent)] = 0
        X[0] = 0
        mdata[key].X = sparse.csr_matrix(X)
    located = mdata["atac"].var.astype({"chrom": str})
    located.iloc[4, :3] = located.iloc[3, :3]
    mdata["atac"].var = located.astype({"start": int, "end": int})
    lg.pp.link_peaks(mdata)
    lg.tl.fit(mdata, groupby="cell_type", config=CONFIG, store=tmp_path / "networks")
    assert not mdata["rna"].var.loc[tf, "linger_fitted"]
    for kind in ("trans", "cis", "binding"):
        for group in (None, "type_1"):
            network = lg.get.network(mdata, kind, group=group)
            assert np.isfinite(network["weight"]).all()
            assert (network["weight"] > 0).all()
            if kind != "binding" or group is not None:  # of the population, binding is a correlation of weights alone
                silent = {tf, *mdata["atac"].var_names[:2]}
                assert not silent & (set(network["source"]) | set(network["target"]))
    with pytest.raises(ValueError, match=f"'{tf}': not expressed"):
        lg.tl.perturb(mdata, {tf: 0.0})


def test_genes_without_a_place_are_left_out(simulated):
    mdata = simulated.copy()
    var = mdata["rna"].var
    lost, far = var.index[:2]
    var["tss"] = var["tss"].astype("Int64")
    var.loc[lost, "tss"] = pd.NA
    var.loc[far, "tss"] = 10**9
    lg.pp.link_peaks(mdata)
    lg.tl.fit(mdata, config=lg.FitConfig(epochs=1, n_folds=0))
    assert var.index[~mdata["rna"].var["linger_fitted"]].tolist() == [lost, far]
    assert not {lost, far} & set(lg.get.network(mdata)["target"])
