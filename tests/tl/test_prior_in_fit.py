"""Fits that start from a prior: what is matched, how it is held, and what falls back."""

from __future__ import annotations

import gzip

import mudata
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

import linger as lg
from linger import nn
from linger.io._prior import Prior, PriorTables, PriorWriter, Round
from linger.tl._design import make_design, make_samples
from linger.tl._ensemble import Keys, Trainer
from linger.tl._match import _check_peaks, _overlaps, match_prior, start_from_prior

from ..helpers import assert_same, iterate_blocks, tables

QUICK = lg.FitConfig(epochs=10, n_folds=0, binding_share=1.0)


def fit(mdata, metacells, prior, config=QUICK, **options):
    return lg.tl.fit(mdata, metacells=metacells, prior=prior, config=config, copy=True, **options)


def random_prior(folder, genes, tfs, peaks, seed=0):
    """A prior with random networks, for genes linked to a random half of the peaks; TF 0 and peak 0 did not vary."""
    rng = np.random.default_rng(seed)
    n, n_tfs = len(genes), len(tfs)
    links = sparse.csr_matrix(rng.random((n, len(peaks))) < 0.5, dtype=np.float32)
    links.sort_indices()
    width = 1 + int(np.diff(links.indptr).max())
    shapes = {
        "tf": (n, 64, n_tfs), "re": (n, 64, width), "w2": (n, 16, 64), "b2": (n, 16, 1), "w3": (n, 1, 16), "b3": (n, 1, 1),
        "tf_fisher": (n, 64, n_tfs), "re_fisher": (n, 64, width), "fisher_mean": (n,),
    }  # fmt: skip
    arrays = {name: rng.random(shape, dtype=np.float32) for name, shape in shapes.items()}
    writer = PriorWriter(folder / f"random{seed}")
    half = n // 2
    writer.add_block({name: value[half:] for name, value in arrays.items()}, np.arange(half, n))
    writer.add_block({name: value[:half] for name, value in arrays.items()}, np.arange(half))
    sd = {"tf_sd": np.r_[0.0, np.ones(n_tfs - 1)], "re_sd": np.r_[0.0, np.ones(len(peaks) - 1)]}
    writer.finish(PriorTables(genes, tfs, peaks, links, sd, None, (64, 16), "relu", [Round(5, n, {}, "")]))
    return Prior(writer.path), arrays


@pytest.fixture
def scattered(cells, cells_metacells, tmp_path):
    """A design, its blocks, and a random prior whose peaks overlap many of the data's, or none, in many ways."""
    design = make_design(cells, genes=None, rna_key="rna", atac_key="atac", key_added="linger")
    samples = make_samples(cells_metacells, design, rna_key="rna", atac_key="atac")
    rng = np.random.default_rng(0)
    located = design.locations.reset_index(drop=True)
    moved = [located.assign(start=located["start"] + shift, end=located["end"] + shift) for shift in (-250, 120)]
    wide = located.iloc[::7].assign(end=lambda peaks: peaks["end"] + 3000)
    same = located.iloc[3::11]
    peaks = pd.concat([*moved, wide, same]).query("start >= 0").sample(frac=0.8, random_state=1).reset_index(drop=True)
    genes = pd.Index([*rng.permutation(design.genes)[:50], "elsewhere1", "elsewhere2"], dtype=object)
    tfs = pd.Index([*rng.permutation(design.tfs)[:12], "TFelsewhere"], dtype=object)
    prior, arrays = random_prior(tmp_path, genes, tfs, peaks)
    match = match_prior(prior, design, chain=None, min_overlap=0.3, genome=None)
    return design, samples, prior, arrays, match


