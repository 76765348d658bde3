"""Quality of fit by cross-validation in which cells are split before metacells are made."""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from linger._groups import obs_column
from linger.pp._metacells import metacells
from linger.tl._design import Design, Samples, make_samples, read_values
from linger.tl._ensemble import Trainer, predict_held_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mudata import MuData

    from linger.io._store import StoreWriter
    from linger.tl._workers import Workers


class Fold(NamedTuple):
    """One fold: metacells of the training cells, and of the cells held out."""

    train: Samples
    test_tf: np.ndarray
    test_re: np.ndarray
    test_target: np.ndarray


def iterate_folds(mdata: MuData, design: Design, *, settings: dict[str, Any], n_folds: int, rng: int) -> Iterator[Fold]:
    """Split cells (within groups), then make metacells on either side of every split.

    Metacells share cells, so splitting metacells would put the same cells on both sides. An embedding or graph given to
    :func:`linger.pp.metacells` has seen all cells; the one it makes itself is made anew on either side.

    Parameters
    ----------
    mdata
        The cells.
    design
        Names and wiring.
    settings
        How metacells are made, as :func:`linger.pp.metacells` records it.
    n_folds
        Number of folds.
    rng
        Seed of the split.
    """
    rna_key, atac_key = settings["rna_key"], settings["atac_key"]
    fold = split_cells(mdata, settings.get("groupby"), n_folds=n_folds, rng=rng, keys=(rna_key, atac_key))
    for number in range(n_folds):
        make = {**settings, "min_cells": 1}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of metacells, said when those of all cells were made
            train = metacells(mdata[list(fold.index[fold != number])], **make)
            test = metacells(mdata[list(fold.index[fold == number])], **make)
        names = test.obs_names.sort_values()
        yield Fold(
            make_samples(train, design, rna_key=rna_key, atac_key=atac_key),
            read_values(test.mod[rna_key], names, design.tfs),
            read_values(test.mod[atac_key], names, design.peaks),
            read_values(test.mod[rna_key], names, design.genes),
        )


def split_cells(mdata: MuData, groupby: str | None, *, n_folds: int, rng: int, keys: tuple[str, str]) -> pd.Series:
    """Assign every cell to a fold, evenly within groups, whatever the order of the cells."""
    cells = mdata.mod[keys[0]].obs_names.sort_values()
    groups = (
        pd.Series("all", index=cells) if groupby is None else obs_column(mdata, groupby, cells, keys=keys).astype(str)
    )
    rank = pd.Series(np.random.default_rng([rng, 2]).permutation(len(cells)), index=cells)
    return rank.groupby(groups.to_numpy()).rank(method="first").astype(int) % n_folds


def cross_validate(
    mdata: MuData,
    design: Design,
    trainer: Trainer,
    workers: Workers,
    *,
    settings: dict[str, Any],
    n_folds: int,
    writer: StoreWriter | None = None,
) -> pd.DataFrame:
    """Return R2 and Pearson correlation of every gene over all held-out metacells.

    Both are taken after standardising with the moments of the training side, so that folds can be pooled:
    ``R2 = 1 - sum (y - f)^2 / sum (y - mean y)^2``. Genes that do not vary where held out get NaN.

    Returns
    -------
    Frame with columns r2 and correlation, one row a gene.
    """
    truth, predicted = [], []
    for number, fold in enumerate(iterate_folds(mdata, design, settings=settings, n_folds=n_folds, rng=trainer.seed)):
        test, description = (fold.test_tf, fold.test_re), f"fold {number + 1}/{n_folds}"
        keep = None if writer is None else partial(writer.part, f"fold-{number + 1}")
        found = predict_held_out(design, fold.train, test, trainer, workers, description=description, keep=keep)
        predicted.append(found)
        truth.append(fold.train.target.apply(fold.test_target))
    return fit_quality(np.hstack(truth), np.hstack(predicted), design.genes)


def fit_quality(truth: np.ndarray, predicted: np.ndarray, genes: pd.Index) -> pd.DataFrame:
    """Return R2 and correlation of every row of `predicted` with `truth` (genes x samples)."""
    truth, predicted = truth.astype(np.float64), predicted.astype(np.float64)
    y, f = truth - truth.mean(axis=1, keepdims=True), predicted - predicted.mean(axis=1, keepdims=True)
    total = (y * y).sum(axis=1)
    scale = np.sqrt(total * (f * f).sum(axis=1))
    nan = np.full(len(genes), np.nan)
    r2 = 1 - np.divide(((truth - predicted) ** 2).sum(axis=1), total, out=nan.copy(), where=total > 0)
    correlation = np.divide((y * f).sum(axis=1), scale, out=nan.copy(), where=scale > 0)
    return pd.DataFrame({"r2": r2, "correlation": correlation}, index=genes)
