"""A job: something to do with every block of a design, here, in other processes or on other machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING

import joblib
import torch
from tqdm.auto import tqdm

import linger
from linger._logging import logger
from linger.tl._blocks import Block, BlockData, Blocks

if TYPE_CHECKING:
    from linger.io._work import Part
    from linger.tl._ensemble import Trainer
    from linger.tl._workers import Workers

Found = dict[str, torch.Tensor]
"""What is found for a block, by name."""
Solve = Callable[["Trainer", Block], Found]


_REVISION = 3
"""To be raised when blocks hold other arrays or numbers: those of an interrupted fit are then made again."""


class Job:
    """What to do with every block; can be sent to other processes.

    Parameters
    ----------
    data
        What the blocks are cut from.
    trainer
        Settings.
    solve
        What to do with a block.
    """

    def __init__(self, data: BlockData, trainer: Trainer, solve: Solve) -> None:
        self.data, self.trainer, self.solve = data, trainer, solve

    @cached_property
    def blocks(self) -> Blocks:
        """The blocks, on the device."""
        return Blocks(self.data, self.trainer.device, self.trainer.precision)

    @property
    def on_cpu(self) -> bool:
        """Whether blocks can be solved side by side."""
        return self.trainer.device.type == "cpu"

    def __call__(self, number: int) -> Found:
        """Solve one block."""
        return self.solve(self.trainer, self.blocks[number])

    def fingerprint(self) -> str:
        """Return a hash of all that the results depend on: inputs, settings and versions."""
        match = self.trainer.match
        prior = None if match is None else (match.prior.checksum, *match[1:])  # a prior is its files, wherever they are
        versions = linger.__version__, torch.__version__, _REVISION
        parts = self.data, self.trainer._replace(match=None), prior, self.solve, versions
        return str(joblib.hash(parts, hash_name="sha1"))


def solve_blocks(
    job: Job, workers: Workers, description: str, *, keep: Callable[[str], Part] | None = None
) -> Iterator[tuple[int, Found]]:
    """Yield number and results of every block, first of those that are there from a run before.

    Parameters
    ----------
    job
        What to do.
    workers
        Who does it.
    description
        Text of the progress bar.
    keep
        Gives, for the fingerprint of the job, the part of a work folder that keeps results; None keeps none.
    """
    part = None if keep is None else keep(job.fingerprint())
    n_blocks, missing = job.data.n_blocks, []
    with tqdm(total=n_blocks, desc=description, unit="block", mininterval=1, disable=None, leave=False) as bar:
        for number in range(n_blocks):
            kept = None if part is None else part.read(number)
            if kept is None:
                missing.append(number)
                continue
            bar.update()
            yield number, {name: torch.tensor(values) for name, values in kept.items()}
        if len(missing) < n_blocks:
            logger.info(
                "%s: %d of %d blocks of genes were finished before.", description, n_blocks - len(missing), n_blocks
            )
        with closing(workers.solve(job, missing)) as results:
            for number, found in results:
                if part is not None:
                    part.write(number, {name: values.cpu().numpy() for name, values in found.items()})
                bar.update()
                yield number, found