def plain_match(design, prior, min_overlap):
    """Base pairs shared, one pair of peaks after the other."""
    shared = {}
    for j, ours in enumerate(design.locations.itertuples()):
        for k, theirs in enumerate(prior.peaks.itertuples()):
            overlap = min(ours.end, theirs.end) - max(ours.start, theirs.start)
            shorter = min(ours.end - ours.start, theirs.end - theirs.start)
            if k and ours.chrom == theirs.chrom and overlap >= max(1, min_overlap * shorter):
                shared[j, k] = overlap
    ours, theirs = (list(frame.itertuples(index=False, name=None)) for frame in (design.locations, prior.peaks))
    equal = {k: ours.index(peak) for k, peak in enumerate(theirs) if peak in ours}
    assert len(equal) > 10
    return {(j, k): value for (j, k), value in shared.items() if equal.get(k, j) == j}


def test_peaks_match_as_in_a_plain_double_loop(scattered):
    design, _, prior, _, match = scattered
    expected = plain_match(design, prior, 0.3)
    assert len(expected) > 500
    found = match.peaks.tocoo()
    assert {(j, k): v for j, k, v in zip(found.row, found.col, found.data, strict=True)} == expected


def test_starting_weights_equal_a_plain_loop(scattered):
    design, samples, prior, arrays, match = scattered
    shared = plain_match(design, prior, 0.3)
    n_many = 0
    for block in iterate_blocks(design, samples, block_size=7, device=torch.device("cpu"), manifold=False):
        width = block.columns.shape[1]
        fresh = nn.Weights(
            torch.full((len(block.rows), 64, len(design.tfs)), 9.0), torch.full((len(block.rows), 64, 1 + width), 9.0),
            *(torch.full((len(block.rows), *shape), 9.0) for shape in ((16, 64), (16, 1), (1, 16), (1, 1))),
        )  # fmt: skip
        weights, anchor = start_from_prior(match, block, fresh)
        n_weights = nn.n_weights(block.inputs, 64)
        for row, gene in enumerate(design.genes[block.rows]):
            place = prior.genes.get_indexer([gene])[0]
            if place < 0:
                used = block.inputs.tf.any(dim=1)
                assert (weights.tf[row][:, used] == 9).float().mean() > 0.9  # all but its own TF
                assert (weights.re[row][:, block.inputs.re[row].any(dim=1)] == 9).all()
                assert all((getattr(weights, name)[row] == 9).all() for name in ("w2", "b2", "w3", "b3"))
                assert not anchor.tf_pull[row].any()
                assert not anchor.re_pull[row].any()
                continue
            for name in ("w2", "b2", "w3", "b3"):
                np.testing.assert_array_equal(getattr(weights, name)[row], arrays[name][place])
            np.testing.assert_array_equal(weights.re[row, :, 0], arrays["re"][place, :, 0])
            for k, tf in enumerate(design.tfs):
                there = prior.tfs.get_indexer([tf])[0]
                known = there > 0 and tf != gene and block.inputs.tf[k].any()  # TF 0 of the prior did not vary
                fresh_value = 0 if tf == gene or not block.inputs.tf[k].any() else 9
                expected = arrays["tf"][place, :, there] if known else np.full(64, fresh_value)
                np.testing.assert_array_equal(weights.tf[row, :, k], expected)
                pull = arrays["tf_fisher"][place, :, there] / n_weights[row].item() if known else np.zeros(64)
                np.testing.assert_allclose(anchor.tf_pull[row, :, k], pull, rtol=1e-6)
            ours = block.columns[row, : block.n_res[row]]
            theirs = prior.links[place].indices
            for p, j in enumerate(ours):
                weight, fisher, total = np.zeros(64), np.zeros(64), 0.0
                for q, k in enumerate(theirs):
                    if (j, k) in shared:
                        share = shared[j, k] / sum(shared.get((other, k), 0) for other in ours)
                        weight += share * arrays["re"][place, :, 1 + q]
                        fisher += share * arrays["re_fisher"][place, :, 1 + q]
                        total += share
                n_many += total > 1.01 or 0 < total < 0.99
                if not block.inputs.re[row, 1 + p].any():  # closed in all metacells
                    np.testing.assert_array_equal(weights.re[row, :, 1 + p], 0)
                    assert not anchor.re_pull[row, :, 1 + p].any()
                    continue
                expected = weight if total else np.full(64, 9.0)
                np.testing.assert_allclose(weights.re[row, :, 1 + p], expected, rtol=1e-5)
                pull = fisher / total / n_weights[row].item() if total else np.zeros(64)
                np.testing.assert_allclose(anchor.re_pull[row, :, 1 + p], pull, rtol=1e-5)
            assert not anchor.re_pull[row, :, 1 + len(ours) :].any()
            assert not anchor.re_pull[row, :, 0].any()
    assert n_many > 100


