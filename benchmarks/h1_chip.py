"""Networks of H1 cells against ChIP-seq in H1, and cis networks against CRISPR interference.

``python benchmarks/h1_chip.py [--peer-env DIR] [--no-peer] [--data DIR]``

385 H1 cells (SNARE-seq). trans: every TF with ChIP-seq targets in H1 that is among the TFs of the data, every method over the same 1,000 target genes (drawn
once, seed 0, from the genes that are fitted); then ours and what needs no training of the peer over all fitted genes. Methods: ours without and with
the prior of three cell lines (BJ, K562, GM12878; pseudo-bulk), networks of the population and of H1, with the strengths as they are and held to their mean where
held-out cells are not predicted (``weights="shrunk"``); LingerGRN 1.117's ``sc_nn_NN`` on the same metacells; GRNBoost2 as rustscenic has it (``pip install
rustscenic``), on the cells; and the trivial baselines. There is no genome-wide sequence among the data, so nobody has motifs.

cis: peak-gene pairs tested by CRISPR interference (ENCODE's benchmark) that are among the linked pairs of the H1 data, of K562 cells and of WTC11, the
only stem cells there. These are other cells than those that the networks come from.

Printed: mean AUROC over TFs, mean AUPR ratio over those with ten true targets or more (one of two targets by luck gives a ratio of hundreds), and the
one-sided p-value (paired t-test over TFs) that the best network of ours is better; the best of eight is a little too good.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from _common import cell_line_panel, default_data, default_peer_env, peer_python, read_cells
from scipy import sparse

import linger as lg

N_TARGETS, N_PROCESSES, MIN_POSITIVES = 1000, 2, 10
WORKER = Path(__file__).with_name("_lingergrn_networks.py")
OURS = {
    "population": {},
    "population, shrunk": {"weights": "shrunk"},
    "H1": {"group": "H1"},
    "H1, shrunk": {"group": "H1", "weights": "shrunk"},
}


def fit(mdata, metacells, prior, folder):
    """Fit with cross-validation, which the shrunk weights need."""
    begin = time.perf_counter()
    lg.tl.fit(mdata, metacells=metacells, prior=prior, store=folder)
    r2 = mdata["rna"].var["linger_r2"]
    print(
        f"fitted in {time.perf_counter() - begin:.0f} s; held-out R2: median {r2.median():.3f}, > 0 for {(r2 > 0).sum()} genes"
    )
    mdata["rna"].obs["line"] = "H1"
    lg.tl.group_means(mdata, "line")


def our_networks(mdata, kind, tfs=None):
    found = {}
    for name, options in OURS.items():
        table = lg.get.network(mdata, kind, **options, **({} if tfs is None else {"tfs": tfs}))
        found[name] = table[["source", "target", "weight"]]
    return found


def grnboost2(mdata, tfs, targets):
    """Return importances by gradient boosting on the cells, or nothing where rustscenic is not installed."""
    if importlib.util.find_spec("rustscenic") is None:
        print("GRNBoost2 is left out: pip install rustscenic")
        return {}
    import rustscenic.grn
    import scanpy as sc

    rna = mdata["rna"].copy()
    rna.X = rna.layers["counts"].copy()
    sc.pp.normalize_total(rna)
    sc.pp.log1p(rna)
    wanted = rna[:, rna.var_names.isin([*tfs, *targets])].to_df()
    found = rustscenic.grn.infer(wanted, tfs, verbose=False)
    found = found.set_axis(["source", "target", "weight"], axis=1)
    return {"GRNBoost2": found[found["target"].isin(targets)]}


def peer_arrays(mdata, metacells, targets):
    """Return what LingerGRN fits: values of metacells, and the peaks of every target."""
    rna, atac = metacells["rna"].to_df().T, metacells["atac"].to_df().T
    tfs, peaks = mdata["rna"].var_names[mdata["rna"].var["is_tf"]].sort_values(), mdata["atac"].var_names
    at = [mdata.var_names.get_indexer(names) for names in (targets, peaks)]
    links = sparse.csr_matrix(mdata.varp["linger_distance"].T.tocsr()[at[0]][:, at[1]])
    return {
        "tf": rna.loc[tfs].to_numpy(), "re": atac.loc[peaks].to_numpy(), "targets": rna.loc[targets].to_numpy(),
        "tfs": tfs.to_numpy(str), "peaks": peaks.to_numpy(str), "genes": np.array(targets, dtype=str),
        "indptr": links.indptr, "indices": links.indices,
    }  # fmt: skip


def lingergrn(mdata, metacells, targets, python):
    """Return the networks that LingerGRN makes of its own strengths: gamma for the population, its product for H1."""
    arrays = peer_arrays(mdata, metacells, targets)
    with tempfile.TemporaryDirectory() as folder:
        source, outs = Path(folder, "arrays.npz"), [Path(folder, f"{i}.npz") for i in range(N_PROCESSES)]
        np.savez(source, **arrays)
        begin = time.perf_counter()
        started = [
            subprocess.Popen([python, WORKER, source, out, str(i), str(N_PROCESSES)], stderr=subprocess.PIPE, text=True)
            for i, out in enumerate(outs)
        ]
        for process in started:
            _, err = process.communicate()
            if process.returncode:
                raise SystemExit(f"LingerGRN failed:\n{err[-3000:]}")
        print(f"LingerGRN: {len(targets)} genes in {time.perf_counter() - begin:.0f} s ({N_PROCESSES} processes)")
        parts = [np.load(out) for out in outs]
        gamma, beta = (sum(part[name] for part in parts) for name in ("gamma", "beta"))
        alpha = np.maximum.reduce([part["alpha"] for part in parts])
    return as_networks(mdata, arrays, gamma, beta, np.maximum(alpha, 0))


def as_networks(mdata, arrays, gamma, beta, alpha):
    """Put LingerGRN's strengths in place of ours, and weigh them by its own formulas."""
    n, at = mdata.n_vars, {name: mdata.var_names.get_indexer(arrays[name]) for name in ("tfs", "peaks", "genes")}
    links = sparse.csr_matrix((beta, arrays["indices"], arrays["indptr"]), (len(at["genes"]), len(at["peaks"]))).T
    theirs = mdata.copy()
    for name, rows, cols, values in (
        ("binding", "tfs", "peaks", alpha), ("cis", "peaks", "genes", links), ("trans", "tfs", "genes", gamma.T),
    ):  # fmt: skip
        entries = sparse.coo_matrix(values)
        where = at[rows][entries.row], at[cols][entries.col]
        theirs.varp[f"linger_{name}"] = sparse.csr_matrix((entries.data.astype(np.float32), where), shape=(n, n))
    rows, cols = np.nonzero(gamma.T)
    population = {"source": arrays["tfs"][rows], "target": arrays["genes"][cols], "weight": gamma.T[rows, cols]}
    h1 = lg.get.network(theirs, "trans", group="H1", weights="lingergrn", targets=list(arrays["genes"]))
    return {
        "LingerGRN scNN, population": pd.DataFrame(population),
        "LingerGRN scNN, H1": h1[["source", "target", "weight"]],
    }


