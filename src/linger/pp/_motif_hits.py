"""Hits of every motif in every peak, on both strands.

The scanner is lightmotif: ``benchmarks/motif_scan.py`` finds it as fast per core as memelite (which knows no background
but the uniform one, and reports hits in N) and faster than MOODS. It computes in float32, which holds our whole-number
scores exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

import lightmotif
import numpy as np
from scipy import sparse
from tqdm.auto import tqdm

from linger.pp._pwm import UNITS_PER_BIT

_CHUNK: Final = 1_000_000  # bases; long enough for the scanner's vectors, short enough to show progress
_NEVER: Final = -1_000_000.0  # score of N, so far below any sum of letters that no site holds one


class ScoredMotif(NamedTuple):
    """Whole-number log-odds (positions x 4) and the lowest score that is a hit."""

    scores: np.ndarray
    threshold: int


class Hits(NamedTuple):
    """Hits of one motif: start of the site in the sequence, whether on the reverse strand, score in 1/100 bit."""

    start: np.ndarray
    reverse: np.ndarray
    score: np.ndarray


def find_hits(sequence: lightmotif.StripedSequence, motif: ScoredMotif) -> Hits:
    """Return every site of `sequence` whose score reaches the threshold on either strand."""
    found = []
    for scores in (motif.scores, motif.scores[::-1, ::-1]):
        values = {letter: column.astype(float).tolist() for letter, column in zip("ACGT", scores.T, strict=True)}
        matrix = lightmotif.ScoringMatrix(values | {"N": [_NEVER] * len(scores)})
        hits = [(hit.position, hit.score) for hit in lightmotif.scan(matrix, sequence, threshold=motif.threshold)]
        found.append(np.array(hits, dtype=float).reshape(-1, 2).astype(np.int64))
    start, score = np.concatenate(found).T
    return Hits(start, np.repeat([False, True], [len(hits) for hits in found]), score)


def per_peak(hits: Hits, starts: np.ndarray, measure: Literal["max", "sum"]) -> tuple[np.ndarray, np.ndarray]:
    """Return the peaks with a hit, and their best ("max") or summed score.

    In a sum a site counts once: where both strands hit, as in palindromes, the better one is taken.

    Parameters
    ----------
    hits
        Hits of one motif.
    starts
        Where each peak starts in the sequence, ascending.
    measure
        "max" or "sum".
    """
    site, inverse = np.unique(hits.start, return_inverse=True)
    best = np.zeros(site.size, dtype=np.int64)
    np.maximum.at(best, inverse, hits.score)
    peak, inverse = np.unique(np.searchsorted(starts, site, side="right") - 1, return_inverse=True)
    value = np.zeros(peak.size, dtype=np.int64)
    (np.maximum if measure == "max" else np.add).at(value, inverse, best)
    return peak, value


def scan_chunk(
    sequences: Sequence[bytes], motifs: Sequence[ScoredMotif], measure: Literal["max", "sum"]
) -> sparse.csr_matrix:
    """Return the best or summed score in bits of every motif in every peak (peaks x motifs, CSR float32).

    The peaks are joined with an N between them: no site that crosses from one to the next can be a hit.
    """
    widest = max((len(motif.scores) for motif in motifs), default=0)
    joined = lightmotif.stripe((b"N".join(sequences) + b"N" * (widest + 1)).decode())
    starts = np.cumsum([0, *(len(sequence) + 1 for sequence in sequences)])[:-1]
    columns = [per_peak(find_hits(joined, motif), starts, measure) for motif in motifs]
    indptr = np.cumsum([0, *(peak.size for peak, _ in columns)])
    indices = np.concatenate([np.empty(0, dtype=np.int64), *(peak for peak, _ in columns)])
    values = np.concatenate([np.empty(0), *(value for _, value in columns)]) / UNITS_PER_BIT
    return sparse.csc_matrix((values.astype(np.float32), indices, indptr), shape=(len(sequences), len(motifs))).tocsr()


def scan_peaks(
    sequences: Sequence[bytes], motifs: Sequence[ScoredMotif], measure: Literal["max", "sum"], n_jobs: int | None
) -> sparse.csr_matrix:
    """Return :func:`scan_chunk` of all peaks, a million bases at a time, with a progress bar.

    Processes, not threads: lightmotif holds the interpreter's lock while it scans.
    """
    chunks = list(_chunks(sequences))
    if n_jobs == 1 or len(chunks) == 1:
        blocks = (scan_chunk(chunk, motifs, measure) for chunk in chunks)
    else:
        from joblib import Parallel, delayed

        workers = Parallel(n_jobs=-1 if n_jobs is None else n_jobs, return_as="generator")
        blocks = workers(delayed(scan_chunk)(chunk, motifs, measure) for chunk in chunks)
    bar = tqdm(blocks, total=len(chunks), desc=f"scanning {len(motifs)} motifs", unit="Mb", disable=len(chunks) < 5)
    return sparse.csr_matrix(sparse.vstack(list(bar), format="csr"))


def _chunks(sequences: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Yield runs of peaks of about a million bases."""
    ends = np.cumsum([len(sequence) + 1 for sequence in sequences])
    first = 0
    while first < len(sequences):
        before = 0 if first == 0 else int(ends[first - 1])
        last = max(int(np.searchsorted(ends, before + _CHUNK, side="right")), first + 1)
        yield sequences[first:last]
        first = last
