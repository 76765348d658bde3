"""Seconds per gene for training and Shapley values, against LingerGRN 1.117 on the same arrays and in the same run.

``python benchmarks/per_gene.py [--peer-env DIR] [--genes 64] [--peer-genes 8] [--threads 1 2] [--no-peer]``

Size: 300 metacells, 700 TFs, 100 REs a gene, 100 epochs, 50 background metacells, ReLU. The targets are made from a few
of the features, so there is something to learn. Ours is everything that :func:`linger.tl.fit` does for blocks of 16
genes, as many at once as there are threads: inputs of the block, starting weights, (motif graph,) training, Shapley
values, correlation of weights; the median over five passes through all genes after a warm-up pass. LingerGRN is its own
function for a gene, called as its ``training`` calls it: ``sc_nn_NN`` without the manifold term, and ``sc_nn`` with it
(which reads a bulk data set, made up here); the median over genes after a warm-up gene. Each side runs in one fresh
process at every number of threads, and its best counts. "bfloat16" is ours with ``FitConfig(precision="bfloat16")``.
LingerGRN can also work with one process per chromosome: as a further comparison, without a target, it runs with one
single-threaded process per core at once, and the seconds per gene are divided by their number.

LingerGRN pins numpy 1.26 and so runs in an environment of its own, made on first use (2 GB or more; needs a Python it
supports, 3.11 or 3.12): ``--peer-env``, by default a folder below the user's cache. ``--no-peer`` leaves it out.

Floor: the time that the matrix products of a gene alone would take at the rate measured for each product by itself, at
the same shape, in as many threads at once, after every one of our passes, and the median of these. Multiply-adds per gene, with F = T + P + 1: training 2 * H * F * M an epoch (first
layer, forward and weight gradient) and 3 * H * H2 * M (second layer), the manifold term 2 * H * T * (P + 1) an epoch,
Shapley values H * M * K * (T + P + H2) and a few smaller ones. What is element-wise is not in the floor. Units that
are off in all metacells are left out of the Shapley values and those that are on in all are joined, so that fewer than
H are left: "time / floor of what is left" counts only these.

Targets: 8 times LingerGRN's speed, and at most 1.4 times the floor. The exit status is 0 whether or not they are met.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
import torch
from _common import default_peer_env, peer_python

from linger import nn
from linger.nn import _shapley
from linger.tl._workers import Workers

M, T, P, EPOCHS, K, BLOCK = 300, 700, 100, 100, 50, 16
H, H2 = 64, 16
N_PEAKS, DENSITY, L1, MANIFOLD = 1000, 0.1, 0.01, 0.01
TARGETS = {"plain": 8.0, "manifold": 8.0}
TITLES = {"plain": "without manifold", "manifold": "with manifold"}
PASSES = 5
MAX_FLOOR_RATIO = 1.4
WORKER = Path(__file__).with_name("_lingergrn_worker.py")


class Product(NamedTuple):
    """A matrix product of one shape."""

    name: str
    per_gene: float
    flops: float
    run: Callable[[], object]


def make_arrays(n_genes, seed=0):
    """Draw raw TF expression, RE accessibility, targets that depend on some of either, and motif affinities."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(12, M))
    tf = np.log1p(np.exp(rng.normal(size=(T, 12)) @ factors * 0.3 + rng.normal(size=(T, M))))
    re = np.log1p(np.exp(rng.normal(size=(N_PEAKS, 12)) @ factors * 0.3 + rng.normal(size=(N_PEAKS, M))))
    columns = rng.integers(0, N_PEAKS - P, size=n_genes)[:, None] + np.arange(P)
    z_tf, z_re = standardize(tf), standardize(re)
    targets = np.empty((n_genes, M))
    for gene, row in enumerate(columns):
        tfs, res = rng.choice(T, 6, replace=False), rng.choice(row, 4, replace=False)
        signal = rng.normal(size=6) @ z_tf[tfs] + rng.normal(size=4) @ z_re[res] + z_tf[tfs[0]] * z_re[res[0]]
        targets[gene] = signal + rng.normal(size=M)
    affinity = rng.random((N_PEAKS, T)) * (rng.random((N_PEAKS, T)) < DENSITY)
    return {"tf": tf, "re": re, "columns": columns, "targets": standardize(targets), "affinity": affinity, "l1": L1}


