"""Readers of what is known: pairs of TFs and genes, of peaks and genes, of TFs and peaks, under the names of the data."""

from linger.bm.truth._contacts import contacts
from linger.bm.truth._differential import differential
from linger.bm.truth._gene_scores import gene_scores
from linger.bm.truth._gene_sets import gene_sets
from linger.bm.truth._match import match
from linger.bm.truth._pairs import pairs
from linger.bm.truth._peak_genes import peak_genes
from linger.bm.truth._tf_peaks import tf_peaks

__all__ = ["contacts", "differential", "gene_scores", "gene_sets", "match", "pairs", "peak_genes", "tf_peaks"]
