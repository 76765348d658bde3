"""TF-gene interactions from expression alone, against what needs no network and against DeepTGI as its authors run it.

On BEELINE's mHSC-E as DeepTGI labels it, and where only true pairs are used and as many others are drawn, of each TF and gene as often, in every part of a split by itself:
mHSC-E ("matched"), and mDC (TFs + 500 genes) with three networks. Splits by pairs, TFs, genes and both. Logistic regression and gradient boosting see what our networks see: features of the
pair, components of both profiles, and with given labels the degrees as ours are shown them; "degrees alone" is logistic regression on these, "label frequency" the share of true pairs of TF and
gene, and both know no expression. GRNBoost2 (``pip install rustscenic``) and correlation learn nothing from known pairs. "DeepTGI" is ``TgiConfig.deeptgi()``, the authors' configuration, on
mHSC-E only; its best epoch is kept, and it ends earlier than theirs (``--authors-patience``).

    python benchmarks/tgi.py --seeds 3
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import torch
from _common import default_data
from joblib import Parallel, delayed
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import linger as lg
from linger.tl._pair_features import Degrees, training_degrees
from linger.tl._tgi_model import raw_features, read_expression

SPLITS = ("pairs", "sources", "targets", "both")
NAMES = {"pairs": "random pairs", "sources": "held-out TFs", "targets": "held-out genes", "both": "both held out"}
METHODS = (
    "linger", "linger without degrees", "DeepTGI", "logistic regression", "gradient boosting", "degrees alone", "label frequency", "correlation", "GRNBoost2",
)  # fmt: skip
NETWORKS = ("ChIPspecific", "ChIPnonspecific", "STRING")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2, help="fits at a time, of one thread each")
    parser.add_argument("--networks", type=int, default=2, help="networks averaged in ours")
    parser.add_argument(
        "--authors-patience", type=int, default=5, help="epochs without a better validation loss (theirs: 120)"
    )
    parser.add_argument("--skip-authors", action="store_true")
    parser.add_argument("--skip-times", action="store_true")
    parser.add_argument("--output", type=Path, help="CSV of every single number")
    options = parser.parse_args()
    started = time.time()
    if not options.skip_times:
        timed(default_data() / "beeline", options)
    tasks = list(jobs(default_data() / "beeline", options))
    rows = Parallel(n_jobs=options.jobs)(delayed(scores)(*task) for task in tasks)
    table = pd.DataFrame([row for each in rows for row in each])
    if options.output:
        table.to_csv(options.output, index=False)
    for measure in ("auroc", "aupr_ratio", "f1"):
        report(table, measure)
    print(f"{(time.time() - started) / 60:.0f} minutes")


def jobs(folder, options):
    """Yield data, pairs, split, seed and methods of every fit, the longest first."""
    ours = lg.TgiConfig(n_models=options.networks)
    methods = {"linger": ours, "linger without degrees": replace(ours, degree=False)}
    authors = {"DeepTGI": replace(lg.TgiConfig.deeptgi(), patience=options.authors_patience)}
    sets = {name: (cells, pairs, grnboost2(cells, pairs)) for name, (cells, pairs) in datasets(folder)}
    if not options.skip_authors:
        for split in SPLITS:
            for seed in range(options.seeds):
                yield "mHSC-E", *sets["mHSC-E"][:2], None, split, seed, authors
    for name, data in reversed(sets.items()):
        for split in ("pairs",) if "matched" in name else SPLITS:
            for seed in range(options.seeds):
                mine = methods if name == "mHSC-E" else {"linger without degrees": replace(ours, degree=False)}
                yield name, *data, split, seed, mine


def datasets(folder):
    """Yield name, cells and pairs, with labels where these are given."""
    cells, pairs = without_self(lg.io.read_beeline(folder / "mHSC-E_expression.csv.gz", folder / "mHSC-E_pairs.csv"))
    yield "mHSC-E", (cells, pairs)
    yield "mHSC-E, matched", (cells, pairs.loc[pairs["label"].astype(bool), ["source", "target"]])
    for network in NETWORKS:
        file = folder / f"mDC_TFs+500_{network}_BL--network.csv"
        cells, pairs = without_self(lg.io.read_beeline(folder / "mDC_TFs+500_expression.csv.gz", file))
        yield f"mDC {network}", (cells, pairs[["source", "target"]])


def without_self(data):
    return data.adata, data.pairs[data.pairs["source"] != data.pairs["target"]]


def grnboost2(cells, pairs):
    """Return importances of the TFs for the genes of the pairs, or nothing where rustscenic is not installed."""
    if importlib.util.find_spec("rustscenic") is None:
        print("GRNBoost2 is left out: pip install rustscenic")
        return pd.DataFrame(columns=["source", "target", "weight"])
    import rustscenic.grn

    found = rustscenic.grn.infer(cells.to_df(), sorted(set(pairs["source"]) & set(cells.var_names)), verbose=False)
    return found.set_axis(["source", "target", "weight"], axis=1)


def scores(name, cells, pairs, boosted, split, seed, configs):
    """Return the test metrics of all methods on one split; without `boosted` only of those in `configs`."""
    torch.set_num_threads(1)
    logging.getLogger("linger").setLevel("ERROR")
    warnings.simplefilter("ignore")
    parts = getattr(lg.bm.splits, split)(pairs, rng=seed)
    if "label" not in parts:  # drawn in every part by itself: matched pairs would tell what is held out
        parts = pd.concat([parts.assign(label=True), lg.bm.splits.negatives(parts, rng=seed).assign(label=False)])
    parts = parts.sort_values(["source", "target"], ignore_index=True).astype({"label": bool})
    truth = parts["label"].to_numpy()
    if len(set(truth[parts["split"] == "test"])) < 2:
        return []
    found = {} if boosted is None else dict(simple(cells, parts, boosted, "label" in pairs, seed))
    found = {method: measures(score, truth, parts["split"]) for method, score in found.items()}
    for method, config in configs.items():
        lg.tl.tgi(cells, parts, predict=parts.head(1), config=config, rng=seed)
        found[method] = {name: cells.uns["tgi"]["test"][name] for name in ("auroc", "aupr_ratio", "f1")}
    return [{"data": name, "split": split, "seed": seed, "method": method, **each} for method, each in found.items()]


def as_scores(network, parts):
    return parts.merge(network, how="left", on=["source", "target"])["weight"].fillna(0).to_numpy()


def measures(score, truth, part):
    """Return AUROC, AUPR ratio and F1 on the test pairs, the threshold of F1 chosen on the validation pairs."""
    test, validation = (part == "test").to_numpy(), (part == "validation").to_numpy()
    precision, recall, cuts = precision_recall_curve(truth[validation], score[validation])
    best = cuts[np.argmax((2 * precision * recall / np.maximum(precision + recall, 1e-12))[:-1])]
    called = score[test] >= best
    return {
        "auroc": roc_auc_score(truth[test], score[test]),
        "aupr_ratio": average_precision_score(truth[test], score[test]) / truth[test].mean(),
        "f1": 2 * (called & truth[test]).sum() / (called.sum() + truth[test].sum()),
    }


def simple(cells, parts, boosted, with_degrees, seed):
    """Yield scores of what needs no network: correlation, label frequency, GRNBoost2, and classifiers that see the features of ours."""
    train, validation = (parts[parts["split"] == name] for name in ("train", "validation"))
    genes = pd.Index(np.unique(parts[["source", "target"]].to_numpy().astype(str)))
    expression, _ = read_expression(cells, genes, lg.TgiConfig(), layer=None)
    raw = raw_features(expression, parts)
    yield "correlation", np.abs(raw[:, 0])
    rates = [train.groupby(side)["label"].mean() for side in ("source", "target")]
    yield "label frequency", sum(parts[rate.index.name].map(rate).fillna(0.5).to_numpy() for rate in rates)
    if len(boosted):
        yield "GRNBoost2", as_scores(boosted, parts)
    components = [expression.profiles.components[ends] for ends in expression.pairs(parts)]
    draws, known = training_degrees(train, validation, rng=seed), Degrees.of(train).features(parts)
    if not with_degrees:
        draws, known = draws[:1, :, :0], known[:, :0]
    at, label = train.index, np.tile(train["label"], len(draws))
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    if with_degrees:
        yield "degrees alone", linear.fit(np.vstack(draws), label).predict_proba(known)[:, 1]
    rows = np.vstack([np.hstack([raw[at], draw, *(each[at] for each in components)]) for draw in draws])
    boosting = HistGradientBoostingClassifier(min_samples_leaf=20 * len(draws), early_stopping=False, random_state=seed)
    for name, model in (("logistic regression", linear), ("gradient boosting", boosting)):
        yield name, model.fit(rows, label).predict_proba(np.hstack([raw, known, *components]))[:, 1]


def timed(folder, options):
    """Print how long it takes to train on mHSC-E, to its best validation loss and on to the end, and to score 100,000 pairs of 1,000 genes."""
    torch.set_num_threads(options.jobs)
    logging.getLogger("linger").setLevel("ERROR")
    cells, pairs = dict(datasets(folder))["mHSC-E"]
    start = time.time()
    lg.tl.tgi(cells, pairs, predict=pairs)
    print(f"training on mHSC-E, {lg.TgiConfig().n_models} networks: {time.time() - start:.0f} s", flush=True)
    names = [f"g{i}" for i in range(1000)]
    values = np.exp(np.random.default_rng(0).normal(size=(1000, len(names)))).astype(np.float32)
    cells = ad.AnnData(values, var=pd.DataFrame(index=names))
    every = pd.MultiIndex.from_product([names[:100], names], names=["source", "target"]).to_frame(index=False)
    every = every[every["source"] != every["target"]]
    with tempfile.TemporaryDirectory() as folder:
        few = every.sample(300, random_state=0).assign(label=np.arange(300) % 2 == 0)
        lg.tl.tgi(cells, few, predict=few, config=lg.TgiConfig(epochs=1), path=Path(folder, "model.safetensors"))
        model = lg.io.read_tgi(Path(folder, "model.safetensors"))
    start = time.time()
    model.predict(cells, every)
    print(
        f"scoring {len(every):,} pairs of {len(names):,} genes in {cells.n_obs:,} cells: {time.time() - start:.0f} s",
        flush=True,
    )


def report(table, measure):
    """Print mean and spread over seeds, a row a data set and split."""
    stats = table.groupby(["data", "split", "method"], sort=False)[measure].agg(["mean", "std"])
    text = stats.apply(lambda row: f"{row['mean']:.3f} ± {row['std']:.3f}", axis=1).unstack("method").fillna("")
    order = [method for method in METHODS if method in text]
    text = text[order].rename(index=NAMES, level="split").reset_index()
    print(f"\n{measure}, mean ± sd over seeds\n{text.to_string(index=False)}")


if __name__ == "__main__":
    main()
