"""Parameter documentation shared by the public functions, filled in by docrep (``%(mdata)s``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from docrep import DocstringProcessor

_Function = TypeVar("_Function", bound=Callable[..., Any])


class _Docs:
    """Fills the placeholders in docstrings, and keeps the types of what it decorates."""

    def __init__(self, **texts: str) -> None:
        self._processor = DocstringProcessor(**texts)

    def dedent(self, function: _Function) -> _Function:
        """Fill the placeholders in the docstring of `function`."""
        return self._processor.dedent(function)


docs = _Docs(
    mdata="""\
mdata
    MuData with paired RNA and ATAC of the same cells.""",
    rna_key="""\
rna_key
    Name of the gene expression modality.""",
    atac_key="""\
atac_key
    Name of the chromatin accessibility modality.""",
    layer="""\
layer
    Layer of both modalities that holds raw counts; None takes ``layers["counts"]``, else ``X``.""",
    key_added="""\
key_added
    Prefix of the slots written, so that several fits coexist.""",
    key="""\
key
    The ``key_added`` of the fit to read.""",
    rng="""\
rng
    Seed. Same seed, same result, in whatever order cells, genes and peaks come.""",
    copy="""\
copy
    Return a changed copy and leave `mdata` as it is.""",
    keys="""\
rna_key, atac_key
    Names of the two modalities.""",
)
