from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

import linger as lg

COLUMNS = ["chrom", "start", "end", "name", "score", "strand", "signal", "p", "q", "summit"]


def narrow_peaks(seed, n=300):
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 200_000, n)
    frame = pd.DataFrame(
        {"chrom": rng.choice(["chr1", "chr2", "chr10"], n), "start": start, "end": start + rng.integers(50, 600, n)}
    )
    frame["name"], frame["score"], frame["strand"] = "peak", rng.integers(1, 1000, n), "."
    frame["signal"] = rng.random(n).round(4) * 50
    frame["p"], frame["q"], frame["summit"] = 1.0, 1.0, 10
    return frame


@pytest.fixture
def samples():
    return {f"sample{i}": narrow_peaks(i) for i in range(4)}


@pytest.fixture
def folder(samples, tmp_path):
    for name, frame in samples.items():
        text = "track name=x\n" + frame.to_csv(sep="\t", header=False, index=False)
        with gzip.open(tmp_path / f"{name}_peaks.narrowPeak.gz", "wt") as file:
            file.write(text)
    return tmp_path


@pytest.mark.parametrize("value", ["signal", "score", "binary"])
def test_panel_equals_a_plain_loop(folder, samples, value):
    panel = lg.io.read_peaks_panel(folder, value=value)
    assert panel.obs_names.tolist() == sorted(samples)
    assert not panel.var.duplicated().any()
    for name, frame in samples.items():
        for column, peak in enumerate(panel.var.itertuples()):
            inside = frame[(frame["chrom"] == peak.chrom) & (frame["start"] < peak.end) & (frame["end"] > peak.start)]
            assert inside["start"].ge(peak.start).all()  # merged peaks hold every peak whole
            assert inside["end"].le(peak.end).all()
            expected = 0 if inside.empty else 1 if value == "binary" else inside[value].max()
            assert panel[name].X[0, column] == pytest.approx(expected)
    gaps = panel.var.sort_values(["chrom", "start"])
    same = gaps["chrom"].to_numpy()[1:] == gaps["chrom"].to_numpy()[:-1]
    assert (gaps["start"].to_numpy()[1:] >= gaps["end"].to_numpy()[:-1])[same].all()


def test_given_peaks_and_min_samples(folder, samples, tmp_path):
    bed = tmp_path / "wanted" / "peaks.bed"
    bed.parent.mkdir()
    bed.write_text("chr1\t0\t100000\nchr2\t0\t50\nchr10\t150000\t150001\n")
    panel = lg.io.read_peaks_panel(folder, peaks=bed, value="binary")
    assert set(panel.var_names) <= {"chr1:0-100000", "chr2:0-50", "chr10:150000-150001"}
    assert panel[:, "chr1:0-100000"].X.sum() == 4
    common = lg.io.read_peaks_panel(folder, value="binary", min_samples=3)
    assert (common.X.getnnz(axis=0) >= 3).all()
    with pytest.raises(ValueError, match="min_samples"):
        lg.io.read_peaks_panel(folder, min_samples=5)


def test_files_by_sample(folder):
    path = folder / "sample0_peaks.narrowPeak.gz"
    assert lg.io.read_peaks_panel({"liver": path}).obs_names.tolist() == ["liver"]
    with pytest.raises(FileNotFoundError, match="nowhere"):
        lg.io.read_peaks_panel({"liver": folder / "nowhere.bed"})


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("chr1\t5\t9\n", {}, "value='binary'"),
        ("chr1\t5\n", {"value": "binary"}, "start and end"),
        ("chr1\t9\t5\n", {"value": "binary"}, "do not parse"),
        ("chr1\t1\t5\nchr1\tx\t5\n", {"value": "binary"}, r"\(2 but"),
        ("chr1\t5\t9\n", {"value": "height"}, "value must be"),
        ("chr1\t5\t9\ta\t1\t.\t-1\n", {}, "negative numbers in column 7"),
        ("\t5\t9\n", {"value": "binary"}, "do not parse"),
        ("# nothing\n", {"value": "binary"}, "None of the files"),
    ],
)
def test_bad_files_are_named(tmp_path, text, options, message):
    (tmp_path / "bad.bed").write_text(text)
    with pytest.raises(ValueError, match=message):
        lg.io.read_peaks_panel(tmp_path, **options)


def test_empty_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="no narrowPeak"):
        lg.io.read_peaks_panel(tmp_path)


def test_quotes_comments_and_odd_chromosomes_are_read_as_they_are(tmp_path):
    text = (
        '#header\ntrack name="x y"\nchr1\t1\t5\t"a\nchr1\t10\t20\tpeak#2\nNA\t1\t5\tb"\n\ntrack_scaffold\t1\t9\tc\r\n'
    )
    (tmp_path / "odd.bed").write_bytes(text.encode())
    (tmp_path / "empty.bed").write_text("")
    panel = lg.io.read_peaks_panel(tmp_path, value="binary")
    assert set(panel.var_names) == {"chr1:1-5", "chr1:10-20", "NA:1-5", "track_scaffold:1-9"}
    assert panel["empty"].X.nnz == 0


def test_files_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "cut.bed.gz").write_bytes(gzip.compress(b"chr1\t1\t5\n" * 1000)[:-20])
    with pytest.raises(ValueError, match=r"cut\.bed\.gz cannot be read"):
        lg.io.read_peaks_panel(tmp_path, value="binary")
    with pytest.raises(TypeError, match="list"):
        lg.io.read_peaks_panel([tmp_path / "cut.bed.gz"])
