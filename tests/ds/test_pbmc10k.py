"""The downloaded multiome, without a connection."""

from __future__ import annotations

import hashlib
import sys

import h5py
import numpy as np
import pytest
from scipy import sparse

import linger as lg
from linger.ds import _pbmc10k

NAME = "pbmc_granulocyte_sorted_10k_filtered_feature_bc_matrix.h5"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a small file of that name and form, whose checksum is taken for that of the real one."""
    counts = sparse.csr_matrix(np.arange(20).reshape(4, 5))
    names = ["TBCE", "TBCE", "SPI1", "chr1:10-20", "chr2:30-45"]
    with h5py.File(tmp_path / NAME, "w") as file:
        for part in ("data", "indices", "indptr"):
            file[f"matrix/{part}"] = getattr(counts, part)
        file["matrix/shape"] = counts.shape[::-1]
        file["matrix/barcodes"] = [f"cell{number}-1" for number in range(4)]
        file["matrix/features/id"] = file["matrix/features/name"] = names
        file["matrix/features/feature_type"] = ["Gene Expression"] * 3 + ["Peaks"] * 2
        file["matrix/features/genome"] = ["GRCh38"] * 5
        file["matrix/features/interval"] = ["chr1:1-2", "chr1:3-4", "chr11:5-6", *names[3:]]
    digest = hashlib.md5((tmp_path / NAME).read_bytes()).hexdigest()
    monkeypatch.setattr(_pbmc10k, "_CHECKSUM", f"md5:{digest}")
    return tmp_path


@pytest.mark.filterwarnings("ignore:Variable names are not unique", "ignore::FutureWarning")
def test_a_file_that_is_there_is_read(folder):
    mdata = lg.ds.pbmc10k(path=folder)
    assert mdata["rna"].var_names.tolist() == ["TBCE", "TBCE-1", "SPI1"]
    assert mdata.var_names.tolist() == [*mdata["rna"].var_names, "chr1:10-20", "chr2:30-45"]
    np.testing.assert_array_equal(mdata["rna"].X.toarray(), np.arange(20).reshape(4, 5)[:, :3])
    np.testing.assert_array_equal(mdata["atac"].X.toarray(), np.arange(20).reshape(4, 5)[:, 3:])
    lg.pp.annotate_genes(mdata, annotation="interval")
    assert mdata["rna"].var["chrom"].tolist() == ["chr1", "chr1", "chr11"]


def test_without_a_connection(tmp_path, monkeypatch):
    import requests

    def refuse(*args, **kwargs):
        raise requests.exceptions.ConnectionError("no route")

    monkeypatch.setattr(requests, "get", refuse)
    with pytest.raises(ConnectionError, match=r"could not be downloaded \(no route\).*path=folder"):
        lg.ds.pbmc10k(path=tmp_path)
    assert not list(tmp_path.iterdir())


def test_another_file_is_refused(folder, monkeypatch):
    import requests

    class Answer:
        headers = {"content-length": "5"}  # noqa: RUF012

        def raise_for_status(self):
            pass

        def iter_content(self, chunk_size):
            yield b"wrong"

    (folder / NAME).unlink()
    monkeypatch.setattr(requests, "get", lambda *args, **kwargs: Answer())
    with pytest.raises(ValueError, match="does not match the known hash"):
        lg.ds.pbmc10k(path=folder)
    assert not (folder / NAME).exists()


def test_without_pooch(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r"linger-multiome\[download\]"):
        lg.ds.pbmc10k(path=tmp_path)
