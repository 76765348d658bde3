"""What was made from the networks and is stored: driver TFs, modules, traits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

import pandas as pd

from linger._keys import MODULE, DriverMethod, drivers_slot, slot
from linger._validate import modality
from linger.get._drivers import drivers
from linger.get._modules import modules
from linger.get._traits import Level, traits
from linger.pl._page._source import Source
from linger.pl._page._tables import table

_MOST_ROWS = 2000
_TRAITS: dict[Level, str] = {
    "tfs": "Traits: TFs",
    "groups": "Traits: cell types",
    "key_tfs": "Traits: key TFs of cell types",
    "genes": "Traits: genes",
}


def further(source: Source, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return a table for each of what is stored."""
    found = []
    for name, title, read, frame in _stored(source):
        note = f"The first {_MOST_ROWS:,} of {len(frame):,} rows." if len(frame) > _MOST_ROWS else ""
        found.append(table(name, title, note, read, [frame.head(_MOST_ROWS)], labels, columns={"tf": "TF"}))
    return found


def _stored(source: Source) -> Iterator[tuple[str, str, str, pd.DataFrame]]:
    """Yield the id of a table, its title, how to read it, and the frame."""
    mdata, key, rna = source.mdata, source.key, modality(source.mdata, source.rna_key)
    for method in get_args(DriverMethod):
        name = drivers_slot(method)
        if name in rna.uns.get(key, {}):
            frame = drivers(mdata, method=method, key=key, rna_key=source.rna_key)
            yield name, f"Driver TFs by {method}", f"lg.get.drivers(mdata, method={method!r})", frame
    if slot(key, MODULE) in rna.var:
        frame = modules(mdata, key=key, rna_key=source.rna_key)
        frame["is_tf"] = frame["is_tf"].map({True: "yes", False: "no"})
        frame = frame.rename(columns={"source": "module", "target": "gene", "is_tf": "is a TF"})
        yield "modules", "Modules", "lg.get.modules(mdata)", frame
    for level, title in _TRAITS.items():
        if level in source.uns.get("traits", {}):
            yield f"traits_{level}", title, f"lg.get.traits(mdata, {level!r})", traits(mdata, level, key=key)
