"""Where genes are said to start."""

from __future__ import annotations

import gzip

import anndata as ad
import mudata as md
import numpy as np
import pandas as pd
import pytest

import linger as lg
from linger.pp._gene_tables import BUILT_IN, read_genes


def make(genes, **columns):
    rna = ad.AnnData(np.ones((2, len(genes))), var=pd.DataFrame(columns, index=list(genes)))
    atac = ad.AnnData(np.ones((2, 2)), var=pd.DataFrame(index=["chr1:1-5", "chr1:7-9"]))
    return md.MuData({"rna": rna, "atac": atac})


def located(mdata, **options):
    """Return (chrom, tss, strand) per gene, None where it was not found."""
    assert lg.pp.annotate_genes(mdata, **options) is None
    var = mdata["rna"].var
    assert var["tss"].dtype == "Int64"
    rows = zip(var["chrom"].astype(object), var["tss"], var["strand"].astype(object), strict=True)
    return [None if pd.isna(tss) else (chrom, int(tss), strand) for chrom, tss, strand in rows]


# Ensembl 100: TSPAN6 chrX:100,627,108-100,639,991 (-), TNMD chrX:100,584,936-100,599,885 (+), counted from 1
TSPAN6, TNMD = ("chrX", 100_639_991, "-"), ("chrX", 100_584_935, "+")


def test_built_in_tables():
    assert located(make(["TNMD", "nonsense", "TSPAN6"])) == [TNMD, None, TSPAN6]
    assert located(make(["TSPAN6", "MT-CO1"]), annotation="hg19") == [("chrX", 99_894_988, "-"), ("chrM", 5903, "+")]
    assert located(make(["Gnai3"]), annotation="mm10") == [("chr3", 108_146_146, "-")]


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_tables_are_sound(name):
    genes = read_genes(name)
    assert genes["gene_id"].is_unique
    assert genes["gene_id"].notna().all()
    assert set(genes["strand"]) == {"+", "-"}
    autosomes = 19 if name == "mm10" else 22
    assert set(genes["chrom"]) == {f"chr{c}" for c in [*range(1, autosomes + 1), "X", "Y", "M"]}
    assert (genes["biotype"] == "protein_coding").sum() > 19_000


def test_ensembl_ids():
    ids = ["ENSG00000000003", "ENSG00000000005.6", "ENSG00000999999"]
    assert located(make(ids)) == [TSPAN6, TNMD, None]
    assert located(make(["a", "b", "c"], gene_ids=ids)) == [TSPAN6, TNMD, None]
    assert located(make(["TNMD"], gene_ids=["ENSG00000000003"])) == [TSPAN6], "the id is more precise than the symbol"
    assert located(make(["TNMD"], gene_ids=["ENSG00000999999"])) == [TNMD], "an unknown id falls back to the symbol"
    assert located(make(["TNMD"], gene_ids=["none"])) == [TNMD], "so does what is no id"


def test_symbols_in_a_column():
    mdata = make(["g1", "g2"], symbol=["TNMD", "TSPAN6"])
    assert located(mdata, gene_symbols="symbol") == [TNMD, TSPAN6]
    with pytest.raises(KeyError, match="no column 'missing'"):
        lg.pp.annotate_genes(mdata, gene_symbols="missing")


def test_renamed_genes_are_found_by_either_name():
    old, new = located(make(["AARS", "AARS1"]))
    assert old == new == ("chr16", 70_289_506, "-")
    old, new = located(make(["AARS", "AARS1"]), annotation="hg19")
    assert old == new
    assert old[0] == "chr16"


def test_data_frames():
    genes = ["a", "b", "c"]
    by_tss = pd.DataFrame({"chrom": "1", "tss": [5, 0], "strand": ["-", "+"]}, index=["b", "c"])
    assert located(make(genes), annotation=by_tss) == [None, ("1", 5, "-"), ("1", 0, "+")]
    spans = {"gene": genes, "chrom": "chr2", "start": [10, 10, 10], "end": [20, 20, 20], "strand": ["+", "-", "."]}
    expected = [("chr2", 10, "+"), ("chr2", 20, "-"), ("chr2", 15, ".")]
    assert located(make(genes), annotation=pd.DataFrame(spans)) == expected
    before = by_tss.copy()
    located(make(genes), annotation=by_tss)
    pd.testing.assert_frame_equal(by_tss, before)


GTF = """#!genome-build test
chr1\tx\tgene\t101\t200\t.\t+\t.\tgene_id "ENSG00000000001.3"; gene_type "protein_coding"; gene_name "A";
chr1\tx\ttranscript\t91\t200\t.\t+\t.\tgene_id "ENSG00000000001.3"; transcript_id "t"; gene_name "A";
chr2\tx\tgene\t301\t400\t.\t-\t.\tgene_id "ENSG00000000002.1"; gene_type "lncRNA"; gene_name "B";
chr2\tx\tgene\t301\t400\t.\t-\t.\tgene_id "ENSG00000000003.1"; gene_type "lncRNA";
"""
REFGENE = """chr3\tx\ttranscript\t51\t80\t.\t-\t.\tgene_id "C"; transcript_id "t1";
chr3\tx\texon\t51\t80\t.\t-\t.\tgene_id "C"; transcript_id "t1";
chr3\tx\ttranscript\t41\t90\t.\t-\t.\tgene_id "C"; transcript_id "t2";
"""


