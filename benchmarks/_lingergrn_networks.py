"""Fit networks by LingerGRN's own function without a prior. Started by ``h1_chip.py``, in LingerGRN's environment.

``python _lingergrn_networks.py ARRAYS.npz OUT.npz FIRST STEP`` fits every STEP-th gene from FIRST by ``sc_nn_NN`` and writes, as LingerGRN's
next steps compute them from the networks: mean absolute Shapley values of TFs (gamma) and REs (beta), and the largest
cosine similarity of the first-layer weights of TF and RE (alpha).
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import torch
from LingerGRN import LINGER_tr

L1 = 0.01  # what LingerGRN's tutorials use


def cosine(weights, n_tfs):
    """Return the cosine similarity of the weights of every TF and RE."""
    unit = weights / np.maximum(np.linalg.norm(weights, axis=0), 1e-12)
    return unit[:, :n_tfs].T @ unit[:, n_tfs:]


def main():
    source, out, first, step = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    torch.set_num_threads(1)
    with np.load(source, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    tfs, peaks, genes = (arrays[name].astype(str) for name in ("tfs", "peaks", "genes"))
    expression = pd.DataFrame(arrays["tf"], index=tfs)
    accessibility = pd.DataFrame(arrays["re"], index=peaks)
    targets = pd.DataFrame(arrays["targets"], index=genes)
    gamma, beta = np.zeros((len(genes), len(tfs))), np.zeros(len(arrays["indices"]))
    alpha = np.full((len(tfs), len(peaks)), -1.0)
    for i in range(first, len(genes), step):
        mine = slice(arrays["indptr"][i], arrays["indptr"][i + 1])
        columns = arrays["indices"][mine]
        network, values, _ = LINGER_tr.sc_nn_NN(
            i, [genes[i], list(peaks[columns])], targets, expression, accessibility, L1, "ReLU"
        )
        strength = np.nan_to_num(np.abs(np.asarray(values)).reshape(len(values), -1).mean(axis=0))
        rows = np.flatnonzero(tfs != genes[i])
        gamma[i, rows], beta[mine] = strength[: len(rows)], strength[len(rows) :]
        weights = next(iter(network.parameters())).detach().numpy()
        here = np.ix_(rows, columns)
        alpha[here] = np.maximum(alpha[here], cosine(weights, len(rows)))
    np.savez(out, gamma=gamma, beta=beta, alpha=alpha)


if __name__ == "__main__":
    main()
