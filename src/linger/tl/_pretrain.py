"""Pre-train the networks on bulk data: the prior of lifelong learning."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

import linger
from linger import nn
from linger._config import FitConfig
from linger._docs import docs
from linger._keys import BUILDS, DEFAULT_KEY, GENOME
from linger._validate import preview, unique_names
from linger.io._prior import Precision, Prior, PriorTables, PriorWriter, Round
from linger.tl._blocks import Block
from linger.tl._bulk import Normalize, as_mudata, normalize_bulk
from linger.tl._design import Design, Samples, drop_constant_genes, make_design, make_samples, report_design
from linger.tl._ensemble import Keys, Trainer, find_device
from linger.tl._jobs import Found, Job, solve_blocks
from linger.tl._match import Match, match_prior, open_prior
from linger.tl._workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from anndata import AnnData
    from distributed import Client
    from mudata import MuData

FisherKind = Literal["empirical", "model"]


@docs.dedent
def pretrain(
    bulk: MuData | tuple[AnnData | pd.DataFrame, AnnData | pd.DataFrame],
    *,
    prior: Prior | str | Path | None = None,
    chain: str | Path | None = None,
    genes: Iterable[str] | None = None,
    config: FitConfig | None = None,
    genome: str | None = None,
    normalize: Normalize | None = "log",
    fisher: FisherKind = "empirical",
    sample_weights: pd.Series | None = None,
    description: str = "",
    path: str | Path | None = None,
    precision: Precision = "float32",
    device: str = "auto",
    n_jobs: int = 1,
    client: Client | None = None,
    rna_key: str = "rna",
    atac_key: str = "atac",
    layer: str | None = None,
    key: str = DEFAULT_KEY,
    rng: int = 0,
) -> Prior:
    """Train a network for every gene on bulk samples, and keep what a later fit needs: weights and Fisher information.

    The networks are those of :func:`linger.tl.fit`, trained over samples in place of metacells, and F = mean over samples of
    (d squared error / d theta)^2 for every weight theta of the first layer, scaled to mean 1 per gene (Yuan & Duren 2024, Methods).

    With a `prior` this is a further round: the networks start from it and are held to it, and F becomes the mean of both rounds'
    weighted by their numbers of samples. The new prior knows the genes, TFs and peaks of `bulk`.

    Parameters
    ----------
    bulk
        MuData with RNA and ATAC (or DNase) of the same samples, prepared as for a fit (genes located, TFs marked; where peaks are not
        linked, they are with the defaults, in a copy); any species. Or a pair (RNA, ATAC) of AnnData or DataFrames, samples in rows, for one of the built-in genomes.
    prior
        Prior of an earlier round, or its folder.
    chain
        Chain file from the genome build of `prior` to that of `bulk`.
    genes
        Genes to train; None takes every gene with a peak in reach.
    config
        Settings of networks and training. The manifold term is used where `bulk` has motif affinities.
    genome
        Build of the peaks, recorded in the prior; None takes what :func:`linger.pp.annotate_genes` recorded.
    normalize
        ``"log"``: scale every sample to a million and take log(1 + x). ``"quantile"``: make the samples' distributions equal after
        that. None: ``X`` (or `layer`) is normalised already.
    fisher
        ``"empirical"``: from squared errors, as the paper. ``"model"``: from the prediction alone; it does not vanish where a panel of
        few samples is fitted exactly.
    sample_weights
        Weights of the samples in the squared error and in F, by name; None weighs all the same. Samples of weight 0 are
        left out; moments are not weighted.
    description
        Where the samples are from, in your words; kept in the prior.
    path
        Folder to write the prior to, replacing a prior that is there; None makes a temporary one that lives as long as the object (:meth:`linger.io.Prior.save`
        keeps it).
    precision
        ``"float16"`` halves the size.
    device
        ``"cpu"``, ``"cuda"`` or ``"auto"``.
    %(n_jobs)s
    %(keys)s
    layer
        Layer of both modalities that holds counts or abundances; None takes ``layers["counts"]``, else ``X``.
    key
        The ``key_added`` of the links.
    %(rng)s

    Returns
    -------
    The prior.

    Raises
    ------
    KeyError
        If a modality or column is missing, or a gene or sample is unknown.
    ValueError
        If samples are not paired, there are fewer than three, values are negative or missing, or hardly anything of `prior` is found.

    Notes
    -----
    Disk: ``512 * n_genes * (n_tfs + peaks per gene)`` bytes, half of that as float16. Memory: about ``24 * n_samples * (n_genes + n_peaks)``
    bytes while values are standardised, and one block of networks.

    Examples
    --------
    >>> import linger as lg
    >>> sim = lg.ds.simulate(n_cells=200, n_genes=60, n_tfs=12, n_peaks=300, n_cell_types=3, n_bulk=20)
    >>> for data in (sim.bulk, sim.mdata):
    ...     lg.pp.link_peaks(data)
    >>> prior = lg.tl.pretrain(sim.bulk, config=lg.FitConfig(epochs=5))
    >>> prior.n_samples
    20
    >>> lg.tl.fit(sim.mdata, prior=prior, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> bool(sim.mdata["rna"].var["linger_prior"].any())
    True
    """
    config = FitConfig() if config is None else config
    known = open_prior(prior, config)
    _check(config, known, chain, fisher)
    where = find_device(device)
    workers = Workers.of(n_jobs, client, where)
    genome = BUILDS.get(str(genome), genome)
    mdata = as_mudata(bulk, genome, rna_key=rna_key, atac_key=atac_key, key=key)
    genome = _build(mdata, genome)
    mdata = _without_zero_weight(mdata, sample_weights)
    design = make_design(mdata, genes=genes, rna_key=rna_key, atac_key=atac_key, key_added=key)
    values = normalize_bulk(mdata, normalize, rna_key=rna_key, atac_key=atac_key, layer=layer)
    design, samples = drop_constant_genes(design, make_samples(values, design, rna_key=rna_key, atac_key=atac_key))
    match = None
    if known is not None:
        match = match_prior(known, design, chain=chain, min_overlap=config.min_overlap, genome=genome)
    trainer = Trainer(config, where, rng, match, _weights(sample_weights, samples.names, where))
    report_design(design, samples, "bulk samples")
    settings = {"config": config.to_dict(), "rng": rng, "normalize": normalize, "fisher": fisher}
    settings["linger"] = linger.__version__
    entry = Round(len(samples.names), len(design.genes), settings, description)
    tables = _tables(design, samples, config, genome, [*(known.rounds if known is not None else []), entry])
    job = trainer.job(design, samples, _Pretrained(Keys.of(design), fisher))
    with closing(workers):
        return Prior.make(path, partial(_write, job, workers, tables, precision))


def _check(config: FitConfig, prior: Prior | None, chain: str | Path | None, fisher: FisherKind) -> None:
    """Raise for settings that cannot work."""
    if prior is None and chain is not None:
        msg = "chain= is for a further round with a prior, and there is none. Give one (prior=), or leave it out."
        raise ValueError(msg)
    if fisher not in ("empirical", "model"):
        msg = f"fisher must be 'empirical' or 'model', found {fisher!r}."
        raise ValueError(msg)
    if config.authors:
        msg = "FitConfig.lingergrn() is how LingerGRN refines a prior; it has no pre-training. Use another FitConfig here."
        raise ValueError(msg)


def _build(mdata: MuData, genome: str | None) -> str | None:
    """Return the genome build of the bulk data, None where it is not known."""
    recorded = mdata.uns.get(DEFAULT_KEY, {}).get(GENOME)
    if None not in (genome, recorded) and genome != recorded:
        msg = f"genome={genome!r}, but the genes were located in {recorded!r}. Leave genome= out, or locate them anew."
        raise ValueError(msg)
    return genome or recorded


def _without_zero_weight(mdata: MuData, weights: pd.Series | None) -> MuData:
    """Leave out samples of weight 0, so that they do not enter the moments either."""
    if weights is None or not hasattr(weights, "loc"):  # what it is instead is refused later
        return mdata
    zero = mdata.obs_names.isin(weights.index.astype(str)[weights.to_numpy() == 0])
    return mdata[~zero].copy() if zero.any() else mdata


def _weights(weights: pd.Series | None, names: pd.Index, device: torch.device) -> torch.Tensor | None:
    """Return the weights of the samples with mean 1."""
    if weights is None:
        return None
    if not hasattr(weights, "loc"):
        msg = f"sample_weights must be a Series of weights by the name of the sample, found {type(weights).__name__}."
        raise TypeError(msg)
    weights = weights.set_axis(weights.index.astype(str))
    unique_names(weights.index, "samples of sample_weights", "weights[~weights.index.duplicated()]")
    missing = names.difference(weights.index)
    if len(missing):
        msg = f"sample_weights lacks {len(missing)} samples: {preview(missing)}."
        raise KeyError(msg)
    values = weights.loc[names].to_numpy(np.float64)
    if not np.isfinite(values).all() or (values <= 0).any():
        msg = "sample_weights must be finite and not negative."
        raise ValueError(msg)
    return torch.from_numpy((values / values.mean()).astype(np.float32)).to(device)


def _tables(
    design: Design, samples: Samples, config: FitConfig, genome: str | None, rounds: list[Round]
) -> PriorTables:
    moments = {
        f"{name}_{part}": getattr(getattr(samples, name), part)
        for name in ("tf", "re", "target")
        for part in ("mean", "sd")
    }
    return PriorTables(
        design.genes,
        design.tfs,
        design.locations,
        design.links,
        moments,
        genome,
        config.hidden,
        config.activation,
        rounds,
    )


def _write(job: Job, workers: Workers, tables: PriorTables, precision: Precision, path: str | Path) -> None:
    """Train all blocks and write them as a prior."""
    with PriorWriter(path, precision=precision) as writer:
        for number, found in solve_blocks(job, workers, "pre-training"):
            writer.add_block({name: value.cpu().numpy() for name, value in found.items()}, job.data.rows(number))
        writer.finish(tables)


@dataclass(frozen=True)
class _Pretrained:
    """Train the networks of a block and find their Fisher information."""

    keys: Keys
    kind: FisherKind

    def __call__(self, trainer: Trainer, block: Block) -> Found:
        start, anchor = trainer.start(block, self.keys)
        weights = trainer.train_from(block, start, anchor).weights
        found = nn.fisher_information(
            weights,
            block.inputs,
            block.targets if self.kind == "empirical" else None,
            sample_weights=trainer.sample_weights,
            activation=trainer.config.activation,
        )
        fisher, mean = nn.normalized(found, block.inputs)
        if anchor is not None and trainer.match is not None:
            share = _share(block.targets.shape[1], trainer.match.prior.n_samples)
            fisher = _accumulate(fisher, anchor, block, share)
            mean = _accumulated_mean(mean, trainer.match, block.rows, share)
        return {**weights._asdict(), "tf_fisher": fisher.tf, "re_fisher": fisher.re, "fisher_mean": mean}


def _share(n_samples: int, n_before: int) -> float:
    """Return the share of this round in all samples; half where the number before is not known."""
    return n_samples / (n_samples + n_before) if n_before else 0.5


def _accumulate(fisher: nn.Fisher, anchor: nn.Anchor, block: Block, share: float) -> nn.Fisher:
    """Average this round's Fisher information, weight `share`, with that of the rounds before."""
    n = nn.n_weights(block.inputs, fisher.tf.shape[1])[:, None, None]
    both = (
        share * new + (1 - share) * n * old for new, old in ((fisher.tf, anchor.tf_pull), (fisher.re, anchor.re_pull))
    )
    return nn.normalized(nn.Fisher(*both), block.inputs)[0]


def _accumulated_mean(mean: torch.Tensor, match: Match, rows: np.ndarray, share: float) -> torch.Tensor:
    """Average the scale of the Fisher information in the same way, for the genes that were there before."""
    places = match.genes[rows]
    before = np.where(places >= 0, match.prior.fisher_mean[places], mean.cpu().numpy())
    return share * mean + (1 - share) * torch.from_numpy(before).to(mean)
