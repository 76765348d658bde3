"""What was found about traits, as tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, get_args

import pandas as pd

from linger._docs import docs
from linger._keys import DEFAULT_KEY
from linger._validate import known_names

if TYPE_CHECKING:
    from mudata import MuData

Level = Literal["tfs", "groups", "key_tfs", "genes"]


@docs.dedent
def traits(
    mdata: MuData, level: Level, *, trait: str | Iterable[str] | None = None, key: str = DEFAULT_KEY
) -> pd.DataFrame:
    """Return what :func:`linger.tl.trait_enrichment` found.

    Parameters
    ----------
    %(mdata)s
    level
        ``"tfs"``: trait scores; ``"groups"``: relevance of cell types; ``"key_tfs"``: TFs by type; ``"genes"``: the trait's genes.
    trait
        Traits to return; None returns all.
    %(key)s

    Returns
    -------
    The table, with a column ``trait``.

    Raises
    ------
    KeyError
        If no trait was analysed, or not at this level.
    ValueError
        If there is no such level.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> lg.tl.trait_enrichment(mdata, ["GENE20", "GENE30"], n_targets=10, n_permutations=9)
    >>> lg.get.traits(mdata, "genes")["gene"].tolist()
    ['GENE20', 'GENE30']
    """
    if level not in get_args(Level):
        msg = f"level must be one of {', '.join(map(repr, get_args(Level)))}, found {level!r}."
        raise ValueError(msg)
    stored = mdata.uns.get(key, {}).get("traits", {})
    if level not in stored:
        hint = " with group means stored (lg.tl.group_means)" if stored else ""
        msg = f"No {level} of traits are stored under {key!r}. Call lg.tl.trait_enrichment(mdata, snps){hint} first."
        raise KeyError(msg)
    table: pd.DataFrame = stored[level]
    if trait is not None:
        table = table[table["trait"].isin(known_names(trait, pd.Index(table["trait"].unique()), "traits"))]
    return table.reset_index(drop=True)
