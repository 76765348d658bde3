"""What several benchmarks need: where data are, cells made ready, the environment of LingerGRN."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

import linger as lg

CELL_LINES = ["BJ", "K562", "GM12878"]


def default_data():
    configured = os.environ.get("LINGER_TEST_DATA")
    return Path(configured) if configured else Path(__file__).resolve().parents[2] / "shared" / "data"


def read_cells(path, n_cells):
    """Return annotated cells, with the genes that at least `n_cells` express."""
    import mudata

    mdata = mudata.read_h5mu(path)
    lg.pp.restore_counts(mdata)
    lg.pp.annotate_genes(mdata, annotation="hg38")
    lg.pp.mark_tfs(mdata, tfs="human")
    lg.pp.link_peaks(mdata)
    expressed = np.asarray((mdata["rna"].X > 0).sum(axis=0)).ravel() >= n_cells
    return mdata, mdata["rna"].var_names[expressed]


def cell_line_panel(data):
    """Return pseudo-bulk expression and openness of three cell lines, samples x features."""
    folder = data / "snare_cellline_pseudobulk"
    return tuple(
        pd.DataFrame({line: read_column(folder / f"CL_{line}_PS_{kind}.txt.gz") for line in CELL_LINES}).fillna(0).T
        for kind in ("RNA", "ATAC")
    )


def read_column(path):
    return pd.read_csv(path, sep="\t", header=None, index_col=0)[1].groupby(level=0).max()


def default_peer_env():
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    writable = os.access(cache if cache.exists() else cache.parent, os.W_OK)
    return (cache if writable else Path(tempfile.gettempdir())) / "linger" / "lingergrn-1.117"


def peer_python(folder):
    """Return the interpreter of LingerGRN's environment, making the environment where it is not there yet."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = [str(python), "-c", "import psutil, shap, torch, LingerGRN.LINGER_tr"]
    if python.exists() and subprocess.run(ready, capture_output=True, check=False).returncode == 0:
        return python
    print(f"making an environment for LingerGRN in {folder} (minutes)", flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    for wanted in (["torch==2.13.0"], ["LingerGRN==1.117", "psutil"]):
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *wanted], check=True)
    return python


class PeakMemory(threading.Thread):
    """Follows the memory of this process and its children (shared pages counted once, as far as the system tells)."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak, self._done = 0, threading.Event()

    def run(self):
        process = psutil.Process()
        while not self._done.wait(0.05):
            total = process.memory_info().rss
            for child in process.children(recursive=True):
                try:
                    total += child.memory_full_info().uss
                except psutil.Error:
                    continue
            self.peak = max(self.peak, total)

    def stop(self):
        self._done.set()
        self.join()
        return self.peak
