# %% [markdown]
# # Networks of cell types and single cells
#
# One fitted graph, weighed by what each type and each cell expresses and opens, on simulated data whose network is known.

# %%
from pathlib import Path
from tempfile import TemporaryDirectory

import decoupler as dc
import pandas as pd
import scanpy as sc

import linger as lg

data = lg.ds.simulate(n_cells=1500, n_genes=200, n_tfs=25, n_peaks=1200, n_cell_types=4)
mdata = data.mdata
lg.pp.link_peaks(mdata)
metacells = lg.pp.metacells(mdata, groupby="cell_type")
lg.tl.fit(mdata, metacells=metacells, config=lg.FitConfig(n_folds=0))
lg.get.groups(mdata)

# %% [markdown]
# Which TFs open the chromatin of each type: those whose motif is enriched in its specific peaks, and that are expressed where these are open.

# %%
lg.tl.tf_importance(mdata, "cell_type", metacells=metacells)
lg.get.tf_importance(mdata).groupby("group").head(3)

# %%
ax = lg.pl.importance(mdata)

# %% [markdown]
# The network of one type, and the strongest targets of each TF there.

# %%
print(lg.get.network(mdata, "trans", group="type_1", top=5), "\n")
print(lg.get.network(mdata, "trans", group="type_1", top=1, per="source").head())

# %% [markdown]
# Its regulons, scored by decoupler on normalised expression.

# %%
rna = mdata["rna"]
rna.layers["counts"] = rna.X.copy()
sc.pp.normalize_total(rna)
sc.pp.log1p(rna)
dc.mt.ulm(rna, lg.get.regulons(mdata, group="type_1", n_targets=30), tmin=3)
rna.obsm["score_ulm"].groupby(rna.obs["cell_type"], observed=True).mean().iloc[:, :6].round(2)

# %% [markdown]
# Against what is true in each type, the type's own network does better than the population's.

# %%
pairs, rows = lg.bm.universe(mdata, kind="trans"), []
for name in lg.get.groups(mdata):
    for label, group in (("population", None), ("its own", name)):
        network = lg.get.network(mdata, "trans", group=group)
        found = lg.bm.evaluate(network, data.truth.per_type[name].trans, universe=pairs)
        rows.append({"type": name, "network": label, "auroc": found["auroc"].mean()})
pd.DataFrame(rows).pivot(index="type", columns="network", values="auroc").round(3)

# %% [markdown]
# Single cells: the strength of two edges in every cell, on an embedding.

# %%
best = lg.get.network(mdata, "trans", top=200).drop_duplicates("source").head(2)
lg.tl.edges_per_cell(mdata, best)
sc.pp.pca(rna, n_comps=15)
sc.pp.neighbors(rna, transformer="sklearn")  # pynndescent and recent scipy disagree on large data
sc.tl.umap(rna)
edges = dc.pp.get_obsm(rna, "linger_edges")
colours = ["#0072B2", "#E69F00", "#009E73", "#CC79A7"]
sc.pl.embedding(edges, "X_umap", color=["cell_type", *edges.var_names], palette=colours, vmax="p99", ncols=3)

# %% [markdown]
# A graph of neighbours that is there serves for smoothing too. A mask of cells has a network as well.

# %%
cell = mdata.obs_names[0]
print(lg.get.network(mdata, "trans", cells=cell, neighbors_key="connectivities", top=3), "\n")
print(lg.get.network(mdata, "trans", group=mdata.obs["cell_type"].isin(["type_1", "type_2"]), top=3))

# %% [markdown]
# Genes ruled by the peaks around them (t > 0) or by TFs. With 25 TFs and a handful of peaks a gene, none is beyond doubt here, but t ranks them.

# %%
lg.tl.dominance(mdata)
rna.var.filter(like="dominance").sort_values("linger_dominance_t").iloc[[0, 1, -2, -1]]

# %% [markdown]
# All networks on disk, read one at a time.

# %%
folder = TemporaryDirectory()
lg.io.write_networks(mdata, Path(folder.name) / "types.zarr", kinds=["trans", "cis"])
stored = lg.io.read_networks(Path(folder.name) / "types.zarr")
print(stored)
print(stored.matrix("trans", "type_2").matrix.shape)
