"""How much of simulated networks is recovered, beside baselines and other ways to combine the same strengths.

    python benchmarks/recovery.py [--seeds 0 1 2]

Simulates the default data with several seeds, and a shallower and a smaller set, fits each with the defaults, and prints mean AUROC and
AUPR ratio per kind of network as a markdown table (TFs are averaged for trans and binding, genes for cis).
"""

from __future__ import annotations

import argparse
import logging

import numpy as np
import pandas as pd
from scipy import sparse

import linger as lg

KINDS = ("trans", "cis", "binding")
UNIT = {"trans": "source", "cis": "target", "binding": "source"}


def variants(mdata):
    """Other scores made of the same fit: the bare strengths, and alpha + B at every peak as the paper writes it."""
    found = {kind: lg.get.matrix(mdata, kind=kind) for kind in KINDS}
    strength = {}
    for kind, name in {"trans": "gamma alone", "cis": "beta alone", "binding": "alpha alone"}.items():
        rows = mdata.var_names.get_indexer(found[kind].sources)
        cols = mdata.var_names.get_indexer(found[kind].targets)
        strength[kind, name] = mdata.varp[f"linger_{kind}"][rows][:, cols]
    rows = mdata.var_names.get_indexer(found["binding"].sources)
    cols = mdata.var_names.get_indexer(found["binding"].targets)
    everywhere = strength["binding", "alpha alone"] + mdata.varp["linger_motif"][rows][:, cols]
    strength["binding", "alpha + B everywhere"] = everywhere
    path = everywhere[:, found["cis"].sources.get_indexer(found["binding"].targets)] @ found["cis"].matrix
    strength["trans", "path with alpha + B everywhere"] = strength["trans", "gamma alone"].multiply(path)
    strength["cis", "linger with a decay of 200 kb"] = with_decay(
        mdata, strength["cis", "beta alone"], found["cis"], 200_000
    )
    for (kind, name), matrix in strength.items():
        edges = matrix.tocoo()
        yield (
            kind,
            name,
            pd.DataFrame(
                {
                    "source": found[kind].sources.to_numpy()[edges.row],
                    "target": found[kind].targets.to_numpy()[edges.col],
                    "weight": edges.data,
                }
            ),
        )


def with_decay(mdata, beta, cis, d0):
    """Return beta exp(-d / d0) for another d0 than the paper's 25 kb."""
    rows, cols = (mdata.var_names.get_indexer(names) for names in (cis.sources, cis.targets))
    edges = beta.tocoo()
    distance = np.asarray(mdata.varp["linger_distance"][rows[edges.row], cols[edges.col]]).ravel()
    return sparse.csr_matrix((edges.data * np.exp(-distance / d0), (edges.row, edges.col)), shape=beta.shape)


def measure(seed, **options):
    """Fit one simulated set and return its table."""
    data = lg.ds.simulate(rng=seed, **options)
    mdata = data.mdata
    lg.pp.link_peaks(mdata)
    metacells = lg.pp.metacells(mdata, groupby="cell_type", rng=seed)
    # all of alpha is kept, so that the variants see it
    lg.tl.fit(mdata, metacells=metacells, config=lg.FitConfig(n_folds=0, binding_share=1.0), rng=seed)
    truth = {kind: getattr(data.truth, kind) for kind in KINDS}
    table = lg.bm.recovery(mdata, metacells, truth=truth, rng=seed)
    rows = []
    for kind, name, scores in variants(mdata):
        found = lg.bm.evaluate(scores, truth[kind], by=UNIT[kind], universe=lg.bm.universe(mdata, kind=kind))
        rows.append({"kind": kind, "method": name, **found[["auroc", "aupr_ratio"]].mean()})
    return pd.concat([table, pd.DataFrame(rows)])[["kind", "method", "auroc", "aupr_ratio"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    seeds = parser.parse_args().seeds
    logging.getLogger("linger").setLevel(logging.WARNING)
    sets = {f"seed {seed}": (seed, {}) for seed in seeds}
    sets["half the depth"] = (seeds[0], {"rna_depth": 440, "atac_depth": 280})
    sets["1,000 cells, 4 types"] = (seeds[0], {"n_cells": 1000, "n_cell_types": 4})
    tables = {name: measure(seed, **options).set_index(["kind", "method"]) for name, (seed, options) in sets.items()}
    for value in ("auroc", "aupr_ratio"):
        print(f"\n## {value}\n")
        wide = pd.DataFrame({name: table[value] for name, table in tables.items()})
        print("| kind | method | " + " | ".join(wide) + " |")
        print("|---|---|" + "---|" * wide.shape[1])
        for (kind, method), row in wide.loc[list(KINDS)].iterrows():
            print(f"| {kind} | {method} | " + " | ".join(f"{number:.3f}" for number in row) + " |")


if __name__ == "__main__":
    main()
