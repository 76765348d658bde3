# %% [markdown]
# # In-silico knock-outs
#
# In the networks, and in CellOracle with these networks. Data with a known network, so that predictions can be compared with what the true network does. With your own data start from a MuData with `rna` and `atac` (see the
# [quick start](quick_start.py)). The trained networks are needed, so fit with `store=`.

# %%
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import scanpy as sc

import linger as lg

COLORS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7"]  # distinguishable with any colour vision
folder = Path(tempfile.mkdtemp())
sim = lg.ds.simulate(n_cells=1500, n_genes=300, n_tfs=30, n_peaks=2000, n_cell_types=4)
mdata = sim.mdata
lg.pp.link_peaks(mdata)
lg.tl.fit(mdata, groupby="cell_type", config=lg.FitConfig(n_folds=0), store=folder / "networks")

# %% [markdown]
# ## A screen of all TFs
#
# Every TF is knocked out in turn, in all metacells; changes are averaged by cell type. `support="peaks"` weighs each effect by how much of the way from TF to gene leads through peaks that it binds.

# %%
lg.tl.perturb_screen(mdata, groupby="cell_type", support="peaks")
screen = lg.get.perturbation_screen(mdata, group="type_1")
strongest = screen.abs().mean(axis=1).sort_values(ascending=False)
print("TFs whose loss changes most in type_1:\n", strongest.head(5).round(4), sep="")

# %% [markdown]
# The truth: what the network that made the data does without the TF.


# %%
def true_changes(tf, cluster):
    """Return the genes that the true network changes without a TF."""
    change = sim.knockout({tf: 0.0}).loc[cluster]
    change = change[(change.abs() > 0.05) & (change.index != tf)]
    return pd.DataFrame({"source": tf, "target": change.index, "log_fc": change.to_numpy()})


table = lg.bm.knockouts(screen, pd.concat([true_changes(tf, "type_1") for tf in screen.index]), n_strongest=20)
print("predicted against true changes, mean over TFs:\n", table.mean().round(3), sep="")
TF = str(table["n_pos"].idxmax())  # the one with most targets

# %% [markdown]
# ## One TF in every cell, and where cells would go

# %%
rna = mdata["rna"]
plain = sc.AnnData(rna.X.copy(), obs=rna.obs[[]].copy(), var=rna.var[[]].copy())
sc.pp.normalize_total(plain)
scaled_counts = plain.X.copy()
sc.pp.log1p(plain)
sc.pp.pca(plain, n_comps=20)
sc.pp.neighbors(plain, n_neighbors=30)
sc.tl.umap(plain, random_state=0)
rna.obsm["X_umap"] = plain.obsm["X_umap"]
lg.tl.perturb(mdata, {TF: 0.0}, groupby="cell_type", n_propagation=10)
lg.tl.perturb_shift(mdata, "X_umap", groupby="cell_type")
change = lg.get.perturbation(mdata, level="groups")
print(
    f"genes that change most without {TF}:\n",
    change.loc["type_1"].sort_values(key=abs, ascending=False).head(6).round(3),
    sep="",
)
print("transitions beside genes permuted:\n", lg.get.transitions(mdata).head(4).round(3), sep="")


figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
ax = lg.pl.shift(mdata, color="cell_type", ax=axes[0]).set_title(f"{TF} knocked out")
ax = lg.pl.shift(mdata, color="cell_type", control=True, ax=axes[1])
axes[0].get_legend().remove()

# %% [markdown]
# ## The same in CellOracle
#
# CellOracle needs older packages, and so an environment of its own (two minutes to make, once). It gets the TFs of each gene in each cluster, fits its own linear models on them, and
# simulates; then it simulates with the linear part of the networks in place of its own coefficients. Its licence is for non-commercial use. Without a
# connection, or where it cannot be built, this part is left out, and says so.


# %% tags=["hide-input"]
def draw(ax, shift, title):
    """Draw cells and the vector field of a shift."""
    points, types = rna.obsm["X_umap"], mdata.obs["cell_type"].astype("category")
    for number, name in enumerate(types.cat.categories):
        mine = (types == name).to_numpy()
        ax.scatter(*points[mine].T, s=5, color=COLORS[number], alpha=0.4, linewidths=0, label=name)
    step = 25
    order = np.argsort(points[:, 0])[::step]
    ax.quiver(*points[order].T, *shift[order].T, angles="xy", width=0.004)
    ax.set(title=title, xticks=[], yticks=[], xlabel="UMAP 1", ylabel="UMAP 2")


