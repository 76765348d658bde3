"""A fit of a whole genome from MuData to networks: seconds, peak memory, and how both grow.

    python benchmarks/genome.py [--cells 10000] [--genes 16000] [--tfs 700] [--peaks 108000] [--types 14] [--epochs 100] [--precision float32]
    python benchmarks/genome.py --scaling

Counts are random, more of some genes and peaks in each cell type, on a genome where a gene has 93 peaks in reach, and motif hits are a random 5 %: it takes as long as real data of that size.
Steps are linking peaks, making metacells, and the fit without cross-validation, networks written to disk. Floor: the time that the matrix products of all genes would take at the
rate measured for each by itself (see per_gene.py), at the numbers of metacells, TFs and peaks in use. Targets: at most 1.4 times the floor, at most 8 GB.

``--scaling`` fits a tenth of that and twice and four times as many cells, genes, peaks and TFs, one at a time, with one and with two processes of one thread. Linear is a ratio of the
factor itself. Every fit has a process of its own. Measure on an idle machine.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import time
import warnings

import numpy as np
import pandas as pd
import per_gene
from _common import PeakMemory
from per_gene import in_fresh_process, verdict
from scipy import sparse

MAX_FLOOR_RATIO, MAX_MEMORY_GB = 1.4, 8.0
N_CHROMOSOMES, IN_REACH = 22, 93
SMALL = {"cells": 1000, "genes": 1600, "tfs": 175, "peaks": 10_800}
DETECTED = {"rna": 0.1, "atac": 0.065}
MOTIF_SHARE = 0.05


def simulate(rng, *, cells, genes, tfs, peaks, types):
    """Make a MuData with everything that a fit needs."""
    import mudata
    from anndata import AnnData

    import linger as lg

    length = 2e6 * peaks / (IN_REACH * N_CHROMOSOMES)  # of a chromosome, so that a window of 2 Mb has as many peaks
    obs = pd.DataFrame({"type": [f"type {i % types}" for i in range(cells)]}, index=[f"cell{i}" for i in range(cells)])
    places = {"rna": genes, "atac": peaks}
    chromosomes = {name: np.sort(rng.integers(1, N_CHROMOSOMES + 1, n)) for name, n in places.items()}
    starts = {name: rng.choice(int(length), n, replace=False) for name, n in places.items()}
    mods = {
        name: AnnData(counts(rng, obs["type"].to_numpy(), n, DETECTED[name]), obs[[]].copy())
        for name, n in places.items()
    }
    mods["rna"].var_names = [f"gene{i}" for i in range(genes)]
    mods["rna"].var["chrom"] = [f"chr{i}" for i in chromosomes["rna"]]
    mods["rna"].var["tss"] = starts["rna"]
    mods["rna"].var["is_tf"] = np.arange(genes) < tfs
    at = zip(chromosomes["atac"], starts["atac"], strict=True)
    mods["atac"].var_names = [f"chr{i}:{start}-{start + 500}" for i, start in at]
    mdata = mudata.MuData(mods)
    mdata.obs["type"] = obs["type"]
    lg.pp.link_peaks(mdata, check_build=False)
    mdata.varp["linger_motif"] = motifs(rng, mdata, tfs, peaks)
    return mdata


def counts(rng, types, n_features, detected):
    """Draw counts of cells whose type likes some features better."""
    parts = []
    for name in np.unique(types):
        rows = np.flatnonzero(types == name)
        share = np.cumsum(rng.gamma(0.5, size=n_features) + 0.1)
        per_cell = int(detected * n_features)
        picked = np.searchsorted(share, rng.random((len(rows), per_cell)) * share[-1])
        parts.append((np.repeat(rows, per_cell), picked.ravel().astype(np.int32)))
    rows, columns = (np.concatenate(part) for part in zip(*parts, strict=True))
    ones = np.ones(len(rows), dtype=np.float32)
    return sparse.csr_matrix((ones, (rows, columns)), shape=(len(types), n_features))


def motifs(rng, mdata, tfs, peaks):
    n_hits, n = int(MOTIF_SHARE * peaks), mdata.n_vars
    first = mdata.n_vars - peaks
    columns = first + rng.integers(0, peaks, (tfs, n_hits), dtype=np.int32)
    values = rng.random(columns.size, dtype=np.float32) + 0.1
    matrix = sparse.csr_matrix((values, (np.repeat(np.arange(tfs), n_hits), columns.ravel())), shape=(n, n))
    matrix.sum_duplicates()
    return matrix


def fit(sizes, epochs, precision, n_jobs, threads):
    """Run every step in this process, and return seconds, peak memory and what was counted."""
    import torch

    import linger as lg

    warnings.filterwarnings("ignore")
    logging.getLogger("linger").setLevel("ERROR")
    torch.set_num_threads(threads)
    mdata = simulate(np.random.default_rng(0), **sizes)
    config = lg.FitConfig(n_folds=0, epochs=epochs, precision=precision)
    watch, seconds, begin = PeakMemory(), {}, time.perf_counter()
    watch.start()
    metacells = lg.pp.metacells(mdata, groupby="type")
    seconds["metacells"] = time.perf_counter() - begin
    expected = lg.tl.estimate(mdata, metacells=metacells, config=config, n_jobs=n_jobs)
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, per_gene.units_explained() as units:
        lg.tl.fit(mdata, metacells=metacells, config=config, n_jobs=n_jobs, store=f"{folder}/networks")
    seconds["fit"] = time.perf_counter() - begin
    per_gene_peaks = mdata.varp["linger_distance"].nnz / int(mdata["rna"].var["linger_fitted"].sum())
    return seconds, watch.stop() / 1e9, expected, round(per_gene_peaks), units


def floors(expected, n_peaks, epochs, threads, units):
    """Return the seconds of the products of all genes at the sizes in use: of all units, and of those that Shapley values go through."""
    vars(per_gene).update(M=expected.n_metacells, T=expected.n_tfs, P=n_peaks, EPOCHS=epochs)
    measured = (per_gene.measure_floor(threads, True, n).seconds for n in (per_gene.H, round(np.mean(units))))
    return [expected.n_genes * seconds for seconds in measured]


def whole(options):
    sizes = {name: getattr(options, name) for name in ("cells", "genes", "tfs", "peaks", "types")}
    threads = os.cpu_count() or 1
    seconds, memory, expected, n_peaks, units = in_fresh_process(
        fit, sizes, options.epochs, options.precision, 1, threads
    )
    print(f"{expected}\n{n_peaks} peaks a gene, {options.epochs} epochs, {options.precision}, {threads} threads")
    for step, value in seconds.items():
        print(f"{step}: {value:.1f} s")
    ideal, left = in_fresh_process(floors, expected, n_peaks, options.epochs, threads, units)
    ratio = seconds["fit"] / ideal
    print(
        f"fit / floor: {seconds['fit']:.0f} s / {ideal:.0f} s = {ratio:.2f} (target {MAX_FLOOR_RATIO}) {verdict(ratio <= MAX_FLOOR_RATIO)}"
    )
    print(f"fit / floor of what is left: {seconds['fit'] / left:.2f}, {np.mean(units):.1f} units left of {per_gene.H}")
    print(f"peak memory: {memory:.2f} GB (target {MAX_MEMORY_GB:g}) {verdict(memory <= MAX_MEMORY_GB)}")


def scaling(options):
    base, rows = {**SMALL, "types": options.types}, []
    cases = [("nothing", 1)] + [(name, factor) for name in SMALL for factor in (2, 4)]
    for n_jobs in (1, 2):
        for name, factor in cases:
            sizes = {**base, name: base[name] * factor} if name in base else base
            seconds, memory, *_ = in_fresh_process(fit, sizes, options.epochs, options.precision, n_jobs, 1)
            rows.append({"grows": name, "factor": factor, "processes": n_jobs, **seconds, "GB": memory})
            print(rows[-1], flush=True)
    table = pd.DataFrame(rows)
    smallest = table[table["factor"] == 1].set_index("processes")["fit"]
    table["against the smallest"] = table["fit"] / table["processes"].map(smallest)
    table["speed-up"] = table.groupby(["grows", "factor"])["fit"].transform("first") / table["fit"]
    print(table.round(2).to_string(index=False))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    defaults = {"cells": 10_000, "genes": 16_000, "tfs": 700, "peaks": 108_000, "types": 14, "epochs": 100}
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--scaling", action="store_true", help="fit small sets of growing size instead")
    options = parser.parse_args()
    print(f"load average before: {os.getloadavg()[0]:.2f}")
    scaling(options) if options.scaling else whole(options)


if __name__ == "__main__":
    main()
