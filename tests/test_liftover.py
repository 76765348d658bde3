"""Liftover of intervals, on chains written here."""

from __future__ import annotations

import pandas as pd
import pytest

from linger._liftover import lift_intervals

SIZE = 100_000
CHAINS = f"""chain 1000 chr1 {SIZE} + 0 50000 chrA {SIZE} + 7000 57000 1
50000

chain 900 chr1 {SIZE} + 50000 60000 chrB {SIZE} - 0 10000 2
10000

chain 800 chr2 {SIZE} + 0 30000 chrA {SIZE} + 60000 95000 3
10000 0 5000
20000

chain 700 chr3 {SIZE} + 0 10000 chrC {SIZE} + 0 10000 4
10000

chain 600 chr3 {SIZE} + 0 10000 chrD {SIZE} + 0 10000 5
10000
"""


@pytest.fixture
def chain(tmp_path):
    path = tmp_path / "oldToNew.over.chain"
    path.write_text(CHAINS)
    return path


def lift(chain, *intervals):
    return lift_intervals(pd.DataFrame(intervals, columns=["chrom", "start", "end"]), chain)


def test_plus_strand(chain):
    assert tuple(lift(chain, ("chr1", 100, 600)).iloc[0]) == ("chrA", 7100, 7600)
    assert tuple(lift(chain, ("chr1", 49_999, 50_000)).iloc[0]) == ("chrA", 56_999, 57_000)


def test_minus_strand_keeps_start_before_end(chain):
    # base 50,000 comes to lie on the last base of chrB, so [50,100, 50,300) on [99,700, 99,900)
    assert tuple(lift(chain, ("chr1", 50_100, 50_300)).iloc[0]) == ("chrB", 99_700, 99_900)


def test_intervals_torn_apart_are_lost(chain):
    lifted = lift(
        chain,
        ("chr1", 49_900, 50_100),  # ends on two chromosomes
        ("chr2", 9_900, 10_100),  # 200 bp become 5,200
        ("chr2", 7_000, 13_000),  # 6,000 bp become 11,000: less than twice
        ("chr3", 100, 200),  # two places
        ("chr1", 70_000, 70_100),  # no place
        ("chr9", 1, 2),
    )
    assert lifted["chrom"].notna().tolist() == [False, False, True, False, False, False]
    assert lifted["start"].isna().tolist() == [True, True, False, True, True, True]
    assert tuple(lifted.iloc[2]) == ("chrA", 67_000, 78_000)


def test_files_that_are_no_chains(chain, tmp_path):
    with pytest.raises(FileNotFoundError, match="UCSC"):
        lift(tmp_path / "nowhere.chain", ("chr1", 1, 2))
    chain.write_text("chr1\t100\t200\n")
    with pytest.raises(ValueError, match="no chain file"):
        lift(chain, ("chr1", 1, 2))
