"""Several networks against one truth, over the same pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from linger._docs import docs
from linger._keys import DEFAULT_KEY, MOTIF, Kind, slot
from linger._validate import columns, preview
from linger.bm._baselines import BASELINES, baseline, degree, random_weights
from linger.bm._baselines import universe as all_pairs
from linger.bm._evaluate import evaluate
from linger.bm._paired_test import paired_test

if TYPE_CHECKING:
    from mudata import MuData

DEGREE = "degree in the truth"


@docs.dedent
def compare(
    networks: Mapping[str, pd.DataFrame],
    truth: pd.DataFrame,
    *,
    universe: pd.DataFrame | None = None,
    by: Literal["auto", "source", "target"] | None = "auto",
    mdata: MuData | None = None,
    metacells: MuData | None = None,
    kind: Kind = "trans",
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
    atac_key: str = "atac",
    rng: int = 0,
) -> pd.DataFrame:
    """Evaluate networks of several methods over the same pairs, with trivial baselines beside them.

    Parameters
    ----------
    networks
        By method, columns source, target, weight (higher is likelier): of :func:`linger.get.network`, or of any other tool.
    truth
        Columns source, target: the true edges.
    universe
        The pairs to rank, columns source, target; None takes every source with every target that all networks hold, self-pairs left out, and of
        cis with `mdata` the linked ones of these. Pairs that a network does not score get its lowest rank.
    by
        Score every source, every target, or (None) all pairs together; ``"auto"`` scores every source, of cis every target.
    mdata, metacells
        Give both for the baselines that need data: correlation, distance or motif, accessibility, expression. Random and the degree in
        the truth (:func:`linger.bm.degree`; of the target, or where targets are scored of the source) are always there.
    kind
        Which kind of network it is.
    %(key)s
    %(keys)s
    %(rng)s

    Returns
    -------
    One row a method and source (target), with the columns of :func:`linger.bm.evaluate` and ``method``, ``name``; networks first, in the order
    given. :func:`linger.bm.summarize` condenses it.

    Raises
    ------
    KeyError
        If columns are missing.
    ValueError
        If networks share no pairs, no true edge is among the pairs, or a network has the name of a baseline.

    Examples
    --------
    >>> net = pd.DataFrame({"source": "A", "target": ["x", "y", "z"], "weight": [3.0, 2.0, 1.0]})
    >>> table = compare({"mine": net}, net.head(1))
    >>> table.groupby("method", sort=False)["auroc"].mean()["mine"]
    np.float64(1.0)
    """
    if by == "auto":
        by = "target" if kind == "cis" else "source"
    pairs = shared_pairs(networks, universe)
    if universe is None and kind == "cis" and mdata is not None:
        pairs = pairs.merge(all_pairs(mdata, kind=kind, key=key, rna_key=rna_key), on=["source", "target"])
    by_target = by == "target" or (by is None and kind == "cis")
    names: dict[str, Any] = {"kind": kind, "key": key, "rna_key": rna_key, "atac_key": atac_key}
    rivals = baselines(pairs, truth, mdata, metacells, side="source" if by_target else "target", rng=rng, **names)
    return evaluate_all(networks, rivals, truth, by=by, pairs=pairs)


def baselines(
    pairs: pd.DataFrame,
    truth: pd.DataFrame,
    mdata: MuData | None,
    metacells: MuData | None,
    *,
    side: Literal["source", "target"],
    kind: Kind,
    rng: int,
    key: str,
    rna_key: str,
    atac_key: str,
) -> dict[str, pd.DataFrame]:
    """Return the scores of all baselines; those from data where there are data."""
    if (mdata is None) != (metacells is None):
        msg = "Baselines from data need both mdata= and metacells=. Give both, or neither."
        raise ValueError(msg)
    found = {"random": pairs.assign(weight=random_weights(pairs, rng)), DEGREE: degree(pairs, truth, side=side)}
    if mdata is None or metacells is None:
        return found
    for method in (method for method in BASELINES[kind] if method != "random"):
        if method != "motif" or slot(key, MOTIF) in mdata.varp:
            found[method] = baseline(
                mdata, metacells, kind=kind, method=method, key=key, rna_key=rna_key, atac_key=atac_key
            )
            _refuse_foreign(found[method], pairs, kind)
    return found


def evaluate_all(
    networks: Mapping[str, pd.DataFrame],
    rivals: dict[str, pd.DataFrame],
    truth: pd.DataFrame,
    *,
    by: Literal["source", "target"] | None,
    pairs: pd.DataFrame,
) -> pd.DataFrame:
    """Evaluate networks and baselines over the same pairs, below each other."""
    taken = [name for name in networks if name in rivals]
    if taken:
        msg = f"{preview(taken)} is the name of a baseline. Call the network otherwise."
        raise ValueError(msg)
    parts = []
    for name, net in (dict(networks) | rivals).items():
        table = evaluate(net, truth, by=by, universe=pairs).reset_index()
        table.insert(0, "method", name)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def summarize(table: pd.DataFrame, *, reference: str | None = None, value: str = "auroc") -> pd.DataFrame:
    """Condense a table of :func:`linger.bm.compare` to a row a method.

    Parameters
    ----------
    table
        Columns method, name and measures.
    reference
        Method to test against all others (one-sided paired t-test over the TFs or genes that both score: is the reference better?);
        None tests nothing.
    value
        The measure tested.

    Returns
    -------
    Index method, in order of appearance: means of ``auroc``, ``aupr_ratio``, ``f1``, ``early_precision_ratio`` over the names where they are defined, ``n`` such names,
    ``n_undefined`` others (no true edge, or nothing but), and with a reference ``difference`` and ``p_value``.

    Raises
    ------
    KeyError
        If a column or the reference is missing.
    ValueError
        If there is a reference and fewer than two TFs or genes are scored.

    Examples
    --------
    >>> net = pd.DataFrame({"source": ["A"] * 3 + ["B"] * 3, "target": list("xyzxyz"), "weight": [3.0, 2, 1, 1, 2, 3]})
    >>> summarize(compare({"mine": net}, net[net["weight"] == 3])).loc["mine", "auroc"]
    np.float64(1.0)
    """
    columns(table, ["method", "name", value], "The table", "lg.bm.compare")
    if reference is not None and reference not in set(table["method"]):
        msg = f"There is no method {reference!r} (there are {preview(table['method'].unique())})."
        raise KeyError(msg)
    grouped = table.groupby("method", sort=False)
    measures = [name for name in ("auroc", "aupr_ratio", "f1", "early_precision_ratio") if name in table]
    summary = grouped[measures].mean()
    summary["n"] = grouped[value].count()
    summary["n_undefined"] = grouped.size() - summary["n"]
    if reference is None:
        return summary
    if table["name"].nunique() < 2:
        msg = "A test needs several TFs or genes; this table has one row a method (by=None). Compare with by='source' or 'target'."
        raise ValueError(msg)
    single = {method: rows.set_index("name") for method, rows in grouped}
    for method in summary.index.drop(reference):
        test = paired_test(single[reference], single[method], value=value)
        summary.loc[method, ["difference", "p_value"]] = [test["difference"], test["p_value"]]
    return summary


def _refuse_foreign(scores: pd.DataFrame, pairs: pd.DataFrame, kind: Kind) -> None:
    if not (pairs["source"].isin(scores["source"]) & pairs["target"].isin(scores["target"])).any():
        msg = f"None of the pairs is one of a {kind!r} network of the data. Is kind={kind!r} right, and are names those of the data?"
        raise ValueError(msg)


def shared_pairs(networks: Mapping[str, pd.DataFrame], universe: pd.DataFrame | None) -> pd.DataFrame:
    """Return the pairs given, or every source with every target that all networks hold, but for itself."""
    if not networks:
        msg = "There is no network to compare."
        raise ValueError(msg)
    for name, net in networks.items():
        columns(net, ["source", "target", "weight"], f"The network {name!r}", "net.rename(columns=...)")
    if universe is not None:
        return universe[["source", "target"]].astype(str).drop_duplicates(ignore_index=True)
    names = []
    for side in ("source", "target"):
        held = [pd.Index(net[side].astype(str).unique()) for net in networks.values()]
        shared = held[0]
        for other in held[1:]:
            shared = shared.intersection(other)
        names.append(shared.sort_values())
    pairs = pd.MultiIndex.from_product(names, names=["source", "target"]).to_frame(index=False)
    pairs = pairs[pairs["source"] != pairs["target"]].reset_index(drop=True)
    if pairs.empty:
        msg = f"The networks {preview(networks)} share no sources and targets. Do they use the same names?"
        raise ValueError(msg)
    return pairs
