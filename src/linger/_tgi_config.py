"""Settings of TF-gene interactions from expression alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class TgiConfig:
    """Settings of :func:`linger.tl.tgi`: what is known of a pair, the network, and its training.

    Parameters
    ----------
    n_references
        Most variable genes that profiles are correlations with; fewer where there are fewer.
    n_components
        Principal components of the profiles; None takes the correlations as they are.
    degree
        Let the network see how often source and target are in the known pairs and among the true ones (of a training pair: in
        other folds). Much of what curated pairs say is which genes are targets of anything; without it expression stands alone.
    attention
        ``"pair"``: over the tokens of a pair. ``"batch"``: the authors' network, which attends over the pairs of a batch, so that a score depends on what is scored with
        it, and sees both profiles only. For comparison (:meth:`deeptgi`).
    n_patches, width, heads, layers
        Tokens of each profile, their size (of the authors' network: length of the code), attention heads and layers.
    dropout, weight_decay, mixup, reconstruction
        What keeps small sets of pairs from being learnt by heart: dropout, AdamW's decay, the parameter of mixup's Beta distribution (0: none), the
        weight of the auto-encoder's squared error.
    both_ways
        Train on every pair with TF and gene exchanged too. Direction is lost.
    optimiser, learning_rate, batch_size, epochs, patience
        Training, by AdamW or RAdam; it ends when the loss of the validation pairs has not fallen for `patience` epochs, and the best epoch is kept.
    mixed_precision
        Train with bfloat16 products: faster on a GPU, and results then differ between devices. Scores are computed in float32.
    n_models
        Networks trained from different starts, whose logits are averaged.

    Examples
    --------
    >>> TgiConfig(epochs=50).epochs
    50
    """

    n_references: int = 1000
    n_components: int | None = 48
    degree: bool = True
    attention: Literal["pair", "batch"] = "pair"
    n_patches: int = 4
    width: int = 48
    heads: int = 4
    layers: int = 2
    dropout: float = 0.2
    weight_decay: float = 0.01
    mixup: float = 0.5
    reconstruction: float = 0.1
    both_ways: bool = False
    optimiser: Literal["adamw", "radam"] = "adamw"
    learning_rate: float = 0.002
    batch_size: int = 128
    epochs: int = 200
    patience: int = 30
    mixed_precision: bool = False
    n_models: int = 3

    def __post_init__(self) -> None:
        """Raise for settings out of range."""
        positive = (
            "n_references",
            "n_patches",
            "width",
            "heads",
            "layers",
            "batch_size",
            "epochs",
            "patience",
            "n_models",
        )
        for name in positive:
            if int(getattr(self, name)) < 1:
                msg = f"{name} must be 1 or more, found {getattr(self, name)}."
                raise ValueError(msg)
        if self.n_components is not None and self.n_components < 1:
            msg = f"n_components must be 1 or more, or None, found {self.n_components}."
            raise ValueError(msg)
        if self.attention not in ("pair", "batch") or self.optimiser not in ("adamw", "radam"):
            msg = f"attention must be 'pair' or 'batch' and optimiser 'adamw' or 'radam', found {self.attention!r} and {self.optimiser!r}."
            raise ValueError(msg)
        if self.attention == "pair" and self.width % self.heads:
            msg = f"width={self.width} must be a multiple of heads={self.heads}."
            raise ValueError(msg)
        if (
            not 0 <= self.dropout < 1
            or min(self.weight_decay, self.mixup, self.reconstruction) < 0
            or self.learning_rate <= 0
        ):
            msg = "dropout must lie in [0, 1), weight_decay, mixup and reconstruction must not be negative, and learning_rate must be positive."
            raise ValueError(msg)

    @classmethod
    def deeptgi(cls, **changes: Any) -> TgiConfig:
        """Return the settings of the authors' code, for comparison: scores depend on the batch, and direction is lost. Training takes many minutes on a CPU.

        Their loss, 5 BCE + MSE with a decay of 1e-4, is here BCE + MSE / 5 with a fifth of the decay, which RAdam does not tell apart. They train for 120 epochs;
        here the epoch of the lowest validation loss is kept. A profile holds 0 and not 1 for the gene itself, and genes that do not vary are left out.

        Parameters
        ----------
        changes
            Settings to have otherwise, such as ``epochs=20``.

        Examples
        --------
        >>> TgiConfig.deeptgi().attention
        'batch'
        """
        settings: dict[str, Any] = {
            "n_references": 1_000_000, "n_components": None, "degree": False, "attention": "batch", "width": 1000, "dropout": 0.3, "weight_decay": 1e-4 / 5, "mixup": 0.5,
            "reconstruction": 1 / 5, "both_ways": True, "optimiser": "radam", "learning_rate": 1e-5, "batch_size": 32, "epochs": 120, "patience": 120, "n_models": 1,
        }  # fmt: skip
        return cls(**settings | changes)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return asdict(self)
