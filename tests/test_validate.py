"""Every check raises on what it is for, says what to do, and lets sound data pass."""

from __future__ import annotations

import anndata as ad
import mudata as md
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from linger import _validate

CELLS = ["c1", "c2", "c3"]


def modality(features, cells=CELLS, **columns):
    X = np.arange(len(cells) * len(features), dtype=np.float32).reshape(len(cells), len(features))
    return ad.AnnData(X, obs=pd.DataFrame(index=list(cells)), var=pd.DataFrame(columns, index=list(features)))


def make(genes=("A", "B"), peaks=("chr1:1-5", "chr1:7-9"), *, rna_cells=CELLS, atac_cells=CELLS):
    return md.MuData({"rna": modality(genes, rna_cells), "atac": modality(peaks, atac_cells)})


def test_preview():
    assert _validate.preview([]) == ""
    assert _validate.preview(["a", 2]) == "'a', '2'"
    assert _validate.preview(range(7)) == "'0', '1', '2', '3', '4' and 2 more"
    assert _validate.preview((n for n in range(3)), n=1) == "'0' and 2 more"


def test_modality():
    mdata = make()
    assert _validate.modality(mdata, "rna") is mdata["rna"]
    with pytest.raises(KeyError, match=r"no modality 'gex' \(it has 'rna', 'atac'\).*rna_key="):
        _validate.modality(mdata, "gex")
    with pytest.raises(TypeError, match=r"Expected a MuData .* found AnnData"):
        _validate.modality(mdata["rna"], "rna")


def test_unique_names():
    _validate.unique_names(pd.Index(["a", "b"]), "genes", "fix()")
    with pytest.raises(ValueError, match=r"2 genes occur more than once \('a', 'b'\). Call fix\(\) first"):
        _validate.unique_names(pd.Index(["a", "b", "a", "b", "b", "c"]), "genes", "fix()")


def test_paired():
    mdata = make()
    rna, atac = _validate.paired(mdata)
    assert rna is mdata["rna"]
    assert atac is mdata["atac"]
    named = md.MuData({"gex": mdata["rna"], "peaks": mdata["atac"]})
    assert _validate.paired(named, rna_key="gex", atac_key="peaks")[1] is named["peaks"]
    shuffled = make(atac_cells=CELLS[::-1])
    assert _validate.paired(shuffled)[1] is shuffled["atac"], "the same cells in another order are paired"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"genes": ["A", "A"]}, r"1 feature names of 'rna' occur more than once.*var_names_make_unique"),
        ({"peaks": ["p", "p"]}, "feature names of 'atac'"),
        ({"rna_cells": ["c1", "c1", "c2"]}, r"cell names of 'rna'.*obs_names_make_unique"),
        ({"atac_cells": ["c1", "c1", "c2"]}, "cell names of 'atac'"),
        ({"genes": []}, r"mdata\['rna'\] is empty: 3 cells x 0 features"),
        ({"genes": ["A", "x"], "peaks": ["x", "p"]}, "1 names are both a gene and a peak .'x'"),
        ({"rna_cells": ["c1", "c2"]}, "'rna' has 2 cells, 'atac' has 3, 2 are in both.*intersect_obs"),
        ({"rna_cells": ["c1", "c2", "c4"]}, "'rna' has 3 cells, 'atac' has 3, 2 are in both"),
    ],
)
def test_unpaired(data, text):
    with pytest.raises(ValueError, match=text):
        _validate.paired(make(**data))


def test_paired_needs_both():
    with pytest.raises(KeyError, match="no modality 'atac'"):
        _validate.paired(md.MuData({"rna": modality(["A"])}))


def test_columns():
    frame = pd.DataFrame({"a": [1], "b": [2]})
    _validate.columns(frame, ["a", "b"], "rna.var", "fix()")
    with pytest.raises(KeyError, match=r"rna.var has no column 'c', 'd'. Call fix\(\) first"):
        _validate.columns(frame, ["a", "c", "d"], "rna.var", "fix()")


def test_known_names():
    known = pd.Index(["A", "B", "C"])
    assert _validate.known_names(["B", "A", "B"], known, "genes").tolist() == ["B", "A"]
    assert _validate.known_names("A", known, "genes").tolist() == ["A"]
    assert _validate.known_names(pd.Index(["C"]), known, "genes").tolist() == ["C"]
    with pytest.raises(KeyError, match=r"1 of 2 genes are unknown: 'Z'. Known are for example 'A', 'B', 'C'"):
        _validate.known_names(["A", "Z"], known, "genes")


SPANS = pd.DataFrame({"chrom": ["chr1", "chrUn_KI270_v1"], "start": [0, 100], "end": [5, 250]})


@pytest.mark.parametrize("form", ["{}:{}-{}", "{}-{}-{}", "{}_{}_{}", "{}:{}_{}"])
def test_parse_peaks_from_names(form):
    names = [form.format(*row) for row in SPANS.itertuples(index=False)]
    peaks = _validate.parse_peaks(modality(names))
    pd.testing.assert_frame_equal(peaks, SPANS.set_axis(names))
    assert peaks["start"].dtype == peaks["end"].dtype == np.int64


