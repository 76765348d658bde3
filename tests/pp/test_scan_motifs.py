"""Motif scanning: hits against independent engines, affinities by hand, and what is written where."""

from __future__ import annotations

import gzip
import itertools
import struct
import sys

import anndata as ad
import lightmotif
import mudata as md
import numpy as np
import pandas as pd
import pytest

import linger as lg
from linger.pp import _motif_hits, _sequences
from linger.pp._motif_files import jaspar_motifs, read_motifs
from linger.pp._motif_hits import ScoredMotif, find_hits, per_peak, scan_chunk
from linger.pp._pwm import log_odds, score_threshold, survival

CODES = {"A": 0, "C": 1, "G": 2, "T": 3}
COMPLEMENT = str.maketrans("ACGT", "TGCA")
SITE = "AGATAAGCG"  # not its own reverse complement
FILL = "TTTTTTTTTTTTTTTTTTTT"


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def exact(word):
    """Matrix of a motif that is one word."""
    return np.eye(4)[[CODES[letter] for letter in word]]


def make(peaks, genes=("GATA1", "ACTB")):
    cells = pd.DataFrame(index=["a", "b"])
    rna = ad.AnnData(np.ones((2, len(genes))), cells, pd.DataFrame(index=list(genes)))
    atac = ad.AnnData(np.ones((2, len(peaks))), cells, pd.DataFrame(index=list(peaks)))
    return md.MuData({"rna": rna, "atac": atac})


def fasta(folder, **chromosomes):
    path = folder / "genome.fa"
    path.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in chromosomes.items()))
    return path


def side_by_side(folder, pieces):
    """One chromosome of `pieces`, each of which is a peak; no gap between them."""
    ends = np.cumsum([0, *map(len, pieces)])
    names = [f"chr1:{start}-{end}" for start, end in itertools.pairwise(ends)]
    return names, fasta(folder, chr1="".join(pieces))


def hits_of(pieces, folder, motif=SITE, **options):
    peaks, genome = side_by_side(folder, pieces)
    mdata = make(peaks)
    lg.pp.scan_motifs(mdata, genome=genome, motifs={"GATA1": exact(motif)}, **options)
    return mdata["atac"].varm["linger_motif_hits"].toarray()[:, 0]


def brute_force(sequence, motif):
    """Every hit (start, reverse, score), one window after the other, N excluded."""
    codes = np.array([CODES.get(letter, 4) for letter in sequence])
    found = set()
    for reverse, scores in ((False, motif.scores), (True, motif.scores[::-1, ::-1])):
        width = len(scores)
        padded = np.c_[scores, np.full(width, -(10**9))].astype(np.int64)
        total = sum(padded[j, codes[j : len(codes) - width + 1 + j]] for j in range(width))
        found |= {(int(i), reverse, int(total[i])) for i in np.flatnonzero(total >= motif.threshold)}
    return found


def as_set(hits):
    found = [(int(s), bool(r), int(v)) for s, r, v in zip(*hits, strict=True)]
    assert len(found) == len(set(found))
    return set(found)


# what is found


def test_planted_on_either_strand_at_edges_and_in_lower_case(tmp_path):
    back = SITE.translate(COMPLEMENT)[::-1]
    pieces = [SITE + FILL, FILL + SITE, back + FILL, FILL + back, FILL + SITE.lower() + FILL, FILL, SITE]
    hits = hits_of(pieces, tmp_path)
    np.testing.assert_array_equal(hits > 0, [True, True, True, True, True, False, True])
    assert np.unique(hits[hits > 0]).size == 1  # the same word scores the same wherever it is


def test_no_hit_across_two_peaks_or_through_n(tmp_path):
    pieces = [FILL + SITE[:5], SITE[5:] + FILL, FILL + SITE[:4] + "N" + SITE[5:], FILL + "R" + SITE[1:], "N" * 30, SITE]
    np.testing.assert_array_equal(hits_of(pieces, tmp_path) > 0, [False] * 5 + [True])


