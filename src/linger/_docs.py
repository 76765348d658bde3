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
    n_jobs="""\
n_jobs
    Processes that share out the genes; -1 takes one for every core. 1 is this process, with as many threads as torch has.
client
    Client of a dask cluster (``dask.distributed.Client``), which then does the work; give every worker as many threads as cores.
    Who does the work changes nothing but the time, to the last bit.""",
    weights="""\
weights
    How a group or a cell weighs the graph. ``"paper"``: as in :func:`linger.get.matrix`, the exponent s being the importance divided by sqrt(N - 1) for N
    metacells (a mean correlation) and clipped to [0, 1]. ``"shrunk"``: the same with strengths held to what is known without the
    networks where these predict nothing: each of alpha, beta and gamma is r times itself plus 1 - r times its mean (of the TF's alphas, of all beta, all
    gamma), r = sqrt(max(R2, 0)) of the gene in held-out cells (``FitConfig(n_folds=)``; of a peak the mean over its genes). Then all linked pairs have an
    edge, and TFs without a motif are bound at all linked peaks (12 bytes each). ``"paper_raw"``: the importance itself as the exponent.
    ``"lingergrn"``: the formulas of the authors' package with the strengths fitted here, for comparison: no C^s, no gamma, 0.1 added to
    E, O, beta and alpha + B, decay exp(-(0.5 + d / 25 kb)), alpha and B over their means (theirs are per chromosome).""",
    threshold="""\
top
    Keep that many of the strongest edges (1 or more), or that fraction of the edges that are not 0 (below 1). Ties go by name.
per
    ``"source"`` or ``"target"``: `top` counts within each of them; None: over the whole network.
min_z
    Keep edges with (z among the targets of the source + z among the sources of the target) / 2 above this; the authors of the
    method use 1.96. z is taken over the sources and targets chosen, edges of 0 included.""",
    support="""\
support
    None: a gene sees all of a TF's change, as its network does. ``"peaks"``: it sees the share 0.1 + 0.9 p / (p + mean p), p being the sum over peaks of the
    TF's binding times the peak's cis strength and decay, and the mean over genes. Networks take correlated TFs for each other; what a TF can reach through
    peaks tells them apart, which ranks its direct targets better.""",
    smoothing="""\
n_neighbors
    Cells that a single cell is averaged over, itself included, nearest in a joint embedding; 1 takes the cell alone.
neighbors_key
    A cells x cells graph in ``obsp`` of the MuData or a modality to take neighbours from instead.""",
    keys="""\
rna_key, atac_key
    Names of the two modalities.""",
)
