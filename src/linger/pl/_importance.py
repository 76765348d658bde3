"""TF importance by cell type."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from linger._docs import docs
from linger._keys import DEFAULT_KEY
from linger._validate import known_names
from linger.get._tf_importance import tf_importance
from linger.pl._by_group import along_diagonal
from linger.pl._heatmap import draw_heatmap
from linger.pl._style import color_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mudata import MuData


@docs.dedent
def importance(
    mdata: MuData,
    *,
    top: int = 5,
    tfs: Iterable[str] | None = None,
    group: str | Iterable[str] | None = None,
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
    atac_key: str = "atac",
    ax: Axes | None = None,
) -> Axes:
    """Draw a heatmap of TF importance by cell type; TFs are in the order of the type where they matter most.

    Parameters
    ----------
    %(mdata)s
    top
        TFs of each type, those of the highest importance above 0.
    tfs
        TFs to show instead.
    group
        Types to show; None shows all.
    %(key)s
    %(keys)s
    ax
        Axes to draw on; None makes a figure.

    Returns
    -------
    The axes.

    Raises
    ------
    KeyError
        If importance was not computed, or a type or TF is unknown.
    ValueError
        If `top` is not positive, or no TF has importance above 0.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.tl.tf_importance(mdata, "cell_type")
    >>> [tick.get_text() for tick in lg.pl.importance(mdata, top=2).get_xticklabels()]
    ['type_1', 'type_2', 'type_3']
    """
    if top < 1:
        msg = f"top must be 1 or more, found {top}."
        raise ValueError(msg)
    found = tf_importance(mdata, group=group, key=key, rna_key=rna_key, atac_key=atac_key)
    table = found.pivot(index="tf", columns="group", values="importance")[found["group"].unique()]
    if tfs is None:  # strongest first within each type
        shown = found[found["importance"] > 0].groupby("group").head(top)["tf"].unique()
    else:
        shown = known_names(tfs, table.index, "TFs").to_numpy()
    if not len(shown):
        msg = "No TF has importance above 0 in these types: no motif is enriched in their peaks. Name TFs to show them all the same: tfs=[...]."
        raise ValueError(msg)
    drawn = along_diagonal(table.loc[shown])
    most = float(drawn.abs().max().max())  # 0 is white in every figure, whether or not a TF is below
    return draw_heatmap(drawn, label="TF importance", colors=color_scale([-most, most] if most else []), ax=ax)
