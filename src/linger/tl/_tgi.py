"""TF-gene interactions learnt from known pairs and expression alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from sklearn.metrics import precision_recall_curve
from tqdm.auto import tqdm

from linger import nn
from linger._docs import docs
from linger._logging import logger
from linger._tgi_config import TgiConfig
from linger._validate import columns, expression_of, preview, unique_names, valid_key
from linger.bm._evaluate import evaluate, true_edges
from linger.bm.splits import negatives as draw_negatives
from linger.bm.splits import pairs as split_pairs
from linger.bm.splits._split import PARTS
from linger.tl._ensemble import find_device
from linger.tl._pair_features import Degrees, training_degrees
from linger.tl._tgi_model import Expression, TgiModel, new_network, raw_features, read_expression

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

_MOST = 20_000_000  # pairs scored by default
_FEW = 20  # validation pairs, below which their measures say little
_LEAST_SHARE = 0.2  # of the pairs with both genes in the data, below which they may be of other data


@docs.dedent
def tgi(
    adata: AnnData | MuData,
    pairs: pd.DataFrame,
    *,
    predict: pd.DataFrame | None = None,
    negatives: Literal["degree", "source", "random"] = "degree",
    config: TgiConfig | None = None,
    path: str | Path | None = None,
    layer: str | None = None,
    device: str = "auto",
    rna_key: str = "rna",
    key_added: str = "tgi",
    rng: int = 0,
    copy: bool = False,
) -> AnnData | MuData | None:
    r"""Score TF-gene pairs from expression alone, learning from known pairs: self-attention over the tokens of a pair.

    After DeepTGI (Briefings in Bioinformatics 2025, bbae639), with three differences: attention runs over the tokens of a pair and not over the batch, so that a
    score does not depend on what else is scored; TF and gene have roles, so that direction is kept; and tokens are patches of principal components of
    correlation profiles. The loss is

    .. math:: \mathrm{BCE}(y, \hat y) + \lambda \, |p - \hat p|^2

    over mixed pairs (mixup), p being the patches of both profiles and of their product; several networks are averaged.

    Parameters
    ----------
    adata
        Cells; of a MuData the expression modality. Counts are scaled and logged.
    pairs
        Known pairs: columns source, target and, where it is known which are false too, label (true or false, 1 or 0). Without labels all are true, and as many others are drawn, in
        every part by itself. With a column ``split`` (:mod:`linger.bm.splits`) of train, validation and test, test pairs are held out and scored; without, a fifth is taken
        for validation.
    predict
        Pairs to score, columns source, target; those of a gene with itself are left out. None takes every source of `pairs` with every gene but itself.
    negatives
        How others are drawn (:func:`linger.bm.splits.negatives`). Where they match the degrees of the true ones, degrees are not shown to the network.
    config
        Settings.
    path
        File for the model (safetensors); :func:`linger.io.read_tgi` reads it, to score other pairs and data.
    layer
        Layer of expression; None takes ``X``.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:0"``.
    %(rna_key)s
    key_added
        Prefix of the slots written.
    %(rng)s
    %(copy)s

    Returns
    -------
    None, or the copy. Writes ``varp["tgi"]`` of the expression (CSR float32, TF in rows: probability), which :func:`linger.get.tgi` returns as a frame, and
    ``uns["tgi"]``: settings, ``n_pairs`` of every part, validation loss (networks x epochs; NaN after the last), ``threshold`` (largest F1 of the validation pairs) and ``validation`` and ``test`` (AUROC, AUPR ratio, F1 at that
    threshold, number of pairs).

    Memory: about ``60 * n_genes * n_cells`` bytes for the genes used and 1,000 references, and ``8 * n_genes * 1000``.

    Raises
    ------
    KeyError
        If a column is missing.
    ValueError
        If no pair has both its genes in the data, labels are all alike or contradict each other, parts are none of train, validation and test, expression is not finite, or more than 20 million pairs would be scored.

    Examples
    --------
    >>> import linger as lg
    >>> sim = lg.ds.simulate(n_cells=200, n_genes=60, n_tfs=12, n_peaks=300, n_cell_types=3)
    >>> lg.tl.tgi(sim.mdata, sim.truth.trans, config=lg.TgiConfig(epochs=2, n_models=1))
    >>> lg.get.tgi(sim.mdata).columns.tolist()
    ['source', 'target', 'weight']
    """
    valid_key(key_added)
    config = TgiConfig() if config is None else config
    source = expression_of(adata, rna_key)
    unique_names(source.var_names, "genes", "adata.var_names_make_unique()")
    known = _known_pairs(pairs, source.var_names, negatives, rng)
    if config.degree and "label" not in pairs and negatives == "degree":
        config = replace(config, degree=False)  # matched: degrees say nothing of the pairs
    asked = _asked_pairs(predict, known, source.var_names)
    genes = pd.Index(np.unique(pd.concat([known[["source", "target"]], asked]).to_numpy().astype(str)))
    expression, projection = read_expression(source, genes, config, layer=layer)
    parts = {name: known[known["split"] == name] for name in ("train", "validation", "test")}
    model, losses = _train(expression, projection, parts, config, find_device(device), rng)
    model, measured = _measure(model, expression, parts)
    logger.info("Validation: %s", {name: round(value, 3) for name, value in measured["validation"].items()})
    if path is not None:
        model.save(path)
    scores = model.score(expression, asked)
    target = adata.copy() if copy else adata
    rna = expression_of(target, rna_key)
    at = rna.var_names.get_indexer(asked["source"]), rna.var_names.get_indexer(asked["target"])
    rna.varp[key_added] = sparse.csr_matrix((scores, at), shape=(rna.n_vars, rna.n_vars), dtype=np.float32)
    record: dict[str, Any] = {
        "config": config.to_dict(),
        "n_pairs": known["split"].value_counts().to_dict(),
        "rng": rng,
        "threshold": model.threshold,
        "loss": losses,
        **measured,
    }
    rna.uns[key_added] = record
    return target if copy else None


def _known_pairs(
    pairs: pd.DataFrame, genes: pd.Index, matching: Literal["degree", "source", "random"], rng: int
) -> pd.DataFrame:
    """Return labelled pairs of genes that are there, with their part, sorted by name."""
    columns(pairs, ["source", "target"], "pairs", "lg.bm.truth.pairs(table)")
    told = [name for name in ("label", "split") if name in pairs]
    named = pairs[["source", "target", *told]].astype({"source": str, "target": str}).drop_duplicates()
    twice = named[named.duplicated(["source", "target"])]
    if len(twice):
        msg = f"{len(twice)} pairs occur with different labels or in different parts, for example {twice.iloc[0]['source']}, {twice.iloc[0]['target']}."
        raise ValueError(msg)
    named = _of_the_data(named, genes)
    if "label" in named:
        true = pd.MultiIndex.from_frame(named[["source", "target"]]).isin(pd.MultiIndex.from_frame(true_edges(named)))
        named = named.assign(label=true)
    named = named.sort_values(["source", "target"], ignore_index=True)
    if "split" not in named:
        named = split_pairs(named, fractions=(0.8, 0.2, 0.0), rng=rng)
    unknown = set(named["split"].astype(str)) - set(PARTS)
    if unknown:
        msg = f"The column split must say {', '.join(PARTS)}, found {preview(sorted(unknown))}."
        raise ValueError(msg)
    if "label" not in named:
        others = draw_negatives(named, targets=genes, matching=matching, rng=rng)
        named = pd.concat([named.assign(label=True), others.assign(label=False)], ignore_index=True)
        named = named.sort_values(["source", "target"], ignore_index=True)
    for part in ("train", "validation"):
        if named.loc[named["split"] == part, "label"].nunique() < 2:
            msg = f"The {part} pairs are all true or all false (or none). Learning needs both; without a column label others are drawn."
            raise ValueError(msg)
    n_held_out = int((named["split"] == "validation").sum())
    if n_held_out < _FEW:
        logger.warning("Only %d pairs are left for validation: what it says of the model is mostly chance.", n_held_out)
    return named[["source", "target", "label", "split"]]


def _of_the_data(named: pd.DataFrame, genes: pd.Index) -> pd.DataFrame:
    """Return pairs of two genes of the data, and say how many these are."""
    itself = named["source"] == named["target"]
    there = named["source"].isin(genes) & named["target"].isin(genes)
    if not there.any():
        msg = (
            f"None of {len(named)} pairs ({preview(named['source'].head(3))}) has both its genes in the data, whose genes are for example {preview(genes[:3])}. "
            "Names are compared as they are: case and Ensembl ids count."
        )
        raise ValueError(msg)
    kept = there & ~itself
    if not kept.any():
        msg = "All pairs are of a gene with itself."
        raise ValueError(msg)
    say = logger.warning if kept.mean() < _LEAST_SHARE else logger.info
    say(
        "%d of %d pairs are used; %d have a gene that is not in the data, %d the same twice.",
        kept.sum(),
        len(kept),
        (~there).sum(),
        (there & itself).sum(),
    )
    return named[kept]


def _asked_pairs(predict: pd.DataFrame | None, known: pd.DataFrame, genes: pd.Index) -> pd.DataFrame:
    """Return the pairs to score."""
    if predict is None:
        sources = np.unique(known["source"])
        if len(sources) * len(genes) > _MOST:
            msg = f"{len(sources)} sources x {len(genes)} genes are more than {_MOST:,} pairs. Name those to score: predict=."
            raise ValueError(msg)
        pairs = pd.MultiIndex.from_product([sources, genes], names=["source", "target"]).to_frame(index=False)
        return pairs[pairs["source"] != pairs["target"]].reset_index(drop=True)
    columns(predict, ["source", "target"], "predict", "predict.rename(columns=...)")
    asked = predict[["source", "target"]].astype(str).drop_duplicates(ignore_index=True)
    missing = pd.Index(np.unique(asked)).difference(genes)
    if len(missing):
        msg = f"{len(missing)} genes of predict are not in the data ({preview(missing)})."
        raise ValueError(msg)
    itself = asked["source"] == asked["target"]
    if itself.any():
        logger.info("%d pairs to score are of a gene with itself, and are left out.", itself.sum())
    return asked[~itself].reset_index(drop=True)


def _train(
    expression: Expression,
    projection: Any,
    parts: dict[str, pd.DataFrame],
    config: TgiConfig,
    device: torch.device,
    rng: int,
) -> tuple[TgiModel, np.ndarray]:
    """Train the networks; the threshold is set later."""
    train, validation = parts["train"], parts["validation"]
    raw = raw_features(expression, train)[None]
    if config.degree:
        degrees = training_degrees(train, validation, rng=rng)
        raw = np.concatenate([np.repeat(raw, len(degrees), 0), degrees], axis=2)
    mean, sd = raw.mean(axis=(0, 1)), raw.std(axis=(0, 1))
    model = TgiModel(config, projection, Degrees.of(train), (mean, np.where(sd > 1e-8, sd, np.inf)), [], 0.5)
    both = pd.concat([train, validation])
    held_out = model.features(expression, validation).expand(len(raw), -1, -1)
    features = torch.cat([model.standardize(raw), held_out], dim=1)
    at = tuple(torch.from_numpy(index).to(device) for index in expression.pairs(both))
    profiles = torch.from_numpy(expression.profiles.components.astype(np.float32)).to(device)
    labels = torch.from_numpy(both["label"].to_numpy(np.float32)).to(device)
    where = torch.arange(len(both), device=device)
    losses = np.full((config.n_models, config.epochs), np.nan)
    for number in tqdm(range(config.n_models), desc="TF-gene interactions", unit="model", disable=None, leave=False):
        seed = int(np.random.SeedSequence([rng, number]).generate_state(1)[0])
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(seed)  # of the weights and of dropout
            network = new_network(config, profiles.shape[1], features.shape[-1]).to(device)
            found = nn.train_pairs(
                network, profiles, (at[0], at[1]), features.to(device), labels, train=where[: len(train)],
                validation=where[len(train) :], config=config, seed=seed,
            )  # fmt: skip
            losses[number, : len(found)] = found
        model.networks.append(network.eval())
    return model, losses


def _measure(
    model: TgiModel, expression: Expression, parts: dict[str, pd.DataFrame]
) -> tuple[TgiModel, dict[str, Any]]:
    """Choose the threshold on validation pairs, and measure these and the test pairs."""
    scored = {name: model.score(expression, parts[name]) for name in ("validation", "test") if len(parts[name])}
    precision, recall, cuts = precision_recall_curve(parts["validation"]["label"], scored["validation"])
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    threshold = float(cuts[int(f1[:-1].argmax())])
    measured = {}
    for name, score in scored.items():
        part = parts[name]
        called, true = score >= threshold, part["label"].to_numpy(bool)
        table = (
            evaluate(part.assign(weight=score), part, by=None, universe="rows").iloc[0]
            if true.any()
            else pd.Series(dtype=float)
        )
        measured[name] = {
            "auroc": float(table.get("auroc", np.nan)),
            "aupr_ratio": float(table.get("aupr_ratio", np.nan)),
            "f1": float(2 * (called & true).sum() / max(called.sum() + true.sum(), 1)),
            "n": len(part),
        }
    return replace(model, threshold=threshold), measured
