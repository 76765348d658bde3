# %% [markdown]
# # Coming from LingerGRN
#
# The steps of LingerGRN (the package of the authors of LINGER, here 1.117), the calls that do the same in `linger`, and where results will differ and why.
#
# | LingerGRN | linger |
# |---|---|
# | `get_adata(matrix, features, barcodes, label)` | `muon.read_10x_h5` or `muon.read_10x_mtx`; labels are a column of `obs` |
# | `find_neighbors`, `pseudo_bulk(adata_RNA, adata_ATAC, singlepseudobulk)` | `lg.pp.metacells(mdata, groupby="label")` |
# | `preprocess(TG_pseudobulk, RE_pseudobulk, GRNdir, genome, method, outdir)` | `lg.pp.annotate_genes`, `lg.pp.mark_tfs`, `lg.pp.link_peaks`, `lg.pp.scan_motifs` |
# | `LINGER_tr.get_TSS(GRNdir, genome, TSS_dis)`, `LINGER_tr.RE_TG_dis(outdir)` | `lg.pp.link_peaks(mdata, max_distance=TSS_dis)` |
# | `LINGER_tr.training(GRNdir, "LINGER", ...)` | `lg.tl.fit(mdata, metacells=metacells, prior=prior)` |
# | `LINGER_tr.training(GRNdir, "scNN", ...)` | the same without `prior=` |
# | method `"baseline"` | `lg.tl.fit(..., prior=prior, refine=False)` |
# | folder `data_bulk` | `lg.io.read_lingergrn_prior("data_bulk")`, or a prior of your own by `lg.tl.pretrain` |
# | `LL_net.TF_RE_binding`, `cis_reg`, `trans_reg` | `lg.get.network(mdata, "binding" / "cis" / "trans")` |
# | `LL_net.cell_type_specific_TF_RE_binding`, `..._cis_reg`, `..._trans_reg` | the same with `group="B cell"`; `lg.io.write_networks` writes all |
# | `regulon(outdir, adata_RNA, GRNdir, network, genome)` | `lg.tl.tf_activity(adata, lg.get.regulons(mdata))` |
# | `master_regulator(regulon_score, adata_RNA, celltype)` | `lg.tl.drivers(adata, "label", sample_key=...)` |
# | `driver_score(...)` | `lg.tl.drivers(..., method="transcriptomic" / "epigenetic")` |
# | `Module_trans(outdir, K, ...)` | `lg.tl.modules(mdata, n_modules=K)`, `lg.get.module_enrichment` |
# | `get_simulation(...)`, `umap_embedding`, `Umap_direct` | `lg.tl.perturb`, `lg.tl.perturb_shift`, `lg.pl.shift` |
# | `bm_trans` | `lg.bm.compare`, `lg.pl.comparison`, `lg.pl.precision_recall` |
# | files in `outdir` | slots of the MuData, and a store for trained networks (docs/formats.md) |


# %%
from pathlib import Path
from tempfile import TemporaryDirectory

import mudata
import pandas as pd

import linger as lg

mudata.set_options(pull_on_update=False)  # mudata's default from 0.4 on
folder = TemporaryDirectory()
outdir = Path(folder.name)
data = lg.ds.simulate(n_cells=1000, n_genes=200, n_tfs=25, n_peaks=1200, n_cell_types=4, n_bulk=60)

# %% [markdown]
# ## The data
#
# LingerGRN keeps two AnnData of the same cells, `adata_RNA` and `adata_ATAC`, with cell types in `obs["label"]`. Put these into one MuData. Both must hold raw counts: LingerGRN's `pseudo_bulk` scales and logs
# what it is given in place, so take them from before that call. Simulated data stand in here, and bring locations of genes, TFs and motif affinities along; with your own you would add

# %% [markdown]
# ```python
# lg.pp.annotate_genes(mdata, annotation="hg38")
# lg.pp.mark_tfs(mdata, tfs="human")
# lg.pp.scan_motifs(mdata, genome="hg38.fa")
# ```

# %%
adata_RNA, adata_ATAC = data.mdata["rna"].copy(), data.mdata["atac"].copy()
for adata in (adata_RNA, adata_ATAC):
    adata.obs = adata.obs.rename(columns={"cell_type": "label"})
mdata = mudata.MuData({"rna": adata_RNA, "atac": adata_ATAC})
mdata.varp["linger_motif"] = data.mdata.varp["linger_motif"]  # what lg.pp.scan_motifs writes

# %% [markdown]
# ## Metacells
#
# As many per type as the square root of its cells, or more where there are cells enough (`n_metacells="sqrt"` for LingerGRN's number). What differs: ATAC is scaled for depth as RNA is, RNA is logged once and not twice,
# neighbours do not cross cell types, and there are 100 of them (`n_neighbors=20` for LingerGRN's).

# %%
lg.pp.link_peaks(mdata)
metacells = lg.pp.metacells(mdata, groupby="label")
print(metacells.shape[0], "metacells")

# %% [markdown]
# ## Training
#
# `data_bulk`, the prior that the authors publish (201 ENCODE samples, human), is read by `lg.io.read_lingergrn_prior("data_bulk")`. Here we train one on simulated bulk samples. Other species need no
# separate road: give a GTF, your list of TFs and, if there are any, bulk samples.

