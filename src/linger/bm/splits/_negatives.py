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
        Columns source, target: all known pairs; where there is a column label, those labelled true. Where there is a column split, each part's
        are drawn by themselves, with its own sources and, where targets are held out, its own targets: drawn before splitting, matched pairs would tell what is
        held out, since a target whose true pair is in training would have its false pair held out.
    targets
        Genes to draw from; None takes those of `positives`, as where targets are held out. Sources are always those of `positives`.
    per_positive
        Negatives a positive.
    matching
        ``"degree"``: targets are drawn for every source in proportion to how often they are targets, so that being a popular target
        (or a TF with many) says nothing about a pair. ``"source"``: as many a source, but any target alike. ``"random"``: any pair alike.
    %(rng)s

    Returns
    -------
    Columns source, target, and split where `positives` have it. A source that has nearly all targets gets fewer; the number is what there is.

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
    generator = np.random.default_rng(rng)
    wanted = None if targets is None else {str(name) for name in targets}
    known = true_edges(positives)
    if "split" not in positives:
        return _draw(known, known, wanted or set(known["target"]), per_positive, matching, generator)
    drawn: list[pd.DataFrame] = []
    held_out = known["target"].nunique() == sum(part["target"].nunique() for _, part in positives.groupby("split"))
    parts = [(name, true_edges(part)) for name, part in positives.groupby(positives["split"].astype(str))]
    for name, mine in sorted(parts, key=lambda part: len(part[1])):  # the largest can spare most
        among = set(mine["target"]) if held_out else wanted or set(known["target"])
        found = _draw(mine, pd.concat([known, *drawn]), among, per_positive, matching, generator)
        drawn.append(found.assign(split=name))
    return pd.concat(drawn, ignore_index=True)


def _draw(
    positives: pd.DataFrame,
    known: pd.DataFrame,
    targets: set[str],
    per_positive: int,
    matching: Literal["degree", "source", "random"],
    generator: np.random.Generator,
) -> pd.DataFrame:
    """Draw for the sources of `positives` among `targets`, and none that is `known`."""
    genes = pd.Index(sorted(targets), dtype=object)
    sources = pd.Index(np.unique(positives["source"]), dtype=object)
    taken = np.zeros((len(sources), len(genes)), dtype=bool)
    row, col = sources.get_indexer(pd.Index(known["source"])), genes.get_indexer(pd.Index(known["target"]))
    taken[row[(row >= 0) & (col >= 0)], col[(row >= 0) & (col >= 0)]] = True
    own = genes.get_indexer(sources)
    taken[np.flatnonzero(own >= 0), own[own >= 0]] = True
    wanted = positives["source"].value_counts().reindex(sources).to_numpy() * per_positive
    if taken.all():
        msg = "Every pair is known; none is left to draw. Give more targets=."
        raise ValueError(msg)
    if matching == "random":
        free = np.flatnonzero(~taken)
        picked = generator.choice(free, min(wanted.sum(), len(free)), replace=False)
        row, col = np.unravel_index(np.sort(picked), taken.shape)
    else:
        degree = positives["target"].value_counts().reindex(genes, fill_value=0).to_numpy(float) * per_positive
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
