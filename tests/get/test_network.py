from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import linger as lg

KINDS = ("trans", "cis", "binding")


def frame_of(mdata, name):
    return pd.DataFrame(mdata.varp[f"linger_{name}"].toarray(), mdata.var_names, mdata.var_names)


def by_the_equation(mdata, kind):
    """The equations of the docstring, dense, over the joint axis."""
    cis = frame_of(mdata, "cis") * np.exp(-frame_of(mdata, "distance") / 25_000)
    alpha, motif = frame_of(mdata, "binding"), frame_of(mdata, "motif")
    known = motif.sum(axis=1) > 0
    binding = (alpha + motif).where(motif > 0, 0)
    average = binding.to_numpy().sum() / known.sum()
    for tf in alpha.index[(alpha.sum(axis=1) > 0) & ~known]:
        binding.loc[tf] = alpha.loc[tf] / alpha.loc[tf].sum() * average
    return {"cis": cis, "binding": binding, "trans": frame_of(mdata, "trans") * (binding @ cis)}[kind]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("without_motif", [False, True])
def test_matrix_is_the_equation_on_the_slots(fitted, kind, without_motif):
    if without_motif:  # one TF loses its motif before the fit
        keep = np.ones(fitted.n_vars)
        keep[np.flatnonzero(np.diff(fitted.varp["linger_motif"].indptr))[0]] = 0
        fitted.varp["linger_motif"] = sparse.csr_matrix(sparse.diags(keep) @ fitted.varp["linger_motif"])
        fitted.varp["linger_motif"].eliminate_zeros()
        lg.tl.fit(fitted, config=lg.FitConfig(epochs=10, n_folds=0, binding_share=1.0))
    found, expected = lg.get.matrix(fitted, kind=kind), by_the_equation(fitted, kind)
    np.testing.assert_allclose(
        found.matrix.toarray(),
        expected.loc[found.sources, found.targets],
        rtol=1e-4,
        atol=1e-7 * expected.to_numpy().max(),
    )
    assert expected.drop(index=found.sources).to_numpy().sum() == 0
    assert expected.drop(columns=found.targets).to_numpy().sum() == 0
    chosen = {"peaks" if kind == "cis" else "tfs": found.sources[:3], "targets": found.targets[5:9]}
    part = lg.get.matrix(fitted, kind=kind, **chosen)
    np.testing.assert_array_equal(part.matrix.toarray(), found.matrix[:3, 5:9].toarray())


def test_without_motifs_binding_is_alpha(fitted):
    del fitted.varp["linger_motif"]
    lg.tl.fit(fitted, config=lg.FitConfig(epochs=5, n_folds=0))
    found = lg.get.matrix(fitted, kind="binding")
    np.testing.assert_array_equal(found.matrix.toarray(), frame_of(fitted, "binding").loc[found.sources, found.targets])


@pytest.mark.parametrize("kind", KINDS)
def test_table_equals_matrix(fitted, kind):
    table, found = lg.get.network(fitted, kind=kind), lg.get.matrix(fitted, kind=kind)
    dense = table.pivot(index="source", columns="target", values="weight").reindex(found.sources, axis=0)
    np.testing.assert_allclose(dense.reindex(found.targets, axis=1).fillna(0).to_numpy(), found.matrix.toarray())
    assert table["weight"].is_monotonic_decreasing
    if kind != "binding":
        assert set(table["sign"]) <= {-1, 0, 1}
        assert set(table["sign"]) >= {-1, 1}


def test_binding_is_alpha_plus_motif_at_every_hit(fitted):
    table = lg.get.network(fitted, kind="binding")
    motif = fitted.varp["linger_motif"]
    assert (table["motif"] > 0).sum() == motif.nnz
    hits = table[table["motif"] > 0]
    np.testing.assert_allclose(hits["weight"], hits["alpha"] + hits["motif"], rtol=1e-6)
    row = table[table["motif"] > 0].iloc[-1]
    rows, cols = fitted.var_names.get_indexer([row["source"]]), fitted.var_names.get_indexer([row["target"]])
    assert motif[rows[0], cols[0]] == pytest.approx(row["motif"])


def test_cis_distance_is_the_links(fitted):
    table = lg.get.network(fitted, kind="cis", top=20)
    rows, cols = fitted.var_names.get_indexer(table["source"]), fitted.var_names.get_indexer(table["target"])
    np.testing.assert_array_equal(table["distance"], np.asarray(fitted.varp["linger_distance"][rows, cols]).ravel())


