"""Figures that do not change with the cell type, as plotly reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from linger._keys import CORRELATION, slot
from linger.get._tf_importance import tf_importance
from linger.pl._page._source import Source
from linger.pl._style import PALETTE

_MOST_TFS = 60  # rows of the heatmap, or one a type where there are more types
_LONGEST = 22  # letters of a name on an axis


def figures(source: Source, labels: Mapping[str, str]) -> dict[str, Any]:
    """Return the figures there is something for, by id."""
    found = {"loss": _loss(source)}
    quality = slot(source.key, CORRELATION)
    if quality in source.var and source.var[quality].notna().any():
        found["quality"] = _quality(source.var[quality].dropna())
    if source.has_importance:
        scored = tf_importance(source.mdata, **source.keys)
        if (scored["importance"] > 0).any():
            found["importance"] = _importance(scored, labels)
    return found


def _figure(trace: Any, *, x: str, y: str, height: int = 300, **layout: Any) -> dict[str, Any]:
    import plotly.graph_objects as go

    made = go.Figure(trace)
    made.update_layout(
        template="simple_white",
        height=height,
        margin={"l": 60, "r": 16, "t": 30, "b": 50},
        font={"family": "system-ui, sans-serif", "size": 13},
        xaxis={"title": {"text": x}, "automargin": True},
        yaxis={"title": {"text": y}, "automargin": True},
        showlegend=False,
        dragmode=False,
    )
    made.update_layout(**layout)
    read: dict[str, Any] = json.loads(made.to_json())
    return read


def _loss(source: Source) -> dict[str, Any]:
    import plotly.graph_objects as go

    record = source.record
    epochs, loss = np.asarray(record["loss_epoch"]).tolist(), np.asarray(record["loss"], dtype=float).tolist()
    line = go.Scatter(x=epochs, y=loss, mode="lines+markers", line_color=PALETTE[0], name="loss")
    return _figure(line, x="epoch", y="mean loss over genes", yaxis_rangemode="tozero")


def _quality(correlation: pd.Series) -> dict[str, Any]:
    import plotly.graph_objects as go

    genes, edges = np.histogram(correlation, bins=np.linspace(-1, 1, 41))
    ranges = [f"{low:.2f} to {high:.2f}" for low, high in pairwise(edges)]
    bars = go.Bar(
        x=((edges[:-1] + edges[1:]) / 2).round(3).tolist(),
        y=genes.tolist(),
        width=0.05,
        customdata=ranges,
        hovertemplate="%{customdata}: %{y} genes<extra></extra>",
        marker_color=PALETTE[0],
    )
    made = _figure(bars, x="correlation in held-out cells", y="genes", bargap=0)
    median = float(correlation.median())
    dashed = {"type": "line", "x0": median, "x1": median, "yref": "paper", "y0": 0, "y1": 1, "opacity": 1}
    made["layout"]["shapes"] = [dashed | {"line": {"color": PALETTE[5], "dash": "dash", "width": 2}}]
    above = {"x": median, "y": 1, "yref": "paper", "yanchor": "bottom", "showarrow": False}
    made["layout"]["annotations"] = [
        above | {"text": f"median {median:.2f}", "font": {"size": 13, "color": PALETTE[5]}}
    ]
    return made


def _importance(table: pd.DataFrame, labels: Mapping[str, str]) -> dict[str, Any]:
    """Draw the TFs that are most important in any type, ordered by the type they are most important in."""
    import plotly.graph_objects as go

    wide = table.pivot(index="tf", columns="group", values="importance")
    groups = table["group"].unique().tolist()
    wide = wide[groups]
    per_type = max(1, min(5, _MOST_TFS // len(groups)))
    best = table[table["importance"] > 0].groupby("group", sort=False).head(per_type)
    wide = wide.loc[sorted(best["tf"].unique())]
    where, highest = wide.to_numpy().argmax(axis=1), wide.max(axis=1).to_numpy()
    wide = wide.iloc[np.lexsort((wide.index, -highest, where))]
    limit = float(np.abs(wide.to_numpy()).max())
    heatmap = go.Heatmap(
        z=wide.round(3).to_numpy().tolist(),
        x=list(range(len(groups))),
        y=list(range(len(wide))),
        colorscale="RdBu",
        zmin=-limit,
        zmax=limit,
        reversescale=True,
        customdata=[[f"{escape(labels[tf])} in {escape(group)}" for group in groups] for tf in wide.index],
        hovertemplate="%{customdata}: %{z}<extra></extra>",
        colorbar={
            "title": {"text": "importance", "side": "top"},
            "orientation": "h",
            "y": 0,
            "yanchor": "top",
            "thickness": 10,
        },
        xgap=1,
        ygap=1,
    )
    made = _figure(heatmap, x="", y="", height=150 + 18 * len(wide), margin={"l": 20, "r": 20, "t": 10, "b": 20})
    axes = ("xaxis", groups), ("yaxis", [labels[tf] for tf in wide.index])
    for axis, names in axes:
        ticks = {"tickvals": list(range(len(names))), "ticktext": [escape(_short(name)) for name in names]}
        made["layout"][axis] |= ticks | {"ticks": "", "showline": False, "tickfont": {"size": 12}}
    made["layout"]["xaxis"] |= {"side": "top", "autotickangles": [0, -90]}  # the first at which names do not overlap
    made["layout"]["yaxis"]["autorange"] = "reversed"
    return made


def escape(name: str) -> str:
    """Return a name as plotly shows it letter by letter: it reads some tags and all entities.

    Examples
    --------
    >>> escape("<b>")
    '&lt;b&gt;'
    """
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