def standardize(raw):
    return (raw - raw.mean(1, keepdims=True)) / raw.std(1, keepdims=True)


def as_tensors(arrays):
    """Standardise the inputs once for all genes, as a fit does."""
    tensors = {name: torch.from_numpy(standardize(arrays[name])).float() for name in ("tf", "re")}
    tensors |= {name: torch.from_numpy(arrays[name]).float() for name in ("targets", "affinity")}
    return tensors | {"columns": torch.from_numpy(arrays["columns"])}


def name_keys(n_genes):
    names = {"gene": n_genes, "tf": T, "peak": N_PEAKS}
    return {name: nn.name_hash(f"{name}{i}" for i in range(n)) for name, n in names.items()}


def fit_block(data, keys, rows, with_manifold):
    """Do for the genes `rows` what a fit does, and return the trained block, its inputs and its Shapley values."""
    columns, none = data["columns"][rows], torch.zeros(0, dtype=torch.long)
    inputs = nn.Inputs(data["tf"], torch.cat([torch.ones(len(columns), 1, M), data["re"][columns]], dim=1), none, none)
    graph = None
    if with_manifold:
        affinity = torch.zeros(len(columns), T, 1 + P)
        affinity[:, :, 1:] = data["affinity"][columns].transpose(1, 2)
        graph = nn.motif_graph(affinity, inputs)
    res = np.concatenate([np.zeros((len(columns), 1), np.uint64), keys["peak"][columns.numpy()]], axis=1)
    start = nn.initial_weights(inputs, keys["gene"][rows], keys["tf"], res, hidden=(H, H2))
    weight = MANIFOLD if with_manifold else 0.0
    trained = nn.train(start, inputs, data["targets"][rows], epochs=EPOCHS, l1=L1, manifold=weight, graph=graph)
    known = torch.linspace(0, M - 1, K).long()
    background = inputs._replace(tf=inputs.tf[:, known], re=inputs.re[:, :, known])
    values = nn.shapley(trained.weights, inputs, background)
    nn.weight_correlation(trained.weights)
    return trained, inputs, values


class Job:
    """The blocks of a benchmark, for :class:`linger.tl._workers.Workers`."""

    on_cpu = True

    def __init__(self, arrays, precision, *, with_manifold):
        self.data, self.keys = as_tensors(arrays), name_keys(len(arrays["targets"]))
        self.data["tf"] = self.data["tf"].to(precision)
        self.with_manifold = with_manifold

    def __call__(self, number):
        rows = slice(number * BLOCK, (number + 1) * BLOCK)
        return fit_block(self.data, self.keys, rows, self.with_manifold)


class Ours(NamedTuple):
    """What was measured of linger."""

    seconds: list
    """A gene, of every pass."""
    checks: dict
    floors: list
    """Of all operations, after every pass."""
    floors_left: list
    """The same of what is left when units are left out or joined."""


@contextmanager
def units_explained():
    """Collect through how many units the Shapley values of each gene go, those that only pad left out (in this process only)."""
    multipliers, units = _shapley._multipliers, []

    def spied(w2, *rest):
        units.append(int(w2.any(1).sum()))
        return multipliers(w2, *rest)

    with mock.patch.object(_shapley, "_multipliers", spied):
        yield units


