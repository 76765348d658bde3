from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import linger as lg

KINDS = ("trans", "cis", "binding")


def frame_of(mdata, name):
    return pd.DataFrame(mdata.varp[f"linger_{name}"].toarray(), mdata.var_names, mdata.var_names)


@pytest.mark.parametrize("kind", KINDS)
def test_matrix_is_the_equation_on_the_slots(fitted, kind):
    found = lg.get.matrix(fitted, kind=kind)
    expected = frame_of(fitted, kind)
    if kind == "cis":
        expected *= np.exp(-frame_of(fitted, "distance") / 25_000)
    if kind == "binding":
        expected += frame_of(fitted, "motif")
    np.testing.assert_allclose(
        found.matrix.toarray(), expected.loc[found.sources, found.targets], rtol=1e-5, atol=1e-30
    )
    assert expected.drop(index=found.sources).to_numpy().sum() == 0
    assert expected.drop(columns=found.targets).to_numpy().sum() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_table_equals_matrix(fitted, kind):
    table, found = lg.get.network(fitted, kind=kind), lg.get.matrix(fitted, kind=kind)
    dense = table.pivot(index="source", columns="target", values="weight").reindex(found.sources, axis=0)
    np.testing.assert_allclose(dense.reindex(found.targets, axis=1).fillna(0).to_numpy(), found.matrix.toarray())
    assert table["weight"].is_monotonic_decreasing
    if kind != "binding":
        assert set(table["sign"]) <= {-1, 0, 1}
        assert set(table["sign"]) >= {-1, 1}


def test_binding_is_alpha_plus_motif(fitted):
    table = lg.get.network(fitted, kind="binding")
    np.testing.assert_allclose(table["weight"], table["alpha"] + table["motif"], rtol=1e-6)
    motif = fitted.varp["linger_motif"]
    assert (table["motif"] > 0).sum() == motif.nnz  # no motif hit is lost
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
    one = lg.get.network(fitted, kind="trans", sources=source, targets=[target])
    assert one["weight"].tolist() == [whole.loc[3, "weight"]]
    pd.testing.assert_frame_equal(lg.get.network(fitted, kind="trans", top=7), whole.head(7))


def test_errors(fitted):
    with pytest.raises(KeyError, match="unknown"):
        lg.get.network(fitted, sources=["nobody"])
    with pytest.raises(ValueError, match="kind must be one of"):
        lg.get.network(fitted, kind="sideways")
    with pytest.raises(KeyError, match="Fit first"):
        lg.get.network(fitted, key="other")
    fitted.varp["linger_trans"] = sparse.csr_matrix(fitted.varp["linger_trans"]) * np.nan
    with pytest.raises(ValueError, match=r"mdata\.update"):
        lg.get.network(fitted)