def test_peak_shorter_than_the_motif(tmp_path):
    np.testing.assert_array_equal(hits_of(["A", SITE[:3], SITE], tmp_path) > 0, [False, False, True])


@pytest.mark.parametrize("width", [4, 6, 7, 8, 15, 31])
def test_all_hits_equal_brute_force(width):
    rng = np.random.default_rng(width)
    letters = np.array(list("ACGTN"))[rng.choice(5, 30_000, p=[0.28, 0.2, 0.21, 0.3, 0.01])]
    sequence = "".join(letters) + "N" * width
    background = np.array([0.3, 0.2, 0.2, 0.3])
    scores = log_odds(rng.dirichlet([0.4] * 4, size=width), background, 0.01)
    motif = ScoredMotif(scores, score_threshold(scores, background, 0.01))
    expected = brute_force(sequence, motif)
    assert len(expected) >= 10
    assert as_set(find_hits(lightmotif.stripe(sequence), motif)) == expected


@pytest.fixture(scope="module")
def real_sequences(real_data):
    """2,000 real chrX peaks that hold sequence."""
    atac = md.read_h5ad(real_data / "pbmc10k_40cells" / "pbmc40.h5mu", mod="atac")
    peaks = atac.var.loc[atac.var["chrom"].astype(str) == "chrX", ["chrom", "start", "end"]].astype({"chrom": str})
    genome = _sequences.open_genome(real_data / "genome" / "hg38_chrX_partial.fa.gz")
    sequences = _sequences.read_peaks(genome, peaks, np.ones(len(peaks), dtype=bool))
    return sorted(sequences, key=lambda sequence: sequence.count(b"N"))[:2000]


@pytest.fixture(scope="module")
def real_motifs(real_data, real_sequences):
    """Motifs of JASPAR and of a HOMER file, scored as scan_motifs does."""
    pytest.importorskip("pyjaspar")
    background = _sequences.background(real_sequences)
    motifs = [*jaspar_motifs()[::40], *read_motifs(real_data / "motifs" / "all_motif_rmdup")[::70]]
    scores = [log_odds(motif.frequencies, background, 0.01) for motif in motifs]
    scored = [ScoredMotif(s, t) for s in scores if (t := score_threshold(s, background, 1e-4)) is not None]
    assert len(scored) > 40
    return scored


@pytest.mark.real
def test_real_hits_equal_brute_force(real_sequences, real_motifs):
    joined = b"N".join(real_sequences).decode() + "N" * 64
    striped = lightmotif.stripe(joined)
    total = 0
    for motif in real_motifs:
        expected = brute_force(joined, motif)
        total += len(expected)
        assert as_set(find_hits(striped, motif)) == expected
    assert total > 5000


@pytest.mark.real
def test_real_hits_equal_moods(real_sequences, real_motifs):
    scan = pytest.importorskip("MOODS.scan")
    joined = b"N".join(real_sequences).decode() + "N" * 64
    striped = lightmotif.stripe(joined)
    stranded = [strand for motif in real_motifs for strand in (motif.scores, motif.scores[::-1, ::-1])]
    limits = [float(motif.threshold) for motif in real_motifs for _ in range(2)]
    matrices = [strand.T.astype(float).tolist() for strand in stranded]
    found = scan.scan_dna(joined, matrices, [0.25] * 4, limits, 7)
    for i, motif in enumerate(real_motifs):
        expected = {(hit.pos, bool(strand), round(hit.score)) for strand in (0, 1) for hit in found[2 * i + strand]}
        assert as_set(find_hits(striped, motif)) == expected


@pytest.mark.real
def test_best_score_per_peak_equals_one_peak_at_a_time(real_sequences, real_motifs):
    some = real_sequences[:40]
    together = scan_chunk(some, real_motifs, "max").toarray()
    alone = np.zeros_like(together)
    for i, sequence in enumerate(some):
        for j, motif in enumerate(real_motifs):
            alone[i, j] = max((hit[2] for hit in brute_force(sequence.decode() + "N" * 64, motif)), default=0) / 100
    np.testing.assert_array_equal(together, alone.astype(np.float32))


