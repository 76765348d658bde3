"""Where cells would move on an embedding after a perturbation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from linger._basis import embedding
from linger._docs import docs
from linger._groups import obs_column
from linger._keys import DEFAULT_KEY, PERTURBATION, PREDICTED, SHIFT, slot
from linger._validate import modality, valid_key

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

_ENTRIES = 2**25  # values of neighbour differences held at a time: 256 MB


@docs.dedent
def perturb_shift(
    mdata: MuData,
    basis: str,
    *,
    groupby: str | None = None,
    n_neighbors: int = 50,
    temperature: float = 0.05,
    n_grid: int = 30,
    rna_key: str = "rna",
    atac_key: str = "atac",
    key_added: str = DEFAULT_KEY,
    rng: int = 0,
    copy: bool = False,
) -> MuData | None:
    r"""Project predicted changes on an embedding, as velocity methods do, with a control in which genes are permuted.

    A cell i moves towards those of its neighbours j (in the embedding) that differ from it as the perturbation changes it:

    .. math:: p_{ij} \propto \exp(\mathrm{corr}(\Delta_i, x_j - x_i) / T), \quad
        s_i = \sum_j (p_{ij} - 1 / k) \frac{e_j - e_i}{|e_j - e_i|}

    with x the predicted expression before, e the embedding, k neighbours (La Manno et al. 2018; CellOracle, Kamimoto et al. 2023). The control permutes the
    changes over genes in each cell: what is left there is due to the embedding, not to the networks.

    Parameters
    ----------
    %(mdata)s With :func:`linger.tl.perturb` done.
    basis
        Embedding in ``obsm`` of the MuData or the expression modality, all dimensions of which are used as they are; a vector field is made of two.
    groupby
        Column of ``obs`` for the summary of transitions between groups.
    n_neighbors
        Neighbours a cell can move to.
    temperature
        T; smaller values follow the best neighbour alone.
    n_grid
        Points of the vector field on each axis (of an embedding with two dimensions).
    %(keys)s
    key_added
        Key of the perturbation, and prefix of the slots written.
    %(rng)s
    %(copy)s

    Returns
    -------
    None, or the copy. Writes

    - ``rna.obsm["linger_shift"]`` and ``["linger_shift_control"]``: s, cells x dimensions, NaN for cells without a prediction;
    - ``uns["linger"]["shift"]``: ``basis``, ``tfs``, ``doses``; ``grid``, ``field``, ``field_control``, ``mass`` (points x 2; vectors there, averaged with a Gaussian kernel of the grid's
      spacing; sum of kernel weights); with `groupby` ``groups`` and ``transitions``, ``transitions_control``: mean probability that a cell of a group (row) moves to one
      of another (column).

    :func:`linger.get.transitions` returns the last as a table.

    Raises
    ------
    KeyError
        If nothing was perturbed, or embedding or column are missing.
    ValueError
        If the prediction changes nothing, an option is out of range, or the embedding holds NaN.

    Examples
    --------
    >>> import linger as lg, tempfile
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0), store=tempfile.mkdtemp() + "/networks")
    >>> lg.tl.perturb(mdata, {"TF1": 0.0})
    >>> mdata["rna"].obsm["X_pca"] = np.linalg.svd(lg.get.perturbation(mdata, what="before").to_numpy(), full_matrices=False)[0][:, :2]
    >>> lg.tl.perturb_shift(mdata, "X_pca", n_neighbors=10)
    >>> mdata["rna"].obsm["linger_shift"].shape == (mdata.n_obs, 2)
    True
    """
    valid_key(key_added)
    if n_neighbors < 2 or temperature <= 0 or n_grid < 2:
        msg = "n_neighbors and n_grid must be 2 or more and temperature positive."
        raise ValueError(msg)
    rna = modality(mdata, rna_key)
    points = embedding(mdata, basis, rna_key=rna_key)
    changed, before, done = _predictions(rna, mdata, key_added)
    points = points[done]
    if not np.isfinite(points).all():
        msg = f"obsm[{basis!r}] holds NaN or infinite values."
        raise ValueError(msg)
    graph = _neighbors(points, rna.obs_names[done], min(n_neighbors, len(points) - 1))
    names = rna.obs_names[done]
    made = mdata.uns[key_added][PERTURBATION]
    permuted = _permuted(changed, names, np.asarray(made["genes"]), rng)
    probability, control = (_transition(each, before, graph, temperature) for each in (changed, permuted))
    shifts = {"": _shift(probability, points, graph), "_control": _shift(control, points, graph)}
    record: dict[str, Any] = {"basis": basis, "tfs": made["tfs"], "doses": made["doses"]}
    if points.shape[1] == 2:
        record |= _field(points, shifts, n_grid)
    if groupby is not None:
        labels = obs_column(mdata, groupby, names, keys=(rna_key, atac_key)).astype(object)
        record |= _between_groups(labels, {"": probability, "_control": control}, groupby)
    target = mdata.copy() if copy else mdata
    obsm = modality(target, rna_key).obsm
    for name, values in shifts.items():
        whole = np.full((rna.n_obs, values.shape[1]), np.nan, np.float32)
        whole[done] = values
        obsm[slot(key_added, SHIFT) + name] = whole
    target.uns[key_added] = dict(target.uns[key_added]) | {SHIFT: record}
    return target if copy else None


def _predictions(rna: AnnData, mdata: MuData, key: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return changes and predictions before of the cells that have them, and which cells these are."""
    if PERTURBATION not in mdata.uns.get(key, {}) or slot(key, PERTURBATION) not in rna.obsm:
        msg = f"No perturbation is stored under {key!r}. Call lg.tl.perturb(mdata, {{'GATA1': 0.0}}) first."
        raise KeyError(msg)
    changed, before = (np.asarray(rna.obsm[slot(key, name)], np.float32) for name in (PERTURBATION, PREDICTED))
    done = np.asarray(np.isfinite(np.hstack([changed, before])).all(axis=1))
    if done.sum() < 3:
        msg = f"{done.sum()} cells were predicted; three or more are needed."
        raise ValueError(msg)
    if not np.abs(changed[done]).any():
        msg = "The perturbation changes nothing, so there is no direction to show."
        raise ValueError(msg)
    return changed[done], before[done], done


