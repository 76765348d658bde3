from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import linger as lg

mpl.use("Agg")


@pytest.fixture
def net():
    return pd.DataFrame(
        {
            "source": ["TF1", "TF1", "TF2", "TF2", "TF3"],
            "target": ["g1", "g2", "g1", "TF1", "g9"],
            "weight": [4.0, 1.0, 2.0, 1.0, 0.5],
            "sign": [1, -1, 0, 1, 1],
        }
    )


def _names(ax):
    return {text.get_text() for text in ax.texts}


def _nodes(ax):
    """Places by role."""
    return {dots.get_label(): np.asarray(dots.get_offsets()) for dots in ax.collections}


def _arrows(ax):
    """Kind of arrow and width of every edge, the strongest first."""
    arrows = [patch for patch in ax.patches if isinstance(patch, mpl.patches.FancyArrowPatch)]
    return sorted(((arrow.get_linewidth(), arrow.get_label()) for arrow in arrows), reverse=True)


def _places(ax):
    """Where each name points to."""
    return {text.get_text(): tuple(np.round(text.xy, 6)) for text in ax.texts}


def test_nodes_edges_and_signs(net):
    ax = lg.pl.network(net)
    assert _names(ax) == {"TF1", "TF2", "TF3", "g1", "g2", "g9"}
    assert {role: len(dots) for role, dots in _nodes(ax).items()} == {"TF": 3, "gene": 3}
    expected = 0.5 + 2.5 * net["weight"] / 4
    names = net["sign"].map({1: "activates", -1: "represses", 0: "unsigned"})
    assert _arrows(ax) == sorted(zip(expected, names, strict=True), reverse=True)
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["TF", "gene", "activates", "represses", "unsigned"]
    assert {text.get_text() for text in ax.texts if text.get_fontweight() == "bold"} == {"TF1", "TF2", "TF3"}
    assert lg.pl.network(net, ax=ax) is ax


@pytest.mark.parametrize("layout", ["kamada_kawai", "spring", "circular", "layers"])
def test_order_of_rows_does_not_matter(net, layout):
    one, other = lg.pl.network(net, layout=layout), lg.pl.network(net.iloc[::-1], layout=layout)
    assert _places(one) == _places(other)
    spots = list(_places(one).values())
    assert len(set(spots)) == len(spots)


def test_layers_are_columns(fitted):
    net = lg.get.subnetwork(fitted, genes=["GENE20", "GENE30"], top=2)
    nodes = _nodes(lg.pl.network(net, layout="layers"))
    columns = {role: set(dots[:, 0]) for role, dots in nodes.items()}
    assert columns == {"TF": {0.0}, "peak": {1.0}, "gene": {2.0}}
    assert len(nodes["peak"]) == len({*net.loc[net["kind"] == "cis", "source"]})


def test_arrows_within_a_column_bend_away_from_its_nodes():
    net = pd.DataFrame({"source": ["A", "C", "A", "B"], "target": ["C", "A", "g", "g"], "weight": 1.0, "sign": 1})
    ax = lg.pl.network(net, layout="layers")
    ax.figure.canvas.draw()
    arrows = [patch for patch in ax.patches if isinstance(patch, mpl.patches.FancyArrowPatch)]
    curves = [arrow.get_path().vertices[:3] for arrow in arrows]  # start, control point and end, in pixels
    within = [curve for curve in curves if abs(curve[0, 0] - curve[2, 0]) < 0.3 * abs(curve[0, 1] - curve[2, 1])]
    assert len(within) == 2
    for start, control, end in within:
        assert control[0] > max(start[0], end[0]) + 0.1 * abs(start[1] - end[1])


def test_given_places_are_kept(net):
    places = {name: (number, -number) for number, name in enumerate(["g9", "g2", "g1", "TF3", "TF2", "TF1", "other"])}
    ax = lg.pl.network(net, layout=places)
    assert _places(ax) == {name: place for name, place in places.items() if name != "other"}
    with pytest.raises(KeyError, match="g9"):
        lg.pl.network(net, layout={name: place for name, place in places.items() if name != "g9"})


def test_kinds_tell_roles(fitted):
    assert set(_nodes(lg.pl.network(lg.get.network(fitted, "cis", top=5)))) == {"peak", "gene"}
    assert set(_nodes(lg.pl.network(lg.get.network(fitted, "binding", top=5)))) == {"TF", "peak"}
    assert "peak" not in _nodes(lg.pl.network(lg.get.regulons(fitted, n_targets=5)))


def test_top_takes_the_strongest_of_each_kind(fitted):
    net = lg.get.subnetwork(fitted, genes=["GENE20", "GENE30"], top=3)
    arrows = _arrows(lg.pl.network(net, top=2))
    assert len(arrows) == 6
    best = {kind: part["weight"].nlargest(2).to_numpy() for kind, part in net.groupby("kind")}
    expected = [0.5 + 2.5 * weight / weights.max() for weights in best.values() for weight in weights]
    np.testing.assert_allclose([width for width, _ in arrows], sorted(expected, reverse=True))


