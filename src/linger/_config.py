"""Settings of a fit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal


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
    n_background
        Metacells that stand for "input unknown" in the Shapley values.
    n_folds
        Folds of the cross-validation behind ``rna.var["linger_r2"]``; 0 skips it, and with it about four fifths of the time.
    binding_share
        Share of TF-RE pairs, by strength, kept in ``varp`` beside those with a motif hit. The store keeps all of them.
    block_size
        Genes trained at once. Results do not depend on it.

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
    manifold: float = 0.01
    n_background: int = 50
    n_folds: int = 5
    binding_share: float = 0.125
    block_size: int = 16

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        checks = {
            "hidden": len(self.hidden) == 2 and min(self.hidden) >= 1,
            "activation": self.activation in ("relu", "sigmoid", "tanh"),
            "epochs": self.epochs >= 1,
            "learning_rate": self.learning_rate > 0,
            "l1": self.l1 >= 0,
            "manifold": self.manifold >= 0,
            "n_background": self.n_background >= 1,
            "n_folds": self.n_folds == 0 or self.n_folds >= 2,
            "binding_share": 0 <= self.binding_share <= 1,
            "block_size": self.block_size >= 1,
        }
        wrong = [f"{name}={getattr(self, name)!r}" for name, ok in checks.items() if not ok]
        if wrong:
            msg = (
                f"FitConfig cannot use {', '.join(wrong)}. Units, epochs, n_background and block_size are at least 1, n_folds is 0 or "
                "at least 2, learning_rate is above 0, l1 and manifold are not negative, binding_share lies in [0, 1], and "
                "activation is 'relu', 'sigmoid' or 'tanh'."
            )
            raise ValueError(msg)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values that h5mu and JSON can hold."""
        return {**asdict(self), "hidden": list(self.hidden)}
