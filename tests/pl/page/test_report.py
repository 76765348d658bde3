"""What the report holds."""

from __future__ import annotations

import re
import sys

import numpy as np
import pandas as pd
import pytest

import linger as lg
from linger.pl._page._figures import _importance

from .reading import ALARMING, data_of, frame_of, written

pytest.importorskip("plotly")


def test_edges_are_those_of_the_networks(everything, tmp_path):
    data = data_of(written(everything, tmp_path / "report.html", top=7, n_targets=3))
    groups = [None, *lg.get.groups(everything)]
    for kind, source, target in (("trans", "TF", "gene"), ("cis", "peak", "gene"), ("binding", "TF", "peak")):
        for position, group in enumerate(groups):
            shown = frame_of(data, kind, position)
            expected = lg.get.network(everything, kind, group=group, top=7)
            assert shown[source].tolist() == expected["source"].tolist()
            assert shown[target].tolist() == expected["target"].tolist()
            np.testing.assert_allclose(shown["weight"], expected["weight"], rtol=1e-3)
    words = {1: "activates", -1: "represses", 0: "unclear"}
    expected = lg.get.network(everything, "trans", group=groups[2], top=7)
    assert frame_of(data, "trans", 2)["sign"].tolist() == expected["sign"].map(words).tolist()


def test_targets_of_every_tf_and_peaks_of_chosen_genes(everything, tmp_path):
    data = data_of(written(everything, tmp_path / "report.html", n_targets=3, n_genes=5))
    group = lg.get.groups(everything)[1]
    targets, edges = data["targets"], data["targets"]["edges"][2]
    expected = lg.get.network(everything, "trans", group=group, top=3, per="source")
    assert [targets["tfs"][i] for i in edges["source"]] == expected["source"].tolist()
    assert [targets["genes"][i] for i in edges["target"]] == expected["target"].tolist()
    drawn = targets["strongest"][2]  # where no TF is chosen; many may be of one TF
    expected = lg.get.network(everything, "trans", group=group, top=40)
    assert [targets["tfs"][i] for i in drawn["source"]] == expected["source"].tolist()
    assert [targets["genes"][i] for i in drawn["target"]] == expected["target"].tolist()
    assert expected["source"].value_counts().max() > 3
    loci, edges = data["loci"], data["loci"]["edges"][2]
    quality = everything["rna"].var["linger_correlation"]
    best = quality[lg.get.matrix(everything, "cis").targets].sort_values(ascending=False).index[:5]
    assert loci["genes"] == sorted(best)
    assert [loci["genes"][i] for i in loci["first"]] == [best[0]]  # the page opens on it
    assert loci["tss"] == everything["rna"].var.loc[loci["genes"], "tss"].tolist()
    expected = lg.get.network(everything, "cis", group=group, targets=loci["genes"], top=8, per="target")
    assert [loci["peaks"][i] for i in edges["source"]] == expected["source"].tolist()
    assert loci["start"] == everything["atac"].var.loc[loci["peaks"], "start"].tolist()


def test_tfs_are_ordered_by_importance_in_a_type(everything, tmp_path):
    data = data_of(written(everything, tmp_path / "report.html"))
    group = lg.get.groups(everything)[0]
    shown = frame_of(data, "tfs", 1)
    expected = lg.get.tf_importance(everything, group=group).set_index("tf")["importance"]
    np.testing.assert_allclose(shown["importance"], expected[shown["TF"]], rtol=1e-3)
    assert shown["importance"].is_monotonic_decreasing
    trans = lg.get.matrix(everything, "trans", group=group)
    total = pd.Series(trans.matrix.sum(axis=1).A1, trans.sources)
    np.testing.assert_allclose(shown["total weight"], total[shown["TF"]], rtol=1e-3)
    assert frame_of(data, "tfs", 0)["importance"].isna().all()
    heatmap = data["figures"]["importance"]["data"][0]
    assert len(heatmap["x"]) == 3
    assert np.shape(heatmap["z"]) == (len(heatmap["y"]), 3)
    everything["rna"].varm["linger_tf_importance"] *= 0
    assert "importance" not in data_of(written(everything, tmp_path / "none.html"))["figures"]  # nothing to draw


def test_every_type_has_its_tf_in_the_heatmap():
    names = [f"{number:02d}" for number in range(70)]
    table = pd.DataFrame({"group": np.repeat(names, 70), "tf": np.tile(names, 70), "importance": np.eye(70).ravel()})
    table = table.sort_values(["group", "importance"], ascending=[True, False])
    drawn = _importance(table, dict(zip(names, names, strict=True)))
    assert drawn["layout"]["yaxis"]["ticktext"] == names


