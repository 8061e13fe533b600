"""Letters, steps and fault bits through sessions; sensors that are broken say so in their device's own way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hil.ocpp.outlets import EvseConnector
from twins.evse import EvseState

# Letters and steps


def test_the_letters_of_a_wallbox_through_a_session(every: Callable[..., Any]) -> None:
    one = every(16, stay_s=3_000.0)
    abb, keba = one.devices["abb"], one.devices["keba"]

    def seen() -> tuple[int, int, int, int]:
        return (abb.read("holding", 0x400D, 1)[0] >> 8, abb.read("holding", 0x400B, 1)[0],
                keba.read("holding", 1001, 1)[0], keba.read("holding", 1005, 1)[0])  # fmt: skip

    assert seen() == (0, 0x0000, 1, 0)
    arrived = first_at(one, lambda: one.station.evses[15].bms is not None)
    assert seen()[1:] in ((0x0101, 1, 5), (0x0111, 2, 7))
    one.to(arrived + 1.0)
    assert seen() == (2, 0x0111, 2, 7), "authorised, its cable locked, an offer made"
    one.to(arrived + 10.0)
    assert seen() == (4, 0x0111, 3, 7)
    keba.write("holding", 5014, [0])
    assert seen() == (3, 0x0111, 5, 7), "C1: it would, but nothing is offered"
    keba.write("holding", 5014, [1])
    assert seen() == (4, 0x0111, 3, 7)
    abb.write("holding", 0x4105, [1])
    assert seen() == (1, 0x0101, 1, 5)
    one.station.faults.inject("pile.failed", "pile[C01]", {"duration_s": 5.0}, "f")
    one.to(arrived + 12.0)
    assert seen()[0] == 5 and seen()[2] == 4
    assert abb.read("holding", 0x4008, 2) == [0, 1 << 5]
    one.to(20_000.0)
    assert seen() == (0, 0x0000, 1, 0)


def test_the_letters_of_three_phases(every: Callable[..., Any]) -> None:
    one = every(17)
    alfen, phoenix = one.devices["alfen"], one.devices["phoenix"]
    assert alfen.read("holding", 1201, 5) == [ord("A") << 8, 0, 0, 0, 0]
    assert phoenix.read("input", 100, 1) == [ord("A")]
    one.to(300.0)
    assert alfen.read("holding", 1201, 5)[0] == int.from_bytes(b"C2", "big")
    assert phoenix.read("input", 100, 1) == [ord("C")]
    assert alfen.read("holding", 1215, 1) == [3]
    assert phoenix.read("input", 102, 2)[1] == 0 < phoenix.read("input", 102, 2)[0] < 300, "the low word first"
    phoenix.write("coil", 400, [0])
    assert alfen.read("holding", 1201, 1) == [int.from_bytes(b"C1", "big")] and phoenix.read("coil", 400, 1) == [0]


def test_the_steps_of_a_dc_session(every: Callable[..., Any]) -> None:
    one = every(1)
    evse = one.station.evses[0]
    seen: list[tuple[float, int]] = []

    def note() -> bool:
        step = one.devices["dc"].read("input", 1000, 1)[0]
        if not seen or seen[-1][1] != step:
            seen.append((one.kernel.now, step))
        return evse.state.value is EvseState.FINISHING

    first_at(one, lambda: evse.bms is not None)
    for _ in range(1_000):
        note()
        one.to(one.kernel.now + 0.5)
    assert [step for _, step in seen] == [2, 3, 4, 5, 6], "nobody waits here between the plug and the card"
    begun = seen[0][0]
    assert [at - begun for at, _ in seen] == pytest.approx([0.0, 4.0, 8.0, 16.0, 20.0], abs=0.51)
    one.devices["dc"].write("holding", 1021, [2])
    assert one.devices["dc"].read("input", 1000, 1) == [8]


def test_contactors_and_what_the_vehicle_tells_come_with_the_steps(every: Callable[..., Any]) -> None:
    one = every(1)
    unit = one.devices["dc"]
    assert unit.read("input", 1002, 1) == [600] and unit.read("input", 1015, 1) == [0]
    arrived = first_at(one, lambda: one.station.evses[0].bms is not None)
    one.to(arrived + 1.0)
    assert unit.read("input", 1002, 1) == [400], "mated"
    assert unit.read("input", 1007, 1) == [0xFFFF], "no charge told yet"
    assert told_by(one) == (None, None), "nor to the platform"
    assert unit.read("input", 1015, 1) == [0b100_1100], "BMS supplied, plug locked"
    one.to(arrived + 5.0)
    assert unit.read("input", 1007, 1) == [10]
    assert told_by(one)[0] == pytest.approx(10.0) and told_by(one)[1] is not None
    one.to(arrived + 60.0)
    assert unit.read("input", 1015, 1) == [0b111_1111]
    voltage, current, demand_v, demand_a = unit.read("input", 1003, 4)
    assert 3_000 < voltage <= demand_v and 1_000 < current <= demand_a * 1.005
    assert unit.read("input", 1016, 1) == [0xFFFF]
    one.to(arrived + 20.0 + 3 * 60.0)
    assert unit.read("input", 1014, 1) == [3]


def told_by(one: Any) -> tuple[float | None, float | None]:
    """Charge and temperature of the first outlet's vehicle in OCPP."""
    sample = EvseConnector(one.station.evses[0]).sample(one.kernel.now)
    return sample.soc_pct, sample.temp_c


