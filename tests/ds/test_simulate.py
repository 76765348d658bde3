"""Simulated data: form, truth, realism, and that it can be learnt from but not trivially."""

from __future__ import annotations

import inspect

import mudata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

import linger as lg
from linger._keys import IS_TF
from linger.ds._counts import atac_counts, rna_counts
from linger.ds._expression import respond
from linger.ds._genome import make_genome
from linger.ds._truth import MIN_EFFECT

SMALL = {"n_cells": 120, "n_genes": 80, "n_tfs": 16, "n_peaks": 400, "n_cell_types": 3, "n_bulk": 8}
KINDS = ("trans", "cis", "binding")


@pytest.fixture(scope="module")
def sim():
    return lg.ds.simulate()


@pytest.fixture(scope="module")
def small():
    return lg.ds.simulate(**SMALL)


def same(a, b):
    return (a != b).nnz == 0


def edges(frame):
    return set(zip(frame["source"], frame["target"], strict=True))


def dense(frame, rows, columns):
    found = np.zeros((len(rows), len(columns)), dtype=bool)
    found[rows.get_indexer(frame["source"]), columns.get_indexer(frame["target"])] = True
    return found


def distances(mdata):
    """Peaks x genes distance, infinite beyond the window."""
    genes, peaks = mdata["rna"].var, mdata["atac"].var
    middle = ((peaks["start"] + peaks["end"]) // 2).to_numpy()
    distance = np.abs(genes["tss"].to_numpy()[None] - middle[:, None]).astype(float)
    other = peaks["chrom"].to_numpy()[:, None] != genes["chrom"].to_numpy()[None]
    distance[other | (distance > 1_000_000)] = np.inf
    return distance


def log_cpm(X):
    return np.log1p(X.multiply(1e4 / X.sum(axis=1)).toarray())


def correlation(x, y):
    x, y = ((m - m.mean(0)) / (m.std(0) + 1e-9) for m in (x, y))
    return x.T @ y / len(x)


# form


def test_same_seed_same_data(small):
    again, other = lg.ds.simulate(**SMALL), lg.ds.simulate(**SMALL, rng=1)
    for key in ("rna", "atac"):
        for part in ("mdata", "bulk"):
            assert same(getattr(small, part)[key].X, getattr(again, part)[key].X)
        assert not same(small.mdata[key].X, other.mdata[key].X)
    for kind in KINDS:
        pd.testing.assert_frame_equal(getattr(small.truth, kind), getattr(again.truth, kind))
    assert same(small.mdata.varp["linger_motif"], again.mdata.varp["linger_motif"])


def test_generator_is_accepted():
    one, two = (lg.ds.simulate(**SMALL, rng=np.random.default_rng(3)) for _ in range(2))
    assert same(one.mdata["rna"].X, two.mdata["rna"].X)


def test_network_does_not_depend_on_cells_or_depth(small):
    other = lg.ds.simulate(**SMALL | {"n_cells": 50, "n_bulk": 3}, rna_depth=50)
    for kind in KINDS:
        pd.testing.assert_frame_equal(getattr(small.truth, kind), getattr(other.truth, kind))


def test_shapes_and_types(small):
    assert small.mdata["rna"].shape == (120, 80)
    assert small.mdata["atac"].shape == (120, 400)
    assert small.bulk["rna"].shape == (8, 80)
    assert small.bulk["atac"].shape == (8, 400)
    for container in (small.mdata, small.bulk):
        for key in ("rna", "atac"):
            X = container[key].X
            assert sparse.issparse(X)
            assert X.format == "csr"
            assert X.dtype == np.float32
            assert (X.data > 0).all()
            assert np.array_equal(X.data, np.rint(X.data))
            assert X.has_sorted_indices
    mdata, bulk, truth = small
    assert mdata is small.mdata
    assert bulk is small.bulk
    assert truth is small.truth


def test_annotation(small):
    rna, atac = small.mdata["rna"], small.mdata["atac"]
    assert rna.var[IS_TF].sum() == 16
    assert set(rna.var["strand"]) == {"+", "-"}
    parsed = atac.var["chrom"] + ":" + atac.var["start"].astype(str) + "-" + atac.var["end"].astype(str)
    assert list(parsed) == list(atac.var_names)
    assert (atac.var["end"] > atac.var["start"]).all()
    assert (atac.var["start"] >= 0).all()
    for container in (small.mdata, rna, atac):
        assert isinstance(container.obs["cell_type"].dtype, pd.CategoricalDtype)
        assert (container.obs["cell_type"].value_counts() > 0).all()
    assert list(small.mdata.obs.columns) == ["cell_type"]


@pytest.mark.parametrize("part", ["mdata", "bulk"])
def test_motif_affinity(small, part):
    mdata = getattr(small, part)
    motif = mdata.varp["linger_motif"]
    assert motif.shape == (480, 480)
    assert motif.dtype == np.float32
    tf = np.flatnonzero(mdata["rna"].var[IS_TF])
    assert np.allclose(motif[tf].max(axis=1).toarray(), 1)
    assert motif.data.min() > 0
    assert motif[tf][:, 80:].nnz == motif.nnz


def test_peaks_do_not_overlap():
    genome = make_genome(np.random.default_rng(0), n_genes=300, n_tfs=10, n_peaks=4000)
    peaks = genome.peaks.sort_values(["chrom", "start"])
    following = peaks["chrom"].eq(peaks["chrom"].shift())
    assert (peaks["start"] >= peaks["end"].shift())[following].all()
    assert genome.peaks.index.is_unique


def test_pairs_are_all_within_the_window(small):
    genome = small._wiring.genome
    distance = distances(small.mdata)
    assert np.isfinite(distance).sum() == len(genome.pair_gene)
    assert np.array_equal(distance[genome.pair_peak, genome.pair_gene], genome.pair_distance)


def test_h5mu_round_trip(small, tmp_path):
    for name in ("mdata", "bulk"):
        before = getattr(small, name)
        with mudata.set_options(pull_on_update=False):
            before.write(tmp_path / f"{name}.h5mu")
            after = mudata.read_h5mu(tmp_path / f"{name}.h5mu")
        assert same(before["atac"].X, after["atac"].X)
        assert same(before.varp["linger_motif"], after.varp["linger_motif"])
        assert list(after["rna"].var.columns) == ["chrom", "tss", "strand", "is_tf"]


@pytest.mark.parametrize(
    ("sizes", "match"),
    [
        ({"n_tfs": 81}, "n_tfs cannot exceed"),
        ({"n_cells": 0}, "n_cells must be at least 1"),
        ({"n_peaks": 0}, "n_peaks must be at least 1"),
        ({"n_bulk": 0}, "n_bulk must be at least 1"),
        ({"n_cell_types": 121}, "Every cell type needs a cell"),
        ({"rna_depth": 0}, "rna_depth must be a positive"),
        ({"atac_depth": float("nan")}, "atac_depth must be a positive"),
    ],
)
def test_contradictory_sizes(sizes, match):
    with pytest.raises(ValueError, match=match):
        lg.ds.simulate(**SMALL | sizes)


@pytest.mark.parametrize(
    "sizes",
    [
        {"n_cells": 3},
        {"n_tfs": 1},
        {"n_tfs": 80},
        {"n_peaks": 1},
        {"n_peaks": 20, "n_genes": 200},
        {"n_genes": 1, "n_tfs": 1, "n_peaks": 1, "n_cells": 1, "n_cell_types": 1, "n_bulk": 1},
        {"n_cell_types": 12},
    ],
)
def test_odd_sizes(sizes):
    sizes = SMALL | sizes
    sim = lg.ds.simulate(**sizes)
    assert sim.mdata["rna"].shape == (sizes["n_cells"], sizes["n_genes"])
    assert sim.mdata["atac"].shape == (sizes["n_cells"], sizes["n_peaks"])
    assert sim.mdata.obs["cell_type"].nunique() == sizes["n_cell_types"]
    assert np.isfinite(sim.knockout({"TF1": 0.0}).to_numpy()).all()


def test_keyword_only():
    parameters = inspect.signature(lg.ds.simulate).parameters.values()
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in parameters)