def test_authors_start_is_fresh_and_their_information_as_it_was(scattered):
    design, samples, prior, _, match = scattered
    block = next(iter(iterate_blocks(design, samples, block_size=50, device=torch.device("cpu"), manifold=False)))
    keys = Keys.of(design)
    theirs = Trainer(lg.FitConfig.lingergrn(), torch.device("cpu"), 0, match).start(block, keys)
    ours = Trainer(lg.FitConfig(), torch.device("cpu"), 0, match).start(block, keys)
    fresh, none = Trainer(lg.FitConfig(), torch.device("cpu"), 0).start(block, keys)
    assert none is None
    assert all(torch.equal(a, b) for a, b in zip(theirs[0], fresh, strict=True))
    assert not torch.equal(ours[0].tf, fresh.tf)
    places = match.genes[block.rows]
    scale = nn.n_weights(block.inputs, 64).numpy() * np.where(places >= 0, prior.fisher_mean[places], 0)
    for name in ("tf_pull", "re_pull"):
        expected = getattr(ours[1], name).numpy() * scale[:, None, None]
        assert expected.any()
        np.testing.assert_allclose(getattr(theirs[1], name), expected, rtol=1e-5)


def test_report_and_marks(cells, cells_metacells, prior, tmp_path):
    fitted = fit(cells, cells_metacells, prior)
    var = fitted["rna"].var
    assert var.loc[prior.genes, "linger_prior"].equals(var.loc[prior.genes, "linger_fitted"])
    report = fitted.uns["linger"]["prior"]
    assert report["n_genes_matched"] == report["n_genes"] == var["linger_fitted"].sum()
    assert report["n_tfs_matched"] == 16
    assert report["n_peaks_matched"] == report["n_peaks"]
    path = tmp_path / "fitted.h5mu"
    lg.io.write_h5mu(fitted, path=path)
    assert mudata.read_h5mu(path).uns["linger"]["prior"]["n_tfs_matched"] == 16
    again = fit(fitted, cells_metacells, None)
    assert "prior" not in again.uns["linger"]
    assert not again["rna"].var["linger_prior"].any()


def test_genes_without_prior_are_fitted_as_without_one(cells, cells_metacells, bulk):
    known = bulk["rna"].var_names[::2]
    prior = lg.tl.pretrain(bulk, genes=known, config=QUICK)
    fitted, plain = fit(cells, cells_metacells, prior), fit(cells, cells_metacells, None)
    marked = fitted["rna"].var["linger_prior"]
    assert set(marked.index[marked]) == set(prior.genes)
    columns = fitted.var_names.get_indexer(marked.index[~marked])
    for slot in ("linger_trans", "linger_cis"):
        a, b = fitted.varp[slot][:, columns], plain.varp[slot][:, columns]
        assert b.nnz
        np.testing.assert_allclose(a.toarray(), b.toarray(), rtol=1e-4, atol=1e-6)
        others = fitted.var_names.get_indexer(marked.index[marked])
        assert abs(fitted.varp[slot][:, others] - plain.varp[slot][:, others]).max() > 1e-3


