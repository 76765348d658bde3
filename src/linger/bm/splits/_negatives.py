"""Pairs that are not known to be true."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
import pandas as pd

from linger._docs import docs
from linger._validate import columns
from linger.bm._evaluate import true_edges


@docs.dedent
def negatives(
    positives: pd.DataFrame,
    *,
    targets: Iterable[str] | None = None,
    per_positive: int = 1,
    matching: Literal["degree", "source", "random"] = "degree",
    rng: int = 0,
) -> pd.DataFrame:
    """Draw pairs that are not among the known ones, each once; never a TF with itself (so leave such pairs out of the positives, too).

    Parameters
    ----------
    positives
        Columns source, target: all known pairs; where there is a column label, those labelled true.
    targets
        Genes to draw from; None takes those of `positives`. Sources are always those of `positives`.
    per_positive
        Negatives a positive.
    matching
        ``"degree"``: targets are drawn for every source in proportion to how often they are targets, so that being a popular target
        (or a TF with many) says nothing about a pair. ``"source"``: as many a source, but any target alike. ``"random"``: any pair alike.
    %(rng)s

    Returns
    -------
    Columns source, target. A source that has nearly all targets gets fewer; the number is what there is.

    Raises
    ------
    KeyError
        If a column is missing.
    ValueError
        If an option is unknown, or no pair is left to draw.

    Notes
    -----
    A source's targets are drawn without replacement by weights (Efraimidis & Spirakis 2006); sources with most positives are drawn
    first, and what a target has been drawn is taken off its weight, so that the degrees of the drawn pairs come out near those of the positives.

    Examples
    --------
    >>> positives = pd.DataFrame({"source": list("AAB"), "target": list("xyx")})
    >>> drawn = negatives(positives, targets=list("wxyz"))
    >>> drawn.groupby("source").size().tolist()
    [2, 1]
    """
    columns(positives, ["source", "target"], "positives", "positives.rename(columns=...)")
    if matching not in ("degree", "source", "random") or per_positive < 1:
        msg = f"matching must be 'degree', 'source' or 'random' and per_positive 1 or more, found {matching!r} and {per_positive}."
        raise ValueError(msg)
    known = true_edges(positives)
    genes = pd.Index(sorted({*(known["target"] if targets is None else map(str, targets))}), dtype=object)
    sources = pd.Index(np.unique(known["source"]), dtype=object)
    taken = np.zeros((len(sources), len(genes)), dtype=bool)
    at = sources.get_indexer(known["source"]), genes.get_indexer(known["target"])
    taken[at[0][at[1] >= 0], at[1][at[1] >= 0]] = True
    own = genes.get_indexer(sources)
    taken[np.flatnonzero(own >= 0), own[own >= 0]] = True
    wanted = known["source"].value_counts().reindex(sources).to_numpy() * per_positive
    if taken.all():
        msg = "Every pair is known; none is left to draw. Give more targets=."
        raise ValueError(msg)
    generator = np.random.default_rng(rng)
    if matching == "random":
        free = np.flatnonzero(~taken)
        picked = generator.choice(free, min(wanted.sum(), len(free)), replace=False)
        row, col = np.unravel_index(np.sort(picked), taken.shape)
    else:
        degree = known["target"].value_counts().reindex(genes, fill_value=0).to_numpy(float) * per_positive
        row, col = _by_source(taken, wanted, degree if matching == "degree" else None, generator)
    return pd.DataFrame({"source": sources.to_numpy()[row], "target": genes.to_numpy()[col]})


def _by_source(
    taken: np.ndarray, wanted: np.ndarray, degree: np.ndarray | None, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw so many targets for every source; with `degree`, each about as often as it says."""
    parts, left = [], None if degree is None else degree.copy()
    for source in np.argsort(-wanted, kind="stable"):
        free = np.flatnonzero(~taken[source])
        weight = np.ones(len(free)) if left is None else np.maximum(left[free], 1e-6)
        keys = np.log(generator.random(len(free))) / weight
        picked = free[np.argsort(-keys, kind="stable")[: wanted[source]]]
        if left is not None:
            left[picked] -= 1
        parts.append((np.full(len(picked), source), np.sort(picked)))
    row, col = (
        np.concatenate(side) for side in zip(*sorted(parts, key=lambda part: part[0][:1].tolist()), strict=True)
    )
    return row, col
