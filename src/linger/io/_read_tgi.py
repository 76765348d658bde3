"""Open a model of TF-gene interactions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linger.tl._tgi_model import TgiModel


def read_tgi(path: str | Path, *, device: str = "auto") -> TgiModel:
    """Read a model that :func:`linger.tl.tgi` saved, to score other pairs and other data.

    Parameters
    ----------
    path
        A safetensors file.
    device
        Where to put its networks: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:0"``.

    Returns
    -------
    The model; ``model.predict(adata, pairs)`` returns a frame with columns source, target, weight.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged, or holds no such model.

    Examples
    --------
    >>> import linger as lg, tempfile
    >>> sim = lg.ds.simulate(n_cells=200, n_genes=60, n_tfs=12, n_peaks=300, n_cell_types=3)
    >>> path = tempfile.mkdtemp() + "/model.safetensors"
    >>> lg.tl.tgi(sim.mdata, sim.truth.trans, config=lg.TgiConfig(epochs=2, n_models=1), path=path)
    >>> len(read_tgi(path).predict(sim.mdata, sim.truth.trans.head(3)))
    3
    """
    from linger.tl._tgi_model import load_tgi

    return load_tgi(path, device=device)