def test_toy():
    mdata = lg.ds.toy()
    assert mdata["rna"].shape == (200, 60)
    assert mdata["atac"].shape == (200, 300)
    assert mdata["rna"].var[IS_TF].sum() == 12
    assert mdata.obs["cell_type"].nunique() == 3
    assert same(mdata["rna"].X, lg.ds.toy()["rna"].X)


# truth


@pytest.mark.parametrize("kind", KINDS)
def test_truth_frames(sim, kind):
    population = getattr(sim.truth, kind)
    assert list(population.columns) == ["source", "target", "weight", "sign"]
    assert not population.duplicated(["source", "target"]).any()
    assert (population["weight"] > 0).all()
    assert population["sign"].isin([-1, 1]).all()
    together = pd.concat([getattr(nets, kind) for nets in sim.truth.per_type.values()])
    assert edges(together) == edges(population)
    largest = together.groupby(["source", "target"])["weight"].max()
    merged = population.set_index(["source", "target"])["weight"]
    pd.testing.assert_series_equal(merged.sort_index(), largest.sort_index())


def test_types_differ(sim):
    assert list(sim.truth.per_type) == list(sim.mdata.obs["cell_type"].cat.categories)
    for kind in KINDS:
        first, second, *_ = (edges(getattr(nets, kind)) for nets in sim.truth.per_type.values())
        overlap = len(first & second) / len(first | second)
        assert 0.05 < overlap < 0.9