def time_ours(arrays, threads, with_manifold, precision=torch.float32):
    """Time every pass but the first, and measure the floor after each."""
    torch.set_num_threads(threads)
    job, n_genes = Job(arrays, precision, with_manifold=with_manifold), len(arrays["targets"])
    seconds, floors, left = [], [], []
    with units_explained() as units:
        for _ in range(1 + PASSES):
            begin = time.perf_counter()
            for number, found in Workers().solve(job, range(n_genes // BLOCK)):  # noqa: B007
                trained, inputs, values = found
            seconds.append((time.perf_counter() - begin) / n_genes)
            if precision == torch.float32:
                floors.append(measure_floor(threads, with_manifold))
                left.append(measure_floor(threads, with_manifold, round(statistics.mean(units))))
    predicted, targets = nn.predict(trained.weights, inputs), job.data["targets"][number * BLOCK :]
    correlation = [np.corrcoef(pair)[0, 1] for pair in zip(predicted, targets, strict=True)]
    nonzero = torch.cat([values.tf, values.re], dim=1).ne(0).float().mean()
    checks = {"correlation": float(np.mean(correlation)), "nonzero_shapley": float(nonzero)}
    return Ours(seconds[1:], checks | {"units": statistics.mean(units)}, floors[1:], left[1:])


def in_fresh_process(function, *arguments):
    """Call `function` where no earlier setting of threads, and no memory in use, can matter."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def products(with_manifold, units=H):
    """Return every matrix product of a block, with the number of calls a gene (a block's shared by its genes)."""
    F = T + P
    shapes = {
        "w_tf": (BLOCK * H, T), "x_tf": (T, M), "d1": (BLOCK * H, M), "w_re": (BLOCK, H, P + 1), "z1": (BLOCK, H, M),
        "x_re": (BLOCK, P + 1, M), "w2": (BLOCK, H2, H), "z2": (BLOCK, H2, M), "tf": (BLOCK, H, T),
        "bn": (BLOCK, T, P + 1), "u": (1, M, K * units), "paired": (1, F, K * units), "mean": (1, M, units), "pairs": (1, M * K, H2),
        "through": (1, M * K, units), "w1": (1, F, units), "units": (1, H2, units),
    }  # fmt: skip
    t = {name: torch.randn(shape) for name, shape in shapes.items()}
    bmm, mm, out = torch.bmm, torch.mm, t["z1"].clone()
    flip = {name: t[name].transpose(-1, -2) for name in ("x_tf", "x_re", "w2", "z1", "bn", "u", "mean", "w_re")}
    epoch = EPOCHS / BLOCK
    listed = [
        ("TF layer, forward", epoch, BLOCK * H * T * M, lambda: mm(t["w_tf"], t["x_tf"])),
        ("TF layer, gradient", epoch, BLOCK * H * T * M, lambda: mm(t["d1"], flip["x_tf"])),
        ("RE layer, forward", epoch, BLOCK * H * (P + 1) * M, lambda: out.baddbmm_(t["w_re"], t["x_re"])),
        ("RE layer, gradient", epoch, BLOCK * H * (P + 1) * M, lambda: bmm(t["z1"], flip["x_re"])),
        ("second layer, forward", epoch, BLOCK * H * H2 * M, lambda: bmm(t["w2"], t["z1"])),
        ("second layer, back", epoch, BLOCK * H * H2 * M, lambda: bmm(flip["w2"], t["z2"])),
        ("second layer, gradient", epoch, BLOCK * H * H2 * M, lambda: bmm(t["z2"], flip["z1"])),
        ("Shapley, second layer", 1, units * H2 * M * K, lambda: bmm(t["pairs"], t["units"], out=t["through"])),
        ("Shapley, expected", 1, units * M * K * F, lambda: bmm(t["paired"], flip["u"])),
        ("Shapley, values", 1, units * M * F, lambda: bmm(t["w1"], flip["mean"])),
        ("weight correlation", 1 / BLOCK, BLOCK * H * P * T, lambda: bmm(flip["w_re"][:, 1:], t["tf"])),
    ]
    if with_manifold:
        to_tf = epoch, BLOCK * H * T * (P + 1), lambda: bmm(t["w_re"], flip["bn"])
        to_re = epoch, BLOCK * H * T * (P + 1), lambda: bmm(t["tf"], t["bn"])
        listed += [("manifold, TF gradient", *to_tf), ("manifold, RE gradient", *to_re)]
    return [Product(name, per_gene, 2.0 * multiply_adds, run) for name, per_gene, multiply_adds, run in listed]


def best_call(runs, budget=0.05, repeats=5):
    """Return the shortest seconds over calls of the same product with different data, in a thread each at once."""

    def calls(run):
        torch.set_num_threads(1)
        run()
        barrier.wait()
        begin, number = time.perf_counter(), 0
        while time.perf_counter() - begin < budget or not number:
            run()
            number += 1
        return (time.perf_counter() - begin) / number

    barrier = threading.Barrier(len(runs))
    with ThreadPoolExecutor(len(runs)) as pool:
        return min(statistics.mean(pool.map(calls, runs)) for _ in range(repeats)) / len(runs)


class Floor(NamedTuple):
    """What products alone would take."""

    seconds: float
    table: str


@nn.fast_products()
@torch.no_grad()
def measure_floor(threads, with_manifold, units=H):
    """Return the seconds a gene that products alone would take, with rate and share of every product.

    Shapley values go through so many units of the first layer.
    """
    lines = [f"{'product':26}{'GFLOP a gene':>14}{'GFLOP/s':>10}{'ms a gene':>11}"]
    total = flops = 0.0
    for same in zip(*(products(with_manifold, units) for _ in range(threads)), strict=True):
        product, seconds = same[0], best_call([each.run for each in same])
        total += seconds * product.per_gene
        flops += product.flops * product.per_gene
        lines.append(line(product.name, product.flops * product.per_gene, seconds * product.per_gene))
    return Floor(total, "\n".join([*lines, line("sum", flops, total)]))


def line(name, flops, seconds):
    return f"{name:26}{flops / 1e9:14.3f}{flops / seconds / 1e9:10.0f}{1e3 * seconds:11.3f}"


def start_peer(python, path, kind, threads, n_genes):
    """Start LingerGRN in its environment."""
    command = [str(python), str(WORKER), str(path), kind, str(threads), str(n_genes)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def read_peer(process):
    """Return what a worker printed, or stop with its error."""
    out, err = process.communicate()
    if process.returncode:
        raise SystemExit(f"LingerGRN failed:\n{err[-3000:] or out[-3000:]}")
    return json.loads(out.strip().splitlines()[-1])


def report(side, kind, setting, seconds, checks):
    spread = f"{1e3 * min(seconds):.1f}-{1e3 * max(seconds):.1f}"
    learnt = f"r {checks['correlation']:.3f}, Shapley values not 0: {100 * checks['nonzero_shapley']:.0f} %"
    timing = f"{1e3 * statistics.median(seconds):9.1f} ms a gene ({spread})"
    print(f"{side:10}{TITLES[kind]:18}{setting:24}{timing}   {learnt}", flush=True)


def mean_checks(checks):
    return {name: statistics.mean(row[name] for row in checks) for name in ("correlation", "nonzero_shapley")}


def time_peer(python, path, kind, threads, n_genes, processes=1):
    """Return seconds per gene, over the number of processes at work at once, and checks."""
    started = [start_peer(python, path, kind, threads, n_genes) for _ in range(processes)]
    done = [read_peer(process) for process in started]
    seconds = [second / processes for result in done for second in result["seconds"]]
    return seconds, mean_checks([check for result in done for check in result["checks"]])


def measure(arrays, options, python, path):
    """Return median seconds per gene by (side, kind, threads), and all of ours in float32 by (kind, threads)."""
    found, all_ours, cores = {}, {}, os.cpu_count() or 1
    for kind in TARGETS:
        for threads in options.threads:
            setting = f"{threads} thread(s)"
            ours = in_fresh_process(time_ours, arrays, threads, kind == "manifold")
            found["linger", kind, threads], all_ours[kind, threads] = statistics.median(ours.seconds), ours
            report("linger", kind, setting, ours.seconds, ours.checks)
            print(f"{ours.floors[-1].table}\n{ours.checks['units']:.1f} units left of {H}\n", flush=True)
            low = in_fresh_process(time_ours, arrays, threads, kind == "manifold", torch.bfloat16)
            found["linger, bfloat16", kind, threads] = statistics.median(low.seconds)
            report("linger", kind, f"{setting}, bfloat16", low.seconds, low.checks)
            if python is not None:
                seconds, checks = time_peer(python, path, kind, threads, options.peer_genes)
                found["LingerGRN", kind, threads] = statistics.median(seconds)
                report("LingerGRN", kind, setting, seconds, checks)
        if python is not None and cores > 1:
            seconds, checks = time_peer(python, path, kind, 1, options.peer_genes, cores)
            found["LingerGRN, processes", kind, 1] = statistics.median(seconds)
            report("LingerGRN", kind, f"{cores} processes, 1 thread", seconds, checks)
    return found, all_ours


def best(found, side, kind):
    """Return (seconds per gene, threads) of the best setting, or None where that side did not run."""
    return min(((seconds, key[2]) for key, seconds in found.items() if key[:2] == (side, kind)), default=None)


def verdict(ok):
    return "PASS" if ok else "FAIL"


def summary(found, all_ours):
    """Return the lines of a markdown table."""
    lines = [
        "| | linger, ms a gene (threads) | LingerGRN 1.117, ms a gene (threads) | ratio | target | | time / floor | target | | time / floor of what is left |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for kind, target in TARGETS.items():
        ours, peer = best(found, "linger", kind), best(found, "LingerGRN", kind)
        against_floor, against_left = (
            ours[0] / statistics.median(floor.seconds for floor in measured)
            for measured in (all_ours[kind, ours[1]].floors, all_ours[kind, ours[1]].floors_left)
        )
        cells = [TITLES[kind], f"{1e3 * ours[0]:.1f} ({ours[1]})"]
        if peer is None:
            cells += ["not run", "", f">= {target:g}", ""]
        else:
            ratio = peer[0] / ours[0]
            cells += [f"{1e3 * peer[0]:.1f} ({peer[1]})", f"{ratio:.2f}"]
            cells += [f">= {target:g}", verdict(ratio >= target)]
        cells += [f"{against_floor:.2f}", f"<= {MAX_FLOOR_RATIO:g}", verdict(against_floor <= MAX_FLOOR_RATIO)]
        cells.append(f"{against_left:.2f}")
        lines.append("| " + " | ".join(cells) + " |")
    for kind, title in TITLES.items():
        low, peer = best(found, "linger, bfloat16", kind), best(found, "LingerGRN", kind)
        ratio = "" if peer is None else f", ratio {peer[0] / low[0]:.2f}"
        lines.append(f"\n{title}, bfloat16: {1e3 * low[0]:.1f} ms a gene{ratio} (no target)")
        if processes := best(found, "LingerGRN, processes", kind):
            ratio = processes[0] / best(found, "linger", kind)[0]
            lines.append(f"\n{title}, LingerGRN with one process per core: ratio {ratio:.2f} (no target)")
    return lines


def thread_settings():
    cores = os.cpu_count() or 1
    return sorted({cores, *(2**i for i in range(cores.bit_length()) if 2**i <= cores)})


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-env", type=Path, default=default_peer_env(), help="LingerGRN's environment")
    parser.add_argument("--no-peer", action="store_true", help="leave LingerGRN out")
    parser.add_argument("--genes", type=int, default=64, help="genes timed for linger, a multiple of 16")
    parser.add_argument("--peer-genes", type=int, default=8, help="genes timed for LingerGRN, the first of the same")
    parser.add_argument("--threads", type=int, nargs="+", default=thread_settings())
    options = parser.parse_args()
    if options.genes < BLOCK or options.genes % BLOCK or not 1 <= options.peer_genes <= options.genes:
        parser.error("--genes must be a multiple of 16, and --peer-genes between 1 and --genes")
    return options


def main():
    options = read_options()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > 0.5:
        print(f"WARNING: load average {load:.2f}: the machine is not idle, timings are for debugging only.")
    vectors = torch.backends.cpu.get_cpu_capability()
    print(f"{os.cpu_count()} cores, {platform.machine()}, {vectors}, torch {torch.__version__}")
    print(f"{M} metacells, {T} TFs, {P} REs, {EPOCHS} epochs, {K} background metacells, blocks of {BLOCK} genes")
    arrays = make_arrays(options.genes)
    python = None if options.no_peer else peer_python(options.peer_env)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "arrays.npz"
        np.savez(path, **arrays)
        found, all_ours = measure(arrays, options, python, path)
    print("", *summary(found, all_ours), sep="\n")


if __name__ == "__main__":
    main()
