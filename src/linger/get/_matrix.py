"""A network as a sparse matrix with names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Unpack

import numpy as np
import pandas as pd

from linger._docs import docs
from linger._keys import DEFAULT_KEY, Kind
from linger.get._reader import NamedMatrix, Options, Reader, check_options, one
from linger.get._states import Weights
from linger.get._threshold import Per

if TYPE_CHECKING:
    from mudata import MuData


@docs.dedent
def matrix(
    mdata: MuData,
    kind: Kind = "trans",
    *,
    group: str | np.ndarray | pd.Series | None = None,
    cells: str | None = None,
    tfs: str | Iterable[str] | None = None,
    peaks: str | Iterable[str] | None = None,
    targets: str | Iterable[str] | None = None,
    weights: Weights = "paper",
    top: float | None = None,
    per: Per | None = None,
    min_z: float | None = None,
    n_neighbors: int = 30,
    neighbors_key: str | None = None,
    layer: str | None = None,
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
    atac_key: str = "atac",
) -> NamedMatrix:
    r"""Return a network of the population, of a cell type, of any set of cells, or of one cell, as a sparse matrix.

    With TF k, peak j, gene i, distance d and motif affinity B (Yuan & Duren 2024, Methods):

    - ``"binding"``: TFB_kj = C_kj^s_k E_k O_j (alpha_kj + B_kj), alpha the correlation of first-layer weights.
    - ``"cis"``: CRP_ij = beta_ij O_j E_i exp(-d_ij / 25 kb), beta the mean \|Shapley value\| of the peak for the gene.
    - ``"trans"``: TRP_ki = gamma_ki sum_j TFB_kj CRP_ij, gamma the mean \|Shapley value\| of the TF for the gene: a TF regulates
      a gene if the gene's network uses it, and it can bind where the gene is regulated.

    **Population** (neither `group` nor `cells`): E = O = C^s = 1. **Group** or **cell**: E and O are means over its cells of counts
    over depth, divided by their mean over all genes or peaks; a single cell is first averaged with its neighbours. C_kj is the
    correlation of TF and peak over metacells, at least 0.01, and s_k the importance of the TF in the type
    (:func:`linger.tl.tf_importance`; without it s = 0 and C^s = 1); a set of cells has the mean importance of its cells' types.

    alpha + B counts at the peaks with a motif of the TF. A TF without any motif hit binds in proportion to the alpha that is stored,
    in all as much as the average TF with one (``rna.var["linger_alpha_scale"]``); without motifs altogether binding is that alpha.
    The paper adds alpha at peaks without a motif too. It is a maximum over genes and hardly ever near 0 there, so summed over a
    window it drowns the motifs (docs/benchmarks.md has the numbers). The bare alpha, beta and gamma are in ``mdata.varp``
    (see :func:`linger.tl.fit`).

    Parameters
    ----------
    %(mdata)s
    kind
        ``"trans"`` (TF -> gene), ``"cis"`` (peak -> gene) or ``"binding"`` (TF -> peak).
    group
        A group whose means are stored (:func:`linger.tl.group_means`), or a mask of cells to average: one value True or False a
        cell, a Series by its index.
    cells
        Name of a cell.
    tfs
        TFs to keep as sources of trans and binding, in this order; None keeps all in the order of the MuData.
    peaks
        Peaks to keep as sources of cis, likewise.
    targets
        Genes (trans, cis) or peaks (binding) to keep as targets, likewise.
    %(weights)s
    %(threshold)s
    %(smoothing)s
    %(layer)s Read for masks and cells.
    %(key)s
    %(keys)s

    Returns
    -------
    The matrix and the names of its rows and columns.

    Raises
    ------
    KeyError
        If nothing was fitted under `key`, no group means are stored, or a name is unknown.
    ValueError
        If `kind` is none of the three or has no sources of the sort given, an option is out of range, a mask is empty, or values
        are not counts.

    Notes
    -----
    Memory: ``8 * n_tfs * n_genes`` bytes for the trans network, five times that while it is made, and 24 bytes for every motif hit;
    ``weights="lingergrn"`` takes ``8 * n_tfs * n_peaks`` for the binding network.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, groupby="cell_type", config=lg.FitConfig(epochs=5, n_folds=0))
    >>> network = lg.get.matrix(mdata, "cis")
    >>> network.matrix.shape == (len(network.sources), len(network.targets))
    True
    >>> name = lg.get.groups(mdata)[0]
    >>> network = lg.get.matrix(mdata, "trans", group=name, top=10, per="source")
    >>> int(network.matrix.getnnz(axis=1).max())
    10
    """
    one(group, cells)
    reader = Reader(
        mdata,
        kind,
        tfs=tfs,
        peaks=peaks,
        targets=targets,
        weights=weights,
        top=top,
        per=per,
        min_z=min_z,
        n_neighbors=n_neighbors,
        neighbors_key=neighbors_key,
        layer=layer,
        key=key,
        rna_key=rna_key,
        atac_key=atac_key,
    )
    if cells is not None:
        if not isinstance(cells, str):
            msg = "cells must name one cell. Take several one by one: lg.get.matrices(mdata, cells=); group= takes a mask of cells to average."
            raise ValueError(msg)
        return next(reader.cells(cells))[1]
    return reader.population() if group is None else reader.group(group)


@docs.dedent
def matrices(
    mdata: MuData,
    kind: Kind = "trans",
    *,
    groups: Iterable[str] | None = None,
    cells: Iterable[str] | np.ndarray | pd.Series | None = None,
    **options: Unpack[Options],
) -> Iterator[tuple[str, NamedMatrix]]:
    """Iterate over the networks of groups or of single cells; one is in memory at a time, the graph is read once.

    Parameters
    ----------
    %(mdata)s
    kind
        ``"trans"``, ``"cis"`` or ``"binding"``.
    groups
        Names of groups whose means are stored; None takes all.
    cells
        Names of cells, or a mask of cells; each has its own network.
    **options
        Other options of :func:`linger.get.matrix`.

    Yields
    ------
    The name of the group or cell, and its network.

    Raises
    ------
    KeyError, ValueError
        As :func:`linger.get.matrix`, before the first network.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, groupby="cell_type", config=lg.FitConfig(epochs=5, n_folds=0))
    >>> [name for name, network in lg.get.matrices(mdata, "trans")] == lg.get.groups(mdata)
    True
    """
    one(groups, cells)
    check_options(options)
    reader = Reader(mdata, kind, **options)
    return reader.groups(groups) if cells is None else reader.cells(cells)
