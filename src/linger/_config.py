"""Settings of a fit."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from numbers import Integral
from typing import Any, Literal


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, Integral) and int(value) >= least


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """Settings of :func:`linger.tl.fit`: the networks, their training, and what is kept.

    Parameters
    ----------
    hidden
        Units of the two hidden layers.
    activation
        Their non-linearity. Sigmoid and tanh predict expression no better, but may infer a better network (Yuan & Duren 2024,
        Extended Data Fig. 2a).
    epochs, learning_rate
        Full-batch steps of Adam and their first size.
    decay
        Let the step size fall linearly to 0, which quietens the weights of unused inputs; the authors keep it constant.
    l1
        Weight of the l1 norm of all weights.
    manifold
        Weight of the motif manifold term; used where the MuData has motif affinities.
    ewc
        Weight of elastic weight consolidation, which holds the networks to a prior; used where there is one. ``inf`` freezes every
        first-layer weight that the prior knows.
    min_overlap
        Share of the shorter of two peaks, of the data and of a prior, that must overlap for them to be the same; at least one base pair.
    authors
        Write the penalties as LingerGRN 1.117 does, and start from random weights also where there is a prior (:meth:`lingergrn`).
    n_background
        Metacells that stand for "input unknown" in the Shapley values.
    n_folds
        Folds of the cross-validation behind ``rna.var["linger_r2"]``; 0 skips it, and with it about three quarters of the time.
    binding_share
        Share of TF-RE pairs, by strength, kept in ``varp`` beside those with a motif hit; networks of TFs without a motif rest on it. The
        store keeps all of them.
    block_size
        Genes that a thread trains at once; a GPU takes 16 times as many. Results depend on it by rounding only.
    precision
        ``"bfloat16"`` computes the first layer's products with the TFs, and those of the Shapley values, from inputs of 8 significant bits (sums stay in
        float32): faster where the processor has such products (AVX-512 BF16, AMX, most GPUs), slower elsewhere. ``docs/performance.md`` says how much.

    Examples
    --------
    >>> FitConfig(epochs=50).epochs
    50
    """

    hidden: tuple[int, int] = (64, 16)
    activation: Literal["relu", "sigmoid", "tanh"] = "relu"
    epochs: int = 50
    learning_rate: float = 0.01
    decay: bool = True
    l1: float = 0.02
    manifold: float = 0.1
    ewc: float = 1000.0
    min_overlap: float = 0.5
    authors: bool = False
    n_background: int = 50
    n_folds: int = 5
    binding_share: float = 0.125
    block_size: int = 16
    precision: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        """Refuse settings that cannot work; take those of :meth:`to_dict`."""
        object.__setattr__(self, "hidden", tuple(self.hidden))
        object.__setattr__(self, "ewc", float(self.ewc))
        checks = {
            "hidden": len(self.hidden) == 2 and min(self.hidden) >= 1,
            "activation": self.activation in ("relu", "sigmoid", "tanh"),
            "epochs": _is_whole(self.epochs, 1),
            "learning_rate": self.learning_rate > 0,
            "l1": self.l1 >= 0,
            "manifold": self.manifold >= 0,
            "ewc": self.ewc >= 0 and (math.isfinite(self.ewc) or not self.authors),
            "min_overlap": 0 <= self.min_overlap <= 1,
            "n_background": _is_whole(self.n_background, 1),
            "n_folds": _is_whole(self.n_folds, 0) and self.n_folds != 1,
            "binding_share": 0 <= self.binding_share <= 1,
            "block_size": _is_whole(self.block_size, 1),
            "precision": self.precision in ("float32", "bfloat16"),
        }
        wrong = [f"{name}={getattr(self, name)!r}" for name, ok in checks.items() if not ok]
        if wrong:
            msg = (
                f"FitConfig cannot use {', '.join(wrong)}. Units, epochs, n_background and block_size are whole numbers of at least 1, n_folds is 0 "
                "or at least 2, learning_rate is above 0, l1, manifold and ewc are not negative (and ewc is finite with the authors' terms), min_overlap and binding_share lie in [0, 1], and "
                "activation is 'relu', 'sigmoid' or 'tanh', and precision 'float32' or 'bfloat16'."
            )
            raise ValueError(msg)

    @classmethod
    def lingergrn(cls, **changes: Any) -> FitConfig:
        """Return the choices of LingerGRN 1.117, for comparison.

        l1 (of largest column sums, and as weight decay) 0.01, manifold 1, EWC (``-sum F W1 W1_prior``, F not scaled) 0.1, 100 epochs at a
        constant 0.01, random start. Its own EWC term takes the first hidden unit's prior weights for all units, a slip; here every
        unit has its own.

        Parameters
        ----------
        changes
            Other settings.
        """
        theirs: dict[str, Any] = {
            "epochs": 100,
            "learning_rate": 0.01,
            "decay": False,
            "l1": 0.01,
            "manifold": 1.0,
            "ewc": 0.1,
        }
        return cls(**{**theirs, "authors": True, **changes})

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values that h5mu and JSON can hold."""
        return {**asdict(self), "hidden": list(self.hidden), "ewc": self.ewc if math.isfinite(self.ewc) else "inf"}
