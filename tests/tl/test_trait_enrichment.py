from __future__ import annotations

import mudata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import hypergeom, ttest_ind

import linger as lg
from linger._snps import gene_p_values, read_snps
from linger.tl._trait_enrichment import _Counts, _of_groups, _of_tfs, _t


@pytest.fixture(scope="module")
def _typed():
    data = lg.ds.simulate(n_cells=800, n_genes=150, n_tfs=24, n_peaks=900, n_cell_types=4, n_bulk=2, rng=1)
    lg.pp.link_peaks(data.mdata)
    lg.tl.fit(data.mdata, groupby="cell_type", config=lg.FitConfig(epochs=20, n_folds=0))
    return data


@pytest.fixture
def typed(_typed):
    return _typed.mdata.copy()


def test_snps_under_the_names_of_the_gwas_catalogue():
    table = pd.DataFrame(
        {"SNPS": ["rs1", "rs2", "rs3", "rs4"], "CHR_ID": ["6", "X", None, "23"], "CHR_POS": ["100", "200.0", "5", "7"],
         "P-VALUE": ["1E-9", "0.5", "0.1", "0.2"]}
    )  # fmt: skip
    found = read_snps(table)
    assert found["chrom"].tolist() == ["chr6", "chrX", "chrX"]
    assert found["pos"].tolist() == [100, 200, 7]
    assert found["p_value"].tolist() == [1e-9, 0.5, 0.2]
    pd.testing.assert_frame_equal(read_snps(found), found)
    with pytest.raises(KeyError, match="p_value"):
        read_snps(table.drop(columns="P-VALUE"))
    with pytest.raises(ValueError, match="between 0 and 1"):
        read_snps(table.assign(**{"P-VALUE": "3"}))
    with pytest.raises(ValueError, match="No SNP"):
        read_snps(table.assign(CHR_POS="somewhere"))


def test_a_gene_has_the_smallest_p_value_within_its_window(typed):
    rng = np.random.default_rng(0)
    var = typed["rna"].var
    chrom = rng.choice(var["chrom"].astype(str).unique(), 400)
    snps = pd.DataFrame(
        {"chrom": chrom, "pos": rng.integers(0, int(var["tss"].max()), 400), "p_value": rng.random(400)}
    )
    found = gene_p_values(snps, typed["rna"], 150_001, per_snp=False)
    corrected = gene_p_values(snps, typed["rna"], 150_001)
    assert 20 < len(found) < len(var)
    for gene, row in var.iterrows():
        near = snps[(snps["chrom"] == row["chrom"]) & ((snps["pos"] - row["tss"]).abs() <= 75_000)]
        assert (gene in found.index) == (len(near) > 0)
        if len(near):
            assert found[gene] == near["p_value"].min()
            assert corrected[gene] == pytest.approx(min(1, near["p_value"].min() * len(near)))
    with pytest.raises(ValueError, match="same genome build"):
        gene_p_values(snps.assign(pos=10**9), typed["rna"], 1000)


def test_scores_count_trait_genes_among_the_strongest_targets(typed):
    genes = typed["rna"].var_names[typed["rna"].var["linger_fitted"]]
    chosen = genes[::4]
    lg.tl.trait_enrichment(typed, chosen, trait="height", n_targets=30, n_permutations=99)
    table, net = lg.get.traits(typed, "tfs").set_index("tf"), lg.get.regulons(typed, n_targets=30)
    for tf, part in net.groupby("source"):
        number = part["target"].isin(chosen).sum()
        assert table.loc[tf, "n_trait_genes"] == number
        assert table.loc[tf, "p_value"] == pytest.approx(hypergeom.sf(number - 1, len(genes), len(chosen), len(part)))
    assert table["score"].mean() == pytest.approx(0, abs=1e-9)
    assert table["score"].std(ddof=0) == pytest.approx(1)
    keys = lg.get.traits(typed, "key_tfs")
    np.testing.assert_allclose(keys["key_score"], keys["score"] + keys["expression"])
    # relevance is Welch's t between the TFs highest expressed and the others
    means = pd.DataFrame(typed["rna"].varm["linger_group_mean"], typed["rna"].var_names, lg.get.groups(typed))
    groups = lg.get.traits(typed, "groups").set_index("group")
    assert set(groups["n_top_tfs"]) == {12}  # half of the TFs, fewer than asked for
    for name in groups.index:
        rank = means.loc[table.index, name].rank(ascending=False)
        expected = ttest_ind(
            *(table.loc[rank <= 12 if top else rank > 12, "n_trait_genes"] for top in (True, False)), equal_var=False
        )
        assert groups.loc[name, "statistic"] == pytest.approx(expected.statistic, rel=1e-4)


