"""Predicted expression after TFs are lost, lowered or raised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from linger import nn
from linger._docs import docs
from linger._groups import obs_column
from linger._keys import DEFAULT_KEY, PERTURBATION, PREDICTED, SHIFT, slot
from linger._logging import logger
from linger._validate import known_names, modality, valid_key
from linger.get._states import States, is_mask
from linger.io._read_store import read_store
from linger.pp._smoothed import SmoothedCells
from linger.tl._doses import log_change, read_doses
from linger.tl._stored_networks import StoredNetworks, Support, check_features, read_support

if TYPE_CHECKING:
    from mudata import MuData

_CONVERGED = 0.01  # change of a TF's logged expression between rounds


@docs.dedent
def perturb(
    mdata: MuData,
    doses: str | Iterable[str] | Mapping[str, float],
    *,
    groupby: str | None = None,
    cells: str | Iterable[str] | np.ndarray | pd.Series | None = None,
    genes: str | Iterable[str] | None = None,
    n_propagation: int = 1,
    support: Support | None = None,
    layer: str | None = None,
    device: str = "auto",
    rna_key: str = "rna",
    atac_key: str = "atac",
    key_added: str = DEFAULT_KEY,
    copy: bool = False,
) -> MuData | None:
    r"""Predict how expression changes when TFs are knocked out, lowered or raised.

    Every gene's network is run twice, with the TFs as they are and as they are set (Yuan & Duren 2024). A dose d acts on the unlogged
    scale, log(1 + d x), and inputs are standardised with the moments of training, so that a knock-out is -mean / sd, not 0. Single cells are first
    averaged over their neighbours, as the metacells were that the networks were trained on, and scaled to the same depth. Accessibility stays as it is.

    With ``n_propagation`` above 1 TFs that have a network of their own change too, by what it predicted in the round before (held between 0 and the highest value
    among the metacells), and all networks are run again; TFs that were set stay set.

    Parameters
    ----------
    %(mdata)s Fitted with ``store=``.
    doses
        Factor on the expression of each TF: ``{"GATA1": 0.0}`` knocks it out, 2.0 doubles it; names alone are knocked out.
    groupby
        Column of ``obs`` by which changes are averaged; None averages over all cells.
    cells
        Names or mask of the cells to predict; None takes all.
    genes
        Genes to predict; None takes all with a network.
    n_propagation
        Rounds; 1 gives direct effects. A cell is done when none of its TFs changes by 0.01 or more from a round to the next.
    %(support)s
    %(layer)s
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:0"``.
    %(keys)s
    key_added
        Key of the fit, and prefix of the slots written.
    %(copy)s

    Returns
    -------
    None, or the copy. Writes

    - ``rna.obsm["linger_perturbation"]`` (:func:`linger.get.perturbation`): change of logged expression, cells x genes, float32; the gene of a TF that was set
      has its set change; NaN for cells that were not asked for;
    - ``rna.obsm["linger_predicted"]``: the prediction before, on the same scale;
    - ``rna.varm["linger_perturbation"]``: mean change by group, genes x groups, NaN for other genes;
    - ``uns["linger"]["perturbation"]``: doses, genes, groups, and ``residual``, the largest change of a TF in each round. A shift of an earlier perturbation (:func:`linger.tl.perturb_shift`) is removed.

    Memory: ``8 * n_cells * n_genes`` bytes for the result and up to 2 GB on the way.

    Raises
    ------
    KeyError
        If there is no store, a TF, gene, cell or column is unknown, or the embedding or column that metacells were made with is gone.
    ValueError
        If the metacells of the fit were not made by linger, cells are not paired, a TF or peak of the networks is not in the data, a dose is negative, a TF is not expressed in the metacells or does not vary, or no cell is asked for.

    Examples
    --------
    >>> import linger as lg, tempfile
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0), store=tempfile.mkdtemp() + "/networks")
    >>> lg.tl.perturb(mdata, {"TF1": 0.0}, groupby="cell_type")
    >>> lg.get.perturbation(mdata).shape == (mdata.n_obs, int(mdata["rna"].var["linger_fitted"].sum()))
    True
    """
    valid_key(key_added)
    if n_propagation < 1:
        msg = f"n_propagation must be 1 or more, found {n_propagation}."
        raise ValueError(msg)
    store = read_store(mdata, key=key_added)
    networks = StoredNetworks(store, device)
    factors = read_doses(doses, networks)
    wanted = networks.genes if genes is None else known_names(genes, networks.genes, "genes with a network")
    names = modality(mdata, rna_key).var_names
    shown = names[names.isin(wanted.append(factors.index))]
    check_features(mdata, networks, rna_key, atac_key)
    chosen = _cells(mdata, cells, key_added, rna_key, atac_key)
    n_cells = store.settings.get("n_cells", 0)
    if n_cells and n_cells != mdata.mod[rna_key].n_obs:
        logger.warning(
            "The networks were fitted with %d cells and there are %d, so that their neighbours differ. Keep all cells, and choose with cells=.",
            n_cells, mdata.mod[rna_key].n_obs,
        )  # fmt: skip
    by = pd.Series("all", index=chosen) if groupby is None else _groups(mdata, groupby, chosen, (rna_key, atac_key))
    samples = SmoothedCells(
        mdata, chosen, store.settings, len(store.metacells), layer=layer, rna_key=rna_key, atac_key=atac_key
    )
    share = read_support(support, mdata, networks, key=key_added, rna_key=rna_key, atac_key=atac_key)
    before, changed, residual = _predict(networks, samples, factors, wanted, shown, n_propagation, share)
    target = mdata.copy() if copy else mdata
    record: dict[str, Any] = {
        "tfs": factors.index.to_numpy(dtype=object),
        "doses": factors.to_numpy(),
        "genes": shown.to_numpy(dtype=object),
        "n_propagation": n_propagation,
        "support": str(support),
        "residual": residual,
    }
    _write(target, before, changed, chosen, by, record, rna_key=rna_key, key=key_added)
    return target if copy else None


def _cells(
    mdata: MuData, cells: str | Iterable[str] | np.ndarray | pd.Series | None, key: str, rna_key: str, atac_key: str
) -> pd.Index:
    """Return the names of the cells asked for, in the order of the expression modality."""
    every = modality(mdata, rna_key).obs_names
    if cells is None:
        return every
    states = States(mdata, weights="paper", key=key, rna_key=rna_key, atac_key=atac_key, layer=None)
    names = states.masked(cells) if is_mask(cells) else states.named(cells)
    return every[every.isin(names)]


def _groups(mdata: MuData, groupby: str, cells: pd.Index, keys: tuple[str, str]) -> pd.Series:
    """Return the group of each cell; cells without one count in none."""
    labels = obs_column(mdata, groupby, cells, keys=keys)
    if labels.isna().all():
        msg = f"None of the cells has a {groupby!r}."
        raise ValueError(msg)
    return labels.astype(object).where(labels.notna(), None)


def _predict(
    networks: StoredNetworks,
    samples: SmoothedCells,
    factors: pd.Series,
    wanted: pd.Index,
    shown: pd.Index,
    n_propagation: int,
    support: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return prediction before and change, cells x genes, and the largest change of a TF in every round."""
    before, changed = (np.full((len(samples.names), len(shown)), np.nan, np.float32) for _ in range(2))
    set_rows = networks.tfs.get_indexer(factors.index)
    own = shown.get_indexer(factors.index)
    residual = np.zeros(n_propagation)
    only = networks.genes.isin(wanted)
    to = shown.get_indexer(networks.genes)
    for chunk, tf_values, re_values in samples.chunks(networks.tfs, networks.peaks):
        tf, re = networks.tensors(networks.tf.apply(tf_values), networks.re.apply(re_values))
        delta = np.zeros(tf_values.shape)
        delta[set_rows] = log_change(tf_values[set_rows].astype(np.float64), factors.to_numpy())
        residual[0] = max(residual[0], np.abs(delta).max())
        active: np.ndarray = np.full(
            tf.shape[1], fill_value=True
        )  # each cell by itself, so that it matters not who else is asked for
        for number in range(1, n_propagation):
            moved = _next_round(networks, tf, re, tf_values, delta, set_rows, support)
            step = np.abs(moved - delta).max(axis=0) * active
            residual[number] = max(residual[number], step.max())
            delta = np.where(active, moved, delta)
            active = active & (step >= _CONVERGED)
            if not active.any():
                break
        for block, found in run_change(networks, tf, re, delta, support, only=only, description="perturbation"):
            mean, sd = networks.target.mean[block.rows, None], networks.target.sd[block.rows, None]
            before[chunk, to[block.rows]] = (found.before.cpu().numpy() * sd + mean).T
            changed[chunk, to[block.rows]] = (found.change.cpu().numpy() * sd).T
        before[chunk, own], changed[chunk, own] = tf_values[set_rows].T, delta[set_rows].T
    if n_propagation > 1 and residual[-1] >= _CONVERGED:
        logger.warning(
            "Effects still changed by up to %.2g (logged expression of a TF) in the last of %d rounds; they are bounded, but not settled. Raise n_propagation.",
            residual[-1], n_propagation,
        )  # fmt: skip
    return before, changed, residual[: max(1, int(np.flatnonzero(residual).max(initial=0)) + 1)]