def show(title, table, best):
    """Print a summary as a markdown table."""
    summary = lg.bm.summarize(table, reference=best)
    enough = lg.bm.summarize(table[table["n_pos"] >= MIN_POSITIVES])
    n, n_enough = summary["n"].iloc[0], enough["n"].iloc[0]
    print(f"\n{title} ({n} TFs; AUPR ratio over {n_enough} TFs with {MIN_POSITIVES} true targets or more)")
    print(f"\n| method | AUROC | AUPR ratio | p that {best} has a higher AUROC |\n|---|---|---|---|")
    for method, row in summary.iterrows():
        p_value = "" if pd.isna(row["p_value"]) else f"{row['p_value']:.2g}"
        print(f"| {method} | {row['auroc']:.3f} | {enough.loc[method, 'aupr_ratio']:.3f} | {p_value} |", flush=True)


def trans(mdata, metacells, ours, options):
    """Compare trans networks with ChIP-seq targets."""
    table = pd.read_csv(options.data / "chip_h1" / "h1_chip_targets.tsv.gz", sep="\t")
    truth = lg.bm.truth.match(mdata, lg.bm.truth.pairs(table))
    is_tf = mdata["rna"].var_names[mdata["rna"].var["is_tf"]]
    tfs = sorted(set(truth["source"]) & set(is_tf))
    truth = truth[truth["source"].isin(tfs)]
    print(
        f"{table['tf'].nunique()} factors have ChIP-seq in H1, {len(tfs)} of them are TFs of the data: {' '.join(tfs)}"
    )
    genes = lg.bm.universe(mdata, kind="trans")["target"].drop_duplicates().sort_values()
    targets = np.sort(np.random.default_rng(0).choice(genes.to_numpy(str), N_TARGETS, replace=False))
    others = {}
    if not options.no_peer:
        others |= lingergrn(mdata, metacells, list(targets), peer_python(options.peer_env))
    others |= grnboost2(mdata, list(is_tf), genes.tolist())
    best = None
    for title, chosen, networks in (  # the network of ours that is best on the first is compared on the second, too
        (f"trans, {N_TARGETS} targets", targets, ours | others),
        ("trans, all fitted genes", genes, ours | {k: v for k, v in others.items() if "LingerGRN" not in k}),
    ):
        pairs = pd.MultiIndex.from_product([tfs, chosen], names=["source", "target"]).to_frame(index=False)
        pairs = pairs[pairs["source"] != pairs["target"]]
        found = lg.bm.compare(networks, truth, universe=pairs, mdata=mdata, metacells=metacells)
        mine = found[found["method"].isin(ours)].groupby("method")["auroc"].mean()
        best = best or str(mine.idxmax())
        show(title, found, best)


