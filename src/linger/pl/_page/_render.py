"""The page: one file that holds data, libraries and all."""

from __future__ import annotations

import base64
import gzip
import json
from importlib import import_module
from pathlib import Path
from typing import Any

from linger.pl._page._figures import figures
from linger.pl._page._further import further
from linger.pl._page._networks import networks
from linger.pl._page._source import Source
from linger.pl._page._summary import settings, tiles, types

_FOLDER = Path(__file__).parent
_LIBRARIES = ("itables", "jinja2", "plotly")


def check_libraries() -> None:
    """Raise unless all libraries are there."""
    for name in _LIBRARIES:
        try:
            import_module(name)
        except ImportError as error:
            msg = f'The report needs {name}: pip install "linger-multiome[report]".'
            raise ImportError(msg) from error


def page(source: Source, title: str) -> str:
    """Return the page of a fit as HTML."""
    import jinja2

    labels = source.labels()
    shown = networks(source, labels)
    stored = further(source, labels)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    static = figures(source, labels)
    data = {
        "figures": static,
        "tables": [*shown.tables, *stored],
        "targets": shown.targets,
        "loci": shown.loci,
        "genome": source.genome or "",
        "names": ["all_cells", *source.groups],
    }
    return environment.get_template("page.html").render(
        title=title,
        tiles=tiles(source),
        types=types(source),
        settings=settings(source),
        figures=list(static),
        tables=shown.tables,
        further=stored,
        source=source,
        n_shown=len(shown.loci["genes"]),
        data=_packed(data),
        libraries=_libraries(),
    )


def _packed(data: dict[str, Any]) -> str:
    """Return data as base64 of gzipped JSON: a third of its size, and nothing in it can end a script."""
    text = json.dumps(data, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _libraries() -> dict[str, Any]:
    """Return the scripts and styles that the page holds."""
    import itables.options
    from plotly.offline import get_plotlyjs

    bundle = Path(itables.options.dt_bundle)  # DataTables
    return {
        "plotly": get_plotlyjs(),
        "datatables": base64.b64encode(bundle.read_bytes()).decode(),
        "datatables_css": bundle.with_suffix(".css").read_text(encoding="utf-8"),
        "css": (_FOLDER / "page.css").read_text(encoding="utf-8"),
        "js": (_FOLDER / "page.js").read_text(encoding="utf-8"),
    }
