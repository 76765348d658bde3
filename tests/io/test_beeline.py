from __future__ import annotations

import numpy as np
import pytest

import linger as lg


def test_both_layouts_give_the_same(tmp_path):
    (tmp_path / "genes_in_rows.csv").write_text(",c1,c2,c3\nA,1,2,3\nB,0,3,1.5\nC,0,0,1\n")
    (tmp_path / "cells_in_rows.csv").write_text("A,B,C\n1,0,0\n2,3,0\n3,1.5,1\n")
    (tmp_path / "pairs.csv").write_text("TF,Target,Label,Score\nA,B,1,900\nA,C,0,0\nA,X,1,3\n")
    one, other = (
        lg.io.read_beeline(tmp_path / f"{name}.csv", tmp_path / "pairs.csv")
        for name in ("genes_in_rows", "cells_in_rows")
    )
    np.testing.assert_array_equal(one.adata.X, other.adata.X)
    assert list(one.adata.var_names) == list(other.adata.var_names) == ["A", "B", "C"]
    assert one.pairs.to_numpy().tolist() == [["A", "B", True], ["A", "C", False]]
    (tmp_path / "none.csv").write_text("Gene1,Gene2\nU,V\n")
    with pytest.raises(ValueError, match="None of 1 pairs"):
        lg.io.read_beeline(tmp_path / "genes_in_rows.csv", tmp_path / "none.csv")
    (tmp_path / "words.csv").write_text("A,B\nx,y\n1,2\n")
    with pytest.raises(ValueError, match="not numbers"):
        lg.io.read_beeline(tmp_path / "words.csv", tmp_path / "pairs.csv")


def test_positions_of_genelink_need_their_names(tmp_path):
    (tmp_path / "x.csv").write_text("A,B\n1,2\n")
    (tmp_path / "a_Label.csv").write_text(",TF,Target\n0,1,0\n")
    with pytest.raises(ValueError, match=r"no a_Target\.csv"):
        lg.io.read_beeline(tmp_path / "x.csv", tmp_path / "a_Label.csv")
    (tmp_path / "a_Target.csv").write_text(",Gene,index\n0,A,0\n1,B,1\n")
    assert lg.io.read_beeline(tmp_path / "x.csv", tmp_path / "a_Label.csv").pairs.to_numpy().tolist() == [["B", "A"]]


def test_real_data_sets(real_data):
    folder = real_data / "beeline"
    hsc = lg.io.read_beeline(folder / "mHSC-E_expression.csv.gz", folder / "mHSC-E_pairs.csv")
    assert hsc.adata.shape == (1071, 354)
    assert (len(hsc.pairs), hsc.pairs["label"].sum()) == (1353, 676)
    for network in ("ChIPspecific", "ChIPnonspecific", "STRING"):
        stem = f"mDC_TFs+500_{network}"
        by_name = lg.io.read_beeline(folder / "mDC_TFs+500_expression.csv.gz", folder / f"{stem}_BL--network.csv")
        by_position = lg.io.read_beeline(folder / "mDC_TFs+500_expression.csv.gz", folder / f"{stem}_Label.csv")
        assert by_name.adata.shape == (383, 821)
        assert set(map(tuple, by_position.pairs.to_numpy())) <= set(
            map(tuple, by_name.pairs[["source", "target"]].to_numpy())
        )


def test_numbered_cells_are_no_gene(tmp_path):
    (tmp_path / "expression.csv").write_text(",A,B,C\n0,1,2,3\n1,0,3,1\n")
    (tmp_path / "pairs.csv").write_text("TF,Target,Label\nA,B,1\nA,C,0\n")
    data = lg.io.read_beeline(tmp_path / "expression.csv", tmp_path / "pairs.csv")
    assert data.adata.var_names.tolist() == ["A", "B", "C"]
    assert data.pairs["label"].tolist() == [True, False]


def test_labels_of_numbered_pairs_are_kept(tmp_path):
    (tmp_path / "expression.csv").write_text(",c1,c2\nA,1,2\nB,0,3\nC,4,4\n")
    (tmp_path / "Target.csv").write_text("Gene,index\nA,0\nB,1\nC,2\n")
    (tmp_path / "Label.csv").write_text("TF,Target,Label\n0,1,1\n0,2,0\n")
    data = lg.io.read_beeline(tmp_path / "expression.csv", tmp_path / "Label.csv")
    assert data.pairs[["source", "target", "label"]].values.tolist() == [["A", "B", True], ["A", "C", False]]
