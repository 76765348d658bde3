"""Networks of many groups on disk, read one at a time (format ``linger-group-networks``, see docs/formats.md)."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, cast

import numpy as np
import pandas as pd
from scipy import sparse

from linger._docs import docs
from linger._keys import KINDS, Kind
from linger._validate import known_names
from linger.get._matrix import matrices
from linger.get._reader import NamedMatrix, Options, one_or_more
from linger.io._folder import identity, partial_folder, refuse_taken, replace_folder

if TYPE_CHECKING:
    from mudata import MuData

_FORMAT = "linger-group-networks"
_VERSION = 2


@docs.dedent
def write_networks(
    mdata: MuData,
    path: str | Path,
    *,
    groups: str | Iterable[str] | None = None,
    kinds: Kind | Iterable[Kind] = KINDS,
    **options: Unpack[Options],
) -> None:
    """Write the networks of groups to a zarr folder, one in memory at a time.

    Parameters
    ----------
    %(mdata)s
    path
        Folder to make, such as ``networks.zarr``. One that is there is replaced when the new one is complete, if it is of this format.
    groups
        Groups whose means are stored (:func:`linger.tl.group_means`); None takes all.
    kinds
        ``"trans"``, ``"cis"``, ``"binding"``, or some of them.
    **options
        Other options of :func:`linger.get.matrix`, such as ``top=`` and ``per=`` to write less.

    Raises
    ------
    KeyError
        If nothing was fitted, no group means are stored, or a name is unknown.
    ValueError
        If no kind is named, or an option is out of range.
    FileExistsError
        If something else is at `path`.

    Notes
    -----
    At most 8 bytes for every edge and group on disk, before compression.

    Examples
    --------
    >>> import linger as lg, pathlib, tempfile
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, groupby="cell_type", config=lg.FitConfig(epochs=5, n_folds=0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lg.io.write_networks(mdata, pathlib.Path(folder, "networks.zarr"), kinds=["cis"])
    ...     stored = lg.io.read_networks(pathlib.Path(folder, "networks.zarr"))
    ...     stored.matrix("cis", "type_1").matrix.nnz > 0
    True
    """
    import zarr

    path = Path(path)
    chosen_kinds = cast("list[Kind]", list(dict.fromkeys(one_or_more(kinds))))
    if not chosen_kinds:
        msg = f"kinds= names none of {', '.join(KINDS)}."
        raise ValueError(msg)
    chosen = None if groups is None else one_or_more(groups)
    found = {
        kind: matrices(mdata, kind, groups=chosen, **options) for kind in chosen_kinds
    }  # raises before a file is made
    partial = partial_folder(path, _FORMAT, found=_format)
    try:
        root = zarr.open_group(str(partial), mode="w", zarr_format=2)
        checksums = {kind: _write_kind(root.require_group(kind), kind, networks) for kind, networks in found.items()}
        names = list(checksums[chosen_kinds[0]])
        if not names:
            msg = "groups= names no group."
            raise ValueError(msg)
        root.attrs.update({"format": _FORMAT, "version": _VERSION, "kinds": chosen_kinds, "groups": names})
        root.attrs["sha256"] = {kind: list(each.values()) for kind, each in checksums.items()}
        replace_folder(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_kind(folder: Any, kind: Kind, networks: Iterable[tuple[str, NamedMatrix]]) -> dict[str, str]:
    """Write the networks of a kind under their numbers (names may hold a "/"), and return checksums by name."""
    from anndata.io import write_elem

    checksums = {}
    for number, (name, network) in enumerate(networks):
        if not number:
            for side in ("sources", "targets"):
                write_elem(folder, side, getattr(network, side).to_numpy(dtype=object))
        write_elem(folder, str(number), network.matrix)
        checksums[name] = _sha256(kind, name, network)
    return checksums


def _sha256(kind: Kind, group: str, network: NamedMatrix) -> str:
    """Return a checksum of what a network is, its names, positions and values."""
    matrix = network.matrix
    names = [list(map(str, side)) for side in (network.sources, network.targets)]
    digest = hashlib.sha256(json.dumps([kind, group, *names]).encode())
    for part, dtype in ((matrix.indptr, np.int64), (matrix.indices, np.int64), (matrix.data, np.float32)):
        digest.update(np.ascontiguousarray(part, dtype=dtype).data)
    return digest.hexdigest()


def read_networks(path: str | Path) -> GroupNetworks:
    """Open networks written by :func:`linger.io.write_networks`.

    Parameters
    ----------
    path
        The zarr folder.

    Returns
    -------
    What reads one network at a time.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`.
    ValueError
        If it is of another format or version.
    """
    return GroupNetworks(path)


class GroupNetworks:
    """Networks of groups on disk; nothing is read before it is asked for.

    Parameters
    ----------
    path
        Folder written by :func:`linger.io.write_networks`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            msg = f"No networks at {self.path}. Write them with lg.io.write_networks(mdata, path)."
            raise FileNotFoundError(msg)
        if _format(self.path) != _FORMAT:
            msg = f"{self.path} holds no networks of format {_FORMAT}."
            raise ValueError(msg)
        self._opened = identity(self.path / ".zattrs")
        attributes = _checked(_attributes(self.path), self.path)
        self.groups: list[str] = attributes["groups"]
        self.kinds: list[Kind] = attributes["kinds"]
        self._checksums: dict[str, list[str]] = attributes["sha256"]

    def matrix(self, kind: Kind, group: str) -> NamedMatrix:
        """Read one network.

        Parameters
        ----------
        kind
            One of ``kinds``.
        group
            One of ``groups``.

        Raises
        ------
        KeyError
            If there is no such network.
        ValueError
            If it is damaged, or the folder was replaced since it was opened.
        """
        known_names(kind, pd.Index(self.kinds), "kinds of network")
        known_names(group, pd.Index(self.groups), "groups")
        if identity(self.path / ".zattrs") != self._opened:
            msg = f"{self.path} has been replaced or removed since it was opened. Open it again."
            raise ValueError(msg)
        number = self.groups.index(group)
        damaged = f"The {kind} network of {group!r} in {self.path} is damaged. Write it again."
        try:
            network = _read_network(self.path, kind, number)
        except Exception as error:  # zarr and its codecs fail in many ways, none of which names the network
            raise ValueError(damaged) from error
        if _sha256(kind, group, network) != self._checksums[kind][number]:
            raise ValueError(damaged)
        return network

    def __repr__(self) -> str:
        return f"GroupNetworks({str(self.path)!r}: {', '.join(self.kinds)} of {len(self.groups)} groups)"


def check_path(path: Path) -> None:
    """Raise if networks could not be written to `path`, since something else is there."""
    refuse_taken(path, _FORMAT, found=_format)


def _read_network(path: Path, kind: Kind, number: int) -> NamedMatrix:
    import zarr
    from anndata.io import read_elem

    folder = zarr.open_group(str(path), mode="r")[kind]
    sources, targets = (pd.Index(np.asarray(read_elem(folder[side])), dtype=object) for side in ("sources", "targets"))
    return NamedMatrix(sparse.csr_matrix(read_elem(folder[str(number)])), sources, targets)


def _format(path: Path) -> str | None:
    """Return the format that the attributes of a zarr folder name."""
    return _attributes(path).get("format")


def _attributes(path: Path) -> dict[str, Any]:
    """Return the attributes of a zarr folder, none where they cannot be read."""
    try:
        attributes = json.loads((path / ".zattrs").read_text())
    except (OSError, ValueError):
        return {}
    return attributes if isinstance(attributes, dict) else {}


def _checked(attributes: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return the attributes of a folder of networks, or raise if they are of another version or damaged."""
    if attributes.get("version") != _VERSION:
        msg = f"{path} was written by another version of linger (format version {attributes.get('version')}, not {_VERSION}). Write it again."
        raise ValueError(msg)
    groups, kinds, checksums = (attributes.get(name) for name in ("groups", "kinds", "sha256"))
    if not (
        isinstance(groups, list)
        and isinstance(kinds, list)
        and isinstance(checksums, dict)
        and all(isinstance(name, str) for name in groups)
        and all(kind in KINDS and len(checksums.get(kind, ())) == len(groups) for kind in kinds)
    ):
        msg = f"{path} is damaged: its attributes do not name kinds, groups and their checksums. Write it again."
        raise ValueError(msg)
    return attributes
