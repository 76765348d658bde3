"""A network as a graph of nodes and arrows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import numpy as np
import pandas as pd

from linger._validate import columns, known_names, preview
from linger.pl._labels import write_names
from linger.pl._style import PALETTE, SIGN_COLORS, SIGN_NAMES, color_scale, new_axes, sign_handles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from networkx import DiGraph

Layout = Literal["kamada_kawai", "spring", "circular", "layers"]
Positions = dict[str, np.ndarray]
_MOST_EDGES: Final = 300  # more cannot be told apart
_MOST_NODES: Final = 200  # nor named
# marker, area in points squared
_ROLES: Final = {"TF": ("o", 190.0), "peak": ("D", 22.0), "gene": ("s", 60.0)}
_ARROW: Final = "-|>,head_length=0.35,head_width=0.16"
_HEADS: Final = {1: _ARROW, -1: "|-|,widthA=0,widthB=0.28", 0: _ARROW}
_WEIGHTS: Final = {"TF": "bold", "peak": "normal", "gene": "normal"}
_FILL: Final = {"TF": PALETTE[1], "peak": PALETTE[4], "gene": "white"}
_CROWDED: Final = 20  # names in a ring, from which on they are turned
_BEND: Final = 0.08  # of arrows, so that those of both directions are seen
_BLANK: Final = "#dddddd"  # a node without value


def network(
    network: pd.DataFrame,
    *,
    color: pd.Series | Mapping[str, float] | None = None,
    color_label: str | None = None,
    sizes: pd.Series | Mapping[str, float] | None = None,
    labels: bool | Iterable[str] = True,
    layout: Layout | Mapping[str, Any] = "kamada_kawai",
    top: int | None = None,
    rng: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draw a network: circles are TFs, squares genes, small diamonds peaks; wider arrows are stronger edges.

    Blue arrows activate, red bars repress, grey arrows are of unclear or unknown sign. TFs grow with the number of their edges.

    Parameters
    ----------
    network
        Columns source, target, weight and, where known, sign, as :func:`linger.get.network`, :func:`linger.get.subnetwork`,
        :func:`linger.get.regulons` or :func:`linger.get.tgi` return it. Without a column sign, negative weights repress. Widths compare
        edges of one kind.
    color
        Numbers by gene to colour nodes by, such as activity or -log10 p of a trait; those without one are light grey. Where there are
        negative ones, white is 0. Numbers of other genes are left out.
    color_label
        What `color` is, for the colour bar; None takes the name of the Series.
    sizes
        Numbers by gene, 0 or more, to make the areas of nodes by, in place of the number of edges.
    labels
        True names TFs and genes, False nothing; or the names to show, which may be peaks.
    layout
        How networkx places nodes; with ``"kamada_kawai"`` targets of one TF (or regulators of one gene) form a ring around it, the strongest on top and
        others after it clockwise. ``"layers"`` puts TFs, peaks and genes in columns. Or the place (x, y) of every node, so that networks can be compared.
    top
        Edges drawn of each kind, the strongest; None draws all.
    rng
        Seed of the layout. The order of rows does not matter.
    ax
        Axes to draw on; None makes a figure.

    Returns
    -------
    The axes.

    Raises
    ------
    KeyError
        If a column is missing, a name to show or to place is not in the network, or no node has a number in `color`.
    ValueError
        If the network is empty, holds an edge twice or more edges than can be read, weights are missing, sizes are negative, or there
        is no such layout.

    Examples
    --------
    >>> net = pd.DataFrame({"source": ["A", "A", "B"], "target": ["x", "B", "x"], "weight": [3.0, 2.0, -1.0]})
    >>> sorted(text.get_text() for text in network(net).texts)
    ['A', 'B', 'x']
    """
    import networkx as nx

    edges = _strongest(_checked(network), top)
    graph = nx.DiGraph()
    graph.add_nodes_from(sorted({*edges["source"], *edges["target"]}))
    graph.add_edges_from(edges.sort_values(["source", "target"])[["source", "target"]].itertuples(index=False))
    roles = _roles(edges, list(graph))
    names = _shown(labels, roles)
    places = _places(graph, edges, roles, layout, rng)
    areas = _areas(graph, roles, sizes)
    values = _values(color, list(graph))
    scale = color_scale(values)
    ax = new_axes(ax, **_figure_size(edges, roles, layout))
    _draw_nodes(ax, places, roles, areas, _fill(roles, values, scale))
    if color is not None:
        label = color_label if color_label is not None else getattr(color, "name", None)
        ax.figure.colorbar(scale, ax=ax, shrink=0.5, pad=0.01, label="" if label is None else str(label))
    _draw_edges(ax, graph, edges, places, areas, in_columns=layout == "layers")
    ax.set_axis_off()
    _legend(ax, roles, edges, valued=color is not None)
    if layout == "layers":
        ax.margins(0.25, 0.05)
        _name_in_columns(ax, places, roles, names)
    elif layout == "kamada_kawai" and len(names) > _CROWDED and (middle := _middle(edges)) is not None:
        _name_around(ax, places, areas, names, middle)
    else:
        ax.margins(0.1)
        _name_apart(ax, edges, places, roles, areas, names)
    return ax


