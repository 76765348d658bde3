"""The TFs of every gene as CellOracle's TFdict."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from linger._docs import docs
from linger._keys import DEFAULT_KEY
from linger.get._network import network
from linger.get._reader import one_or_more

if TYPE_CHECKING:
    from mudata import MuData


@docs.dedent
def celloracle_tfdict(
    mdata: MuData,
    *,
    groups: str | Iterable[str] | None = None,
    n_tfs: int = 30,
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
    atac_key: str = "atac",
) -> dict[str, Any]:
    """Return the regulators of every gene, as CellOracle's ``Oracle.import_TF_data(TFdict=)`` and ``Oracle.cluster_specific_TFdict`` take them.

    Parameters
    ----------
    %(mdata)s
    groups
        Groups whose means are stored (clusters of CellOracle); None takes the population's network.
    n_tfs
        TFs kept of every gene, those of the strongest trans edges.
    %(key)s
    %(keys)s

    Returns
    -------
    Target -> names of TFs, strongest first; with `groups` such a dictionary for each.

    Raises
    ------
    KeyError
        If nothing was fitted, or a group is unknown.
    ValueError
        If `n_tfs` is not positive.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, groupby="cell_type", config=lg.FitConfig(epochs=5, n_folds=0))
    >>> len(lg.get.celloracle_tfdict(mdata, n_tfs=3)["GENE20"])
    3
    >>> list(lg.get.celloracle_tfdict(mdata, groups=["type_1", "type_2"]))
    ['type_1', 'type_2']
    """
    if n_tfs < 1:
        msg = f"n_tfs must be 1 or more, found {n_tfs}."
        raise ValueError(msg)
    options: dict[str, Any] = {"n_tfs": n_tfs, "key": key, "rna_key": rna_key, "atac_key": atac_key}
    if groups is None:
        return _tfdict(mdata, None, **options)
    return {name: _tfdict(mdata, name, **options) for name in one_or_more(groups)}


def _tfdict(mdata: MuData, group: str | None, *, n_tfs: int, **names: str) -> dict[str, list[str]]:
    edges = network(mdata, "trans", group=group, top=n_tfs, per="target", **names)  # type: ignore[arg-type]
    return {str(gene): tfs.astype(str).tolist() for gene, tfs in edges.groupby("target", sort=True)["source"]}
