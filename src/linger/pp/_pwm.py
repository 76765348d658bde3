"""From nucleotide frequencies to whole-number log-odds scores, and the score whose p-value is asked for."""

from __future__ import annotations

from typing import Final

import numpy as np

UNITS_PER_BIT: Final = 100


def log_odds(frequencies: np.ndarray, background: np.ndarray, pseudocount: float) -> np.ndarray:
    """Return log2 odds of every letter at every position, in whole hundredths of a bit.

    ``rint(100 * log2((f + c * b) / ((1 + c) * b)))`` with frequencies f, background b and pseudocount c, so that no
    letter costs more than ``log2(c / (1 + c))`` bits (-6.7 at c = 0.01). Whole numbers make a hit a matter of exact
    arithmetic: no engine, order of summation or float type can disagree about it.

    Parameters
    ----------
    frequencies
        Positions x 4 (A, C, G, T), rows sum to 1.
    background
        Frequencies of A, C, G, T.
    pseudocount
        Weight of the background against the motif.

    Returns
    -------
    Scores, positions x 4, int32.

    Examples
    --------
    >>> log_odds(np.array([[1.0, 0, 0, 0]]), np.full(4, 0.25), 0.01)
    array([[ 199, -666, -666, -666]], dtype=int32)
    """
    odds = (frequencies + pseudocount * background) / ((1 + pseudocount) * background)
    return np.rint(UNITS_PER_BIT * np.log2(odds)).astype(np.int32)


def survival(scores: np.ndarray, background: np.ndarray) -> tuple[int, np.ndarray]:
    """Return the lowest possible score, and P(score >= lowest + i) of a background word for every i.

    The distribution is that of the whole-number scores, so it is exact: one shifted sum per position and letter.

    Parameters
    ----------
    scores
        Positions x 4, int.
    background
        Frequencies of A, C, G, T.
    """
    shifts = scores - scores.min(axis=1, keepdims=True)
    density = np.zeros(int(shifts.max(axis=1).sum()) + 1)
    density[0] = 1.0
    reach = 0
    for row in shifts:
        previous = density[: reach + 1].copy()
        reach += int(row.max())
        density[: reach + 1] = 0.0
        for shift, frequency in zip(row.tolist(), background.tolist(), strict=True):
            density[shift : shift + previous.size] += frequency * previous
    return int(scores.min(axis=1).sum()), np.cumsum(density[::-1])[::-1]


def score_threshold(scores: np.ndarray, background: np.ndarray, p_value: float) -> int | None:
    """Return the lowest positive score of a word whose p-value is at most `p_value`, or None if there is none.

    Examples
    --------
    >>> scores = log_odds(np.eye(4), np.full(4, 0.25), 0.01)
    >>> score_threshold(scores, np.full(4, 0.25), 0.25**4), score_threshold(scores, np.full(4, 0.25), 0.001)
    (796, None)
    """
    lowest, tail = survival(scores, background)
    attained = np.append(tail[:-1] != tail[1:], True)
    positive = np.arange(lowest, lowest + tail.size) > 0
    rare = tail <= p_value * (1 + 1e-9)  # equality must survive rounding
    reached = np.flatnonzero(attained & positive & rare)
    return lowest + int(reached[0]) if reached.size else None