def test_cis_edges_are_within_the_window(sim):
    peaks, genes = sim.mdata["atac"].var_names, sim.mdata["rna"].var_names
    assert np.isfinite(distances(sim.mdata)[dense(sim.truth.cis, peaks, genes)]).all()


@pytest.mark.parametrize("which", ["population", "per_type"])
def test_trans_needs_binding_and_cis(sim, which):
    for nets in [sim.truth] if which == "population" else sim.truth.per_type.values():
        paths = nets.binding.merge(nets.cis, left_on="target", right_on="source", suffixes=("_tf", "_cis"))
        reached = set(zip(paths["source_tf"], paths["target_cis"], strict=True))
        assert edges(nets.trans) <= reached
    assert not (sim.truth.trans["source"] == sim.truth.trans["target"]).any()


def test_direct_knockout_is_the_trans_weight(sim):
    """The closed form edge by edge equals running the mechanism without the TF."""
    for tf in ("TF1", "TF7", "TF30"):
        direct = sim.knockout({tf: 0.0}, propagate=False)
        for name, nets in sim.truth.per_type.items():
            known = nets.trans[nets.trans["source"] == tf]
            change = direct.loc[name, known["target"]].to_numpy()
            assert np.allclose(change, -known["weight"] * known["sign"], atol=2e-3)
        untouched = direct.columns.difference([*sim.truth.trans.query("source == @tf")["target"], tf])
        assert (direct[untouched].abs() > 2 * MIN_EFFECT).to_numpy().mean() < 0.01


def test_knockout_reaches_only_what_is_downstream(sim):
    wiring = sim._wiring
    genes = sim.mdata["rna"].var_names
    reach = (wiring.binding != 0).astype(int) @ sparse.csr_matrix(
        (
            np.ones(sum(t.weights.nnz for t in wiring.tiers)),
            (
                np.concatenate([t.peaks[t.weights.indices] for t in wiring.tiers]),
                np.concatenate([np.repeat(t.genes, np.diff(t.weights.indptr)) for t in wiring.tiers]),
            ),
        ),
        shape=(len(wiring.peak_scale), len(genes)),
    )
    for number in range(10):
        change = sim.knockout({f"TF{number + 1}": 0.0}, propagate=False).abs().max().to_numpy()
        allowed = reach[[number]].toarray().ravel() > 0
        allowed[wiring.genome.tfs[number]] = True
        assert (change[~allowed] == 0).all()


def test_knockout_direction(sim):
    roles = sim._wiring.repressor
    tfs = sim.mdata["rna"].var_names[sim._wiring.genome.tfs]
    for tf, repressor in list(zip(tfs, roles, strict=True))[:20]:
        direct = sim.knockout({tf: 0.0}, propagate=False).drop(columns=tf).to_numpy()
        assert (direct >= -1e-5).all() if repressor else (direct <= 1e-5).all()
        signs = sim.truth.trans.query("source == @tf")["sign"]
        assert (signs == (-1 if repressor else 1)).all()


def test_knockout_doses(sim):
    assert np.allclose(sim.knockout({"TF1": 1.0}), 0)
    assert np.allclose(sim.knockout({"TF1": 2.0})["TF1"], np.log(2), atol=1e-5)
    assert np.allclose(sim.knockout({"TF1": 0.0})["TF1"], np.log(1e-3), atol=1e-5)
    both = sim.knockout({"TF1": 0.0, "TF2": 0.0})
    assert both.shape == (8, 500)
    assert both.abs().to_numpy().sum() > sim.knockout({"TF1": 0.0}).abs().to_numpy().sum()


