"""Where cells would move after a perturbation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from linger._groups import obs_column
from linger._keys import DEFAULT_KEY, SHIFT, slot
from linger._validate import modality
from linger.pl._embedding import draw_embedding, embedding_points
from linger.pl._perturbation import doses_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mudata import MuData

_FAINT: Final = 0.05


def shift(
    mdata: MuData,
    *,
    color: str | None = None,
    control: bool = False,
    kind: Literal["quiver", "stream"] = "quiver",
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
        Column of ``obs`` to colour cells by, groups or numbers; None: cells without a prediction are pale.
    control
        Draw the control, in which genes are permuted.
    kind
        ``"quiver"``: an arrow a point of the grid; ``"stream"``: lines along the field, thicker where it is stronger, and none where it is below 5 % of the
        longest arrow of field and control.
    min_mass
        Leave out points of the grid with fewer cells nearby than this share of the largest number.
    scale
        Length of an arrow for a shift of 1, in steps of the grid (the smaller one, where those of the axes differ); None makes the longest arrow of
        field and control two steps long, so that both can be compared. Of arrows alone.
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
        If `min_mass` is out of range, or there is no such `kind`.

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
    if not 0 <= min_mass < 1:
        msg = f"min_mass must be at least 0 and below 1, found {min_mass}."
        raise ValueError(msg)
    if kind not in ("quiver", "stream"):
        msg = f"kind must be 'quiver' or 'stream', found {kind!r}."
        raise ValueError(msg)
    record = mdata.uns.get(key, {}).get(SHIFT, {})
    if "grid" not in record:
        msg = f"No vector field in two dimensions is stored under {key!r}. Call lg.tl.perturb_shift(mdata, basis) on an embedding of two dimensions first."
        raise KeyError(msg)
    rna, basis = modality(mdata, rna_key), str(record["basis"])
    points = embedding_points(mdata, basis, rna_key=rna_key)
    predicted = np.isfinite(np.asarray(rna.obsm[slot(key, SHIFT)])).all(axis=1)
    values = None if color is None else obs_column(mdata, color, rna.obs_names, keys=(rna_key, atac_key))
    ax = draw_embedding(ax, points, values, basis=basis, label=color, known=predicted if color is None else None)
    mass = np.asarray(record["mass"])
    kept = mass > min_mass * mass.max()
    field, other = (np.asarray(record[name]) for name in ("field", "field_control"))
    longest = max(np.linalg.norm(each[kept], axis=1).max() for each in (field, other))
    drawn = np.where(kept[:, None], other if control else field, np.nan) / max(longest, 1e-12)
    grid = np.asarray(record["grid"])
    if kind == "stream":
        _draw_stream(ax, grid, drawn)
    else:
        _draw_arrows(ax, grid, drawn, 2.0 if scale is None else scale * longest)
    ax.set_title(f"{doses_text(record)}: " + ("genes permuted" if control else "predicted shift"), fontsize="medium")
    return ax


def _draw_arrows(ax: Axes, grid: np.ndarray, field: np.ndarray, scale: float) -> None:
    """Draw arrows `scale` steps of the grid long where the field is 1."""
    step = np.ptp(grid, axis=0).min() / (np.sqrt(len(grid)) - 1)  # one for both axes, or directions would change
    kept = np.isfinite(field).all(axis=1)
    arrows = field[kept] * step * scale
    ax.quiver(*grid[kept].T, *arrows.T, angles="xy", scale_units="xy", scale=1, width=0.004, minlength=0.5, zorder=3)


def _draw_stream(ax: Axes, grid: np.ndarray, field: np.ndarray) -> None:
    n = round(len(grid) ** 0.5)
    x, y = (np.linspace(low, high, n) for low, high in zip(grid.min(axis=0), grid.max(axis=0), strict=True))
    strength = np.hypot(*field.T).reshape(n, n).T
    faint = ~(strength >= _FAINT)  # lines have a direction where there is next to no shift, and heads as large as any
    u, v = (np.ma.masked_where(faint, field[:, axis].reshape(n, n).T) for axis in range(2))
    strength = np.where(faint, 0.0, strength)
    limits = ax.axis()
    ax.streamplot(x, y, u, v, color="black", linewidth=0.3 + 1.7 * strength, density=1.3, arrowsize=0.8, zorder=3)
    ax.axis(limits)