# scores and thresholds


def test_threshold_is_exact_over_all_words():
    background = np.array([0.31, 0.19, 0.22, 0.28])
    scores = log_odds(np.random.default_rng(0).dirichlet([0.5] * 4, size=6), background, 0.01)
    words = np.array(list(itertools.product(range(4), repeat=6)))
    total, chance = scores[np.arange(6), words].sum(axis=1), background[words].prod(axis=1)
    for p_value in (0.05, 0.01, 1e-3):
        threshold = score_threshold(scores, background, p_value)
        assert chance[total >= threshold].sum() <= p_value
        assert chance[total >= total[total < threshold].max()].sum() > p_value
    lowest, tail = survival(scores, background)
    np.testing.assert_allclose(tail[[0, -1]], [1, chance[total == total.max()].sum()])
    assert (lowest, lowest + len(tail) - 1) == (total.min(), total.max())


def test_threshold_agrees_with_an_independent_p_value():
    rng = np.random.default_rng(1)
    scores = log_odds(rng.dirichlet([0.5] * 4, size=12), np.full(4, 0.25), 0.01)
    threshold = score_threshold(scores, np.full(4, 0.25), 1e-4)
    values = {letter: scores[:, i].astype(float).tolist() for letter, i in CODES.items()}
    matrix = lightmotif.ScoringMatrix(values)
    assert matrix.pvalue(threshold) <= 1e-4 * (1 + 1e-6) < matrix.pvalue(threshold - 5)


def test_whole_words_reach_their_own_p_value():
    """P of the best word is exactly 4**-8: equality counts as reached, whatever the rounding."""
    scores = log_odds(exact("ACGTTGCA"), np.full(4, 0.25), 0.01)
    assert score_threshold(scores, np.full(4, 0.25), 4.0**-8) == scores.max(axis=1).sum()
    assert score_threshold(scores, np.full(4, 0.25), 4.0**-8 * 0.999) is None


def test_score_is_the_documented_log_odds(tmp_path):
    peaks, genome = side_by_side(tmp_path, [FILL + SITE + "GCGC", "ACGTACGGT"])
    mdata = make(peaks)
    lg.pp.scan_motifs(mdata, genome=genome, motifs={"GATA1": exact(SITE)}, pseudocount=0.1)
    text = FILL + SITE + "GCGC" + "ACGTACGGT"
    weak, strong = (text.count(a) + text.count(b) + 2 for a, b in ("AT", "CG"))
    b = {letter: count / 2 / (weak + strong) for letters, count in (("AT", weak), ("CG", strong)) for letter in letters}
    stored = mdata.uns["linger"]["scan_motifs"]
    np.testing.assert_allclose(stored["background"], [b[letter] for letter in "ACGT"])
    expected = sum(np.rint(100 * np.log2((1 + 0.1 * b[c]) / (1.1 * b[c]))) for c in SITE) / 100
    hits = mdata["atac"].varm["linger_motif_hits"]
    np.testing.assert_allclose(hits.toarray().ravel(), [expected, 0], rtol=1e-6)
    assert stored["threshold"][0] <= expected + 1e-9


def test_short_motif_has_no_hits_and_says_so(tmp_path, caplog):
    peaks, genome = side_by_side(tmp_path, ["ACGTACGTACGT"])
    mdata = make(peaks)
    with caplog.at_level("INFO", logger="linger"):
        lg.pp.scan_motifs(mdata, genome=genome, motifs={"GATA1": exact("ACG")})
    assert mdata.varp["linger_motif"].nnz == 0
    assert np.isnan(mdata.uns["linger"]["scan_motifs"]["threshold"]).all()
    assert "1 are too short" in caplog.text


def test_sum_counts_a_site_once(tmp_path):
    palindrome = "ACGGATCCGT"
    pieces = [FILL + palindrome + FILL, FILL + palindrome + FILL + palindrome, FILL]
    best, total = (hits_of(pieces, tmp_path, palindrome, affinity=how) for how in ("max", "sum"))
    assert best[0] == best[1] == total[0] > 0
    np.testing.assert_allclose(total[1], 2 * best[0], rtol=1e-6)


