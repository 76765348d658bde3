from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from anndata import AnnData

import linger as lg
from linger import nn
from linger.tl._bulk import normalize_bulk, quantile_normalize
from linger.tl._design import drop_constant_genes, make_design, make_samples
from linger.tl._ensemble import Keys, Trainer

from ..helpers import iterate_blocks

QUICK = lg.FitConfig(epochs=10, n_folds=0, binding_share=1.0)
KINDS = ("trans", "cis", "binding")


def weights_of(prior):
    """First-layer weights and Fisher information by (gene, feature), whatever the order."""
    rows = prior.rows(np.arange(len(prior.genes)))
    names = (prior.peaks["chrom"] + ":" + prior.peaks["start"].astype(str)).to_numpy()
    found = {}
    for number, gene in enumerate(prior.genes):
        span = slice(*rows.offsets[number : number + 2])
        found |= {(gene, tf): (rows.tf[number, :, k], rows.tf_fisher[number, :, k]) for k, tf in enumerate(prior.tfs)}
        peaks = names[prior.links[number].indices]
        found |= {
            (gene, peak): pair
            for peak, pair in zip(peaks, zip(rows.re[span], rows.re_fisher[span], strict=True), strict=True)
        }
    return found


def assert_same_prior(one, other, rtol=1e-4):
    a, b = weights_of(one), weights_of(other)
    assert a.keys() == b.keys()
    for part in (0, 1):
        x, y = (np.stack([found[key][part] for key in sorted(a)]) for found in (a, b))
        np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol * np.abs(y).max())


def test_prior_knows_what_it_was_made_of(prior, bulk):
    assert set(prior.tfs) == set(bulk["rna"].var_names[bulk["rna"].var["is_tf"]])
    assert prior.rounds[0].n_samples == 30
    assert prior.rounds[0].settings["config"]["epochs"] == 20
    rows = prior.rows(np.arange(len(prior.genes)))
    sums = rows.tf_fisher.sum((1, 2)) + np.add.reduceat(rows.re_fisher.sum(1), rows.offsets[:-1])
    is_tf = prior.genes.isin(prior.tfs)
    entries = 64 * (len(prior.tfs) - is_tf + np.diff(rows.offsets))
    np.testing.assert_allclose(sums / entries, 1, rtol=1e-4)


@pytest.mark.parametrize("fisher", ["empirical", "model"])
@pytest.mark.parametrize("weighted", [False, True])
def test_fisher_in_the_prior_is_that_of_the_trained_networks(bulk, fisher, weighted):
    names = bulk.obs_names.sort_values()
    weights = pd.Series(np.linspace(0.5, 1.5, bulk.n_obs), index=names) if weighted else None
    prior = lg.tl.pretrain(bulk, config=QUICK, fisher=fisher, normalize=None, sample_weights=weights)
    design = make_design(bulk, genes=None, rna_key="rna", atac_key="atac", key_added="linger")
    samples = make_samples(bulk, design, rna_key="rna", atac_key="atac")
    sample_weights = torch.tensor(weights.to_numpy(), dtype=torch.float32) if weighted else None
    trainer = Trainer(QUICK, torch.device("cpu"), 0, sample_weights=sample_weights)
    block = next(iter(iterate_blocks(design, samples, block_size=16, device=torch.device("cpu"), manifold=True)))
    trained = trainer.train(block, Keys.of(design)).weights
    targets = block.targets if fisher == "empirical" else None
    expected, mean = nn.normalized(
        nn.fisher_information(trained, block.inputs, targets, sample_weights=sample_weights), block.inputs
    )
    rows = prior.rows(prior.genes.get_indexer(design.genes[block.rows]))
    np.testing.assert_allclose(rows.tf, trained.tf, rtol=1e-6)
    np.testing.assert_allclose(rows.tf_fisher, expected.tf, rtol=1e-5)
    np.testing.assert_allclose(rows.fisher_mean, mean, rtol=1e-5)


def test_order_of_samples_genes_and_peaks_does_not_matter(bulk):
    rng = np.random.default_rng(1)
    one = lg.tl.pretrain(bulk, config=QUICK)
    shuffled = bulk[rng.permutation(bulk.n_obs), rng.permutation(bulk.n_vars)].copy()
    assert_same_prior(one, lg.tl.pretrain(shuffled, config=QUICK))


def test_block_size_does_not_matter(bulk):
    small = lg.FitConfig(epochs=10, block_size=3)
    assert_same_prior(lg.tl.pretrain(bulk, config=small), lg.tl.pretrain(bulk, config=QUICK))


def as_tables(mdata):
    return tuple(
        pd.DataFrame(mdata[key].X.toarray(), index=mdata.obs_names, columns=mdata[key].var_names)
        for key in ("rna", "atac")
    )


