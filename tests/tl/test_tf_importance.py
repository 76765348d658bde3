from __future__ import annotations

import mudata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import ttest_ind

import linger as lg


@pytest.fixture
def typed():
    """Cells of three types, with motif hits: two motifs a TF for some, a motif shared by two TFs, some without."""
    mdata = lg.ds.simulate(n_cells=600, n_genes=80, n_tfs=16, n_peaks=500, n_cell_types=3, n_bulk=2, rng=3).mdata
    rng = np.random.default_rng(0)
    tfs = mdata["rna"].var_names[mdata["rna"].var["is_tf"]]
    where = mdata.var_names.get_indexer(tfs)
    affinity = mdata.varp["linger_motif"][where][:, mdata.var_names.get_indexer(mdata["atac"].var_names)].toarray()
    names, pairs, hits = [], [], []
    for number, tf in enumerate(tfs[:-2]):
        for copy in range(1 + number % 2):
            names.append(f"M{number}.{copy}")
            hits.append(affinity[number] * (rng.random(affinity.shape[1]) < 0.9) * 10)
            pairs.append((names[-1], tf))
    pairs.append((names[0], tfs[5]))
    mdata["atac"].varm["linger_motif_hits"] = sparse.csr_matrix(np.array(hits, dtype=np.float32).T)
    mdata.uns["linger"] = {
        "motif_names": np.array(names, dtype=object),
        "motif_tf": pd.DataFrame(pairs, columns=["motif", "tf"]),
    }
    return mdata


def naive_importance(mdata, metacells, enriched):
    """Steps 3 and 4 one TF, motif and peak at a time; `enriched` says which motifs are, by group."""
    record = mdata.uns["linger"]
    rna, atac = (metacells[key].to_df() for key in ("rna", "atac"))
    specific = pd.DataFrame(mdata["atac"].varm["linger_specific_peaks"], mdata["atac"].var_names, list(enriched))
    hits = pd.DataFrame.sparse.from_spmatrix(
        mdata["atac"].varm["linger_motif_hits"], mdata["atac"].var_names, record["motif_names"]
    ).sparse.to_dense()
    found = {}
    for group, motifs in enriched.items():
        for tf in mdata["rna"].var_names[mdata["rna"].var["is_tf"]]:
            scores = []
            for motif in record["motif_tf"].query("tf == @tf")["motif"]:
                if motif not in motifs:
                    continue
                peaks = hits.index[(hits[motif] > 0) & specific[group]]
                z = [np.corrcoef(rna[tf], atac[peak])[0, 1] * np.sqrt(len(rna) - 1) for peak in peaks]
                scores.append(np.mean(z))
            found[tf, group] = np.mean(scores) if scores else 0.0
    return pd.Series(found)


def test_importance_is_the_papers_recipe(typed):
    metacells = lg.pp.metacells(typed, groupby="cell_type", n_metacells=50)
    lg.tl.tf_importance(typed, "cell_type", metacells=metacells)
    enriched = {
        group: set(lg.get.motif_enrichment(typed, group=group).query("p_value < 0.05")["motif"])
        for group in lg.get.groups(typed)
    }
    assert sum(map(len, enriched.values())) > 3
    expected = naive_importance(typed, metacells, enriched)
    table = lg.get.tf_importance(typed)
    found = table.set_index(["tf", "group"])["importance"]
    np.testing.assert_allclose(found.reindex(expected.index), expected, rtol=1e-3, atol=1e-3)
    assert (expected != 0).sum() > 3
    stored = pd.DataFrame(typed["rna"].varm["linger_tf_importance"], typed["rna"].var_names)
    assert stored.isna().all(axis=1).equals(~typed["rna"].var["is_tf"].rename(None))
    assert all(part["importance"].is_monotonic_decreasing for _, part in table.groupby("group"))
    assert table.loc[table["importance"] != 0, "n_enriched"].min() >= 1
    assert (table.loc[table["n_enriched"] == 0, "importance"] == 0).all()


def test_coactivity_is_the_correlation_at_the_motif_hits(typed):
    metacells = lg.pp.metacells(typed, groupby="cell_type", n_metacells=50)
    lg.tl.tf_importance(typed, "cell_type", metacells=metacells)
    coactivity, motif = typed.varp["linger_coactivity"].tocoo(), typed.varp["linger_motif"]
    rna, atac = (metacells[key].to_df() for key in ("rna", "atac"))
    assert coactivity.nnz == motif.nnz
    for i in np.random.default_rng(0).choice(coactivity.nnz, 40):
        tf, peak = typed.var_names[coactivity.row[i]], typed.var_names[coactivity.col[i]]
        assert motif[coactivity.row[i], coactivity.col[i]] > 0
        expected = max(np.corrcoef(rna[tf], atac[peak])[0, 1], 0.01)
        assert coactivity.data[i] == pytest.approx(expected, abs=1e-5)


