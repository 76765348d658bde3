"""Doses of TFs: checked, and as changes of logged expression."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Real

import numpy as np
import pandas as pd

from linger._validate import known_names, preview
from linger.tl._stored_networks import StoredNetworks


def read_doses(doses: str | Iterable[str] | Mapping[str, float], networks: StoredNetworks) -> pd.Series:
    """Return the factor on the expression of each TF, or raise.

    Raises
    ------
    KeyError
        If a name is no TF of the networks.
    ValueError
        If there is none, a dose is negative or not finite, or a TF is not expressed or does not vary in the metacells.
    """
    if isinstance(doses, pd.Series) and pd.api.types.is_numeric_dtype(doses):
        doses = {str(name): float(dose) for name, dose in doses.items()}
    if not isinstance(doses, Mapping):
        doses = dict.fromkeys([doses] if isinstance(doses, str) else doses, 0.0)
    names = known_names(list(doses), networks.tfs, "TFs of the networks (other genes are no inputs)")
    if not all(isinstance(doses[name], Real) and not isinstance(doses[name], bool | np.bool_) for name in names):
        msg = f"Doses must be numbers, found {dict(doses)}. 0 knocks a TF out, 1 leaves it as it is, 2 doubles it."
        raise ValueError(msg)
    factors = pd.Series([float(doses[name]) for name in names], index=names)
    if factors.empty:
        msg = "No TF is named. Give doses such as {'GATA1': 0.0}."
        raise ValueError(msg)
    if not np.isfinite(factors).all() or (factors < 0).any():
        msg = f"Doses must be finite and not negative, found {preview(factors.unique())}. 0 knocks a TF out, 1 leaves it as it is, 2 doubles it."
        raise ValueError(msg)
    at = networks.tfs.get_indexer(names)
    silent, constant = networks.tf.mean[at] <= 0, networks.tf.sd[at] <= 0
    for bad, what in ((silent, "not expressed in the metacells"), (constant, "expressed alike in all metacells")):
        if bad.any():
            msg = f"{preview(names[bad])}: {what}, so the networks know nothing of what a change would do."
            raise ValueError(msg)
    return factors


def log_change(log_expression: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Return log(1 + factor x) - log(1 + x) for expression given as log(1 + x); exactly 0 for a factor of 1.

    Examples
    --------
    >>> log_change(np.array([[0.5, 2.0]]), np.array([0.0]))
    array([[-0.5, -2. ]])
    """
    changed = np.log1p(factor[:, None] * np.expm1(log_expression)) - log_expression
    return np.where(factor[:, None] == 1, 0.0, changed)
