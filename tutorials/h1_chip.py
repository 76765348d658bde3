# %% [markdown]
# # Against ChIP-seq: what a network is worth
#
# 385 H1 cells (human embryonic stem cells) by SNARE-seq, and what ChIP-seq in H1 says of the targets of their TFs. The point of this page is not a high number, it is how to get an honest one: the same pairs for all, and baselines
# that know no TF at all. Where the data are not at hand, simulated cells and their true network go through the same calls.

# %%
import os
from pathlib import Path

import mudata
import numpy as np
import pandas as pd

import linger as lg

mudata.set_options(pull_on_update=False)  # mudata's default from 0.4 on
folder = Path(os.environ.get("LINGER_TEST_DATA", "../shared/data"))
path = folder / "snare_h1" / "snare_h1.h5mu"
real = path.is_file()
if real:
    mdata = mudata.read_h5mu(path)
    lg.pp.restore_counts(mdata)  # the file has log2(count + 1)
    lg.pp.annotate_genes(mdata, annotation="hg38")
    lg.pp.mark_tfs(mdata, tfs="human")
    truth = lg.bm.truth.pairs(folder / "chip_h1" / "h1_chip_targets.tsv.gz")
else:
    print(f"there is no {path}: simulated cells take its place")
    data = lg.ds.simulate(n_cells=400, n_genes=300, n_tfs=30, n_peaks=1800, n_cell_types=2)
    mdata, truth = data.mdata, data.truth.trans[["source", "target"]]
    del mdata.varp["linger_motif"]  # the H1 data have no genome sequence, and so no motifs
lg.pp.link_peaks(mdata)
genes = mdata["rna"].var
truth = lg.bm.truth.match(mdata, truth)  # genes of the data
truth = truth[truth["source"].isin(genes.index[genes["is_tf"]])]
print(f"{mdata.n_obs} cells; {genes['is_tf'].sum()} TFs, {truth['source'].nunique()} of them with known targets")

# %% [markdown]
# ## Fit
#
# A thousand genes drawn at random keep this short. Cross-validation comes before any edge: does the network of a gene predict its expression in metacells that it has not seen? A correlation near 0 says that there is little to read
# from that network.

# %%
rng = np.random.default_rng(0)
near = lg.bm.universe(mdata, kind="cis")["target"].unique()  # genes with a peak within 1 Mb
chosen = sorted(rng.choice(sorted(near), min(1000, len(near)), replace=False))
metacells = lg.pp.metacells(mdata)
lg.tl.fit(mdata, metacells=metacells, genes=chosen, config=lg.FitConfig(n_folds=3))
quality = mdata["rna"].var[["linger_r2", "linger_correlation"]].dropna()
print(quality.median().round(3).to_string())
print(f"R2 above 0: {(quality['linger_r2'] > 0).sum()} of {len(quality)} genes")
figure = lg.pl.training(mdata)

# %% [markdown]
# ## The same pairs for all
#
# Every TF that has ten known targets among the genes that were fitted, with all of these genes. (Where there are two targets, luck decides.) Three networks: of the population as it is; weighed by what all cells together express and open (here one group of all cells); and that with `weights="shrunk"`, which holds the strengths to
# their mean where the networks do not predict held-out cells.

# %%
sizes = truth.loc[truth["target"].isin(chosen), "source"].value_counts()
measured = sorted(sizes.index[sizes >= 10])
mdata["rna"].obs["line"] = "all"
lg.tl.group_means(mdata, "line")
options = {"population": {}, "group": {"group": "all"}, "group, shrunk": {"group": "all", "weights": "shrunk"}}
networks = {name: lg.get.network(mdata, "trans", tfs=measured, **given) for name, given in options.items()}
pairs = pd.MultiIndex.from_product([measured, chosen], names=["source", "target"]).to_frame(index=False)
pairs = pairs[pairs["source"] != pairs["target"]]
found = lg.bm.compare(networks, truth, universe=pairs, mdata=mdata, metacells=metacells)
summary = lg.bm.summarize(found, reference="group, shrunk")
print(summary[["auroc", "aupr_ratio", "n", "difference", "p_value"]].round(3).to_string())

# %%
ax = lg.pl.comparison(found)

# %% [markdown]
# ## How to read it
#
# - **random** is 0.5. A dot is a TF; look at the box rather than at the best of them.
# - **degree in the truth** knows how many *other* TFs have the gene as a target, and no method has that knowledge. If it is far ahead, the truth says mostly which genes are bound by whatever one measures, not by whom. For ChIP-seq
#   that is so: open promoters of busy genes are bound by everything.
# - **accessibility** and **expression** rank the targets of every TF alike, by how open and how expressed a gene is. A network that is not ahead of them has not shown that it knows which TF binds where.
# - **correlation** is what one gets from metacells without peaks or networks.
# - `difference` and `p_value` (one-sided, paired over TFs) say by how much the reference, `group, shrunk`, is ahead of each row.
#
# In H1 the networks do no better than accessibility: 385 cells of one line vary little, there are no motifs without a genome sequence, and held-out expression is hardly predicted. docs/benchmarks.md has the whole
# comparison, over all genes, with a prior, and with LingerGRN and GRNBoost2 beside.
#
# ## One TF
#
# Precision and recall, for a feeling of what such numbers mean in a list of candidates. By ChIP-seq some TFs bind nearly every gene, where any list is right; this is the TF in the middle.

# %%
print(f"known targets of a TF: {sizes[measured].min()} to {sizes[measured].max()} of {len(chosen)} genes")
by_size = sizes[measured].sort_values()
tf = by_size.index[len(by_size) // 2]
one = pairs[pairs["source"] == tf]
curves = lg.bm.curves(networks, truth[truth["source"] == tf], universe=one)
ax = lg.pl.precision_recall(curves).set_title(f"{tf}, {by_size[tf]} targets of {len(one)} genes")