def test_targets_of_a_tf_as_a_trait_point_to_it_and_to_its_type(typed):
    tfs = typed["rna"].var_names[typed["rna"].var["is_tf"]]
    means = pd.DataFrame(typed["rna"].varm["linger_group_mean"], typed["rna"].var_names, lg.get.groups(typed)).loc[tfs]
    specific = (means.max(axis=1) / means.mean(axis=1)).idxmax()
    net = lg.get.regulons(typed, n_targets=40)
    chosen = net.loc[net["source"] == specific, "target"].head(30)
    lg.tl.trait_enrichment(typed, chosen, n_targets=40)
    table = lg.get.traits(typed, "tfs")
    assert table.loc[0, "tf"] == specific
    assert table.loc[0, "p_adj"] < 1e-6
    keys = lg.get.traits(typed, "key_tfs")
    assert keys[keys["group"] == means.loc[specific].idxmax()].iloc[0]["tf"] == specific


def test_snps_give_the_same_as_their_genes(typed):
    genes = typed["rna"].var_names[typed["rna"].var["linger_fitted"]]
    rng, var = np.random.default_rng(0), typed["rna"].var.loc[genes]
    p_value = np.where(np.arange(len(genes)) % 7 == 0, 1e-8, rng.uniform(0.2, 1, len(genes)))
    snps = pd.DataFrame(
        {"CHR_ID": var["chrom"].astype(str).str[3:], "CHR_POS": var["tss"].astype(int), "P-VALUE": p_value}
    )
    lg.tl.trait_enrichment(typed, snps, trait="by SNP", window=1, n_targets=30, n_permutations=99)
    lg.tl.trait_enrichment(typed, [*genes[::7], "NOBODY"], trait="by gene", n_targets=30, n_permutations=99)
    for level in ("tfs", "groups", "key_tfs"):
        a, b = (lg.get.traits(typed, level, trait=name).drop(columns="trait") for name in ("by SNP", "by gene"))
        pd.testing.assert_frame_equal(a, b)
    assert set(lg.get.traits(typed, "genes", trait="by SNP")["gene"]) == set(genes[::7])
    lg.tl.trait_enrichment(typed, genes[:5], trait="by gene", n_targets=30, n_permutations=9)
    assert len(lg.get.traits(typed, "genes", trait="by gene")) == 5  # in place of the former
    assert len(lg.get.traits(typed, "genes", trait="by SNP")) == len(genes[::7])


def test_p_values_are_calibrated_when_trait_genes_are_permuted():
    rng = np.random.default_rng(0)
    # TFs in families that share targets, so that their counts go together
    family = rng.random((5, 300)) < 0.25
    targets = family[np.arange(40) % 5] & (rng.random((40, 300)) < 0.8)
    expression = pd.DataFrame(rng.gamma(1, size=(40, 8)) + 2 * (np.arange(40)[:, None] % 5 == np.arange(8)))
    of_groups, of_tfs, naive = [], [], []
    for number in range(700):
        counted = _Counts(sparse.csr_matrix(targets.astype(float)), rng.permutation(300) < 60)
        of_groups.append(_of_groups(counted, expression, 15, 199, number)["p_value"])
        of_tfs.append(_of_tfs(counted, pd.Index([f"TF{i}" for i in range(40)]))["p_value"])
        number = counted.of(counted.is_trait)
        top = expression.rank(ascending=False, method="first") <= 15
        naive += [ttest_ind(number[top[k]], number[~top[k]], alternative="greater").pvalue for k in range(8)]
    of_groups, of_tfs = np.concatenate(of_groups), np.concatenate(of_tfs)
    assert min(len(of_groups), len(of_tfs)) >= 5000
    assert abs((of_groups < 0.05).mean() - 0.05) <= 0.01
    assert (of_tfs < 0.05).mean() <= 0.06
    assert (np.array(naive) < 0.05).mean() > 0.08  # why the t-test's own p-value is not used


def test_t_is_welchs():
    rng = np.random.default_rng(0)
    numbers, top = rng.poisson(5, (30, 4)).astype(float), (rng.random((30, 3)) < 0.4).astype(float)
    found = _t(numbers, top)
    for i in range(3):
        for j in range(4):
            expected = ttest_ind(numbers[top[:, i] > 0, j], numbers[top[:, i] == 0, j], equal_var=False).statistic
            assert found[i, j] == pytest.approx(expected, rel=1e-6)


