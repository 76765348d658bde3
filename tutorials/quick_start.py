# %% [markdown]
# # Quick start
#
# From paired RNA + ATAC counts to the three networks of a cell population, on simulated data whose network is known.

# %%
import decoupler as dc

import linger as lg

data = lg.ds.simulate(n_cells=1000, n_genes=200, n_tfs=25, n_peaks=1200, n_cell_types=4)
mdata = data.mdata
mdata

# %% [markdown]
# The simulated genes are located, TFs are marked and motif affinities are there. On your own data that is `lg.pp.annotate_genes`,
# `lg.pp.mark_tfs` and `lg.pp.scan_motifs`. What is left is to link peaks to the genes near them, and to average cells into metacells.

# %%
lg.pp.link_peaks(mdata)
metacells = lg.pp.metacells(mdata, groupby="cell_type")
metacells

# %% [markdown]
# One network per gene. Cross-validation says how well expression of held-out cells is predicted: look at it before trusting the edges.

# %%
lg.tl.fit(mdata, metacells=metacells)
figure = lg.pl.training(mdata)

# %% [markdown]
# The networks as tables, strongest edges first.

# %%
for kind in ("trans", "cis", "binding"):
    print(lg.get.network(mdata, kind=kind, top=5), "\n")

# %% [markdown]
# The strongest trans edges as a graph, and what surrounds one gene on its chromosome.

# %%
ax = lg.pl.network(lg.get.network(mdata, kind="trans", top=50))

# %%
gene = lg.get.network(mdata, kind="cis", top=300)["target"].value_counts().index[0]
figure = lg.pl.locus(mdata, gene)

# %% [markdown]
# Against the truth, beside what one gets without a model.

# %%
truth = {kind: getattr(data.truth, kind) for kind in ("trans", "cis", "binding")}
table = lg.bm.recovery(mdata, metacells, truth=truth)
ax = lg.pl.recovery(table)
table.round(3)

# %% [markdown]
# Regulons are decoupler nets, and TF activity is one call.

# %%
net = lg.get.regulons(mdata, n_targets=30, signed=True)
dc.mt.ulm(mdata["rna"], net)
mdata["rna"].obsm["score_ulm"].iloc[:3, :5]
