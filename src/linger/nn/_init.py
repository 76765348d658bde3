"""Starting weights that depend on names, never on positions."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
import torch

from linger.nn._ensemble import Inputs, Weights, n_varying
from linger.nn._kernels import fill_uniform, mix

_STEP = np.uint64(0x9E3779B97F4A7C15)


def name_hash(names: Iterable[str]) -> np.ndarray:
    """Hash names to 64 bits, the same on every machine.

    Parameters
    ----------
    names
        Names of genes, TFs or peaks.

    Returns
    -------
    One uint64 a name.
    """
    digests = b"".join(blake2b(name.encode(), digest_size=8).digest() for name in names)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def hashed_uniform(rows: np.ndarray, columns: np.ndarray, units: int) -> np.ndarray:
    """Return uniform numbers in [-1, 1) keyed by (row, column, unit): len(rows) x units x len(columns), float32.

    Counter-based (no state), so a value depends on its own key only: removing or reordering other rows and columns does not
    change it.

    Parameters
    ----------
    rows, columns
        Keys, uint64.
    units
        Number of independent values per pair.

    Raises
    ------
    TypeError
        If keys are not uint64.
    """
    if rows.dtype != np.uint64 or columns.dtype != np.uint64:
        msg = f"Keys must be uint64, found {rows.dtype} and {columns.dtype}."
        raise TypeError(msg)
    out = np.empty((len(rows), units, len(columns)), dtype=np.float32)
    counter = np.arange(1, units + 1, dtype=np.uint64) * _STEP
    mix(counter)
    fill_uniform(out, rows, counter, columns)
    return out


def initial_weights(
    inputs: Inputs,
    genes: np.ndarray,
    tfs: np.ndarray,
    res: np.ndarray,
    *,
    hidden: tuple[int, int] = (64, 16),
    seed: int = 0,
) -> Weights:
    """Draw starting weights, uniform in +-1/sqrt(fan-in) as ``torch.nn.Linear`` does, keyed by names and seed.

    Inputs that are constant (all 0 after standardisation), padding and the gene's own TF start at 0 and stay there.

    Parameters
    ----------
    inputs
        Inputs of the block; give its device and number format.
    genes, tfs
        Name hashes of the G genes and T TFs (uint64).
    res
        Name hashes of every gene's REs, G x (1 + P); column 0 and padding are ignored.
    hidden
        Units of both hidden layers.
    seed
        Seed, mixed into the key of every gene.

    Returns
    -------
    Weights of the G networks.
    """
    h1, h2 = hidden
    dtype, device = inputs.re.dtype, inputs.re.device
    with np.errstate(over="ignore"):
        seeded = genes + np.uint64(seed % 2**63) * _STEP
    mix(seeded)

    def tensor(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values).to(device, dtype)

    tf_used = inputs.tf.any(dim=1)
    re_used = inputs.re.any(dim=2)
    bound = n_varying(inputs).to(dtype).rsqrt()[:, None, None]
    tf = tensor(hashed_uniform(seeded, tfs, h1)).mul_(bound).mul_(tf_used)
    tf[inputs.own_gene, :, inputs.own_tf] = 0
    res = np.where(re_used.cpu().numpy(), res, np.uint64(0))
    re = torch.cat([tensor(hashed_uniform(seeded[g : g + 1], res[g], h1)) for g in range(len(res))])
    re = re.mul_(bound).mul_(re_used[:, None, :])
    upper = tensor(hashed_uniform(seeded, name_hash(f"upper {i}" for i in range(h1 + 3)), h2))
    w2, b2, w3, b3 = torch.split(upper, [h1, 1, 1, 1], dim=2)
    return Weights(
        tf,
        re,
        (w2 * h1**-0.5).contiguous(),
        (b2 * h1**-0.5).contiguous(),
        (w3 * h2**-0.5).transpose(1, 2).contiguous(),
        (b3[:, :1] * h2**-0.5).contiguous(),
    )
