"""The strongest genes of every module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from linger._docs import docs
from linger._keys import DEFAULT_KEY, MODULE_LOADINGS, TF_MODULE, slot
from linger.get._modules import modules as members_of
from linger.pl._heatmap import draw_heatmap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mudata import MuData


@docs.dedent
def modules(
    mdata: MuData, *, n_genes: int = 5, key: str = DEFAULT_KEY, rna_key: str = "rna", ax: Axes | None = None
) -> Axes:
    """Draw the loadings of the strongest genes of each module of :func:`linger.tl.modules` in all modules.

    How active modules are in cell types, score and test them (docs of :func:`linger.get.modules`) and draw with :func:`linger.pl.drivers`.

    Parameters
    ----------
    %(mdata)s
    n_genes
        Genes to show of each module, those with the largest loadings.
    %(key)s
    %(rna_key)s
    ax
        Axes to draw on; None makes a figure.

    Returns
    -------
    The axes: genes x modules, TFs in bold. Loadings are relative to the largest of their module, as their scale is arbitrary.

    Raises
    ------
    KeyError
        If there are no modules.
    ValueError
        If `n_genes` is not positive.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> lg.tl.modules(mdata, n_modules=3, gene_quantile=0)
    >>> len(lg.pl.modules(mdata, n_genes=2).get_yticklabels())
    6
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    if n_genes < 1:
        msg = f"n_genes must be 1 or more, found {n_genes}."
        raise ValueError(msg)
    net = members_of(mdata, key=key, rna_key=rna_key)
    shown = net.groupby("source", sort=False).head(n_genes)
    rna = mdata.mod[rna_key]
    loadings = np.asarray(rna.varm[slot(key, MODULE_LOADINGS)], dtype=float)
    names = [f"module_{number + 1}" for number in range(loadings.shape[1])]
    relative = pd.DataFrame(loadings / np.nanmax(loadings, axis=0), rna.var_names, names).loc[shown["target"]]
    n_tfs = rna.var[slot(key, TF_MODULE)].value_counts()
    sizes = net["source"].value_counts()
    relative.columns = [f"{name}: {sizes.get(name, 0)} genes, {n_tfs.get(name, 0)} TFs" for name in names]
    colors = ScalarMappable(Normalize(0, 1), "Blues")  # most loadings are 0: these are to look empty
    ax = draw_heatmap(relative, label="relative loading", colors=colors, cell=(0.3, 0.17), ax=ax)
    for text, is_tf in zip(ax.get_yticklabels(), shown["is_tf"], strict=True):
        text.set_fontweight("bold" if is_tf else "normal")
    return ax
