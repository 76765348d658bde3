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