def _values(color: pd.Series | Mapping[str, float] | None, nodes: list[str]) -> pd.Series:
    """Return the number of each node, NaN where there is none."""
    given = pd.Series({} if color is None else dict(color), dtype=float)
    values = given.reindex(nodes)
    if color is not None and values.isna().all():
        msg = f"color has no number for any node of the network (it names {preview(given.index, 3)}; nodes are {preview(nodes, 3)}). Name nodes as the network does."
        raise KeyError(msg)
    return values


def _figure_size(edges: pd.DataFrame, roles: pd.Series, layout: object) -> dict[str, float]:
    if layout == "layers":
        counts = roles.value_counts()
        rows = max(0.26 * counts.get("TF", 0), 0.16 * counts.max())  # circles that do not touch
        return {"width": 5.5, "height": 1 + max(2.0, rows)}
    side = float(np.clip(2.6 + 0.42 * np.sqrt(len(roles) + len(edges)), 4.6, 11))
    return {"width": side, "height": side}


def _checked(network: pd.DataFrame) -> pd.DataFrame:
    """Return source, target, width and sign, and the kind of every edge."""
    columns(network, ["source", "target", "weight"], "The network", "lg.get.network")
    if network.empty:
        msg = "The network has no edge."
        raise ValueError(msg)
    if network.duplicated(["source", "target"]).any():
        twice = network[network.duplicated(["source", "target"])]
        found = preview((f"{row.source}->{row.target}" for row in twice.itertuples()), 3)
        msg = f"{len(twice)} edges occur more than once ({found}). Draw networks of groups one by one: network[network['group'] == name]."
        raise ValueError(msg)
    weight = network["weight"].to_numpy(float)
    if not np.isfinite(weight).all():
        msg = f"{int((~np.isfinite(weight)).sum())} weights are missing or infinite. Leave those edges out."
        raise ValueError(msg)
    signed = "sign" in network or (weight < 0).any()
    sign = network["sign"].fillna(0).to_numpy(float) if "sign" in network else weight if signed else 0 * weight
    return pd.DataFrame(
        {
            "source": network["source"].astype(str).to_numpy(),
            "target": network["target"].astype(str).to_numpy(),
            "strength": np.abs(weight),
            "sign": np.sign(sign).astype(int),
            "kind": _kinds(network),
        }
    )


def _kinds(network: pd.DataFrame) -> np.ndarray:
    """Return the kind of every edge, by the columns in which those of lg.get.network differ where there is no column kind."""
    if "kind" in network:
        return network["kind"].astype(str).to_numpy()
    kinds = np.full(len(network), "trans", dtype=object)
    for column, kind in (("beta", "cis"), ("alpha", "binding")):
        if column in network:
            kinds[network[column].notna().to_numpy()] = kind
    return kinds


def _strongest(edges: pd.DataFrame, top: int | None) -> pd.DataFrame:
    """Return the strongest edges of each kind, or raise if there are too many to read."""
    edges = edges.sort_values(["strength", "source", "target"], ascending=[False, True, True], ignore_index=True)
    if top is not None:
        if top < 1:
            msg = f"top must be 1 or more, found {top}."
            raise ValueError(msg)
        edges = edges.groupby("kind", sort=False).head(top).reset_index(drop=True)
    n_nodes = len({*edges["source"], *edges["target"]})
    if len(edges) > _MOST_EDGES or n_nodes > _MOST_NODES:
        msg = (
            f"{len(edges):,} edges between {n_nodes:,} nodes cannot be read in one figure (at most {_MOST_EDGES} and {_MOST_NODES}). "
            "Draw the strongest: top=100; or those around some TFs or genes: lg.get.subnetwork."
        )
        raise ValueError(msg)
    return edges


def _roles(edges: pd.DataFrame, names: list[str]) -> pd.Series:
    """Return whether each node is a TF, a peak or a gene."""
    roles = pd.Series("gene", index=names)
    roles[edges.loc[edges["kind"] == "binding", "target"]] = "peak"
    roles[edges.loc[edges["kind"] == "cis", "source"]] = "peak"
    roles[edges.loc[edges["kind"] != "cis", "source"]] = "TF"
    return roles


