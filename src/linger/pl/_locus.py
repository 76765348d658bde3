"""A gene's surroundings: which peaks regulate it, where they are open, what binds there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd

from linger._docs import docs
from linger._keys import CHROM, DEFAULT_KEY, END, GENOME, GROUP_MEAN, GROUPS, START, STRAND, TSS, slot
from linger._snps import chromosome_names, read_snps
from linger._validate import columns, known_names, modality, parse_peaks
from linger.get._groups import groups as stored_groups
from linger.get._network import network
from linger.pl._locus_panels import (
    Place,
    draw_arcs,
    draw_binding,
    draw_genes,
    draw_peaks,
    draw_snps,
    draw_track,
    gene_rows,
)
from linger.pl._style import distinct_colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from mudata import MuData

_WIDTH: Final = 8.0  # inches
_LEAST_SEEN: Final = 0.01  # height of an arc over that of the highest
_LEAST_REACH: Final = 10_000  # base pairs shown either side of the TSS


class _Panel(NamedTuple):
    height: float  # inches
    draw: Callable[[Axes], None]


@docs.dedent
def locus(
    mdata: MuData,
    gene: str,
    *,
    groups: str | Iterable[str] | None = None,
    arcs: str | Iterable[str] = (),
    top: int | None = 20,
    window: int | None = None,
    tfs: str | Iterable[str] | None = None,
    snps: pd.DataFrame | None = None,
    key: str = DEFAULT_KEY,
    rna_key: str = "rna",
    atac_key: str = "atac",
) -> Figure:
    """Draw the surroundings of a gene: its cis network as arcs from peaks to the TSS, peaks, genes, binding TFs, accessibility by cell type.

    An arc is as high as the edge is strong, but at least 4 % as high as the highest on its scale, or it would lie on the axis; blue ones
    activate, red ones repress; a dot is on top of one as narrow as a line, of a peak at the TSS. Peaks of an arc are dark. Accessibility is the mean of a group (:func:`linger.tl.group_means`), 1 being the mean
    over all peaks; all groups have the same scale, which the first names.

    Parameters
    ----------
    %(mdata)s Fitted, genes located.
    gene
        A gene with a network.
    groups
        Groups whose accessibility is shown; None takes all that are stored, if any.
    arcs
        Groups whose cis networks are shown below that of the population.
    top
        Edges shown of each network, the strongest; None shows all.
    window
        Base pairs shown on either side of the TSS; None shows all peaks whose arc has a hundredth of the height
        of the highest.
    tfs
        TFs whose binding is shown, a row each; areas of dots compare their strengths.
    snps
        Columns chrom and pos (from 1), and p_value for the height, or as the GWAS catalogue calls them. Those in peaks are red.
    %(key)s
    %(keys)s

    Returns
    -------
    The figure; panels share the x axis, positions on the chromosome.

    Raises
    ------
    KeyError
        If nothing was fitted, the gene has no network or place, or a group or TF is unknown.
    ValueError
        If `window` or `top` is not positive, or the SNPs do not parse.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.toy()
    >>> lg.pp.link_peaks(mdata)
    >>> lg.tl.fit(mdata, groupby="cell_type", config=lg.FitConfig(epochs=5, n_folds=0))
    >>> len(lg.pl.locus(mdata, "GENE20", tfs=["TF1", "TF2"]).axes)  # arcs, peaks, genes, TFs, 3 types
    7
    """
    names: dict[str, Any] = {"key": key, "rna_key": rna_key, "atac_key": atac_key}
    others = [arcs] if isinstance(arcs, str) else list(arcs)
    cis = {group: network(mdata, "cis", targets=gene, group=group, top=top, **names) for group in (None, *others)}
    peaks = parse_peaks(modality(mdata, atac_key))
    peaks[CHROM] = chromosome_names(peaks[CHROM])
    genes = _located(mdata, rna_key)
    place = _place(genes, gene, peaks.loc[_seen(cis)], window)
    peaks = peaks[place.holds(peaks[CHROM], peaks[START] + 1, peaks[END])]
    panels = [] if snps is None else [_snps(snps, peaks, place)]
    panels += _arcs(cis, peaks, place)
    rows = gene_rows(genes, place)
    panels.append(_Panel(0.3 + 0.17 * (1 + rows["row"].max()), partial(draw_genes, genes=rows, place=place, gene=gene)))
    panels += [] if tfs is None else [_binding(mdata, tfs, peaks, names)]
    panels += _tracks(mdata, groups, peaks, place, names)
    return _assemble(panels, place, gene, mdata.uns.get(DEFAULT_KEY, {}).get(GENOME))


def _located(mdata: MuData, rna_key: str) -> pd.DataFrame:
    """Return chromosome, TSS and strand of the genes that have a place."""
    var = modality(mdata, rna_key).var
    columns(var, [CHROM, TSS, STRAND], "rna.var", "lg.pp.annotate_genes(mdata, annotation=...)")
    genes = var[[CHROM, TSS, STRAND]].dropna(subset=[CHROM, TSS])
    return genes.assign(**{CHROM: chromosome_names(genes[CHROM]), TSS: genes[TSS].astype(np.int64)})


def _seen(cis: dict[str | None, pd.DataFrame]) -> pd.Index:
    """Return peaks with an arc high enough to be seen."""
    seen = [edges.loc[edges["weight"] > _LEAST_SEEN * edges["weight"].max(), "source"] for edges in cis.values()]
    return pd.Index(pd.concat(seen).unique())


def _place(genes: pd.DataFrame, gene: str, linked: pd.DataFrame, window: int | None) -> Place:
    """Return the window around the TSS, by default with all linked peaks."""
    known_names(gene, genes.index, "genes with a place")
    chrom, tss = str(genes[CHROM][gene]), int(genes[TSS][gene])
    if window is not None:
        if window < 1:
            msg = f"window must be 1 base pair or more, found {window}."
            raise ValueError(msg)
        return Place(chrom, max(tss - window, 0), tss + window, tss)
    start, end = min([*linked[START], tss - _LEAST_REACH]), max([*linked[END], tss + _LEAST_REACH])
    margin = int(0.03 * (end - start))
    return Place(chrom, max(int(start) - margin, 0), int(end) + margin, tss)


def _arcs(cis: dict[str | None, pd.DataFrame], peaks: pd.DataFrame, place: Place) -> list[_Panel]:
    """Return a panel of arcs a network, and one of the peaks below; networks of groups share their scale."""
    cis = {group: edges[edges["source"].isin(peaks.index)] for group, edges in cis.items()}
    highest = {group: edges["weight"].max() if len(edges) else 1.0 for group, edges in cis.items()}
    shared = max((each for group, each in highest.items() if group is not None), default=1.0)
    panels = []
    for group, edges in cis.items():
        top = highest[None] if group is None else shared
        title = "population" if group is None else group
        draw = partial(draw_arcs, edges=edges, peaks=peaks, place=place, title=title, highest=top, legend=group is None)
        panels.append(_Panel(1.3, draw))
    linked = peaks.index.isin(pd.concat(cis.values())["source"])
    return [*panels, _Panel(0.22, partial(draw_peaks, peaks=peaks, place=place, linked=linked))]


def _snps(snps: pd.DataFrame, peaks: pd.DataFrame, place: Place) -> _Panel:
    return _Panel(0.9, partial(draw_snps, snps=read_snps(snps, scored=False), peaks=peaks, place=place))


def _binding(mdata: MuData, tfs: str | Iterable[str], peaks: pd.DataFrame, names: dict[str, Any]) -> _Panel:
    listed = [tfs] if isinstance(tfs, str) else list(dict.fromkeys(tfs))
    edges = network(mdata, "binding", tfs=listed, targets=peaks.index, **names)
    return _Panel(0.3 + 0.19 * len(listed), partial(draw_binding, edges=edges, peaks=peaks, tfs=listed))


def _tracks(
    mdata: MuData, groups: str | Iterable[str] | None, peaks: pd.DataFrame, place: Place, names: dict[str, Any]
) -> list[_Panel]:
    """Return a panel a group."""
    if groups is None and GROUPS not in mdata.uns.get(names["key"], {}):
        return []
    stored = pd.Index(stored_groups(mdata, **names))
    shown = stored if groups is None else known_names(groups, stored, "groups")
    atac = modality(mdata, names["atac_key"])
    means = pd.DataFrame(np.asarray(atac.varm[slot(names["key"], GROUP_MEAN)]), atac.var_names, stored)
    means = means.loc[peaks.index, shown]
    highest = 1.05 * means.to_numpy().max(initial=0.0) or 1.0
    panels: list[_Panel] = []
    for name, color in distinct_colors(stored).items():
        if name in shown:
            title = "" if panels else f"mean accessibility, 0 to {highest:.2g} each"
            heights = means[name].to_numpy(float)
            draw = partial(
                draw_track,
                heights=heights,
                peaks=peaks,
                place=place,
                name=name,
                color=color,
                highest=highest,
                title=title,
            )
            panels.append(_Panel(0.3, draw))
    return panels


def _assemble(panels: list[_Panel], place: Place, gene: str, genome: str | None) -> Figure:
    """Draw the panels below each other."""
    import matplotlib.pyplot as plt

    heights = [panel.height for panel in panels]
    figure, axes = plt.subplots(
        len(panels), figsize=(_WIDTH, sum(heights) + 0.8), height_ratios=heights, sharex=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for panel, ax in zip(panels, axes[:, 0], strict=True):
        panel.draw(ax)
        ax.tick_params(axis="x", length=0)
    longest = max(len(ax.get_ylabel()) for ax in axes[:, 0])
    figure.set_figwidth(_WIDTH + 0.07 * longest)
    last = axes[-1, 0]
    last.tick_params(axis="x", length=3)
    last.set_xlim(place.start, place.end)
    last.xaxis.set_major_formatter(lambda x, _: f"{x / 1e6:.7g}")
    last.locator_params(axis="x", nbins=7)
    last.set_xlabel(f"{place.chrom} (Mb{'' if genome is None else f', {genome}'})")
    figure.suptitle(gene, fontweight="bold", fontsize="medium")
    return figure
