"""Regulons as gene sets, for tools that read GMT."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from linger._logging import logger
from linger._validate import columns
from linger.io._partial import partial_file


def write_gmt(net: pd.DataFrame, path: str | Path, *, signed: bool = False) -> None:
    """Write a net as a GMT file: a line a TF with its name, the number of its targets, and the targets, in the order of the net.

    Parameters
    ----------
    net
        Columns source, target and, for `signed`, weight, as :func:`linger.get.regulons` gives it.
    path
        File to make or replace.
    signed
        Write activated and repressed targets apart, as sets called ``"SPI1(+)"`` and ``"SPI1(-)"`` as SCENIC names them.

    Raises
    ------
    KeyError
        If a column is missing.
    ValueError
        If the net is empty, or a name holds a tab or a line break.

    Examples
    --------
    >>> import linger as lg, pathlib, tempfile
    >>> net = pd.DataFrame({"source": "SPI1", "target": ["CSF1R", "GATA1"], "weight": [2.0, -1.0]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lg.io.write_gmt(net, pathlib.Path(folder, "net.gmt"), signed=True)
    ...     [line.split() for line in pathlib.Path(folder, "net.gmt").read_text().splitlines()]
    [['SPI1(+)', '1', 'CSF1R'], ['SPI1(-)', '1', 'GATA1']]
    """
    columns(net, ["source", "target", *(["weight"] if signed else [])], "net", "net.rename(columns=...)")
    named = net[["source", "target"]].astype(str)
    if named.empty or named.map(lambda name: "\t" in name or "\n" in name).to_numpy().any():
        msg = "The net is empty." if named.empty else "Names in a GMT file cannot hold a tab or a line break."
        raise ValueError(msg)
    if signed:
        if not (net["weight"] < 0).any():
            logger.warning(
                "No weight of the net is negative, so all targets are written as activated. Are its weights signed?"
            )
        named = named[net["weight"].to_numpy() != 0]
        named["source"] += net["weight"].map(lambda weight: "(+)" if weight > 0 else "(-)")
    sets = named.groupby("source", sort=False)["target"].agg(lambda targets: list(dict.fromkeys(targets)))
    lines = ["\t".join([str(name), str(len(targets)), *targets]) for name, targets in sets.items()]
    with partial_file(Path(path)) as partial:
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