def test_without_groups_in_any_order_and_through_a_file(typed, tmp_path):
    genes = typed["rna"].var_names[typed["rna"].var["linger_fitted"]][::5]
    rng = np.random.default_rng(0)
    moved = mudata.MuData({key: typed[key][:, rng.permutation(typed[key].n_vars)].copy() for key in ("atac", "rna")})
    order = typed.var_names.get_indexer(moved.var_names)
    for name, matrix in typed.varp.items():
        moved.varp[name] = matrix[order][:, order]
    moved.uns["linger"] = dict(typed.uns["linger"])
    for each in (typed, moved):
        lg.tl.trait_enrichment(each, genes, n_targets=30, n_permutations=99)
    for level in ("tfs", "groups", "key_tfs", "genes"):
        pd.testing.assert_frame_equal(lg.get.traits(typed, level), lg.get.traits(moved, level))
    lg.io.write_h5mu(typed, tmp_path / "typed.h5mu")
    read = mudata.read_h5mu(tmp_path / "typed.h5mu")
    pd.testing.assert_frame_equal(
        lg.get.traits(read, "tfs"), lg.get.traits(typed, "tfs"), check_dtype=False, check_index_type=False
    )
    del typed["rna"].varm["linger_group_mean"], typed.uns["linger"]["traits"]
    lg.tl.trait_enrichment(typed, genes, n_targets=30)
    with pytest.raises(KeyError, match="group_means"):
        lg.get.traits(typed, "groups")


def test_errors(typed):
    with pytest.raises(ValueError, match="belongs to the trait"):
        lg.tl.trait_enrichment(typed, ["NOBODY"])
    with pytest.raises(ValueError, match="between 0 and 1"):
        lg.tl.trait_enrichment(typed, ["GENE30"], max_p_adj=2)
    with pytest.raises(KeyError, match=r"lg\.tl\.trait_enrichment"):
        lg.get.traits(typed, "tfs")
    with pytest.raises(ValueError, match="level must be one of"):
        lg.get.traits(typed, "everything")
    assert "traits" not in typed.uns["linger"]


def test_nothing_of_an_earlier_run_or_of_other_groups_stays(typed):
    genes = typed["rna"].var_names[typed["rna"].var["linger_fitted"]]
    lg.tl.trait_enrichment(typed, genes[:9], n_targets=30, n_permutations=9)
    typed["rna"].obs["half"] = np.where(np.arange(typed.n_obs) % 2, "odd", "even")
    lg.tl.group_means(typed, "half")
    with pytest.raises(KeyError, match="group_means"):
        lg.get.traits(typed, "groups")
    lg.tl.trait_enrichment(typed, genes[:9], n_targets=30, n_permutations=9)
    assert set(lg.get.traits(typed, "groups")["group"]) == {"odd", "even"}
    del typed["rna"].varm["linger_group_mean"]
    lg.tl.trait_enrichment(typed, genes[:9], n_targets=30, n_permutations=9)
    with pytest.raises(KeyError, match="No groups of traits"):
        lg.get.traits(typed, "groups")


def test_types_cannot_be_compared_by_one_tf():
    counted = _Counts(sparse.csr_matrix(np.ones((1, 5))), np.array([1, 0, 0, 1, 0], dtype=bool))
    found = _of_groups(counted, pd.DataFrame([[1.0, 2.0]], columns=["A", "B"]), 1, 99, 0)
    assert found[["p_value", "p_adj"]].isna().all(axis=None)


def test_a_gwas_without_signal_has_no_trait_genes(typed):
    """Thousands of SNPs a window, uniform p-values: without a correction every gene would pass."""
    rng, var = np.random.default_rng(1), typed["rna"].var
    n = 100_000
    snps = pd.DataFrame(
        {
            "chrom": rng.choice(var["chrom"].astype(str).unique(), n),
            "pos": rng.integers(0, int(var["tss"].max()), n),
            "p_value": rng.random(n),
        }
    )
    with pytest.raises(ValueError, match="None of the"):
        lg.tl.trait_enrichment(typed, snps, window=1_000_000)
    lg.tl.trait_enrichment(typed, snps, window=1_000_000, correct_for_snps=False, n_targets=10, n_permutations=9)
    assert len(lg.get.traits(typed, "genes")) > len(var) / 2


def test_a_table_may_be_a_file(typed, tmp_path):
    gene = typed["rna"].var.iloc[20]
    snps = pd.DataFrame({"chrom": [gene["chrom"]], "pos": [gene["tss"]], "p_value": [1e-9]})
    snps.to_csv(tmp_path / "gwas.tsv", sep="\t", index=False)
    tables = []
    for given in (snps, tmp_path / "gwas.tsv"):
        lg.tl.trait_enrichment(typed, given, n_targets=10, n_permutations=9)
        tables.append(lg.get.traits(typed, "genes"))
    pd.testing.assert_frame_equal(*tables)
