"""Draw the figure of the README and of the site's first page: ``python docs/make_figure.py`` writes ``docs/_static/networks.svg``.

What the three networks are, and how well they and their baselines recover the network behind the default simulation (the data of ``linger demo``).
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

import linger as lg
from linger.pl._style import GREY, PALETTE

KINDS = {"binding": PALETTE[2], "cis": PALETTE[1], "trans": PALETTE[0]}


def draw_networks(ax: Axes) -> None:
    """Draw a TF, a peak and a gene, and the three kinds of edges between them."""
    ax.plot([0.02, 0.98], [0.2, 0.2], color=GREY, linewidth=2, solid_capstyle="round", zorder=0)  # the genome
    for x, y, name in ((0.2, 0.8, "TF"), (0.27, 0.2, "peak"), (0.8, 0.2, "gene")):
        shape = FancyBboxPatch(
            (x - 0.1, y - 0.06),
            0.2,
            0.12,
            boxstyle="round,pad=0.01,rounding_size=0.05",
            facecolor="white",
            edgecolor="black",
        )
        ax.add_patch(shape)
        ax.text(x, y, name, ha="center", va="center", fontsize=11)
    arrows = {
        "binding": ((0.2, 0.72), (0.26, 0.29), 0.0, (0.27, 0.5), "left"),
        "cis": ((0.35, 0.12), (0.75, 0.12), 0.35, (0.55, -0.04), "center"),
        "trans": ((0.32, 0.8), (0.8, 0.29), -0.35, (0.72, 0.72), "left"),
    }
    for kind, (start, end, bend, place, side) in arrows.items():
        style = {"arrowstyle": "-|>", "mutation_scale": 16, "linewidth": 2.2}
        ax.add_patch(FancyArrowPatch(start, end, connectionstyle=f"arc3,rad={bend}", color=KINDS[kind], **style))
        ax.text(*place, kind, color=KINDS[kind], ha=side, va="center", fontsize=11, fontweight="bold")
    ax.set(xlim=(0, 1), ylim=(-0.1, 0.9))
    ax.set_axis_off()


def recover() -> object:
    """Simulate, fit and score, as ``linger demo`` does."""
    data = lg.ds.simulate(rng=0)
    lg.pp.link_peaks(data.mdata)
    metacells = lg.pp.metacells(data.mdata, groupby="cell_type")
    lg.tl.fit(data.mdata, metacells=metacells, config=lg.FitConfig(n_folds=0))
    truth = {kind: getattr(data.truth, kind) for kind in ("trans", "cis", "binding")}
    return lg.bm.recovery(data.mdata, metacells, truth=truth)


def main() -> None:
    """Write the figure."""
    mpl.rcParams["svg.hashsalt"] = "linger"  # the same file every time
    figure, axes = plt.subplots(1, 2, figsize=(9.2, 3.2), layout="constrained", width_ratios=(1, 2))
    draw_networks(axes[0])
    lg.pl.recovery(recover(), ax=axes[1])
    axes[0].set_title("three networks", fontsize="medium", loc="left")
    axes[1].set_title("recovery of a simulated network", fontsize="medium", loc="left")
    figure.savefig(Path(__file__).parent / "_static" / "networks.svg", metadata={"Date": None}, facecolor="white")


if __name__ == "__main__":
    main()
