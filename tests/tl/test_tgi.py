"""TF-gene interactions from expression alone."""

from __future__ import annotations

from dataclasses import replace

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import linger as lg
from linger.tl._pair_features import Degrees, gene_profiles, pair_features, training_degrees

QUICK = lg.TgiConfig(epochs=12, patience=12, n_models=2, width=16, n_components=12, n_patches=4)


def modules(seed=0, n_cells=150, n_genes=80, n_modules=4):
    """Cells whose genes go together in modules; a TF's targets are the genes of its module."""
    rng = np.random.default_rng(seed)
    module = np.arange(n_genes) % n_modules
    values = rng.normal(size=(n_cells, n_modules))[:, module] + 0.5 * rng.normal(size=(n_cells, n_genes))
    names = [f"g{i}" for i in range(n_genes)]
    cells = ad.AnnData(np.exp(values).astype(np.float32), var=pd.DataFrame(index=names))
    pairs = pd.DataFrame(
        [(names[t], names[j], module[t] == module[j]) for t in range(12) for j in range(12, n_genes)],
        columns=["source", "target", "label"],
    )
    return cells, pairs


@pytest.fixture(scope="module")
def _trained(tmp_path_factory):
    cells, pairs = modules()
    path = tmp_path_factory.mktemp("tgi") / "model.safetensors"
    lg.tl.tgi(cells, lg.bm.splits.sources(pairs, rng=1), config=QUICK, path=path)
    return cells, pairs, path


@pytest.fixture
def trained(_trained):
    return _trained[0].copy(), _trained[1], _trained[2]


def test_modules_are_learnt_for_tfs_that_were_held_out(trained):
    cells, _, _ = trained
    record = cells.uns["tgi"]
    assert record["test"]["auroc"] > 0.9
    assert record["test"]["f1"] > 0.6
    assert {"auroc", "aupr_ratio", "f1", "n"} == set(record["validation"])


def test_a_score_is_the_same_in_whatever_company(trained):
    cells, pairs, path = trained
    model = lg.io.read_tgi(path)
    whole = model.predict(cells, pairs).set_index(["source", "target"])["weight"]
    shuffled = model.predict(cells, pairs.sample(frac=1, random_state=3)).set_index(["source", "target"])["weight"]
    alone = pd.concat([model.predict(cells, pairs.iloc[[row]]) for row in (0, 17, 400)]).set_index(
        ["source", "target"]
    )["weight"]
    np.testing.assert_allclose(shuffled[whole.index], whole, rtol=1e-5)
    np.testing.assert_allclose(alone, whole[alone.index], rtol=1e-5)
    stored = lg.get.tgi(cells).set_index(["source", "target"])["weight"]
    np.testing.assert_allclose(stored[whole.index], whole, rtol=1e-5)


def test_direction_matters(trained):
    cells, pairs, path = trained
    model = lg.io.read_tgi(path)
    turned = pairs.rename(columns={"source": "target", "target": "source"})
    there, back = model.predict(cells, pairs)["weight"], model.predict(cells, turned)["weight"]
    assert np.abs(there - back).max() > 1e-3


def test_order_of_cells_and_genes_changes_nothing():
    cells, pairs = modules(1)
    moved = cells[::-1, ::-1].copy()
    for each, known in ((cells, pairs), (moved, pairs.sample(frac=1, random_state=0))):
        lg.tl.tgi(each, known, config=QUICK, rng=4)
    one, other = (lg.get.tgi(each).set_index(["source", "target"])["weight"] for each in (cells, moved))
    np.testing.assert_allclose(other[one.index], one, rtol=1e-3, atol=1e-5)


def test_positives_alone_and_pairs_to_score(caplog):
    cells, pairs = modules(2)
    positives = pairs.loc[pairs["label"], ["source", "target"]]
    positives = pd.concat([positives, pd.DataFrame({"source": ["g0"], "target": ["absent"]})])
    asked = pd.DataFrame({"source": ["g0", "g70", "g5"], "target": ["g71", "g0", "g5"]})  # the last with itself
    with caplog.at_level("INFO"):
        copied = lg.tl.tgi(cells, positives, predict=asked, config=QUICK, copy=True)
    assert "1 have a gene that is not in the data" in caplog.text
    assert "tgi" not in cells.varp
    found = lg.get.tgi(copied)
    assert set(map(tuple, found[["source", "target"]].to_numpy())) == {("g0", "g71"), ("g70", "g0")}
    assert found["weight"].between(0, 1).all()


