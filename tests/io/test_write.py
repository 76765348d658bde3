"""A disk without room is noticed before HDF5 meets it, which would end the process."""

from types import SimpleNamespace

import mudata
import numpy as np
import pytest

import linger as lg
from linger import cli
from linger.io import _write


@pytest.fixture
def full(monkeypatch):
    def set_room(room):
        monkeypatch.setattr(_write.shutil, "disk_usage", lambda _path: SimpleNamespace(free=room))

    return set_room


def test_size_is_that_of_the_file_but_for_names(tmp_path):
    mdata = lg.ds.toy()
    mdata["rna"].obsm["wide"] = np.ones((mdata.n_obs, 2000))
    mdata.uns["deep"] = {"er": {"array": np.ones(300_000)}}
    lg.io.write_h5mu(mdata, tmp_path / "toy.h5mu")
    size = (tmp_path / "toy.h5mu").stat().st_size
    assert 0.85 * size < _write._size(mdata) <= size


def test_a_full_disk_is_told_before_anything_is_written(tmp_path, full):
    mdata, path = lg.ds.toy(), tmp_path / "toy.h5mu"
    lg.io.write_h5mu(mdata, path)
    before = path.read_bytes()
    full(_write._size(mdata) - 1)
    with pytest.raises(OSError, match="or more, and its disk has room for"):
        lg.io.write_h5mu(mdata, path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["toy.h5mu"]
    full(_write._size(mdata))
    lg.io.write_h5mu(mdata, path)
    assert mudata.read_h5mu(path).n_obs == mdata.n_obs


def test_the_command_line_tells_it_before_the_fit(tmp_path, full, capsys, monkeypatch):
    lg.io.write_h5mu(lg.ds.simulate(n_cells=60, n_genes=20, n_tfs=4, rng=0).mdata, tmp_path / "in.h5mu")
    full(10)
    monkeypatch.setattr(lg.tl, "fit", lambda *_args, **_options: pytest.fail("the fit began"))
    assert cli.main(["run", str(tmp_path / "in.h5mu"), "-o", str(tmp_path / "out.h5mu")]) == 1
    assert "its disk has room for" in capsys.readouterr().err
