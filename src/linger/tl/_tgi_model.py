"""A trained model of TF-gene interactions: what it saw, and its networks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from sklearn.utils.sparsefuncs import mean_variance_axis

from linger import nn
from linger._tgi_config import TgiConfig
from linger._validate import columns, expression_of, preview
from linger.io._partial import partial_file
from linger.tl._ensemble import find_device
from linger.tl._pair_features import Degrees, Profiles, Projection, dense, gene_profiles, pair_features
from linger.tl._tf_activity import expression_values

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

_FORMAT, _VERSION = "linger-tgi", 2
_PAIRS = 20_000  # scored at a time: 160 MB at 1,000 reference genes


@dataclass(frozen=True)
class Expression:
    """Logged expression of some genes, and their profiles."""

    values: np.ndarray
    names: pd.Index
    profiles: Profiles

    def pairs(self, pairs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions of sources and targets."""
        return self.names.get_indexer(pd.Index(pairs["source"])), self.names.get_indexer(pd.Index(pairs["target"]))


def read_expression(
    adata: AnnData, genes: pd.Index, config: TgiConfig, *, layer: str | None, projection: Projection | None = None
) -> tuple[Expression, Projection]:
    """Return expression and profiles of `genes`, sorted by name, and the projection (made here where None is given)."""
    every = expression_values(adata, layer, as_they_are=False)
    if projection is None:
        order = np.lexsort([adata.var_names.astype(str), -_variance(every)])[: config.n_references]
        used = adata.var_names[order].union(genes)
    else:
        missing = [name for name in projection.reference if name not in adata.var_names]
        if missing:
            msg = f"{len(missing)} of {len(projection.reference)} reference genes of the model are not in the data ({preview(missing)})."
            raise ValueError(msg)
        used = pd.Index(projection.reference).union(genes)
    used = used.sort_values()
    cells = np.argsort(adata.obs_names.to_numpy(str))  # so that sums do not depend on the order of cells
    values = dense(every[:, adata.var_names.get_indexer(used)])[cells]
    profiles, made = gene_profiles(
        values, used, n_references=config.n_references, n_components=config.n_components, projection=projection
    )
    return Expression(values, used, profiles), made


def _variance(values: sparse.csr_matrix | np.ndarray) -> np.ndarray:
    """Return the variance of every column, about its mean, so that large means do no harm."""
    if sparse.issparse(values):
        return np.asarray(mean_variance_axis(sparse.csr_matrix(values), axis=0)[1], dtype=float)
    return np.asarray(values.var(axis=0, dtype=np.float64))


@dataclass(frozen=True)
class TgiModel:
    """A model that :func:`linger.tl.tgi` trained."""

    config: TgiConfig
    projection: Projection
    degrees: Degrees
    moments: tuple[np.ndarray, np.ndarray]
    """Mean and standard deviation of the features of training pairs."""
    networks: list[nn.PairNetwork | nn.BatchNetwork]
    threshold: float
    """Score above which a pair is called, by the F1 of the validation pairs."""

    def features(self, expression: Expression, pairs: pd.DataFrame) -> torch.Tensor:
        """Return standardised features of pairs."""
        found = raw_features(expression, pairs)
        return self.standardize(np.hstack([found, self.degrees.features(pairs)]) if self.config.degree else found)

    def standardize(self, features: np.ndarray) -> torch.Tensor:
        """Return features in units of the training pairs."""
        return torch.from_numpy(((features - self.moments[0]) / self.moments[1]).astype(np.float32))

    def score(self, expression: Expression, pairs: pd.DataFrame) -> np.ndarray:
        """Return the probability of each pair."""
        device = next(self.networks[0].parameters()).device
        profiles = torch.from_numpy(expression.profiles.components.astype(np.float32)).to(device)
        logits = []
        for first in range(0, len(pairs), _PAIRS):
            part = pairs.iloc[first : first + _PAIRS]
            at = tuple(torch.from_numpy(index).to(device) for index in expression.pairs(part))
            features, chosen = self.features(expression, part).to(device), torch.arange(len(part), device=device)
            each = [nn.score_pairs(network, profiles, (at[0], at[1]), features, chosen) for network in self.networks]
            logits.append(torch.stack(each).mean(0).cpu())
        return torch.sigmoid(torch.cat(logits)).numpy() if logits else np.zeros(0, np.float32)

    def predict(
        self, adata: AnnData | MuData, pairs: pd.DataFrame, *, layer: str | None = None, rna_key: str = "rna"
    ) -> pd.DataFrame:
        """Score pairs of the genes of `adata`, which may be others than those the model was trained on.

        Parameters
        ----------
        adata
            Cells with the model's reference genes.
        pairs
            Columns source, target.
        layer, rna_key
            As for :func:`linger.tl.tgi`.

        Returns
        -------
        Columns source, target, weight (probability).

        Raises
        ------
        ValueError
            If a gene of the pairs or of the model is not in the data.
        """
        source = expression_of(adata, rna_key)
        columns(pairs, ["source", "target"], "pairs", "pairs.rename(columns=...)")
        asked = pairs[["source", "target"]].astype(str).reset_index(drop=True)
        genes = pd.Index(np.unique(asked))
        missing = genes[~genes.isin(source.var_names)]
        if len(missing):
            msg = f"{len(missing)} genes of the pairs are not in the data ({preview(missing)})."
            raise ValueError(msg)
        expression, _ = read_expression(source, genes, self.config, layer=layer, projection=self.projection)
        return asked.assign(weight=self.score(expression, asked))

    def save(self, path: str | Path) -> None:
        """Write the model to a safetensors file; arrays and names, no program."""
        from safetensors.torch import save_file

        tensors = {
            f"network_{number}.{name}": value.detach().cpu().contiguous()
            for number, network in enumerate(self.networks)
            for name, value in network.state_dict().items()
        }
        arrays = {"mean": self.projection.mean, "directions": self.projection.directions}
        arrays |= {"feature_mean": self.moments[0], "feature_sd": self.moments[1]}
        arrays |= {f"degree_{side}": getattr(self.degrees, side).to_numpy() for side in ("source", "target")}
        tensors |= {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in arrays.items()}
        record: dict[str, Any] = {"format": _FORMAT, "version": _VERSION, "config": self.config.to_dict()}
        record |= {"reference": list(self.projection.reference), "threshold": self.threshold}
        record |= {side: list(getattr(self.degrees, side).index) for side in ("source", "target")}
        record["sha256"] = _digest(record, tensors)
        with partial_file(Path(path)) as partial:
            save_file(tensors, partial, metadata={"linger": json.dumps(record)})


