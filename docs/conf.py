"""Settings of the documentation site: ``sphinx-build -W -n docs docs/_build/html``."""

from __future__ import annotations

import importlib
import inspect
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

import linger

HERE = Path(__file__).parent

project = "linger"
author = "The linger developers"
copyright = "The linger developers"
version = release = linger.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinxcontrib.katex",
]
exclude_patterns = ["_build", "_templates", "conf.py", "make_figure.py", "tutorials/celloracle"]
templates_path = ["_templates"]

# the names of every namespace, as its __all__ has them
autosummary_generate = True
autosummary_imported_members = True
autosummary_ignore_module_all = False
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_custom_sections = ["Returns"]  # prose here, without a type in front
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_preprocess_types = False
python_maximum_signature_line_length = 80
python_use_unqualified_type_names = True
nitpick_ignore_regex = [
    ("py:.*", r"(?!linger\.).*"),  # what other packages define: their sites are not asked while building
    ("py:.*", r"linger\..*\._.*"),  # what is private
]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

# equations become MathML in the reader's browser, with a script that the site brings along
katex_options = 'output: "mathml"'
katex_css_path = "katex-math.css"

# the tutorials, scripts in percent format, are run
nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
nb_execution_mode = os.environ.get("LINGER_DOCS_EXECUTE", "cache")  # cache, force or off
nb_execution_raise_on_error = True
nb_execution_timeout = 1200
nb_merge_streams = True
nb_output_stderr = "remove"  # progress bars
suppress_warnings = ["myst-nb.lexer"]  # that a notebook which was not run names no language

html_theme = "sphinx_book_theme"
html_title = "linger"
html_static_path = ["_static"]
html_css_files = ["linger.css"]
html_theme_options = {
    "show_toc_level": 2,
    "home_page_in_toc": True,
    "use_download_button": False,
    "navbar_persistent": [],  # the sidebar has a search field
}

shutil.rmtree(HERE / "tutorials", ignore_errors=True)
shutil.copytree(HERE.parent / "tutorials", HERE / "tutorials", ignore=shutil.ignore_patterns("__pycache__"))


def setup(app: Sphinx) -> None:
    """Add what Sphinx has no setting for."""
    app.connect("source-read", _link_pages_of_tutorials)
    app.connect("env-check-consistency", _miss_no_public_name)


def _link_pages_of_tutorials(app: Sphinx, docname: str, source: list[str]) -> None:
    """Lead links that work in the repository to the tutorials' copies, which are pages."""
    source[0] = source[0].replace("](../tutorials/", "](tutorials/")


def _miss_no_public_name(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of public names without a page."""
    for name in _public_names(linger):
        if name not in env.domains.python_domain.objects:
            logging.getLogger(__name__).warning("%s is public and has no entry in the API reference", name)


def _public_names(module: ModuleType) -> Iterator[str]:
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.ismodule(value):
            yield from _public_names(importlib.import_module(f"{module.__name__}.{name}"))
        elif not name.startswith("__"):
            yield f"{module.__name__}.{name}"