def test_per_peak_by_hand():
    hits = _motif_hits.Hits(np.array([3, 9, 3, 12]), np.array([False, False, True, True]), np.array([5, 7, 8, 2]))
    for measure, expected in (("max", [8, 7]), ("sum", [8, 9])):
        peak, value = per_peak(hits, np.array([0, 6, 20]), measure)
        assert (peak.tolist(), value.tolist()) == ([0, 1], expected)


# factors


def test_affinity_over_several_motifs_and_dimers(tmp_path):
    other = "CCCTTGGGA"
    peaks, genome = side_by_side(tmp_path, [FILL + SITE, FILL + SITE + FILL + other, FILL + other])
    mdata = make(peaks, ["Fos", "Jun", "Actb"])
    weak = 0.9 * exact(other) + 0.025
    lg.pp.scan_motifs(mdata, genome=genome, motifs={"FOS::JUN(var.2)": exact(SITE), "JUN": weak})
    hits = mdata["atac"].varm["linger_motif_hits"].toarray()
    B = mdata.varp["linger_motif"].toarray()
    assert mdata.uns["linger"]["motif_names"].tolist() == ["FOS::JUN(var.2)", "JUN"]
    np.testing.assert_allclose(B[0, 3:], hits[:, 0] / hits[:, 0].max(), rtol=1e-6)
    np.testing.assert_allclose(B[1, 3:], hits.max(axis=1) / hits.max(), rtol=1e-6)
    assert 0 < B[1, 3:].min() < 1
    assert not B[2:].any()
    assert not B[:, :3].any()
    pairs = {(row.motif, row.tf) for row in mdata.uns["linger"]["motif_tf"].itertuples()}
    assert pairs == {("FOS::JUN(var.2)", "Fos"), ("FOS::JUN(var.2)", "Jun"), ("JUN", "Jun")}
    lg.pp.scan_motifs(mdata, genome=genome, motifs={"FOS::JUN(var.2)": exact(SITE), "JUN": weak}, affinity="sum")
    sums = mdata["atac"].varm["linger_motif_hits"].toarray()
    B = mdata.varp["linger_motif"].toarray()
    np.testing.assert_allclose(B[1, 3:], sums.sum(axis=1) / sums.sum(axis=1).max(), rtol=1e-6)
    assert (sums >= hits).all()


def test_table_tfs_is_tf_and_symbols_choose_the_factors(tmp_path):
    peaks, genome = side_by_side(tmp_path, [FILL + SITE, FILL])
    mdata = make(peaks, ["ENSG1", "ENSG2", "ENSG3"])
    mdata["rna"].var["symbol"] = ["GATA1", "GATA2", "ACTB"]
    options = {"genome": genome, "motifs": {"m1": exact(SITE), "m2": exact(SITE[1:])}, "gene_symbols": "symbol"}
    table = pd.DataFrame({"motif": ["m1", "m2", "m2", "gone"], "tf": ["GATA1", "gata2", "GATA1", "GATA1"]})

    def factors(**more):
        lg.pp.scan_motifs(mdata, motif_tf=table, **options, **more)
        rows = np.unique(mdata.varp["linger_motif"].nonzero()[0])
        return mdata.var_names[rows].tolist()

    assert factors() == ["ENSG1", "ENSG2"]
    assert factors(tfs=["GATA2"]) == ["ENSG2"]
    mdata["rna"].var["is_tf"] = [True, False, False]
    assert factors() == ["ENSG1"]
    with pytest.raises(KeyError, match="NOPE"):
        factors(tfs=["NOPE"])
    with pytest.raises(ValueError, match=r"None of the 2 motifs belongs to a gene.*motif_tf="):
        lg.pp.scan_motifs(mdata, **options)


