"""Predicted changes on an embedding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from linger._docs import docs
from linger._keys import DEFAULT_KEY, PERTURBATION
from linger._validate import known_names, modality
from linger.get._perturbation import perturbation as predicted
from linger.pl._embedding import draw_embedding, embedding_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mudata import MuData


@docs.dedent
def perturbation(
    mdata: MuData,
    basis: str,
    *,
    gene: str | None = None,
    quantile: float = 0.99,
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
    ax: Axes | None = None,
) -> Axes:
    """Draw on an embedding how expression changes in every cell after the perturbation of :func:`linger.tl.perturb`.

    Parameters
    ----------
    %(mdata)s
    basis
        Embedding in ``obsm`` of the MuData or the expression modality, such as ``"X_umap"``.
    gene
        The gene; None takes the mean absolute change over all genes but the TFs that were set.
    quantile
        Colours end at this quantile of the absolute changes, so that single cells do not pale all others; where it
        is 0, at that of the cells with a change.
    %(key)s
    %(rna_key)s
    ax
        Axes to draw on; None makes a figure.

    Returns
    -------
    The axes; cells that were not predicted are pale grey.

    Raises
    ------
    KeyError
        If nothing was perturbed, or there is no such embedding or gene.
    ValueError
        If `quantile` is out of range, or the embedding has one dimension.

    Examples
    --------
    >>> import linger as lg, numpy, tempfile
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0), store=tempfile.mkdtemp() + "/networks")
    >>> lg.tl.perturb(mdata, {"TF1": 0.0})
    >>> mdata["rna"].obsm["X_umap"] = numpy.random.default_rng(0).normal(size=(mdata.n_obs, 2))
    >>> lg.pl.perturbation(mdata, "X_umap", gene="GENE20").get_title()
    'TF1 x 0: GENE20'
    """
    if not 0 < quantile <= 1:
        msg = f"quantile must be above 0 and at most 1, found {quantile}."
        raise ValueError(msg)
    change = predicted(mdata, key=key, rna_key=rna_key)
    record = mdata.uns[key][PERTURBATION]
    if gene is None:
        values = change.drop(columns=[str(tf) for tf in record["tfs"]], errors="ignore").abs().mean(axis=1)
    else:
        values = change[known_names(gene, change.columns, "genes with a prediction")[0]]
    points = embedding_points(mdata, basis, rna_key=rna_key)
    label = "mean absolute change" if gene is None else "change of logged expression"
    cells = modality(mdata, rna_key).obs_names
    ax = draw_embedding(ax, points, values.reindex(cells), basis=basis, label=label, quantile=quantile)
    ax.set_title(f"{doses_text(record)}: {'all genes' if gene is None else gene}", fontsize="medium")
    return ax


def doses_text(record: Mapping[str, Any]) -> str:
    """Return which TFs were set, and to what.

    Examples
    --------
    >>> doses_text({"tfs": ["GATA1", "SPI1"], "doses": [0.0, 2.0]})
    'GATA1 x 0, SPI1 x 2'
    """
    return ", ".join(f"{tf} x {dose:g}" for tf, dose in zip(record["tfs"], record["doses"], strict=True))
