"""Fit the networks of all genes: the main job."""

from __future__ import annotations

from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

import linger
from linger._config import FitConfig
from linger._docs import docs
from linger._groups import MIN_CELLS, cell_groups
from linger._keys import DEFAULT_KEY, GENOME
from linger._logging import logger
from linger._validate import valid_key
from linger.io._store import StoreWriter
from linger.pp._metacells import metacells as make_metacells
from linger.tl._cost import Sizes, check_memory
from linger.tl._crossval import cross_validate
from linger.tl._design import (
    Design,
    Samples,
    drop_constant_genes,
    make_design,
    make_samples,
    report_design,
    take_genes,
)
from linger.tl._ensemble import Graph, Trainer, background_columns, find_device, train_all
from linger.tl._group_means import GroupMeans, compute_group_means, write_group_means
from linger.tl._match import Match, match_prior, open_prior
from linger.tl._workers import Workers
from linger.tl._write_graph import make_slots, write_slots

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from distributed import Client
    from mudata import MuData

    from linger.io._prior import Prior


@docs.dedent
def fit(
    mdata: MuData,
    *,
    metacells: MuData | None = None,
    prior: Prior | str | Path | None = None,
    chain: str | Path | None = None,
    refine: bool = True,
    groupby: str | None = None,
    genes: Iterable[str] | None = None,
    config: FitConfig | None = None,
    device: str = "auto",
    store: str | Path | None = None,
    resume: bool = True,
    n_jobs: int = 1,
    client: Client | None = None,
    rna_key: str = "rna",
    atac_key: str = "atac",
    layer: str | None = None,
    key_added: str = DEFAULT_KEY,
    rng: int = 0,
    copy: bool = False,
) -> MuData | None:
    """Train a network for every gene and write the population's regulatory network.

    Gene i is predicted over metacells by a network F -> 64 -> 16 -> 1 from the standardised expression of all TFs but itself and
    the accessibility of all peaks (REs) within reach of its TSS, minimising ::

        MSE + l1 * sum |weights| + manifold * tr(W1^T Lnorm W1) + ewc * mean F (W1 - W1_prior)^2

    (Yuan & Duren 2024, Methods; the last term where there is a prior, from which the networks then start). The strength of TF -> gene (gamma, *trans*) and of RE -> gene (beta, *cis*)
    is the mean absolute Shapley value over metacells; that of TF -> RE (alpha, *binding*) is the Pearson correlation of their
    first-layer weights, negative ones as 0, maximum over the genes in reach of the RE.

    Parameters
    ----------
    %(mdata)s Needs TFs (:func:`linger.pp.mark_tfs`) and links (:func:`linger.pp.link_peaks`); motif affinities
        (:func:`linger.pp.scan_motifs`) are used where present.
    metacells
        Metacells of the same data from :func:`linger.pp.metacells`; None makes them with its defaults, `groupby` and `layer`.
    prior
        Networks pre-trained on bulk data (:func:`linger.tl.pretrain`) or their folder. TFs and genes are found in it by name, peaks by
        overlap (``FitConfig.min_overlap``); what it lacks starts fresh.
    chain
        Chain file from the prior's genome build to that of the data, such as ``hg19ToHg38.over.chain.gz``.
    refine
        Train on the metacells; False takes the networks of the prior as they are (BulkNN in the paper), for the genes, TFs and
        peaks that it knows.
    groupby
        Column of ``obs`` with cell types that metacells stay within, of 10 cells or more; for smaller ones make `metacells` with a lower ``min_cells``.
    genes
        Genes to fit; None fits every gene with a peak in reach.
    config
        Settings of networks and training; None takes the defaults of :class:`linger.FitConfig`.
    device
        ``"cpu"``, ``"cuda"`` or ``"auto"``.
    store
        Folder for the trained networks; None keeps none, which suffices for the networks of populations, cell types and cells.
    resume
        Where there is a `store`, go on where a fit of the same data, settings and versions was interrupted; False starts anew.
    %(n_jobs)s
    %(rna_key)s
    %(atac_key)s
    %(layer)s
    %(key_added)s
    %(rng)s
    %(copy)s

    Returns
    -------
    None, or the copy. Writes into ``mdata`` (all matrices over the joint axis, rows regulators, columns targets):

    - ``varp["linger_trans"]``, ``varp["linger_cis"]``, ``varp["linger_binding"]``: strengths, CSR float32. Binding keeps pairs with a
      motif hit and the strongest share (``FitConfig.binding_share``).
    - ``varp["linger_trans_sign"]``, ``varp["linger_cis_sign"]``: +1 activates, -1 represses, CSR int8.
    - ``rna.var["linger_alpha_scale"]``: the weight of alpha for TFs without a motif (see :func:`linger.get.matrix`).
    - ``rna.var["linger_fitted"]``, ``rna.var["linger_r2"]``, ``rna.var["linger_correlation"]``: quality by cross-validation.
    - ``rna.var["linger_prior"]``: whether the gene started from the prior; ``uns["linger"]["prior"]``: what of it was found.
    - with `groupby`, or metacells made with one: the means of the groups, as :func:`linger.tl.group_means` writes them.
    - ``uns["linger"]["fit"]``: settings, versions, loss; ``uns["linger"]["store"]``: where the networks are.

    Raises
    ------
    KeyError
        If a modality, column or link matrix is missing, or a gene is unknown.
    ValueError
        If cells are not paired, values are not counts, no TF is among the genes, no gene has a peak, a group is too small, the
        prior has networks of another shape, or hardly anything of it is found in the data (other build or species).
    RuntimeError
        If CUDA is asked for and not there.
    MemoryError
        If it needs more memory than there is.
    OSError
        If the store cannot be written; what is finished is kept for the next call.

    Notes
    -----
    :func:`linger.tl.estimate` says what time, memory and disk this takes. Roughly, ``4 * n_peaks * (9 * n_metacells + 4 * n_tfs)`` bytes
    of memory beside the data; the store takes ``261 * n_genes * (n_tfs + peaks per gene)`` bytes on disk.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0))
    >>> lg.get.network(mdata, kind="trans").columns.tolist()
    ['source', 'target', 'weight', 'sign', 'gamma']
    """
    valid_key(key_added)
    where = find_device(device)
    workers = Workers.of(n_jobs, client, where)
    config = FitConfig() if config is None else config
    known = open_prior(prior, config)
    _check_prior(known, config, chain, refine=refine)
    design = make_design(mdata, genes=genes, rna_key=rna_key, atac_key=atac_key, key_added=key_added)
    if metacells is not None and (groupby is not None or layer is not None):
        msg = "groupby and layer say how metacells are made, and metacells were given. Leave them out."
        raise ValueError(msg)
    if metacells is None:
        _check_groups(mdata, groupby, rna_key=rna_key, atac_key=atac_key)
        metacells = make_metacells(mdata, groupby=groupby, rna_key=rna_key, atac_key=atac_key, layer=layer, rng=rng)
    check_memory(Sizes.of(design, metacells.n_obs), config, workers, where)
    design, samples = drop_constant_genes(design, make_samples(metacells, design, rna_key=rna_key, atac_key=atac_key))
    match = None if known is None else _match(known, mdata, design, config, chain)
    if match is not None and not refine:
        design, samples, match = _only_known(design, samples, match)
    trainer = Trainer(config, where, rng, match, refine=refine)
    report_design(design, samples, "metacells")
    means = _group_means(mdata, metacells, rna_key=rna_key, atac_key=atac_key, layer=layer)
    with closing(workers), nullcontext() if store is None else StoreWriter(store, resume=resume) as writer:
        graph = train_all(design, samples, trainer, workers, keep=None if writer is None else writer.blocks)
        quality = _quality(mdata, design, trainer, workers, metacells, writer)
        target = mdata.copy() if copy else mdata
        in_prior = design.genes[:0] if match is None else design.genes[match.genes >= 0]
        slots = make_slots(target, design, graph, quality, in_prior, share=config.binding_share, rna_key=rna_key)
        record = _record(design, samples, trainer, graph)
        record["store"] = _finish_store(writer, design, samples, trainer, graph, metacells)
    write_slots(target, slots, record, rna_key=rna_key, key_added=key_added)
    if means is not None:
        write_group_means(target, means, key_added=key_added)
    return target if copy else None


