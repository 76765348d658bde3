"""Genome-wide run on SNARE-seq H1 cells (385 cells, 8,595 genes, 36,954 peaks): from the file to networks on disk.

``python benchmarks/h1_run.py [--n-folds 5 | --quick] [--check-tss] [--out DIR] [--data DIR]``

Reads ``snare_h1/snare_h1.h5mu`` below the data folder (``--data``, else the environment variable LINGER_TEST_DATA, else
``../shared/data`` beside the repository). Prints seconds per stage, genes fitted, genes per second, peak memory of the
process (target: below 4 GB) and the size of what was written. ``--quick`` leaves cross-validation out; a run with
cross-validation prints the time without it too.

``--check-tss`` also links peaks by another table of start sites, ``tss/hg38_tss_info.bed.gz`` of the data folder, and
counts the links of genes known to both tables that are the same.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
from _common import default_data

import linger as lg
from linger.tl import _fit

MAX_MEMORY_GB = 4.0
DISTANCE = "linger_distance"


class Clock:
    """Seconds by stage, in order."""

    def __init__(self):
        self.stages = {}

    @contextmanager
    def stage(self, name):
        """Time what is inside, and print it."""
        begin = time.perf_counter()
        yield
        self.stages[name] = self.stages.get(name, 0.0) + time.perf_counter() - begin
        print(f"{name:28}{self.stages[name]:9.1f} s", flush=True)

    def timed(self, name, function):
        """Return `function`, every call of which is timed."""

        def wrapped(*args, **kwargs):
            with self.stage(name):
                return function(*args, **kwargs)

        return wrapped


def peak_memory_gb():
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def size_gb(path):
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e9


def prepare(path, clock):
    """Read the cells and write all that a fit needs."""
    import mudata

    with clock.stage("read"):
        mdata = mudata.read_h5mu(path)
    with clock.stage("restore_counts"):
        lg.pp.restore_counts(mdata)
    with clock.stage("annotate_genes, mark_tfs"):
        lg.pp.annotate_genes(mdata, annotation="hg38")
        lg.pp.mark_tfs(mdata, tfs="human")
    with clock.stage("link_peaks"):
        lg.pp.link_peaks(mdata)
    return mdata


def fit(mdata, n_folds, store, clock):
    """Fit every gene with a peak in its window; cross-validation gets a line of its own."""
    with clock.stage("metacells"):
        metacells = lg.pp.metacells(mdata)
    print(f"{metacells.n_obs} metacells")
    begin = time.perf_counter()
    with mock.patch.object(_fit, "cross_validate", clock.timed("  of fit: cross-validation", _fit.cross_validate)):
        lg.tl.fit(mdata, metacells=metacells, config=lg.FitConfig(n_folds=n_folds), store=store)
    clock.stages["fit"] = time.perf_counter() - begin
    print(f"{'fit':28}{clock.stages['fit']:9.1f} s", flush=True)


def report(mdata, n_folds, clock, out):
    """Print what was fitted, how fast, and what it took."""
    record = mdata.uns["linger"]["fit"]
    n_genes, total = record["n_genes"], sum(s for name, s in clock.stages.items() if not name.startswith(" "))
    without = clock.stages["fit"] - clock.stages.get("  of fit: cross-validation", 0.0)
    print(f"\n{n_genes} genes fitted from {record['n_tfs']} TFs and {record['n_peaks']} peaks")
    print(f"fit, no folds: {without:.1f} s, {n_genes / without:.1f} genes per second")
    if n_folds:
        r2 = mdata["rna"].var["linger_r2"]
        seconds = clock.stages["fit"]
        print(f"fit, {n_folds} folds: {seconds:.1f} s, {n_genes / seconds:.1f} genes per second")
        print(f"held-out R2: median {r2.median():.3f}, above 0 for {(r2 > 0).sum()} of {r2.notna().sum()} genes")
    print(f"all stages: {total:.1f} s")
    memory = peak_memory_gb()
    verdict = "PASS" if memory < MAX_MEMORY_GB else "FAIL"
    print(f"peak memory: {memory:.2f} GB (target < {MAX_MEMORY_GB:g} GB) {verdict}")
    print(f"on disk: store {size_gb(out / 'networks'):.2f} GB, h5mu {size_gb(out / 'h1.h5mu'):.2f} GB")
    for kind in ("trans", "cis", "binding"):
        print(f"{kind}: {mdata.varp[f'linger_{kind}'].nnz:,} values")


def read_start_sites(path):
    """Return the outermost start site of every gene of a BED file of promoters.

    Columns: chrom, start, end, gene, offset, strand. The offset is where the middle of the interval lies from the
    start site, downstream being positive.
    """
    bed = pd.read_csv(path, sep="\t", header=None, names=["chrom", "start", "end", "gene", "offset", "strand"])
    bed = bed[bed["chrom"].str.fullmatch(r"chr(?:\d+|X|Y|M)")]
    forward, middle = bed["strand"] == "+", (bed["start"] + bed["end"]) // 2
    bed = bed.assign(tss=np.where(forward, middle - bed["offset"], middle + bed["offset"]))
    upstream_first = bed["tss"].where(forward, -bed["tss"]).sort_values(kind="stable").index
    return bed.loc[upstream_first].drop_duplicates("gene")[["gene", "chrom", "tss", "strand"]]


def check_start_sites(mdata, path):
    """Link peaks by the other table and compare the links of the genes that both know."""
    other = mdata.copy()
    lg.pp.annotate_genes(other, annotation=read_start_sites(path))
    lg.pp.link_peaks(other)
    ours, theirs = mdata["rna"].var, other["rna"].var
    known = ours["tss"].notna(), theirs["tss"].notna()
    both = known[0] & known[1]
    same = (ours["chrom"].astype(str) == theirs["chrom"].astype(str))[both]
    moved = (ours["tss"] - theirs["tss"])[both].abs().astype(float).where(same)
    columns = mdata.var_names.get_indexer(both.index[both])
    links, other_links = (data.varp[DISTANCE][:, columns].astype(bool) for data in (mdata, other))
    links.data[:], other_links.data[:] = True, True  # a distance of 0 is a link too
    shared = links.multiply(other_links).nnz
    print(f"\nother table of start sites: {known[1].sum()} genes known, by ours {known[0].sum()}, by both {both.sum()}")
    near = [f"{(moved <= bp).mean():.1%} within {bp // 1000} kb" for bp in (1000, 10_000)]
    print(f"start sites of these: {', '.join(near)}, {same.mean():.1%} on the same chromosome")
    print(f"links of these: {links.nnz:,} by ours, {other_links.nnz:,} by the other, {shared:,} by both")
    print(f"agreement: {shared / links.nnz:.2%} of ours, {shared / other_links.nnz:.2%} of the other's")


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-folds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="no cross-validation: the same as --n-folds 0")
    parser.add_argument("--check-tss", action="store_true")
    parser.add_argument("--out", type=Path, help="keep networks and h5mu in this folder")
    parser.add_argument("--data", type=Path, default=default_data())
    options = parser.parse_args()
    options.path = options.data / "snare_h1" / "snare_h1.h5mu"
    if not options.path.is_file():
        parser.error(f"no {options.path}; give the folder of the data by --data or LINGER_TEST_DATA")
    return options


def main():
    options = read_options()
    warnings.filterwarnings("ignore", category=FutureWarning)
    n_folds, clock = 0 if options.quick else options.n_folds, Clock()
    print("The fit runs without the motif manifold term: there is no genome-wide sequence among the data.")
    with tempfile.TemporaryDirectory() as temporary:
        out = options.out or Path(temporary)
        mdata = prepare(options.path, clock)
        fit(mdata, n_folds, out / "networks", clock)
        with clock.stage("write h5mu"):
            lg.io.write_h5mu(mdata, path=out / "h1.h5mu")
        report(mdata, n_folds, clock, out)
    if options.check_tss:
        check_start_sites(mdata, options.data / "tss" / "hg38_tss_info.bed.gz")


if __name__ == "__main__":
    main()
