"""Which transcription factor's motif lies in which peak."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from linger import _keys, _validate
from linger._docs import docs
from linger._joint_axis import on_joint_axis
from linger._logging import logger
from linger._stale import drop_fit, drop_importance
from linger.pp._affinity import affinity as scaled_affinity
from linger.pp._motif_files import Motif, jaspar_motifs, motifs_from_dict, read_motifs
from linger.pp._motif_hits import ScoredMotif, scan_peaks
from linger.pp._motif_tfs import GeneLookup, match_motifs, read_motif_table
from linger.pp._pwm import UNITS_PER_BIT, log_odds, score_threshold
from linger.pp._sequences import background, gc_content, locate, open_genome, read_peaks

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData


@docs.dedent
def scan_motifs(
    mdata: MuData,
    *,
    genome: str | Path,
    motifs: str | Path | Mapping[str, np.ndarray] = "jaspar",
    motif_tf: str | Path | pd.DataFrame | None = None,
    species: str | Sequence[str] | None = None,
    p_value: float = 1e-4,
    affinity: Literal["max", "sum"] = "max",
    pseudocount: float = 0.01,
    tfs: Iterable[str] | None = None,
    missing_chromosomes: Literal["error", "skip"] = "error",
    gene_symbols: str | None = None,
    rna_key: str = "rna",
    atac_key: str = "atac",
    key_added: str = _keys.DEFAULT_KEY,
    n_jobs: int | None = 1,
    copy: bool = False,
) -> MuData | None:
    r"""Find motifs in the sequence of every peak, on both strands, and score each factor's affinity for each peak.

    A motif's log-odds against the nucleotide frequencies of the peaks, ``log2((f + c b) / ((1 + c) b))`` with
    frequencies f, background b and pseudocount c, are rounded to 1/100 bit. A site is a hit where they sum to at least
    the lowest positive score whose p-value, from the exact distribution of the rounded score over background words, is
    at most `p_value` (per site and strand). Sites with a letter other than A, C, G, T are never hits. The affinity of
    factor k for peak j is ``B_kj = b_kj / max_j b_kj``, b the best (or summed) log-odds of its motifs' hits there.

    Parameters
    ----------
    %(mdata)s
    genome
        FASTA (plain or bgzipped) or .2bit file of the assembly the peaks were called on. An index beside a FASTA is
        used; where there is none, one is built in the user's cache folder.
    motifs
        "jaspar" (the vertebrate CORE motifs of the latest release, through pyjaspar), a MEME, HOMER, JASPAR or PFM/PCM
        file, or a dict name -> counts or probabilities (4 x length or length x 4, letters A, C, G, T).
    motif_tf
        Table of columns motif and tf (frame, .csv, or tab-separated file with or without header) that says which
        factor a motif belongs to. None reads it from the motif's name ("FOS::JUN" belongs to both partners).
    species
        "human", "mouse", or NCBI taxonomy numbers: take only JASPAR motifs measured there. None takes those of all
        vertebrates; a factor's motif hardly changes between them.
    p_value
        Largest p-value of a hit. A motif too short for any word to reach it has no hits; how many is logged.
    affinity
        "max" scores a peak by its best hit, "sum" by all (a site that hits on both strands counts once, the better).
    pseudocount
        Weight of the background against the motif.
    tfs
        Genes that may be factors; None takes ``rna.var["is_tf"]``, and all genes where that column is missing.
    missing_chromosomes
        "error", or "skip" to leave peaks on chromosomes that `genome` lacks without hits: TFs that have motifs elsewhere
        then bind none of these peaks, so genes that only these regulate have no trans edges from them.
    gene_symbols
        Column of ``rna.var`` with gene symbols; None takes ``var_names``. Symbols match exactly, else in any case.
    %(keys)s
    %(key_added)s
    n_jobs
        Processes; None takes one per core. The result is the same.
    %(copy)s

    Returns
    -------
    None, or the changed copy. Writes

    - ``mdata.varp[f"{key_added}_motif"]``: affinity B, CSR float32 over the joint axis, row TF, column RE, in (0, 1].
    - ``atac.varm[f"{key_added}_motif_hits"]``: peaks x motifs, CSR float32, best (or summed) log-odds in bits.
    - ``mdata.uns[key_added]``: "motif_names" (columns of the hits), "motif_tf" (frame of motif and tf, tf as in
      ``rna.var_names``) and "scan_motifs" (parameters, background, each motif's threshold in bits, NaN if unreachable).

    Raises
    ------
    FileNotFoundError
        If `genome` or `motifs` is a path without a file.
    ImportError
        If "jaspar" is asked for without pyjaspar, or .2bit without py2bit.
    KeyError
        If `tfs` are unknown, or a column is missing.
    ValueError
        If peaks do not lie in the genome, motifs are malformed or belong to no gene, or an option is out of range.

    Notes
    -----
    B is the prior TF-RE affinity of Yuan & Duren, Nat. Biotechnol. 2024 (doi 10.1038/s41587-024-02182-7), Methods. The
    distribution of scores follows Staden, CABIOS 1989. Only motifs that belong to a gene are scanned.

    Examples
    --------
    >>> import linger as lg
    >>> import anndata, mudata, numpy, pandas, pathlib, tempfile
    >>> cells = pandas.DataFrame(index=["cell1", "cell2"])
    >>> rna = anndata.AnnData(numpy.ones((2, 2)), cells, pandas.DataFrame(index=["GATA1", "ACTB"]))
    >>> atac = anndata.AnnData(numpy.ones((2, 2)), cells, pandas.DataFrame(index=["chr1:0-20", "chr1:20-40"]))
    >>> mdata = mudata.MuData({"rna": rna, "atac": atac})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fasta = pathlib.Path(folder, "genome.fa")
    ...     _ = fasta.write_text(">chr1\n" + "ACCTAGATAAGCTTACCGTA" + "CCGTACCGTACCGTACCGTA")
    ...     gata = numpy.eye(4)[[0, 2, 0, 3, 0, 0, 2]]  # AGATAAG
    ...     lg.pp.scan_motifs(mdata, genome=fasta, motifs={"GATA1": gata})
    >>> lg.pp.scan_motifs.__name__, mdata.varp["linger_motif"].toarray()[0].tolist()
    ('scan_motifs', [0.0, 0.0, 1.0, 0.0])
    """
    _check_options(p_value, affinity, pseudocount, missing_chromosomes, species, motifs)
    rna, atac = _validate.paired(mdata, rna_key=rna_key, atac_key=atac_key)
    joint = {key: _joint_positions(mdata, mdata.mod[key], key) for key in (rna_key, atac_key)}
    peaks = _validate.parse_peaks(atac)
    lookup = _factor_lookup(rna, tfs, gene_symbols)
    candidates = _load_motifs(motifs, species)
    table = None if motif_tf is None else read_motif_table(motif_tf)
    pairs = match_motifs(candidates, lookup, table)
    names = [str(name) for name in pairs["motif"].unique()]
    by_name = {motif.name: motif for motif in candidates}

    sequences = _peak_sequences(genome, peaks, missing_chromosomes)
    frequencies = background(sequences)
    scored = _score_motifs([by_name[name] for name in names], frequencies, p_value, pseudocount)
    hits = _scan_reachable(sequences, scored, affinity, n_jobs)
    factors, B = scaled_affinity(hits, names, pairs, affinity)
    _log_summary(len(candidates), scored, factors, B)

    mdata = mdata.copy() if copy else mdata
    rows = joint[rna_key][rna.var_names.get_indexer(factors)]
    drop_fit(mdata, key_added, because="since they rest on earlier motifs or none")
    drop_importance(mdata, key_added, because="since it rests on earlier motifs")
    mdata.varp[_keys.slot(key_added, _keys.MOTIF)] = on_joint_axis(B, rows, joint[atac_key], mdata.n_vars)
    mdata.mod[atac_key].varm[_keys.slot(key_added, _keys.MOTIF_HITS)] = hits
    mdata.mod[atac_key].var[_keys.slot(key_added, _keys.GC)] = gc_content(sequences)
    mdata.uns[key_added] = dict(mdata.uns.get(key_added, {})) | {
        "motif_names": np.array(names, dtype=object),
        "motif_tf": pairs.set_axis(pairs.index.astype(str)),
        "scan_motifs": {
            "motifs": "dict" if isinstance(motifs, Mapping) else Path(motifs).name,
            "genome": Path(genome).name,
            "p_value": float(p_value),
            "affinity": affinity,
            "pseudocount": float(pseudocount),
            "background": frequencies,
            "threshold": np.array([np.nan if motif is None else motif.threshold / UNITS_PER_BIT for motif in scored]),
        },
    }
    return mdata if copy else None


def _check_options(
    p_value: float, affinity: str, pseudocount: float, missing_chromosomes: str, species: object, motifs: object
) -> None:
    choices = {"affinity": (affinity, ("max", "sum")), "missing_chromosomes": (missing_chromosomes, ("error", "skip"))}
    for name, (value, allowed) in choices.items():
        if value not in allowed:
            msg = f"{name} must be one of {_validate.preview(allowed)}, found {value!r}."
            raise ValueError(msg)
    if not 0 < p_value < 1 or not pseudocount > 0:
        msg = f"p_value must lie between 0 and 1 and pseudocount above 0, found {p_value!r} and {pseudocount!r}."
        raise ValueError(msg)
    if species is not None and not _is_jaspar(motifs):
        msg = "species= chooses among JASPAR motifs; leave it out for motifs of your own."
        raise ValueError(msg)


def _is_jaspar(motifs: object) -> bool:
    return isinstance(motifs, str) and motifs.lower() == "jaspar"


def _load_motifs(motifs: str | Path | Mapping[str, np.ndarray], species: str | Sequence[str] | None) -> list[Motif]:
    if isinstance(motifs, Mapping):
        return motifs_from_dict(motifs)
    return jaspar_motifs(species) if _is_jaspar(motifs) else read_motifs(motifs)


def _joint_positions(mdata: MuData, adata: AnnData, key: str) -> np.ndarray:
    """Return where the features of a modality stand on the joint axis."""
    positions = mdata.var_names.get_indexer(adata.var_names)
    if (positions < 0).any():
        msg = f"The joint axis lacks features of {key!r}, which changed after the MuData was made. Call mdata.update()."
        raise ValueError(msg)
    return positions


def _factor_lookup(rna: AnnData, tfs: Iterable[str] | None, gene_symbols: str | None) -> GeneLookup:
    """Return the genes that may be factors, findable by symbol."""
    if gene_symbols is not None:
        _validate.columns(rna.var, [gene_symbols], "rna.var", "scan_motifs without gene_symbols=, or add the column,")
    symbols = rna.var_names.to_series() if gene_symbols is None else rna.var[gene_symbols].astype(str)
    if tfs is not None:
        wanted = symbols.isin(_validate.known_names(tfs, pd.Index(symbols), "tfs"))
    elif _keys.IS_TF in rna.var:
        wanted = pd.Series(_validate.tf_mask(rna), index=rna.var_names)
    else:
        wanted = pd.Series(True, index=rna.var_names)
    return GeneLookup(symbols[wanted], rna.var_names[wanted])


def _peak_sequences(genome: str | Path, peaks: pd.DataFrame, missing: Literal["error", "skip"]) -> list[bytes]:
    opened = open_genome(genome)
    try:
        return read_peaks(opened, peaks, locate(peaks, opened.lengths, missing))
    finally:
        opened.close()


def _score_motifs(
    motifs: Sequence[Motif], frequencies: np.ndarray, p_value: float, pseudocount: float
) -> list[ScoredMotif | None]:
    """Return each motif's whole-number log-odds and threshold, None where no word reaches the p-value."""
    scored: list[ScoredMotif | None] = []
    for motif in motifs:
        scores = log_odds(motif.frequencies, frequencies, pseudocount)
        threshold = score_threshold(scores, frequencies, p_value)
        scored.append(None if threshold is None else ScoredMotif(scores, threshold))
    return scored


def _scan_reachable(
    sequences: list[bytes], scored: Sequence[ScoredMotif | None], measure: Literal["max", "sum"], n_jobs: int | None
) -> sparse.csr_matrix:
    """Return peaks x motifs, with an empty column for each motif that cannot be hit."""
    reachable = np.flatnonzero([motif is not None for motif in scored])
    found = scan_peaks(sequences, [motif for motif in scored if motif is not None], measure, n_jobs)
    hits = sparse.csr_matrix((found.data, reachable[found.indices], found.indptr), shape=(len(sequences), len(scored)))
    hits.sort_indices()
    return hits


def _log_summary(n_motifs: int, scored: Sequence[ScoredMotif | None], factors: pd.Index, B: sparse.csr_matrix) -> None:
    silent = factors[np.diff(B.indptr) == 0]
    logger.info(
        "%d of %d motifs belong to %d genes; %d are too short for p_value. %d factors have no hit%s",
        len(scored),
        n_motifs,
        len(factors),
        sum(motif is None for motif in scored),
        len(silent),
        f" ({_validate.preview(silent)})" if len(silent) else "",
    )