def _check_prior(prior: Prior | None, config: FitConfig, chain: str | Path | None, *, refine: bool) -> None:
    """Raise for options that do not go together."""
    if prior is None and (chain is not None or not refine):
        option = "chain=" if refine else "refine=False"
        msg = f"{option} is for fits with a prior, and there is none. Give one (prior=), or leave it out."
        raise ValueError(msg)
    if config.authors and not refine:
        msg = "FitConfig.lingergrn() starts from random weights, which refine=False would leave as they are. Use another FitConfig."
        raise ValueError(msg)


def _check_groups(mdata: MuData, groupby: str | None, *, rna_key: str, atac_key: str) -> None:
    """Raise for groups that are too small, before any work, and say how to keep them."""
    cells = mdata.mod[rna_key].obs_names
    fix = f"make metacells with a lower min_cells and give them: metacells=lg.pp.metacells(mdata, groupby={groupby!r}, min_cells=...)"
    cell_groups(mdata, groupby, cells, MIN_CELLS, keys=(rna_key, atac_key), fix=fix)


def _only_known(design: Design, samples: Samples, match: Match) -> tuple[Design, Samples, Match]:
    """Leave out the genes that the prior lacks."""
    known = match.genes >= 0
    if not known.any():
        msg = "The prior knows none of the genes, and refine=False trains none. Give other genes, or refine."
        raise ValueError(msg)
    return *take_genes(design, samples, known), match._replace(genes=match.genes[known])


