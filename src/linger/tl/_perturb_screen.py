"""One perturbation of many TFs, one after the other, in one pass over the networks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from linger import nn
from linger._docs import docs
from linger._keys import DEFAULT_KEY, SCREEN, slot
from linger._logging import logger
from linger._validate import modality, valid_key
from linger.io._partial import partial_file
from linger.io._read_store import read_store
from linger.tl._doses import log_change, read_doses
from linger.tl._stored_networks import StoredNetworks, Support, metacell_groups, read_support

if TYPE_CHECKING:
    from mudata import MuData

    from linger.io._store import NetworkStore

_REQUEST = "screen.json"


@docs.dedent
def perturb_screen(
    mdata: MuData,
    *,
    tfs: str | Iterable[str] | None = None,
    dose: float = 0.0,
    groupby: str | None = None,
    support: Support | None = None,
    path: str | Path | None = None,
    device: str = "auto",
    rna_key: str = "rna",
    atac_key: str = "atac",
    key_added: str = DEFAULT_KEY,
    copy: bool = False,
) -> MuData | None:
    """Perturb many TFs, each alone, and average the predicted changes over the metacells of each group.

    The same predictions as :func:`linger.tl.perturb` with ``n_propagation=1``, for the metacells that the networks were trained on. Each TF is a
    rank-1 update of the first layer of all networks, which are read once.

    Parameters
    ----------
    %(mdata)s Fitted with ``store=``.
    tfs
        TFs to perturb; None takes all that are expressed and vary in the metacells.
    dose
        Factor on the expression of each: 0 knocks out, 2 doubles.
    groupby
        Column of ``obs`` by which metacells, which carry the name of their central cell, are grouped; None averages over all.
    %(support)s
    path
        Folder for finished blocks of genes: a screen that is interrupted continues there when called again with the same arguments.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:0"``.
    %(keys)s
    key_added
        Key of the fit, and prefix of the slots written.
    %(copy)s

    Returns
    -------
    None, or the copy. Writes ``rna.varm["linger_screen"]`` (:func:`linger.get.perturbation_screen`): change of logged expression, genes x TFs x groups, float32,
    NaN for genes without a network, and ``uns["linger"]["screen"]``: TFs, dose, groups. Memory: ``4 * n_genes * n_tfs * n_groups`` bytes.

    Raises
    ------
    KeyError
        If there is no store, or a TF or column is unknown.
    ValueError
        If the dose is negative, a named TF is not expressed in the metacells, metacells have no group, or `path` holds another screen.

    Examples
    --------
    >>> import linger as lg, tempfile
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, config=lg.FitConfig(epochs=5, n_folds=0), store=tempfile.mkdtemp() + "/networks")
    >>> lg.tl.perturb_screen(mdata, tfs=["TF1", "TF2"])
    >>> lg.get.perturbation_screen(mdata).index.tolist()
    ['TF1', 'TF2']
    """
    valid_key(key_added)
    store = read_store(mdata, key=key_added)
    networks = StoredNetworks(store, device)
    if tfs is None:
        tfs = networks.tfs[(networks.tf.sd > 0) & (networks.tf.mean > 0)]
    factors = read_doses(dict.fromkeys([tfs] if isinstance(tfs, str) else tfs, dose), networks)
    groups = metacell_groups(mdata, store, groupby, (rna_key, atac_key))
    average = pd.get_dummies(groups, dtype=np.float32)
    average /= average.sum()
    share = read_support(support, mdata, networks, key=key_added, rna_key=rna_key, atac_key=atac_key)
    done = _Finished(path, store, factors, average, share)
    found = _run(networks, factors, average.to_numpy(np.float32), share, done)
    target = mdata.copy() if copy else mdata
    rna = modality(target, rna_key)
    whole = np.full((rna.n_vars, *found.shape[1:]), np.nan, np.float32)
    there = networks.genes.isin(rna.var_names)
    whole[rna.var_names.get_indexer(networks.genes[there])] = found[there]
    rna.varm[slot(key_added, SCREEN)] = whole
    record = {
        "tfs": factors.index.to_numpy(dtype=object),
        "dose": float(dose),
        "groups": average.columns.to_numpy(object),
    }
    target.uns[key_added] = dict(target.uns.get(key_added, {})) | {SCREEN: record}
    return target if copy else None


class _Finished:
    """Blocks that are done, in a folder; in none where `path` is None."""

    def __init__(
        self,
        path: str | Path | None,
        store: NetworkStore,
        factors: pd.Series,
        average: pd.DataFrame,
        support: np.ndarray | None,
    ) -> None:
        self.path = None if path is None else Path(path)
        if self.path is None:
            return
        members = hashlib.sha256(np.ascontiguousarray(average.to_numpy(np.float32)).tobytes()).hexdigest()
        request: dict[str, Any] = {"format": "linger-screen", "store": store.checksum, "members": members}
        request["support"] = None if support is None else hashlib.sha256(support.tobytes()).hexdigest()
        request |= {
            "tfs": list(map(str, factors.index)),
            "doses": factors.tolist(),
            "groups": list(map(str, average.columns)),
        }
        if self.path.exists() and not self.path.is_dir():
            msg = f"{self.path} is a file. Give the path of a folder."
            raise ValueError(msg)
        file = self.path / _REQUEST
        if file.is_file() and _read_json(file) != request:
            msg = (
                f"{self.path} holds a screen of other TFs, doses, groups or networks. Give another path, or remove it."
            )
            raise ValueError(msg)
        if not file.is_file() and self.path.exists() and any(self.path.iterdir()):
            msg = f"{self.path} is neither empty nor a screen. Give another path."
            raise ValueError(msg)
        self.path.mkdir(parents=True, exist_ok=True)
        with partial_file(file) as partial:
            partial.write_text(json.dumps(request))

    def read(self, number: int, shape: tuple[int, ...]) -> np.ndarray | None:
        """Return a block that is there and whole."""
        file = None if self.path is None else self.path / f"block-{number:05d}.npy"
        if file is None or not file.is_file():
            return None
        try:
            found: np.ndarray = np.load(file, allow_pickle=False)
        except (ValueError, EOFError, OSError):
            found = np.empty(0)
        if found.shape != shape or not np.isfinite(found).all():
            logger.warning("%s is damaged and made again.", file)
            return None
        return found

    def write(self, number: int, values: np.ndarray) -> None:
        """Keep a block."""
        if self.path is not None:
            with partial_file(self.path / f"block-{number:05d}.npy") as partial, partial.open("wb") as file:
                np.save(file, values, allow_pickle=False)


def _read_json(file: Path) -> Any:
    try:
        return json.loads(file.read_text())
    except ValueError:
        return None


def _run(
    networks: StoredNetworks, factors: pd.Series, average: np.ndarray, support: np.ndarray | None, done: _Finished
) -> np.ndarray:
    """Return genes of the networks x TFs x groups."""
    rows = networks.tfs.get_indexer(factors.index)
    tf_values, re_values = networks.training_inputs()
    raw = log_change(networks.log_expression(tf_values)[rows], factors.to_numpy())
    delta = torch.from_numpy((raw / networks.tf.sd[rows, None]).astype(np.float32)).to(networks.device)
    at, weights = torch.from_numpy(rows).to(networks.device), torch.from_numpy(average).to(networks.device)
    tf, re = networks.tensors(tf_values, re_values)
    found = np.zeros((len(networks.genes), len(rows), average.shape[1]), np.float32)
    for block in networks.blocks(description="screen"):
        shape = (len(block.rows), *found.shape[1:])
        values = done.read(block.number, shape)
        if values is None:
            share = None if support is None else torch.from_numpy(support[np.ix_(block.rows, rows)]).to(networks.device)
            inputs = networks.inputs(tf, re, block)
            changes = nn.screen(block.weights, inputs, delta, at, weights, networks.activation, support=share)
            values = changes.cpu().numpy() * networks.target.sd[block.rows, None, None].astype(np.float32)
            done.write(block.number, values)
        found[block.rows] = values
    has_network = networks.gene_of_tf[rows] >= 0
    own = np.flatnonzero(has_network)
    found[networks.gene_of_tf[rows[own]], own] = (raw @ average)[own]
    return found
