"""Counts from exact logarithms, and refusal of everything else."""

from __future__ import annotations

import anndata as ad
import mudata as md
import numpy as np
import pytest
from scipy import sparse

import linger as lg

COUNTS = np.random.default_rng(0).poisson(2, (6, 5)).astype(float) * np.array([1, 1, 1, 10, 500])


def make(**modalities):
    return md.MuData({name: ad.AnnData(X) for name, X in modalities.items()})


@pytest.mark.parametrize("base", [2.0, np.e, 10.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array])
def test_restores_every_base_and_form(base, dtype, form):
    logs = form((np.log(COUNTS + 1) / np.log(base)).astype(dtype))
    mdata = make(rna=logs)
    assert lg.pp.restore_counts(mdata) is None
    counts = mdata["rna"].layers["counts"]
    assert counts.dtype == np.float32
    assert sparse.issparse(counts) == sparse.issparse(logs)
    if sparse.issparse(logs):
        assert counts.format == logs.format
        assert counts.nnz == logs.nnz
    np.testing.assert_array_equal(counts.toarray() if sparse.issparse(counts) else counts, COUNTS)
    found = mdata["rna"].X
    np.testing.assert_array_equal(
        found.toarray() if sparse.issparse(found) else found, form(logs).toarray() if sparse.issparse(logs) else logs
    )


def test_counts_are_left_alone():
    mdata = make(rna=COUNTS, atac=sparse.csr_matrix((COUNTS > 0).astype(float)))
    lg.pp.restore_counts(mdata)
    assert "counts" not in mdata["rna"].layers
    assert "counts" not in mdata["atac"].layers


def test_an_existing_counts_layer_is_left_alone():
    mdata = make(rna=np.log1p(COUNTS / COUNTS.sum(1, keepdims=True)))
    mdata["rna"].layers["counts"] = COUNTS
    lg.pp.restore_counts(mdata)
    np.testing.assert_array_equal(mdata["rna"].layers["counts"], COUNTS)


def test_layer_and_modalities():
    mdata = make(rna=np.sqrt(COUNTS), atac=np.sqrt(COUNTS))
    mdata["rna"].layers["logs"] = np.log1p(COUNTS)
    lg.pp.restore_counts(mdata, modalities=["rna"], layer="logs")
    np.testing.assert_array_equal(mdata["rna"].layers["counts"], COUNTS)
    assert not list(mdata["atac"].layers)
    with pytest.raises(KeyError, match="no 'missing'"):
        lg.pp.restore_counts(mdata, modalities="rna", layer="missing")
    with pytest.raises(KeyError, match="no modality 'gex'"):
        lg.pp.restore_counts(mdata, modalities=["gex"])
    with pytest.raises(TypeError, match="Expected a MuData"):
        lg.pp.restore_counts(mdata["rna"])


def test_copy():
    mdata = make(rna=np.log1p(COUNTS))
    changed = lg.pp.restore_counts(mdata, copy=True)
    assert "counts" not in mdata["rna"].layers
    np.testing.assert_array_equal(changed["rna"].layers["counts"], COUNTS)


def with_value(value):
    X = np.log1p(COUNTS)
    X[0, 0] = value
    return X


@pytest.mark.parametrize("count", [1, 999, 65_535])
def test_extreme_counts(count):
    X = np.full((3, 4), np.log1p(np.float32(count)), dtype=np.float32)
    mdata = make(rna=X)
    lg.pp.restore_counts(mdata)
    np.testing.assert_array_equal(mdata["rna"].layers["counts"], count)


@pytest.mark.parametrize(
    "X",
    [
        np.log1p(np.arange(1, 31).reshape(6, 5) * 7.3 + 1_000),
        np.log1p(COUNTS / COUNTS.sum(1, keepdims=True) * 1e4),
        np.sqrt(COUNTS),
        np.log1p(COUNTS) - 1,
        with_value(np.nan),
        with_value(np.inf),
        with_value(0.5),
        -COUNTS,
    ],
    ids=["all large", "normalised", "root", "negative", "nan", "inf", "one value off", "negative counts"],
)
def test_anything_else_is_refused_before_anything_is_written(X):
    mdata = make(atac=np.log1p(COUNTS), rna=X)
    with pytest.raises(ValueError, match=r"rna\.X holds neither counts nor log"):
        lg.pp.restore_counts(mdata)
    assert "counts" not in mdata["atac"].layers


@pytest.mark.real
def test_h1_is_log2_and_its_atac_binary(real_data):
    mdata = md.read_h5mu(real_data / "snare_h1/snare_h1.h5mu")
    lg.pp.restore_counts(mdata)
    counts = mdata["rna"].layers["counts"]
    assert counts.nnz == mdata["rna"].X.nnz
    assert counts.data.min() == 1
    np.testing.assert_array_equal(counts.data, np.rint(counts.data))
    np.testing.assert_allclose(np.log2(counts.data + 1), mdata["rna"].X.data, rtol=1e-6)
    assert "counts" not in mdata["atac"].layers