def test_a_pair_of_tables_needs_a_known_genome(bulk):
    with pytest.raises(ValueError, match="genome="):
        lg.tl.pretrain(as_tables(bulk))
    with pytest.raises(TypeError, match="pair"):
        lg.tl.pretrain([1, 2, 3])
    rna, atac = as_tables(bulk)
    with pytest.raises(TypeError, match="DataFrame"):
        lg.tl.pretrain((rna.to_numpy(), atac), genome="hg38")
    with pytest.raises(ValueError, match=r"table\.T\.groupby"):
        lg.tl.pretrain((pd.concat([rna, rna], axis=1), atac), genome="hg38")
    with pytest.raises(ValueError, match="not hold numbers: 'biotype'"):
        lg.tl.pretrain((rna.assign(biotype="x"), atac), genome="hg38")
    with pytest.raises(ValueError, match="no names"):
        lg.tl.pretrain((rna.reset_index(drop=True), atac), genome="hg38")
    with pytest.raises(ValueError, match="wrong way round"):
        lg.tl.pretrain((rna.T, atac.T), genome="hg38")
    with pytest.raises(ValueError, match="samples are in both"):
        lg.tl.pretrain((rna, atac.set_axis([f"other{i}" for i in range(len(atac))])), genome="hg38")


@pytest.mark.parametrize("kind", ["DataFrame", "AnnData"])
def test_a_pair_of_tables_is_annotated_with_the_built_in_tables(kind):
    rng = np.random.default_rng(0)
    genes = ["GATA1", "SPI1", "TAL1", "RUNX1", "CD3E", "MPO", "CEBPA", "ELANE"]
    located = annotated(genes)
    peaks = [
        f"{c}:{t + k * 5000}-{t + k * 5000 + 400}"
        for c, t in zip(located["chrom"], located["tss"], strict=True)
        for k in range(3)
    ]
    samples = [f"s{i}" for i in range(12)]
    rna = pd.DataFrame(rng.poisson(50, (12, len(genes))), index=samples, columns=genes)
    atac = pd.DataFrame(rng.poisson(20, (12, len(peaks))), index=samples, columns=peaks).iloc[::-1]
    pair = (rna, atac) if kind == "DataFrame" else (AnnData(rna.astype(np.float32)), AnnData(atac.astype(np.float32)))
    prior = lg.tl.pretrain(pair, genome="hg38", config=QUICK, description="made up")
    assert prior.genome == "hg38"
    assert set(prior.genes) == set(genes)
    assert {"GATA1", "SPI1"} <= set(prior.tfs)
    assert prior.rounds[0].description == "made up"


def annotated(genes):
    from mudata import MuData

    mdata = MuData({"rna": AnnData(np.ones((2, len(genes)), np.float32), var=pd.DataFrame(index=genes))})
    lg.pp.annotate_genes(mdata, annotation="hg38")
    return mdata["rna"].var.astype({"tss": int})


def test_bad_input_is_refused(bulk):
    with pytest.raises(ValueError, match="at least 3"):
        lg.tl.pretrain(bulk[:2].copy())
    with pytest.raises(ValueError, match="normalize"):
        lg.tl.pretrain(bulk, normalize="tpm")
    with pytest.raises(ValueError, match="fisher must be"):
        lg.tl.pretrain(bulk, fisher="true")
    with pytest.raises(ValueError, match="lingergrn"):
        lg.tl.pretrain(bulk, config=lg.FitConfig.lingergrn())
    negative = bulk.copy()
    negative["rna"].X[0, 0] = -1
    with pytest.raises(ValueError, match="negative"):
        lg.tl.pretrain(negative)
    empty = bulk.copy()
    empty["atac"].X = empty["atac"].X.toarray()
    empty["atac"].X[3] = 0
    with pytest.raises(ValueError, match="empty"):
        lg.tl.pretrain(empty)
    with pytest.raises(KeyError, match="lacks 29 samples"):
        lg.tl.pretrain(bulk, sample_weights=pd.Series([1.0], index=bulk.obs_names[:1]))
    with pytest.raises(ValueError, match="not negative"):
        lg.tl.pretrain(bulk, sample_weights=pd.Series(-1.0, index=bulk.obs_names))
    with pytest.raises(ValueError, match=r"0 bulk samples|empty"):
        lg.tl.pretrain(bulk, sample_weights=pd.Series(0.0, index=bulk.obs_names))
    with pytest.raises(ValueError, match="more than once"):
        lg.tl.pretrain(bulk, sample_weights=pd.Series(1.0, index=[*bulk.obs_names, *bulk.obs_names]))
    with pytest.raises(TypeError, match="Series"):
        lg.tl.pretrain(bulk, sample_weights=np.ones(30))
    with pytest.raises(ValueError, match="there is none"):
        lg.tl.pretrain(bulk, chain="some.chain")
    with pytest.raises(TypeError, match="Prior or its folder"):
        lg.tl.pretrain(bulk, prior=3)
    bulk.uns["linger"]["genome"] = "hg38"
    with pytest.raises(ValueError, match="located in 'hg38'"):
        lg.tl.pretrain(bulk, genome="hg19")
    with pytest.raises(KeyError, match="no modality"):
        lg.tl.pretrain(bulk, rna_key="gex")
    bulk["rna"].var = bulk["rna"].var.drop(columns="tss")
    del bulk.varp["linger_distance"]
    with pytest.raises(KeyError, match="annotate_genes"):
        lg.tl.pretrain(bulk)


