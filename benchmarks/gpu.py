"""Train and explain the networks of a whole genome on one device, and check a block of them against the CPU.

    python benchmarks/gpu.py                                     # on a GPU: 16,000 genes
    python benchmarks/gpu.py --device cpu --genes 64 --block 16  # the same check where there is none

Size as in per_gene.py: 300 metacells, 700 TFs, 100 peaks a gene, 100 epochs, 50 background metacells. Inputs of a block, starting weights, training, Shapley values and the
correlation of weights are timed together, after a warm-up block. The check trains the first block on the CPU, too, and compares predictions and Shapley values: the paths of two
devices part slowly by rounding, so correlations are compared, and the largest relative difference after one epoch.

Printed: seconds, operations per second (multiply-adds counted as in per_gene.py), the device's own rate for the largest product, and peak memory.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import per_gene
import torch
from per_gene import BLOCK, EPOCHS, L1, H, K, M, T

from linger import nn


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--genes", type=int, default=16_000)
    parser.add_argument("--block", type=int, default=512, help="genes at a time; a divisor of --genes is quickest")
    parser.add_argument("--tf32", action="store_true", help="let products round to TF32")
    options = parser.parse_args()
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        parser.error("torch finds no CUDA device: --device cpu --genes 64 --block 16 runs the check alone")
    torch.backends.cuda.matmul.allow_tf32 = options.tf32
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"{name}, torch {torch.__version__}, {options.genes} genes in blocks of {options.block}, TF32 {options.tf32}")
    arrays = per_gene.make_arrays(options.genes)
    data = {key: value.to(device) for key, value in per_gene.as_tensors(arrays).items()}
    keys = per_gene.name_keys(options.genes)
    check(arrays, data, keys, device)
    fit(data, keys, slice(0, options.block), EPOCHS)
    synchronize(device)
    start = time.perf_counter()
    for first in range(0, options.genes, options.block):
        fit(data, keys, slice(first, first + options.block), EPOCHS)
    synchronize(device)
    seconds = time.perf_counter() - start
    work = sum(product.flops * product.per_gene for product in per_gene.products(with_manifold=False)) * options.genes
    print(f"{seconds:.1f} s, {1e3 * seconds / options.genes:.2f} ms a gene, {work / seconds / 1e12:.1f} TFLOP/s")
    print(f"largest product by itself: {rate(data, options.block, device) / 1e12:.1f} TFLOP/s")
    if device.type == "cuda":
        print(f"peak memory {torch.cuda.max_memory_allocated(device) / 1e9:.1f} GB")


def fit(data, keys, rows, epochs):
    """Do for the genes `rows` what a fit does; return predictions and Shapley values."""
    columns = data["columns"][rows]
    device, none = columns.device, torch.zeros(0, dtype=torch.long, device=columns.device)
    res = torch.cat([torch.ones(len(columns), 1, M, device=device), data["re"][columns]], dim=1)
    inputs = nn.Inputs(data["tf"], res, none, none)
    names = np.concatenate([np.zeros((len(columns), 1), np.uint64), keys["peak"][columns.cpu().numpy()]], axis=1)
    start = nn.initial_weights(inputs, keys["gene"][rows], keys["tf"], names, hidden=(H, per_gene.H2))
    trained = nn.train(start, inputs, data["targets"][rows], epochs=epochs, l1=L1)
    known = torch.linspace(0, M - 1, K, device=device).long()
    values = nn.shapley(trained.weights, inputs, inputs._replace(tf=inputs.tf[:, known], re=inputs.re[:, :, known]))
    nn.weight_correlation(trained.weights)
    return nn.predict(trained.weights, inputs), torch.cat([values.tf, values.re], dim=1)


def check(arrays, data, keys, device):
    """Print how a block on the device differs from the same block on the CPU."""
    rows, cpu = slice(0, BLOCK), per_gene.as_tensors(arrays)
    for epochs in (1, EPOCHS):
        ours, reference = fit(data, keys, rows, epochs), fit(cpu, keys, rows, epochs)
        for what, mine, other in zip(("predictions", "Shapley values"), ours, reference, strict=True):
            mine = mine.cpu()
            difference = float((mine - other).abs().max() / other.abs().max())
            correlation = np.corrcoef(mine.flatten().numpy(), other.flatten().numpy())[0, 1]
            print(
                f"{what} after {epochs} epochs against the CPU: r {correlation:.6f}, largest difference {difference:.1e}"
            )
    if correlation < 0.99:
        raise SystemExit(f"{device} does not reproduce the CPU.")


def rate(data, block, device):
    """Return operations per second of the product of the first layer."""
    weights = torch.randn(block * H, T, device=device)
    repeats = 20 if device.type == "cuda" else 3
    nn.matmul_t(weights, data["tf"].T)
    synchronize(device)
    start = time.perf_counter()
    for _ in range(repeats):
        nn.matmul_t(weights, data["tf"].T)
    synchronize(device)
    return repeats * 2.0 * block * H * T * M / (time.perf_counter() - start)


def synchronize(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
