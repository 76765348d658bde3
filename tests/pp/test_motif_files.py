"""Motif files in every format, and which gene a motif belongs to."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from linger.pp._motif_files import as_frequencies, jaspar_motifs, motifs_from_dict, read_motifs
from linger.pp._motif_tfs import GeneLookup, factor_names, match_motifs, read_motif_table

COUNTS = np.array([[8, 0, 1, 1], [0, 10, 0, 0], [2, 3, 4, 1]])  # positions x A, C, G, T
FREQUENCIES = COUNTS / 10


def rows(matrix, separator="\t"):
    return "\n".join(separator.join(str(value) for value in row) for row in matrix)


FORMATS = {
    "meme": (
        "MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\nBackground letter frequencies\n"
        "A 0.25 C 0.25 G 0.25 T 0.25\n\nMOTIF MA0001.1 FOS::JUN\n"
        f"letter-probability matrix: alength= 4 w= 3 nsites= 10 E= 0\n{rows(FREQUENCIES, '  ')}\n\n"
        "URL http://x.org/4 5 6 7\n\nMOTIF SPI1\n"
        f"letter-probability matrix: alength= 4 w= 3\n{rows(FREQUENCIES, ' ')}\n",
        [("MA0001.1", "FOS::JUN"), ("SPI1", "SPI1")],
    ),
    "homer": (
        f">ACG\tFOS(bZIP)/GSE1/Homer\t6.04\t-1e3\t0\n{rows(FREQUENCIES)}\n>ACG\tPU.1\t6\n{rows(FREQUENCIES)}\n",
        [("FOS(bZIP)/GSE1/Homer", "FOS(bZIP)/GSE1/Homer"), ("PU.1", "PU.1")],
    ),
    "jaspar": (
        ">MA0001.1\tFOS\nA  [ 8  0  2 ]\nC  [ 0 10  3 ]\nG  [ 1  0  4 ]\nT  [ 1  0  1 ]\n\n"
        ">MA0002.1 JUN\nT [1 0 1]\nG [1 0 4]\nC [0 10 3]\nA [8 0 2]\n",
        [("MA0001.1", "FOS"), ("MA0002.1", "JUN")],
    ),
    "pfm": (f">MA0001.1 FOS\n{rows(COUNTS.T, ' ')}\n", [("MA0001.1", "FOS")]),
    "pcm": (f">FOS_HUMAN.H11MO.0.A\n{rows(COUNTS)}\n", [("FOS_HUMAN.H11MO.0.A", "FOS_HUMAN.H11MO.0.A")]),
    "cisbp": ("Pos\tA\tC\tG\tT\n" + rows(np.c_[[1, 2, 3], COUNTS]), [("motif", "motif")]),
    "bare": (rows(COUNTS.T, " "), [("motif", "motif")]),
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("packed", [False, True])
def test_formats(kind, packed, tmp_path):
    text, expected = FORMATS[kind]
    path = tmp_path / "motif.txt"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    motifs = read_motifs(path)
    assert [(motif.name, motif.label) for motif in motifs] == expected
    for motif in motifs:
        np.testing.assert_allclose(motif.frequencies, FREQUENCIES)


def test_orientation():
    np.testing.assert_allclose(as_frequencies(COUNTS, "m"), FREQUENCIES)
    np.testing.assert_allclose(as_frequencies(COUNTS.T, "m"), FREQUENCIES)
    square = np.array([[8, 0, 1, 1], [0, 10, 0, 0], [2, 3, 4, 1], [7, 1, 1, 1]])
    np.testing.assert_allclose(as_frequencies(square, "m"), square / 10)
    np.testing.assert_allclose(as_frequencies(square.T, "m"), square / 10)
    labelled = pd.DataFrame(COUNTS[:, ::-1], columns=list("TGCA"))
    np.testing.assert_allclose(as_frequencies(labelled, "m"), FREQUENCIES)
    np.testing.assert_allclose(as_frequencies(labelled.T, "m"), FREQUENCIES)
    np.testing.assert_allclose(motifs_from_dict({"m": COUNTS.T})[0].frequencies, FREQUENCIES)


@pytest.mark.parametrize(
    "bad", [np.ones((3, 5)), np.ones(4), np.zeros((3, 4)), -np.ones((3, 4)), np.full((3, 4), np.nan)]
)
def test_bad_matrix(bad):
    with pytest.raises(ValueError, match="Motif 'm'"):
        as_frequencies(bad, "m")


def test_bad_files(tmp_path):
    path = tmp_path / "motif.txt"
    for text, message in (
        ("hello\n", "holds no motif"),
        (">m\n1 2 3\n1 2\n", "not rectangular"),
        (">m\n1 -2 3 4\n", "log-odds"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_motifs(path)
    with pytest.raises(FileNotFoundError, match="No motif file"):
        read_motifs(tmp_path / "none.meme")


def test_repeated_names_are_numbered_and_both_match_a_table(tmp_path):
    path = tmp_path / "motif.txt"
    path.write_text(f">m1\n{rows(COUNTS)}\n>m1\n{rows(COUNTS[::-1])}\n")
    motifs = read_motifs(path)
    assert [motif.name for motif in motifs] == ["m1", "m1#2"]
    table = pd.DataFrame({"motif": ["m1"], "tf": ["FOS"]})
    assert match_motifs(motifs, GeneLookup(["FOS"], ["FOS"]), table)["motif"].tolist() == ["m1", "m1#2"]


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("FOS::JUN", ["FOS", "JUN"]),
        ("Pou5f1::Sox2(var.2)", ["POU5F1", "SOX2"]),
        ("MA0001.1.FOS", ["FOS"]),
        ("NKX2-1", ["NKX2-1"]),
        ("FOXA1(Forkhead)/LNCAP-FOXA1-ChIP-Seq(GSE27824)/Homer", ["FOXA1"]),
        ("JUN_HUMAN.H11MO.0.A", ["JUN"]),
        ("SOX2.H12CORE.0.P.B", ["SOX2"]),
        ("JUN_2/encode", ["JUN"]),
        ("(FOXA1)_(Homo_sapiens)", ["FOXA1"]),
        ("Trp53", ["TP53"]),
        ("EWSR1-FLI1", []),
    ],
)
def test_labels(label, expected):
    genes = ["FOS", "JUN", "POU5F1", "SOX2", "NKX2-1", "FOXA1", "TP53", "FLI1"]
    lookup = GeneLookup(genes, genes)
    assert [gene for names in factor_names(label) for gene in lookup.find_first(names)] == expected


def test_lookup_prefers_case_and_finds_all_with_a_symbol():
    lookup = GeneLookup(["Fos", "FOS", "JUN", "JUN", "Trp53"], ["g1", "g2", "g3", "g4", "g5"])
    assert lookup.find("FOS") == ["g2"]
    assert lookup.find("fos") == ["g1", "g2"]
    assert lookup.find("Jun") == ["g3", "g4"]
    assert lookup.find("TP53") == ["g5"]
    assert lookup.find("none") == []


def test_tables(tmp_path):
    frame = pd.DataFrame({"tf": ["FOS", "JUN", "JUN"], "motif": ["a,b", "a,b", "a,b"]})
    expected = [["a,b", "FOS"], ["a,b", "JUN"]]
    assert read_motif_table(frame).to_numpy().tolist() == expected
    for name, separator, header in (("t.txt", "\t", False), ("t.tsv", "\t", True), ("t.csv", ",", True)):
        frame[["motif", "tf"]].to_csv(tmp_path / name, sep=separator, header=header, index=False)
        assert read_motif_table(tmp_path / name).to_numpy().tolist() == expected
    with pytest.raises(KeyError, match="no column 'tf'"):
        read_motif_table(pd.DataFrame({"motif": ["m"]}))


@pytest.mark.real
def test_real_homer_file_and_table(real_data):
    motifs = read_motifs(real_data / "motifs" / "all_motif_rmdup")
    assert len(motifs) == len({motif.name for motif in motifs}) == 1466
    assert all(np.allclose(motif.frequencies.sum(axis=1), 1) for motif in motifs)
    np.testing.assert_allclose(motifs[0].frequencies[2], [0.997, 0.001, 0.001, 0.001])
    assert motifs[0].frequencies.shape == (10, 4)
    table = read_motif_table(real_data / "motifs" / "Motif_TF_human.txt")
    pairs = match_motifs(motifs, GeneLookup(["ONECUT1", "SPI1"], ["ONECUT1", "SPI1"]), table)
    assert motifs[0].name in set(pairs["motif"][pairs["tf"] == "ONECUT1"])  # called HNF6 there


def test_jaspar():
    pytest.importorskip("pyjaspar")
    motifs = jaspar_motifs()
    assert len(motifs) > 800
    assert len({motif.name for motif in motifs}) == len(motifs)
    arnt = next(motif for motif in motifs if motif.name == "MA0004.1")
    np.testing.assert_allclose(arnt.frequencies[0], [0.2, 0.8, 0, 0])
    human = {motif.name for motif in jaspar_motifs("human")}
    assert human < {motif.name for motif in motifs}
    with pytest.raises(ValueError, match="no vertebrate motif of species 'martian'"):
        jaspar_motifs("martian")
