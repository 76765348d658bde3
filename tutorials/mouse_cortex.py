# %% [markdown]
# # Another species: mouse cortex
#
# Nothing in the method is human. What changes is the table of genes (`"mm10"`, or a GTF of any species) and the list of TFs (`"mouse"`, or your own). Data: nuclei of adult mouse cortex by SNARE-seq (GSE126074) with
# the labels of their authors; where they are not at hand, simulated cells go the same way, and their names mean nothing.

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import mudata
import numpy as np
import pandas as pd

import linger as lg

mudata.set_options(pull_on_update=False)  # mudata's default from 0.4 on
path = Path(os.environ.get("LINGER_TEST_DATA", "../shared/data")) / "snare_mouse_cortex" / "snare_mouse_cortex.h5mu"
real = path.is_file()
if real:
    mdata = mudata.read_h5mu(path)
    label, annotation, tfs = "Ident", "mm10", "mouse"
else:
    print(f"there is no {path}: simulated cells take its place")
    mdata = lg.ds.simulate(n_cells=2000, n_genes=250, n_tfs=30, n_peaks=1500, n_cell_types=6).mdata
    del mdata.varp["linger_motif"]
    label, tfs = "cell_type", [name for name in mdata["rna"].var_names if name.startswith("TF")]
    annotation = mdata["rna"].var[["chrom", "tss", "strand"]]
mdata

# %% [markdown]
# ## Fewer cells, for a short run
#
# At most 300 cells of each type that has 100 or more. Leave this out for results that count.

# %%
rng = np.random.default_rng(0)
labels = mdata["rna"].obs[label].astype(str)
kept = [
    rng.choice(cells, min(300, len(cells)), replace=False)
    for _, cells in labels.groupby(labels).groups.items()
    if len(cells) >= 100
]
mdata = mdata[np.concatenate(kept)].copy()
print(f"{mdata.n_obs} of {len(labels)} cells, {len(kept)} of {labels.nunique()} types")

# %% [markdown]
# ## Genes, TFs, peaks
#
# Look at the numbers: genes that are not found are left out, and peaks of another genome build would be refused here.

# %%
lg.pp.annotate_genes(mdata, annotation=annotation)
lg.pp.mark_tfs(mdata, tfs=tfs)
lg.pp.link_peaks(mdata)
genes = mdata["rna"].var
print(f"{genes['tss'].notna().sum()} of {len(genes)} genes located, {genes['is_tf'].sum()} TFs")
print(mdata.uns["linger"]["link_peaks"])

# %% [markdown]
# There is no genome sequence here, and so there are no motifs: binding rests on the networks alone, and TF importance is not defined. With `mm10.fa`, `lg.pp.scan_motifs(mdata, genome="mm10.fa")` adds both.
#
# ## Fit
#
# Two folds say how well expression in held-out metacells is predicted.

# %%
metacells = lg.pp.metacells(mdata, groupby=label)
figure = lg.pl.metacells(metacells)
lg.tl.fit(mdata, metacells=metacells, config=lg.FitConfig(n_folds=2))
quality = mdata["rna"].var["linger_correlation"]
print(f"{quality.notna().sum()} genes; correlation with held-out expression: median {quality.median():.2f}")
figure = lg.pl.training(mdata)

# %% [markdown]
# Much of this is which type a metacell is of: TFs and genes of a type go together whoever regulates whom.
#
# ## TFs of the types
#
# How much of all trans weight of a type comes from each TF, relative to the other types. High values say that a TF is expressed there and its targets with it. They are where to look, not proof.

# %%
networks = lg.get.matrices(mdata, "trans")
total = pd.DataFrame(
    {name: pd.Series(np.asarray(net.matrix.sum(axis=1)).ravel(), net.sources) for name, net in networks}
)
share = total / total.sum()
relative = share.div(share.mean(axis=1), axis=0)[share.mean(axis=1) > share.mean(axis=1).median()]
for name in relative:
    print(f"{name:12}", ", ".join(relative[name].nlargest(5).index))

# %% [markdown]
# The textbook has a few of these: Olig1 and Sox10 in oligodendrocytes (OliM), Foxp2 in excitatory neurons of layer 6 (E6Tle4), Lhx6 in interneurons (InP, InS). Do they stand where they should?

# %%
for tf in ("Olig1", "Sox10", "Foxp2", "Lhx6"):
    if tf in total.index:
        ratio = share.loc[tf] / share.loc[tf].mean()
        print(f"{tf:6}", ", ".join(f"{name} {value:.1f}" for name, value in ratio.nlargest(3).items()))
if not real:
    print("simulated TFs have no such names")

# %%
shown = list(dict.fromkeys(tf for name in relative for tf in relative[name].nlargest(2).index))
figure, ax = plt.subplots(figsize=(1.5 + 0.28 * len(shown), 1 + 0.24 * relative.shape[1]), layout="constrained")
image = ax.imshow(
    relative.loc[shown].T, cmap="viridis", vmin=0, vmax=relative.loc[shown].to_numpy().max(), aspect="auto"
)
ax.set_xticks(range(len(shown)), shown, rotation=90)
ax.set_yticks(range(relative.shape[1]), relative.columns)
figure.colorbar(image, label="share of trans weight,\nrelative to all types")

# %% [markdown]
# ## Targets of one type
#
# The largest weights of every type go to the genes that all cells express most (Malat1 in nuclei). What is special to a type shows beside the other types: among the 100 strongest edges of three TFs, those whose weight
# is largest relative to its mean over types. (A ratio as large as the number of types means nowhere else.)

# %%
example = "OliM" if real else lg.get.groups(mdata)[0]
edges = lg.get.network(mdata, "trans", group=lg.get.groups(mdata), tfs=relative[example].nlargest(3).index)
wide = edges.pivot_table(index=["source", "target"], columns="group", values="weight", fill_value=0)
strong = wide.loc[wide[example].nlargest(100).index]
special = (strong[example] / strong.mean(axis=1)).nlargest(8).rename("ratio").reset_index()
print(f"{example}, weight over the mean of {wide.shape[1]} types:")
print(special.round(1).to_string(index=False))
