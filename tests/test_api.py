"""The law of the API, enforced."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import linger as lg

NAMESPACES = ("pp", "tl", "get", "bm", "io", "ds", "pl", "nn")
PUBLIC = [(space, name) for space in NAMESPACES for name in getattr(lg, space).__all__]
FUNCTIONS = [(s, n) for s, n in PUBLIC if inspect.isfunction(getattr(getattr(lg, s), n))]


def test_there_is_something_to_check():
    assert len(FUNCTIONS) > 20


@pytest.mark.parametrize(("space", "name"), PUBLIC)
def test_everything_public_is_documented(space, name):
    documented = getattr(getattr(lg, space), name)
    if inspect.isclass(documented) or inspect.isfunction(documented):
        assert documented.__doc__
        assert "%(" not in documented.__doc__


@pytest.mark.parametrize(("space", "name"), FUNCTIONS)
def test_functions_are_annotated_and_their_parameters_described(space, name):
    function = getattr(getattr(lg, space), name)
    signature = inspect.signature(function)
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty, parameter.name
        assert parameter.name in function.__doc__, parameter.name


@pytest.mark.parametrize(("space", "name"), [pair for pair in FUNCTIONS if pair[0] != "nn"])
def test_options_are_keyword_only(space, name):
    """What a function works on, and at most one thing that says what about it, come by position, everything else by name."""
    parameters = inspect.signature(getattr(getattr(lg, space), name)).parameters.values()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    assert len(positional) <= 2
    assert all(p.default is p.empty or p.name == "kind" for p in positional)


@pytest.mark.parametrize(("space", "name"), [pair for pair in FUNCTIONS if pair[0] in ("pp", "tl")])
def test_functions_that_write_offer_a_copy(space, name):
    if name not in ("estimate", "metacells", "pretrain"):  # return a new object
        assert inspect.signature(getattr(getattr(lg, space), name)).parameters["copy"].default is False


def test_import_is_light():
    code = "import sys, linger; dir(linger); print([m for m in ('torch', 'scanpy', 'matplotlib', 'mudata') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_unknown_attribute():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = lg.nonsense
