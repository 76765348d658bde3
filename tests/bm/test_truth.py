"""Readers of truth sets, on files as their makers write them."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

import linger as lg

truth = lg.bm.truth


@pytest.fixture
def mdata():
    return lg.ds.toy()


def peak_row(mdata, i):
    return mdata["atac"].var.iloc[i][["chrom", "start", "end"]]


def test_trrust_and_collectri(tmp_path):
    raw = tmp_path / "trrust.tsv"
    raw.write_text(
        "AATF\tBAX\tRepression\t1\nAATF\tBAX\tActivation\t2\nSPI1\tCD14\tActivation\t3\nSPI1\tCSF1R\tUnknown\t4\n"
    )
    found = truth.pairs(raw)
    assert found.to_numpy().tolist() == [["AATF", "BAX", 0], ["SPI1", "CD14", 1], ["SPI1", "CSF1R", 0]]
    table = tmp_path / "collectri.csv"
    table.write_text('"source","target","weight"\n"MYC","TERT",1\n"MYC","ABC",-1\n')
    assert truth.pairs(table)["sign"].tolist() == [-1, 1]
    beeline = pd.DataFrame({"Gene1": ["A", "A"], "Gene2": ["B", "B"]})
    assert truth.pairs(beeline).to_numpy().tolist() == [["A", "B"]]


def test_pairs_that_are_none_are_refused(tmp_path):
    with pytest.raises(KeyError, match="no column for 'target'"):
        truth.pairs(pd.DataFrame({"tf": ["A"], "x": ["B"]}))
    with pytest.raises(ValueError, match="no TF-target pair"):
        truth.pairs(pd.DataFrame({"tf": [np.nan], "target": ["B"]}))
    with pytest.raises(FileNotFoundError):
        truth.pairs(tmp_path / "absent.csv")


def test_gene_sets(tmp_path):
    gmt = tmp_path / "sets.gmt"
    gmt.write_text("SPI1 ENCODE\t\tCD14\tCSF1R,1.0\nSPI1 CHEA\tna\tCD14\nNANOG_hESC\t\tSOX2\nempty\n")
    found = truth.gene_sets(gmt)
    assert found.to_numpy().tolist() == [["NANOG", "SOX2"], ["SPI1", "CD14"], ["SPI1", "CSF1R"]]
    assert truth.gene_sets({"chip:SPI1": ["X"]}, source=r"(?<=:)\w+")["source"].tolist() == ["SPI1"]
    with pytest.raises(ValueError, match="matches"):
        truth.gene_sets({"SPI1": ["X"]}, source=r"\d{9}")


def test_gene_scores_of_cistrome(tmp_path):
    beta = tmp_path / "scores.txt"
    beta.write_text(
        "# Argument list\n#chrom\tstart\n" + "chr1\t1\t2\tNM_1\t0.5\t+\tA\nchr1\t3\t4\tNM_2\t2.5\t+\tB\n"
        "chr1\t3\t4\tNM_3\t1.5\t-\tA\nchr1\t3\t4\tNM_4\t0\t-\tC\nchr1\t3\t4\tNM_5\t1.5\t-\tD\n"
    )
    found = truth.gene_scores({"SPI1": beta}, n_top=2)
    assert found.to_numpy().tolist() == [["SPI1", "B", 2.5], ["SPI1", "A", 1.5]]
    assert len(truth.gene_scores({"SPI1": beta})) == 3  # a score of 0 is no target


def test_differential_expression():
    deseq = pd.DataFrame(
        {
            "Unnamed: 0": ["A", "B", "SPI1", "C", "A"],
            "log2FoldChange": [-2, 0.1, -5, 1.0, -2],
            "padj": [1e-3, 1e-4, 1e-9, np.nan, 0.01],
        }
    )
    scanpy = pd.DataFrame({"names": ["X", "Y"], "logfoldchanges": [1.0, np.inf], "pvals_adj": [0.05, 0.0]})
    found = truth.differential({"SPI1": deseq, "GATA1": scanpy}, min_abs_log_fc=0.5)
    assert found.to_numpy().tolist() == [["GATA1", "X", 1.0], ["SPI1", "A", -2.0]]
    with pytest.raises(ValueError, match="No gene changes"):
        truth.differential({"SPI1": deseq}, max_p_adj=1e-12)


def test_names_are_those_of_the_data(caplog):
    import anndata
    import mudata

    names = ["ENSG00000102145.15", "ENSG00000090861"]  # GATA1, AARS1 (once AARS)
    rna = anndata.AnnData(np.ones((2, 2)), var=pd.DataFrame({"symbol": ["GATA1", "AARS1"]}, index=names))
    with mudata.set_options(pull_on_update=False):
        mdata = mudata.MuData({"rna": rna})
    pairs = pd.DataFrame({"source": ["GATA1"] * 4, "target": ["AARS", "AARS1", "ENSG00000090861.3", "Gata1"]})
    with caplog.at_level("INFO"):
        found = truth.match(mdata, pairs, gene_symbols="symbol")
    assert found.to_numpy().tolist() == [[names[0], names[1]]]
    assert "'Gata1'" in caplog.text  # a mouse gene is none of ours
    by_table = truth.match(mdata, pairs)  # symbols are found by their ids in the built-in tables
    assert by_table.equals(found)
    with pytest.raises(ValueError, match="None of the 1 pairs"):
        truth.match(mdata, pd.DataFrame({"source": ["a"], "target": ["b"]}))


def test_chip_peaks_by_overlap(mdata, tmp_path):
    rows = [peak_row(mdata, i) for i in (0, 5)]
    bed = tmp_path / "spi1.narrowPeak.gz"
    with gzip.open(bed, "wt") as file:
        for row in rows:
            file.write(f"{row['chrom']}\t{row['end'] - 1}\t{row['end'] + 50}\tpeak\n")
    touching = pd.DataFrame([{"chrom": r["chrom"], "start": r["end"], "end": r["end"] + 5} for r in rows])
    found = truth.tf_peaks(mdata, {"TF1": bed})
    assert sorted(found["target"]) == sorted(mdata["atac"].var_names[[0, 5]])
    with pytest.raises(ValueError, match="same genome build"):
        truth.tf_peaks(mdata, {"TF1": touching})  # touching is not overlapping


def test_eqtl_tables_and_regions_with_labels(mdata):
    peak, other = peak_row(mdata, 0), peak_row(mdata, 3)
    gene, name = mdata["rna"].var_names[3], mdata["atac"].var_names
    number = peak["chrom"].removeprefix("chr")
    eqtlgen = pd.DataFrame(
        {"SNPChr": [number, number], "SNPPos": [peak["start"] + 1, peak["end"] + 1], "GeneSymbol": gene}
    )
    gtex = pd.DataFrame({"variant_id": [f"{peak['chrom']}_{peak['end']}_A_G_b38"], "gene_id": [gene]})
    for table in (eqtlgen, gtex):  # the first base and the last one; the base behind is outside
        found = truth.peak_genes(mdata, table)
        assert found.to_numpy().tolist() == [[name[0], gene]]
    crispr = pd.DataFrame(
        {"chrom": [p["chrom"] for p in (peak, peak, other)], "chromStart": [p["start"] for p in (peak, peak, other)],
         "chromEnd": [p["end"] for p in (peak, peak, other)], "measuredGeneSymbol": gene, "Regulated": [True, False, False]}
    )  # fmt: skip
    found = truth.peak_genes(mdata, crispr).set_index("source")["label"]
    assert found.to_dict() == {name[0]: True, name[3]: False}
    with pytest.raises(ValueError, match="true or false"):
        truth.peak_genes(mdata, crispr.assign(Regulated="maybe"))
    with pytest.raises(KeyError, match="nowhere"):
        truth.peak_genes(mdata, pd.DataFrame({"gene": [gene]}))


def test_loops_in_either_direction(mdata):
    peak, gene = peak_row(mdata, 2), mdata["rna"].var.iloc[4]
    bait = [gene["chrom"], int(gene["tss"]) - 10, int(gene["tss"]) + 1]
    end = [peak["chrom"], int(peak["start"]) - 5, int(peak["start"]) + 1]
    for one, two in ((bait, end), (end, bait)):
        bedpe = pd.DataFrame([[*one, *two]], columns=["chr1", "x1", "x2", "chr2", "y1", "y2"])
        found = truth.contacts(mdata, bedpe)
        assert [mdata["atac"].var_names[2], gene.name] in found.to_numpy().tolist()
    outside = pd.DataFrame(
        [[gene["chrom"], int(gene["tss"]) - 10, int(gene["tss"]), *end]],
        columns=["chr1", "x1", "x2", "chr2", "y1", "y2"],
    )
    with pytest.raises(ValueError, match="No loop"):
        truth.contacts(mdata, outside)


def test_other_builds_are_lifted(mdata, tmp_path):
    chain = tmp_path / "shift.chain"
    peak = peak_row(mdata, 0)
    size = 200_000_000
    chain.write_text(
        f"chain 1 {peak['chrom']} {size} + 0 {size - 1000} {peak['chrom']} {size} + 1000 {size} 1\n{size - 1000}\n\n"
    )
    moved = pd.DataFrame({"chrom": [peak["chrom"]], "start": [peak["start"] - 1000], "end": [peak["end"] - 1000]})
    found = truth.tf_peaks(mdata, {"TF1": moved}, chain=chain)
    assert mdata["atac"].var_names[0] in set(found["target"])


def test_real_tables(real_data):
    trrust = truth.pairs(real_data / "tf_targets_trrust" / "trrust_rawdata.human.tsv")
    assert {"AATF"} <= set(trrust["source"])
    assert trrust["sign"].isin([-1, 0, 1]).all()
    assert len(truth.pairs(real_data / "tf_targets_collectri" / "collectri.csv")) > 40_000
    sets = truth.gene_sets(next((real_data / "tf_targets_enrichr_consensus").glob("ENCODE*")))
    assert {"NANOG", "ETS1"} <= set(sets["source"])


def test_labels_of_known_pairs_are_kept(real_data):
    table = pd.DataFrame({"TF": ["A", "A", "B"], "Target": ["x", "y", "x"], "Label": [1, 0, 1], "Score": 0.5})
    assert truth.pairs(table)["label"].tolist() == [True, False, True]
    beeline = truth.pairs(real_data / "beeline" / "mHSC-E_pairs.csv")
    assert beeline["label"].sum() == 676
    assert len(lg.bm.splits.negatives(beeline)) <= 676


def test_words_for_signs_and_genes_called_na(tmp_path, caplog):
    words = pd.DataFrame(
        {"tf": list("ABCDE"), "target": "x", "mode": ["activation", "-", "positive", "Unknown", "odd"]}
    )
    assert truth.pairs(words)["sign"].tolist() == [1, -1, 1, 0, 0]
    assert "'odd'" in caplog.text
    table = tmp_path / "pairs.csv"
    table.write_text("tf,target\nA,NA\nA,nan\nA,b\n")
    assert sorted(truth.pairs(table)["target"]) == ["NA", "b", "nan"]


def test_a_gene_by_two_names_is_one_pair():
    import anndata
    import mudata

    rna = anndata.AnnData(np.ones((2, 3)), var=pd.DataFrame(index=["TF1", "AARS1", "C10orf105"]))
    with mudata.set_options(pull_on_update=False):
        mdata = mudata.MuData({"rna": rna})
    pairs = pd.DataFrame({"source": "TF1", "target": ["AARS1", "AARS", "C10ORF105"], "sign": [1, -1, 1]})
    found = truth.match(mdata, pairs)
    assert found[["target", "sign"]].to_numpy().tolist() == [["AARS1", 0], ["C10orf105", 1]]
    with pytest.raises(ValueError, match="another species"):
        truth.match(mdata, pd.DataFrame({"source": ["Tf1"], "target": ["Aars1"]}))


def test_chromosomes_called_23_are_not_x(mdata):
    from linger._snps import chromosome_names

    assert chromosome_names(pd.Series(["chr23", "23", "chrX", "MT", "24.0"])).tolist() == [
        "chr23",
        "chrX",
        "chrX",
        "chrM",
        "chrY",
    ]