def test_peaks_that_are_not_linked_yet_are_in_a_copy(bulk):
    expected = lg.tl.pretrain(bulk, config=QUICK)
    del bulk.varp["linger_distance"]
    assert_same_prior(expected, lg.tl.pretrain(bulk, config=QUICK))
    assert "linger_distance" not in bulk.varp


def test_sample_weights_follow_names_and_matter(bulk):
    weights = pd.Series(np.linspace(0.2, 2, bulk.n_obs), index=bulk.obs_names)
    one = lg.tl.pretrain(bulk, config=QUICK, sample_weights=weights)
    assert_same_prior(one, lg.tl.pretrain(bulk, config=QUICK, sample_weights=7 * weights.iloc[::-1]))
    rows, plain = (p.rows(np.arange(5)) for p in (one, lg.tl.pretrain(bulk, config=QUICK)))
    assert not np.allclose(rows.tf, plain.tf, rtol=1e-2)


def test_quantile_normalization_gives_all_samples_the_same_values():
    values = np.random.default_rng(0).gamma(2, size=(5, 40)).astype(np.float32)
    found = quantile_normalize(values)
    np.testing.assert_allclose(np.sort(found, axis=1), np.tile(np.sort(values, 1).mean(0), (5, 1)), rtol=1e-5)
    np.testing.assert_array_equal(np.argsort(found, axis=1), np.argsort(values, axis=1))
    tied = quantile_normalize(np.array([[0.0, 0.0, 3.0], [1.0, 2.0, 3.0]]))
    np.testing.assert_allclose(tied[0], [0.75, 0.75, 3.0])


@pytest.mark.parametrize("normalize", ["log", "quantile"])
def test_values_are_scaled_to_a_million_and_logged(bulk, normalize):
    found = normalize_bulk(bulk, normalize, rna_key="rna", atac_key="atac", layer=None)
    for key in ("rna", "atac"):
        counts = bulk[key].X.toarray().astype(np.float64)
        expected = np.log1p(1e6 * counts / counts.sum(axis=1, keepdims=True))
        if normalize == "quantile":
            order = np.sort(expected, axis=1).mean(axis=0)
            values = np.sort(found[key].X, axis=1)
            np.testing.assert_allclose(values.sum(axis=1), order.sum(), rtol=1e-5)
        else:
            np.testing.assert_allclose(found[key].X.toarray(), expected, rtol=1e-5)


def test_quantile_normalization_is_used(bulk):
    one, other = (
        lg.tl.pretrain(bulk, config=QUICK, normalize=normalize).moments["tf_mean"] for normalize in ("log", "quantile")
    )
    assert not np.allclose(one, other, rtol=1e-3)


def test_values_that_look_logged_are_noticed(bulk, caplog):
    lg.tl.pretrain(bulk, config=QUICK)
    assert "logged already" not in caplog.text
    bulk["rna"].X = bulk["rna"].X.log1p()
    lg.tl.pretrain(bulk, config=QUICK)
    assert "No value of 'rna'" in caplog.text


def test_samples_of_weight_zero_are_left_out(bulk):
    weights = pd.Series(1.0, index=bulk.obs_names)
    weights.iloc[:10] = 0
    assert_same_prior(
        lg.tl.pretrain(bulk, config=QUICK, sample_weights=weights), lg.tl.pretrain(bulk[10:].copy(), config=QUICK)
    )


