r"""What a bulk prior adds to simulated networks, with ablations and controls; and the sweep behind the defaults.

    python benchmarks/lifelong.py table [--seeds 0 1 2] [--jobs 2]
    python benchmarks/lifelong.py sweep [--seeds 10 11 12] [--jobs 2]

``table`` simulates the default data with several seeds, and sets of half the depth and of fewer cells, and compares, all with the
defaults of FitConfig:

- correlation: \|Pearson r\| over the metacells;
- no prior: a fit on the cells alone; the same on half the cells;
- prior: pre-trained on all bulk samples in one round, then refined; on half the samples; on the halves in two rounds;
- prior alone (BulkNN): networks of the prior, no training on cells;
- shuffled prior: pre-trained on bulk samples whose values stand under the names of other genes and peaks;
- authors: the prior refined with FitConfig.lingergrn().

Printed for each: mean AUROC and AUPR ratio of the networks as ``lg.get.network`` returns them and of gamma, beta and alpha alone, and the median R2 of held-out expression over genes. ``sweep`` prints the same for other weights of the loss, over sets the table does not use.
"""

from __future__ import annotations

import argparse
import logging
import warnings

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from recovery import KINDS, UNIT, variants

import linger as lg

BARE = {"trans": "gamma alone", "cis": "beta alone", "binding": "alpha alone"}


class Data:
    """One simulated experiment, and all that is compared on it."""

    def __init__(self, seed, **options):
        self.seed = seed
        simulated = lg.ds.simulate(rng=seed, **options)
        self.mdata, self.bulk = simulated.mdata, simulated.bulk
        self.truth = {kind: getattr(simulated.truth, kind) for kind in KINDS}
        for mdata in (self.mdata, self.bulk):
            lg.pp.link_peaks(mdata)
        self.metacells = self.make_metacells(self.mdata)
        self.universe = {kind: lg.bm.universe(self.mdata, kind=kind) for kind in KINDS}

    def make_metacells(self, mdata):
        return lg.pp.metacells(mdata, groupby="cell_type", rng=self.seed)

    def bulk_half(self, number):
        """Return every second sample, beginning with the first or the second."""
        return self.bulk[self.bulk.obs_names[number::2]].copy()

    def shuffled_bulk(self):
        """Put the same values under the names of other genes and of other peaks."""
        rng, bulk = np.random.default_rng(self.seed), self.bulk.copy()
        for key in ("rna", "atac"):
            bulk[key].X = bulk[key].X[:, rng.permutation(bulk[key].n_vars)]
        return bulk

    def pretrain(self, bulk, prior=None, **settings):
        return lg.tl.pretrain(bulk, prior=prior, config=lg.FitConfig(**settings), rng=self.seed)

    def evaluate(self, kind, scores):
        found = lg.bm.evaluate(scores, self.truth[kind], by=UNIT[kind], universe=self.universe[kind])
        return found[["auroc", "aupr_ratio"]].mean()

    def correlation(self):
        row = {}
        for kind in KINDS:
            found = self.evaluate(kind, lg.bm.baseline(self.mdata, self.metacells, kind=kind, method="correlation"))
            row |= {f"{kind} {name}": found[name] for name in found.index}
        return row

    def fit(self, prior=None, cells=None, config=None, n_folds=3, refine=True, **settings):
        """Fit, and return every measure."""
        mdata = self.mdata if cells is None else self.mdata[cells].copy()
        metacells = self.metacells if cells is None else self.make_metacells(mdata)
        config = config or lg.FitConfig(n_folds=n_folds, binding_share=1.0, **settings)
        lg.tl.fit(mdata, metacells=metacells, prior=prior, refine=refine, config=config, rng=self.seed)
        row = {}
        bare = {kind: scores for kind, name, scores in variants(mdata) if name == BARE[kind]}
        for kind in KINDS:
            network = self.evaluate(kind, lg.get.network(mdata, kind=kind))
            row |= {f"{kind} {name}": network[name] for name in network.index}
            alone = self.evaluate(kind, bare[kind])
            row |= {f"{BARE[kind]}, {name}": alone[name] for name in alone.index}
        if n_folds:
            row["held-out R2"] = mdata["rna"].var["linger_r2"].median()
        return row


