"""Globs: brackets are brackets, and no glob is slow."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.globs import pattern_of


@pytest.mark.parametrize(
    ("glob", "name", "is_match"),
    [
        ("pile[A01].power_kw", "pile[A01].power_kw", True),
        ("pile[A01].power_kw", "pileA.power_kw", False),
        ("pile[*].power_kw", "pile[A01].power_kw", True),
        ("pile[A0?].power_kw", "pile[A01].power_kw", True),
        ("*.power_kw", "pile[A01].power_kw", True),
        ("power_kw", "grid.power_kw", False),
        ("a[!b]c", "a[!b]c", True),
        ("*", "two\nlines", True),
    ],
)
def test_matches(glob: str, name: str, is_match: bool) -> None:
    assert (pattern_of(glob).fullmatch(name) is not None) is is_match


@given(st.text(max_size=30))
def test_what_has_no_wildcard_matches_itself_alone(name: str) -> None:
    plain = name.replace("*", "").replace("?", "")
    assert pattern_of(plain).fullmatch(plain)
    assert not pattern_of(plain).fullmatch(plain + "x")


def test_a_hostile_glob_gives_up_at_once() -> None:
    began = time.process_time()
    assert not pattern_of("*?" * 90 + "z").fullmatch("a" * 500)
    assert not pattern_of("*a" * 90 + "z").fullmatch("a" * 500)
    assert time.process_time() - began < 5.0  # with backtracking it would not end in the age of the universe
