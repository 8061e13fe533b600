"""The nearest known name: the same as of all where they are few, found at once where they are many."""

from __future__ import annotations

from time import process_time

import pytest

from sim.nearest import nearest

MANY = [
    f"pile[{row}{number:02d}].connector[{outlet}].{name}"
    for row in "ABCDEFGHIJ"
    for number in range(1, 21)
    for outlet in (1, 2)
    for name in ("power_kw", "energy_kwh", "limit_kw", "voltage_v", "current_a", "contact_temp_c", "state", "soc_pct")
]


def test_of_few_names() -> None:
    assert nearest("poewr", ["power", "energy"]) == "power"
    assert nearest("xyz", ["power", "energy"]) is None
    assert nearest("", []) is None


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("pile[A01].connector[1].powr_kw", "pile[A01].connector[1].power_kw"),
        ("plie[C07].connector[2].state", "pile[C07].connector[2].state"),
        ("pile[C07].conector[1].energy_kwh", "pile[C07].connector[1].energy_kwh"),
        ("Pile[J20].connector[2].limit_kw", "pile[J20].connector[2].limit_kw"),
    ],
)
def test_of_many_names(word: str, meant: str) -> None:
    assert nearest(word, MANY) == meant


def test_who_asks_for_what_is_not_there_holds_up_nobody() -> None:
    words = ("pile[Z99].connector[9].nothing", "grid.meter[M1].frequency_hz", "x" * 200, "x" * 60_000)
    for word in words:
        nearest(word, MANY)
    began_s = process_time()
    for _ in range(10):
        for word in words:
            nearest(word, MANY)
    each_ms = (process_time() - began_s) / 40 * 1000
    assert each_ms < 10.0