def celloracle_python():
    """Return an interpreter that has CellOracle, making its environment where it is not there yet."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "linger" / "celloracle-0.20"
    cache = Path(os.environ.get("LINGER_CELLORACLE", cache))
    python = cache / "bin" / "python"
    if (
        python.exists()
        and subprocess.run([python, "-c", "import celloracle"], capture_output=True, check=False).returncode == 0
    ):
        return python
    print(f"making an environment for CellOracle in {cache} (minutes)", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", cache], check=True)
    pip = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "numpy<2", "cython", "setuptools<81", "wheel"], check=True)
    subprocess.run([*pip, "--no-build-isolation", "velocyto"], check=True)
    subprocess.run([*pip, "--no-build-isolation", "celloracle==0.20.0", "numpy==1.26.4", "setuptools<81"], check=True)
    return python


started = time.perf_counter()
try:
    python = celloracle_python()
except (OSError, subprocess.CalledProcessError) as error:
    python = None
    print(f"CellOracle is left out: {error}")
if python is not None:
    print(f"environment of CellOracle: {time.perf_counter() - started:.0f} s")
    clusters = lg.get.groups(mdata)
    # CellOracle's choice of variable genes stops at genes that are hardly there, or above a mean of 35
    mean, seen = np.asarray(scaled_counts.mean(axis=0)).ravel(), (scaled_counts > 0).sum(axis=0).A1
    kept = rna.var_names[(seen >= 20) & (mean < 35)]
    coefficients = lg.get.celloracle_coefficients(mdata, groupby="cell_type", genes=kept)
    np.savez(folder / "coefficients.npz", **{f"cluster_{i}": coefficients[name] for i, name in enumerate(clusters)})
    tfs = [tf for tf in screen.index if tf in kept]
    request = {"tf": TF, "tfs": tfs, "cluster_column": "cell_type", "embedding": "X_umap", "clusters": clusters}
    request["tfdict"] = lg.get.celloracle_tfdict(mdata, groups=clusters, n_tfs=10)
    (folder / "networks.json").write_text(json.dumps(request))
    obs = pd.DataFrame({"cell_type": mdata.obs["cell_type"].astype(str).astype("category")}, index=rna.obs_names)
    cells = sc.AnnData(scaled_counts, obs=obs, var=rna.var[[]].copy(), obsm={"X_umap": rna.obsm["X_umap"]})
    cells[:, kept].write_h5ad(folder / "cells.h5ad")
    started = time.perf_counter()
    here = Path(__file__).parent if "__file__" in globals() else Path()  # a notebook runs in its own folder
    script = here / "celloracle" / "simulate_shift.py"
    arguments = [folder / name for name in ("cells.h5ad", "networks.json", "result.npz")]
    done = subprocess.run([python, script, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"CellOracle failed:\n{done.stderr[-3000:]}")
    result = np.load(folder / "result.npz")
    print(f"CellOracle {result['version']}: {time.perf_counter() - started:.0f} s")

    # back into the MuData, cells and genes by name
    deltas = {
        name: pd.DataFrame(result[name], result["cells"], result["genes"]).reindex(
            index=rna.obs_names, columns=rna.var_names
        )
        for name in ("delta", "delta_linger")
    }
    rna.layers["celloracle_delta"] = deltas["delta"].to_numpy(np.float32)
    order = pd.Index(result["cells"]).get_indexer(rna.obs_names)
    rna.obsm["celloracle_shift"] = result["shift"][order]
    rna.obsm["celloracle_linger_shift"] = result["shift_linger"][order]

    # all TFs, against the truth, over the genes that CellOracle has
    shared, scores = kept.intersection(screen.columns), []
    for number, cluster in enumerate(clusters):
        methods = {"linger": lg.get.perturbation_screen(mdata, group=cluster)}
        for name, label in (("screen", "CellOracle"), ("screen_linger", "CellOracle, coefficients of linger")):
            methods[label] = pd.DataFrame(result[name][:, number], tfs, result["genes"])
        simulated = [tf for tf in tfs if methods["CellOracle"].loc[tf].notna().all()]
        truth = [true_changes(tf, cluster) for tf in simulated]
        for label, each in methods.items():
            found = lg.bm.knockouts(each.loc[simulated, shared], pd.concat(truth), n_strongest=20)
            scores.append(found.assign(method=label))
    print(f"{len(simulated)} TFs in {len(clusters)} types, means:")
    measures = ["auroc", "aupr_ratio", "sign_accuracy", "correlation"]
    print(pd.concat(scores).groupby("method")[measures].mean().round(3).to_string())
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    draw(axes[0], rna.obsm["celloracle_shift"], f"CellOracle, {TF} knocked out")
    draw(axes[1], rna.obsm["celloracle_linger_shift"], "with coefficients of linger")
    axes[1].legend(loc="upper left", bbox_to_anchor=(1, 1), markerscale=3, frameon=False)
