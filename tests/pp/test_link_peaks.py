"""Pairs of peaks and genes, against a naive double loop."""

from __future__ import annotations

import logging

import anndata as ad
import mudata as md
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import linger as lg

GENES = {"a": ("chr1", 1_000), "b": ("chr1", 50_000), "c": ("chr2", 1_000), "d": ("chr3", 5), "e": (None, None)}
PEAKS = ["chr1:900-1100", "chr1:2000-2101", "chr1:51900-52100", "chr2:900-1100", "chr2:5000000-5000100", "chrY:1-9"]


def make(genes=GENES, peaks=PEAKS, *, atac_first=False):
    chrom, tss = zip(*genes.values(), strict=True)
    var = pd.DataFrame({"chrom": pd.Categorical(chrom), "tss": pd.array(tss, dtype="Int64")}, index=list(genes))
    rna = ad.AnnData(sparse.csr_matrix(np.ones((2, len(genes)))), var=var)
    atac = ad.AnnData(sparse.csr_matrix(np.ones((2, len(peaks)))), var=pd.DataFrame(index=list(peaks)))
    mods = {"atac": atac, "rna": rna} if atac_first else {"rna": rna, "atac": atac}
    return md.MuData(mods)


def pairs(mdata, key="linger"):
    """Return {(peak, gene): distance} of all stored entries, zeros too."""
    matrix, names = mdata.varp[f"{key}_distance"].tocoo(), mdata.var_names
    return {(names[i], names[j]): d for i, j, d in zip(matrix.row, matrix.col, matrix.data, strict=True)}


