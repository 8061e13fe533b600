"""Faults of the wire between a pile and its platform."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from standing import Standing

from twins.replay import ReplayRow

Wires = Callable[..., None]
Car = Callable[..., ReplayRow]


@pytest.mark.fault("link.cut")
def test_a_cut_wire_is_down_and_the_platform_hears_nothing(on_wires: Wires, car: Car) -> None:
    async def act(up: Standing) -> None:
        await up.to(300.0)
        assert (await up.signals())["link[A01].state"] == "up"
        heard = dict(up.heard.last)
        up.station.faults.inject("link.cut", "link[A01]", {})
        await up.to(900.0)
        assert (await up.signals())["link[A01].state"] == "down"
        assert up.heard.last.get(("A01", "MeterValues", 1)) == heard.get(("A01", "MeterValues", 1))

    on_wires(act, car(0, 1))