def test_as_a_network_it_has_regulons_activity_and_curves(trained):
    cells, pairs, _ = trained
    net = lg.get.tgi(cells, min_weight=cells.uns["tgi"]["threshold"])
    lg.tl.tf_activity(cells, net.groupby("source").head(20), method="ulm")
    assert "score_linger" in cells.obsm
    table = lg.bm.compare({"tgi": lg.get.tgi(cells)}, pairs, universe=pairs)
    assert lg.bm.summarize(table).loc["tgi", "auroc"] > 0.9
    lg.pl.roc(lg.bm.curves({"tgi": lg.get.tgi(cells)}, pairs, universe=pairs))


def test_other_cells_and_genes_are_scored_by_a_saved_model(trained):
    _, _, path = trained
    model = lg.io.read_tgi(path)
    others, pairs = modules(9)
    score = model.predict(others, pairs)
    assert lg.bm.evaluate(score, pairs, by=None, universe="rows")["auroc"].iloc[0] > 0.8
    with pytest.raises(ValueError, match="reference genes of the model"):
        model.predict(others[:, :60].copy(), pairs.head(3))
    with pytest.raises(ValueError, match="not in the data"):
        model.predict(others, pd.DataFrame({"source": ["x"], "target": ["g1"]}))


def test_damaged_models_are_refused(trained, tmp_path):
    from safetensors.numpy import save_file

    _, _, path = trained
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match="damaged"):
        lg.io.read_tgi(cut)
    save_file({"x": np.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="no model"):
        lg.io.read_tgi(tmp_path / "other.safetensors")
    with pytest.raises(FileNotFoundError):
        lg.io.read_tgi(tmp_path / "absent")


def test_degrees_of_training_pairs_come_from_other_folds():
    rng = np.random.default_rng(0)
    train = pd.DataFrame({"source": rng.choice(list("ab"), 60), "target": rng.choice(list("uvwxyz"), 60)})
    train["label"] = rng.random(60) < 0.5
    seen = training_degrees(train, train, n_folds=60, n_draws=2)  # a fold a pair: the pair itself is left out
    np.testing.assert_array_equal(seen[0], seen[1])  # validation pairs are known: nothing is hidden
    for row, (source, target) in enumerate(zip(train["source"], train["target"], strict=True)):
        others = train.drop(index=row)
        for start, (side, name) in zip((0, 2), (("source", source), ("target", target)), strict=True):
            mine = others[others[side] == name]["label"]
            assert seen[0, row, start] == pytest.approx(np.log((mine.sum() + 1) / ((~mine).sum() + 1)))
            assert seen[0, row, start + 1] == pytest.approx(np.log1p(len(mine)))
    unknown = Degrees.of(train).features(pd.DataFrame({"source": ["?"], "target": ["?"]}))
    np.testing.assert_array_equal(unknown, 0)


def test_degrees_do_not_give_a_balanced_label_away():
    balanced = pd.DataFrame({"source": np.repeat(list("abcdefgh"), 40), "label": np.tile([True, False], 160)})
    balanced["target"] = [f"g{i}" for i in range(len(balanced))]
    label = balanced["label"].to_numpy()
    left_out = training_degrees(balanced, balanced, n_folds=len(balanced))[0, :, 0]
    folds = training_degrees(balanced, balanced)[0, :, 0]
    assert left_out[label].max() < left_out[~label].min()  # what leaving out one pair would tell
    assert abs(np.corrcoef(folds, label)[0, 1]) < 0.4


def test_degrees_are_hidden_as_often_as_validation_pairs_are_unknown():
    train = pd.DataFrame([(s, t, (i + j) % 3 == 0) for i, s in enumerate("abcdefghij") for j, t in enumerate("uvwxyz")])
    train.columns = ["source", "target", "label"]
    others = train.assign(source=train["source"] + "?")  # TFs held out
    half = pd.concat([train, train.assign(target=train["target"] + "?")])  # half of the genes
    for validation, shares in ((train, (0, 0)), (others, (1, 0)), (half, (0, 0.5))):
        hidden = (training_degrees(train, validation, n_draws=50)[:, :, [1, 3]] == 0).mean(axis=(0, 1))
        np.testing.assert_allclose(hidden, shares, atol=0.03)


def test_features_equal_numpy():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 10))
    names = pd.Index([f"g{i}" for i in range(10)])
    profiles, projection = gene_profiles(values, names, n_references=10, n_components=4)
    correlation = np.corrcoef(values.T)
    np.fill_diagonal(correlation, 0)
    np.testing.assert_allclose(profiles.correlation, correlation, atol=1e-10)
    source, target = np.array([0, 3]), np.array([5, 1])
    found = pair_features(values, profiles, source, target)
    np.testing.assert_allclose(found[:, 0], correlation[source, target])
    from scipy.stats import spearmanr

    assert found[0, 1] == pytest.approx(spearmanr(values[:, 0], values[:, 5]).statistic)
    assert found[0, 2] == pytest.approx(np.corrcoef(correlation[0], correlation[5])[0, 1])
    again, _ = gene_profiles(values[:, ::-1], names[::-1], n_references=10, n_components=4, projection=projection)
    np.testing.assert_allclose(again.components[::-1], profiles.components, atol=1e-10)