def naive(mdata, max_distance):
    """Return the same by looking at every pair."""
    found = {}
    for gene, (chrom, tss) in mdata["rna"].var[["chrom", "tss"]].astype(object).iterrows():
        for peak in mdata["atac"].var_names:
            peak_chrom, span = peak.split(":")
            start, end = map(int, span.split("-"))
            if peak_chrom == chrom and abs((start + end) // 2 - tss) <= max_distance:
                found[peak, gene] = abs((start + end) // 2 - tss)
    return found


def random_data(seed, *, n_genes=60, n_peaks=300, shuffle=None, **options):
    rng = np.random.default_rng(seed)
    chrom, tss = rng.integers(1, 5, n_genes), rng.integers(0, 3_000_000, n_genes)
    genes = {f"g{i}": (f"chr{c}", int(t)) for i, (c, t) in enumerate(zip(chrom, tss, strict=True))}
    starts, widths = rng.integers(0, 3_000_000, n_peaks), rng.integers(1, 3_000, n_peaks)
    where = zip(rng.integers(1, 5, n_peaks), starts, starts + widths, strict=True)
    peaks = list(dict.fromkeys(f"chr{c}:{s}-{e}" for c, s, e in where))
    if shuffle is not None:
        order = np.random.default_rng(shuffle)
        genes = {name: genes[name] for name in order.permutation(list(genes))}
        peaks = list(order.permutation(peaks))
    return make(genes, peaks, **options)


def test_by_hand():
    mdata = make()
    assert lg.pp.link_peaks(mdata, max_distance=2_000) is None
    expected = {
        ("chr1:900-1100", "a"): 0,
        ("chr1:2000-2101", "a"): 1_050,
        ("chr1:51900-52100", "b"): 2_000,  # the edge of the window belongs to it
        ("chr2:900-1100", "c"): 0,
    }
    assert pairs(mdata) == expected
    matrix = mdata.varp["linger_distance"]
    assert sparse.issparse(matrix)
    assert (matrix.format, matrix.dtype, matrix.shape) == ("csr", np.float32, (11, 11))
    var = mdata["atac"].var
    assert list(var.loc["chr1:2000-2101", ["chrom", "start", "end"]]) == ["chr1", 2000, 2101]
    record = {"max_distance": 2_000, "n_pairs": 4, "n_genes": 3, "n_peaks": 4}
    assert mdata.uns["linger"] == {"link_peaks": record}
    lg.pp.link_peaks(mdata, max_distance=1_999, key_added="narrow")
    del expected["chr1:51900-52100", "b"]
    assert pairs(mdata, "narrow") == expected


@pytest.mark.parametrize("max_distance", [0, 1_000, 250_000.5, 1_000_000, 1e9])
@pytest.mark.parametrize("atac_first", [False, True])
def test_agrees_with_a_double_loop(max_distance, atac_first):
    mdata = random_data(1, atac_first=atac_first)
    if max_distance == 0:
        mdata["rna"].var.loc["g0", ["chrom", "tss"]] = ["chr1", 1_000]
        mdata = make(dict(zip(mdata["rna"].var_names, mdata["rna"].var[["chrom", "tss"]].to_numpy(), strict=True)),
                     ["chr1:999-1001", *mdata["atac"].var_names])  # fmt: skip
    lg.pp.link_peaks(mdata, max_distance=max_distance)
    expected = naive(mdata, max_distance)
    assert len(expected) > 0
    assert pairs(mdata) == pytest.approx(expected)


def test_follows_names():
    plain, shuffled = random_data(2), random_data(2, shuffle=5)
    assert list(plain.var_names) != list(shuffled.var_names)
    shuffled = shuffled[::-1].copy()
    for mdata in (plain, shuffled):
        lg.pp.link_peaks(mdata)
    assert pairs(plain) == pairs(shuffled)


@pytest.mark.parametrize("suffix", ["h5mu", "zarr"])
def test_zeros_survive_writing_and_slicing(tmp_path, suffix):
    mdata = make()
    lg.pp.annotate_genes(mdata, annotation=pd.DataFrame(GENES, index=["chrom", "tss"]).T.assign(strand="+"))
    lg.pp.link_peaks(mdata, max_distance=2_000)
    path = tmp_path / f"x.{suffix}"
    if suffix == "zarr":
        mdata.write_zarr(path)
        back = md.read_zarr(path)
    else:
        mdata.write_h5mu(path)
        back = md.read_h5mu(path)
    assert pairs(back) == pairs(mdata)
    assert dict(back.uns["linger"]["link_peaks"]) == mdata.uns["linger"]["link_peaks"]
    part = mdata[:, ["a", "chr1:900-1100"]].copy()
    assert pairs(part) == {("chr1:900-1100", "a"): 0}


def test_uns_is_merged_and_copy_leaves_the_original():
    mdata = make()
    mdata.uns["linger"] = {"other": 1}
    changed = lg.pp.link_peaks(mdata, copy=True)
    assert "linger_distance" not in mdata.varp
    assert mdata.uns["linger"] == {"other": 1}
    assert set(changed.uns["linger"]) == {"other", "link_peaks"}
    assert "chrom" not in mdata["atac"].var
    assert ("chr1:51900-52100", "a") in pairs(changed)


def test_other_keys_and_a_third_modality():
    mdata = make()
    protein = ad.AnnData(np.ones((2, 1)), var=pd.DataFrame(index=["CD4_protein"]))
    mdata = md.MuData({"adt": protein, "gex": mdata["rna"], "peaks": mdata["atac"]})
    lg.pp.link_peaks(mdata, rna_key="gex", atac_key="peaks", max_distance=500)
    assert pairs(mdata) == {("chr1:900-1100", "a"): 0, ("chr2:900-1100", "c"): 0}


def test_genes_without_location_are_logged(caplog):
    with caplog.at_level(logging.INFO, logger="linger"):
        lg.pp.link_peaks(make())
    assert "1 genes without location get no peaks: 'e'" in caplog.text


def renamed(function):
    return {gene: (chrom and function(chrom), tss) for gene, (chrom, tss) in GENES.items()}


@pytest.mark.parametrize(
    ("genes", "peaks"), [(renamed(lambda c: c[3:]), PEAKS), (GENES, [peak[3:] for peak in PEAKS])], ids=["1", "chr1"]
)
def test_the_fix_for_chromosome_prefixes_works_as_printed(genes, peaks):
    mdata = make(genes, peaks)
    with pytest.raises(ValueError, match="share no chromosome") as caught:
        lg.pp.link_peaks(mdata)
    assert "linger_distance" not in mdata.varp
    # genes that follow the peaks to "1" leave a genome file of UCSC behind
    assert ("genome file" in str(caught.value)) == (not mdata["atac"].var_names[0].startswith("chr"))
    fix = str(caught.value).split("Run ")[1].rstrip(".")
    exec(fix, {"mdata": mdata})
    lg.pp.link_peaks(mdata, max_distance=2_000)
    assert sorted(pairs(mdata).values()) == [0, 0, 1_050, 2_000]


def test_other_chromosome_names_cannot_be_fixed():
    with pytest.raises(ValueError, match=r"genes on 'scaffold_chr1'.*one species"):
        lg.pp.link_peaks(make(renamed(lambda c: f"scaffold_{c}")))


@pytest.mark.parametrize(
    ("change", "options", "error", "text"),
    [
        (
            lambda m: m["rna"].var.drop(columns="tss", inplace=True),
            {},
            KeyError,
            r"no column 'tss'. Call lg.pp.annotate",
        ),
        (lambda m: m["rna"].var.__setitem__("tss", pd.NA), {}, ValueError, "No gene of 'rna' has a location"),
        (lambda m: None, {"max_distance": -1}, ValueError, "max_distance must be"),
        (lambda m: None, {"max_distance": np.nan}, ValueError, "max_distance must be"),
        (lambda m: None, {"rna_key": "gex"}, KeyError, "no modality 'gex'"),
    ],
)
def test_errors_leave_the_object_unchanged(change, options, error, text):
    mdata = make()
    change(mdata)
    with pytest.raises(error, match=text):
        lg.pp.link_peaks(mdata, **options)
    assert not list(mdata.varp)
    assert not mdata.uns
    assert list(mdata["atac"].var) == []


def test_no_pair_names_the_nearest_peak():
    with pytest.raises(ValueError, match="nearest is 1050 bp away"):
        lg.pp.link_peaks(make({"a": ("chr1", 1_000)}, ["chr1:2000-2101", "chr2:0-2000"]), max_distance=1_000)


def test_a_modality_changed_without_update():
    mdata = make()
    mdata.mod["rna"] = mdata["rna"].copy()
    mdata["rna"].var_names = list("vwxyz")
    with pytest.raises(ValueError, match=r"Call mdata.update\(\) first"):
        lg.pp.link_peaks(mdata)


def refused(mdata):
    """Whether the build is refused; if so, check_build=False links all the same."""
    try:
        lg.pp.link_peaks(mdata)
    except ValueError:
        with pytest.raises(ValueError, match="different genome builds"):
            lg.pp.link_peaks(mdata)
        lg.pp.link_peaks(mdata, check_build=False)
        return True
    return False


def test_wrong_build_is_refused_and_few_or_sparse_data_are_not():
    rng = np.random.default_rng(3)
    tss = np.sort(rng.choice(60_000, 500, replace=False)) * 1_000
    genes = {f"g{i}": ("chr1", int(t)) for i, t in enumerate(tss)}
    moved = {name: (chrom, t + 37_000) for name, (chrom, t) in genes.items()}
    places = np.concatenate([tss, rng.integers(0, 60_000_000, 2_000)])
    peaks = list(dict.fromkeys(f"chr1:{p}-{p + 500}" for p in places))
    assert not refused(make(genes, peaks))
    assert refused(make(moved, peaks))
    assert not refused(make(dict(list(moved.items())[:150]), peaks)), "too few genes to tell"
    assert not refused(make(moved, peaks[500:520])), "too few peaks to tell"


@pytest.mark.real
@pytest.mark.parametrize(
    ("path", "build", "wrong"),
    [
        ("snare_h1/snare_h1", "hg38", False),
        ("snare_h1/snare_h1", "hg19", True),
        ("pbmc10k_40cells/pbmc40", "hg38", False),
        ("pbmc10k_40cells/pbmc40", "hg19", True),
        ("pbmc_multiome_muon_test/test_rna_atac", "hg38", False),
        ("pbmc_multiome_muon_test/test_rna_atac", "interval", False),
        ("snare_mouse_cortex/snare_mouse_cortex", "mm10", False),
    ],
)
def test_real_data(real_data, path, build, wrong):
    mdata = md.read_h5mu(real_data / f"{path}.h5mu")
    lg.pp.annotate_genes(mdata, annotation=build)
    assert refused(mdata) == wrong
    # against the double loop, for a few genes
    var = mdata["rna"].var
    chosen = var.index[var["tss"].notna()][:: max(len(var) // 5, 1)][:5]
    peaks = mdata["atac"].var
    middle = (peaks["start"] + peaks["end"]) // 2
    distance = mdata.varp["linger_distance"].tocsc()
    for gene in chosen:
        near = (peaks["chrom"] == var.loc[gene, "chrom"]) & ((middle - var.loc[gene, "tss"]).abs() <= 1_000_000)
        expected = (middle[near] - var.loc[gene, "tss"]).abs()
        column = distance[:, [mdata.var_names.get_loc(gene)]].tocoo()
        found = pd.Series(column.data, index=mdata.var_names[column.row])
        assert found.to_dict() == expected.to_dict()
