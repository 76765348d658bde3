"""A small data set for examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linger.ds._simulate import simulate

if TYPE_CHECKING:
    from mudata import MuData


def toy() -> MuData:
    """Return 200 simulated cells of three types with 60 genes (12 of them TFs) and 300 peaks, annotated.

    Returns
    -------
    The ``mdata`` of :func:`linger.ds.simulate`; always the same.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> mdata["rna"].shape, mdata["atac"].shape
    ((200, 60), (200, 300))
    """
    small = simulate(n_cells=200, n_genes=60, n_tfs=12, n_peaks=300, n_cell_types=3, n_bulk=2)
    return small.mdata
