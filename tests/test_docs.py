"""The documentation has every public name, and its links lead somewhere. That it builds is checked by ``.ci/run``."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

import linger as lg

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(?:#[^)\s]*)?\)")

pytestmark = pytest.mark.skipif(not (ROOT / "docs" / "api.md").exists(), reason="installed without the documentation")


def namespaces(module=lg):
    """Return the names of all public modules below `module`."""
    found = []
    for name in module.__all__:
        if inspect.ismodule(getattr(module, name)):
            found += [
                f"{module.__name__}.{name}",
                *namespaces(importlib.import_module(f"{module.__name__}.{name}")),
            ]
    return found


def test_every_namespace_and_class_is_in_the_api_pages():
    """The pages of namespaces list their ``__all__``, so that what is missing here is all that can be."""
    listed = (ROOT / "docs" / "api.md").read_text().split()
    assert {"linger.bm.truth", "linger.pp"} <= set(namespaces())
    assert [name for name in namespaces() if name not in listed] == []
    classes = [name for name in lg.__all__ if inspect.isclass(getattr(lg, name))]
    assert [name for name in classes if name not in listed] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page):
    assert [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()] == []