def _next_round(
    networks: StoredNetworks,
    tf: torch.Tensor,
    re: torch.Tensor,
    tf_values: np.ndarray,
    delta: np.ndarray,
    set_rows: np.ndarray,
    support: np.ndarray | None,
) -> np.ndarray:
    """Return the change of all TFs after the networks of TFs have seen `delta`."""
    only = np.zeros(len(networks.genes), dtype=bool)
    only[networks.gene_of_tf[networks.gene_of_tf >= 0]] = True
    predicted = np.zeros((len(networks.genes), tf.shape[1]))
    for block, found in run_change(networks, tf, re, delta, support, only=only):
        predicted[block.rows] = found.change.cpu().numpy() * networks.target.sd[block.rows, None]
    has_network = networks.gene_of_tf >= 0
    moved = np.zeros_like(delta)
    moved[has_network] = predicted[networks.gene_of_tf[has_network]]
    # no further than where the networks were trained; a cell beyond that stays where it is
    low, high = np.minimum(tf_values, 0), np.maximum(tf_values, networks.highest[:, None])
    moved = np.clip(tf_values + moved, low, high) - tf_values
    moved[set_rows] = delta[set_rows]
    return moved


def run_change(
    networks: StoredNetworks,
    tf: torch.Tensor,
    re: torch.Tensor,
    delta: np.ndarray,
    support: np.ndarray | None,
    *,
    only: np.ndarray,
    description: str | None = None,
) -> Any:
    """Yield every block with its predictions before and after a change of logged TF expression, T x M."""
    varies = networks.tf.sd > 0
    rows = np.flatnonzero(varies & np.abs(delta).any(axis=1))
    scaled = (delta[rows] / networks.tf.sd[rows, None]).astype(np.float32)
    inputs_delta, at = torch.from_numpy(scaled).to(tf.device), torch.from_numpy(rows).to(tf.device)
    for block in networks.blocks(only=only, description=description):
        inputs = networks.inputs(tf, re, block)
        share = None if support is None else torch.from_numpy(support[np.ix_(block.rows, rows)]).to(tf.device)
        yield block, nn.change(block.weights, inputs, inputs_delta, at, networks.activation, support=share)


