"""Seconds per gene of pre-training and refinement, beside a fit without a prior, at equal sizes.

    python benchmarks/prior_cost.py [--genes 256] [--repeats 3] [--threads 2]

300 bulk samples, 300 metacells, 700 TFs, about 60 peaks a gene, defaults of FitConfig but no cross-validation. Everything is timed from MuData
in memory to the result: pre-training writes the prior to disk, refinement reads it (with checksums, and without). The variants take turns;
medians over the repeats are printed. Target: pre-training and refinement together take at most 2.2 times the fit without a prior.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import tempfile
import time
import warnings

import torch

import linger as lg

TARGET = 2.2


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--genes", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.getLogger("linger").setLevel(logging.ERROR)
    torch.set_num_threads(options.threads)
    print(f"load average before: {os.getloadavg()[0]:.2f}; {options.threads} threads")
    data = lg.ds.simulate(n_cells=3000, n_genes=1400, n_tfs=700, n_peaks=12_000, n_bulk=300)
    for mdata in (data.mdata, data.bulk):
        lg.pp.link_peaks(mdata)
    metacells = lg.pp.metacells(data.mdata, n_metacells=300)
    genes = data.mdata["rna"].var_names[: options.genes]
    config = lg.FitConfig(n_folds=0)
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/prior"
        fit = {"metacells": metacells, "genes": genes, "config": config}
        variants = {
            "no prior": lambda: lg.tl.fit(data.mdata, **fit),
            "pre-training": lambda: lg.tl.pretrain(data.bulk, genes=genes, config=config, path=path),
            "refinement": lambda: lg.tl.fit(data.mdata, prior=path, **fit),
            "refinement, prior not verified": lambda: lg.tl.fit(
                data.mdata, prior=lg.io.read_prior(path, verify=False), **fit
            ),
        }
        seconds = {name: [] for name in variants}
        for _ in range(options.repeats + 1):
            for name, run in variants.items():
                begin = time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - begin)
    n_genes = data.mdata.uns["linger"]["fit"]["n_genes"]
    median = {name: statistics.median(values[1:]) for name, values in seconds.items()}  # the first warms up
    print("| | ms a gene | times no prior |\n|---|---|---|")
    for name, value in median.items():
        print(f"| {name} | {1000 * value / n_genes:.1f} | {value / median['no prior']:.2f} |")
    ratio = (median["pre-training"] + median["refinement"]) / median["no prior"]
    print(
        f"pre-training + refinement: {ratio:.2f} times the fit without a prior (target {TARGET}, {'PASS' if ratio <= TARGET else 'FAIL'})"
    )


if __name__ == "__main__":
    main()