def test_parse_peaks_prefers_columns_then_intervals():
    names = ["chr9:1-2", "chr9:3-4"]
    by_columns = modality(names, **SPANS.assign(start=["0", "100"]).to_dict("list"), interval=["chr8:1-2", "chr8:3-4"])
    pd.testing.assert_frame_equal(_validate.parse_peaks(by_columns), SPANS.set_axis(names))
    by_interval = modality(["p", "q"], chrom=["chr9", "chr9"], interval=["chr1:0-5", "chrUn_KI270_v1:100-250"])
    pd.testing.assert_frame_equal(_validate.parse_peaks(by_interval), SPANS.set_axis(["p", "q"]))


@pytest.mark.parametrize(
    "name", ["peak_1", "chr1:5-5", "chr1:9-5", "chr1:a-9", "chr1", "chr1:1-2-x", "chr1:1,000-2,000"]
)
def test_peaks_that_do_not_parse(name):
    with pytest.raises(ValueError, match=r"1 of 2 peaks do not parse .*Expected names such as"):
        _validate.parse_peaks(modality(["chr1:1-2", name]))


@pytest.mark.parametrize(
    "column", [{"start": [-1, 100]}, {"end": [0, 250]}, {"start": [None, 1]}, {"chrom": ["1", None]}]
)
def test_peak_columns_that_make_no_sense(column):
    with pytest.raises(ValueError, match="1 of 2 peaks do not parse"):
        _validate.parse_peaks(modality(["p", "q"], **SPANS.assign(**column).to_dict("list")))


@pytest.mark.parametrize("base", [2.0, np.e, 10.0])
def test_log_base(base):
    counts = np.array([1, 2, 3, 10, 250])
    logs = np.log(counts + 1) / np.log(base)
    assert _validate.log_base(logs) == pytest.approx(base)
    assert _validate.log_base(logs.astype(np.float32)) == pytest.approx(base)


@pytest.mark.parametrize("key", ["", "a/b"])
def test_keys_that_cannot_be_written(key):
    with pytest.raises(ValueError, match="cannot name a slot"):
        _validate.valid_key(key)


@pytest.mark.parametrize("values", [[], [0.3, 1.7, 2.2], [0.0], [-1.0], [np.nan, 1.0]])
def test_no_log_base(values):
    assert _validate.log_base(np.array(values)) is None


def counts_of(X, layers=None, **options):
    return _validate.get_counts(ad.AnnData(X, layers=layers), **options)


COUNTS = np.array([[0, 1, 2], [3, 0, 0]])


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array])
@pytest.mark.parametrize("dtype", [np.int64, np.float64, np.float32])
def test_get_counts_from_x(form, dtype):
    counts = counts_of(form(COUNTS.astype(dtype)))
    assert sparse.issparse(counts)
    assert (counts.format, counts.dtype, counts.nnz) == ("csr", np.float32, 3)
    np.testing.assert_array_equal(counts.toarray(), COUNTS)


def test_get_counts_chooses_the_layer():
    layers = {"counts": COUNTS * 2.0, "raw": COUNTS * 3.0}
    np.testing.assert_array_equal(counts_of(COUNTS + 0.5, layers).toarray(), COUNTS * 2)
    np.testing.assert_array_equal(counts_of(COUNTS + 0.5, layers, layer="raw").toarray(), COUNTS * 3)
    np.testing.assert_array_equal(counts_of(COUNTS, {"raw": COUNTS * 3.0}).toarray(), COUNTS)
    with pytest.raises(KeyError, match=r"atac.layers has no 'none' \(it has 'counts', 'raw'\)"):
        counts_of(COUNTS, layers, layer="none", name="atac")


def test_get_counts_from_a_backed_file(tmp_path):
    ad.AnnData(sparse.csr_matrix(COUNTS.astype(float))).write_h5ad(tmp_path / "x.h5ad")
    backed = ad.read_h5ad(tmp_path / "x.h5ad", backed="r")
    np.testing.assert_array_equal(_validate.get_counts(backed).toarray(), COUNTS)
    backed.file.close()


@pytest.mark.parametrize(
    ("X", "text"),
    [
        (None, r"rna.X is empty. Name the layer"),
        (np.array([[1.0, np.nan]]), "rna.X holds NaN or infinite"),
        (np.array([[1.0, np.inf]]), "rna.X holds NaN or infinite"),
        (np.array([[1.0, -2.0]]), r"rna.X holds negative values \(minimum -2\)"),
        (np.array([[0.3, 1.7]]), "values that are not whole numbers; counts are needed. Name the layer"),
        (np.log2(COUNTS + 1), r"exactly log\(count \+ 1\) in base 2; .*restore_counts"),
        (np.log1p(COUNTS), r"in base 2.718; .*restore_counts"),
    ],
)
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_what_is_not_counts(X, text, form):
    with pytest.raises(ValueError, match=text):
        _validate.get_counts(ad.AnnData(shape=(2, 2)) if X is None else ad.AnnData(form(X)))
