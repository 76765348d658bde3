"""How close estimates of time, memory and disk come to the fits that follow.

    python benchmarks/estimate.py [--genes 800] [--tfs 300] [--peaks 12000] [--cells 2000] [--n-folds 0 2] [--n-jobs 1 2] [--threads 2]

Simulated cells with motifs. For every number of folds and processes a fresh process estimates and then fits, printing both and their ratio; memory is the peak of
that process and of its helpers together. Targets: time within a factor of 1.5, memory within 1.3 either way. Measure on an idle machine.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import tempfile
import time
import warnings
from pathlib import Path

from _common import PeakMemory

TARGETS = {"time": 1.5, "memory": 1.3, "disk": 1.3}


def compare(options, n_folds, n_jobs):
    import torch

    import linger as lg

    warnings.filterwarnings("ignore")
    torch.set_num_threads(options.threads)
    sizes = {"n_cells": options.cells, "n_genes": options.genes, "n_tfs": options.tfs, "n_peaks": options.peaks}
    mdata = lg.ds.simulate(**sizes).mdata
    lg.pp.link_peaks(mdata)
    config = lg.FitConfig(n_folds=n_folds)
    expected = lg.tl.estimate(mdata, config=config, n_jobs=n_jobs)
    print(f"\n{n_folds} folds, {n_jobs} processes, {options.threads} threads\n{expected}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        watch, begin = PeakMemory(), time.perf_counter()
        watch.start()
        lg.tl.fit(mdata, config=config, n_jobs=n_jobs, store=f"{folder}/networks")
        seconds, memory = time.perf_counter() - begin, watch.stop()
        disk = sum(file.stat().st_size for file in Path(folder, "networks").iterdir())
    pairs = {
        "time": (expected.seconds, seconds, "s"),
        "memory": (expected.memory / 1e9, memory / 1e9, "GB"),
        "disk": (expected.disk / 1e9, disk / 1e9, "GB"),
    }
    for name, (said, was, unit) in pairs.items():
        verdict = "PASS" if 1 / TARGETS[name] <= said / was <= TARGETS[name] else "FAIL"
        print(
            f"{name}: {said:.2f} {unit} expected, {was:.2f} {unit} taken, ratio {said / was:.2f} {verdict}", flush=True
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in {"genes": 800, "tfs": 300, "peaks": 12_000, "cells": 2000, "threads": 2}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--n-folds", type=int, nargs="+", default=[0, 2])
    parser.add_argument("--n-jobs", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    print(f"load average before: {os.getloadavg()[0]:.2f}")
    fresh = multiprocessing.get_context("spawn")
    for n_folds, n_jobs in itertools.product(options.n_folds, options.n_jobs):
        process = fresh.Process(target=compare, args=(options, n_folds, n_jobs))
        process.start()
        process.join()


if __name__ == "__main__":
    main()