def test_propagation_adds_indirect_targets(sim):
    wiring = sim._wiring
    tfs = sim.mdata["rna"].var_names[wiring.genome.tfs]
    regulated = set(tfs[~wiring.master])
    upstream = sim.truth.trans[sim.truth.trans["target"].isin(regulated)]["source"].iloc[0]
    total, direct = sim.knockout({upstream: 0.0}), sim.knockout({upstream: 0.0}, propagate=False)
    assert (total != 0).to_numpy().sum() > (direct != 0).to_numpy().sum()


def test_knockout_checks_its_input(sim):
    with pytest.raises(KeyError, match="TFs are unknown: 'NOBODY'"):
        sim.knockout({"NOBODY": 0.0})
    with pytest.raises(ValueError, match="not negative"):
        sim.knockout({"TF1": -1.0})


# mechanism


def test_effects_saturate(sim):
    """Doubling a level changes less than removing it: the system is not linear in log levels."""
    tf = sim.truth.trans.query("sign == 1").groupby("source")["weight"].sum().idxmax()
    down, up = (sim.knockout({tf: dose}, propagate=False).drop(columns=tf).to_numpy() for dose in (0.0, 2.0))
    assert np.abs(up).sum() < 0.8 * np.abs(down).sum()


def test_bulk_shares_the_network(sim):
    assert list(sim.bulk["rna"].var_names) == list(sim.mdata["rna"].var_names)
    assert list(sim.bulk["atac"].var_names) == list(sim.mdata["atac"].var_names)
    assert same(sim.bulk.varp["linger_motif"], sim.mdata.varp["linger_motif"])
    cis = dense(sim.truth.cis, sim.mdata["atac"].var_names, sim.mdata["rna"].var_names)
    linked = np.isfinite(distances(sim.mdata))
    strength = correlation(log_cpm(sim.bulk["atac"].X), log_cpm(sim.bulk["rna"].X))
    assert roc_auc_score(cis[linked], strength[linked]) > 0.65


def test_bulk_is_deep_and_diverse(sim):
    assert (sim.bulk["rna"].X.sum(axis=1) > 50 * np.median(sim.mdata["rna"].X.sum(axis=1))).all()
    assert len(np.unique(np.round(log_cpm(sim.bulk["rna"].X)[:, 0], 4))) == 60


def test_rates_lie_between_basal_and_full(sim):
    wiring = sim._wiring
    response = respond(wiring, sim._centres)
    assert ((response.openness > 0) & (response.openness < 1)).all()
    without = np.exp(sim._centres @ wiring.programmes.gene_loadings)
    others = wiring.tiers[1]
    rate = (response.rates / without)[:, others.genes]
    assert (rate >= others.basal - 1e-6).all()
    assert (rate <= 1).all()


def test_rna_counts_have_their_moments():
    rng = np.random.default_rng(0)
    mean = np.full((40_000, 2), 5.0, dtype=np.float32)
    X = rna_counts(rng, mean, np.array([0.1, 1.0], dtype=np.float32), dropout=0.0).toarray()
    assert np.allclose(X.mean(0), 5, rtol=0.03)
    assert np.allclose(X.var(0), [5 + 2.5, 5 + 25], rtol=0.06)


@pytest.mark.parametrize("level", [0.2, 3.0])
def test_atac_counts_are_poisson(level):
    """The event-by-event path (sparse) and the dense one give Poisson counts of the right mean per entry."""
    rng = np.random.default_rng(0)
    mean = np.tile(level * np.array([0.0, 0.5, 1.0, 2.0], dtype=np.float32), (30_000, 1))
    X = atac_counts(rng, mean).toarray()
    assert np.allclose(X.mean(0), mean[0], rtol=0.05)
    assert np.allclose(X.var(0), mean[0], rtol=0.06)
    assert abs(np.corrcoef(X[:, 1], X[:, 2])[0, 1]) < 0.03


# realism


def test_depth_and_zeros(sim):
    for key, median, zeros in (("rna", 884, (0.3, 0.8)), ("atac", 543, (0.75, 0.97))):
        X = sim.mdata[key].X
        depth = np.asarray(X.sum(axis=1)).ravel()
        assert 0.8 * median < np.median(depth) < 1.2 * median
        assert zeros[0] < 1 - X.nnz / np.prod(X.shape) < zeros[1]
    assert (sim.mdata["atac"].X.data <= 2).mean() > 0.9
    tf = sim.mdata["rna"].var[IS_TF].to_numpy()
    assert sim.mdata["rna"].X[:, tf].mean() < 0.6 * sim.mdata["rna"].X[:, ~tf].mean()


