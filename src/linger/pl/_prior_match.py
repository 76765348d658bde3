"""How much of the data a prior knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from linger._docs import docs
from linger._keys import DEFAULT_KEY
from linger.pl._style import PALETTE, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mudata import MuData

_WHAT: Final = {"genes": "genes", "TFs": "tfs", "peaks": "peaks"}


@docs.dedent
def prior_match(mdata: MuData, *, key: str = DEFAULT_KEY, ax: Axes | None = None) -> Axes:
    """Draw how many genes, TFs and peaks of a fit were found in its prior, and how many of the prior's peaks could be used.

    Parameters
    ----------
    %(mdata)s Fitted with ``prior=``.
    %(key)s
    ax
        Axes to draw on; None makes a figure.

    Returns
    -------
    The axes.

    Raises
    ------
    KeyError
        If nothing was fitted with a prior under `key`.

    Examples
    --------
    >>> import linger as lg
    >>> sim = lg.ds.simulate(n_cells=200, n_genes=60, n_tfs=12, n_peaks=300, n_cell_types=3, n_bulk=20)
    >>> for each in (sim.bulk, sim.mdata):
    ...     lg.pp.link_peaks(each)
    >>> quick = lg.FitConfig(epochs=2, n_folds=0)
    >>> lg.tl.fit(sim.mdata, prior=lg.tl.pretrain(sim.bulk, config=quick), config=quick)
    >>> [text.get_text() for text in lg.pl.prior_match(sim.mdata).texts]
    ['60 of 60', '12 of 12', '300 of 300', '300 of 300']
    """
    report = mdata.uns.get(key, {}).get("prior")
    if report is None:
        msg = f"mdata.uns[{key!r}] has no 'prior'. Fit with one first: lg.tl.fit(mdata, prior=..., key_added={key!r})."
        raise KeyError(msg)
    rows = [(f"{what} in the prior", report[f"n_{name}_matched"], report[f"n_{name}"]) for what, name in _WHAT.items()]
    rows.append(("prior's peaks\nlocated and varying", report["n_prior_peaks_used"], report["n_prior_peaks"]))
    ax = new_axes(ax, width=5.4, height=2.4)
    for row, (_, found, total) in enumerate(rows):
        share = int(found) / max(int(total), 1)
        ax.barh(row, 1.0, color="#eeeeee", height=0.6)
        ax.barh(row, share, color=PALETTE[0] if row < len(_WHAT) else PALETTE[4], height=0.6)
        ax.text(1.02, row, f"{int(found):,} of {int(total):,}", va="center", fontsize="small")
    ax.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set(xlim=(0, 1), xlabel="share")
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
    return ax
