"""Sub-networks, SNPs in peaks, and targets among a set of genes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import linger as lg


def test_subnetwork_is_a_part_of_the_networks(fitted):
    genes = list(fitted["rna"].var_names[[20, 25]])
    found = lg.get.subnetwork(fitted, genes=genes, top=3)
    for kind, rows in found.groupby("kind"):
        whole = lg.get.network(fitted, kind).set_index(["source", "target"])["weight"]
        keys = pd.MultiIndex.from_frame(rows[["source", "target"]])
        np.testing.assert_allclose(whole[keys], rows["weight"])
        assert (rows.groupby("target").size() <= 3).all()
    assert set(found[found["kind"] != "binding"]["target"]) == set(genes)
    assert set(found[found["kind"] == "binding"]["target"]) <= set(found[found["kind"] == "cis"]["source"])
    with pytest.raises(ValueError, match="Name TFs"):
        lg.get.subnetwork(fitted)
    with pytest.raises(KeyError, match="genes are unknown"):
        lg.get.subnetwork(fitted, genes=["absent"])


def test_subnetwork_of_a_trait(fitted):
    lg.tl.group_means(fitted, "cell_type")
    genes = list(fitted["rna"].var_names[20:26])
    lg.tl.trait_enrichment(fitted, genes, trait="height", n_targets=10, n_permutations=9)
    group = lg.get.groups(fitted)[0]
    found = lg.get.subnetwork(fitted, trait="height", group=group, n_tfs=3)
    key = lg.get.traits(fitted, "key_tfs", trait="height")
    key = key[key["group"] == group].head(3)["tf"]
    assert set(found[found["kind"] == "trans"]["source"]) <= set(key)
    assert set(found[found["kind"] == "cis"]["target"]) <= set(genes)
    top = lg.get.traits(fitted, "tfs", trait="height").head(3)["tf"]
    everywhere = lg.get.subnetwork(fitted, trait="height", n_tfs=3)
    assert set(everywhere[everywhere["kind"] == "trans"]["source"]) <= set(top)
    with pytest.raises(KeyError, match="traits"):
        lg.get.subnetwork(fitted, trait="weight")


def test_snps_in_and_near_peaks(fitted):
    cis = lg.get.network(fitted, "cis")
    peak = cis["source"][0]
    place = fitted["atac"].var.loc[peak]
    inside, at_end, beside = place["start"] + 1, place["end"], place["end"] + 7
    snps = pd.DataFrame(
        {
            "CHR_ID": [place["chrom"].removeprefix("chr")] * 3,
            "CHR_POS": [inside, at_end, beside],
            "P-VALUE": [1e-5, 1e-9, 0.5],
            "SNPS": ["rs1", "rs2", "rs3"],
        }
    )
    found = lg.get.snp_peaks(fitted, snps)
    assert list(found["snp"].unique()) == ["rs2", "rs1"]  # by p-value
    own = found[(found["peak"] == peak) & (found["snp"] == "rs1")]
    expected = cis[cis["source"] == peak].set_index("target")
    assert set(own["gene"]) == set(expected.index)
    np.testing.assert_allclose(own.set_index("gene")["weight"], expected.loc[own["gene"], "weight"])
    near = lg.get.snp_peaks(fitted, snps, max_distance=7)
    assert near.loc[(near["snp"] == "rs3") & (near["peak"] == peak), "snp_distance"].unique().tolist() == [7]
    assert "rs3" not in set(lg.get.snp_peaks(fitted, snps, max_distance=6).query("peak == @peak")["snp"])
    gene = expected.index[0]
    assert set(lg.get.snp_peaks(fitted, snps, genes=gene)["gene"]) == {gene}
    assert lg.get.snp_peaks(fitted, snps, max_p_value=1e-20).empty
    with pytest.raises(ValueError, match="max_distance"):
        lg.get.snp_peaks(fitted, snps, max_distance=-1)


def test_target_overlap_counts_regulon_targets(fitted):
    tfs = list(fitted["rna"].var_names[fitted["rna"].var["is_tf"]][:3])
    genes = fitted["rna"].var_names[20:50]
    found = lg.get.target_overlap(fitted, genes, tfs=tfs, n_targets=[5, 20, 100_000]).set_index("n_targets")
    assert list(found.index) == [5, 20]
    for n in found.index:
        net = lg.get.regulons(fitted, n_targets=n)
        counts = net[net["target"].isin(genes)].groupby("source").size()
        expected = counts.reindex(tfs, fill_value=0).mean()
        assert found.loc[n, "overlap"] == pytest.approx(expected)
        everyone = counts.reindex(net["source"].unique(), fill_value=0)
        assert found.loc[n, "expected"] == pytest.approx(everyone.mean(), rel=0.05)
    planted = lg.get.regulons(fitted, n_targets=20, tfs=tfs)["target"].unique()
    assert lg.get.target_overlap(fitted, planted, tfs=tfs, n_targets=[20])["p_value"][0] < 0.03
    moved = fitted[:, fitted.var_names[::-1]].copy()
    pd.testing.assert_frame_equal(
        lg.get.target_overlap(moved, genes, tfs=tfs[::-1], n_targets=[5]),
        lg.get.target_overlap(fitted, genes, tfs=tfs, n_targets=[5]),
    )
    with pytest.raises(ValueError, match="None of the genes"):
        lg.get.target_overlap(fitted, ["absent"], tfs=tfs)


def test_overlap_p_values_are_calibrated(fitted):
    """Random pairs of TFs, random sets of genes: a discrete test, so at most 6 % below 0.05."""
    rng, p_values = np.random.default_rng(0), []
    tfs, genes = fitted["rna"].var_names[fitted["rna"].var["is_tf"]], fitted["rna"].var_names
    for _ in range(450):
        chosen, inside = rng.choice(tfs, 2, replace=False), rng.choice(genes, 30, replace=False)
        table = lg.get.target_overlap(fitted, inside, tfs=list(chosen), n_targets=range(4, 28, 2), n_random=100)
        p_values.extend(table["p_value"])
    assert len(p_values) >= 5000
    assert 0.01 < np.mean(np.array(p_values) <= 0.05) <= 0.06