def _write(
    mdata: MuData,
    before: np.ndarray,
    changed: np.ndarray,
    cells: pd.Index,
    groups: pd.Series,
    record: dict[str, Any],
    *,
    rna_key: str,
    key: str,
) -> None:
    rna = mdata.mod[rna_key]
    at = rna.obs_names.get_indexer(cells)
    for name, values in ((PERTURBATION, changed), (PREDICTED, before)):
        whole = np.full((rna.n_obs, values.shape[1]), np.nan, np.float32)
        whole[at] = values
        rna.obsm[slot(key, name)] = whole
    labels = groups.reset_index(drop=True).dropna().map(str)
    members = dict(sorted(labels.groupby(labels).groups.items()))
    means = np.full((rna.n_vars, len(members)), np.nan, np.float32)
    rows = rna.var_names.get_indexer(record["genes"])
    for number, mine in enumerate(members.values()):
        means[rows, number] = changed[mine].mean(axis=0)
    rna.varm[slot(key, PERTURBATION)] = means
    record["groups"] = np.array(list(members), dtype=object)
    for name in (slot(key, SHIFT), f"{slot(key, SHIFT)}_control"):  # of the former perturbation
        rna.obsm.pop(name, None)
    kept = {name: value for name, value in mdata.uns.get(key, {}).items() if name != SHIFT}
    mdata.uns[key] = kept | {PERTURBATION: record}
