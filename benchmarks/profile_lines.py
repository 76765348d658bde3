"""Where the time of training and explaining a block goes, line by line.

    pip install line_profiler
    python benchmarks/profile_lines.py [--manifold] [--share 1]

The block of per_gene.py (16 genes, 300 metacells, 700 TFs, 100 peaks a gene, 100 epochs) in one thread. Printed: the lines that take more than a percentage of the
whole, innermost functions first counted, with what they do to how many numbers; lines that only call another listed function are left out.
"""

from __future__ import annotations

import argparse
import inspect
import linecache

import per_gene
import torch
from line_profiler import LineProfiler

from linger.nn import _adam, _ensemble, _losses, _output, _products, _shapley, _train

INNER = (
    _train.train, _train._Penalties.add_gradient, _train._Penalties.value, _train.through_second_layer, _output.set_output_gradient, _output._compiled, _ensemble.hidden_layers,
    _ensemble.forward, _losses.Edges.add_gradient,
    _products.matmul_t, _adam.Adam.step, _adam.Adam._step_compiled, _shapley.shapley, _shapley._values,
    _shapley._multipliers, _shapley._times_secant, _shapley._bent_only, _shapley._sign, _shapley._features, _shapley._take,
)  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifold", action="store_true")
    parser.add_argument("--share", type=float, default=1.0, help="percentage below which a line is left out")
    options = parser.parse_args()
    torch.set_num_threads(1)
    job = per_gene.Job(per_gene.make_arrays(per_gene.BLOCK), torch.float32, with_manifold=options.manifold)
    job(0)
    profiler = LineProfiler()
    functions = [inspect.unwrap(function) for function in INNER]
    for function in functions:
        profiler.add_function(function)
    with profiler:
        job(0)
    stats = profiler.get_stats()
    names = {function.__name__ for function in functions}
    rows = [
        (time * stats.unit, hits, file, line, name)
        for (file, _, name), lines in stats.timings.items()
        for line, hits, time in lines
    ]
    rows = [row for row in rows if not calls(linecache.getline(row[2], row[3]), names - {row[4]})]
    total = sum(row[0] for row in rows)
    print(f"{1e3 * total / per_gene.BLOCK:.1f} ms a gene in these functions, one thread\n")
    print("| share | function | line |\n|---|---|---|")
    for seconds, _, file, line, name in sorted(rows, reverse=True):
        if 100 * seconds / total >= options.share:
            print(f"| {100 * seconds / total:.1f} % | `{name}` | `{linecache.getline(file, line).strip()}` |")


def calls(text, names):
    return any(f"{name}(" in text for name in names)


if __name__ == "__main__":
    main()
