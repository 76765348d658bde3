from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import linger as lg
from linger.pl._locus_panels import Place, draw_arcs, gene_rows
from linger.pl._style import SIGN_COLORS

mpl.use("Agg")


@pytest.fixture
def located(fitted):
    lg.tl.group_means(fitted, "cell_type")
    return fitted


def _panels(figure):
    """Axes by what is written beside or above them."""
    return {ax.get_ylabel().replace("cis weight", "") or ax.get_title(loc="left"): ax for ax in figure.axes}


def _arcs(ax):
    return {
        tuple(np.round(patch.get_path().vertices[0], 1)): patch.get_path().vertices[1, 1] / 2
        for patch in ax.patches
        if isinstance(patch, mpl.patches.PathPatch)
    }


def _middles(mdata, peaks):
    var = mdata["atac"].var.loc[peaks]
    return ((var["start"] + var["end"]) / 2).tolist()


def test_arcs_are_the_cis_edges(located):
    net = lg.get.network(located, "cis", targets="GENE20", top=5)
    panels = _panels(lg.pl.locus(located, "GENE20", top=5, arcs="type_2", groups=[], window=1_000_000))
    arcs = _arcs(panels["population"])
    heights = net["weight"].clip(lower=0.04 * net["weight"].max())
    expected = {(x, 0.0): w for x, w in zip(_middles(located, net["source"]), heights, strict=True)}
    assert arcs == pytest.approx(expected)
    colors = [patch.get_edgecolor()[:3] for patch in panels["population"].patches]
    by_sign = {1: "#0072B2", -1: "#D55E00", 0: "#767676"}
    assert colors == [mpl.colors.to_rgb(by_sign[sign]) for sign in net["sign"]]
    of_type = lg.get.network(located, "cis", targets="GENE20", top=5, group="type_2")
    assert sorted(_arcs(panels["type_2"]).values()) == pytest.approx(
        sorted(of_type["weight"].clip(lower=0.04 * of_type["weight"].max()))
    )
    tss = located["rna"].var.loc["GENE20", "tss"]
    assert panels["population"].get_xlim() == (max(tss - 1_000_000, 0), tss + 1_000_000)


def test_tracks_are_group_means(located):
    figure = lg.pl.locus(located, "GENE20", groups=["type_3", "type_1"], window=200_000)
    panels = _panels(figure)
    assert [name for name in panels if name.startswith("type")] == ["type_1", "type_3"]
    means = pd.DataFrame(located["atac"].varm["linger_group_mean"], located["atac"].var_names, lg.get.groups(located))
    boxes = panels["type_3"].collections[0].get_paths()
    gene, var = located["rna"].var.loc["GENE20"], located["atac"].var
    here = (
        (var["chrom"] == gene["chrom"]) & (var["end"] >= gene["tss"] - 200_000) & (var["start"] < gene["tss"] + 200_000)
    )
    np.testing.assert_allclose([box.vertices[1, 1] for box in boxes], means.loc[here, "type_3"])
    assert len({panels[name].get_ylim() for name in ("type_1", "type_3")}) == 1
    assert len(lg.pl.locus(located, "GENE20", groups=[]).axes) == 3


def test_low_arcs_can_be_seen():
    peaks = pd.DataFrame({"chrom": "chr1", "start": [1000, 9000], "end": [1500, 9500]}, index=["one", "two"])
    edges = pd.DataFrame({"source": ["one", "two"], "target": "g", "weight": [1.0, 0.001], "sign": [1, -1]})
    _, ax = mpl.pyplot.subplots()
    place = Place("chr1", 0, 10_000, 5000)
    draw_arcs(ax, edges, peaks, place, title="", highest=1.0, legend=False)
    assert [patch.get_path().vertices[1, 1] / 2 for patch in ax.patches] == pytest.approx([1, 0.04])


def test_the_arc_of_a_promoter_has_a_dot():
    peaks = pd.DataFrame({"chrom": "chr1", "start": [4900, 9000], "end": [5060, 9500]}, index=["promoter", "far"])
    edges = pd.DataFrame({"source": ["far", "promoter"], "target": "g", "weight": [1.0, 0.5], "sign": [1, -1]})
    _, ax = mpl.pyplot.subplots()
    draw_arcs(ax, edges, peaks, Place("chr1", 0, 10_000, 5000), title="", highest=1.0, legend=False)
    (dots,) = ax.collections
    assert dots.get_offsets().tolist() == [[4990.0, 0.5]]
    assert mpl.colors.to_hex(dots.get_facecolor()[0]) == mpl.colors.to_hex(SIGN_COLORS[-1])


