"""Time LingerGRN's own training functions on given arrays. Started by ``per_gene.py``, in LingerGRN's environment.

``python _lingergrn_worker.py ARRAYS.npz {plain,manifold} THREADS GENES`` prints one line of JSON: seconds per gene,
after one gene of warm-up, versions, and what shows that the work was done: mean squared error before and after
training, correlation of prediction and target, share of Shapley values that are not 0.

Nothing of LingerGRN is changed; its functions read the objects that its own ``training`` hands to them. "plain" is
``sc_nn_NN`` (no prior, no manifold term). "manifold" is ``sc_nn``, which needs the networks of a bulk data set: here
untrained networks of its own class, whose TFs and REs are those of the data, and random Fisher information.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import pandas as pd
import shap
import torch
from LingerGRN import LINGER_tr

EPOCHS = 100  # fixed in LingerGRN


def joined(numbers):
    return "_".join(map(str, numbers))


def plain(arrays, l1):
    """Return a function gene number -> (network, Shapley values, loss), without the manifold term."""
    peaks = [f"chr1:{i}" for i in range(len(arrays["re"]))]
    expression = pd.DataFrame(arrays["tf"], index=[f"TF{i}" for i in range(len(arrays["tf"]))])
    accessibility = pd.DataFrame(arrays["re"], index=peaks)
    targets = pd.DataFrame(arrays["targets"], index=[f"gene{i}" for i in range(len(arrays["targets"]))])

    def run(i):
        link = [f"gene{i}", [peaks[j] for j in arrays["columns"][i]]]
        return LINGER_tr.sc_nn_NN(i, link, targets, expression, accessibility, l1, "ReLU")

    return run


def manifold(arrays, l1):
    """Return the same with the manifold term and a made-up bulk data set of the same TFs, REs and genes."""
    n_genes, n_res = arrays["columns"].shape
    n_tfs = len(arrays["tf"])
    size = n_tfs + n_res
    rng = np.random.default_rng(1)
    torch.manual_seed(1)
    networks = [LINGER_tr.Net(size, "ReLU").state_dict() for _ in range(n_genes)]
    fisher = [[torch.as_tensor(rng.random((64, size)) * 1e-3, dtype=torch.float32)] for _ in range(n_genes)]
    genes = pd.DataFrame({"id_s": np.arange(1, n_genes + 1), "id_b": np.arange(1, n_genes + 1)})
    match = pd.DataFrame({"id_s": np.arange(1, n_tfs + 1), "id_b": np.arange(1, n_tfs + 1)})
    # positions in the data count from 0, those in the bulk data from 1
    tfs = np.array([joined(range(n_tfs))] * n_genes, dtype=object)
    tfs_bulk = np.array([joined(range(1, n_tfs + 1))] * n_genes, dtype=object)
    res = np.array([joined(row) for row in arrays["columns"]], dtype=object)
    res_bulk = np.array([joined(row + 1) for row in arrays["columns"]], dtype=object)
    sizes = np.full(n_genes, size)

    def run(i):
        found = LINGER_tr.sc_nn(
            i, genes, tfs, tfs_bulk, res, res_bulk, res, arrays["targets"], networks, arrays["affinity"], arrays["tf"],
            match, sizes, fisher, arrays["re"], l1, 0.1, "ReLU",
        )  # fmt: skip
        return found[0], found[1], found[5]

    return run


def standardized_inputs(arrays, i):
    raw = np.vstack([arrays["tf"], arrays["re"][arrays["columns"][i]]])
    return torch.as_tensor((raw - raw.mean(1, keepdims=True)) / raw.std(1, ddof=1, keepdims=True), dtype=torch.float32)


def check(arrays, i, found):
    """Return signs of real work, or stop: ``sc_nn`` returns zeros where bulk data and data do not fit together."""
    network, values, loss = found
    if not isinstance(network, torch.nn.Module):
        raise SystemExit("LingerGRN returned no network")
    values = np.asarray(values)
    inputs = standardized_inputs(arrays, i)
    if values.size != inputs.numel() or not np.isfinite(values).all() or not values.any():
        raise SystemExit(f"LingerGRN returned unusable Shapley values of shape {values.shape}")
    with torch.no_grad():
        predicted = network(inputs.T)[:, 0].numpy()
    return {
        "epochs": len(loss),
        "mse": [float(np.var(arrays["targets"][i])), float(np.mean((predicted - arrays["targets"][i]) ** 2))],
        "correlation": float(np.corrcoef(predicted, arrays["targets"][i])[0, 1]),
        "nonzero_shapley": float((values != 0).mean()),
    }


def main():
    path, kind, threads, n_genes = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    torch.set_num_threads(threads)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    run = {"plain": plain, "manifold": manifold}[kind](arrays, float(arrays["l1"]))
    run(0)
    seconds, checks = [], []
    for i in range(n_genes):
        begin = time.perf_counter()
        found = run(i)
        seconds.append(time.perf_counter() - begin)
        checks.append(check(arrays, i, found))
    if any(row["epochs"] != EPOCHS for row in checks):
        raise SystemExit("LingerGRN trained for another number of epochs")
    versions = {"torch": torch.__version__, "numpy": np.__version__, "shap": shap.__version__}
    print(json.dumps({"seconds": seconds, "checks": checks, "versions": versions}))


if __name__ == "__main__":
    main()