def test_depth_is_adjustable(small):
    deep = lg.ds.simulate(**SMALL, rna_depth=5000, atac_depth=3000)
    for key, depth in (("rna", 5000), ("atac", 3000)):
        assert np.isclose(np.median(np.asarray(deep.mdata[key].X.sum(axis=1))), depth, rtol=0.15)
        assert deep.mdata[key].X.nnz > small.mdata[key].X.nnz


def test_windows_and_enhancers(sim):
    distance = distances(sim.mdata)
    linked = np.isfinite(distance)
    assert 20 < np.median(linked.sum(axis=0)) < 60
    cis = dense(sim.truth.cis, sim.mdata["atac"].var_names, sim.mdata["rna"].var_names)
    assert (distance[cis] > 100_000).mean() > 0.3
    assert cis[linked & (distance < 50_000)].mean() < 0.4


def test_distance_informs_but_does_not_decide(sim):
    distance = distances(sim.mdata)
    linked = np.isfinite(distance)
    cis = dense(sim.truth.cis, sim.mdata["atac"].var_names, sim.mdata["rna"].var_names)
    auroc = roc_auc_score(cis[linked], -distance[linked])
    print(f"cis, distance: {auroc:.3f}")
    assert 0.55 < auroc < 0.8


def test_motif_informs_but_does_not_decide(sim):
    rna, atac = sim.mdata["rna"], sim.mdata["atac"]
    tf = np.flatnonzero(rna.var[IS_TF])
    motif = sim.mdata.varp["linger_motif"][tf][:, rna.n_vars :].toarray()
    bound = dense(sim.truth.binding, rna.var_names[tf], atac.var_names)
    auroc = roc_auc_score(bound.ravel(), motif.ravel())
    print(f"binding, motif: {auroc:.3f}; motif sites bound: {bound[motif > 0].mean():.2f}")
    assert 0.6 < auroc < 0.95
    assert bound[motif > 0].mean() < 0.6
    assert 0.5 < (motif[bound] > 0).mean() < 0.95


def test_correlation_informs_modestly(sim):
    """Co-expressed genes that are no targets confound it."""
    rna, bulk = sim.mdata["rna"], log_cpm(sim.bulk["rna"].X)
    tf = np.flatnonzero(rna.var[IS_TF])
    rest = np.setdiff1d(np.arange(rna.n_vars), tf)
    true = dense(sim.truth.trans, rna.var_names[tf], rna.var_names)[:, rest]
    for name, values in (("cells", log_cpm(rna.X)), ("bulk", bulk)):
        strength = np.abs(correlation(values[:, tf], values[:, rest]))
        auroc = roc_auc_score(true.ravel(), strength.ravel())
        print(f"trans, correlation over {name}: {auroc:.3f}")
        assert 0.51 < auroc < 0.75


def test_accessibility_informs_cis(sim):
    """Means over random thirds of a type's cells: enough to see that enhancers open with their genes."""
    linked = np.isfinite(distances(sim.mdata))
    cis = dense(sim.truth.cis, sim.mdata["atac"].var_names, sim.mdata["rna"].var_names)
    codes = sim.mdata.obs["cell_type"].cat.codes.to_numpy()
    rng = np.random.default_rng(0)
    group = codes * 3 + rng.integers(3, size=len(codes))
    pool = sparse.csr_matrix((np.ones(len(codes)), (group, np.arange(len(codes)))))
    strength = correlation(log_cpm(pool @ sim.mdata["atac"].X), log_cpm(pool @ sim.mdata["rna"].X))
    auroc = roc_auc_score(cis[linked], strength[linked])
    print(f"cis, accessibility correlation over types: {auroc:.3f}")
    assert auroc > 0.6


def test_number_of_threads_does_not_matter():
    made = []
    for n_threads in (1, 2):
        with threadpool_limits(limits=n_threads):
            made.append(lg.ds.simulate(n_cells=2000, n_genes=200, n_tfs=25, n_peaks=3000, n_bulk=5))
    for key in ("rna", "atac"):
        assert (made[0].mdata[key].X != made[1].mdata[key].X).nnz == 0
        assert (made[0].bulk[key].X != made[1].bulk[key].X).nnz == 0