def test_closed_form_is_the_permutation_distribution():
    """z = r sqrt(N - 1): the mean and standard deviation of r over permuted barcodes, by permuting."""
    rng = np.random.default_rng(0)
    x, y = rng.gamma(1.0, size=40), rng.gamma(0.5, size=40) + 0.3
    permuted = np.array([np.corrcoef(rng.permutation(x), y)[0, 1] for _ in range(20_000)])
    assert abs(permuted.mean()) < 4 / np.sqrt(39 * 20_000)
    assert permuted.std() == pytest.approx(1 / np.sqrt(39), rel=0.02)


def test_specific_peaks_are_more_open_in_their_type(typed):
    lg.tl.tf_importance(typed, "cell_type", n_peaks=40)
    specific, X = typed["atac"].varm["linger_specific_peaks"], typed["atac"].X.toarray()
    share, types = (
        np.log1p(X / X.sum(axis=1, keepdims=True) * X.shape[1]),
        typed.obs["cell_type"].astype(str).to_numpy(),
    )
    assert specific.sum(axis=0).max() <= 40
    assert specific.sum() > 20
    for number, name in enumerate(sorted(set(types))):
        found = ttest_ind(share[types == name], share[types != name], equal_var=False)
        assert (found.statistic[specific[:, number]] > 0).all()
        left_out = np.nan_to_num(found.statistic[~specific[:, number]], nan=-np.inf)
        if specific[:, number].sum() == 40:
            assert found.statistic[specific[:, number]].min() >= left_out.max() - 1e-3
    np.testing.assert_array_equal(typed.uns["linger"]["tf_importance"]["n_specific_peaks"], specific.sum(axis=0))


def test_a_planted_motif_is_found():
    """A TF whose motif is planted in the peaks of one type, and that is expressed there, is its most important one."""
    typed = lg.ds.simulate(n_cells=600, n_genes=80, n_tfs=16, n_peaks=500, n_cell_types=3, n_bulk=2, rng=3).mdata
    lg.tl.tf_importance(typed, "cell_type")
    planted, rng = typed["rna"].var_names[typed["rna"].var["is_tf"]][4], np.random.default_rng(0)
    specific = typed["atac"].varm["linger_specific_peaks"][:, 1]
    peaks = np.flatnonzero(specific & (rng.random(len(specific)) < 0.8) | (rng.random(len(specific)) < 0.05))
    row, motif = typed.var_names.get_loc(planted), typed.varp["linger_motif"].tolil()
    motif[row] = 0
    motif[row, typed.var_names.get_indexer(typed["atac"].var_names[peaks])] = 1
    typed.varp["linger_motif"] = motif.tocsr()
    levels = (typed.obs["cell_type"] == "type_2").to_numpy() * 20 + rng.poisson(1, typed.n_obs)
    counts = typed["rna"].X.tolil()
    counts[:, typed["rna"].var_names.get_loc(planted)] = levels[:, None]
    typed["rna"].X = counts.tocsr().astype(np.float32)
    lg.tl.tf_importance(typed, "cell_type")
    best = lg.get.tf_importance(typed, group="type_2").iloc[0]
    assert best["tf"] == planted
    assert best["p_value"] < 1e-6
    assert lg.get.motif_enrichment(typed, group="type_2").iloc[0]["motif"] == planted


def test_importance_moves_the_networks(typed):
    lg.pp.link_peaks(typed)
    lg.tl.fit(typed, groupby="cell_type", config=lg.FitConfig(epochs=5, n_folds=0))
    before = {
        group: [lg.get.matrix(typed, kind, group=group).matrix for kind in ("binding", "cis")]
        for group in lg.get.groups(typed)
    }
    lg.tl.tf_importance(typed, "cell_type")
    moved = 0
    for group, (binding, cis) in before.items():
        after = lg.get.matrix(typed, "binding", group=group).matrix
        moved += abs(binding - after).max() > 0
        assert (after - binding).max() <= 1e-5 * binding.max()  # C is at most 1
        assert abs(cis - lg.get.matrix(typed, "cis", group=group).matrix).max() == 0
    assert moved


def test_order_of_the_input_changes_nothing(typed):
    rng = np.random.default_rng(0)
    moved = typed[rng.permutation(typed.n_obs)].copy()
    parts = {}
    for key in ("atac", "rna"):
        parts[key] = moved[key][:, rng.permutation(moved[key].n_vars)].copy()
    moved = mudata.MuData(parts)
    order = typed.var_names.get_indexer(moved.var_names)
    moved.varp["linger_motif"] = typed.varp["linger_motif"][order][:, order]
    moved.uns["linger"] = typed.uns["linger"]
    tables = []
    for mdata in (typed, moved):
        lg.tl.tf_importance(mdata, "cell_type")
        tables.append(lg.get.tf_importance(mdata).sort_values(["group", "tf"], ignore_index=True))
    pd.testing.assert_frame_equal(*tables, rtol=1e-4)
    assert abs(typed.varp["linger_coactivity"][order][:, order] - moved.varp["linger_coactivity"]).max() < 1e-4


