"""Whether one method is better than another over the same TFs."""

from __future__ import annotations

import pandas as pd
from scipy.stats import ttest_rel

from linger._validate import columns


def paired_test(ours: pd.DataFrame, theirs: pd.DataFrame, *, value: str = "auroc") -> pd.Series:
    """Test whether `ours` is better than `theirs`: a one-sided paired t-test over the TFs (genes, truth sets) that both score.

    Parameters
    ----------
    ours, theirs
        Tables of :func:`linger.bm.evaluate`, one row a TF.
    value
        Column to compare.

    Returns
    -------
    ``difference`` (mean), ``statistic``, ``p_value`` and ``n``, the number of TFs.

    Raises
    ------
    KeyError
        If the column is missing.
    ValueError
        If fewer than two TFs are scored in both.

    Examples
    --------
    >>> ours = pd.DataFrame({"auroc": [0.6, 0.7, 0.9]}, index=["A", "B", "C"])
    >>> paired_test(ours, ours - 0.1 * pd.DataFrame({"auroc": [1, 2, 3]}, index=["A", "B", "C"]))["difference"].round(3)
    np.float64(0.2)
    """
    for table, name in ((ours, "ours"), (theirs, "theirs")):
        columns(table, [value], name, "lg.bm.evaluate(scores, truth)")
    both = pd.concat([ours[value].rename("ours"), theirs[value].rename("theirs")], axis=1, join="inner").dropna()
    if len(both) < 2:
        msg = f"{len(both)} rows are scored in both tables; a paired test needs two or more. Are they evaluated by the same unit (by=)?"
        raise ValueError(msg)
    test = ttest_rel(both["ours"], both["theirs"], alternative="greater")
    difference = (both["ours"] - both["theirs"]).mean()
    return pd.Series({"difference": difference, "statistic": test.statistic, "p_value": test.pvalue, "n": len(both)})
