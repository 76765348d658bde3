"""Throughput of motif scanners, in megabases x motifs per second, both strands, p < 1e-4.

``python benchmarks/motif_scan.py [--genome path.fa --bed peaks.bed] [--megabases 5] [--motifs 60] [--jobs 1 2]``

Without a genome the sequence is random. Every engine gets the same motifs (JASPAR vertebrate CORE where pyjaspar is
installed, else random). lightmotif, MOODS and ours get the same whole-number matrices and thresholds, so their numbers
of hits must be equal, and the run fails if they are not; memelite computes its own thresholds against the uniform
background, so its number is near theirs on random sequence, and far above on real sequence with runs of N.
Each engine runs twice and the better time counts: compilation is not timed. "Ours" is everything from sequence to the
peaks x motifs matrix; with several jobs its processes are already started.

How the engine was chosen: exact hits first (memelite knows no background but the uniform one, and reports hits in N),
then speed per core, then licence (MOODS is GPL and builds from source). lightmotif holds the interpreter's lock, so
ours uses processes.
"""

from __future__ import annotations

import argparse
import os
import time

import lightmotif
import numpy as np

from linger.pp._motif_files import jaspar_motifs
from linger.pp._motif_hits import ScoredMotif, find_hits, scan_peaks
from linger.pp._pwm import log_odds, score_threshold
from linger.pp._sequences import background, open_genome

P_VALUE = 1e-4
UNIFORM = np.full(4, 0.25)
PEAK = 1000


def load_sequences(genome, bed, megabases, rng):
    if genome is None:
        letters = rng.choice(np.frombuffer(b"ACGT", dtype=np.uint8), (round(megabases * 1e6 / PEAK), PEAK))
        return [row.tobytes() for row in letters], "random sequence"
    opened, sequences = open_genome(genome), []
    with open(bed) as lines:
        for line in lines:
            chrom, start, end = line.split()[:3]
            if chrom in opened.lengths and sum(map(len, sequences)) < megabases * 1e6:
                sequences.append(opened.fetch(chrom, int(start), int(end)).upper().encode())
    return sequences, f"real sequence ({genome})"


def load_motifs(n, rng):
    try:
        motifs = [motif.frequencies for motif in jaspar_motifs()]
        motifs, source = motifs[:: max(len(motifs) // n, 1)][:n], "JASPAR"
    except ImportError:
        motifs, source = [rng.dirichlet([0.3] * 4, size=rng.integers(8, 16)) for _ in range(n)], "random"
    return motifs, source


def best_time(function):
    times = []
    for _ in range(2):
        begin = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - begin)
    return min(times), result


def with_lightmotif(joined, scored):
    striped = lightmotif.stripe(joined)
    return lambda: sum(find_hits(striped, motif).start.size for motif in scored)


def with_moods(joined, scored):
    import MOODS.scan

    stranded = [strand for motif in scored for strand in (motif.scores, motif.scores[::-1, ::-1])]
    matrices = [strand.T.astype(float).tolist() for strand in stranded]
    limits = [float(motif.threshold) for motif in scored for _ in range(2)]
    return lambda: sum(len(hits) for hits in MOODS.scan.scan_dna(joined, matrices, UNIFORM.tolist(), limits, 7))


def with_memelite(joined, frequencies, threads):
    import numba
    from memelite import fimo

    letters = np.frombuffer(joined.encode(), dtype=np.uint8)
    one_hot = np.stack([letters == code for code in b"ACGT"])[None].astype(np.int8)
    motifs = {str(i): np.ascontiguousarray(matrix.T) for i, matrix in enumerate(frequencies)}

    def run():
        numba.set_num_threads(threads)
        return sum(len(hits) for hits in fimo(motifs, one_hot, threshold=P_VALUE))

    return run


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--genome")
    parser.add_argument("--bed")
    parser.add_argument("--megabases", type=float, default=5)
    parser.add_argument("--motifs", type=int, default=60)
    parser.add_argument("--jobs", type=int, nargs="+", default=sorted({1, os.cpu_count() or 1}))
    options = parser.parse_args()
    if (options.genome is None) != (options.bed is None):
        parser.error("--genome and --bed go together")
    rng = np.random.default_rng(0)
    sequences, what = load_sequences(options.genome, options.bed, options.megabases, rng)
    frequencies, source = load_motifs(options.motifs, rng)
    letters = background(sequences)
    begin = time.perf_counter()
    scores = [log_odds(matrix, letters, 0.01) for matrix in frequencies]
    limits = [score_threshold(matrix, letters, P_VALUE) for matrix in scores]
    preparing = time.perf_counter() - begin
    kept = [i for i, limit in enumerate(limits) if limit is not None]
    scored = [ScoredMotif(scores[i], limits[i]) for i in kept]
    joined = b"N".join(sequences).decode() + "N" * 64
    work = len(joined) / 1e6 * len(scored)
    print(f"{what}, {len(joined) / 1e6:.2f} Mb in {len(sequences)} peaks; {os.cpu_count()} cores")
    print(f"{len(scored)} {source} motifs that can reach p < {P_VALUE}")
    print(f"thresholds: {1000 * preparing / len(scores):.2f} ms per motif")

    engines = {
        "lightmotif, 1 thread": lambda: with_lightmotif(joined, scored),
        "MOODS, 1 thread": lambda: with_moods(joined, scored),
    }
    for n in options.jobs:
        wanted = [frequencies[i] for i in kept]
        engines[f"memelite, {n} thread(s)"] = lambda n=n, wanted=wanted: with_memelite(joined, wanted, n)
        engines[f"ours end to end, {n} process(es)"] = lambda n=n: lambda: scan_peaks(sequences, scored, "max", n).nnz
    found = {}
    print(f"{'engine':32}{'seconds':>9}{'Mb motifs/s':>13}{'hits':>10}")
    for name, prepare in engines.items():
        try:
            run = prepare()
        except ImportError:
            print(f"{name:32}  not installed")
            continue
        seconds, found[name] = best_time(run)
        unit = " (peaks x motifs)" if name.startswith("ours") else ""
        print(f"{name:32}{seconds:9.2f}{work / seconds:13.0f}{found[name]:10d}{unit}")
    exact = {found[name] for name in found if name.startswith(("lightmotif", "MOODS"))}
    if len(exact) > 1:
        raise SystemExit(f"engines disagree: {found}")


if __name__ == "__main__":
    main()
