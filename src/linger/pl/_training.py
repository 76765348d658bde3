"""Loss during training, and quality on held-out cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from linger._docs import docs
from linger._keys import CORRELATION, DEFAULT_KEY, slot
from linger._validate import fit_record, modality
from linger.pl._style import GREY, PALETTE, despine

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mudata import MuData


@docs.dedent
def training(mdata: MuData, *, key: str = DEFAULT_KEY, rna_key: str = "rna") -> Figure:
    """Draw the mean training loss by epoch, and the genes' correlation with held-out expression.

    Parameters
    ----------
    %(mdata)s
    %(key)s
    %(rna_key)s

    Returns
    -------
    The figure; the second panel is left out where the fit skipped cross-validation.

    Raises
    ------
    KeyError
        If nothing was fitted under `key`.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> len(lg.pl.training(mdata).axes)
    1
    """
    import matplotlib.pyplot as plt

    record, var = fit_record(mdata, key), modality(mdata, rna_key).var
    quality = var[slot(key, CORRELATION)].dropna() if slot(key, CORRELATION) in var else None
    figure, axes = plt.subplots(
        1,
        1 if quality is None else 2,
        figsize=(3.4 if quality is None else 6.8, 2.8),
        layout="constrained",
        squeeze=False,
    )
    loss_axes = axes[0, 0]
    loss_axes.plot(record["loss_epoch"], record["loss"], color=PALETTE[0])
    loss_axes.set(xlabel="epoch", ylabel="mean loss over genes", ylim=(0, None))
    despine(loss_axes)
    if quality is not None:
        ax = axes[0, 1]
        ax.hist(quality, bins=np.linspace(-1, 1, 41), color=PALETTE[0])
        ax.axvline(quality.median(), color=PALETTE[5], linestyle="--")
        ax.axvline(0, color=GREY, linewidth=0.8)
        ax.set(xlabel="correlation with held-out expression", ylabel="genes")
        ax.set_title(f"median {quality.median():.2f}", fontsize="medium", color=PALETTE[5])
        despine(ax)
    return figure