def _match(prior: Prior, mdata: MuData, design: Design, config: FitConfig, chain: str | Path | None) -> Match:
    genome = mdata.uns.get(DEFAULT_KEY, {}).get(GENOME)
    return match_prior(prior, design, chain=chain, min_overlap=config.min_overlap, genome=genome)


def _group_means(
    mdata: MuData, metacells: MuData, *, rna_key: str, atac_key: str, layer: str | None
) -> GroupMeans | None:
    """Return the means of the groups that the metacells stay within, where they are metacells of these cells."""
    made = metacells.uns.get("linger", {})
    settings = made.get("metacells", {})
    if "groupby" not in settings or set(made["cells"]) != set(mdata.obs_names):
        return None
    return compute_group_means(
        mdata,
        settings["groupby"],
        min_cells=1,
        rna_key=rna_key,
        atac_key=atac_key,
        layer=settings.get("layer", layer),
    )


def _quality(
    mdata: MuData,
    design: Design,
    trainer: Trainer,
    workers: Workers,
    metacells: MuData,
    writer: StoreWriter | None,
) -> pd.DataFrame | None:
    """Cross-validate if asked for and possible, and say how it went."""
    if not trainer.config.n_folds:
        return None
    made = metacells.uns.get("linger", {})
    if "metacells" not in made or "labels" in made["metacells"] or not np.isin(made["cells"], mdata.obs_names).all():
        logger.warning(
            "Cross-validation needs metacells of this MuData that linger can make anew within folds; quality of fit is not computed."
        )
        return None
    cells = mdata[list(made["cells"])]
    settings, n_folds = dict(made["metacells"]), trainer.config.n_folds
    quality = cross_validate(cells, design, trainer, workers, settings=settings, n_folds=n_folds, writer=writer)
    median = quality["correlation"].median()
    logger.info("Held-out expression is predicted with a median correlation of %.2f.", median)
    if not median > 0.1:
        logger.warning(
            "The networks hardly predict held-out cells, so their edges deserve little trust: more cells, cell types or depth, or "
            "fewer neighbours a metacell, may help."
        )
    return quality


def _finish_store(
    writer: StoreWriter | None,
    design: Design,
    samples: Samples,
    trainer: Trainer,
    graph: Graph,
    metacells: MuData,
) -> dict[str, str] | None:
    if writer is None:
        return None
    arrays = {
        f"{name}_{part}": getattr(getattr(samples, name), part)
        for name in ("tf", "re", "target")
        for part in ("values", "mean", "sd")
    }
    arrays |= {"alpha": graph.alpha, "links_indices": design.links.indices, "links_indptr": design.links.indptr}
    arrays["background"] = background_columns(len(samples.names), trainer)
    names = {"genes": design.genes, "tfs": design.tfs, "peaks": design.peaks, "metacells": samples.names}
    settings: dict[str, Any] = {"config": trainer.config.to_dict(), "rng": trainer.seed, "linger": linger.__version__}
    made = metacells.uns.get("linger", {})
    settings["metacells"], settings["n_cells"] = dict(made.get("metacells", {})), len(made.get("cells", []))
    settings["depth"] = {key: float(value) for key, value in made.get("depth", {}).items()}
    groupby = settings["metacells"].get("groupby")
    if groupby is not None:
        settings["groups"] = metacells.obs[groupby].astype(str).reindex(samples.names).tolist()
    checksum = writer.finish(names=names, design=arrays, settings=settings)
    return {"path": str(writer.path.resolve()), "checksum": checksum}


def _record(design: Design, samples: Samples, trainer: Trainer, graph: Graph) -> dict[str, Any]:
    """Return what ``uns`` keeps of the run, as plain values."""
    recorded = np.isfinite(graph.loss)
    return {
        "prior": None if trainer.match is None else trainer.match.report,
        "fit": {
            "config": trainer.config.to_dict(),
            "rng": trainer.seed,
            "n_metacells": len(samples.names),
            "n_genes": len(design.genes),
            "n_tfs": len(design.tfs),
            "n_peaks": len(design.peaks),
            "motifs": design.affinity is not None,
            "refine": trainer.refine,
            "device": trainer.device.type,
            "linger": linger.__version__,
            "torch": torch.__version__.split("+")[0],
            "loss_epoch": np.flatnonzero(recorded),
            "loss": graph.loss[recorded],
        },
    }