def test_infinite_ewc_keeps_the_first_layer_of_the_prior(cells, cells_metacells, prior, tmp_path):
    fit(
        cells, cells_metacells, prior, lg.FitConfig(epochs=10, n_folds=0, ewc=float("inf")), store=tmp_path / "networks"
    )
    store = lg.io.NetworkStore(tmp_path / "networks")
    assert store.tfs.equals(prior.tfs)
    for number in range(store.n_blocks):
        block = store.block(number)
        rows = prior.rows(prior.genes.get_indexer(store.genes[block["genes"]]))
        frozen = rows.tf_fisher > 0
        assert frozen.mean() > 0.5
        np.testing.assert_array_equal(block["tf"][frozen], rows.tf[frozen])
        assert not np.allclose(block["w2"], rows.w2)


def test_distance_to_the_prior_falls_with_ewc(cells, cells_metacells, prior, tmp_path):
    distances = []
    for ewc in (0, 1, 10, 100, 1e3, 1e4, 1e5):
        fit(cells, cells_metacells, prior, lg.FitConfig(epochs=30, n_folds=0, ewc=ewc), store=tmp_path / "networks")
        store = lg.io.NetworkStore(tmp_path / "networks")
        total = 0.0
        for number in range(store.n_blocks):
            block = store.block(number)
            rows = prior.rows(prior.genes.get_indexer(store.genes[block["genes"]]))
            total += (rows.tf_fisher * (block["tf"] - rows.tf) ** 2).sum()
        distances.append(total)
    assert (np.diff(distances) < 0).all(), distances


def test_without_refinement_the_networks_are_those_of_the_prior(cells, cells_metacells, prior, tmp_path):
    fit(cells, cells_metacells, prior, refine=False, store=tmp_path / "networks")
    store = lg.io.NetworkStore(tmp_path / "networks")
    block = store.block(0)
    rows = prior.rows(prior.genes.get_indexer(store.genes[block["genes"]]))
    for name in ("tf", "w2", "b2", "w3", "b3"):
        np.testing.assert_array_equal(block[name], getattr(rows, name))


def test_without_refinement_what_the_prior_lacks_stays_out(cells, cells_metacells, bulk):
    known = bulk["rna"].var_names[:40]
    prior = lg.tl.pretrain(bulk, genes=known, config=QUICK)
    hidden = prior.tfs[0]
    prior.tfs = prior.tfs.where(prior.tfs != hidden, "elsewhere")
    fitted = fit(cells, cells_metacells, prior, refine=False)
    marked = fitted["rna"].var["linger_fitted"]
    assert set(marked.index[marked]) == set(prior.genes)
    trans = lg.get.network(fitted, kind="trans")
    assert set(trans["target"]) <= set(prior.genes)
    assert hidden not in set(trans.loc[trans["gamma"] > 0, "source"])
    assert not fitted.uns["linger"]["fit"]["refine"]
    with pytest.raises(ValueError, match="none of the genes"):
        fit(cells, cells_metacells, prior, refine=False, genes=bulk["rna"].var_names[40:43])
    with pytest.raises(ValueError, match="random weights"):
        fit(cells, cells_metacells, prior, lg.FitConfig.lingergrn(n_folds=0), refine=False)


def test_a_gene_never_predicts_itself_whatever_the_prior_holds(scattered):
    design, samples, _, _, match = scattered
    for block in iterate_blocks(design, samples, block_size=50, device=torch.device("cpu"), manifold=False):
        weights, anchor = Trainer(lg.FitConfig(), torch.device("cpu"), 0, match).start(block, Keys.of(design))
        own = block.inputs.own_gene, slice(None), block.inputs.own_tf
        assert not weights.tf[own].any()
        assert not anchor.tf_pull[own].any()


def test_settings_may_come_from_their_dictionary(cells, cells_metacells, prior):
    config = lg.FitConfig(**{**prior.rounds[0].settings["config"], "n_folds": 0})
    assert config.hidden == (64, 16)
    assert lg.FitConfig(**lg.FitConfig(ewc=float("inf")).to_dict()).ewc == float("inf")
    fit(cells, cells_metacells, prior, config)