def test_further_results_are_shown_where_stored(everything, tmp_path):
    data = data_of(written(everything, tmp_path / "report.html"))
    names = {table["name"] for table in data["tables"]}
    assert names >= {"drivers", "modules", "traits_tfs", "traits_groups", "traits_key_tfs", "traits_genes"}
    expected = lg.get.drivers(everything)
    shown = frame_of(data, "drivers")
    assert shown["TF"].tolist() == expected["tf"].tolist()
    np.testing.assert_allclose(shown["p_adj"].astype(float), expected["p_adj"], rtol=1e-3)


def test_a_fit_alone_suffices(tmp_path):
    mdata = lg.ds.toy()
    lg.pp.link_peaks(mdata)
    lg.tl.fit(mdata, config=lg.FitConfig(epochs=3, n_folds=0))
    text = written(mdata, tmp_path / "report.html")
    data = data_of(text)
    assert {table["name"] for table in data["tables"]} == {"tfs", "trans", "cis", "binding"}
    assert list(data["figures"]) == ["loss"]
    assert "its edges is not known" in text
    assert len(data["targets"]["edges"]) == 1


def test_the_summary_counts_the_data(everything, tmp_path):
    text = written(everything, tmp_path / "report.html", title="Blood")
    record = everything.uns["linger"]["fit"]
    shown = dict(re.findall(r"<li><strong>(.*?)</strong> (.*?)</li>", text))
    for number, what in ((everything.n_obs, "cells"), (record["n_genes"], "genes with a network"), (3, "cell types")):
        assert shown[f"{number:,}"] == what
    assert "<h1>Blood</h1>" in text
    assert f"<dd>{record['linger']}</dd>" in text
    (median,) = data_of(text)["figures"]["quality"]["layout"]["annotations"]  # stands at its line
    assert median["x"] == pytest.approx(everything["rna"].var["linger_correlation"].median())
    assert median["text"] == f"median {median['x']:.2f}"
    sizes = everything.uns["linger"]["groups"]["n_cells"]
    assert f"type_1 ({sizes[0]} cells)</option>" in text


def test_names_are_text_whatever_they_hold(alarming, tmp_path):
    text = written(alarming, tmp_path / "report.html", title=ALARMING, gene_symbols="symbol", n_targets=50)
    assert "<script>alert" not in text
    data = data_of(text)
    assert ALARMING in data["names"]
    assert ALARMING in data["targets"]["tfs"] + data["targets"]["genes"]


def test_symbols_stand_for_names_and_ambiguous_ones_keep_both(everything, tmp_path):
    rna = everything["rna"]
    symbols = pd.Series([f"S{i}" for i in range(rna.n_vars)], rna.var_names, dtype=object)
    symbols[["TF1", "TF2"]] = "SAME"
    symbols["TF3"] = np.nan
    rna.var["symbol"] = symbols
    data = data_of(written(everything, tmp_path / "report.html", gene_symbols="symbol"))
    assert set(frame_of(data, "tfs")["TF"]) >= {"SAME (TF1)", "SAME (TF2)", "TF3", symbols["TF4"]}
    assert set(frame_of(data, "drivers")["TF"]) == set(frame_of(data, "tfs")["TF"])


def test_the_same_fit_gives_the_same_bytes(everything, tmp_path):
    before = everything.copy()
    written(everything, tmp_path / "one.html")
    order = np.random.default_rng(0).permutation(everything.n_obs)
    written(everything[order].copy(), tmp_path / "two.html")
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.html", "two.html"]  # nothing partial is left
    assert before.uns["linger"].keys() == everything.uns["linger"].keys()
    pd.testing.assert_frame_equal(before["rna"].var, everything["rna"].var)


def test_nothing_is_loaded_from_elsewhere(everything, tmp_path):
    text = written(everything, tmp_path / "report.html")
    own = re.sub(
        r"<script>.*?</script>|<style>.*?</style>", "", text, flags=re.DOTALL
    )  # libraries name their licences' pages
    assert not re.findall(r"""(?:src|href|action)\s*=\s*["']?(?!#|data:)[^"'\s>]+""", own)
    assert "default-src 'none'" in own  # and the browser sees to it


def test_what_is_wrong_is_said(everything, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    with pytest.raises(KeyError, match="Fit first"):
        lg.pl.report(lg.ds.toy(), path)
    with pytest.raises(KeyError, match="Fit first"):
        lg.pl.report(everything, path, key="other")
    with pytest.raises(KeyError, match="no column 'symbol'"):
        lg.pl.report(everything, path, gene_symbols="symbol")
    for option in ("top", "n_targets", "n_genes"):
        with pytest.raises(ValueError, match=f"{option} must be 1 or more"):
            lg.pl.report(everything, path, **{option: 0})
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(ImportError, match=r"linger-multiome\[report\]"):
        lg.pl.report(everything, path)
    assert not path.exists()
