from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import linger as lg

splits = lg.bm.splits


@pytest.fixture
def pairs():
    rng = np.random.default_rng(0)
    degree = 1 / np.arange(1, 61)
    rows = [
        (f"t{i}", f"g{g}") for i in range(20) for g in rng.choice(60, 3 + i, replace=False, p=degree / degree.sum())
    ]
    return pd.DataFrame(rows, columns=["source", "target"]).assign(label=1)


@pytest.mark.parametrize(
    ("split", "sides"),
    [("pairs", []), ("sources", ["source"]), ("targets", ["target"]), ("both", ["source", "target"])],
)
def test_nothing_held_out_is_seen(pairs, split, sides):
    found = getattr(splits, split)(pairs, rng=3)
    assert list(found.columns) == ["source", "target", "label", "split"]
    for side in sides:
        names = found.groupby("split")[side].unique().map(set)
        assert not names["train"] & names["test"]
        assert not names["train"] & names["validation"]
        assert not names["validation"] & names["test"]
    if split != "both":
        assert len(found) == len(pairs)
        unit = pairs[sides].drop_duplicates() if sides else pairs
        counted = (found.drop_duplicates(sides) if sides else found)["split"].value_counts()
        assert counted["train"] == round(0.6 * len(unit))


@pytest.mark.parametrize("split", ["pairs", "sources", "targets", "both"])
def test_follows_names_and_seed(pairs, split):
    function = getattr(splits, split)
    shuffled = function(pairs.sample(frac=1, random_state=1), rng=5).sort_index()
    pd.testing.assert_frame_equal(function(pairs, rng=5), shuffled)
    assert not function(pairs, rng=5)["split"].equals(function(pairs, rng=6)["split"])


def test_bad_splits_are_refused(pairs):
    with pytest.raises(ValueError, match="sum is 1"):
        splits.pairs(pairs, fractions=(0.5, 0.2, 0.2))
    with pytest.raises(ValueError, match="more than once"):
        splits.pairs(pd.concat([pairs, pairs]))
    with pytest.raises(ValueError, match="empty"):
        splits.sources(pairs[pairs["source"] == "t0"])


@pytest.mark.parametrize("matching", ["degree", "source", "random"])
def test_negatives_are_new_and_follow_names(pairs, matching):
    found = splits.negatives(pairs, matching=matching, rng=1)
    both = pd.concat([pairs[["source", "target"]], found])
    assert not both.duplicated().any()
    assert not (found["source"] == found["target"]).any()
    pd.testing.assert_frame_equal(
        found, splits.negatives(pairs.sample(frac=1, random_state=2), matching=matching, rng=1)
    )
    if matching != "random":
        assert (found["source"].value_counts() == pairs["source"].value_counts()).all()


def test_degree_matching_leaves_degree_without_information(pairs):
    """The in-degree among the positives tells positives from random negatives, and hardly from matched ones."""
    from sklearn.metrics import roc_auc_score

    degree = pairs["target"].value_counts()
    auroc = {}
    for matching in ("degree", "random"):
        drawn = [splits.negatives(pairs, matching=matching, rng=rng) for rng in range(5)]
        scores = [degree.reindex([*pairs["target"], *negative["target"]]).fillna(0) for negative in drawn]
        labels = [np.repeat([1, 0], [len(pairs), len(negative)]) for negative in drawn]
        auroc[matching] = np.mean([roc_auc_score(y, s) for y, s in zip(labels, scores, strict=True)])
    assert auroc["random"] > 0.7
    assert abs(auroc["degree"] - 0.5) < abs(auroc["random"] - 0.5) / 2


def test_negatives_that_cannot_be_drawn(pairs):
    full = pd.DataFrame({"source": ["a", "a"], "target": ["x", "y"]})
    with pytest.raises(ValueError, match="Every pair is known"):
        splits.negatives(full)
    assert len(splits.negatives(full, targets=["x", "y", "z"])) == 1
    with pytest.raises(ValueError, match="matching"):
        splits.negatives(pairs, matching="popular")


@pytest.mark.parametrize("matching", ["degree", "source", "random"])
def test_negatives_of_a_split_are_drawn_part_by_part(pairs, matching):
    positives = splits.targets(pairs, rng=2)
    drawn = splits.negatives(positives, matching=matching, rng=1)
    everything = pd.concat([positives, drawn])[["source", "target"]]
    assert not everything.duplicated().any()
    for part, mine in drawn.groupby("split"):
        own = positives[positives["split"] == part]
        assert set(mine["target"]) <= set(own["target"])
        assert set(mine["source"]) <= set(own["source"])
    assert (drawn["split"].value_counts() <= positives["split"].value_counts()).all()
    assert len(drawn) > 0.5 * len(positives)
