"""A fit that is interrupted anywhere, and called again, ends as if nothing had happened."""

from __future__ import annotations

import errno
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError

import linger as lg
from linger.io._work import Part, WorkFolder

from ..helpers import damage_file

CONFIG = lg.FitConfig(epochs=3, n_folds=2, block_size=4)
PARTIAL = ".networks.partial"

FIT = """
import sys
import torch
torch.set_num_threads(1)
import linger as lg
sim = lg.ds.simulate(n_cells=120, n_genes=40, n_tfs=10, n_peaks=200, n_cell_types=3, rng=0)
lg.pp.link_peaks(sim.mdata)
print("ready", flush=True)
config = lg.FitConfig(epochs=3, n_folds=2, block_size=4)
lg.tl.fit(sim.mdata, config=config, store=sys.argv[1])
print(lg.io.read_store(sim.mdata).checksum, sim.mdata["rna"].var["linger_r2"].sum().hex())
"""


@pytest.fixture(scope="module")
def _small():
    mdata = lg.ds.simulate(n_cells=120, n_genes=40, n_tfs=10, n_peaks=200, n_cell_types=3, rng=0).mdata
    lg.pp.link_peaks(mdata)
    return mdata, lg.pp.metacells(mdata, n_metacells=30, n_neighbors=10)


@pytest.fixture
def cells(_small):
    return _small[0].copy()


@pytest.fixture
def cells_metacells(_small):
    return _small[1].copy()


@pytest.fixture
def networks(tmp_path):
    return tmp_path / "networks"


def fit(cells, metacells, store, config=CONFIG, **options):
    """Fit a copy; returns the checksum of the store, the quality and the trans networks."""
    fitted = lg.tl.fit(cells, metacells=metacells, config=config, store=store, copy=True, **options)
    var, trans = fitted["rna"].var[["linger_r2", "linger_correlation"]], fitted.varp["linger_trans"]
    return lg.io.read_store(fitted).checksum, var.to_numpy(), trans.toarray()


def assert_identical(one, other):
    assert one[0] == other[0]
    for a, b in zip(one[1:], other[1:], strict=True):
        np.testing.assert_array_equal(a, b)