def raw_features(expression: Expression, pairs: pd.DataFrame) -> np.ndarray:
    """Return what expression says of pairs, as it is."""
    return pair_features(expression.values, expression.profiles, *expression.pairs(pairs))


def new_network(config: TgiConfig, n_profile: int, n_features: int) -> nn.PairNetwork | nn.BatchNetwork:
    """Return a network with fresh weights."""
    if config.attention == "batch":
        return nn.BatchNetwork(
            n_profile, width=config.width, heads=config.heads, layers=config.layers, dropout=config.dropout, batch_size=config.batch_size,
        )  # fmt: skip
    return nn.PairNetwork(
        n_profile, n_features, n_patches=min(config.n_patches, n_profile), width=config.width, heads=config.heads,
        layers=config.layers, dropout=config.dropout,
    )  # fmt: skip


def load_tgi(path: str | Path, *, device: str) -> TgiModel:
    """Read a model from a safetensors file (see :func:`linger.io.read_tgi`)."""
    if not Path(path).is_file():
        msg = f"There is no file {path}."
        raise FileNotFoundError(msg)
    record, tensors = _read_file(path)
    try:
        return _model(record, tensors, find_device(device))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        msg = f"{path} does not hold what a model of TF-gene interactions does: {error}. Train it again with lg.tl.tgi(path=)."
        raise ValueError(msg) from error


def _read_file(path: str | Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Return record and tensors as :meth:`TgiModel.save` wrote them, or raise."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            record = json.loads((file.metadata() or {}).get("linger", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError) as error:
        msg = f"{path} is damaged or no safetensors file: {error}"
        raise ValueError(msg) from error
    if not isinstance(record, dict) or record.get("format") != _FORMAT or record.get("version") != _VERSION:
        msg = f"{path} is no model of TF-gene interactions of version {_VERSION}."
        raise ValueError(msg)
    if record.pop("sha256", None) != _digest(record, tensors):
        msg = f"{path} is damaged: it differs from its own checksum. Restore it or train the model again with lg.tl.tgi(path=)."
        raise ValueError(msg)
    return record, tensors


def _digest(record: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> str:
    """Return a checksum of the record and of all tensors, by name."""
    digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode())
    for name in sorted(tensors):
        values = tensors[name].numpy()
        digest.update(f"{name} {values.dtype} {values.shape} ".encode())
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def _model(record: dict[str, Any], tensors: dict[str, torch.Tensor], device: torch.device) -> TgiModel:
    config = TgiConfig(**record["config"])
    arrays = {name: value.numpy() for name, value in tensors.items() if not name.startswith("network_")}
    projection = Projection(np.array(record["reference"], dtype=object), arrays["mean"], arrays["directions"])
    degrees = Degrees(
        *(pd.DataFrame(arrays[f"degree_{side}"], record[side], ["size", "sum"]) for side in ("source", "target"))
    )
    networks = []
    for number in range(config.n_models):
        network = new_network(config, arrays["directions"].shape[1], len(arrays["feature_mean"]))
        prefix = f"network_{number}."
        network.load_state_dict(
            {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        )
        networks.append(network.to(device).eval())
    return TgiModel(
        config,
        projection,
        degrees,
        (arrays["feature_mean"], arrays["feature_sd"]),
        networks,
        float(record["threshold"]),
    )
