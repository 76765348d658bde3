"""Simulate a knock-out with CellOracle. Run by ``tutorials/perturbation.py`` in CellOracle's own environment.

``python simulate_shift.py cells.h5ad networks.json result.npz``

cells.h5ad: counts scaled to the median depth, clusters in obs, an embedding in obsm. networks.json: ``tf``, ``tfs``, ``clusters``, ``cluster_column``, ``embedding``, and ``tfdict`` by cluster
(:func:`linger.get.celloracle_tfdict`). coefficients.npz beside the cells: a square matrix for each cluster (:func:`linger.get.celloracle_coefficients`), with which CellOracle
simulates, too.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")

import anndata as ad
import celloracle as co
import numpy as np
import pandas as pd


def screen(oracle, tfs, clusters, labels):
    """Return the mean change of each gene in each cluster without each TF; NaN where CellOracle refuses a TF."""
    means = np.full((len(tfs), len(clusters), oracle.adata.n_vars), np.nan)
    for number, tf in enumerate(tfs):
        try:
            oracle.simulate_shift({tf: 0.0}, n_propagation=3)
        except ValueError as error:  # no target in its own models, for example
            print(error)
            continue
        delta = np.asarray(oracle.adata.layers["delta_X"])
        means[number] = [delta[labels == cluster].mean(axis=0) for cluster in clusters]
    return means


def simulate(oracle, tf):
    """Return the change of expression and where cells would move."""
    oracle.simulate_shift({tf: 0.0}, n_propagation=3)
    oracle.estimate_transition_prob(n_neighbors=50, knn_random=False, sampled_fraction=1, n_jobs=1)
    oracle.calculate_embedding_shift(sigma_corr=0.05)
    return oracle.adata.layers["delta_X"], oracle.delta_embedding


def main():
    cells, networks, out = sys.argv[1:4]
    request = json.loads(Path(networks).read_text())
    adata = ad.read_h5ad(cells)
    oracle = co.Oracle()
    oracle.import_anndata_as_raw_count(
        adata,
        cluster_column_name=request["cluster_column"],
        embedding_name=request["embedding"],
        transform="natural_log",
    )
    by_cluster = request["tfdict"]
    every = {}
    for tfdict in by_cluster.values():
        for gene, tfs in tfdict.items():
            every.setdefault(gene, set()).update(tfs)
    oracle.import_TF_data(TFdict={gene: sorted(tfs) for gene, tfs in every.items()})
    oracle.cluster_specific_TFdict = by_cluster
    oracle.perform_PCA()
    oracle.knn_imputation(n_pca_dims=20, k=25, balanced=True, b_sight=200, b_maxl=100, n_jobs=1)
    oracle.fit_GRN_for_simulation(alpha=10, use_cluster_specific_TFdict=True, verbose_level=0)
    delta, shift = simulate(oracle, request["tf"])
    found = {"cells": oracle.adata.obs_names.to_numpy(str), "genes": oracle.adata.var_names.to_numpy(str)}
    found |= {"delta": np.asarray(delta), "shift": np.asarray(shift), "version": co.__version__}
    labels = oracle.adata.obs[request["cluster_column"]].astype(str).to_numpy()
    found["screen"] = screen(oracle, request["tfs"], request["clusters"], labels)
    with np.load(Path(cells).with_name("coefficients.npz")) as file:
        oracle.coef_matrix_per_cluster = {
            cluster: pd.DataFrame(file[f"cluster_{number}"], oracle.adata.var_names, oracle.adata.var_names)
            for number, cluster in enumerate(request["clusters"])
        }
    found["screen_linger"] = screen(oracle, request["tfs"], request["clusters"], labels)
    delta, shift = simulate(oracle, request["tf"])
    np.savez(out, **found, delta_linger=np.asarray(delta), shift_linger=np.asarray(shift))


if __name__ == "__main__":
    main()