def interrupt(monkeypatch, after):
    """Let the disk be full once `after` files are kept."""
    write, tried = Path.write_bytes, []

    def fail(path, data):
        if path.parent.name == PARTIAL:
            tried.append(path.name)
            if len(tried) > after:
                write(path, data[: len(data) // 2])
                raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", fail)


@pytest.fixture
def written(monkeypatch):
    """The names of the files that are written, not read, during a test."""
    names, write = [], Part.write

    def noted(part, number, arrays):
        names.append((part.name, number))
        write(part, number, arrays)

    monkeypatch.setattr(Part, "write", noted)
    return names


@pytest.mark.parametrize("after", [1, 13, 22])
def test_a_full_disk(cells, cells_metacells, networks, monkeypatch, written, after, tmp_path):
    undisturbed = fit(cells, cells_metacells, tmp_path / "other")
    n_files = len(written)
    assert n_files > 24
    with monkeypatch.context() as patch:
        interrupt(patch, after)
        with pytest.raises(OSError, match="Make room and call again"):
            fit(cells, cells_metacells, networks)
    assert sorted(path.name for path in tmp_path.iterdir()) == [PARTIAL, "other"]
    written.clear()
    assert_identical(fit(cells, cells_metacells, networks), undisturbed)
    assert len(written) == n_files - after
    assert {path.name for path in networks.iterdir()} == {path.name for path in (tmp_path / "other").iterdir()}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["networks", "other"]


def interrupted(cells, metacells, networks, monkeypatch, after=8):
    with monkeypatch.context() as patch:
        interrupt(patch, after)
        with pytest.raises(OSError, match="No space"):
            fit(cells, metacells, networks)


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_damaged_files_are_made_again(cells, cells_metacells, networks, monkeypatch, written, damage, tmp_path, caplog):
    undisturbed = fit(cells, cells_metacells, tmp_path / "other")
    interrupted(cells, cells_metacells, networks, monkeypatch)
    partial = networks.with_name(PARTIAL)
    damage_file(partial / "block-00003.safetensors", damage)
    with (partial / "journal").open("a") as journal:
        journal.write("4f00 cut sho")
    written.clear()
    assert_identical(fit(cells, cells_metacells, networks), undisturbed)
    assert ("block", 3) in written
    assert ("block", 4) not in written
    assert "block-00003.safetensors is damaged" in caplog.text


CHANGES = {
    "settings": lambda cells, metacells: {"config": lg.FitConfig(epochs=4, n_folds=2, block_size=4)},
    "seed": lambda cells, metacells: {"rng": 1},
    "genes": lambda cells, metacells: {"genes": cells["rna"].var_names[:30]},
    "data": lambda cells, metacells: metacells["rna"].X.__setitem__((0, 0), 9),
    "told to": lambda cells, metacells: {"resume": False},
}


@pytest.mark.parametrize("change", CHANGES)
def test_other_data_or_settings_start_anew(cells, cells_metacells, networks, monkeypatch, written, change, caplog):
    interrupted(cells, cells_metacells, networks, monkeypatch)
    options = CHANGES[change](cells, cells_metacells) or {}
    written.clear()
    with caplog.at_level(logging.INFO, "linger"):
        found = fit(cells, cells_metacells, networks, **options)
    assert ("block", 0) in written
    assert ("starts anew" in caplog.text) == (change != "told to")
    assert_identical(found, fit(cells, cells_metacells, networks, **options))


def test_two_processes_go_on_where_one_was_interrupted(cells, cells_metacells, networks, monkeypatch, tmp_path):
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        undisturbed = fit(cells, cells_metacells, tmp_path / "other")
        interrupted(cells, cells_metacells, networks, monkeypatch)
        assert_identical(fit(cells, cells_metacells, networks, n_jobs=2), undisturbed)
    finally:
        torch.set_num_threads(threads)


def test_killed_at_any_moment(tmp_path):
    """A handful of moments; benchmarks/kill.py takes more."""
    command = [sys.executable, "-c", FIT]
    undisturbed = subprocess.run([*command, tmp_path / "other"], capture_output=True, text=True, check=True).stdout
    kept = []
    for n_files in (1, 6, 14, 22):  # the same folder, so that it is killed again and again
        with subprocess.Popen([*command, tmp_path / "networks"], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "ready\n"
            while process.poll() is None and len(list(tmp_path.glob(f"{PARTIAL}/*.safetensors"))) < n_files:
                time.sleep(0.001)
            os.kill(process.pid, signal.SIGKILL)
        kept.append(len(list(tmp_path.glob(f"{PARTIAL}/*.safetensors"))))
    assert kept[0] < kept[-1]
    assert not (tmp_path / "networks").exists()
    resumed = subprocess.run([*command, tmp_path / "networks"], capture_output=True, text=True, check=True).stdout
    assert resumed == undisturbed
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["networks", "other"]


def test_a_work_folder_lists_what_is_finished(tmp_path):
    folder = WorkFolder(tmp_path / "work", resume=True)
    part = folder.part("block", "a" * 40)
    part.write(0, {"x": np.arange(3)})
    np.testing.assert_array_equal(part.read(0)["x"], [0, 1, 2])
    assert part.read(1) is None
    folder.leave()
    again = WorkFolder(tmp_path / "work", resume=True)
    assert again.part("block", "a" * 40).read(0) is not None
    assert again.part("block", "b" * 40).read(0) is None
    assert set(again.checksums("block")) == set()
    again.leave()
    assert not list(tmp_path.iterdir())


def test_a_kill_while_old_work_is_removed(cells, cells_metacells, networks, monkeypatch, written, tmp_path):
    undisturbed = fit(cells, cells_metacells, tmp_path / "other")
    interrupted(cells, cells_metacells, networks, monkeypatch)
    unlink, removed = Path.unlink, []

    def killed(path, **options):
        removed.append(path)
        if len(removed) == 3:
            raise KeyboardInterrupt
        unlink(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            WorkFolder(tmp_path / PARTIAL, resume=False)
    assert_identical(fit(cells, cells_metacells, networks), undisturbed)


def test_a_kill_before_the_first_journal_is_complete(tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / ".journal.partial").write_text("")
    folder = WorkFolder(tmp_path / "work", resume=True)
    folder.leave()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_at_the_last_file(cells, cells_metacells, networks, monkeypatch, tmp_path):
    undisturbed = fit(cells, cells_metacells, tmp_path / "other")
    with monkeypatch.context() as patch:
        patch.setattr("linger.io._folder.save_file", _full)
        with pytest.raises(OSError, match="Make room and call again"):
            fit(cells, cells_metacells, networks)
    assert_identical(fit(cells, cells_metacells, networks), undisturbed)


def _full(*_):
    msg = "No space left on device (os error 28)"
    raise SafetensorError(msg)
