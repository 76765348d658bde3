"""Who solves the blocks of a job: threads of this process, other processes on this machine, or those of a dask cluster.

On CPUs a block has one thread, and blocks are solved side by side: threads that share a product wait for each other, and sums that are
shared out differ in the last bits from those that are not.
"""

from __future__ import annotations

import operator
import os
import time
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

import joblib
import numpy as np
import torch
from joblib.externals.loky import ProcessPoolExecutor

if TYPE_CHECKING:
    from distributed import Client

    from linger.tl._jobs import Found

T = TypeVar("T")

_IDLE = 300
"""Seconds after which a process without work ends; another is started when there is some."""


class SolvesBlocks(Protocol):
    """What is to be done with every block."""

    @property
    def on_cpu(self) -> bool:
        """Whether blocks can be solved side by side."""

    def __call__(self, number: int) -> Found:
        """Solve one block."""


@dataclass
class Workers:
    """Who solves the blocks. Whoever does, the results are the same to the last bit."""

    n_jobs: int = 1
    """Processes on this machine; 1 is this one, with all its threads."""
    client: Client | None = None
    """Client of a dask cluster, which then does the work."""
    _processes: Executor | None = field(default=None, init=False, repr=False)
    _number: int = field(default=0, init=False, repr=False)

    @classmethod
    def of(cls, n_jobs: int, client: Client | None, device: torch.device) -> Self:
        """Check the arguments of a public function.

        Raises
        ------
        TypeError
            If `client` is no dask client, or `n_jobs` no whole number.
        ValueError
            If `n_jobs` is 0 or below -1, both are given, or there are several processes for a GPU.
        """
        if client is not None and not (hasattr(client, "submit") and hasattr(client, "cancel")):
            msg = f"client must be a dask.distributed.Client, found {type(client).__name__}."
            raise TypeError(msg)
        n_jobs = operator.index(n_jobs)
        if n_jobs < -1 or n_jobs == 0:
            msg = f"n_jobs={n_jobs} cannot be used. Give a number of processes, or -1 for all cores."
            raise ValueError(msg)
        if client is not None and n_jobs != 1:
            msg = f"n_jobs={n_jobs} is for processes on this machine, and client= was given, too. Leave one out."
            raise ValueError(msg)
        if n_jobs != 1 and device.type != "cpu":
            msg = f"n_jobs={n_jobs} is for CPUs, and the networks are trained on {str(device)!r}, all in one process. Leave it out, or give device='cpu'."
            raise ValueError(msg)
        return cls(joblib.effective_n_jobs(n_jobs), client)

    @property
    def at_once(self) -> int:
        """Number of blocks that the CPUs of this machine solve at once."""
        if self.client is not None:
            return 1
        return self.n_jobs if self.n_jobs > 1 else torch.get_num_threads()

    def close(self) -> None:
        """End the processes."""
        if self._processes is not None:
            self._processes.shutdown(kill_workers=True)  # type: ignore[call-arg]  # loky's
        self._processes = None

    def solve(self, job: SolvesBlocks, numbers: Sequence[int]) -> Generator[tuple[int, Found], None, None]:
        """Yield number and results of some blocks of a job, in their order."""
        if self.client is not None:
            return _solve_on_cluster(job, numbers, self.client)
        number = min(self.n_jobs, len(numbers))
        if number <= 1:
            return _solve_here(job, numbers)
        return _solve_in_processes(job, numbers, self._processes_for(number), 2 * number)

    def _processes_for(self, number: int) -> Executor:
        """Return processes, at least so many: kept until the end of the fit, since starting them takes seconds."""
        if self._processes is None or self._number < number:
            self.close()
            one_thread = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
            ending = {"timeout": _IDLE, "initializer": _end_with, "initargs": (os.getpid(),)}
            self._processes, self._number = ProcessPoolExecutor(number, env=one_thread, **ending), number
        return self._processes


def _solve_here(job: SolvesBlocks, numbers: Sequence[int]) -> Generator[tuple[int, Found], None, None]:
    """Solve as many blocks at a time as torch has threads; a GPU solves one at a time."""
    tasks = [partial(job, number) for number in numbers]
    results = (
        side_by_side(tasks, min(torch.get_num_threads(), len(tasks))) if job.on_cpu else (task() for task in tasks)
    )
    with closing(results):
        yield from zip(numbers, results, strict=True)


def side_by_side(tasks: Iterable[Callable[[], T]], n_threads: int) -> Generator[T, None, None]:
    """Yield what functions return, in their order, several at a time; meanwhile torch has one thread in each."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # new threads start with what was set last
    try:
        if n_threads <= 1:
            yield from (task() for task in tasks)
        else:
            with ThreadPoolExecutor(n_threads) as threads:
                yield from _in_order(threads, tasks, 2 * n_threads)
    finally:
        torch.set_num_threads(before)


def _in_order(executor: Executor, tasks: Iterable[Callable[[], T]], ahead: int) -> Generator[T, None, None]:
    """Yield results in the order of the tasks, of which no more than `ahead` are begun or wait to be taken."""
    futures: deque[Future[T]] = deque()
    try:
        for task in tasks:
            futures.append(executor.submit(task))
            if len(futures) == ahead:
                yield futures.popleft().result()
        while futures:
            yield futures.popleft().result()
    finally:
        for future in futures:
            future.cancel()


def _solve_in_processes(
    job: SolvesBlocks, numbers: Sequence[int], processes: Executor, ahead: int
) -> Generator[tuple[int, Found], None, None]:
    """Write the job to disk once, from where all processes map its arrays into memory."""
    with TemporaryDirectory(prefix="linger-job-", ignore_cleanup_errors=True) as folder:
        path = str(Path(folder) / "job")
        joblib.dump(job, path)
        tasks = [partial(_solve_stored, path, number) for number in numbers]
        with closing(_in_order(processes, tasks, ahead)) as results:
            for number, arrays in zip(numbers, results, strict=True):
                yield number, _as_tensors(arrays)


def _end_with(parent: int) -> None:
    """End this process when the one that started it is gone: if that was killed, nobody else would."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def _solve_on_cluster(
    job: SolvesBlocks, numbers: Sequence[int], client: Client
) -> Generator[tuple[int, Found], None, None]:
    """Send the job to every worker once. Blocks of a worker that is lost are done by another."""
    with (
        warnings.catch_warnings()
    ):  # of a large graph: the scheduler keeps the job, which is how it outlives any worker
        warnings.simplefilter("ignore", UserWarning)
        sent = client.submit(_same, job, pure=False)
    futures = deque(client.submit(_solve_alone, sent, number, pure=False) for number in numbers)
    try:
        for number in numbers:
            yield number, _as_tensors(futures[0].result())
            futures.popleft()
    finally:
        client.cancel([sent, *futures])


def _same(job: SolvesBlocks) -> SolvesBlocks:
    return job


def _solve_stored(path: str, number: int) -> dict[str, np.ndarray]:
    return _solve_alone(_read_job(path), number)


@lru_cache(maxsize=1)
def _read_job(path: str) -> SolvesBlocks:
    return joblib.load(path, mmap_mode="c")


def _solve_alone(job: SolvesBlocks, number: int) -> dict[str, np.ndarray]:
    """Solve a block in a process of its own."""
    torch.set_num_threads(1)
    return {name: values.cpu().numpy() for name, values in job(number).items()}


def _as_tensors(arrays: dict[str, np.ndarray]) -> Found:
    # copied to memory of torch's own (see Blocks)
    return {name: torch.tensor(values) for name, values in arrays.items()}