def test_sparse_counts_of_a_mudata_and_errors():
    mdata = lg.ds.simulate(n_cells=150, n_genes=60, n_tfs=12, n_peaks=300, n_cell_types=3).mdata
    assert sparse.issparse(mdata["rna"].X)
    pairs = pd.DataFrame(
        [(f"TF{t + 1}", gene) for t in range(6) for gene in mdata["rna"].var_names[20 + t : 30 + t]],
        columns=["source", "target"],
    )
    lg.tl.tgi(mdata, pairs, config=lg.TgiConfig(epochs=2, n_models=1))
    assert len(lg.get.tgi(mdata)) == 6 * (mdata["rna"].n_vars - 1)
    with pytest.raises(ValueError, match="both its genes"):
        lg.tl.tgi(mdata, pairs.assign(source="x"))
    with pytest.raises(ValueError, match="all true"):
        lg.tl.tgi(mdata, pairs.assign(label=True))
    with pytest.raises(ValueError, match="must say train, validation, test, found 'held'"):
        lg.tl.tgi(mdata, pairs.assign(split="held"))
    with pytest.raises(ValueError, match="different labels"):
        lg.tl.tgi(mdata, pd.concat([pairs.assign(label=True), pairs.assign(label=False)]))
    with pytest.raises(KeyError, match="no column"):
        lg.tl.tgi(mdata, pairs.drop(columns="target"))
    with pytest.raises(ValueError, match="genes of predict"):
        lg.tl.tgi(mdata, pairs, predict=pd.DataFrame({"source": ["x"], "target": ["y"]}))
    with pytest.raises(KeyError, match=r"lg\.tl\.tgi"):
        lg.get.tgi(mdata, key="other")
    constant = ad.AnnData(np.ones((5, 60)), var=pd.DataFrame(index=mdata["rna"].var_names))
    with pytest.raises(ValueError, match="No two genes vary"):
        lg.tl.tgi(constant, pairs)
    with pytest.raises(ValueError, match="multiple of heads"):
        lg.TgiConfig(width=30)


def test_the_authors_network_looks_at_the_batch():
    cells, pairs = modules(5)
    config = replace(lg.TgiConfig.deeptgi(), width=40, learning_rate=1e-3, epochs=4, n_references=50)
    assert config.to_dict()["optimiser"] == "radam"
    lg.tl.tgi(cells, lg.bm.splits.sources(pairs, rng=1), config=config, predict=pairs)
    scores = lg.get.tgi(cells).set_index(["source", "target"])["weight"]
    lg.tl.tgi(cells, lg.bm.splits.sources(pairs, rng=1), config=config, predict=pairs.iloc[:3])
    few = lg.get.tgi(cells).set_index(["source", "target"])["weight"]
    assert np.abs(few - scores[few.index]).max() > 1e-3
    with pytest.raises(ValueError, match="'pair' or 'batch'"):
        lg.TgiConfig(attention="both")