def _places(
    graph: DiGraph, edges: pd.DataFrame, roles: pd.Series, layout: Layout | Mapping[str, Any], rng: int
) -> Positions:
    """Return where each node goes."""
    import networkx as nx

    if isinstance(layout, Mapping):
        known_names(list(graph), pd.Index(list(layout)), "nodes without a place in layout=")
        return {name: np.asarray(layout[name], dtype=float) for name in graph}
    if layout not in get_args(Layout):
        msg = f"layout must be one of {', '.join(map(repr, get_args(Layout)))} or places by name, found {layout!r}."
        raise ValueError(msg)
    if layout == "layers":
        return _layers(graph, roles)
    if layout == "circular":
        return dict(nx.circular_layout(graph))
    if layout == "spring":
        return dict(nx.spring_layout(graph, seed=rng, iterations=200, k=1.5 / np.sqrt(len(graph))))
    if (middle := _middle(edges)) is not None:
        return _ring(edges, middle)
    start = nx.spring_layout(graph, seed=rng)
    return dict(nx.kamada_kawai_layout(graph, dist=_distances(graph), pos=start))


def _middle(edges: pd.DataFrame) -> str | None:
    """Return the one source or the one target of all edges, if there is one."""
    for column in ("source", "target"):
        names = edges[column].unique()
        if len(names) == 1:
            return str(names[0])
    return None


def _ring(edges: pd.DataFrame, middle: str) -> Positions:
    """Return one node in the middle and all others around it, by strength: no arrow crosses a node."""
    around = [name for name in pd.unique(edges[["source", "target"]].to_numpy().ravel()) if name != middle]
    angles = np.pi / 2 - 2 * np.pi * np.arange(len(around)) / max(len(around), 1)
    places = zip(around, np.column_stack([np.cos(angles), np.sin(angles)]), strict=True)
    return Positions({middle: np.zeros(2)} | dict(places))


def _distances(graph: DiGraph) -> dict[str, dict[str, float]]:
    """Return steps between nodes, and half the longest way and one step more between parts that are not connected."""
    import networkx as nx

    found = dict(nx.all_pairs_shortest_path_length(graph.to_undirected()))
    apart = 1.0 + max(max(steps.values()) for steps in found.values()) / 2
    return {one: {other: float(found[one].get(other, apart)) for other in graph} for one in graph}


def _layers(graph: DiGraph, roles: pd.Series) -> Positions:
    """Return places in columns, TFs, peaks, genes; genes by name, the others beside what they regulate."""
    height, places = pd.Series(dtype=float), Positions()
    layers = [sorted(roles.index[roles == role]) for role in _ROLES]
    layers = [layer for layer in layers if layer]
    for x, layer in reversed(list(enumerate(layers))):
        near = pd.Series({name: height.reindex(list(graph.successors(name))).mean() for name in layer})
        ordered = near.fillna(1.0).sort_values(ascending=False, kind="stable").index
        rows = pd.Series(1 - (np.arange(len(layer)) + 0.5) / len(layer), index=ordered)
        height = pd.concat([height, rows])
        places |= {str(name): np.array([x, y]) for name, y in rows.items()}
    return places


def _areas(graph: DiGraph, roles: pd.Series, sizes: pd.Series | Mapping[str, float] | None) -> pd.Series:
    """Return areas of nodes, in points squared."""
    base = roles.map({role: area for role, (_, area) in _ROLES.items()}).astype(float)
    if sizes is None:
        degree = pd.Series(dict(graph.out_degree()), dtype=float).reindex(base.index)
        return base.where(roles != "TF", base * (0.5 + degree / max(degree.max(), 1)))
    given = pd.Series(dict(sizes), dtype=float).reindex(base.index)
    if (given < 0).any():
        msg = f"sizes must be 0 or more, found {given.min():g}."
        raise ValueError(msg)
    return (40 + 260 * given / max(float(given.max()), 1e-12)).fillna(40)


def _fill(roles: pd.Series, values: pd.Series, scale: ScalarMappable) -> pd.Series:
    """Return the colour of each node."""
    if values.isna().all():
        return roles.map(_FILL)
    shown = [_BLANK if np.isnan(value) else scale.to_rgba(value) for value in values]
    return pd.Series(shown, index=roles.index)


def _draw_nodes(ax: Axes, places: Positions, roles: pd.Series, areas: pd.Series, fill: pd.Series) -> None:
    for role, (marker, _) in _ROLES.items():
        mine = roles.index[roles == role]
        if len(mine):
            x, y = np.array([places[name] for name in mine]).T
            style: dict[str, Any] = {"marker": marker, "edgecolors": "#444444", "linewidths": 0.6, "zorder": 2}
            ax.scatter(x, y, s=areas[mine], c=fill[mine].tolist(), label=role, **style)