def test_no_gene_regulates_itself(fitted):
    table = lg.get.network(fitted, kind="trans")
    assert not (table["source"] == table["target"]).any()


def test_selection_and_top(fitted):
    whole = lg.get.network(fitted, kind="trans")
    source, target = whole.loc[3, ["source", "target"]]
    one = lg.get.network(fitted, kind="trans", tfs=source, targets=[target])
    assert one["weight"].tolist() == [whole.loc[3, "weight"]]
    pd.testing.assert_frame_equal(lg.get.network(fitted, kind="trans", top=7), whole.head(7))


def test_errors(fitted):
    with pytest.raises(KeyError, match="unknown"):
        lg.get.network(fitted, tfs=["nobody"])
    with pytest.raises(ValueError, match="tfs= names no sources of 'cis'"):
        lg.get.network(fitted, kind="cis", tfs=["TF1"])
    with pytest.raises(ValueError, match="peaks= names no sources of 'trans'"):
        lg.get.network(fitted, kind="trans", peaks=["chr1:1-2"])
    with pytest.raises(ValueError, match="kind must be one of"):
        lg.get.network(fitted, kind="sideways")
    with pytest.raises(KeyError, match=r"Call lg\.tl\.fit"):
        lg.get.network(fitted, key="other")
    fitted.varp["linger_trans"] = sparse.csr_matrix(fitted.varp["linger_trans"]) * np.nan
    with pytest.raises(ValueError, match=r"mdata\.update"):
        lg.get.network(fitted)


def said(caplog):
    return caplog.records[-1].getMessage() if caplog.records else ""


def test_an_empty_network_says_why(fitted, caplog):
    trans = lg.get.network(fitted, "trans", top=1)
    tf, gene = trans.loc[0, ["source", "target"]]
    lg.tl.group_means(fitted, "cell_type")
    caplog.clear()
    lg.get.network(fitted, "trans", tfs=tf, targets=gene)
    assert not caplog.records  # there is one
    assert lg.get.network(fitted, "trans", tfs=iter([tf]), targets=iter([gene]), min_z=1e9).empty
    assert "below it" in said(caplog)
    assert lg.get.network(fitted, "trans", group="type_1", tfs=tf, targets=gene, min_z=1e9).empty
    assert "below the threshold" in said(caplog)

    silent = fitted.copy()
    silent["rna"].varm["linger_group_mean"][silent["rna"].var_names.get_loc(tf), 0] = 0
    assert lg.get.network(silent, "trans", group="type_1", tfs=tf, targets=gene).empty
    assert f"'{tf}' has no counts in 'type_1'" in said(caplog)

    peaks = lg.get.network(fitted, "cis", targets=gene)["source"]
    unscanned = fitted.copy()
    at = np.isin(unscanned.var_names, peaks)
    unscanned.varp["linger_motif"] = sparse.csr_matrix(
        unscanned.varp["linger_motif"] @ sparse.diags((~at).astype(float))
    )
    unscanned["atac"].var["linger_gc"] = np.where(unscanned["atac"].var_names.isin(peaks), np.nan, 0.5)
    for group in (None, ["type_1", "type_2"]):
        assert lg.get.network(unscanned, "trans", group=group, tfs=tf, targets=gene).empty
        assert f"No peak that regulates these genes has a motif of '{tf}'" in said(caplog)
        assert f"{len(peaks)} of {fitted['atac'].n_vars} peaks were not scanned" in said(caplog)

    unused = fitted.copy()
    unused.varp["linger_trans"] = unused.varp["linger_trans"] * 0
    assert lg.get.network(unused, "trans", tfs=tf).empty
    assert "no strength to any of these TFs" in said(caplog)
    unused.varp["linger_cis"] = unused.varp["linger_cis"] * 0
    assert lg.get.network(unused, "cis", targets=gene).empty
    assert "no strength to any of these peaks" in said(caplog)


def test_a_gene_that_is_not_marked_as_a_tf_is_named(fitted):
    gene = fitted["rna"].var_names[~fitted["rna"].var["is_tf"]][0]
    for call in (
        lambda: lg.get.network(fitted, tfs=gene),
        lambda: lg.get.regulons(fitted, tfs=["TF1", gene]),
        lambda: lg.get.target_overlap(fitted, [gene], tfs=[gene]),
    ):
        with pytest.raises(KeyError, match=rf"'{gene}' is a gene but not marked as a TF.*lg\.pp\.mark_tfs"):
            call()
    with pytest.raises(KeyError, match="1 of 1 TFs are unknown: 'nobody'"):
        lg.get.network(fitted, tfs="nobody")
