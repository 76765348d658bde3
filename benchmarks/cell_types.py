"""Networks of cell types and cells at the size of 10x PBMC: seconds and peak memory.

    python benchmarks/cell_types.py [--quick]

Makes a synthetic fitted graph (16,000 genes, 108,000 peaks, 93 peaks a gene, 700 TFs with a motif in a tenth of the peaks, 14 types of
10,000 cells), then times the three networks of one type, the trans network of every type, and 100 edges in every cell, each against its
target; TF importance, thresholds and files too. The trans network of one type is also computed as the authors' package does, by a product
of dense matrices (here in blocks of genes; they hold all of it, 7 GB), and the ratio is printed. ``--quick`` is a tenth of the size.
"""

from __future__ import annotations

import argparse
import logging
import resource
import sys
import tempfile
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

import linger as lg

MAX_MEMORY_GB = 12.0
TARGETS = {"three networks of one type": 8.0, "trans networks of all types": 90.0, "100 edges in every cell": 10.0}


def random_sparse(rng, shape, density):
    """Random positions, uniform values; rows hold the same number."""
    per_row = max(1, int(density * shape[1]))
    indices = rng.integers(0, shape[1], (shape[0], per_row), dtype=np.int32)
    indices.sort(axis=1)
    data = rng.random(indices.size, dtype=np.float32) + 0.01
    matrix = sparse.csr_matrix((data, indices.ravel(), np.arange(0, indices.size + 1, per_row)), shape)
    matrix.sum_duplicates()
    return matrix


def on_axis(matrix, rows, cols, n):
    """Place a matrix on the joint axis."""
    coo = matrix.tocoo()
    return sparse.csr_matrix((coo.data, (rows[coo.row], cols[coo.col])), shape=(n, n))


def synthetic(rng, *, n_genes, n_peaks, n_linked, n_tfs, n_types, n_cells):
    """Make a MuData with every slot that a fit, motifs and importance leave, of random numbers."""
    import mudata
    from anndata import AnnData

    cells = pd.Index([f"cell{i}" for i in range(n_cells)])
    rna = AnnData(random_sparse(rng, (n_cells, n_genes), 0.1), pd.DataFrame(index=cells))
    atac = AnnData(random_sparse(rng, (n_cells, n_peaks), 0.065), pd.DataFrame(index=cells))
    for adata in (rna, atac):
        adata.X.data = np.ceil(adata.X.data * 3).astype(np.float32)
    rna.var_names = [f"gene{i}" for i in range(n_genes)]
    atac.var_names = [f"chr1:{1000 * i}-{1000 * i + 500}" for i in range(n_peaks)]
    tf = np.arange(n_tfs)
    rna.var["is_tf"] = np.arange(n_genes) < n_tfs
    rna.var["linger_fitted"] = True
    rna.var["linger_alpha_scale"] = np.float32(0)
    mdata = mudata.MuData({"rna": rna, "atac": atac})
    for container in (mdata, rna):
        container.obs["type"] = pd.Categorical([f"type {i % n_types}" for i in range(n_cells)])
    n, genes, peaks = mdata.n_vars, np.arange(n_genes), n_genes + np.arange(n_peaks)
    links = random_sparse(rng, (n_genes, n_peaks), n_linked / n_peaks).T.tocsr()
    distance = links.copy()
    distance.data = (rng.random(links.nnz) * 1e6).astype(np.float32)
    motif = random_sparse(rng, (n_tfs, n_peaks), 0.1)
    alpha = random_sparse(rng, (n_tfs, n_peaks), 0.125)
    gamma = sparse.csr_matrix(rng.random((n_tfs, n_genes), dtype=np.float32))
    slots = {"distance": (distance, peaks, genes), "cis": (links, peaks, genes), "motif": (motif, tf, peaks)}
    slots |= {"binding": (alpha, tf, peaks), "trans": (gamma, tf, genes)}
    for name, placed in slots.items():
        mdata.varp[f"linger_{name}"] = on_axis(*placed, n)
    mdata.obs["metacell"] = [f"metacell {i % 300}" for i in range(n_cells)]
    return mdata


