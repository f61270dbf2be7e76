"""The page of results: runs of several seeds are one table, and no seed is forgotten.

Usage: ``python -m pytest tests/python``
"""

from __future__ import annotations

from conformance.table import Results, document, seeds_of


def test_runs_of_several_seeds_are_added_up():
    runs = [Results("0.13.4", seed, {"read/array": {"passed": 3, "known": seed}}, {"why": seed}) for seed in (1, 2)]
    page = document([*runs, Results("0.12.19", 1, {"read/array": {"failed": 1}})])
    assert "9 cases with seeds 1, 2: 6 passed, 0 failed, 3 with a known difference." in page
    assert "1 cases with seed 1: 0 passed, 1 failed" in page
    assert "| array | 6 3 ≈ |" in page


def test_a_page_names_the_seeds_of_all_runs():
    first = document([Results("0.13.4", 20260801, {})])
    assert seeds_of(first) == {"20260801"}
    second = document([Results("0.13.4", 7, {}), Results("0.13.4", 8, {})], first)
    assert "Runs before had the seeds 20260801." in second
    third = document([Results("0.13.4", 9, {})], second)
    assert seeds_of(third) == {"7", "8", "9", "20260801"}
