"""How many of a TF's strongest targets belong to a set of genes, against random TFs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from linger._docs import docs
from linger._keys import DEFAULT_KEY
from linger._validate import known_tfs, modality
from linger.get._matrix import matrix
from linger.get._regulons import quantile_normalize

if TYPE_CHECKING:
    from mudata import MuData


@docs.dedent
def target_overlap(
    mdata: MuData,
    genes: Iterable[str],
    *,
    tfs: str | Iterable[str],
    group: str | None = None,
    n_targets: Sequence[int] = (200, 500, 1000, 2000, 5000),
    n_random: int = 1000,
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
    atac_key: str = "atac",
    rng: int = 0,
) -> pd.DataFrame:
    """Count how many of the strongest targets of chosen TFs are in a set of genes (GWAS genes, DEGs), beside as many random TFs.

    Yuan & Duren 2024 draw this for driver TFs: the mean overlap of their top 200 to 5,000 targets against bootstrapped random TFs.

    Parameters
    ----------
    %(mdata)s
    genes
        The set of genes.
    tfs
        The chosen TFs, such as drivers (:func:`linger.tl.drivers`) or key TFs of a trait.
    group
        A group whose means are stored; None takes the population's network.
    n_targets
        Numbers of strongest targets, after quantile normalisation across TFs as for :func:`linger.get.regulons`; those larger than half the number of
        genes are left out.
    n_random
        Random sets of as many TFs, drawn from all TFs.
    %(key)s
    %(keys)s
    %(rng)s

    Returns
    -------
    One row a number of targets: ``n_targets``, ``overlap`` (mean over the TFs, of targets in the set), ``expected`` (mean over random sets),
    ``lower``, ``upper`` (2.5 and 97.5 %% of random sets), ``p_value`` (share of random sets, the observed one included, with at least that
    overlap).

    Raises
    ------
    KeyError
        If a TF is unknown, or nothing was fitted.
    ValueError
        If none of the genes has a network, no TF is named, a number is not positive, or all are too large.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> targets = lg.get.regulons(mdata, n_targets=5, tfs=["TF1"])["target"]
    >>> lg.get.target_overlap(mdata, targets, tfs="TF1", n_targets=[5])["overlap"].tolist()
    [5.0]
    """
    if n_random < 1 or not n_targets or min(n_targets) < 1:
        msg = "n_random and all of n_targets must be 1 or more."
        raise ValueError(msg)
    found = matrix(mdata, "trans", group=group, key=key, rna_key=rna_key, atac_key=atac_key)
    chosen = found.sources.get_indexer(known_tfs(tfs, found.sources, modality(mdata, rna_key).var_names))
    if not len(chosen):
        msg = "tfs= names no TF."
        raise ValueError(msg)
    names = found.targets.argsort()
    inside = found.targets[names].isin([str(gene) for gene in genes])
    if not inside.any():
        msg = f"None of the genes has a network (there are {len(names)}). Are names the same?"
        raise ValueError(msg)
    raw = found.matrix.toarray()[:, names]
    # as for regulons: ties by the score itself, then by name; what is 0 is no target
    order = np.lexsort([np.broadcast_to(np.arange(raw.shape[1]), raw.shape), -raw, -quantile_normalize(raw)], axis=1)
    hits = np.cumsum(np.take_along_axis(inside & (raw > 0), order, axis=1), axis=1)
    sizes = [size for size in dict.fromkeys(n_targets) if size <= raw.shape[1] / 2]
    if not sizes:
        msg = (
            f"All of n_targets={list(n_targets)} are more than half of the {raw.shape[1]} genes. Give smaller numbers."
        )
        raise ValueError(msg)
    overlap = hits[:, np.array(sizes) - 1].astype(np.float64)
    by_name = found.sources.argsort()  # so that draws follow names
    generator = np.random.default_rng(rng)
    picked = np.array([generator.choice(by_name, len(chosen), replace=False) for _ in range(n_random)])
    null, observed = overlap[picked].mean(axis=1), overlap[chosen].mean(axis=0)
    lower, upper = np.quantile(null, [0.025, 0.975], axis=0)
    p_value = (1 + (null >= observed - 1e-9).sum(axis=0)) / (n_random + 1)
    columns = {"n_targets": sizes, "overlap": observed, "expected": null.mean(axis=0), "lower": lower, "upper": upper}
    return pd.DataFrame(columns | {"p_value": p_value})
