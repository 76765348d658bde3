"""Settings of TF-gene interactions from expression alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class TgiConfig:
    """Settings of :func:`linger.tl.tgi`: what is known of a pair, the network, and its training.

    Parameters
    ----------
    n_references
        Most variable genes that profiles are correlations with; fewer where there are fewer.
    n_components
        Principal components of the profiles.
    degree
        Let the network see how often source and target are in the known pairs and among the true ones (the pair itself left out). Much of
        what curated pairs say is which genes are targets of anything; without it expression stands alone.
    n_patches, width, heads, layers
        Tokens of each profile, their size, attention heads and layers.
    dropout, weight_decay, mixup, reconstruction
        What keeps small sets of pairs from being learnt by heart: dropout, AdamW's decay, the parameter of mixup's Beta distribution (0: none), the
        weight of the auto-encoder's squared error.
    learning_rate, batch_size, epochs, patience
        Training; it ends when the loss of the validation pairs has not fallen for `patience` epochs, and the best epoch is kept.
    n_models
        Networks trained from different starts, whose logits are averaged.

    Examples
    --------
    >>> TgiConfig(epochs=50).epochs
    50
    """

    n_references: int = 1000
    n_components: int = 48
    degree: bool = True
    n_patches: int = 8
    width: int = 48
    heads: int = 4
    layers: int = 2
    dropout: float = 0.2
    weight_decay: float = 0.01
    mixup: float = 0.5
    reconstruction: float = 0.1
    learning_rate: float = 0.002
    batch_size: int = 128
    epochs: int = 200
    patience: int = 30
    n_models: int = 3

    def __post_init__(self) -> None:
        """Raise for settings out of range."""
        positive = (
            "n_references",
            "n_components",
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
        if self.width % self.heads:
            msg = f"width={self.width} must be a multiple of heads={self.heads}."
            raise ValueError(msg)
        if (
            not 0 <= self.dropout < 1
            or min(self.weight_decay, self.mixup, self.reconstruction) < 0
            or self.learning_rate <= 0
        ):
            msg = "dropout must lie in [0, 1), weight_decay, mixup and reconstruction must not be negative, and learning_rate must be positive."
            raise ValueError(msg)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return asdict(self)