def test_negative_weights_repress():
    net = pd.DataFrame({"source": "A", "target": ["x", "y"], "weight": [1.0, -2.0]})
    assert _arrows(lg.pl.network(net)) == [(3.0, "represses"), (1.75, "activates")]
    assert {name for _, name in _arrows(lg.pl.network(net.assign(weight=[1.0, 2.0])))} == {"unsigned"}


def test_color_and_sizes(net):
    ax = lg.pl.network(net, color=pd.Series({"g1": -1.0, "TF1": 3.0}, name="activity"), sizes={"g1": 2.0, "g2": 1.0})
    bar = next(other for other in ax.figure.axes if other is not ax)
    assert bar.get_ylabel() == "activity"
    assert bar.get_ylim() == (-3.0, 3.0)
    genes = next(dots for dots in ax.collections if dots.get_label() == "gene")
    red, _, blue, _ = genes.get_facecolors()[0]  # g1
    assert blue > red  # below 0
    np.testing.assert_allclose(genes.get_facecolors()[1], mpl.colors.to_rgba("#dddddd"))
    np.testing.assert_allclose(genes.get_sizes(), [300, 170, 40])
    ax = lg.pl.network(net, color={"g1": 1.0}, color_label="score")
    assert ax.figure.axes[-1].get_ylabel() == "score"


def test_labels(net):
    assert _names(lg.pl.network(net, labels=False)) == set()
    assert _names(lg.pl.network(net, labels=["g1"])) == {"g1"}
    with pytest.raises(KeyError, match="nobody"):
        lg.pl.network(net, labels=["nobody"])


def test_numbers_of_other_genes_colour_nothing(net):
    with pytest.raises(KeyError, match="color has no number for any node"):
        lg.pl.network(net, color={"ENSG01": 1.0})


def test_kinds_are_told_apart_in_one_frame(fitted):
    parts = [lg.get.network(fitted, kind, top=4) for kind in ("trans", "cis", "binding")]
    edges, nodes = pd.concat(parts), _nodes(lg.pl.network(pd.concat(parts)))
    peaks = {*parts[1]["source"], *parts[2]["target"]}
    assert len(nodes["peak"]) == len(peaks)
    assert len(nodes["TF"]) == len({*parts[0]["source"], *parts[2]["source"]})
    assert sum(map(len, nodes.values())) == len({*edges["source"], *edges["target"]})


@pytest.mark.parametrize("of", ["targets", "regulators"])
def test_targets_of_one_tf_surround_it(of):
    around = [f"GENE{number}" for number in range(30)]
    net = pd.DataFrame({"source": "TF1", "target": around, "weight": np.arange(30, 0, -1.0)})
    if of == "regulators":
        net = net.rename(columns={"source": "target", "target": "source"})
    places = _places(lg.pl.network(net))
    assert places.pop("TF1") == (0, 0)
    np.testing.assert_allclose(np.hypot(*np.array(list(places.values())).T), 1, atol=1e-5)
    assert places["GENE0"] == pytest.approx((0, 1))
    ax = lg.pl.network(net)
    ax.figure.draw_without_rendering()
    assert not any(text.get_window_extent().overlaps(ax.get_legend().get_window_extent()) for text in ax.texts)
    turned = {text.get_text(): text.get_rotation() % 180 for text in ax.texts}
    for name, (x, y) in places.items():  # away from the middle, never upside down
        assert turned[name] == pytest.approx(np.degrees(np.arctan2(y, x)) % 180, abs=1e-3)
    clockwise = [np.arctan2(*places[name]) % (2 * np.pi) for name in around]
    assert clockwise == sorted(clockwise)


def test_names_do_not_cover_each_other():
    rng = np.random.default_rng(0)
    names = [f"A_LONG_NAME_{number}" for number in range(60)]
    net = pd.DataFrame({"source": rng.choice(names[:10], 90), "target": rng.choice(names[10:], 90), "weight": 1.0})
    ax = lg.pl.network(net.drop_duplicates())
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    covered = sum(one.overlaps(other) for number, one in enumerate(boxes) for other in boxes[:number])
    assert covered <= 2


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda net: net.head(0), "no edge"),
        (lambda net: pd.concat([net, net.head(1)]), "TF1->g1"),
        (lambda net: net.assign(weight=np.nan), "5 weights are missing"),
        (lambda net: pd.DataFrame({"source": "A", "target": [f"g{i}" for i in range(400)], "weight": 1.0}), "top="),
    ],
)
def test_what_cannot_be_drawn_is_refused(net, change, match):
    with pytest.raises(ValueError, match=match):
        lg.pl.network(change(net))


def test_bad_options_are_refused(net):
    for options in ({"top": 0}, {"layout": "tree"}, {"sizes": {"g1": -1.0}}):
        with pytest.raises(ValueError, match=next(iter(options))):
            lg.pl.network(net, **options)
    with pytest.raises(KeyError, match=r"lg\.get\.network"):
        lg.pl.network(net.drop(columns="weight"))
