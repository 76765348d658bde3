"""The mechanism: from a cell's latent state to TF levels, open chromatin and transcription rates."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from linger.ds._wiring import Tier, Wiring

PIONEER_GAIN: Final = 1.2  # logits that a saturating pioneer adds at a site of strength 1
_TF_GAIN: Final = 2.5  # level of a regulated TF at its full rate; masters have levels around 1


class Response(NamedTuple):
    """What cells do in a given state.

    Attributes
    ----------
    levels
        TF levels that act, cells x n_tfs.
    openness
        Probability that a peak is open, cells x n_peaks.
    rates
        Transcription rate relative to a gene's own maximum (a TF: its level), cells x n_genes.
    """

    levels: np.ndarray
    openness: np.ndarray
    rates: np.ndarray


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return the logistic function of `x`."""
    return 1 / (1 + np.exp(-x))


def hill(x: np.ndarray) -> np.ndarray:
    """Return the share of time that a site of cooperating activators is active, ``x**2 / (1 + x**2)``."""
    return x * x / (1 + x * x)


def transcription(drive: np.ndarray, basal: np.ndarray) -> np.ndarray:
    """Return the rate of a gene whose enhancers sum to `drive`, between `basal` and 1."""
    return basal + (1 - basal) * drive / (1 + drive)


def opening_logit(wiring: Wiring, states: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return the logit of openness, cells x n_peaks: programme, factors, and the pioneers bound."""
    programmes = wiring.programmes
    pioneered = (wiring.pioneers @ (levels / (1 + levels)).T).T
    return programmes.peak_base + states @ programmes.peak_loadings + PIONEER_GAIN * pioneered


def enhancer_activity(tier: Tier, levels: np.ndarray, openness: np.ndarray) -> np.ndarray:
    """Return the activity of a tier's enhancers, cells x m: open, and activators bound, and few repressors."""
    activation = (tier.activators @ levels.T).T
    repression = (tier.repressors @ levels.T).T
    return openness[:, tier.peaks] * hill(activation) / (1 + repression)


def enhancer_drive(tier: Tier, levels: np.ndarray, openness: np.ndarray) -> np.ndarray:
    """Return the summed drive on a tier's genes, cells x g."""
    return (tier.weights @ enhancer_activity(tier, levels, openness).T).T


def respond(
    wiring: Wiring,
    states: np.ndarray,
    noise: np.ndarray | float = 0.0,
    *,
    dose: np.ndarray | float = 1.0,
    held: np.ndarray | None = None,
) -> Response:
    """Compute what cells in the given states do.

    Parameters
    ----------
    wiring
        The network.
    states
        Latent states, cells x D.
    noise
        What else moves TF levels, log scale, cells x n_tfs.
    dose
        Factor on the level of each TF, (n_tfs,).
    held
        Levels, cells x n_tfs, at which regulated TFs act downstream whatever happens to their transcription
        (direct effects alone); None lets their change pass on.

    Returns
    -------
    Levels, openness and rates.
    """
    programmes, (regulated, others) = wiring.programmes, wiring.tiers
    spread = np.exp(noise)
    levels = np.exp(programmes.tf_base + states @ programmes.tf_loadings) * spread * wiring.master * dose
    openness = sigmoid(opening_logit(wiring, states, levels))
    rate = transcription(enhancer_drive(regulated, levels, openness), regulated.basal)
    made = levels.copy()
    made[:, ~wiring.master] = _TF_GAIN * rate
    made[:, ~wiring.master] *= np.broadcast_to(spread * dose, levels.shape)[:, ~wiring.master]
    levels = made if held is None else np.where(wiring.master, made, held * dose)
    rates = np.empty((len(states), len(wiring.gene_scale)), dtype=np.float32)
    rates[:, wiring.genome.tfs] = made
    rates[:, others.genes] = transcription(enhancer_drive(others, levels, openness), others.basal)
    rates *= np.exp(states @ programmes.gene_loadings)
    return Response(levels, openness, rates)