def write(path, text):
    with gzip.open(path, "wt") if path.suffix == ".gz" else path.open("w") as file:
        file.write(text)
    return path


@pytest.mark.parametrize("name", ["genes.gtf", "genes.v32.gtf.gz"])
def test_gtf(tmp_path, name):
    path = write(tmp_path / name, GTF)
    expected = [("chr1", 100, "+"), ("chr2", 400, "-"), ("chr2", 400, "-")]
    assert located(make(["A", "B", "ENSG00000000003"]), annotation=path) == expected
    assert located(make(["ENSG00000000001.9", "B"]), annotation=str(path)) == expected[:2]


def test_gtf_of_transcripts_takes_the_outermost_end(tmp_path):
    assert located(make(["C"]), annotation=write(tmp_path / "ref.gtf", REFGENE)) == [("chr3", 90, "-")]
    exons = "\n".join(line for line in REFGENE.splitlines() if "\texon\t" in line)
    with pytest.raises(ValueError, match="no gene or transcript records"):
        lg.pp.annotate_genes(make(["C"]), annotation=write(tmp_path / "exons.gtf", exons))


@pytest.mark.parametrize("score", ["", "0\t"])
@pytest.mark.parametrize("name", ["genes.bed", "genes.bed.gz"])
def test_bed(tmp_path, score, name):
    text = f"track name=x\nchr1\t10\t20\tA\t{score}+\nchr1\t10\t20\tB\t{score}-\n"
    path = write(
        tmp_path / name, text.replace("track name=x\n", "#chrom\n") if not score else text[len("track name=x\n") :]
    )
    assert located(make(["B", "A"]), annotation=path) == [("chr1", 20, "-"), ("chr1", 10, "+")]


def test_bed_headers_and_missing_strand(tmp_path):
    path = write(tmp_path / "genes.bed", "track name=x\nchr1\t10\t20\tA\n")
    assert located(make(["A"]), annotation=path) == [("chr1", 15, ".")]
    with pytest.raises(ValueError, match="has 3 columns"):
        lg.pp.annotate_genes(make(["A"]), annotation=write(tmp_path / "three.bed", "chr1\t10\t20\n"))


def test_one_place_per_name_is_chosen_whatever_the_order():
    rows = pd.DataFrame(
        {
            "gene": ["A"] * 4 + ["B"] * 2 + ["C"] * 2,
            "gene_id": [f"ENSG0000000000{n}" for n in (1, 2, 4, 3, 6, 5, 7, 8)],
            "chrom": ["KI270728.1", "chr1", "chr2", "chr3", "chr1", "chr2", "KI270728.1", "chr4"],
            "tss": range(8),
            "strand": "+",
            "biotype": [
                "protein_coding",
                "lncRNA",
                "protein_coding",
                "protein_coding",
                "lncRNA",
                "lncRNA",
                "protein_coding",
                "lncRNA",
            ],
        }
    )
    expected = [("chr3", 3, "+"), ("chr2", 5, "+"), ("chr4", 7, "+")]
    for seed in range(5):
        assert located(make(["A", "B", "C"]), annotation=rows.sample(frac=1, random_state=seed)) == expected


def test_intervals_of_10x():
    intervals = ["chrX:10-20", "chrX:10-20", "chrX:10-20", "NA"]
    mdata = make(["TNMD", "TSPAN6", "new", "none"], interval=intervals, genome="GRCh38")
    expected = [("chrX", 10, "+"), ("chrX", 20, "-"), ("chrX", 15, "."), None]
    assert located(mdata, annotation="interval") == expected
    del mdata["rna"].var["genome"]
    assert located(mdata, annotation="interval") == [("chrX", 15, ".")] * 3 + [None]
    with pytest.raises(KeyError, match="no column 'interval'"):
        lg.pp.annotate_genes(make(["A"]), annotation="interval")


@pytest.mark.parametrize("suffix", ["h5mu", "zarr"])
@pytest.mark.parametrize("genes", [["TNMD", "nonsense", "TSPAN6"], ["TNMD", "TSPAN6"]])
def test_survives_writing(tmp_path, suffix, genes):
    mdata = make(genes)
    expected, path = located(mdata), tmp_path / f"x.{suffix}"
    mdata.update()
    if suffix == "zarr":
        mdata.write_zarr(path)
        back = md.read_zarr(path)
    else:
        mdata.write_h5mu(path)
        back = md.read_h5mu(path)
    pd.testing.assert_frame_equal(back["rna"].var, mdata["rna"].var, check_categorical=False)
    assert located(back) == expected


def test_follows_names():
    genes = ["TNMD", "nonsense", "TSPAN6", "GATA1", "SPI1"]
    expected = dict(zip(genes, located(make(genes)), strict=True))
    shuffled = ["SPI1", "TSPAN6", "nonsense", "TNMD", "GATA1"]
    assert located(make(shuffled)) == [expected[gene] for gene in shuffled]


