# %% [markdown]
# # From a 10x multiome to the networks of cell types
#
# The way from the file that Cell Ranger ARC writes to networks of cell types. `DOWNLOAD = True` takes 10x Genomics' 10k blood cells (162 MB, kept; `pip install "linger-multiome[tutorials]"`); fitting 2,000 genes of them takes
# minutes to an hour by machine. Otherwise simulated cells are written to a file of the same form and read in the same way, in a minute. Their genes have numbers for names, and nothing said of them is biology.

# %%
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import mudata
import muon
import numpy as np
import scanpy as sc
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

import linger as lg

DOWNLOAD = False
mudata.set_options(pull_on_update=False)  # mudata's default from 0.4 on
folder = TemporaryDirectory()
work = Path(folder.name)


def write_10x_h5(path, simulated):
    """Write simulated cells as Cell Ranger ARC would, with a tenth more barcodes that hold hardly anything."""
    counts = sparse.vstack([sparse.hstack([simulated["rna"].X, simulated["atac"].X])] * 2).tocsr()
    counts = counts[: simulated.n_obs + simulated.n_obs // 10].astype(np.int32)
    debris = slice(counts.indptr[simulated.n_obs], None)
    counts.data[debris] = np.random.default_rng(0).binomial(counts.data[debris], 0.03)
    genes, peaks = simulated["rna"].var, simulated["atac"].var_names
    starts = [f"{gene.chrom}:{gene.tss}-{gene.tss + 1}" for gene in genes.itertuples()]
    texts = {
        "id": [*genes.index, *peaks],
        "name": [*genes.index, *peaks],
        "feature_type": ["Gene Expression"] * len(genes) + ["Peaks"] * len(peaks),
        "genome": ["simulated"] * counts.shape[1],
        "interval": [*starts, *peaks],
    }
    with h5py.File(path, "w") as file:
        for name, values in {"data": counts.data, "indices": counts.indices, "indptr": counts.indptr}.items():
            file[f"matrix/{name}"] = values
        file["matrix/shape"] = counts.shape[::-1]
        file["matrix/barcodes"] = [f"CELL{number}-1" for number in range(counts.shape[0])]
        for name, values in texts.items():
            file[f"matrix/features/{name}"] = values


# %% [markdown]
# ## Read

# %%
if DOWNLOAD:
    mdata = lg.ds.pbmc10k()
else:
    simulated = lg.ds.simulate(n_cells=1500, n_genes=300, n_tfs=30, n_peaks=1800, n_cell_types=5).mdata
    write_10x_h5(work / "filtered_feature_bc_matrix.h5", simulated)
    mdata = muon.read_10x_h5(work / "filtered_feature_bc_matrix.h5")
mdata

# %% [markdown]
# ## Cells worth keeping
#
# Counts in both modalities not far below what most cells have (three median absolute deviations on the log scale, below and above), and not many from mitochondria. Then genes and peaks seen in ten cells.

# %%
rna, atac = mdata["rna"], mdata["atac"]
rna.var["mt"] = rna.var_names.str.startswith("MT-")
sc.pp.calculate_qc_metrics(rna, qc_vars=["mt"], percent_top=None, inplace=True)
sc.pp.calculate_qc_metrics(atac, percent_top=None, inplace=True)
good = (rna.obs["pct_counts_mt"].fillna(0) < 20).to_numpy()
for modality in (rna, atac):
    depth = modality.obs["log1p_total_counts"]
    away = (depth - depth.median()).abs() / (depth - depth.median()).abs().median()
    good &= (away < 3 / 0.6745).to_numpy()
print(f"{good.sum()} of {len(good)} barcodes are kept")
muon.pp.filter_obs(mdata, good)
for name in ("rna", "atac"):
    seen = np.asarray((mdata[name].X > 0).sum(axis=0)).ravel() >= 10
    muon.pp.filter_var(mdata[name], seen)
mdata.update()
rna, atac = mdata["rna"], mdata["atac"]
print(rna.shape, atac.shape)

# %% [markdown]
# ## Cell types
#
# Raw counts go to `layers["counts"]`, where linger finds them after `X` was normalised. Principal components of RNA and latent semantic indexing of ATAC, side by side, give the neighbours for Leiden clusters.

# %%
for modality in (rna, atac):
    modality.layers["counts"] = modality.X.copy()
sc.pp.normalize_total(rna)
sc.pp.log1p(rna)
sc.pp.highly_variable_genes(rna, n_top_genes=min(2000, rna.n_vars))
sc.pp.pca(rna, n_comps=15)
muon.atac.pp.tfidf(atac)
muon.atac.tl.lsi(atac, n_comps=15)
parts = [rna.obsm["X_pca"], atac.obsm["X_lsi"][:, 1:]]  # the first component of LSI is depth
rna.obsm["X_joint"] = np.hstack([part / part.std() for part in parts])
sc.pp.neighbors(rna, use_rep="X_joint", transformer="sklearn")
sc.tl.umap(rna)
sc.tl.leiden(rna, resolution=0.5, flavor="igraph", n_iterations=2)

# %% [markdown]
# Clusters are named by markers where genes have such names (each takes the type whose markers stand out most; look at the markers before you believe it), and by number in the simulation, where we can compare with the true types.

# %%
markers = {
    "T": ["CD3D", "CD3E", "IL7R"],
    "NK": ["GNLY", "NKG7"],
    "B": ["MS4A1", "CD79A"],
    "monocyte": ["LYZ", "CD14", "FCN1"],
    "dendritic": ["FCER1A", "CST3"],
}
if DOWNLOAD:
    for name, genes in markers.items():
        sc.tl.score_genes(rna, genes, score_name=name)
    means = rna.obs.groupby("leiden", observed=True)[list(markers)].mean()
    names = ((means - means.mean()) / means.std()).idxmax(axis=1)
else:
    names = "cluster " + rna.obs["leiden"].cat.categories.to_series()
    true = simulated.obs["cell_type"].to_numpy()[rna.obs_names.str.extract(r"(\d+)", expand=False).astype(int)]
    print(f"adjusted Rand index with the true types: {adjusted_rand_score(true, rna.obs['leiden']):.2f}")
mdata.obs["cell_type"] = rna.obs["cell_type"] = rna.obs["leiden"].map(names).astype(str).astype("category")
print(rna.obs["cell_type"].value_counts().to_dict())
colours = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442"]
sc.pl.umap(rna, color="cell_type", palette=colours, show=False)

# %% [markdown]
# ## Genes, TFs, peaks, motifs
#
# `"interval"` takes start sites from the 10x file itself; `"hg38"` would take them from a built-in table. TFs are marked by a list. Motif affinities come from the genome sequence: with `LINGER_GENOME=hg38.fa` peaks are scanned with JASPAR's motifs
# (`pip install "linger-multiome[motifs]"`). The simulation has its own.

# %%
lg.pp.annotate_genes(mdata, annotation="interval")
lg.pp.mark_tfs(mdata, tfs="human" if DOWNLOAD else [name for name in rna.var_names if name.startswith("TF")])
lg.pp.link_peaks(mdata)
genome = os.environ.get("LINGER_GENOME")
if not DOWNLOAD:
    at = simulated.var_names.get_indexer(mdata.var_names)
    mdata.varp["linger_motif"] = simulated.varp["linger_motif"][at][:, at]
elif genome:
    lg.pp.scan_motifs(mdata, genome=genome)
has_motifs = "linger_motif" in mdata.varp
print(f"{rna.var['tss'].notna().sum()} of {rna.n_vars} genes located, {rna.var['is_tf'].sum()} TFs")
print(mdata.uns["linger"]["link_peaks"])

# %% [markdown]
# ## Forty real cells
#
# These steps on forty cells of the real data, where they are at hand: too few for types or networks, enough to see that names and builds fit.

# %%
forty = Path(os.environ.get("LINGER_TEST_DATA", "../shared/data")) / "pbmc10k_40cells" / "pbmc40.h5mu"
if forty.is_file():
    few = mudata.read_h5mu(forty)
    lg.pp.annotate_genes(few, annotation="hg38")
    lg.pp.mark_tfs(few, tfs="human")
    lg.pp.link_peaks(few)
    genes = few["rna"].var
    print(f"{genes['tss'].notna().sum()} of {len(genes)} genes located, {genes['is_tf'].sum()} TFs")
    print(few.uns["linger"]["link_peaks"])
else:
    print(f"left out: there is no {forty}")

# %% [markdown]
# ## Fit
#
# Metacells within types, then a network for every variable gene. A correlation with held-out expression near 0 would mean that there is no network to speak of.

# %%
metacells = lg.pp.metacells(mdata, groupby="cell_type")
chosen = rna.var_names[rna.var["highly_variable"] & rna.var["tss"].notna()]
lg.tl.fit(mdata, metacells=metacells, genes=chosen, config=lg.FitConfig(n_folds=2))
figure = lg.pl.training(mdata)
quality = rna.var["linger_correlation"]
print(f"{quality.notna().sum()} genes; correlation with held-out expression: median {quality.median():.2f}")

# %% [markdown]
# ## Types
#
# TF importance: whose motif is enriched in the peaks that a type opens, and who is expressed where these are open.

# %%
if has_motifs:
    lg.tl.tf_importance(mdata, "cell_type", metacells=metacells)
    print(lg.get.tf_importance(mdata).groupby("group").head(2).to_string(index=False))
    ax = lg.pl.importance(mdata)

# %% [markdown]
# The network of one type, edges that stand out among those of their TF and of their gene; and how many targets of each TF two types share.

# %%
types = lg.get.groups(mdata)
print(lg.get.network(mdata, "trans", group=types[0], min_z=1.96, top=5)[["source", "target", "weight", "sign"]])
net = {name: lg.get.regulons(mdata, group=name, n_targets=30) for name in types[:2]}
both = net[types[0]].merge(net[types[1]], on=["source", "target"])
shared = both.groupby("source").size() / 30
print(
    f"targets shared by {types[0]} and {types[1]}: {shared.median():.0%} at the median TF, least by {shared.idxmin()}"
)

# %% [markdown]
# A gene's surroundings: arcs are as high as the edge from the peak is strong, and tracks show how open peaks are in each type.

# %%
gene = lg.get.network(mdata, "cis", group=types[0], top=300)["target"].value_counts().index[0]
figure = lg.pl.locus(mdata, gene, arcs=types[0])

# %% [markdown]
# How active the TFs are in each cell, by the expression of their targets, on the UMAP.

# %%
lg.tl.tf_activity(mdata, lg.get.regulons(mdata, n_targets=30), method="ulm")
activity = rna.obsm["score_linger"]
varied = activity.groupby(rna.obs["cell_type"], observed=True).mean().std().nlargest(3).index
for tf in varied:
    rna.obs[f"{tf} activity"] = activity[tf]
sc.pl.umap(rna, color=[f"{tf} activity" for tf in varied], cmap="RdBu_r", vcenter=0, ncols=3, show=False)

# %% [markdown]
# ## Keep
#
# The MuData holds all networks; types are computed from it when asked for.

# %%
lg.io.write_h5mu(mdata, work / "networks.h5mu")
again = mudata.read_h5mu(work / "networks.h5mu")
print(lg.get.network(again, "cis", group=types[0], top=3)[["source", "target", "weight", "distance"]])