def test_the_authors_network_is_saved_and_read(tmp_path):
    cells, pairs = modules(6)
    config = replace(lg.TgiConfig.deeptgi(), width=40, epochs=2)
    lg.tl.tgi(cells, pairs, config=config, predict=pairs, path=tmp_path / "model.safetensors")
    again = lg.io.read_tgi(tmp_path / "model.safetensors").predict(cells, pairs)
    stored = lg.get.tgi(cells).merge(again, on=["source", "target"])
    np.testing.assert_allclose(stored["weight_x"], stored["weight_y"], atol=1e-6)


def test_half_precision_learns_too():
    cells, pairs = modules()
    lg.tl.tgi(cells, lg.bm.splits.sources(pairs, rng=1), config=replace(QUICK, mixed_precision=True), predict=pairs)
    assert cells.uns["tgi"]["test"]["auroc"] > 0.9


@pytest.mark.parametrize("split", [None, "sources"])
def test_noise_teaches_nothing(split):
    rng = np.random.default_rng(1)
    names = [f"g{i}" for i in range(200)]
    cells = ad.AnnData(rng.poisson(3, (80, 200)).astype(np.float32), var=pd.DataFrame(index=names))
    pairs = pd.DataFrame({"source": rng.choice(names[:20], 900), "target": rng.choice(names, 900)})
    pairs = pairs[pairs["source"] != pairs["target"]].drop_duplicates()
    if split:
        pairs = getattr(lg.bm.splits, split)(pairs, fractions=(0.6, 0.2, 0.2))
    lg.tl.tgi(cells, pairs, predict=pairs.head(3), config=replace(QUICK, n_models=1))
    measured = cells.uns["tgi"]["test" if split else "validation"]
    assert measured["n"] > 250
    assert abs(measured["auroc"] - 0.5) < 0.12
    assert not cells.uns["tgi"]["config"]["degree"]  # matched others: degrees say nothing


def test_nothing_of_an_earlier_run_is_left():
    cells, pairs = modules(7)
    config = replace(QUICK, n_models=1, epochs=1)
    lg.tl.tgi(cells, lg.bm.splits.sources(pairs, rng=1), predict=pairs.head(3), config=config)
    assert "test" in cells.uns["tgi"]
    lg.tl.tgi(cells, pairs, predict=pairs.head(3), config=config)
    assert "test" not in cells.uns["tgi"]
    assert cells.uns["tgi"]["loss"].shape == (1, 1)


def test_features_that_never_vary_in_training_do_not_count():
    cells, pairs = modules(8)
    config = replace(QUICK, n_models=1, epochs=3)
    held_out = lg.bm.splits.sources(pairs, rng=1)
    lg.tl.tgi(cells, held_out, config=config, predict=pairs)
    model_sees = lg.get.tgi(cells).set_index(["source", "target"])["weight"]
    shifted = held_out.assign(label=np.where(held_out["split"] == "test", ~held_out["label"], held_out["label"]))
    lg.tl.tgi(cells, shifted, config=config, predict=pairs)
    again = lg.get.tgi(cells).set_index(["source", "target"])["weight"]
    pd.testing.assert_series_equal(again, model_sees)  # labels of test pairs change nothing


def test_references_vary_most_whatever_their_mean():
    from linger.tl._tgi_model import _variance

    rng = np.random.default_rng(0)
    values = (1000 + rng.normal(size=(2000, 30)) * np.linspace(0.01, 1, 30)).astype(np.float32)
    expected = values.astype(np.float64).var(axis=0)
    for each in (values, sparse.csr_matrix(values)):
        np.testing.assert_allclose(_variance(each), expected, rtol=1e-3)
