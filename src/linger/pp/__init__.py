"""Prepare a MuData: locations of genes, transcription factors, peak links, motifs, metacells."""

from linger.pp._annotate_genes import annotate_genes
from linger.pp._link_peaks import link_peaks
from linger.pp._mark_tfs import mark_tfs
from linger.pp._metacells import metacells
from linger.pp._restore_counts import restore_counts
from linger.pp._scan_motifs import scan_motifs

__all__ = ["annotate_genes", "link_peaks", "mark_tfs", "metacells", "restore_counts", "scan_motifs"]