def first_at(one: Any, is_met: Callable[[], bool]) -> float:
    while not is_met():
        assert one.kernel.next_time() < 20_000.0
        one.to(one.kernel.next_time())
    return float(one.kernel.now)


# Faults


def test_sensors_that_are_broken_say_so(every: Callable[..., Any]) -> None:
    one = every()
    one.to(60.0)
    transformer, faults = one.devices["transformer"], one.station.faults
    reading_c = one.at("grid.transformer[T1].pt100_c")
    assert transformer.read("input", 0, 5) == [
        *[round(reading_c) + 40] * 3,
        255,
        round(one.at("weather.air_temp_c")) + 40,
    ]
    assert transformer.read("coil", 0, 4) == [0, 0, 0, 0]
    faults.inject("transformer.sensor_broken", "grid.transformer[T1]", {"duration_s": 60.0}, "t")
    faults.inject("env.sensor_broken", "env[E1]", {"duration_s": 60.0}, "e")
    faults.inject("pile.inlet_sensor_broken", "pile[D01].cabinet", {"duration_s": 60.0}, "i")
    one.to(70.0)
    assert transformer.read("input", 0, 4) == [255] * 4
    assert transformer.read("coil", 0, 4) == [1, 0, 0, 0]
    assert one.devices["env"].read("holding", 0, 2) == [0xFFFF, 0x8000]
    assert one.devices["th332"].read("holding", 0, 6) == [0x7FC0, 0] * 3
    assert one.devices["dc"].read("input", 0, 1) == [0x8000] and one.devices["dc"].read("input", 1000, 2) == [9, 1 << 4]
    one.to(600.0)
    assert transformer.read("coil", 0, 1) == [0] and max(transformer.read("input", 0, 3)) < 240
    assert one.devices["env"].read("holding", 1, 1) != [0x8000]


def test_what_a_transformer_cannot_read_is_no_broken_sensor(every: Callable[..., Any]) -> None:
    one = every()
    one.station.faults.inject("transformer.sensor_stuck", "grid.transformer[T1]", {}, "s")
    one.to(1.0)
    one.station.grid.transformer.pt100_c.stuck_at.rebase(260.0)
    one.station.grid.transformer.pt100_c.retune(one.kernel.now, 0.0, 260.0)
    assert one.devices["transformer"].read("input", 0, 1) == [240], "the end of its range, 200 C"


def test_fault_bits_of_a_dc_pile(every: Callable[..., Any]) -> None:
    one = every(1)
    one.to(300.0)
    bits = lambda: one.devices["dc"].read("input", 1001, 1)[0]  # noqa: E731
    assert bits() == 0
    one.station.faults.inject("bms.mute", "pile[D01].connector[1].vehicle.bms", {"duration_s": 0.9}, "b")
    one.to(300.5)
    assert bits() == 1 << 5
    one.to(302.0)
    assert bits() == 0
    one.station.faults.inject("pile.contactor_stuck", "pile[D01].connector[1]", {"position": "closed"}, "c")
    one.devices["dc"].write("holding", 1021, [2])
    assert bits() == 1 << 8 and one.devices["dc"].read("input", 1000, 1) == [9]
    one.station.faults.inject("grid.outage", "grid.feed", {}, "o")
    one.to(310.0)
    assert bits() == 1 << 8 | 1 << 15


def test_a_fault_bit_stays_for_as_long_as_the_outlet_is_out_of_order_for_it(every: Callable[..., Any]) -> None:
    one = every(1)
    faults, pile = one.station.faults, one.devices["dc"]
    one.to(300.0)
    assert pile.read("input", 1000, 2) == [6, 0]
    faults.inject("connector.temp_sensor_stuck", "pile[D01].connector[1].contact", {"temp_c": 150.0}, "stuck")
    one.to(310.0)
    assert pile.read("input", 1000, 2) == [9, 1 << 3]
    faults.clear("stuck")
    one.to(400.0)
    (outlet,) = one.station.piles["D01"].evses
    assert outlet.alarms == frozenset(), "the contact is cold again"
    assert pile.read("input", 1000, 2) == [9, 1 << 3], "but a vehicle stands there still"
    one.to(500.0)
    assert pile.read("input", 1000, 2) == [0, 0]


def test_fans_that_stand_still_are_a_fault_of_the_pile(every: Callable[..., Any]) -> None:
    one = every(1)
    one.to(300.0)
    one.station.faults.inject("pile.fan_failed", "pile[D01].cabinet", {"duration_s": 60.0}, "fan")
    one.to(310.0)
    assert one.devices["dc"].read("input", 1000, 2) == [6, 1 << 4]
    one.to(400.0)
    assert one.devices["dc"].read("input", 1000, 2) == [6, 0]