def dense_trans(mdata, group):
    """Compute gamma, TFB and CRP of one type densely, a block of 1,000 genes at a time."""
    binding = lg.get.matrix(mdata, "binding", group=group).matrix.toarray()
    cis = lg.get.matrix(mdata, "cis", group=group)
    gamma = mdata.varp["linger_trans"][: len(binding), : len(cis.targets)].toarray()
    begin, found = time.perf_counter(), np.empty_like(gamma)
    for first in range(0, found.shape[1], 1000):
        block = slice(first, first + 1000)
        found[:, block] = gamma[:, block] * (binding @ cis.matrix[:, block].toarray())
    return found, time.perf_counter() - begin


class Report:
    """Prints seconds, and how they compare with a target."""

    @contextmanager
    def stage(self, name):
        """Time what is inside."""
        begin = time.perf_counter()
        yield
        seconds = time.perf_counter() - begin
        target = f"   target {TARGETS[name]:.0f} s" if name in TARGETS else ""
        print(f"{name:32}{seconds:8.1f} s{target}   peak {peak_memory_gb():.2f} GB", flush=True)


def peak_memory_gb():
    """Peak memory of the process."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    divide = 10 if parser.parse_args().quick else 1
    logging.getLogger("linger").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    rng, report = np.random.default_rng(0), Report()
    with report.stage("(making the data)"):
        mdata = synthetic(
            rng,
            n_genes=16_000 // divide,
            n_peaks=108_000 // divide,
            n_linked=93,
            n_tfs=700 // divide,
            n_types=14,
            n_cells=10_000 // divide,
        )
        graph = sparse.random(mdata.n_obs, mdata.n_obs, density=30 / mdata.n_obs, format="csr", rng=rng)
        mdata.obsp["connectivities"] = graph
    with report.stage("means of all types"):
        lg.tl.group_means(mdata, "type")
    metacells = lg.pp.metacells(mdata, labels="metacell")
    with report.stage("TF importance of all types"):
        lg.tl.tf_importance(mdata, "type", metacells=metacells)
    del metacells
    one = lg.get.groups(mdata)[0]
    with report.stage("three networks of one type"):
        for kind in ("trans", "cis", "binding"):
            lg.get.matrix(mdata, kind, group=one)
    with report.stage("trans networks of all types"):
        edges = sum(network.matrix.nnz for _, network in lg.get.matrices(mdata, "trans"))
    print(f"   {edges:,} edges")
    begin = time.perf_counter()
    fast = lg.get.matrix(mdata, "trans", group=one).matrix
    seconds = time.perf_counter() - begin
    plain, plain_seconds = dense_trans(mdata, one)
    np.testing.assert_allclose(fast.toarray(), plain, rtol=1e-3)
    print(
        f"{'a dense product':32}{plain_seconds:8.1f} s   {plain_seconds / seconds:.1f} times the {seconds:.1f} s of get.matrix"
    )
    del fast, plain
    with report.stage("binding table, top 100,000"):
        lg.get.network(mdata, "binding", group=one, top=100_000)
    with report.stage("trans matrix, z > 1.96"):
        lg.get.matrix(mdata, "trans", group=one, min_z=1.96)
    with report.stage("the authors' trans of one type"):
        lg.get.matrix(mdata, "trans", group=one, weights="lingergrn")
    genes = mdata["rna"].var_names
    pairs = [(genes[i % 20], genes[len(genes) // 2 + i]) for i in range(100)]
    with report.stage("100 edges in every cell"):
        lg.get.edges_per_cell(mdata, pairs, neighbors_key="connectivities")
    with report.stage("trans network of one cell"):
        lg.get.matrix(mdata, "trans", cells="cell5", neighbors_key="connectivities")
    with tempfile.TemporaryDirectory() as folder:
        with report.stage("write networks of one type"):
            lg.io.write_networks(mdata, Path(folder, "networks.zarr"), groups=[one])
        with report.stage("read one of them"):
            lg.io.read_networks(Path(folder, "networks.zarr")).matrix("trans", one)
    print(f"{'peak memory':32}{peak_memory_gb():8.2f} GB  target {MAX_MEMORY_GB:.0f} GB")


if __name__ == "__main__":
    main()