def test_a_replaced_prior_is_noticed(cells, cells_metacells, prior, bulk, tmp_path):
    prior.save(tmp_path / "prior")
    opened = lg.io.read_prior(tmp_path / "prior")
    lg.tl.pretrain(bulk[:15].copy(), config=QUICK).save(tmp_path / "prior")
    with pytest.raises(ValueError, match="replaced"):
        fit(cells, cells_metacells, opened)


def random_intervals(n, seed, length=10_000_000):
    start = np.random.default_rng(seed).integers(0, length, n)
    return pd.DataFrame({"chrom": "chr1", "start": start, "end": start + 500})


def test_peaks_that_overlap_by_chance_are_refused_unless_builds_are_known():
    data, other = random_intervals(3000, 0), random_intervals(3000, 1)
    shared = _overlaps(data, other, len(other), 0.5)
    assert (shared.getnnz(axis=1) > 0).mean() > 0.1
    with pytest.raises(ValueError, match="more often"):
        _check_peaks(shared, data, other, 0.5, same_build=False)
    _check_peaks(shared, data, other, 0.5, same_build=True)
    _check_peaks(_overlaps(data, data, len(data), 0.5), data, data, 0.5, same_build=False)
    with pytest.raises(ValueError, match="0 of 3000"):
        _check_peaks(sparse.csr_matrix((3000, 3000)), data, other, 0.5, same_build=True)


def test_without_refinement_there_must_be_a_prior(cells, cells_metacells):
    with pytest.raises(ValueError, match="there is none"):
        fit(cells, cells_metacells, None, refine=False)


def test_half_precision_and_another_layout_refine_to_the_same_network(cells, cells_metacells, prior, bulk, tmp_path):
    prior.save(tmp_path / "half", precision="float16")
    # other shards: the same networks in blocks of 5 genes
    other = lg.tl.pretrain(bulk, config=lg.FitConfig(epochs=20, block_size=5))
    expected = tables(fit(cells, cells_metacells, prior))
    assert_same(expected, tables(fit(cells, cells_metacells, tmp_path / "half")), 0.02)
    assert_same(expected, tables(fit(cells, cells_metacells, other)), 1e-3)


def test_order_of_the_data_does_not_matter(cells, cells_metacells, prior):
    rng = np.random.default_rng(1)
    order = rng.permutation(cells.n_vars)
    shuffled = cells[rng.permutation(cells.n_obs), order].copy()
    metacells = cells_metacells[rng.permutation(cells_metacells.n_obs), order].copy()
    config = lg.FitConfig(epochs=10, n_folds=0, block_size=5, binding_share=1.0)
    assert_same(tables(fit(cells, cells_metacells, prior)), tables(fit(shuffled, metacells, prior, config)), 1e-3)


def test_quality_is_that_of_fits_with_the_prior(cells, cells_metacells, prior):
    config = lg.FitConfig(epochs=10, n_folds=2, ewc=1e4)
    one = fit(cells, cells_metacells, prior, config)["rna"].var["linger_r2"]
    other = fit(cells, cells_metacells, None, config)["rna"].var["linger_r2"]
    assert one.notna().sum() > 60
    assert (one - other).abs().median() > 1e-3


def test_networks_of_another_shape_are_refused(cells, prior):
    with pytest.raises(ValueError, match=r"FitConfig\(hidden=\(64, 16\)"):
        lg.tl.fit(cells, prior=prior, config=lg.FitConfig(hidden=(32, 8)))
    with pytest.raises(ValueError, match="activation='relu'"):
        lg.tl.fit(cells, prior=prior, config=lg.FitConfig(activation="tanh"))


def chain_file(path, shift):
    """A chain that moves every chromosome of the simulation by `shift`."""
    size = 300_000_000
    blocks = [
        f"chain 1000 chr{n} {size} + 0 {size - shift} chr{n} {size} + {shift} {size} {n}\n{size - shift}\n"
        for n in range(1, 23)
    ]
    with gzip.open(path, "wt") as file:
        file.write("\n".join(blocks))
    return path


