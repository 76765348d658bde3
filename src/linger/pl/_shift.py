"""Where cells would move after a perturbation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from linger._groups import obs_column
from linger._keys import DEFAULT_KEY, SHIFT, slot
from linger._validate import modality
from linger.pl._style import GREY, despine, method_colors, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mudata import MuData


def shift(
    mdata: MuData,
    *,
    color: str | None = None,
    control: bool = False,
    min_mass: float = 0.05,
    scale: float | None = None,
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
    atac_key: str = "atac",
    ax: Axes | None = None,
) -> Axes:
    """Draw the vector field of :func:`linger.tl.perturb_shift` over the cells of its embedding.

    Parameters
    ----------
    mdata
        With a shift on an embedding of two dimensions.
    color
        Column of ``obs`` to colour cells by, groups or numbers.
    control
        Draw the control, in which genes are permuted.
    min_mass
        Leave out points of the grid with fewer cells nearby than this share of the largest number.
    scale
        Length of an arrow for a shift of 1, in steps of the grid; None makes the longest arrow of field and control two steps long, so that both
        can be compared.
    key, rna_key, atac_key
        The ``key_added`` of the shift, and names of the modalities.
    ax
        Axes to draw on; None makes a figure.

    Returns
    -------
    The axes.

    Raises
    ------
    KeyError
        If there is no shift, its embedding is gone, or the column is missing.
    ValueError
        If `min_mass` is out of range.

    Examples
    --------
    >>> import linger as lg, tempfile
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0), store=tempfile.mkdtemp() + "/networks")
    >>> lg.tl.perturb(mdata, {"TF1": 0.0})
    >>> mdata["rna"].obsm["X_pca"] = np.linalg.svd(lg.get.perturbation(mdata, what="before").to_numpy(), full_matrices=False)[0][:, :2]
    >>> lg.tl.perturb_shift(mdata, "X_pca", n_neighbors=10)
    >>> lg.pl.shift(mdata, color="cell_type").get_xlabel()
    'PCA 1'
    """
    import matplotlib.pyplot as plt

    if not 0 <= min_mass < 1:
        msg = f"min_mass must be at least 0 and below 1, found {min_mass}."
        raise ValueError(msg)
    record = mdata.uns.get(key, {}).get(SHIFT, {})
    if "grid" not in record:
        msg = f"No vector field in two dimensions is stored under {key!r}. Call lg.tl.perturb_shift(mdata, basis) on an embedding of two dimensions first."
        raise KeyError(msg)
    rna, basis = modality(mdata, rna_key), str(record["basis"])
    holder = next((each for each in (mdata, rna) if basis in each.obsm), None)
    if holder is None:
        msg = f"The embedding {basis!r} of the shift is no longer in obsm."
        raise KeyError(msg)
    points = pd.DataFrame(np.asarray(holder.obsm[basis]), holder.obs_names).loc[rna.obs_names].to_numpy()
    done = np.isfinite(np.asarray(rna.obsm[slot(key, SHIFT)])).all(axis=1)
    ax = new_axes(ax, width=4.6, height=4)
    if color is None:
        ax.scatter(points[:, 0], points[:, 1], s=5, color=np.where(done, GREY, "#dddddd"), alpha=0.5, linewidths=0)
    elif pd.api.types.is_numeric_dtype(values := obs_column(mdata, color, rna.obs_names, keys=(rna_key, atac_key))):
        drawn = ax.scatter(
            points[:, 0], points[:, 1], s=5, c=values.to_numpy(float), cmap="viridis", alpha=0.7, linewidths=0
        )
        plt.colorbar(drawn, ax=ax, label=color)
    else:
        labels = values.astype(str)
        for name, shade in method_colors(sorted(labels.unique())).items():
            mine = (labels == name).to_numpy()
            ax.scatter(points[mine, 0], points[mine, 1], s=5, color=shade, alpha=0.5, linewidths=0, label=name)
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), markerscale=3, frameon=False, title=color)
    mass = np.asarray(record["mass"])
    kept = mass > min_mass * mass.max()
    grid, field = np.asarray(record["grid"])[kept], np.asarray(record["field_control" if control else "field"])[kept]
    step = np.ptp(np.asarray(record["grid"]), axis=0) / (np.sqrt(len(mass)) - 1)
    longest = max(np.linalg.norm(np.asarray(record[name])[kept], axis=1).max() for name in ("field", "field_control"))
    arrows = field * step * (2 / max(longest, 1e-12) if scale is None else scale)
    ax.quiver(*grid.T, *arrows.T, angles="xy", scale_units="xy", scale=1, width=0.004, zorder=3)
    name = basis.removeprefix("X_").upper()
    ax.set(xlabel=f"{name} 1", ylabel=f"{name} 2", xticks=[], yticks=[])
    doses = ", ".join(f"{tf} x {dose:g}" for tf, dose in zip(record["tfs"], record["doses"], strict=True))
    ax.set_title(f"{doses}: " + ("genes permuted" if control else "predicted shift"), fontsize="medium")
    despine(ax)
    return ax