def cis(mdata, metacells, ours, options):
    """Compare cis networks with pairs tested by CRISPR interference."""
    folder = options.data / "crispr_enhancer_gene"
    k562 = pd.read_csv(folder / "EPCrisprBenchmark_combined_data.training_K562.GRCh38.tsv.gz", sep="\t")
    held_out = pd.read_csv(folder / "EPCrisprBenchmark_combined_data.heldout_5_cell_types.GRCh38.tsv.gz", sep="\t")
    linked = lg.bm.universe(mdata, kind="cis")
    for cell, table in (("K562", k562), ("WTC11", held_out[held_out["CellType"] == "WTC11"])):
        try:
            tested = lg.bm.truth.peak_genes(mdata, table).merge(linked, on=["source", "target"])
        except ValueError as error:
            print(f"\ncis, {cell}: {error}")
            continue
        true = tested[tested["label"]]
        print(f"\ncis, {cell}: {len(tested)} tested pairs are linked, {len(true)} of them have an effect")
        if true.empty:
            continue
        found = lg.bm.compare(ours, true, universe=tested, by=None, mdata=mdata, metacells=metacells, kind="cis")
        print("\n| method | AUROC | AUPR ratio |\n|---|---|---|")
        for row in found.itertuples():
            print(f"| {row.method} | {row.auroc:.3f} | {row.aupr_ratio:.3f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-env", type=Path, default=default_peer_env(), help="LingerGRN's environment")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--data", type=Path, default=default_data())
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=FutureWarning)
    mdata, _ = read_cells(options.data / "snare_h1" / "snare_h1.h5mu", n_cells=0)
    metacells = lg.pp.metacells(mdata)
    networks, cis_networks = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        prior = lg.tl.pretrain(cell_line_panel(options.data), genome="hg38", path=f"{folder}/prior")
        for name, given in (("with the panel's prior", prior), ("no prior", None)):
            fit(mdata, metacells, given, f"{folder}/{name}")
            networks |= {f"linger, {name}, {kind}": net for kind, net in our_networks(mdata, "trans").items()}
            cis_networks |= {f"linger, {name}, {kind}": net for kind, net in our_networks(mdata, "cis").items()}
        trans(mdata, metacells, networks, options)
        cis(mdata, metacells, cis_networks, options)


if __name__ == "__main__":
    main()
