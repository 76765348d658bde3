"""Whoever trains the networks, with however many threads, they are the same to the last bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

import linger as lg
from linger.tl._workers import Workers

CONFIG = lg.FitConfig(epochs=3, n_folds=2, block_size=8)


@pytest.fixture(autouse=True)
def threads():
    """Set torch's number of threads for a test."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield torch.set_num_threads
    torch.set_num_threads(before)


def fit(cells, **options):
    """Fit a copy of the cells, and return its slots and store."""
    fitted = lg.tl.fit(cells, copy=True, config=CONFIG, **options)
    store = lg.io.read_store(fitted).checksum if "store" in options else None
    var = fitted["rna"].var.filter(regex="r2|correlation|alpha").to_numpy(float)
    slots = {name: fitted.varp[f"linger_{name}"].toarray() for name in ("trans", "cis", "binding", "trans_sign")}
    return slots | {"var": var, "loss": fitted.uns["linger"]["fit"]["loss"]}, store


def assert_identical(one, other):
    assert one[1] == other[1]
    for name, values in one[0].items():
        np.testing.assert_array_equal(values, other[0][name], err_msg=name)


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=None
        ) as workers,
        distributed.Client(workers) as client,
    ):
        yield client


@pytest.mark.parametrize("with_prior", [False, True])
def test_two_processes_find_what_one_finds(cells, cells_metacells, prior, tmp_path, with_prior):
    options = {"metacells": cells_metacells, "prior": prior if with_prior else None}
    one = fit(cells, store=tmp_path / "one", **options)
    two = fit(cells, store=tmp_path / "two", n_jobs=2, **options)
    assert_identical(one, two)


@pytest.mark.parametrize("with_prior", [False, True])
def test_three_threads_find_what_one_finds(cells, cells_metacells, prior, tmp_path, threads, with_prior):
    options = {"metacells": cells_metacells, "prior": prior if with_prior else None}
    one = fit(cells, store=tmp_path / "one", **options)
    threads(3)
    assert_identical(one, fit(cells, store=tmp_path / "three", **options))
    assert torch.get_num_threads() == 3


def test_pretraining_in_two_processes_and_two_threads(bulk, threads):
    checksums = {lg.tl.pretrain(bulk, config=CONFIG, n_jobs=n_jobs).checksum for n_jobs in (1, 2)}
    threads(2)
    checksums.add(lg.tl.pretrain(bulk, config=CONFIG).checksum)
    assert len(checksums) == 1


@pytest.mark.parametrize("with_prior", [False, True])
def test_a_cluster_finds_the_same_though_a_worker_is_lost(
    cells, cells_metacells, prior, tmp_path, cluster, monkeypatch, with_prior
):
    from linger.io._work import Part

    write, killed = Part.write, []

    def kill_one(part, number, arrays):
        if not killed:
            killed.append(min(cluster.run(os.getpid).values()))
            os.kill(killed[0], signal.SIGKILL)
        write(part, number, arrays)

    options = {"metacells": cells_metacells, "prior": prior if with_prior else None}
    one = fit(cells, store=tmp_path / "one", **options)
    monkeypatch.setattr(Part, "write", kill_one)
    assert_identical(one, fit(cells, store=tmp_path / "two", client=cluster, **options))
    assert killed


class Unlucky:
    """A job that fails at one of its blocks."""

    on_cpu = True

    def __call__(self, number):
        if number == 2:
            msg = "no luck with block 2"
            raise ArithmeticError(msg)
        return {"number": torch.tensor([number])}


@pytest.mark.parametrize(("n_jobs", "n_threads"), [(1, 1), (1, 2), (2, 1)])
def test_an_error_in_a_block_arrives(n_jobs, n_threads, threads):
    threads(n_threads)
    with closing(Workers(n_jobs)) as workers, pytest.raises(ArithmeticError, match="no luck with block 2"):
        list(workers.solve(Unlucky(), range(4)))
    assert torch.get_num_threads() == n_threads


def test_threads_are_given_back_when_no_more_is_asked_for(threads):
    threads(2)
    found = Workers().solve(Unlucky(), [0, 1, 3, 4])
    assert next(found)[0] == 0
    found.close()
    assert torch.get_num_threads() == 2


class Counted(Unlucky):
    """A job that knows how many blocks were begun."""

    begun = 0

    def __call__(self, number):
        self.begun += 1
        return super().__call__(number + 3)


def test_blocks_that_are_not_taken_do_not_pile_up(threads):
    threads(2)
    job = Counted()
    found = Workers().solve(job, range(40))
    next(found)
    time.sleep(0.3)
    assert job.begun <= 5
    assert len(list(found)) == 39


def helpers_of(pid):
    return [child for child in psutil.Process(pid).children() if "LokyProcess" in " ".join(child.cmdline())]


def test_processes_end_with_the_fit():
    before = len(helpers_of(os.getpid()))
    with closing(Workers(2)) as workers:
        for _ in range(2):
            assert len(list(workers.solve(Unlucky(), [3, 4, 5]))) == 3
            assert len(helpers_of(os.getpid())) == before + 2
    assert len(helpers_of(os.getpid())) == before


def test_an_error_on_a_cluster_arrives(cluster):
    cluster.upload_file(__file__)
    with pytest.raises(ArithmeticError, match="no luck with block 2"):
        list(Workers(client=cluster).solve(Unlucky(), range(4)))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_results_come_in_order(n_jobs, threads):
    threads(2)
    with closing(Workers(n_jobs)) as workers:
        found = list(workers.solve(Unlucky(), [5, 3, 4, 7]))
    assert [(number, int(result["number"])) for number, result in found] == [(5, 5), (3, 3), (4, 4), (7, 7)]


def test_bad_arguments(cells):
    with pytest.raises(ValueError, match="n_jobs=0 cannot"):
        lg.tl.fit(cells, n_jobs=0)
    with pytest.raises(ValueError, match="n_jobs=-2 cannot"):
        lg.tl.fit(cells, n_jobs=-2)
    with pytest.raises(TypeError, match="integer"):
        lg.tl.fit(cells, n_jobs=2.0)
    with pytest.raises(TypeError, match="found str"):
        lg.tl.fit(cells, client="tcp://somewhere")


STARTS = """
import sys, time
sys.path.insert(0, sys.argv[1])
from linger.tl._workers import Workers
from tests.tl.test_workers import Unlucky
workers = Workers(2)
print(len(list(workers.solve(Unlucky(), [3, 4, 5]))), flush=True)
time.sleep(60)
"""


def test_processes_end_when_the_one_that_started_them_is_killed():
    root = str(Path(__file__).parents[2])
    started = subprocess.Popen([sys.executable, "-c", STARTS, root], cwd=root, stdout=subprocess.PIPE, text=True)
    assert started.stdout.readline() == "3\n"
    helpers = helpers_of(started.pid)
    assert len(helpers) == 2
    started.kill()
    _, alive = psutil.wait_procs(helpers, timeout=20)
    assert not alive
