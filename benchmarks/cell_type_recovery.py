"""How well the networks of cell types recover what is true in each type, beside the population's network.

    python benchmarks/cell_type_recovery.py [--seeds 0 1 2]

Simulates the default data with several seeds, fits each with the defaults, and scores networks against the edges that are active in each
cell type: AUROC (and AUPR ratio), mean over TFs (trans, binding) or genes (cis). Prints a markdown table by type for the first seed, and
the mean over types for every seed: the population's network, that of the type without TF importance (C^s = 1), that of the paper, the
paper's with the unscaled exponent, that of the authors' package, and the network of another type, as a control.
"""

from __future__ import annotations

import argparse
import logging

import pandas as pd

import linger as lg

KINDS = ("trans", "cis", "binding")
UNIT = {"trans": "source", "cis": "target", "binding": "source"}


def scores(mdata, truth, kind, **options):
    """AUROC and AUPR ratio of one network against the truth of one type."""
    found = lg.get.network(mdata, kind, **options)
    table = lg.bm.evaluate(found, getattr(truth, kind), by=UNIT[kind], universe=lg.bm.universe(mdata, kind=kind))
    return table[["auroc", "aupr_ratio"]].mean()


def measure(seed):
    """Fit one simulated set and return its table."""
    data = lg.ds.simulate(rng=seed)
    mdata = data.mdata
    lg.pp.link_peaks(mdata)
    metacells = lg.pp.metacells(mdata, groupby="cell_type", rng=seed)
    lg.tl.fit(mdata, metacells=metacells, config=lg.FitConfig(n_folds=0), rng=seed)
    rows, types = [], lg.get.groups(mdata)
    for importance in (False, True):
        if importance:
            lg.tl.tf_importance(mdata, "cell_type", metacells=metacells)
        for number, group in enumerate(types):
            networks = {"type, without importance": {"group": group}}
            if importance:
                networks = {
                    "population": {},
                    "type (paper)": {"group": group},
                    "type (paper_raw)": {"group": group, "weights": "paper_raw"},
                    "type (lingergrn)": {"group": group, "weights": "lingergrn"},
                    "another type": {"group": types[(number + 1) % len(types)]},
                }
            for name, options in networks.items():
                for kind in KINDS:
                    found = scores(mdata, data.truth.per_type[group], kind, **options)
                    rows.append({"seed": seed, "type": group, "kind": kind, "network": name, **found})
    return pd.DataFrame(rows)


def show(table, rows, value):
    """Print a wide markdown table."""
    wide = table.pivot_table(index=rows, columns="network", values=value, sort=False)
    print("| " + " | ".join([*rows, *wide.columns]) + " |")
    print("|---" * (len(rows) + wide.shape[1]) + "|")
    for names, row in wide.iterrows():
        print("| " + " | ".join([*map(str, names), *(f"{number:.3f}" for number in row)]) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    logging.getLogger("linger").setLevel(logging.ERROR)
    table = pd.concat([measure(seed) for seed in parser.parse_args().seeds])
    order = [
        "population",
        "type (paper)",
        "type, without importance",
        "type (paper_raw)",
        "type (lingergrn)",
        "another type",
    ]
    table["network"] = pd.Categorical(table["network"], order)
    table = table.sort_values("network")
    print("\nAUROC by type, first seed\n")
    show(table[table["seed"] == table["seed"].min()].sort_values(["kind", "type"]), ["kind", "type"], "auroc")
    for value in ("auroc", "aupr_ratio"):
        print(f"\n{value}, mean over types\n")
        show(table.sort_values(["kind", "seed"]), ["kind", "seed"], value)


if __name__ == "__main__":
    main()
