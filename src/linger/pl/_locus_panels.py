"""The panels of a figure of a locus; each draws on axes what it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pandas as pd

from linger._keys import CHROM, END, START, STRAND, TSS
from linger.pl._style import GREY, PALETTE, SIGN_COLORS, despine, sign_handles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEAST_WIDTH: Final = 0.002  # of the window: what is narrower is not seen
_LEAST_HEIGHT: Final = 0.04  # of the highest arc: what is lower lies on the axis
_NARROW: Final = 0.01  # of the window: an arc of a promoter is a line, and a line may be anything
_LETTER: Final = 0.0105  # width of a letter, as a share of the window
_DARK: Final = "#333333"
_PALE: Final = "#cccccc"
_CLOUD: Final = 2000  # points; more are drawn as an image


class Place(NamedTuple):
    """What part of the genome is shown."""

    chrom: str
    start: int
    end: int
    tss: int

    @property
    def span(self) -> int:
        """Base pairs shown."""
        return self.end - self.start

    def holds(self, chrom: pd.Series, first: pd.Series, last: pd.Series) -> pd.Series:
        """Return what lies on this chromosome and in the window, at least in part."""
        return (chrom == self.chrom) & (last >= self.start) & (first <= self.end)


def middle(peaks: pd.DataFrame) -> np.ndarray:
    """Return the middle of each peak."""
    return ((peaks[START] + peaks[END]) / 2).to_numpy(float)


def draw_snps(ax: Axes, snps: pd.DataFrame, peaks: pd.DataFrame, place: Place) -> None:
    """Draw a lollipop a SNP, as high as -log10 p; those in peaks red."""
    snps = snps[place.holds(snps[CHROM], snps["pos"], snps["pos"])]
    pos = snps["pos"].to_numpy()
    scored = "p_value" in snps
    height = -np.log10(snps["p_value"].clip(lower=1e-300)).to_numpy() if scored else np.ones(len(snps))
    within = ((pos[:, None] > peaks[START].to_numpy()) & (pos[:, None] <= peaks[END].to_numpy())).any(axis=1)
    color = np.where(within, PALETTE[5], GREY)
    image = len(snps) > _CLOUD
    ax.vlines(pos, 0, height, colors=color, linewidth=0.8, rasterized=image)
    ax.scatter(pos, height, c=color, s=12, zorder=3, rasterized=image)
    ax.set_ylim(0, 1.15 * height.max(initial=1.0))
    if scored:
        ax.set_ylabel("SNPs\n-log10 p", fontsize="small")
        ax.locator_params(axis="y", nbins=3)
        despine(ax)
    else:
        _name(ax, "SNPs")


def draw_arcs(
    ax: Axes, edges: pd.DataFrame, peaks: pd.DataFrame, place: Place, *, title: str, highest: float, legend: bool
) -> None:
    """Draw arcs from peaks to the TSS, as high as the edge is strong, and high enough to be seen; a dot on those as narrow as a line."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    middles = middle(peaks.loc[edges["source"]])
    heights = edges["weight"].clip(lower=_LEAST_HEIGHT * highest)
    for x, height, sign in zip(middles, heights, edges["sign"].astype(int), strict=True):
        # half as high as its middle corner
        path = Path(
            [(x, 0.0), ((x + place.tss) / 2, 2 * height), (place.tss, 0.0)],
            [Path.MOVETO, Path.CURVE3, Path.CURVE3],
        )
        ax.add_patch(PathPatch(path, facecolor="none", edgecolor=SIGN_COLORS[sign], linewidth=1.2, alpha=0.8))
    narrow = np.abs(middles - place.tss) < _NARROW * place.span
    tops, colors = (middles + place.tss) / 2, edges["sign"].astype(int).map(SIGN_COLORS).to_numpy()
    ax.scatter(tops[narrow], heights[narrow], c=colors[narrow], s=14, zorder=3)
    ax.set_ylim(0, 1.08 * highest)
    ax.set_ylabel("cis weight", fontsize="small")
    ax.set_title(title, loc="left", fontsize="small")
    ax.locator_params(axis="y", nbins=3)
    if legend and len(edges):
        handles = sign_handles(edges["sign"].astype(int))
        ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize="small")
    despine(ax)


def draw_peaks(ax: Axes, peaks: pd.DataFrame, place: Place, *, linked: np.ndarray) -> None:
    """Draw boxes, those of an arc dark."""
    _boxes(ax, peaks, np.ones(len(peaks)), place, np.where(linked, _DARK, _PALE))
    ax.set_ylim(-0.3, 1.3)
    _name(ax, "peaks")


