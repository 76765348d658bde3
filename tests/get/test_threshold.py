from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import zscore

import linger as lg
from linger.get._threshold import mean_z, strongest


@pytest.fixture
def matrix():
    rng = np.random.default_rng(0)
    dense = rng.integers(0, 6, (9, 14)).astype(np.float32)  # many ties and zeros
    return sparse.csr_matrix(dense), pd.Index(rng.permutation([f"s{i}" for i in range(9)])), pd.Index(
        rng.permutation([f"t{i}" for i in range(14)])
    )  # fmt: skip


def plainly(matrix, sources, targets, top, per):
    """All edges as a sorted list, kept one at a time."""
    edges = [
        (-matrix[i, j], source, target)
        for i, source in enumerate(sources)
        for j, target in enumerate(targets)
        if matrix[i, j]
    ]
    kept, seen = set(), {}
    total = pd.Series([{"source": edge[1], "target": edge[2], None: 0}[per] for edge in edges]).value_counts()
    for edge in sorted(edges):
        group = {"source": edge[1], "target": edge[2], None: 0}[per]
        seen[group] = seen.get(group, 0) + 1
        if seen[group] <= (np.ceil(total[group] * top) if top < 1 else top):
            kept.add(edge[1:])
    return kept


@pytest.mark.parametrize("per", [None, "source", "target"])
@pytest.mark.parametrize("top", [1, 3, 40, 10_000, 0.01, 0.3, 0.99])
def test_top_keeps_the_strongest_and_ties_go_by_name(matrix, top, per):
    values, sources, targets = matrix
    found = strongest(values, sources, targets, top=top, per=per, min_z=None).tocoo()
    kept = set(zip(sources[found.row], targets[found.col], strict=True))
    assert kept == plainly(values.toarray(), sources, targets, top, per)


def test_z_is_the_mean_of_row_and_column_z(matrix):
    values, sources, targets = matrix
    dense = values.toarray()
    z = (zscore(dense, axis=0) + zscore(dense, axis=1)) / 2
    np.testing.assert_allclose(mean_z(values), z[values.nonzero()], rtol=1e-5, atol=1e-6)
    found = strongest(values, sources, targets, top=None, per=None, min_z=0.8)
    np.testing.assert_array_equal(found.toarray() > 0, (z > 0.8) & (dense > 0))
    both = strongest(values, sources, targets, top=2, per="source", min_z=0.8)
    assert both.getnnz(axis=1).max() <= 2
    assert (found.toarray()[both.nonzero()] > 0).all()


def test_network_and_matrix_keep_the_same_edges(fitted):
    for options in ({"top": 20}, {"top": 0.1}, {"top": 2, "per": "target"}, {"min_z": 1.0}):
        matrix, table = lg.get.matrix(fitted, "trans", **options), lg.get.network(fitted, "trans", **options)
        assert matrix.matrix.nnz == len(table) > 0
        assert matrix.matrix.sum() == pytest.approx(table["weight"].sum(), rel=1e-5)


@pytest.mark.parametrize(
    "options",
    [{"top": 0}, {"top": -1}, {"top": 1.5}, {"top": True}, {"per": "source"}, {"top": 3, "per": "gene"},
     {"min_z": float("nan")}],
)  # fmt: skip
def test_errors(fitted, options):
    with pytest.raises(ValueError, match=r"top must|per must|min_z must"):
        lg.get.network(fitted, "trans", **options)


def test_a_table_too_large_asks_for_a_threshold(fitted, monkeypatch):
    monkeypatch.setitem(lg.get._network._MOST_EDGES, "binding", 10)
    with pytest.raises(ValueError, match="top="):
        lg.get.network(fitted, "binding")
    assert len(lg.get.network(fitted, "binding", top=10)) == 10