@pytest.mark.filterwarnings("ignore")
def test_survives_a_file(typed, tmp_path):
    lg.tl.tf_importance(typed, "cell_type")
    lg.io.write_h5mu(typed, path=tmp_path / "typed.h5mu")
    read = mudata.read_h5mu(tmp_path / "typed.h5mu")
    pd.testing.assert_frame_equal(lg.get.tf_importance(read), lg.get.tf_importance(typed), check_dtype=False)


def test_views_show_what_was_found_whatever_becomes_of_the_counts(typed):
    for key in ("rna", "atac"):
        typed[key].layers["raw"] = typed[key].X.copy()
        typed[key].X = typed[key].X.log1p()
    lg.tl.tf_importance(typed, "cell_type", layer="raw")
    table, motifs = lg.get.tf_importance(typed), lg.get.motif_enrichment(typed, group="type_1")
    part = typed[np.arange(typed.n_obs) % 3 == 0].copy()
    pd.testing.assert_frame_equal(lg.get.tf_importance(part), table)
    pd.testing.assert_frame_equal(lg.get.motif_enrichment(part, group="type_1"), motifs)
    peaks = typed["atac"].var_names[typed["atac"].varm["linger_specific_peaks"][:, 0]]
    pd.testing.assert_frame_equal(lg.get.motif_enrichment(typed, peaks=peaks, layer="raw"), motifs)
    mask = pd.Series(typed["atac"].var_names.isin(peaks), typed["atac"].var_names)
    pd.testing.assert_frame_equal(lg.get.motif_enrichment(typed, peaks=mask[::-1], layer="raw"), motifs)
    pd.testing.assert_frame_equal(lg.get.motif_enrichment(typed, peaks=mask.to_numpy(), layer="raw"), motifs)


def test_peaks_without_sequence_are_left_out(typed):
    rng = np.random.default_rng(0)
    gc = rng.random(typed["atac"].n_vars).astype(np.float32)
    gc[::4] = np.nan
    typed["atac"].var["linger_gc"] = gc
    lg.tl.tf_importance(typed, "cell_type")
    table = lg.get.motif_enrichment(typed, group="type_1").set_index("motif")
    hits = pd.DataFrame(
        typed["atac"].varm["linger_motif_hits"].toarray() > 0, columns=typed.uns["linger"]["motif_names"]
    )
    counted = hits[typed["atac"].varm["linger_specific_peaks"][:, 0] & ~np.isnan(gc)].sum()
    pd.testing.assert_series_equal(
        table["n"].sort_index(), counted.sort_index(), check_names=False, check_index_type=False
    )
    typed["atac"].var["linger_gc"] = np.float32(np.nan)
    with pytest.raises(ValueError, match="sequence of no peak is known"):
        lg.tl.tf_importance(typed, "cell_type")


def test_errors(typed):
    with pytest.raises(KeyError, match="No TF importance is stored"):
        lg.get.tf_importance(typed)
    with pytest.raises(KeyError, match="No TF importance is stored"):
        lg.get.motif_enrichment(typed, group="type_1")
    with pytest.raises(ValueError, match="one of the two"):
        lg.get.motif_enrichment(typed)
    with pytest.raises(ValueError, match="names no peak"):
        lg.get.motif_enrichment(typed, peaks=[])
    typed.obs["all"] = "same"
    with pytest.raises(ValueError, match=r"one group only.*C\^s = 1"):
        lg.tl.tf_importance(typed, "all")
    typed.obs["few"] = np.where(np.arange(typed.n_obs) < 3, "rare", "common")
    with pytest.raises(ValueError, match=r"rare \(3\)"):
        lg.tl.tf_importance(typed, "few")
    with pytest.raises(ValueError, match="3 or more"):
        lg.tl.tf_importance(typed, "cell_type", metacells=lg.pp.metacells(typed, n_metacells=2))
    lg.tl.tf_importance(typed, "few", min_cells=3)  # its own metacells too
    typed.obs["few"] = np.where(np.arange(typed.n_obs) < 1, "rare", "common")
    with pytest.raises(ValueError, match="a t-test needs two"):
        lg.tl.tf_importance(typed, "few", min_cells=1)
    lg.tl.tf_importance(typed, "cell_type")
    with pytest.raises(KeyError, match="groups"):
        lg.get.tf_importance(typed, group="nobody")
    del typed["atac"].varm["linger_motif_hits"], typed.varp["linger_motif"]
    before = set(typed["rna"].varm)
    with pytest.raises(KeyError, match=r"without motifs, TF importance is undefined.*alpha"):
        lg.tl.tf_importance(typed, "cell_type")
    assert set(typed["rna"].varm) == before