def test_copy_leaves_the_original():
    mdata = make(["TNMD"])
    changed = lg.pp.annotate_genes(mdata, copy=True)
    assert "tss" not in mdata["rna"].var
    assert changed["rna"].var["tss"].tolist() == [TNMD[1]]


FRAME = pd.DataFrame({"chrom": ["chr1"], "tss": [1], "strand": ["+"]}, index=["A"])


@pytest.mark.parametrize(
    ("genes", "annotation", "error", "text"),
    [
        (["Gnai3", "Spi1", "Actb"], "hg38", ValueError, r"Only 0 of 3 genes.*'mm10' knows 100%"),
        (["TNMD", "SPI1"], "mm10", ValueError, r"'hg38' knows 100%, 'hg19' knows 100%"),
        (["q1", "q2"], "hg38", ValueError, "gene_symbols="),
        (["q1"], FRAME, ValueError, "Only 0 of 1 genes .* the table given"),
        (["A"], "hg39", FileNotFoundError, "'hg39' is neither a built-in table"),
        (["A", "A"], FRAME, ValueError, "occur more than once"),
        (["A"], FRAME.drop(columns="tss"), ValueError, "expected 'chrom', 'tss' and 'strand'"),
        (["A"], FRAME.assign(strand="x"), ValueError, "strand other than"),
        (["A"], FRAME.assign(tss=-1), ValueError, "negative position"),
        (["A"], FRAME.assign(tss=None), ValueError, "none is left"),
    ],
)
def test_errors_leave_the_object_unchanged(genes, annotation, error, text):
    mdata = make(genes)
    with pytest.raises(error, match=text):
        lg.pp.annotate_genes(mdata, annotation=annotation)
    assert list(mdata["rna"].var) == []


def test_wrong_objects_and_formats(tmp_path):
    with pytest.raises(ValueError, match="Cannot tell the format"):
        lg.pp.annotate_genes(make(["A"]), annotation=write(tmp_path / "genes.txt", "x"))
    with pytest.raises(TypeError, match="Expected a MuData"):
        lg.pp.annotate_genes(make(["A"])["rna"])
    with pytest.raises(KeyError, match="no modality 'gex'"):
        lg.pp.annotate_genes(make(["A"]), rna_key="gex")


def test_missing_genes_are_logged(caplog):
    with caplog.at_level("INFO", logger="linger"):
        located(make(["TNMD", "nonsense"]))
    assert "1 of 2 genes are not in 'hg38'" in caplog.text
    assert "nonsense" in caplog.text


@pytest.mark.real
@pytest.mark.parametrize(
    ("path", "name", "share"),
    [
        ("snare_h1/snare_h1", "hg38", 0.99),
        ("pbmc10k_40cells/pbmc40", "hg38", 0.99),
        ("pbmc_multiome_muon_test/test_rna_atac", "hg38", 1.0),
        ("snare_mouse_cortex/snare_mouse_cortex", "mm10", 0.98),
    ],
)
def test_real_genes_are_found(real_data, path, name, share):
    mdata = md.read_h5mu(real_data / f"{path}.h5mu")
    lg.pp.annotate_genes(mdata, annotation=name)
    assert mdata["rna"].var["tss"].notna().mean() >= share


@pytest.mark.real
def test_real_intervals_agree_with_the_table(real_data):
    mdata = md.read_h5mu(real_data / "pbmc_multiome_muon_test/test_rna_atac.h5mu")
    by_table, by_interval = (np.array(located(mdata, annotation=name)) for name in ("hg38", "interval"))
    assert (by_table[:, [0, 2]] == by_interval[:, [0, 2]]).all()
    gap = np.abs(by_table[:, 1].astype(int) - by_interval[:, 1].astype(int))
    assert np.median(gap) <= 50
    assert (gap <= 1_000).mean() >= 0.8


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "inside", "within_1kb", "within_5kb"),
    [("hg38", 0.74, 0.86, 0.90), ("hg19", 0.76, 0.88, 0.91), ("mm10", 0.80, 0.88, 0.94)],
)
def test_tables_agree_with_independent_promoters(real_data, name, inside, within_1kb, within_5kb):
    """Another table gives promoters of RefSeq transcripts, several per gene, 1.1 kb wide; ours is one TSS per gene."""
    names = ["chrom", "start", "end", "gene", "offset", "strand"]
    promoters = pd.read_csv(real_data / f"tss/{name}_tss_info.bed.gz", sep="\t", names=names)
    genes = read_genes(name).drop_duplicates("gene")
    both = promoters.merge(genes, on="gene", suffixes=("", "_here"))
    gap = np.maximum(np.maximum(both["start"] - both["tss"], both["tss"] - both["end"]), 0)
    gap = gap.astype(float).where(both["chrom"] == both["chrom_here"], np.inf).groupby(both["gene"]).min()
    assert len(gap) > 20_000
    assert (gap == 0).mean() >= inside
    assert (gap <= 1_000).mean() >= within_1kb
    assert (gap <= 5_000).mean() >= within_5kb
