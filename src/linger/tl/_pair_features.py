"""What expression and known pairs say of a TF and a gene."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.stats import rankdata


class Profiles(NamedTuple):
    """Genes by how they go with reference genes."""

    components: np.ndarray
    """Genes x components, unit variance over all."""
    correlation: np.ndarray
    """Genes x reference genes; 0 with itself."""
    reference: pd.Index
    """Names of the reference genes."""
    gene: np.ndarray
    """Genes x properties: mean, standard deviation, share of cells, mean and mean absolute correlation."""


class Projection(NamedTuple):
    """How correlations become components, kept with a model so that new data are seen alike."""

    reference: np.ndarray
    mean: np.ndarray
    directions: np.ndarray
    """Reference genes x components, scaled."""


def gene_profiles(
    values: np.ndarray,
    names: pd.Index,
    *,
    n_references: int,
    n_components: int | None,
    projection: Projection | None = None,
) -> tuple[Profiles, Projection]:
    """Return the profiles of all genes.

    Parameters
    ----------
    values
        Logged expression, cells x genes.
    names
        Names of the genes.
    n_references, n_components
        As in :class:`linger.TgiConfig`.
    projection
        That of a trained model; None makes one from these data.

    Returns
    -------
    Profiles, and the projection. Memory: ``8 * n_genes * (n_cells + n_references)`` bytes.
    """
    centred = values - values.mean(axis=0)
    sd = centred.std(axis=0)
    unit = np.divide(centred, sd, out=np.zeros_like(centred), where=sd > 1e-8)
    if projection is None:
        order = np.lexsort([names.astype(str), -sd])[: min(n_references, int((sd > 1e-8).sum()))]
        if len(order) < 2:
            msg = "No two genes vary over the cells, so that expression says nothing of any pair."
            raise ValueError(msg)
        reference = names[np.sort(order)].sort_values()
    else:
        reference = pd.Index(projection.reference)
    at = names.get_indexer(reference)
    correlation = unit.T @ unit[:, at] / len(values)
    correlation[at, np.arange(len(at))] = 0  # with itself
    if projection is None:
        projection = _principal(correlation[at], reference, n_components)
    components = (correlation - projection.mean) @ projection.directions
    size = np.abs(correlation).mean(axis=1)
    seen = (values > values.min(axis=0) + 1e-6).mean(axis=0)
    gene = np.column_stack([values.mean(axis=0), sd, seen, size, correlation.mean(axis=1)])
    return Profiles(components, correlation, reference, gene), projection


def _principal(correlation: np.ndarray, reference: pd.Index, n_components: int | None) -> Projection:
    if n_components is None:
        return Projection(reference.to_numpy(dtype=object), np.zeros(len(reference)), np.eye(len(reference)))
    mean = correlation.mean(axis=0)
    left, size, right = np.linalg.svd(correlation - mean, full_matrices=False)
    k = min(n_components, int((size > 1e-8 * size[0]).sum()))
    sign = np.sign(left[np.abs(left[:, :k]).argmax(axis=0), np.arange(k)])  # so that the same data give the same sides
    directions = right[:k].T * sign / np.sqrt(size[:k])
    scores = (correlation - mean) @ directions
    return Projection(reference.to_numpy(dtype=object), mean, directions / scores.std())


def pair_features(values: np.ndarray, profiles: Profiles, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return features of pairs: how both go together, how that ranks among the partners of either, and what each is like.

    Parameters
    ----------
    values
        Logged expression, cells x genes.
    profiles
        Of the genes.
    source, target
        Positions of the genes of each pair.
    """
    own = np.unique(np.concatenate([source, target]))
    place = np.full(values.shape[1], -1)
    place[own] = np.arange(len(own))
    linear, ranked = _unit(values[:, own]), _unit(np.apply_along_axis(rankdata, 0, values[:, own]))
    i, j = place[source], place[target]
    shape = _unit(profiles.correlation[own].T)
    together = [np.einsum("ni,ni->i", each[:, i], each[:, j]) for each in (linear, ranked)]
    together += [np.einsum("ri,ri->i", shape[:, i], shape[:, j]), np.abs(together[0])]
    ranks = [
        (np.abs(profiles.correlation[ends]) < np.abs(together[0])[:, None] - 1e-9).mean(
            axis=1
        )  # not of itself, by rounding
        for ends in (source, target)
    ]
    return np.column_stack([*together, *ranks, profiles.gene[source], profiles.gene[target]])


def _unit(values: np.ndarray) -> np.ndarray:
    """Return columns centred and of length 1; 0 where they do not vary."""
    centred = values - values.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    return np.divide(centred, length, out=np.zeros_like(centred), where=length > 1e-8)


class Degrees(NamedTuple):
    """Numbers of known and of true pairs of every source and target."""

    source: pd.DataFrame
    target: pd.DataFrame

    @classmethod
    def of(cls, pairs: pd.DataFrame) -> Degrees:
        """Count labelled pairs."""
        return cls(*(pairs.groupby(side)["label"].agg(["size", "sum"]).astype(float) for side in ("source", "target")))

    def features(self, pairs: pd.DataFrame) -> np.ndarray:
        """Return log odds and log number of the known pairs of each source and target; 0 where none is known."""
        columns = []
        for side, table in (("source", self.source), ("target", self.target)):
            size, true = table.reindex(pairs[side]).fillna(0).to_numpy().T
            columns += [np.log((true + 1) / (size - true + 1)), np.log1p(size)]
        return np.column_stack(columns)


def training_degrees(
    train: pd.DataFrame, validation: pd.DataFrame, *, n_folds: int = 5, n_draws: int = 8, rng: int = 0
) -> np.ndarray:
    """Return the degrees of training pairs as those to be scored will have them: draws x pairs x 4.

    Degrees are counted in the other folds of pairs: leaving out only the pair itself would give its label away wherever true and false pairs are balanced by source
    or target. Where sources or targets of the validation pairs are unknown more often than in these folds, as when TFs or genes are held out, as many are hidden at random,
    anew in every draw.
    """
    generator = np.random.default_rng(rng)
    fold = generator.permutation(len(train)) % min(n_folds, len(train))
    known = np.zeros((len(train), 4))
    for k in range(fold.max() + 1):
        known[fold == k] = Degrees.of(train[fold != k]).features(train[fold == k])
    wanted = Degrees.of(train).features(validation)
    draws = np.repeat(known[None], n_draws, axis=0)
    for size in (1, 3):  # columns with the number of known pairs, after that with their log odds
        unknown, should = (float((each[:, size] == 0).mean()) for each in (known, wanted))
        hidden = generator.random(draws.shape[:2]) < (should - unknown) / max(1 - unknown, 1e-12)
        draws[:, :, size - 1 : size + 1][hidden] = 0
    return draws


def dense(values: sparse.spmatrix | np.ndarray) -> np.ndarray:
    """Return values as a float64 array."""
    return np.asarray(values.toarray() if isinstance(values, sparse.csr_matrix) else values, dtype=np.float64)
