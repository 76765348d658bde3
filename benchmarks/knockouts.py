"""Predicted knock-outs of every TF against those of the network that made the data, and the time of a screen.

``python benchmarks/knockouts.py [--seeds 0 1 2] [--celloracle PYTHON] [--no-timing]``

The default simulation (5,000 cells, 8 types, 500 genes, 50 TFs). Truth: each TF is lost in the true network, in the typical cell of each type, changes passed on to targets
of targets; a gene changes if its log rate moves by 0.05 or more. Scored by type and TF, then averaged: AUROC and AUPR ratio of absolute predicted changes, accuracy of
the sign of the 20 strongest true targets, Spearman correlation over all genes. Beside ours stand baselines:

- no change (0 for every gene) and a random change;
- mean effect: the mean true change of the gene when other TFs are lost. It knows the truth of the others;
- degree: the summed trans weight of the gene over all TFs, ours, signed like the mean gradient; no TF in particular;
- correlation of the gene with the TF over metacells, negative (losing an activator lowers its targets);
- trans weight of the network, signed, negative: what one would do without running networks;
- CellOracle, where ``--celloracle`` names an interpreter that has it: on the same cells, with its own ridge models on our TFs of each gene (see tutorials/celloracle.py).

Then the time of a screen of 100 TFs x 5,000 genes x 300 metacells (700 TFs, 100 peaks a gene, one group).
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings

import numpy as np
import pandas as pd
import torch

import linger as lg
from linger import nn

CHANGED, N_STRONGEST = 0.05, 20


def true_changes(sim, tfs):
    """Return measured changes by type: columns source, target, log_fc."""
    found = {}
    for tf in tfs:
        changes = sim.knockout({tf: 0.0})
        for kind, row in changes.iterrows():
            moved = row[(row.abs() >= CHANGED) & (row.index != tf)]
            part = pd.DataFrame({"source": tf, "target": moved.index, "log_fc": moved.to_numpy()})
            found.setdefault(kind, []).append(part)
    return {kind: pd.concat(parts, ignore_index=True) for kind, parts in found.items()}


def signed(table, tfs, genes):
    """Return a network as -sign x weight, TFs x genes."""
    value = -table["sign"].astype(float) * table["weight"]
    return (
        table.assign(value=value)
        .pivot(index="source", columns="target", values="value")
        .reindex(index=tfs, columns=genes)
        .fillna(0)
    )


def predictions(mdata, metacells, kind, truth, tfs, genes):
    """Return TFs x genes by method, for one type."""
    rng = np.random.default_rng(0)
    ours, supported = (
        lg.get.perturbation_screen(mdata, group=kind, key=key).reindex(index=tfs, columns=genes)
        for key in ("linger", "linger_peaks")
    )
    trans = signed(lg.get.network(mdata, "trans", group=kind), tfs, genes)
    values = metacells["rna"].to_df()
    z = (values - values.mean()) / values.std().replace(0, 1)
    correlation = -(z[tfs].T @ z[genes]) / len(z)
    everyone = (
        truth.pivot(index="source", columns="target", values="log_fc").reindex(index=tfs, columns=genes).fillna(0)
    )
    others = (everyone.sum() - everyone) / (len(tfs) - 1)
    degree = pd.DataFrame(np.tile(trans.sum(), (len(tfs), 1)), tfs, genes)
    return {
        "linger": ours,
        "linger, support by peaks": supported,
        "trans weight, signed": trans,
        "correlation": correlation,
        "degree": degree,
        "mean effect of the other TFs": others,
        "random": pd.DataFrame(rng.normal(size=ours.shape), tfs, genes),
        "no change": ours * 0,
    }


def one_seed(seed):
    """Return means over types and TFs by method."""
    sim = lg.ds.simulate(rng=seed)
    mdata = sim.mdata
    lg.pp.link_peaks(mdata)
    metacells = lg.pp.metacells(mdata, groupby="cell_type")
    with tempfile.TemporaryDirectory() as folder:
        lg.tl.fit(mdata, metacells=metacells, config=lg.FitConfig(n_folds=0), store=f"{folder}/networks")
        for support in ("peaks", None):
            lg.tl.perturb_screen(mdata, groupby="cell_type", support=support)
            if support:  # keep it beside the other
                mdata.uns["linger_peaks"] = {"screen": mdata.uns["linger"]["screen"]}
                mdata["rna"].varm["linger_peaks_screen"] = mdata["rna"].varm["linger_screen"]
        tfs = lg.get.perturbation_screen(mdata, group="type_1").index
        genes = mdata["rna"].var_names[mdata["rna"].var["linger_fitted"]]
        truth, rows = true_changes(sim, tfs), []
        for kind, changes in truth.items():
            for method, predicted in predictions(mdata, metacells, kind, changes, tfs, genes).items():
                table = lg.bm.knockouts(predicted, changes, n_strongest=N_STRONGEST)
                rows.append(table.assign(method=method, kind=kind, seed=seed).rename_axis("tf").reset_index())
    return pd.concat(rows, ignore_index=True)


def show(table):
    measures = ["auroc", "aupr_ratio", "sign_accuracy", "correlation"]
    means = table.groupby("method", sort=False)[measures].mean()
    print(
        f"\nmeans over {table['seed'].nunique()} seeds, {table['kind'].nunique()} types and the TFs that change a gene in them\n"
    )
    print("| method | AUROC | AUPR ratio | sign right | Spearman |\n|---|---|---|---|---|")
    for method, row in means.iterrows():
        print(f"| {method} | " + " | ".join(f"{row[measure]:.3f}" for measure in measures) + " |")


def time_screen(n_genes=5000, n_tfs=100, block=16):
    """Print seconds of a screen at the size of the target."""
    T, P, M = 700, 100, 300
    generator = torch.Generator().manual_seed(0)

    def draw(*shape, scale=0.1):
        return torch.randn(*shape, generator=generator) * scale

    weights = nn.Weights(
        draw(block, 64, T),
        draw(block, 64, P + 1),
        draw(block, 16, 64),
        draw(block, 16, 1),
        draw(block, 1, 16),
        draw(block, 1, 1),
    )
    none = torch.zeros(0, dtype=torch.long)
    inputs = nn.Inputs(draw(T, M, scale=1), draw(block, P + 1, M, scale=1), none, none)
    delta, rows, average = draw(n_tfs, M, scale=1), torch.arange(n_tfs), torch.ones(M, 1) / M
    for _ in range(3):
        nn.screen(weights, inputs, delta, rows, average)
    begin = time.perf_counter()
    for _ in range(-(-n_genes // block)):
        nn.screen(weights, inputs, delta, rows, average)
    seconds = time.perf_counter() - begin
    begin = time.perf_counter()
    for row in range(10):
        moved = inputs.tf.clone()
        moved[row] += delta[row]
        nn.predict(weights, inputs._replace(tf=moved))
    plain = (time.perf_counter() - begin) / 10 * n_tfs * (-(-n_genes // block))
    print(
        f"\nscreen of {n_tfs} TFs x {n_genes} genes x {M} metacells: {seconds:.1f} s (target 30 s), {torch.get_num_threads()} threads"
    )
    print(f"one forward pass a TF instead: {plain:.0f} s, {plain / seconds:.0f} times as long")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--no-timing", action="store_true")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=FutureWarning)
    if not options.no_timing:
        time_screen()
    show(pd.concat([one_seed(seed) for seed in options.seeds], ignore_index=True))


if __name__ == "__main__":
    main()
