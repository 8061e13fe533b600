"""A wallbox's fail-safe: who is not polled falls back by itself, and whoever polls is heard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

AT = "pile[C01].connector[1]"


def test_who_is_not_polled_falls_back_and_comes_back(every: Callable[..., Any]) -> None:
    one = every(16)
    keba = one.devices["keba"]
    one.to(300.0)
    assert keba.read("holding", 1600, 2) == [0, 0] and keba.read("holding", 1602, 2) == [0, 0]
    keba.write("holding", 5016, [8_000])
    keba.write("holding", 5018, [30])
    assert keba.read("holding", 1600, 2) == [0, 8_000] and keba.read("holding", 1602, 2) == [0, 30]
    for t in range(320, 420, 20):
        one.to(float(t))
        assert one.at(f"{AT}.current_a") > 25.0
        keba.read("holding", 1000, 2)
    one.to(429.9)
    assert one.at(f"{AT}.current_a") > 25.0
    one.to(430.1)
    assert one.at(f"{AT}.current_a") == pytest.approx(8.0, rel=5e-3), "30 s after the last request"
    assert one.devices["abb"].read("holding", 0x4014, 2) == [0, 0]  # another map's masters are not its own
    assert one.at(f"{AT}.allowed_a") == pytest.approx(8.0)
    keba.read("holding", 1000, 2)
    assert one.at(f"{AT}.current_a") > 25.0
    told = [event.data["has_fallen"] for event in one.events if event.kind == "evse.fail_safe"]
    assert told == [True, False]


@pytest.mark.parametrize(("amperes", "is_left"), [(5_900, False), (6_000, True)])
def test_less_than_a_pilot_can_offer_is_a_rest(every: Callable[..., Any], amperes: int, is_left: bool) -> None:
    one = every(16)
    one.to(300.0)
    one.devices["keba"].write("holding", 5016, [amperes])
    one.devices["keba"].write("holding", 5018, [10])
    one.to(311.0)
    assert (one.at(f"{AT}.current_a") > 0.0) is is_left
    assert one.devices["keba"].read("holding", 1001, 1) == [3], "polled again, it goes on"


def test_switched_off_it_waits_for_nobody(every: Callable[..., Any]) -> None:
    one = every(16)
    one.to(300.0)
    one.devices["keba"].write("holding", 5018, [10])
    one.devices["keba"].write("holding", 5018, [0])
    one.to(900.0)
    assert one.at(f"{AT}.current_a") > 25.0
