# %% [markdown]
# # Figures
#
# Every figure of `lg.pl`, on simulated data whose network is known. Functions take `ax=` where they draw on one pair of axes, and return what they drew on.

# %%
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import scanpy as sc

import linger as lg

data = lg.ds.simulate(n_cells=1200, n_genes=200, n_tfs=25, n_peaks=1200, n_cell_types=4)
mdata = data.mdata
lg.pp.link_peaks(mdata)
metacells = lg.pp.metacells(mdata, groupby="cell_type")
folder = TemporaryDirectory()
lg.tl.fit(mdata, metacells=metacells, store=Path(folder.name) / "networks")
lg.tl.tf_importance(mdata, "cell_type", metacells=metacells)
rna = mdata["rna"]

# %% [markdown]
# ## Before trusting a network: how well held-out cells are predicted, and what metacells are made of

# %%
figure = lg.pl.training(mdata)

# %%
figure = lg.pl.metacells(metacells)

# %% [markdown]
# ## Networks
#
# A graph of the strongest edges; the peaks and TFs behind one gene; its surroundings on the chromosome.

# %%
ax = lg.pl.network(lg.get.network(mdata, "trans", group="type_1", top=60))

# %%
gene = lg.get.network(mdata, "cis", top=300)["target"].value_counts().index[0]
around = lg.get.subnetwork(mdata, genes=[gene])
ax = lg.pl.network(around, layout="layers")

# %%
binding = around.loc[around["kind"] == "binding", "source"].unique()
figure = lg.pl.locus(mdata, gene, arcs="type_1", tfs=binding[:4])

# %% [markdown]
# ## TFs of cell types
#
# Which open chromatin, and which are active.

# %%
ax = lg.pl.importance(mdata)

# %%
lg.tl.tf_activity(mdata, lg.get.regulons(mdata, n_targets=30, signed=True), method="ulm")
figure = lg.pl.activity(mdata, "cell_type", expression=True)

# %%
figure = lg.pl.activity(mdata, "cell_type", kind="dotplot")

# %%
figure = lg.pl.activity(mdata, "cell_type", kind="violin", top=3, expression=True)

# %%
lg.tl.drivers(mdata, "cell_type")
ax = lg.pl.drivers(lg.get.drivers(mdata))

# %% [markdown]
# ## Single cells
#
# The strength of edges in every cell, on an embedding and by type.

# %%
rna.layers["counts"] = rna.X.copy()
sc.pp.normalize_total(rna)
sc.pp.log1p(rna)
sc.pp.pca(rna, n_comps=15)
sc.pp.neighbors(rna, transformer="sklearn")  # pynndescent and recent scipy disagree on large data
sc.tl.umap(rna)
best = lg.get.network(mdata, "trans", top=200).drop_duplicates("source").head(3)
lg.tl.edges_per_cell(mdata, best)
figure = lg.pl.edges(mdata, "X_umap")

# %%
figure = lg.pl.edges_by_group(mdata, "cell_type")

# %% [markdown]
# ## Modules, and genes ruled by peaks or TFs

# %%
lg.tl.modules(mdata, n_modules=4)
ax = lg.pl.modules(mdata)

# %%
sets = {f"targets of {tf}": genes["target"] for tf, genes in data.truth.trans.groupby("source")}
ax = lg.pl.module_enrichment(lg.get.module_enrichment(mdata, dict(list(sets.items())[:12])))

# %%
lg.tl.dominance(mdata)
ax = lg.pl.dominance(mdata)

# %% [markdown]
# ## Traits
#
# Genes of a made-up trait: the true targets of one TF.

# %%
tf = data.truth.trans["source"].value_counts().index[0]
trait_genes = data.truth.trans.loc[data.truth.trans["source"] == tf, "target"]
lg.tl.trait_enrichment(mdata, trait_genes, trait=f"targets of {tf}", n_targets=30, n_permutations=499)
ax = lg.pl.traits(lg.get.traits(mdata, "tfs"))

# %%
ax = lg.pl.trait_histogram(mdata, "type_1")

# %%
ax = lg.pl.target_overlap(lg.get.target_overlap(mdata, trait_genes, tfs=tf, n_targets=[10, 20, 40, 80]))

# %% [markdown]
# ## Survival
#
# Samples whose activity shortens their lives, by construction.

# %%
rng = np.random.default_rng(0)
activity = pd.DataFrame({"TF1": rng.normal(size=120)}, index=[f"sample {i}" for i in range(120)])
months = rng.exponential(30 * np.exp(-0.7 * activity["TF1"]))
samples = sc.AnnData(
    np.ones((120, 1)),
    obs=pd.DataFrame({"months": np.minimum(months, 60), "died": (months < 60).astype(int)}, index=activity.index),
)
samples.obsm["score_linger"] = activity
lg.tl.survival(samples, "months", event="died")
ax = lg.pl.survival(samples, "TF1")

# %% [markdown]
# ## Knock-outs

# %%
lg.tl.perturb(mdata, {tf: 0.0}, groupby="cell_type")
ax = lg.pl.perturbation(mdata, "X_umap")

# %%
lg.tl.perturb_shift(mdata, "X_umap", groupby="cell_type")
figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
for ax, kind in zip(axes, ("quiver", "stream"), strict=True):
    lg.pl.shift(mdata, color="cell_type", kind=kind, ax=ax)

# %%
lg.tl.perturb_screen(mdata)
ax = lg.pl.screen(lg.get.perturbation_screen(mdata))

# %% [markdown]
# ## Against a truth

# %%
table = lg.bm.recovery(mdata, metacells, truth={"trans": data.truth.trans, "cis": data.truth.cis})
figure = lg.pl.recovery(table)

# %%
networks = {
    "linger": lg.get.network(mdata, "trans"),
    "correlation": lg.bm.baseline(mdata, metacells, kind="trans", method="correlation"),
}
pairs = lg.bm.universe(mdata, kind="trans")
compared = lg.bm.compare(networks, data.truth.trans, universe=pairs)
figure, axes = plt.subplots(1, 2, figsize=(10, 2.6), layout="constrained")
for ax, kind in zip(axes, ("box", "violin"), strict=True):
    lg.pl.comparison(compared, kind=kind, ax=ax)

# %%
curves = lg.bm.curves(networks, data.truth.trans, universe=pairs)
figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
ax = lg.pl.roc(curves, ax=axes[0])
ax = lg.pl.precision_recall(curves, ax=axes[1])

# %%
cis = {
    "linger": lg.get.network(mdata, "cis"),
    "correlation": lg.bm.baseline(mdata, metacells, kind="cis", method="correlation"),
}
edges = [0, 50_000, 100_000, 200_000, 500_000, 1_000_000]
ax = lg.pl.by_distance(
    {name: lg.bm.by_distance(mdata, network, truth=data.truth.cis, edges=edges) for name, network in cis.items()}
)

# %%
ax = lg.pl.f1_at_quantiles(
    {name: lg.bm.f1_at_quantiles(network, data.truth.trans) for name, network in networks.items()}
)