# %%
lg.pp.link_peaks(data.bulk)
prior = lg.tl.pretrain(data.bulk)
lg.tl.fit(mdata, metacells=metacells, prior=prior, config=lg.FitConfig(n_folds=0), store=outdir / "networks")
report = mdata.uns["linger"]["prior"]
print({name: report[name] for name in ("n_genes", "n_genes_matched", "n_peaks", "n_peaks_matched")})

# %% [markdown]
# The same loss as LingerGRN's is `lg.FitConfig.lingergrn()`: a random start, the l1 norm of matrices in the sense of `torch.linalg.norm(W, 1)`, which is the largest column sum, and an elastic term that is a product and not a distance to the
# prior. The defaults write the terms as the paper describes them and start from the prior. Several fits live side by side under keys of their own.

# %%
lg.pp.link_peaks(mdata, key_added="authors")
mdata.varp["authors_motif"] = mdata.varp["linger_motif"]
config = lg.FitConfig.lingergrn(n_folds=0)
lg.tl.fit(mdata, metacells=metacells, prior=prior, config=config, key_added="authors")

truth = {kind: getattr(data.truth, kind) for kind in ("trans", "cis", "binding")}
scores = {}
for title, key in (("defaults", "linger"), ("FitConfig.lingergrn()", "authors")):
    table = lg.bm.recovery(mdata, metacells, truth=truth, key=key).set_index(["kind", "method"])
    scores[title] = table["auroc"].xs("linger", level="method")
print("AUROC against the true network:\n", pd.DataFrame(scores).round(3), sep="")

# %% [markdown]
# ## Networks
#
# Tables in place of files, made when asked for. `min_z=1.96` keeps edges that stand out among those of their TF and their gene.

# %%
print(lg.get.network(mdata, "trans", top=3), "\n")
print(lg.get.network(mdata, "cis", group="type_1", top=3))

# %% [markdown]
# Programs that read LingerGRN's text files can have them: genes in rows and TFs in columns for trans, three columns without a header for cis, peaks in rows and TFs in columns for binding.

# %%
trans, binding = lg.get.matrix(mdata, "trans"), lg.get.matrix(mdata, "binding")
frames = {
    "cell_population_trans_regulatory.txt": (trans, trans.targets, trans.sources),
    "cell_population_TF_RE_binding.txt": (binding, binding.targets, binding.sources),
}
for name, (network, rows, columns) in frames.items():
    pd.DataFrame(network.matrix.T.toarray(), rows, columns).to_csv(outdir / name, sep="\t")
cis = lg.get.network(mdata, "cis")[["source", "target", "weight"]]
cis.to_csv(outdir / "cell_population_cis_regulatory.txt", sep="\t", header=False, index=False)
print(sorted(path.name for path in outdir.glob("*.txt")))

# %% [markdown]
# ## Networks of cell types
#
# The equations are the paper's (docs/cell_types.md). LingerGRN's code leaves out the coactivity of TF and peak and, in trans, the strength gamma, and adds 0.1 to all; with `method="LINGER"` its cis networks of types take beta from
# the published bulk files, not from your fit. `weights="lingergrn"` computes its formulas from the strengths fitted here.

# %%
rows = []
for kind in truth:
    for weights in ("paper", "lingergrn"):
        for name in lg.get.groups(mdata):
            network = lg.get.network(mdata, kind, group=name, weights=weights)
            active = getattr(data.truth.per_type[name], kind)
            pairs = lg.bm.universe(mdata, kind=kind)
            found = lg.bm.evaluate(network, active, by="target" if kind == "cis" else "source", universe=pairs)
            rows.append({"kind": kind, "weights": weights, "auroc": found["auroc"].mean()})
print(pd.DataFrame(rows).groupby(["kind", "weights"], sort=False)["auroc"].mean().unstack().round(3))

# %% [markdown]
# Trans and cis gain by the paper's equations, and binding by LingerGRN's, whose constants also rank pairs without a motif, by openness.
#
# ## TF activity and drivers
#
# `method="lingergrn"` is LingerGRN's regulon score; decoupler's methods are there too (AUCell is the paper's). `master_regulator` compares cells, TF by TF, and adjusts p-values one cell type at a time. `lg.tl.drivers` compares samples
# where they are named (and warns where they are not, as here), and adjusts over all tests together.

# %%
lg.tl.tf_activity(mdata, lg.get.regulons(mdata, n_targets=30), method="lingergrn")
lg.tl.drivers(mdata, "label")
print(lg.get.drivers(mdata)[["group", "tf", "difference", "statistic", "p_adj"]].head(4))

# %% [markdown]
# ## Modules and knock-outs
#
# Knock-outs need the trained networks, hence `store=` above. They are expression 0 on the scale of training. (LingerGRN standardises again after the change, which turns the constant into the mean, so that a TF "without expression" has its average.)

# %%
lg.tl.modules(mdata, n_modules=4)
print(lg.get.modules(mdata).groupby("source").size().to_dict())
tf = lg.get.network(mdata, "trans", top=1)["source"].iloc[0]
lg.tl.perturb(mdata, {tf: 0.0}, groupby="label")
change = lg.get.perturbation(mdata, level="groups").drop(columns=tf)
print(change.loc["type_1"].sort_values(key=abs, ascending=False).head(3).round(3))
