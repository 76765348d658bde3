# %% [markdown]
# # A prior from bulk data
#
# Bulk samples of many tissues teach the networks first; your cells refine them. Here both are simulated from one known network; on your own data
# the panel is a table of expression and a folder of peak files (`lg.io.read_peaks_panel`).

# %%
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

import linger as lg

data = lg.ds.simulate(n_cells=1000, n_genes=200, n_tfs=25, n_peaks=1200, n_cell_types=4, n_bulk=60)
for mdata in (data.mdata, data.bulk):
    lg.pp.link_peaks(mdata)
metacells = lg.pp.metacells(data.mdata, groupby="cell_type")

# %% [markdown]
# Pre-train in two rounds, the second held to what the first has learnt, and save. Half precision halves the size.

# %%
first = lg.tl.pretrain(data.bulk[:30].copy(), description="thirty samples")
prior = lg.tl.pretrain(data.bulk[30:].copy(), prior=first, description="thirty more")
folder = TemporaryDirectory()
prior.save(Path(folder.name) / "prior", precision="float16")
prior

# %% [markdown]
# Fit without and with it. The cells alone can tell less than with the prior, and the prior alone (`refine=False`) knows nothing of these cells.

# %%
truth = {kind: getattr(data.truth, kind) for kind in ("trans", "cis", "binding")}
config = lg.FitConfig(n_folds=2)
ways = {
    "no prior": {},
    "prior": {"prior": Path(folder.name) / "prior"},
    "prior alone": {"prior": prior, "refine": False},
}
scores = {}
for name, way in ways.items():
    lg.tl.fit(data.mdata, metacells=metacells, config=config, **way)
    table = lg.bm.recovery(data.mdata, metacells, truth=truth).set_index(["kind", "method"])
    scores[name] = table["auroc"].xs("linger", level="method")
    scores[name]["held-out R2 (median)"] = data.mdata["rna"].var["linger_r2"].median()
pd.DataFrame(scores).round(3)

# %% [markdown]
# What of the prior was found in the data, and which genes started from it.

# %%
lg.tl.fit(data.mdata, metacells=metacells, prior=prior, config=config)
print(data.mdata.uns["linger"]["prior"])
print(data.mdata["rna"].var["linger_prior"].value_counts())

# %%
ax = lg.pl.prior_match(data.mdata)