def test_second_round_averages_the_information_by_numbers_of_samples(bulk, tmp_path):
    one, two = bulk[:10].copy(), bulk[10:].copy()
    first = lg.tl.pretrain(one, config=QUICK)
    first.save(tmp_path / "first")
    second = lg.tl.pretrain(two, prior=tmp_path / "first", config=QUICK)
    design = make_design(two, genes=None, rna_key="rna", atac_key="atac", key_added="linger")
    values = normalize_bulk(two, "log", rna_key="rna", atac_key="atac", layer=None)
    design, samples = drop_constant_genes(design, make_samples(values, design, rna_key="rna", atac_key="atac"))
    block = next(iter(iterate_blocks(design, samples, block_size=4, device=torch.device("cpu"), manifold=False)))
    genes = design.genes[block.rows]
    assert genes.isin(first.genes).all()
    rows, before = second.rows(second.genes.get_indexer(genes)), first.rows(first.genes.get_indexer(genes))
    re = np.zeros((len(genes), 64, block.inputs.re.shape[1]), np.float32)
    old = np.zeros_like(re)
    re[:, :, 0] = rows.bias
    for g in range(len(genes)):
        span, ours = slice(*rows.offsets[g : g + 2]), block.columns[g, : block.n_res[g]]
        re[g, :, 1 : len(ours) + 1] = rows.re[span].T
        theirs = first.links[first.genes.get_loc(genes[g])].indices
        fisher = dict(zip(first_names(first)[theirs], before.re_fisher[slice(*before.offsets[g : g + 2])], strict=True))
        known = dict(zip(first_names(first), first.usable("re"), strict=True))
        for p, peak in enumerate(design.peaks[ours]):
            old[g, :, 1 + p] = fisher[peak] if known[peak] else 0
    weights = nn.Weights(*(torch.from_numpy(part) for part in (rows.tf, re, rows.w2, rows.b2, rows.w3, rows.b3)))
    new, mean = nn.normalized(nn.fisher_information(weights, block.inputs, block.targets), block.inputs)
    tf_old = torch.from_numpy(before.tf_fisher * first.usable("tf") * block.inputs.tf.any(dim=1).numpy())
    old = torch.from_numpy(old) * block.inputs.re.any(dim=2)[:, None]
    both = nn.Fisher((10 * tf_old + 20 * new.tf) / 30, (10 * old + 20 * new.re) / 30)
    expected = nn.normalized(both, block.inputs)[0]
    np.testing.assert_allclose(rows.tf_fisher, expected.tf, rtol=1e-3, atol=1e-4)
    for g in range(len(genes)):
        found = rows.re_fisher[slice(*rows.offsets[g : g + 2])].T
        np.testing.assert_allclose(found, expected.re[g, :, 1 : found.shape[1] + 1], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(rows.fisher_mean, (10 * before.fisher_mean + 20 * mean.numpy()) / 30, rtol=1e-3)


def first_names(prior):
    peaks = prior.peaks
    return (peaks["chrom"] + ":" + peaks["start"].astype(str) + "-" + peaks["end"].astype(str)).to_numpy()


def test_second_round_starts_from_the_first_and_adds_its_knowledge(bulk):
    first = lg.tl.pretrain(bulk[:15].copy(), config=QUICK)
    frozen = lg.tl.pretrain(bulk[15:].copy(), prior=first, config=lg.FitConfig(epochs=10, ewc=float("inf")))
    assert [entry.n_samples for entry in frozen.rounds] == [15, 15]
    assert frozen.rounds[1].settings["config"]["ewc"] == "inf"  # JSON has no infinity
    one, two = weights_of(first), weights_of(frozen)
    shared = [key for key in one if key in two and one[key][1].any()]
    assert len(shared) > 1000
    for key in shared:
        known = one[key][1] > 0
        np.testing.assert_allclose(two[key][0][known], one[key][0][known], rtol=1e-5, atol=1e-7)
    alone = weights_of(lg.tl.pretrain(bulk[15:].copy(), config=QUICK))
    free = weights_of(lg.tl.pretrain(bulk[15:].copy(), prior=first, config=lg.FitConfig(epochs=10, ewc=0)))
    fisher = {
        name: np.stack([found[key][1] for key in shared])
        for name, found in (("1", one), ("2", two), ("a", alone), ("f", free))
    }
    # the mean of both rounds' information: correlated with the first more than that of the second panel alone is
    correlation = {name: np.corrcoef(fisher["1"].ravel(), fisher[name].ravel())[0, 1] for name in ("2", "a", "f")}
    assert correlation["2"] > correlation["a"]
    assert correlation["f"] > correlation["a"]
    assert np.isfinite(fisher["2"]).all()


def test_precision_on_the_way(bulk, tmp_path):
    prior = lg.tl.pretrain(bulk, config=QUICK, precision="float16", path=tmp_path / "prior")
    assert prior.path == tmp_path / "prior"
    assert prior.precision == "float16"


def test_failed_pretraining_leaves_nothing(bulk, tmp_path, monkeypatch):
    monkeypatch.setattr(nn, "fisher_information", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        lg.tl.pretrain(bulk, config=QUICK, path=tmp_path / "prior")
    assert not list(tmp_path.iterdir())