def gene_rows(genes: pd.DataFrame, place: Place) -> pd.DataFrame:
    """Return the genes in the window with a row each, so that no name covers another, and the side it is written on."""
    here = genes[place.holds(genes[CHROM], genes[TSS], genes[TSS])].rename_axis("gene").sort_values([TSS, "gene"])
    ends: list[float] = []  # of the rows so far
    rows, right = [], []
    for name, tss in here[TSS].items():
        width = (3 + len(str(name))) * _LETTER * place.span
        right.append(tss + width <= place.end)
        begin = tss - 1.5 * _LETTER * place.span if right[-1] else tss - width
        row = next((number for number, end in enumerate(ends) if end <= begin), len(ends))
        ends[row : row + 1] = [begin + width + 1.5 * _LETTER * place.span]
        rows.append(row)
    return here.assign(row=rows, right=right)


def draw_genes(ax: Axes, genes: pd.DataFrame, place: Place, *, gene: str) -> None:
    """Draw where genes start, and the way they are read."""
    step = 1.2 * _LETTER * place.span
    for name, each in genes.iterrows():
        color = PALETTE[0] if name == gene else _DARK
        x, y, way = each[TSS], -each["row"], {"+": 1, "-": -1}.get(each[STRAND], 0)
        ax.plot([x, x], [y - 0.3, y + 0.3], color=color, linewidth=1.2)
        if way:
            arrow = {"arrowstyle": "-|>,head_width=0.15,head_length=0.25", "color": color, "shrinkA": 0, "shrinkB": 0}
            ax.annotate("", (x + way * step, y + 0.3), (x, y + 0.3), arrowprops=arrow)
        ax.annotate(
            str(name), (x, y), (3 if each["right"] else -3, 0), textcoords="offset points", va="center", fontsize=7,
            ha="left" if each["right"] else "right", color=color, fontweight="bold" if name == gene else "normal",
        )  # fmt: skip
    ax.set_ylim(-genes["row"].max() - 0.6, 0.6)
    _name(ax, "genes")


def draw_binding(ax: Axes, edges: pd.DataFrame, peaks: pd.DataFrame, *, tfs: list[str]) -> None:
    """Draw a row a TF, with a dot at each peak it binds, by strength."""
    rows = edges["source"].map({tf: number for number, tf in enumerate(tfs)})
    area = 45 * edges["weight"] / max(edges["weight"].max(), 1e-300) if len(edges) else []
    ax.hlines(range(len(tfs)), 0, 1, transform=ax.get_yaxis_transform(), color="#eeeeee", linewidth=0.8, zorder=0)
    ax.scatter(middle(peaks.loc[edges["target"]]), rows, s=area, color=PALETTE[2], linewidths=0, alpha=0.8)
    ax.set_yticks(range(len(tfs)), tfs, fontsize="small")
    ax.set_ylim(len(tfs) - 0.4, -0.6)
    ax.set_title("binding", loc="left", fontsize="small")
    ax.tick_params(axis="both", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)


def draw_track(
    ax: Axes,
    heights: np.ndarray,
    peaks: pd.DataFrame,
    place: Place,
    *,
    name: str,
    color: str,
    highest: float,
    title: str,
) -> None:
    """Draw the accessibility of a group."""
    ax.set_title(title, loc="left", fontsize="small")
    _boxes(ax, peaks, heights, place, color)
    ax.set_ylim(0, highest)
    _name(ax, name)


def _boxes(ax: Axes, peaks: pd.DataFrame, heights: np.ndarray, place: Place, color: str | np.ndarray) -> None:
    """Draw a box over each peak, wide enough to be seen."""
    from matplotlib.collections import PolyCollection

    centre, zero = middle(peaks), np.zeros(len(peaks))
    half = np.maximum((peaks[END] - peaks[START]).to_numpy(float), _LEAST_WIDTH * place.span) / 2
    left, right = centre - half, centre + half
    corners = ((left, zero), (left, heights), (right, heights), (right, zero))
    boxes = np.stack([np.column_stack(corner) for corner in corners], axis=1)
    ax.add_collection(PolyCollection(list(boxes), facecolors=color, linewidths=0))


def _name(ax: Axes, label: str) -> None:
    """Leave a baseline, with a name to the left."""
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.set_yticks([])
    ax.set_ylabel(label, rotation=0, ha="right", va="center", fontsize="small")
