from __future__ import annotations

import numpy as np
import pytest
import torch

import linger as lg
from linger._memory import _limits, available_memory
from linger.tl._cost import Sizes, block_memory, disk, memory, shapley_operations, training_operations
from linger.tl._workers import Workers

CONFIG, CPU = lg.FitConfig(epochs=5, n_folds=0), torch.device("cpu")


def sizes(**changes):
    large = {"n_tfs": 700, "n_peaks": 100_000, "n_res": np.full(16_000, 95), "n_metacells": 300, "motifs": True}
    return Sizes(**{**large, **changes})


def test_size_and_disk_are_those_of_the_fit(cells, cells_metacells, tmp_path):
    config = lg.FitConfig(epochs=2, n_folds=0)
    expected = lg.tl.estimate(cells, metacells=cells_metacells, config=config)
    lg.tl.fit(cells, metacells=cells_metacells, config=config, store=tmp_path / "networks")
    record = cells.uns["linger"]["fit"]
    for name in ("n_tfs", "n_peaks", "n_metacells"):
        assert getattr(expected, name) == record[name]
    taken = sum(path.stat().st_size for path in (tmp_path / "networks").glob("*.safetensors"))
    assert expected.disk == pytest.approx(taken, rel=0.1)


def test_nothing_is_changed(cells):
    before = set(cells.varp), set(cells.uns), list(cells["rna"].var)
    lg.tl.estimate(cells, config=CONFIG)
    assert (set(cells.varp), set(cells.uns), list(cells["rna"].var)) == before


def test_more_of_anything_takes_more(cells):
    none, some, many = (lg.tl.estimate(cells, config=lg.FitConfig(epochs=5, n_folds=n_folds)) for n_folds in (0, 2, 4))
    assert many.operations - some.operations == some.operations - none.operations > 0
    assert many.memory > none.memory
    without, motifs = (lg.tl.estimate(cells, config=CONFIG, motifs=motifs) for motifs in (False, True))
    assert motifs.operations > without.operations


def test_operations_are_counted():
    config, large = lg.FitConfig(epochs=50), sizes(motifs=False)
    first = 16_000 * 50 * 4 * 64 * 796 * 300
    assert training_operations(large, config) == pytest.approx(first, rel=0.05)
    assert shapley_operations(large, config) == 16_000 * 2 * 50 * 300 * 64 * 795
    for changes in ({"n_tfs": 1400}, {"n_res": np.full(32_000, 95)}, {"n_metacells": 600}):
        assert training_operations(sizes(motifs=False, **changes), config) > 1.8 * training_operations(large, config)


def test_memory_and_disk_are_counted():
    config = lg.FitConfig(n_folds=0)
    assert memory(sizes(), config, Workers(), CPU)["metacells"] == 28 * 100_000 * 300
    at_once = {n: memory(sizes(), config, Workers(n), CPU)["networks"] for n in (2, 8)}
    assert at_once[8] == 4 * at_once[2]
    assert disk(sizes(), config) == pytest.approx(261 * 16_000 * 796, rel=0.15)


def test_a_fit_that_does_not_fit_is_refused(cells, monkeypatch, tmp_path):
    monkeypatch.setattr("linger.tl._cost.available_memory", lambda: 1_000_000)
    with pytest.raises(MemoryError, match=r"0\.0 GB are available.*n_jobs="):
        lg.tl.fit(cells, config=CONFIG, store=tmp_path / "networks")
    assert not list(tmp_path.iterdir())
    assert "linger_trans" not in cells.varp


def test_a_gpu_has_larger_blocks_and_holds_them_itself():
    config, gpu = lg.FitConfig(), torch.device("cuda")
    assert memory(sizes(), config, Workers(), gpu)["networks"] == 0
    assert block_memory(sizes(), config, gpu) > 16 * block_memory(sizes(), config, CPU)
    with pytest.raises(ValueError, match="n_jobs=4 is for CPUs"):
        Workers.of(4, None, gpu)


@pytest.mark.parametrize(("controllers", "file"), [("", "memory.max"), ("memory", "memory.limit_in_bytes")])
def test_limits_of_jobs_and_containers(tmp_path, controllers, file):
    groups, top = tmp_path / "cgroup", tmp_path / "fs" / controllers
    groups.write_text(f"12:cpuset:/slurm\n3:{controllers}:/slurm/job_7/step\n")
    for folder, text in (("", "max"), ("slurm/job_7", "4000"), ("slurm/job_7/step", "5000")):
        (top / folder).mkdir(parents=True, exist_ok=True)
        (top / folder / file).write_text(f"{text}\n")
    assert sorted(_limits(groups, tmp_path / "fs")) == [4000, 5000]
    assert _limits(tmp_path / "none", tmp_path / "fs") == []


def test_memory_of_the_machine():
    import psutil

    assert 0 < available_memory() <= psutil.virtual_memory().total


def test_it_prints_as_lines():
    said = lg.tl.Estimate(
        n_genes=1,
        n_tfs=2,
        n_peaks=3,
        n_metacells=4,
        operations=5 * 10**12,
        rate=6e9,
        seconds=777,
        memory=8 * 10**9,
        available_memory=10**9,
        disk=10**8,
    )
    assert "12 min 57 s" in str(said)
    assert "TOO LITTLE" in str(said)
    assert said.to_dict()["n_peaks"] == 3
