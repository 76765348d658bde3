# %% [markdown]
# # Traits: what a GWAS points to
#
# A genome-wide association study lists variants; networks say which genes these may touch, and which TFs and cell types stand behind them. Here the study is made up: variants are planted in the
# peaks through which one TF acts, in simulated data whose network is known. So we can see whether that TF is found.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import linger as lg

data = lg.ds.simulate(n_cells=1500, n_genes=400, n_tfs=40, n_peaks=2400, n_cell_types=4)
mdata, truth = data.mdata, data.truth
lg.pp.link_peaks(mdata)
lg.tl.fit(mdata, groupby="cell_type", config=lg.FitConfig(n_folds=0))

# %% [markdown]
# ## A study with a known answer
#
# Ways by which TFs truly act: TF, the peak it binds, the gene that the peak regulates. The TF with most genes within 100 kb of such a peak is the one behind the trait.

# %%
near = lg.get.network(mdata, "cis").query("distance < 100_000")[["source", "target"]]
acts = truth.cis[["source", "target"]].merge(near)
acts = acts.rename(columns={"source": "peak", "target": "gene"})
acts = acts.merge(truth.binding[["source", "target"]].rename(columns={"source": "tf", "target": "peak"}))
planted = acts.groupby("tf")["gene"].nunique().idxmax()
acts = acts[acts["tf"] == planted]
print(f"{planted} acts on {acts['gene'].nunique()} genes through {acts['peak'].nunique()} peaks within 100 kb")

# %% [markdown]
# Background variants all over the genome have p-values as chance gives them; those in the peaks of the planted TF are strong. Columns may also be called as the GWAS catalogue
# calls them (`CHR_ID`, `CHR_POS`, `P-VALUE`).

# %%
rng = np.random.default_rng(0)
genes, peaks = mdata["rna"].var, mdata["atac"].var
around = genes.loc[rng.choice(genes.index, 4000)]
background = pd.DataFrame(
    {
        "chrom": around["chrom"].to_numpy(),
        "pos": np.maximum(1, around["tss"].to_numpy(int) + rng.integers(-300_000, 300_000, len(around))),
        "p_value": rng.uniform(size=len(around)),
    }
)
hit = peaks.loc[acts["peak"].unique()]
causal = pd.DataFrame(
    {
        "chrom": hit["chrom"].to_numpy(),
        "pos": (hit["start"] + hit["end"]).to_numpy() // 2,
        "p_value": 10 ** -rng.uniform(8, 20, len(hit)),
    }
)
gwas = pd.concat([background, causal], ignore_index=True)
gwas.insert(0, "snp", [f"rs{number + 1}" for number in range(len(gwas))])
gwas.nsmallest(3, "p_value")

# %% [markdown]
# ## TFs and cell types
#
# Genes with a significant variant within 100 kb belong to the trait: those of the planted TF, and bystanders that lie near the same peaks. A TF scores high if many of its strongest targets are
# among them. Of 400 genes we take 40 targets; the default of 1,000 is meant for whole genomes.

# %%
lg.tl.trait_enrichment(mdata, gwas, trait="planted", n_targets=40, n_top_tfs=10)
found = lg.get.traits(mdata, "genes", trait="planted")["gene"]
print(f"{len(found)} trait genes, {found.isin(acts['gene']).sum()} of them among the {acts['gene'].nunique()} planted")
tfs = lg.get.traits(mdata, "tfs", trait="planted")
print(tfs.head(5).round(4).to_string(index=False))
print(f"rank of {planted}: {tfs['tf'].tolist().index(planted) + 1} of {len(tfs)}")
ax = lg.pl.traits(tfs, n_rows=15)

# %% [markdown]
# Cell types come from the TFs that are high in each. A trait that rests on one TF leaves this test little to go by, and no type need stand out; the p-values come from random gene sets and say so.
# Key TFs of a type score high and are expressed there.

# %%
print(lg.get.traits(mdata, "groups", trait="planted").round(3).to_string(index=False), "\n")
key_tfs = lg.get.traits(mdata, "key_tfs", trait="planted")
print(key_tfs.groupby("group").head(2).round(2).to_string(index=False))

# %% [markdown]
# ## What chance would give
#
# As many genes at random, twenty times: how large is the best score then?

# %%
best = []
for _ in range(20):
    drawn = rng.choice(mdata["rna"].var_names, len(found), replace=False)
    lg.tl.trait_enrichment(mdata, drawn, trait="chance", n_targets=40, n_top_tfs=10, n_permutations=1)
    best.append(lg.get.traits(mdata, "tfs", trait="chance").iloc[0])
best = pd.DataFrame(best)
print(
    f"best of {len(tfs)} TFs: score {best['score'].min():.1f} to {best['score'].max():.1f}, adjusted p-value from {best['p_adj'].min():.2f}"
)

# %% [markdown]
# The best of 40 z-scores is large whatever the genes (the band in the figure), so read the adjusted p-value beside it.

# %%
figure, ax = plt.subplots(figsize=(4.5, 3), layout="constrained")
ax.scatter(range(1, len(tfs) + 1), tfs["score"], s=18, color=np.where(tfs["tf"] == planted, "#0072B2", "#767676"))
ax.annotate(planted, (tfs["tf"].tolist().index(planted) + 1, tfs.set_index("tf").loc[planted, "score"]), (6, -3), textcoords="offset points")  # fmt: skip
ax.axhspan(best["score"].min(), best["score"].max(), color="#E69F00", alpha=0.25, linewidth=0)
ax.text(len(tfs), best["score"].mean(), "best TF of random genes", ha="right", va="center", fontsize=8)
ax.set(xlabel="rank of the TF", ylabel="trait score (z)")
ax.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# ## From a variant to genes and TFs
#
# Which of the strong variants lie in peaks, and which genes do these regulate? A peak is linked to all genes within 1 Mb, most of which it does not touch: the weight ranks them.

# %%
hits = lg.get.snp_peaks(mdata, gwas, genes=found, max_p_value=1e-8)
first = hits.groupby("snp", sort=False).head(1)
print(first.head(5)[["snp", "p_value", "peak", "gene", "weight", "distance"]].to_string(index=False))
pairs = set(zip(acts["peak"], acts["gene"], strict=True))
right = [pair in pairs for pair in zip(first["peak"], first["gene"], strict=True)]
print(f"strongest gene of a peak is one that the planted TF acts on through it: {np.mean(right):.0%} of {len(first)}")

# %% [markdown]
# The part of the networks that a figure of the trait would show, and whether the TF has more trait genes among its targets than random TFs (with 40 TFs to draw from, no p-value of a single one is below 1/40).

# %%
parts = lg.get.subnetwork(mdata, trait="planted", n_tfs=3, top=2)
print(parts.groupby("kind").head(2).round(4).to_string(index=False), "\n")
overlap = lg.get.target_overlap(mdata, found, tfs=planted, n_targets=[20, 40, 80])
print(overlap.round(3).to_string(index=False))
ax = lg.pl.target_overlap(overlap)

# %%
shown = lg.get.subnetwork(mdata, trait="planted", n_tfs=6, top=8)
strength = -np.log10(lg.get.traits(mdata, "genes", trait="planted").set_index("gene")["p_value"])
ax = lg.pl.network(shown[shown["kind"] == "trans"], top=60, color=strength, color_label="-log10 p of the gene")