def test_tracks_name_their_scale_once_and_differ_in_colour(located):
    located["rna"].obs["fine"] = located["atac"].obs["fine"] = [f"t{i % 12:02d}" for i in range(located.n_obs)]
    lg.tl.group_means(located, "fine")
    panels = _panels(lg.pl.locus(located, "GENE20"))
    tracks = [ax for name, ax in panels.items() if name[:1] == "t" and name[1:].isdigit()]
    assert len({tuple(ax.collections[0].get_facecolor()[0]) for ax in tracks}) == len(tracks) == 12
    titles = [ax.get_title(loc="left") for ax in tracks]
    assert titles[0] == f"mean accessibility, 0 to {tracks[0].get_ylim()[1]:.2g} each"
    assert set(titles[1:]) == {""}


def test_binding_and_snps(located):
    peak = lg.get.network(located, "cis", targets="GENE20", top=1)["source"][0]
    var = located["atac"].var.loc[peak]
    snps = pd.DataFrame(
        {"chrom": var["chrom"].removeprefix("chr"), "pos": [var["start"], var["end"]], "p": [1e-3, 1e-8]}
    )
    panels = _panels(lg.pl.locus(located, "GENE20", tfs=["TF2", "TF1"], snps=snps))
    dots = panels["SNPs\n-log10 p"].collections[-1]
    np.testing.assert_allclose(dots.get_offsets(), np.column_stack([snps["pos"], [3, 8]]))
    inside, outside = mpl.colors.to_rgba("#D55E00"), mpl.colors.to_rgba("#767676")
    np.testing.assert_allclose(dots.get_facecolors(), [outside, inside])  # the first base is start + 1
    binding = panels["binding"]
    assert [tick.get_text() for tick in binding.get_yticklabels()] == ["TF2", "TF1"]
    net = lg.get.network(located, "binding", tfs=["TF1", "TF2"], targets=located["atac"].var_names)
    drawn = binding.collections[-1].get_offsets().tolist()
    spots = list(zip(_middles(located, net["target"]), net["source"].map({"TF2": 0, "TF1": 1}), strict=True))
    assert {tuple(spot) for spot in drawn} <= {(x, float(y)) for x, y in spots}
    assert "SNPs" in _panels(lg.pl.locus(located, "GENE20", snps=snps.drop(columns="p")))


def test_genes_are_in_rows_and_named(located):
    ax = _panels(lg.pl.locus(located, "GENE20", window=3_000_000))["genes"]
    var = located["rna"].var
    gene = var.loc["GENE20"]
    near = var.index[(var["chrom"] == gene["chrom"]) & ((var["tss"] - gene["tss"]).abs() <= 3_000_000)]
    texts = {text.get_text(): text for text in ax.texts if text.get_text()}
    assert set(texts) == set(near)
    assert [name for name, text in texts.items() if text.get_fontweight() == "bold"] == ["GENE20"]
    arrows = {tuple(text.xy) for text in ax.texts if not text.get_text()}
    assert len(arrows) == len(near)


def test_gene_rows_keep_names_apart():
    genes = pd.DataFrame({"chrom": "chr1", "tss": [100, 110, 900, 970], "strand": "+"}, index=list("abcd"))
    rows = gene_rows(genes, Place("chr1", 0, 1000, 500))
    assert rows["row"].tolist() == [0, 1, 0, 1]
    assert rows["right"].tolist() == [True, True, True, False]


def test_default_window_holds_what_is_seen(located):
    net = lg.get.network(located, "cis", targets="GENE20")
    start, end = lg.pl.locus(located, "GENE20").axes[0].get_xlim()
    seen = _middles(located, net.loc[net["weight"] > 0.01 * net["weight"].max(), "source"])
    assert start <= min(seen)
    assert max(seen) <= end


def test_bad_input_is_refused(located):
    with pytest.raises(KeyError, match="nobody"):
        lg.pl.locus(located, "nobody")
    with pytest.raises(ValueError, match="window"):
        lg.pl.locus(located, "GENE20", window=0)
    with pytest.raises(KeyError, match="type_9"):
        lg.pl.locus(located, "GENE20", groups="type_9")
    with pytest.raises(KeyError, match="No group"):
        lg.pl.locus(located, "GENE20", arcs="type_9")
