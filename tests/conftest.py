"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def _data_dir() -> Path:
    configured = os.environ.get("LINGER_TEST_DATA")
    return Path(configured) if configured else Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real data, or a skip that says what is missing."""
    folder = _data_dir()
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}; set LINGER_TEST_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def _fitted(tmp_path_factory):
    import linger as lg

    mdata = lg.ds.toy()
    lg.pp.link_peaks(mdata)
    metacells = lg.pp.metacells(mdata, n_metacells=60, n_neighbors=20)
    store = tmp_path_factory.mktemp("store") / "networks"
    lg.tl.fit(mdata, metacells=metacells, config=lg.FitConfig(epochs=30, n_folds=2), store=store)
    return mdata, metacells


@pytest.fixture
def fitted(_fitted):
    """A fitted toy MuData to change at will (its store is shared: read only)."""
    return _fitted[0].copy()


@pytest.fixture
def toy_metacells(_fitted):
    """The metacells it was fitted on."""
    return _fitted[1].copy()


@pytest.fixture(scope="session")
def _bulk_and_cells():
    import linger as lg

    simulated = lg.ds.simulate(n_cells=300, n_genes=80, n_tfs=16, n_peaks=400, n_cell_types=3, n_bulk=30, rng=0)
    for mdata in (simulated.bulk, simulated.mdata):
        lg.pp.link_peaks(mdata)
    metacells = lg.pp.metacells(simulated.mdata, n_metacells=60, n_neighbors=20)
    prior = lg.tl.pretrain(simulated.bulk, config=lg.FitConfig(epochs=20))
    return simulated, metacells, prior


@pytest.fixture
def bulk(_bulk_and_cells):
    """Linked bulk samples, to change at will."""
    return _bulk_and_cells[0].bulk.copy()


@pytest.fixture
def cells(_bulk_and_cells):
    """Linked cells of the same network, to change at will."""
    return _bulk_and_cells[0].mdata.copy()


@pytest.fixture
def cells_metacells(_bulk_and_cells):
    """Metacells of those cells."""
    return _bulk_and_cells[1].copy()


@pytest.fixture
def prior(_bulk_and_cells):
    """A prior pre-trained on the bulk samples (shared: read only)."""
    return _bulk_and_cells[2]
