"""Fits that are killed at random moments and called again, beside one that is left alone.

    python benchmarks/kill.py [--kills 20] [--n-jobs 1] [--seed 0]

A fit with cross-validation and a store runs in a process of its own, is killed (SIGKILL) after a random time, up to what it takes undisturbed, and is started again
with the same arguments; where it comes to its end, the networks on disk (by checksum of all files), the quality of fit and the slots of the MuData are compared with
those of the undisturbed run, to the last bit, and the next begins. Target: all are the same.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FIT = """
import hashlib, sys, warnings
import torch
warnings.filterwarnings("ignore")
torch.set_num_threads(1)
import linger as lg

sim = lg.ds.simulate(n_cells=300, n_genes=120, n_tfs=20, n_peaks=700, n_cell_types=3, rng=0)
lg.pp.link_peaks(sim.mdata)
print("ready", flush=True)
config = lg.FitConfig(epochs=20, n_folds=2, block_size=4)
lg.tl.fit(sim.mdata, config=config, store=sys.argv[1], n_jobs=int(sys.argv[2]))
found = hashlib.sha256()
for name in sorted(sim.mdata.varp):
    matrix = sim.mdata.varp[name]
    for part in (matrix.data, matrix.indices, matrix.indptr):
        found.update(part.tobytes())
found.update(sim.mdata["rna"].var[["linger_r2", "linger_correlation"]].to_numpy().tobytes())
store = lg.io.read_store(sim.mdata)
store.verify()
print(store.checksum, found.hexdigest(), flush=True)
"""


def run(store, n_jobs, kill_after=None):
    """Fit, and return what was printed and the seconds it took; None where it was killed first."""
    command = [sys.executable, "-c", FIT, str(store), str(n_jobs)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout.readline() == "ready\n"
        begin = time.perf_counter()
        try:
            out, _ = process.communicate(timeout=kill_after)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # and its helpers
            return None, kill_after
    assert process.returncode == 0, out
    return out, time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in {"kills": 20, "n-jobs": 1, "seed": 0}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    draw, killed, finished, same, since = random.Random(options.seed), 0, 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        undisturbed, seconds = run(Path(folder, "undisturbed"), options.n_jobs)
        print(f"undisturbed: {seconds:.1f} s", flush=True)
        while killed < options.kills or since:
            after = draw.uniform(0, seconds) if killed < options.kills else None
            found, took = run(Path(folder, f"networks{finished}"), options.n_jobs, after)
            if found is None:
                killed, since = killed + 1, since + 1
                kept = len(list(Path(folder).glob(f".networks{finished}.partial/*.safetensors")))
                print(f"killed after {took:5.1f} s, {kept} files are kept", flush=True)
                continue
            same += found == undisturbed
            print(f"finished in {took:5.1f} s after {since} kills: {'same' if found == undisturbed else 'DIFFERENT'}")
            finished, since = finished + 1, 0
    verdict = "PASS" if same == finished else "FAIL"
    print(f"{killed} kills, {finished} fits came to their end, {same} of them the same to the last bit: {verdict}")


if __name__ == "__main__":
    main()
