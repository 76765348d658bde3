from __future__ import annotations

import numpy as np
import pytest

import linger as lg


@pytest.fixture
def typed(fitted):
    fitted["rna"].obs["cell_type"] = fitted["rna"].obs["cell_type"].astype(str).str.replace("type_", "B/")
    fitted.obs = fitted.obs.drop(columns="cell_type")
    lg.tl.group_means(fitted, "cell_type")
    return fitted


def test_networks_come_back(typed, tmp_path):
    path = tmp_path / "networks.zarr"
    lg.io.write_networks(typed, path)
    stored = lg.io.read_networks(path)
    assert stored.groups == ["B/1", "B/2", "B/3"] == lg.get.groups(typed)
    for kind in stored.kinds:
        for group in stored.groups:
            found, expected = stored.matrix(kind, group), lg.get.matrix(typed, kind, group=group)
            assert found.matrix.dtype == np.float32
            np.testing.assert_array_equal(found.matrix.toarray(), expected.matrix.toarray())
            assert found.sources.equals(expected.sources)
            assert found.targets.equals(expected.targets)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["networks.zarr"]


def test_some_groups_kinds_and_edges(typed, tmp_path):
    path = tmp_path / "networks.zarr"
    lg.io.write_networks(typed, path, groups=["B/3"], kinds=["trans"], top=2, per="source")
    stored = lg.io.read_networks(path)
    assert (stored.groups, stored.kinds) == (["B/3"], ["trans"])
    assert stored.matrix("trans", "B/3").matrix.getnnz(axis=1).max() == 2
    with pytest.raises(KeyError, match="kinds"):
        stored.matrix("cis", "B/3")
    with pytest.raises(KeyError, match="groups"):
        stored.matrix("trans", "B/1")


def test_damage_and_replacement_are_noticed(typed, tmp_path):
    path = tmp_path / "networks.zarr"
    lg.io.write_networks(typed, path, kinds="cis")
    stored = lg.io.read_networks(path)
    (path / "cis" / "0" / "data" / "0").unlink()  # zarr reads what is missing as zeros
    with pytest.raises(ValueError, match=r"cis network of 'B/1' .* is damaged"):
        stored.matrix("cis", "B/1")
    assert stored.matrix("cis", "B/2").matrix.nnz
    lg.io.write_networks(typed, path, kinds="cis", groups="B/3")
    with pytest.raises(ValueError, match="replaced"):
        stored.matrix("cis", "B/1")
    assert lg.io.read_networks(path).groups == ["B/3"]


def test_what_was_there_stays_if_writing_fails(typed, tmp_path, monkeypatch):
    path = tmp_path / "networks.zarr"
    lg.io.write_networks(typed, path, kinds=["cis"])
    monkeypatch.setattr("linger.get._graph.Graph._trans", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        lg.io.write_networks(typed, path)
    assert lg.io.read_networks(path).kinds == ["cis"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["networks.zarr"]


def test_errors(typed, tmp_path):
    path = tmp_path / "mine"
    for options in ({"kinds": []}, {"groups": []}, {"top": -1}):
        with pytest.raises(ValueError, match=r"names no|top must"):
            lg.io.write_networks(typed, path, **options)
    with pytest.raises(KeyError, match="No group 'Z'"):
        lg.io.write_networks(typed, path, groups=["Z"])
    assert not list(tmp_path.iterdir())
    path.mkdir()
    (path / "thesis.txt").write_text("precious")
    with pytest.raises(FileExistsError, match="left alone"):
        lg.io.write_networks(typed, path)
    with pytest.raises(ValueError, match="no networks of format"):
        lg.io.read_networks(path)
    with pytest.raises(FileNotFoundError, match=r"lg\.io\.write_networks"):
        lg.io.read_networks(tmp_path / "nowhere")
