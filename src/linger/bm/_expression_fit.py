"""Prediction of expression beside an elastic net, over the same folds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from scipy import stats
from tqdm.auto import tqdm

from linger._config import FitConfig
from linger._docs import docs
from linger._keys import DEFAULT_KEY
from linger.tl._crossval import Fold, fit_quality, iterate_folds
from linger.tl._design import Design, make_design
from linger.tl._ensemble import Trainer, predict_held_out
from linger.tl._workers import Workers

if TYPE_CHECKING:
    from mudata import MuData


@docs.dedent
def expression_fit(
    mdata: MuData,
    *,
    genes: Iterable[str] | None = None,
    groupby: str | None = None,
    config: FitConfig | None = None,
    alpha: float = 0.1,
    l1_ratio: float = 0.5,
    rna_key: str = "rna",
    atac_key: str = "atac",
    layer: str | None = None,
    key: str = DEFAULT_KEY,
    rng: int = 0,
) -> tuple[pd.DataFrame, pd.Series]:
    """Set the networks' prediction of held-out expression beside an elastic net's.

    Cells are split into folds first and metacells made on either side of the split; both methods see the same inputs. (Yuan & Duren
    2024: Extended Data Fig. 2; the elastic net is scikit-learn's, one gene after another.)

    Parameters
    ----------
    %(mdata)s
    genes
        Genes to compare; None takes all, which takes the elastic net minutes per thousand.
    groupby
        Column of ``obs`` that metacells and folds stay within.
    config
        Settings of the networks; ``n_folds`` is the number of folds.
    alpha, l1_ratio
        Penalty of the elastic net and the l1 part of it.
    %(keys)s
    %(layer)s
    %(key)s
    %(rng)s

    Returns
    -------
    table
        One row a gene: ``linger_r2``, ``linger_correlation``, ``elastic_net_r2``, ``elastic_net_correlation``.
    summary
        Medians, one-sided paired t-test that the networks' correlation is higher (``t``, ``p_value``), and the number of genes whose
        elastic net correlates negatively (``n_negative``), with the genes compared (``n_genes``). A constant prediction counts as
        correlation 0.

    Raises
    ------
    KeyError, ValueError
        As :func:`linger.tl.fit`.
    """
    config = FitConfig() if config is None else config
    if config.n_folds < 2:
        msg = "expression_fit needs at least two folds: FitConfig(n_folds=5)."
        raise ValueError(msg)
    design = make_design(mdata, genes=genes, rna_key=rna_key, atac_key=atac_key, key_added=key)
    trainer = Trainer(config, torch.device("cpu"), rng)
    settings = {"groupby": groupby, "rna_key": rna_key, "atac_key": atac_key, "layer": layer, "rng": rng}
    truth, networks, elastic = [], [], []
    for fold in iterate_folds(mdata, design, settings=settings, n_folds=config.n_folds, rng=rng):
        truth.append(fold.train.target.apply(fold.test_target))
        test = fold.test_tf, fold.test_re
        networks.append(predict_held_out(design, fold.train, test, trainer, Workers(), description="networks"))
        elastic.append(_elastic_net(design, fold, alpha, l1_ratio, rng))
    return _compare(np.hstack(truth), {"linger": np.hstack(networks), "elastic_net": np.hstack(elastic)}, design.genes)


def _elastic_net(design: Design, fold: Fold, alpha: float, l1_ratio: float, rng: int) -> np.ndarray:
    """Fit scikit-learn's elastic net to every gene in turn and predict the held-out metacells."""
    from sklearn.linear_model import ElasticNet

    train_tf, train_re = fold.train.tf.values, fold.train.re.values
    test_tf, test_re = fold.train.tf.apply(fold.test_tf), fold.train.re.apply(fold.test_re)
    predicted = np.zeros((len(design.genes), test_tf.shape[1]))
    for gene in tqdm(range(len(design.genes)), desc="elastic net", mininterval=1, disable=None, leave=False):
        tfs = np.delete(np.arange(len(train_tf)), design.own_tf[gene]) if design.own_tf[gene] >= 0 else slice(None)
        res = design.links[gene].indices
        model = ElasticNet(alpha=alpha, l1_ratio=l1_ratio, random_state=rng)
        model.fit(np.vstack([train_tf[tfs], train_re[res]]).T, fold.train.target.values[gene])
        predicted[gene] = model.predict(np.vstack([test_tf[tfs], test_re[res]]).T)
    return predicted


def _compare(truth: np.ndarray, predictions: dict[str, np.ndarray], genes: pd.Index) -> tuple[pd.DataFrame, pd.Series]:
    parts = [fit_quality(truth, values, genes).add_prefix(f"{name}_") for name, values in predictions.items()]
    table = pd.concat(parts, axis=1)
    table = table[table["linger_r2"].notna()]
    ours, theirs = (table[f"{name}_correlation"].fillna(0) for name in predictions)
    test = stats.ttest_rel(ours, theirs, alternative="greater")
    summary = table.median().rename(lambda name: f"median_{name}")
    summary["t"], summary["p_value"] = test.statistic, test.pvalue
    summary["n_negative"], summary["n_genes"] = int((theirs < 0).sum()), len(table)
    return table, summary
