"""The part of the networks between chosen TFs and genes, by way of peaks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

from linger._docs import docs
from linger._keys import DEFAULT_KEY, KINDS
from linger._validate import known_names, modality
from linger.get._graph import names_of
from linger.get._network import network
from linger.get._traits import traits

if TYPE_CHECKING:
    from mudata import MuData


@docs.dedent
def subnetwork(
    mdata: MuData,
    *,
    tfs: str | Iterable[str] | None = None,
    genes: str | Iterable[str] | None = None,
    trait: str | None = None,
    group: str | None = None,
    n_tfs: int = 10,
    top: int = 5,
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
    atac_key: str = "atac",
) -> pd.DataFrame:
    """Return the edges between chosen TFs, the peaks of chosen genes, and these genes: the strongest of them.

    Parameters
    ----------
    %(mdata)s
    tfs
        TFs; None takes the key TFs of the `trait` (in the `group`, else those with the highest trait score), or all.
    genes
        Genes; None takes those of the `trait`, or all.
    trait
        A trait of :func:`linger.tl.trait_enrichment`.
    group
        A group whose means are stored; None takes the population's networks.
    n_tfs
        Key TFs taken where `tfs` is None.
    top
        Edges kept into each gene (trans, cis) and each of its kept peaks (binding), the strongest.
    %(key)s
    %(keys)s

    Returns
    -------
    Columns ``kind``, ``source``, ``target``, ``weight``, and ``sign`` (trans and cis, else NaN), strongest first within a kind.

    Raises
    ------
    KeyError
        If a name, trait or group is unknown, or nothing was fitted.
    ValueError
        If neither TFs, genes nor a trait are named, or no gene of the trait has a network.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> lg.get.subnetwork(mdata, genes=["GENE20"], top=2).groupby("kind").size()["trans"]
    np.int64(2)
    """
    if tfs is None and genes is None and trait is None:
        msg = "Name TFs, genes or a trait: lg.get.subnetwork(mdata, tfs=[...], genes=[...])."
        raise ValueError(msg)
    tfs, genes = (listed if listed is None or isinstance(listed, str) else list(listed) for listed in (tfs, genes))
    names: dict[str, Any] = {"key": key, "rna_key": rna_key, "atac_key": atac_key}
    if trait is not None:
        tfs = _key_tfs(mdata, trait, group, n_tfs, key) if tfs is None else tfs
        genes = _genes(mdata, trait, names) if genes is None else genes
    if genes is not None:
        known_names(genes, modality(mdata, rna_key).var_names, "genes")
    best: dict[str, Any] = {"group": group, "top": top, "per": "target", **names}
    tables = {
        "trans": network(mdata, "trans", tfs=tfs, targets=genes, **best),
        "cis": network(mdata, "cis", targets=genes, **best),
    }
    peaks = tables["cis"]["source"].unique()
    tables["binding"] = network(mdata, "binding", tfs=tfs, targets=peaks, **best)
    parts = [tables[kind].assign(kind=kind) for kind in KINDS]
    return pd.concat(parts, ignore_index=True)[["kind", "source", "target", "weight", "sign"]]


def _key_tfs(mdata: MuData, trait: str, group: str | None, n_tfs: int, key: str) -> list[str]:
    if group is None:
        found = traits(mdata, "tfs", trait=trait, key=key)
    else:
        found = traits(mdata, "key_tfs", trait=trait, key=key)
        found = found[found["group"] == group]
    return found["tf"].head(n_tfs).tolist()


def _genes(mdata: MuData, trait: str, names: dict[str, Any]) -> list[str]:
    fitted = names_of(mdata, "trans", **names)[1]
    genes = traits(mdata, "genes", trait=trait, key=names["key"])["gene"]
    found: list[str] = genes[genes.isin(fitted)].tolist()
    if not found:
        msg = f"No gene of the trait {trait!r} has a network."
        raise ValueError(msg)
    return found
