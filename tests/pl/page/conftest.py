"""Fits for the report."""

from __future__ import annotations

import numpy as np
import pytest

import linger as lg

from .reading import ALARMING


@pytest.fixture(scope="session")
def _everything(_fitted):
    """The toy fit with types, importance and all that is made from networks."""
    mdata = _fitted[0].copy()
    lg.tl.tf_importance(mdata, "cell_type", metacells=_fitted[1])
    lg.tl.modules(mdata, n_modules=3)
    lg.tl.tf_activity(mdata, lg.get.regulons(mdata, n_targets=20))
    lg.tl.drivers(mdata, "cell_type")
    lg.tl.trait_enrichment(mdata, ["GENE20", "GENE30", "GENE40"], n_targets=10, n_permutations=9)
    return mdata


@pytest.fixture
def everything(_everything):
    return _everything.copy()


@pytest.fixture(scope="session")
def alarming(_everything):
    """The same (read only) with a TF, in var["symbol"], and a cell type whose names a page must not take for HTML."""
    mdata = _everything.copy()
    rna, uns = mdata["rna"], mdata.uns["linger"]
    rna.var["symbol"] = [ALARMING if name == "TF1" else name for name in rna.var_names]
    names = np.array([ALARMING, "type_2", "type_3"], dtype=object)
    uns["groups"]["names"] = uns["tf_importance"]["groups"] = names
    return mdata
