"""The strength of chosen edges in every cell, kept beside the cells."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from linger._docs import docs
from linger._keys import DEFAULT_KEY, EDGES, Kind, slot
from linger._validate import valid_key
from linger.get._edges_per_cell import edges_per_cell as compute

if TYPE_CHECKING:
    import pandas as pd
    from mudata import MuData


@docs.dedent
def edges_per_cell(
    mdata: MuData,
    edges: Iterable[tuple[str, str]] | pd.DataFrame,
    *,
    kind: Kind = "trans",
    weights: Literal["paper", "shrunk", "paper_raw"] = "paper",
    n_neighbors: int = 30,
    neighbors_key: str | None = None,
    rna_key: str = "rna",
    atac_key: str = "atac",
    layer: str | None = None,
    key_added: str = DEFAULT_KEY,
    copy: bool = False,
) -> MuData | None:
    """Write how strong chosen edges are in every cell, to colour embeddings by (:func:`linger.get.edges_per_cell`).

    Parameters
    ----------
    %(mdata)s
    edges
        Pairs (source, target), such as ``[("RUNX1", "SPI1")]``, or a frame with these columns.
    kind
        ``"trans"``, ``"cis"`` or ``"binding"``.
    weights
        ``"paper"``, ``"shrunk"`` or ``"paper_raw"``, as in :func:`linger.get.matrix`.
    %(smoothing)s
    %(keys)s
    %(layer)s
    key_added
        The ``key_added`` of the fit.
    %(copy)s

    Returns
    -------
    None, or the copy. Writes ``rna.obsm["linger_edges"]``, in place of earlier edges: a frame, cells x edges, with columns such as ``"RUNX1->SPI1"``, as decoupler
    writes its scores. ``decoupler.pp.get_obsm(mdata["rna"], "linger_edges")`` is what ``scanpy.pl.embedding`` plots.

    Raises
    ------
    KeyError
        If nothing was fitted, or a name is unknown.
    ValueError
        If no edge is named, one is named twice, or holds a "/" (which files cannot).

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> best = lg.get.network(mdata, "trans", top=2)
    >>> lg.tl.edges_per_cell(mdata, best)
    >>> mdata["rna"].obsm["linger_edges"].shape
    (200, 2)
    """
    valid_key(key_added)
    found = compute(
        mdata,
        edges,
        kind=kind,
        weights=weights,
        n_neighbors=n_neighbors,
        neighbors_key=neighbors_key,
        layer=layer,
        key=key_added,
        rna_key=rna_key,
        atac_key=atac_key,
    )
    unwritable = [column for column in found if "/" in str(column)]
    if unwritable:
        msg = f"Columns of a frame in obsm cannot be written with a '/' ({unwritable[0]!r}). Use lg.get.edges_per_cell, and rename them."
        raise ValueError(msg)
    target = mdata.copy() if copy else mdata
    rna = target.mod[rna_key]
    rna.obsm[slot(key_added, EDGES)] = found.loc[rna.obs_names]
    return target if copy else None