def _permuted(changed: np.ndarray, cells: pd.Index, genes: np.ndarray, rng: int) -> np.ndarray:
    """Return the changes of every cell dealt out to other genes; drawn in the order of names, so that it follows them."""
    by_name = np.argsort(genes.astype(str))
    permuted = np.empty_like(changed)
    generator = np.random.default_rng(rng)
    for cell in np.argsort(cells.to_numpy(str)):
        permuted[cell, by_name] = changed[cell, by_name[generator.permutation(len(by_name))]]
    return permuted


def _neighbors(embedding: np.ndarray, names: pd.Index, k: int) -> np.ndarray:
    """Return the k nearest other cells of each cell, in an order that follows names, not positions."""
    from sklearn.neighbors import NearestNeighbors

    order = np.argsort(names.to_numpy(str))
    found = (
        NearestNeighbors(n_neighbors=k + 1).fit(embedding[order]).kneighbors(embedding[order], return_distance=False)
    )
    own = np.arange(len(order))[:, None]
    # the cell itself is not always first (nor there, among duplicates): drop it, or else the farthest
    drop = np.where((found == own).any(axis=1), (found == own).argmax(axis=1), k)
    kept = np.arange(k + 1) != drop[:, None]
    result = np.empty((len(order), k), dtype=np.int64)
    result[order] = order[found[kept].reshape(len(order), k)]
    return result


def _transition(changed: np.ndarray, before: np.ndarray, graph: np.ndarray, temperature: float) -> sparse.csr_matrix:
    """Return the probabilities that each cell moves to each of its neighbours, cells x cells; alike where nothing changes."""
    n, k = graph.shape
    centred = changed - changed.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1)
    correlation = np.zeros((n, k))
    size = max(1, _ENTRIES // (k * changed.shape[1]))
    for first in range(0, n, size):
        part = np.arange(first, min(first + size, n))
        difference = before[graph[part]] - before[part][:, None]
        difference -= difference.mean(axis=2, keepdims=True)
        scale = np.linalg.norm(difference, axis=2) * length[part, None]
        product = np.einsum("ikg,ig->ik", difference, centred[part])
        correlation[part] = np.divide(product, scale, out=np.zeros_like(product), where=scale > 1e-12)
    weight = np.exp((correlation - correlation.max(axis=1, keepdims=True)) / temperature)
    weight /= weight.sum(axis=1, keepdims=True)
    return sparse.csr_matrix((weight.ravel(), graph.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))


def _shift(probability: sparse.csr_matrix, embedding: np.ndarray, graph: np.ndarray) -> np.ndarray:
    direction = embedding[graph] - embedding[:, None]
    length = np.linalg.norm(direction, axis=2, keepdims=True)
    unit = np.divide(direction, length, out=np.zeros_like(direction), where=length > 0)
    weight = probability.data.reshape(graph.shape) - 1 / graph.shape[1]
    shift: np.ndarray = np.einsum("ik,ikd->id", weight, unit)
    return shift


def _field(embedding: np.ndarray, shifts: dict[str, np.ndarray], n_grid: int) -> dict[str, np.ndarray]:
    """Average shifts over a grid."""
    low, high = embedding.min(axis=0), embedding.max(axis=0)
    axes = [np.linspace(a, b, n_grid) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    spacing = np.maximum((high - low) / (n_grid - 1), 1e-12)
    # the kernel of a point is a product over both axes, so points x cells are never formed
    x, y = (np.exp(-(((axis[:, None] - embedding[None, :, i]) / spacing[i]) ** 2) / 2) for i, axis in enumerate(axes))
    mass = (x @ y.T).ravel()
    fields = {}
    for name, values in shifts.items():
        summed = np.stack([((x * values[:, i]) @ y.T).ravel() for i in range(2)], axis=1)
        fields[f"field{name}"] = (summed / np.maximum(mass, 1e-12)[:, None]).astype(np.float32)
    return {"grid": grid.astype(np.float32), "mass": mass.astype(np.float32), **fields}


def _between_groups(
    labels: pd.Series, probabilities: dict[str, sparse.csr_matrix], groupby: str
) -> dict[str, np.ndarray]:
    codes, names = pd.factorize(
        labels.where(labels.notna(), None).map(lambda label: None if label is None else str(label)), sort=True
    )
    if not len(names):
        msg = f"None of the cells has a {groupby!r}."
        raise ValueError(msg)
    known = np.flatnonzero(codes >= 0)
    members = sparse.csr_matrix((np.ones(len(known)), (known, codes[known])), shape=(len(codes), len(names)))
    sizes = np.maximum(np.asarray(members.sum(axis=0)).ravel(), 1)
    tables = {
        f"transitions{name}": (members.T @ matrix @ members).toarray() / sizes[:, None]
        for name, matrix in probabilities.items()
    }
    return {"groups": np.asarray(names, dtype=object), **tables}