def _draw_edges(
    ax: Axes, graph: DiGraph, edges: pd.DataFrame, places: Positions, areas: pd.Series, *, in_columns: bool
) -> None:
    """Draw arrows of activation, bars of repression, widths by the strength within a kind."""
    import networkx as nx

    width = 0.5 + 2.5 * edges["strength"] / edges.groupby("kind")["strength"].transform("max").clip(lower=1e-300)
    ends = edges[["source", "target"]].to_numpy()
    bends = pd.Series([_bend(places[a], places[b]) if in_columns else _BEND for a, b in ends], edges.index)
    for (sign, head), bend in product(_HEADS.items(), sorted(set(bends))):
        mine = (edges["sign"] == sign) & (bends == bend)
        drawn = nx.draw_networkx_edges(
            graph, places, ax=ax, edgelist=list(zip(edges["source"][mine], edges["target"][mine], strict=True)),
            width=width[mine].tolist(), edge_color=SIGN_COLORS[sign], arrowstyle=head, arrowsize=13, alpha=0.75,
            connectionstyle=f"arc3,rad={bend}", nodelist=list(areas.index),
            node_size=((np.sqrt(areas) + 5) ** 2).tolist(),
        )  # fmt: skip
        for arrow in drawn:
            arrow.set(zorder=1, label=SIGN_NAMES[sign])


def _bend(start: np.ndarray, end: np.ndarray) -> float:
    """Return the curvature of an arrow; within a column it keeps clear of the nodes between, on the right."""
    across, up = end - start
    return _BEND if across else 0.4 * float(np.sign(up))


def _shown(labels: bool | Iterable[str], roles: pd.Series) -> list[str]:
    if isinstance(labels, bool):
        return list(roles.index[roles != "peak"]) if labels else []
    return list(known_names(labels, roles.index, "names to show"))


def _name_in_columns(ax: Axes, places: Positions, roles: pd.Series, names: list[str]) -> None:
    """Write names left of TFs, right of others."""
    for name in names:
        side = -1 if roles[name] == "TF" else 1
        ax.annotate(
            name, tuple(places[name]), (9 * side, 0), textcoords="offset points", va="center", fontsize=7.5,
            ha="right" if side < 0 else "left", fontweight=_WEIGHTS[roles[name]],
        )  # fmt: skip


def _name_around(ax: Axes, places: Positions, areas: pd.Series, names: list[str], middle: str) -> None:
    """Write the names of a ring outwards, in the direction of their arrows, and that of the middle below it; leave room for them."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    side, room = min(ax.bbox.size) / figure.dpi, 0.1 + 0.065 * max(map(len, names))
    ax.margins(max(0.1, room / max(side - 2 * room, 1.0)))
    for name in names:
        x, y = places[name]
        away = np.array([0, -1] if name == middle else [x, y]) * (np.sqrt(areas[name]) / 2 + 4)
        left = x < -1e-9
        turned = {
            "rotation": np.degrees(np.arctan2(y, x)) + 180 * left,
            "rotation_mode": "anchor",
            "va": "center",
            "ha": "right" if left else "left",
        }
        inner = {
            "va": "top",
            "ha": "center",
            "fontweight": "bold",
            "bbox": {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
        }
        ax.annotate(
            name, (x, y), tuple(away), textcoords="offset points", fontsize=7.5, **(inner if name == middle else turned)
        )


def _name_apart(
    ax: Axes, edges: pd.DataFrame, places: Positions, roles: pd.Series, areas: pd.Series, names: list[str]
) -> None:
    """Write names near their nodes, those of TFs first, off the arrows."""
    points = pd.DataFrame.from_dict(places, orient="index")
    ordered = sorted(names, key=lambda name: (roles[name] != "TF", -areas[name], name))
    along = np.linspace(0, 1, 10)[:, None, None]
    lines = (1 - along) * points.loc[edges["source"]].to_numpy() + along * points.loc[edges["target"]].to_numpy()
    write_names(ax, points, np.sqrt(areas) / 2, ordered, bold=roles.index[roles == "TF"], lines=lines.reshape(-1, 2))


def _legend(ax: Axes, roles: pd.Series, edges: pd.DataFrame, *, valued: bool) -> None:
    """Name the markers, and the colours of arrows where there are several."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], marker=marker, linestyle="", markerfacecolor=_BLANK if valued else _FILL[role], markeredgecolor="#444444", markersize=6, label=role)
        for role, (marker, _) in _ROLES.items()
        if (roles == role).any()
    ]  # fmt: skip
    if (edges["sign"] != 0).any():
        handles += sign_handles(edges["sign"])
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0), "frameon": False, "fontsize": "small"}
    ax.legend(handles=handles, ncols=len(handles), columnspacing=1.2, handletextpad=0.4, **place)
