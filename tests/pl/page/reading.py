"""Read a page back."""

from __future__ import annotations

import base64
import gzip
import json
import re

import pandas as pd

import linger as lg

ALARMING = "<script>alert(1)</script> & \"co\", 'x'"  # a name that must stay one


def written(mdata, path, **options):
    lg.pl.report(mdata, path, **options)
    return path.read_text(encoding="utf-8")


def data_of(text):
    packed = re.search(r'<script type="text/plain" id="data">(.*?)</script>', text).group(1)
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def frame_of(data, name, position=0):
    """One of the tables: of all cells (0) or of a type."""
    table = next(table for table in data["tables"] if table["name"] == name)
    return pd.DataFrame(table["rows"][position], columns=[column["title"] for column in table["columns"]])