def test_gc_content_of_every_peak(tmp_path):
    peaks, genome = side_by_side(tmp_path, ["ACGTNNGGCC", SITE, FILL, "NNNNNNN", "ggggaaaa"])
    mdata = make(peaks)
    lg.pp.scan_motifs(mdata, genome=genome, motifs={"GATA1": exact(SITE)})
    np.testing.assert_allclose(mdata["atac"].var["linger_gc"], [6 / 8, 4 / 9, 0, np.nan, 0.5], rtol=1e-6)


def test_new_motifs_remove_importance(tmp_path, caplog):
    mdata = lg.ds.toy()
    lg.tl.tf_importance(mdata, "cell_type")
    ends = mdata["atac"].var.groupby("chrom", observed=True)["end"].max()
    genome = fasta(tmp_path, **{chrom: "ACGTTGCAAGATAAGCG" * (end // 17 + 1) for chrom, end in ends.items()})
    lg.pp.scan_motifs(
        mdata, genome=genome, motifs={"TF1": exact(SITE)}, motif_tf=pd.DataFrame({"motif": ["TF1"], "tf": ["TF1"]})
    )
    assert "importance under 'linger' is removed" in caplog.text
    assert "linger_tf_importance" not in mdata["rna"].varm
    assert "linger_coactivity" not in mdata.varp
    assert "linger_group_mean" in mdata["rna"].varm


def test_result_follows_names(tmp_path):
    rng = np.random.default_rng(0)
    pieces = ["".join(rng.choice(list("ACGT"), 60)) + (SITE if i % 3 else "") for i in range(30)]
    peaks, genome = side_by_side(tmp_path, pieces)
    genes = ["GATA1", "JUN", "SPI1", "ACTB"]
    motifs = {name: rng.dirichlet([0.3] * 4, size=9) for name in genes[:3]} | {"GATA1": exact(SITE)}
    results = []
    for seed in (None, 1):
        rng = np.random.default_rng(seed)
        order = list if seed is None else rng.permutation
        mdata = make(order(peaks), order(genes))
        lg.pp.scan_motifs(mdata, genome=genome, motifs=motifs, p_value=0.005)
        frame = pd.DataFrame(mdata.varp["linger_motif"].toarray(), mdata.var_names, mdata.var_names)
        results.append(frame.loc[genes + peaks, genes + peaks])
    pd.testing.assert_frame_equal(*results)
    assert (results[0].loc[genes[:3]].max(axis=1) == 1).all()


# what is written


def test_round_trip_types_and_copy(tmp_path):
    peaks, genome = side_by_side(tmp_path, [FILL + SITE, FILL])
    mdata = make(peaks)
    mdata.uns["linger"] = {"kept": 1}
    changed = lg.pp.scan_motifs(mdata, genome=genome, motifs={"GATA1": exact(SITE)}, key_added="other", copy=True)
    assert "other_motif" not in mdata.varp
    assert "other" not in mdata.uns
    assert "other_motif_hits" not in mdata["atac"].varm
    assert lg.pp.scan_motifs(mdata, genome=genome, motifs={"GATA1": exact(SITE)}) is None
    assert mdata.uns["linger"]["kept"] == 1
    B = mdata.varp["linger_motif"]
    assert (B.format, B.dtype, B.nnz, B[0, 2]) == ("csr", np.float32, 1, 1)
    assert (changed.varp["other_motif"] != B).nnz == 0
    changed.write(tmp_path / "m.h5mu")
    changed.write_zarr(tmp_path / "m.zarr")
    for back in (md.read_h5mu(tmp_path / "m.h5mu"), md.read_zarr(tmp_path / "m.zarr")):
        assert (back.varp["other_motif"] != B).nnz == 0
        hits = back["atac"].varm["other_motif_hits"]
        assert (hits != changed["atac"].varm["other_motif_hits"]).nnz == 0
        assert hits.dtype == np.float32
        assert list(back.uns["other"]["motif_names"]) == ["GATA1"]
        assert back.uns["other"]["motif_tf"].to_dict("list") == {"motif": ["GATA1"], "tf": ["GATA1"]}
        assert back.uns["other"]["scan_motifs"]["p_value"] == 1e-4


def test_same_result_in_chunks_and_processes(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    pieces = ["".join(rng.choice(list("ACGT"), 200)) for _ in range(50)]
    options = {"folder": tmp_path, "motif": "ACGTC", "p_value": 0.01}
    whole = hits_of(pieces, **options)
    monkeypatch.setattr(_motif_hits, "_CHUNK", 700)
    assert len(list(_motif_hits._chunks([piece.encode() for piece in pieces]))) > 10
    np.testing.assert_array_equal(hits_of(pieces, **options), whole)
    np.testing.assert_array_equal(hits_of(pieces, n_jobs=2, **options), whole)
    assert (whole > 0).sum() > 5


# genome files


def write_2bit(path, name, sequence):
    """Smallest 2bit file: one sequence, its N block, no mask."""
    first, n = sequence.index("N"), sequence.count("N")
    assert sequence[first : first + n] == "N" * n
    bases = [{"T": 0, "C": 1, "A": 2, "G": 3, "N": 0}[letter] for letter in sequence] + [0, 0, 0]
    packed = bytes(a << 6 | b << 4 | c << 2 | d for a, b, c, d in zip(*[iter(bases)] * 4, strict=False))
    head = struct.pack("<4I", 0x1A412743, 0, 1, 0)
    entry = struct.pack("<B", len(name)) + name.encode()
    record = struct.pack("<6I", len(sequence), 1, first, n, 0, 0)
    path.write_bytes(head + entry + struct.pack("<I", len(head) + len(entry) + 4) + record + packed)


def test_2bit_equals_fasta(tmp_path):
    pytest.importorskip("py2bit")
    sequence = FILL + SITE + "NNNN" + FILL + "ACG"
    write_2bit(tmp_path / "g.2bit", "chr1", sequence)
    genomes = [_sequences.open_genome(path) for path in (tmp_path / "g.2bit", fasta(tmp_path, chr1=sequence.lower()))]
    peaks = pd.DataFrame({"chrom": "chr1", "start": [0, 18, 33], "end": [20, 37, len(sequence)]})
    two, text = (_sequences.read_peaks(genome, peaks, np.ones(3, dtype=bool)) for genome in genomes)
    assert genomes[0].lengths == genomes[1].lengths == {"chr1": len(sequence)}
    assert two == text == [sequence[s:e].encode() for s, e in zip(peaks["start"], peaks["end"], strict=True)]


def test_missing_chromosome_and_naming(tmp_path):
    genome = fasta(tmp_path, chr1=FILL + SITE)
    motifs = {"GATA1": exact(SITE)}
    mdata = make(["chr1:0-29", "chrX:0-29"])
    with pytest.raises(ValueError, match=r"lacks 1 chromosomes \('chrX'\) of 1 of 2 peaks.*missing_chromosomes='skip'"):
        lg.pp.scan_motifs(mdata, genome=genome, motifs=motifs)
    assert not mdata.uns
    assert not len(mdata.varp)
    lg.pp.scan_motifs(mdata, genome=genome, motifs=motifs, missing_chromosomes="skip")
    assert mdata.varp["linger_motif"][0, 2:].toarray().tolist() == [[1, 0]]
    with pytest.raises(ValueError, match=r"'chr1' where the peaks say '1'"):
        lg.pp.scan_motifs(make(["1:0-29"]), genome=genome, motifs=motifs, missing_chromosomes="skip")
    with pytest.raises(ValueError, match=r"'1' where the peaks say 'chr1'"):
        lg.pp.scan_motifs(make(["chr1:0-29"]), genome=fasta(tmp_path, **{"1": FILL + SITE}), motifs=motifs)


def test_peak_beyond_the_end_and_only_n(tmp_path):
    motifs = {"GATA1": exact(SITE)}
    genome = fasta(tmp_path, chr1=FILL, chr2="N" * 40)
    with pytest.raises(ValueError, match=r"1 of 2 peaks reach beyond.*'chr1:5-21'; chr1 has 20 bp"):
        lg.pp.scan_motifs(make(["chr1:0-20", "chr1:5-21"]), genome=genome, motifs=motifs)
    with pytest.raises(ValueError, match="no sequence in any peak"):
        lg.pp.scan_motifs(make(["chr2:0-40"]), genome=genome, motifs=motifs)


def test_bad_options(tmp_path, monkeypatch):
    mdata, genome = make(["chr1:0-20"]), fasta(tmp_path, chr1=FILL)
    motifs = {"GATA1": exact(SITE)}
    for bad in ({"p_value": 0}, {"affinity": "mean"}, {"missing_chromosomes": "drop"}, {"species": "human"}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            lg.pp.scan_motifs(mdata, genome=genome, motifs=motifs, **bad)
    with pytest.raises(FileNotFoundError, match="No genome file"):
        lg.pp.scan_motifs(mdata, genome=tmp_path / "none.fa", motifs=motifs)
    with gzip.open(tmp_path / "plain.fa.gz", "wt") as file:
        file.write(f">chr1\n{FILL}\n")
    with pytest.raises(ValueError, match="bgzip"):
        lg.pp.scan_motifs(mdata, genome=tmp_path / "plain.fa.gz", motifs=motifs)
    monkeypatch.setitem(sys.modules, "pyjaspar", None)
    with pytest.raises(ImportError, match=r"pip install 'linger-multiome\[motifs\]'"):
        lg.pp.scan_motifs(mdata, genome=genome)


@pytest.mark.real
def test_bgzipped_genome_beside_which_nothing_is_written(real_data, tmp_path, monkeypatch):
    path = real_data / "genome" / "hg38_chrX_partial.fa.gz"
    before = sorted(path.parent.iterdir())
    fai, gzi = _sequences._fasta_index(path)
    assert fai.is_relative_to(tmp_path)
    written = fai.stat().st_mtime_ns, gzi.stat().st_mtime_ns
    assert _sequences._fasta_index(path) == (fai, gzi)
    assert (fai.stat().st_mtime_ns, gzi.stat().st_mtime_ns) == written
    assert sorted(path.parent.iterdir()) == before
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))  # no folder can be made there, even by root
    assert _sequences._cache_folder().is_dir()


def test_index_beside_the_fasta_is_used_unless_stale(tmp_path):
    import os

    path = fasta(tmp_path, chr1=FILL)
    beside = tmp_path / "genome.fa.fai"
    beside.write_text(f"chr1\t{len(FILL)}\t6\t{len(FILL)}\t{len(FILL) + 1}\n")
    assert _sequences._fasta_index(path)[0] == beside
    path.write_text(f">chr1\n{FILL}{FILL}\n")
    os.utime(path, (path.stat().st_mtime + 100,) * 2)
    assert _sequences.open_genome(path).lengths == {"chr1": 2 * len(FILL)}


@pytest.mark.real
def test_real_data_end_to_end(real_data):
    """H1 cells: CTCF sites are rarer than 1 in 4 peaks, and the HOMER file and JASPAR agree about where they are."""
    pytest.importorskip("pyjaspar")
    mdata = md.read_h5mu(real_data / "snare_h1" / "snare_h1.h5mu")
    chrom = mdata["atac"].var["chrom"].astype(str)
    assert "CTCF" in mdata["rna"].var_names
    options = {
        "genome": real_data / "genome" / "hg38_chrX_partial.fa.gz",
        "missing_chromosomes": "skip",
        "tfs": ["CTCF"],
    }
    found = {}
    for name, motifs, table in (
        ("jaspar", "jaspar", None),
        ("homer", real_data / "motifs" / "all_motif_rmdup", real_data / "motifs" / "Motif_TF_human.txt"),
    ):
        lg.pp.scan_motifs(mdata, motifs=motifs, motif_tf=table, **options)
        row = mdata.varp["linger_motif"][mdata.var_names.get_loc("CTCF")].toarray().ravel()[-mdata["atac"].n_vars :]
        assert row.max() == 1
        assert not row[(chrom != "chrX").to_numpy()].any()
        found[name] = row[(chrom == "chrX").to_numpy()]
    assert np.corrcoef(found["jaspar"], found["homer"])[0, 1] > 0.6
