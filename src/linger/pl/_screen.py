"""A screen of TFs as a heatmap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from linger.pl._heatmap import draw_heatmap
from linger.pl._style import color_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def screen(
    table: pd.DataFrame,
    *,
    n_tfs: int = 30,
    n_genes: int = 50,
    quantile: float = 0.99,
    label: str = "change of logged expression",
    ax: Axes | None = None,
) -> Axes:
    """Draw how genes change when TFs are perturbed, both in the order of a clustering.

    Parameters
    ----------
    table
        TFs x genes, as :func:`linger.get.perturbation_screen` returns it; or groups x genes of :func:`linger.get.perturbation`.
    n_tfs
        TFs to show, those that change genes most on average.
    n_genes
        Genes to show, those with the largest change by any of these TFs.
    quantile
        Colours end at this quantile of the absolute changes shown.
    label
        What the numbers are.
    ax
        Axes to draw on; None makes a figure.

    Returns
    -------
    The axes; the change of a TF's own gene, which is set, is left out (grey).

    Raises
    ------
    ValueError
        If the table is empty or a number is out of range.

    Examples
    --------
    >>> table = pd.DataFrame([[-2.0, 0.1, 0.5]], index=["GATA1"], columns=["GATA1", "x", "y"])
    >>> [tick.get_text() for tick in screen(table, n_genes=1).get_xticklabels()]
    ['y']
    """
    if table.empty or n_tfs < 1 or n_genes < 1 or not 0 < quantile <= 1:
        msg = (
            "The table must have rows and columns (lg.get.perturbation_screen(mdata)), n_tfs and n_genes be 1 or more and quantile above 0 and at most 1; "
            f"found {table.shape}, {n_tfs}, {n_genes} and {quantile}."
        )
        raise ValueError(msg)
    names = table.index.astype(str), table.columns.astype(str)
    values = np.where(names[0].to_numpy()[:, None] == names[1].to_numpy(), np.nan, table.to_numpy(float))
    change = pd.DataFrame(values, *names)
    change = change.loc[_largest(change.abs().mean(axis=1), n_tfs)]
    change = change[_largest(change.abs().max(), n_genes)]
    change = change.iloc[_clustered(change), _clustered(change.T)]
    size = np.abs(change.to_numpy())
    limit = float(np.nanquantile(size, quantile)) if np.isfinite(size).any() else 0.0
    return draw_heatmap(change, label=label, colors=color_scale([-limit, limit]), ax=ax)


def _largest(size: pd.Series, n: int) -> pd.Index:
    """Return the names of the largest values; ties go by name."""
    order = np.lexsort([size.index.to_numpy(str), -size.fillna(-1).to_numpy()])[:n]
    return size.index[order].sort_values()


def _clustered(table: pd.DataFrame) -> np.ndarray:
    """Return an order of rows in which those that are alike stand together."""
    from scipy.cluster.hierarchy import leaves_list, linkage

    if len(table) < 3:
        return np.arange(len(table))
    leaves: np.ndarray = leaves_list(linkage(table.fillna(0).to_numpy(), "average", optimal_ordering=True))
    return leaves
