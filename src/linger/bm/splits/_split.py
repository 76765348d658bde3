"""Train, validation and test sets of pairs: at random, or with TFs or genes held out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from linger._docs import docs
from linger._validate import columns

PARTS = ("train", "validation", "test")
_FRACTIONS = (0.6, 0.2, 0.2)


@docs.dedent
def pairs(table: pd.DataFrame, *, fractions: Sequence[float] = _FRACTIONS, rng: int = 0) -> pd.DataFrame:
    """Split pairs at random: TFs and genes of the test set are seen in training, with other partners.

    Parameters
    ----------
    table
        Columns source, target, and others that are kept; each pair once.
    fractions
        Shares of training, validation and test; their sum is 1.
    %(rng)s

    Returns
    -------
    The table with a column ``split``: ``"train"``, ``"validation"`` or ``"test"``.

    Raises
    ------
    KeyError
        If a column is missing.
    ValueError
        If pairs repeat, fractions are not three shares, or a part would be empty.

    Examples
    --------
    >>> table = pd.DataFrame({"source": list("AABB"), "target": list("xyxy")})
    >>> pairs(table, fractions=(0.5, 0.25, 0.25))["split"].value_counts().tolist()
    [2, 1, 1]
    """
    _check(table, fractions)
    order = np.lexsort([table["target"].astype(str), table["source"].astype(str)])
    part = np.empty(len(table), dtype=object)
    part[order] = _parts(len(table), fractions, np.random.default_rng(rng))
    return table.assign(split=part)


@docs.dedent
def sources(table: pd.DataFrame, *, fractions: Sequence[float] = _FRACTIONS, rng: int = 0) -> pd.DataFrame:
    """Split by source: no TF of the test set is seen in training as a source.

    Parameters
    ----------
    table, fractions
        As for :func:`linger.bm.splits.pairs`; the shares are of TFs.
    %(rng)s

    Returns
    -------
    The table with a column ``split``.

    Raises
    ------
    KeyError, ValueError
        As :func:`linger.bm.splits.pairs`.

    Examples
    --------
    >>> table = pd.DataFrame({"source": list("ABCD"), "target": list("xxxx")})
    >>> sources(table, fractions=(0.5, 0.25, 0.25))["split"].value_counts().tolist()
    [2, 1, 1]
    """
    _check(table, fractions)
    return table.assign(split=_by_name(table["source"], fractions, np.random.default_rng(rng)))


@docs.dedent
def targets(table: pd.DataFrame, *, fractions: Sequence[float] = _FRACTIONS, rng: int = 0) -> pd.DataFrame:
    """Split by target: no gene of the test set is seen in training as a target.

    Parameters
    ----------
    table, fractions
        As for :func:`linger.bm.splits.pairs`; the shares are of genes.
    %(rng)s

    Returns
    -------
    The table with a column ``split``.

    Raises
    ------
    KeyError, ValueError
        As :func:`linger.bm.splits.pairs`.

    Examples
    --------
    >>> table = pd.DataFrame({"source": list("AAAA"), "target": list("wxyz")})
    >>> targets(table, fractions=(0.5, 0.25, 0.25))["split"].value_counts().tolist()
    [2, 1, 1]
    """
    _check(table, fractions)
    return table.assign(split=_by_name(table["target"], fractions, np.random.default_rng(rng)))


@docs.dedent
def both(table: pd.DataFrame, *, fractions: Sequence[float] = _FRACTIONS, rng: int = 0) -> pd.DataFrame:
    """Split by source and by target: neither the TF of a test pair as a source nor its gene as a target is seen in training.

    Parameters
    ----------
    table, fractions
        As for :func:`linger.bm.splits.pairs`; the shares are of TFs and of genes, so those of pairs are about their squares.
    %(rng)s

    Returns
    -------
    The pairs whose source and target fall in the same part, with a column ``split``; the others are left out.

    Raises
    ------
    KeyError, ValueError
        As :func:`linger.bm.splits.pairs`, or if no pair is left in a part.

    Examples
    --------
    >>> table = pd.DataFrame([(tf, gene) for tf in "ABCDE" for gene in "vwxyz"], columns=["source", "target"])
    >>> both(table)["split"].value_counts().tolist()
    [9, 1, 1]
    """
    _check(table, fractions)
    generator = np.random.default_rng(rng)
    source, target = (_by_name(table[side], fractions, generator) for side in ("source", "target"))
    kept = table.assign(split=source)[source == target]
    wanted = [part for part, fraction in zip(PARTS, fractions, strict=True) if fraction]
    if not set(wanted) <= set(kept["split"]):
        msg = f"Too few pairs: {', '.join(part for part in wanted if part not in set(kept['split']))} would be empty."
        raise ValueError(msg)
    return kept


def _check(table: pd.DataFrame, fractions: Sequence[float]) -> None:
    columns(table, ["source", "target"], "The table", "table.rename(columns=...)")
    if len(fractions) != 3 or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-9:
        msg = f"fractions must be three shares (train, validation, test) whose sum is 1, found {list(fractions)}."
        raise ValueError(msg)
    if table.duplicated(["source", "target"]).any():
        msg = "Pairs occur more than once, and could fall on both sides. Call table.drop_duplicates(['source', 'target']) first."
        raise ValueError(msg)


def _by_name(names: pd.Series, fractions: Sequence[float], generator: np.random.Generator) -> np.ndarray:
    """Return the part of every row, the same for rows of the same name."""
    codes, unique = pd.factorize(names.astype(str), sort=True)
    part: np.ndarray = _parts(len(unique), fractions, generator)[codes]
    return part


def _parts(n: int, fractions: Sequence[float], generator: np.random.Generator) -> np.ndarray:
    bounds = np.rint(np.cumsum(fractions) * n).astype(int)
    sizes = np.diff(np.append(0, bounds))
    if any(fraction and not size for fraction, size in zip(fractions, sizes, strict=True)):
        msg = f"{n} cannot be split into shares of {list(fractions)}: a part would be empty."
        raise ValueError(msg)
    return generator.permutation(np.repeat(np.array(PARTS, dtype=object), sizes))