def test_liftover_finds_the_peaks_of_another_build(cells, cells_metacells, bulk, tmp_path):
    shift = 40_000
    old = bulk.copy()
    var = old["atac"].var
    var["start"], var["end"] = var["start"] - shift, var["end"] - shift
    prior = lg.tl.pretrain(bulk, config=QUICK, genome="hg38")
    tables38 = prior._tables()
    here = tables38._replace(
        peaks=tables38.peaks.assign(**{c: tables38.peaks[c] - shift for c in ("start", "end")}), genome="hg19"
    )
    moved = rewritten(prior, here, tmp_path / "moved")
    chain = chain_file(tmp_path / "hg19ToHg38.over.chain.gz", shift)
    cells.uns["linger"] = {"genome": "hg38"}
    lifted = fit(cells, cells_metacells, moved, chain=chain)
    assert_same(tables(fit(cells, cells_metacells, prior)), tables(lifted), 1e-6)
    with pytest.raises(ValueError, match="hg19ToHg38"):
        fit(cells, cells_metacells, moved)
    with pytest.raises(FileNotFoundError, match="UCSC"):
        fit(cells, cells_metacells, moved, chain=tmp_path / "nowhere.chain")
    second = lg.tl.pretrain(bulk, prior=moved, chain=chain, genome="hg38", config=QUICK)
    assert second.n_samples == 60
    with pytest.raises(ValueError, match="hg19ToHg38"):
        lg.tl.pretrain(bulk, prior=moved, genome="hg38", config=QUICK)
    with pytest.raises(ValueError, match="both of hg38"):
        fit(cells, cells_metacells, prior, chain=chain)
    del cells.uns["linger"]
    with pytest.raises(ValueError, match="more often"):
        fit(cells, cells_metacells, moved)


def rewritten(prior, tables, path):
    """The same networks with other tables."""
    writer = PriorWriter(path)
    for number in np.unique(prior._place[0]):
        rows = np.flatnonzero(prior._place[0] == number)
        rows = rows[np.argsort(prior._place[1][rows])]
        writer.add_block(prior.read(f"block-{number:05d}") | {"fisher_mean": prior.fisher_mean[rows]}, rows)
    writer.finish(tables)
    return Prior(path)


def test_a_few_genes_that_the_prior_lacks_fall_back(cells, cells_metacells, bulk):
    known, unknown = bulk["rna"].var_names[:70], bulk["rna"].var_names[70:73]
    prior = lg.tl.pretrain(bulk, genes=known, config=QUICK)
    fitted = fit(cells, cells_metacells, prior, genes=unknown)
    assert fitted["rna"].var["linger_fitted"].sum() == 3
    assert not fitted["rna"].var["linger_prior"].any()


def test_another_species_is_refused(cells, cells_metacells, prior, tmp_path):
    tables = prior._tables()
    mouse = tables._replace(genes=tables.genes.str.lower(), tfs=tables.tfs.str.lower())
    with pytest.raises(ValueError, match="another species"):
        fit(cells, cells_metacells, rewritten(prior, mouse, tmp_path / "mouse"))
    only_tfs = tables._replace(tfs=tables.tfs.str.lower())
    with pytest.raises(ValueError, match="0 of 16 TFs"):
        fit(cells, cells_metacells, rewritten(prior, only_tfs, tmp_path / "tfs"))


def test_authors_choices_run_and_differ(cells, cells_metacells, prior):
    config = lg.FitConfig.lingergrn(n_folds=0, epochs=10)
    assert (config.l1, config.manifold, config.ewc, config.decay, config.authors) == (0.01, 1.0, 0.1, False, True)
    theirs, ours = fit(cells, cells_metacells, prior, config), fit(cells, cells_metacells, prior)
    assert abs(theirs.varp["linger_trans"] - ours.varp["linger_trans"]).max() > 1e-3
    with pytest.raises(ValueError, match="ewc=inf"):
        lg.FitConfig.lingergrn(ewc=float("inf"))
