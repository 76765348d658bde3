# %% [markdown]
# # TF activity and drivers, from RNA alone
#
# Regulons learnt once from multiome data score TFs in any expression data of the species: other cells, bulk samples, cohorts without ATAC. First on simulated donors in whom one TF has lost its
# effect, so that the answer is known; then on real blood cells with published regulons.

# %%
import logging
import os
from pathlib import Path

import decoupler as dc
import matplotlib.pyplot as plt
import mudata
import numpy as np
import pandas as pd
import scanpy as sc
from scipy import sparse

import linger as lg

logging.getLogger("linger").setLevel("ERROR")  # the last part compares cells on purpose, which it would warn of
mudata.set_options(pull_on_update=False)  # mudata's default from 0.4 on
data = lg.ds.simulate(n_cells=3000, n_genes=300, n_tfs=30, n_peaks=1800, n_cell_types=4)
multiome, cohort = data.mdata[:1500].copy(), data.mdata["rna"][1500:].copy()

# %% [markdown]
# ## Regulons from half of the cells
#
# The other half we know by its expression only. With 300 genes a regulon has 30 targets; the default, 1,000, is meant for whole genomes.

# %%
lg.pp.link_peaks(multiome)
lg.tl.fit(multiome, groupby="cell_type", config=lg.FitConfig(n_folds=0))
net = lg.get.regulons(multiome, n_targets=30, signed=True)
net.head(3)

# %% [markdown]
# ## A cohort of donors
#
# Ten donors, five of them cases, whose TF no longer works: its messenger RNA is there as before, but what it regulates falls as in the true network without it. Counts are thinned accordingly.

# %%
rng = np.random.default_rng(0)
cohort.obs["donor"] = [f"donor_{number}" for number in rng.integers(0, 10, cohort.n_obs)]
cohort.obs["condition"] = np.where(cohort.obs["donor"].isin([f"donor_{n}" for n in range(5)]), "case", "control")
activators = data.truth.trans.query("sign > 0")["source"]
lost = activators.value_counts().index[0]
change = data.knockout({lost: 0.0})
change[lost] = 0.0  # its own expression stays
left = np.minimum(1, np.exp(change.loc[cohort.obs["cell_type"], cohort.var_names].to_numpy()))
left[(cohort.obs["condition"] == "control").to_numpy()] = 1
cohort.X = sparse.csr_matrix(rng.binomial(cohort.X.toarray().astype(int), left).astype(np.float32))
print(f"{lost} is lost; {(change.mean() < -0.05).sum()} of {cohort.n_vars} genes fall")

# %% [markdown]
# ## Which TFs differ?
#
# Activity by a univariate linear model (decoupler's `ulm`), then donors compared with donors.

# %%
lg.tl.tf_activity(cohort, net, method="ulm")
lg.tl.drivers(cohort, "condition", reference="control", sample_key="donor")
drivers = lg.get.drivers(cohort)
shown = ["tf", "difference", "statistic", "p_adj", "n_group", "n_reference"]
print(drivers[shown].head(5).round(4).to_string(index=False))
print(f"adjusted p-value below 0.05: {(drivers['p_adj'] < 0.05).sum()} of {len(drivers)} TFs")

# %%
ax = lg.pl.drivers(drivers, n_tfs=15)

# %% [markdown]
# The lost TF comes out on top, with a lower activity in cases. It is not alone: TFs that share its targets seem to move with it, and what falls in one place of a profile that is scaled to a common depth
# rises in others. Drivers are candidates.
#
# The expression of the TF itself shows nothing, as it was left alone.

# %%
lg.tl.drivers(cohort, "condition", reference="control", sample_key="donor", method="expression")
expression = lg.get.drivers(cohort, method="expression")
print(expression.loc[expression["tf"] == lost, shown].round(4).to_string(index=False))

# %% [markdown]
# Within cell types there are fewer cells and more tests. The TF can be found where its loss matters.

# %%
lg.tl.drivers(cohort, "condition", reference="control", within="cell_type", sample_key="donor")
by_type = lg.get.drivers(cohort).groupby("within")["tf"].apply(lambda tfs: tfs.tolist().index(lost) + 1)
print(pd.DataFrame({"rank": by_type, "mean change of genes": change.mean(axis=1).round(3)}))

# %% [markdown]
# Name the donors. Without `sample_key=` cells are compared, a warning is logged, and with hundreds of cells whatever differs between two people is significant, cause or not.

# %% [markdown]
# What was compared: the mean activity of each donor.

# %%
scores = dc.pp.get_obsm(cohort, "score_linger")  # an AnnData of activities, for scanpy and decoupler
strongest = drivers["tf"].head(4).tolist()
means = scores.to_df()[strongest].groupby(scores.obs["donor"]).mean()
is_case = means.index.isin(scores.obs["donor"][scores.obs["condition"] == "case"])
figure, ax = plt.subplots(figsize=(4.5, 3), layout="constrained")
for side, color, label in ((is_case, "#D55E00", "case"), (~is_case, "#0072B2", "control")):
    at = np.arange(len(strongest)) + (-0.12 if label == "case" else 0.12)
    x, y = np.broadcast_to(at, means[side].shape), means[side].to_numpy()
    ax.plot(x.ravel(), y.ravel(), "o", color=color, markersize=4, label=label)
ax.set(xticks=range(len(strongest)), xticklabels=strongest, ylabel="mean activity of a donor")
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# ## Blood cells and published regulons
#
# 700 blood cells that come with scanpy (765 genes), and CollecTRI, a collection of TF-target pairs from many sources. Without the file `dc.op.collectri()` downloads it.

# %%
folder = Path(os.environ.get("LINGER_TEST_DATA", "../shared/data"))
collectri = folder / "tf_targets_collectri" / "collectri.csv"
if collectri.is_file():
    blood = sc.datasets.pbmc68k_reduced()
    lg.tl.tf_activity(blood, pd.read_csv(collectri), method="ulm")
    lg.tl.drivers(blood, "bulk_labels")
    table = lg.get.drivers(blood).sort_values("statistic", ascending=False)
    print(table.groupby("group")["tf"].apply(lambda tfs: ", ".join(tfs.head(4))).to_string())
    first = table.groupby("group")["tf"].first().unique().tolist()
    figure = lg.pl.activity(blood, "bulk_labels", tfs=first)
else:
    print(f"left out: there is no {collectri}")

# %% [markdown]
# Where the file is there: cells are compared, so p-values are no evidence about other people; the order of the TFs is what counts. EBF1 and PAX5 in B cells and the RFX factors, which switch on MHC class II, in dendritic cells are
# as in textbooks; GATA2 at the top of monocytes is not. With 765 genes most regulons keep a handful of targets.