def compare(seed, options):
    """Return the rows of the table for one set."""
    data = Data(seed, **options)
    half = data.mdata.obs_names[np.random.default_rng(seed).permutation(data.mdata.n_obs) % 2 == 0]
    prior, first = data.pretrain(data.bulk), data.pretrain(data.bulk_half(0))
    second = data.pretrain(data.bulk_half(1), first)
    authors = lg.FitConfig.lingergrn(n_folds=3, binding_share=1.0)
    return {
        "correlation": data.correlation(),
        "no prior": data.fit(),
        "no prior, half the cells": data.fit(cells=half),
        "prior": data.fit(prior),
        "prior, half the cells": data.fit(prior, cells=half),
        "prior of half the samples, one round": data.fit(first),
        "prior of both halves, two rounds": data.fit(second),
        "prior alone (BulkNN)": data.fit(prior, refine=False),
        "shuffled prior": data.fit(data.pretrain(data.shuffled_bulk())),
        "prior, authors' terms": data.fit(prior, config=authors),
    }


SWEEP = {
    "defaults": ({}, {}),
    **{f"ewc={ewc:g}": ({}, {"ewc": ewc}) for ewc in (0, 10, 100, 1000, 10_000, float("inf"))},
    **{f"l1={l1:g}": ({"l1": l1}, {"l1": l1}) for l1 in (0.003, 0.01, 0.05)},
    **{f"manifold={weight:g}": ({"manifold": weight}, {"manifold": weight}) for weight in (0, 0.01, 0.3, 1)},
    **{f"refined for {n} epochs": ({}, {"epochs": n}) for n in (25, 100)},
    **{f"pre-trained for {n} epochs": ({"epochs": n}, {}) for n in (25, 100)},
}


def sweep(seed, options):
    """Return the rows of the sweep for one set: the prior refined, with other settings of pre-training and refinement."""
    data = Data(seed, **options)
    rows = {"no prior": data.fit(n_folds=0)}
    for name, (before, after) in SWEEP.items():
        rows[name] = data.fit(data.pretrain(data.bulk, **before), n_folds=0, **after)
    for weight in (0.01, 0.3, 1):
        rows[f"no prior, manifold={weight:g}"] = data.fit(n_folds=0, manifold=weight)
    model = lg.tl.pretrain(data.bulk, fisher="model", rng=seed)
    rows["model's Fisher information"] = data.fit(model, n_folds=0)
    return rows


def in_worker(function, seed, options):
    warnings.filterwarnings("ignore")
    logging.getLogger("linger").setLevel(logging.ERROR)
    return pd.DataFrame(function(seed, options)).T


def print_table(title, table):
    """Print the networks and, below, the bare strengths and the prediction of expression."""
    networks = [column for column in table if column.split(" ")[0] in KINDS]
    for part, columns in (("networks", networks), ("bare strengths", table.columns.drop(networks))):
        print(f"\n{title}: {part}\n")
        print(
            "| | "
            + " | ".join(name.replace("aupr_ratio", "AUPR ratio").replace("auroc", "AUROC") for name in columns)
            + " |"
        )
        print("|---|" + "---|" * len(columns))
        for name, row in table[columns].dropna(how="all").iterrows():
            cells = [f"{value:.2f}" if "ratio" in column else f"{value:.4f}" for column, value in row.items()]
            print(f"| {name} | " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["table", "sweep"])
    parser.add_argument("--seeds", type=int, nargs="+")
    parser.add_argument("--jobs", type=int, default=2, help="sets at once")
    options = parser.parse_args()
    seeds = options.seeds or ([0, 1, 2] if options.what == "table" else [10, 11, 12])
    sets = {f"seed {seed}": (seed, {}) for seed in seeds}
    if options.what == "table":
        sets["half the depth"] = (seeds[0], {"rna_depth": 440, "atac_depth": 280})
        sets["1,000 cells, 4 types"] = (seeds[0], {"n_cells": 1000, "n_cell_types": 4})
    function = compare if options.what == "table" else sweep
    done = Parallel(n_jobs=options.jobs)(delayed(in_worker)(function, *arguments) for arguments in sets.values())
    tables = dict(zip(sets, done, strict=True))
    print_table(f"mean over {len(sets)} sets", sum(tables.values()) / len(tables))
    for name, table in tables.items():
        print_table(name, table)


if __name__ == "__main__":
    main()
