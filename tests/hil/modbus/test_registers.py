"""A mapped device: what is read of which address, what writing asks for, all or none."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest

from hil.modbus.unit import Code, Refusal, Table
from sim.errors import FileProblems

Sites = Callable[..., Any]

OWN = """\
map: 1
name: own
title: {en: Own, zh: 自有}
device: Own
family: FAMILY
source: "ours"
trust: own
identification: {vendor: V, product: P, revision: "1"}
"""
PILE = OWN.replace("FAMILY", "dc_pile") + (
    """\
registers: 8
holding:
  - {at: 0, name: state, type: u16, of: "connector[1].state", codes: {available: 0, preparing: 1, charging: 6,
     finishing: 7, unavailable: 10, faulted: 9}}
  - {at: 1, name: letters, type: text, registers: 2, of: "connector[1].state", codes: {available: A, preparing: B,
     charging: C2, finishing: B1, unavailable: E, faulted: F}}
  - {at: 3, name: flags, type: u16, bits: [{bit: 0, of: "connector[1].state", is: [available]},
     {bit: 15, of: "connector[2].state", is: [charging, preparing]}, {bit: 4, of: power_kw}]}
  - {at: 4, name: power, type: s32, of: power_kw, scale: 1000}
  - {at: 6, name: limit, type: u16, of: "connector[1].allowed_kw", scale: 10,
     write: {do: evse.limit, with: limit_kw, target: "connector[1]"}}
  - {at: 7, name: limit_2, type: u16, of: "connector[2].allowed_kw", scale: 10,
     write: {do: evse.limit, with: limit_kw, target: "connector[2]"}}
  - {at: 8, name: command, type: u16, write: {codes: {1: {do: evse.start, target: "connector[1]"},
     2: {do: evse.stop, target: "connector[1]"}}}}
  - {at: 9, name: command_2, type: u16, constant: 0, write: {codes: {1: {do: evse.start, target: "connector[2]"},
     2: {do: evse.stop, target: "connector[2]"}}}}
  - {at: 12, name: after_a_gap, type: u16, constant: 7}
coil:
  - {at: 0, name: enabled, of: "connector[1].is_enabled", write: {do: evse.enable, with: is_on, target: "connector[1]"}}
discrete:
  - {at: 3, name: charging, of: "connector[1].state", is: [charging]}
"""
)
DEVICE = '{unit: 1, map: own, shows: "pile[A01]"}'


def pile(site: Sites, text: str = PILE) -> Any:
    return site("two-outlet", DEVICE, maps={"own.yaml": text})


def refused(act: Callable[..., Any], *args: Any) -> Code:
    with pytest.raises(Refusal) as caught:
        act(*args)
    return caught.value.code


def test_states_texts_flags_and_long_values_are_read_of_one_instant(site: Sites) -> None:
    one = pile(site)
    unit = one.units[1]
    assert list(unit.read("holding", 0, 4)) == [0, ord("A") << 8, 0, 1]
    one.cars(2)
    one.to(600.0)
    state, text, _, flags, *power = unit.read("holding", 0, 6)
    assert (state, text, flags) == (6, ord("C") << 8 | ord("2"), 0x8010)
    assert struct.unpack(">i", struct.pack(">2H", *power))[0] == round(one.at("pile[A01].power_kw") * 1000.0)
    assert list(unit.read("discrete", 3, 1)) == [1]


def test_a_long_value_may_be_read_in_halves(site: Sites) -> None:
    one = pile(site)
    one.cars(2)
    one.to(900.0)
    unit = one.units[1]
    whole = list(unit.read("holding", 4, 2))
    assert whole != [0, 0]
    assert [*unit.read("holding", 4, 1), *unit.read("holding", 5, 1)] == whole
    assert unit.read("holding", 5, 2)[0] == whole[1]
    assert unit.read("holding", 2, 3)[2] == whole[0]


@pytest.mark.parametrize(
    ("table", "first", "count", "code"),
    [
        ("holding", 8, 1, Code.ADDRESS),  # can only be written
        ("holding", 10, 1, Code.ADDRESS),  # a gap
        ("holding", 9, 4, Code.ADDRESS),
        ("holding", 12, 2, Code.ADDRESS),
        ("holding", 100, 1, Code.ADDRESS),
        ("input", 0, 1, Code.ADDRESS),
        ("discrete", 0, 4, Code.ADDRESS),
        ("holding", 0, 9, Code.VALUE),  # more than the device gives at once
    ],
)
def test_what_is_not_there_is_refused(site: Sites, table: Table, first: int, count: int, code: Code) -> None:
    assert refused(pile(site).units[1].read, table, first, count) is code


def test_gaps_may_be_zeros_but_not_beyond_the_ends(site: Sites) -> None:
    unit = pile(site, PILE.replace("registers: 8", "registers: 8\ngaps: zero")).units[1]
    assert list(unit.read("holding", 9, 4)) == [0, 0, 0, 7]
    assert list(unit.read("holding", 10, 2)) == [0, 0]
    assert refused(unit.read, "holding", 12, 2) is Code.ADDRESS
    assert refused(unit.read, "holding", 8, 2) is Code.ADDRESS
    assert refused(unit.read, "input", 1, 1) is Code.ADDRESS


def test_a_limit_is_written_shown_and_lifted(site: Sites) -> None:
    one = pile(site)
    one.cars(2)
    one.to(600.0)
    unit = one.units[1]
    unit.write("holding", 6, [300])
    assert one.at("pile[A01].connector[1].power_kw") == pytest.approx(30.0)
    assert list(unit.read("holding", 6, 1)) == [300]
    unit.write("holding", 6, [0xFFFF])
    one.to(601.0)
    assert one.at("pile[A01].connector[1].power_kw") > 30.0
    done = [event for event in one.events if event.kind == "command.done"]
    assert [(event.data["source"], event.data["actor"]) for event in done] == [("modbus", "link[bus].unit[1]")] * 2


def test_a_coil_is_written(site: Sites) -> None:
    one = pile(site)
    one.cars(1)
    one.to(600.0)
    one.units[1].write("coil", 0, [0])
    assert list(one.units[1].read("coil", 0, 1)) == [0]
    assert one.at("pile[A01].power_kw") == 0.0
    one.units[1].write("coil", 0, [1])
    one.to(601.0)
    assert one.at("pile[A01].power_kw") > 0.0


def test_a_command_is_done_or_fails(site: Sites) -> None:
    one = pile(site)
    unit = one.units[1]
    assert refused(unit.write, "holding", 8, [2]) is Code.FAILURE
    assert refused(unit.write, "holding", 8, [5]) is Code.VALUE
    one.cars(1)
    one.to(600.0)
    unit.write("holding", 8, [2])
    assert list(unit.read("holding", 0, 1)) != [6]


@pytest.mark.parametrize(
    ("first", "values", "code"),
    [
        (6, [60_000], Code.VALUE),  # 6000 kW are beyond the deed's bounds
        (4, [0, 0], Code.ADDRESS),  # can only be read
        (5, [0], Code.ADDRESS),
        (10, [0], Code.ADDRESS),
        (6, [1, 1, 1, 1, 1, 1, 1, 1, 1], Code.VALUE),
    ],
)
def test_what_cannot_be_written_is_refused(site: Sites, first: int, values: list[int], code: Code) -> None:
    one = pile(site)
    seen = len(one.events)
    assert refused(one.units[1].write, "holding", first, values) is code
    assert one.events[seen:] == []


def test_half_of_a_long_value_is_not_written(site: Sites) -> None:
    text = PILE.replace("name: limit, type: u16", "name: limit, type: u32").replace(
        "at: 7, name: limit_2", "at: 13, name: limit_2"
    )
    unit = pile(site, text).units[1]
    assert refused(unit.write, "holding", 6, [0]) is Code.ADDRESS
    assert refused(unit.write, "holding", 7, [300]) is Code.ADDRESS
    unit.write("holding", 6, [0, 300])
    assert list(unit.read("holding", 6, 2)) == [0, 300]


def test_of_several_deeds_all_are_done_or_none(site: Sites) -> None:
    one = pile(site)
    one.cars(2)
    one.to(600.0)
    unit = one.units[1]
    unit.write("holding", 6, [300, 400, 2])
    assert [one.at(f"pile[A01].connector[{n}].power_kw") for n in (1, 2)] == [0.0, pytest.approx(40.0)]
    # nothing is left to stop: no limit is written
    assert refused(unit.write, "holding", 6, [500, 100, 2]) is Code.FAILURE
    assert list(unit.read("holding", 6, 2)) == [300, 400]
    assert [event.data["verb"] for event in one.events if event.kind == "command.done"][2:] == ["evse.limit"]
    # one bad value, or two commands that could not be taken back: nothing is tried
    seen = len(one.events)
    assert refused(unit.write, "holding", 6, [200, 60_000, 2]) is Code.VALUE
    assert refused(unit.write, "holding", 8, [1, 1]) is Code.VALUE
    assert one.events[seen:] == []


def test_set_points_that_go_together_are_one_deed(site: Sites) -> None:
    text = (
        OWN.replace("FAMILY", "transformer")
        + "holding:\n"
        + "".join(
            f"  - {{at: {at}, name: {name}, type: u16, of: {name},"
            f" write: {{do: transformer.set_points, with: {name}}}}}\n"
            for at, name in enumerate(("fan_on_c", "fan_off_c", "alarm_c", "trip_c"))
        )
    )
    one = site("public", '{unit: 1, map: own, shows: "grid.transformer[T1]"}', maps={"own.yaml": text})
    unit = one.units[1]
    assert list(unit.read("holding", 0, 4)) == [100, 80, 140, 155]
    # each alone would be in the wrong order
    unit.write("holding", 0, [125, 110, 145, 165])
    assert list(unit.read("holding", 0, 4)) == [125, 110, 145, 165]
    assert len([event for event in one.events if event.kind == "command.done"]) == 1
    assert refused(unit.write, "holding", 0, [90]) is Code.FAILURE
    assert list(unit.read("holding", 0, 4)) == [125, 110, 145, 165]


@pytest.mark.parametrize(
    ("device", "text", "said"),
    [
        ('{unit: 1, map: sdm360, shows: "grid.meter[M1]"}', PILE,
         "devices[0].map: no map is called sdm360; did you mean sdm630?"),
        ('{unit: 1, map: sdm630, shows: "pile[A01]"}', PILE,
         "devices[0].shows: map sdm630: it is of the family meter and cannot show pile[A01]; grid.meter[ID] or"),
        ('{unit: 1, map: sdm630, shows: "grid.meter[M2]"}', PILE,
         "devices[0].shows: map sdm630: nothing is at grid.meter[M2]; one of: "),
        (DEVICE, PILE.replace("of: power_kw, scale", "of: power_kva, scale"),
         "devices[0].map: map own, holding[3].of: reads pile[A01].power_kva, which this station does not have"),
        (DEVICE, PILE.replace("faulted: 9", "broken: 9"),
         "devices[0].map: map own, holding[0].codes.broken: pile[A01].connector[1].state is never broken"),
        (DEVICE, PILE.replace(", faulted: 9", ""),
         "devices[0].map: map own, holding[0].codes: no code for faulted of pile[A01].connector[1].state; a code for"),
        (DEVICE, PILE.replace(', target: "connector[2]"}}', ', target: "connector[3]"}}'),
         "devices[0].map: map own, holding[5].write: asks evse.limit of pile[A01].connector[3]: nothing is there"),
        (DEVICE, PILE.replace("family: dc_pile", "family: ac_pile"),
         "devices[0].shows: map own: pile[A01] is DC; a pile of AC"),
    ],
)  # fmt: skip
def test_what_a_station_does_not_have_is_told_at_the_device(site: Sites, device: str, text: str, said: str) -> None:
    with pytest.raises(FileProblems) as caught:
        site("two-outlet", device, maps={"own.yaml": text})
    assert any(said in str(problem) for problem in caught.value.problems), str(caught.value)
    assert all(problem.line > 0 for problem in caught.value.problems)


def test_blocks_of_things_that_are_not_there_are_left_out(site: Sites) -> None:
    text = OWN.replace("FAMILY", "dc_pile") + (
        'repeat:\n  - {count: 8, step: 100, of: "connector[{n}]",'
        " input: [{at: 1000, name: power, type: u16, of: power_kw, scale: 10}]}\n"
    )
    one = site("two-outlet", DEVICE, maps={"own.yaml": text})
    unit = one.units[1]
    assert list(unit.read("input", 1100, 1)) == [0]
    assert refused(unit.read, "input", 1200, 1) is Code.ADDRESS
    assert {name: path for point in unit.points for name, path in point.signals.items()} == {
        "power_1": "pile[A01].connector[1].power_kw", "power_2": "pile[A01].connector[2].power_kw",
    }  # fmt: skip


def test_lights_go_back_to_dusk_and_dawn_by_no_register_and_so_come_last(site: Sites) -> None:
    one = site(
        "public", '{unit: 1, map: hvac_io, shows: house}',
        station="house: {lighting_kw: 6, cooling: {set_c: 26, kw_per_k: 0.8, rating_kw: 6}}\n",
    )  # fmt: skip
    unit = one.units[1]
    one.to(60.0)
    unit.write("coil", 4, [1])
    assert one.at("house.has_main_open") == 1.0
    one.station.faults.inject("grid.outage", "grid.feed", {"duration_s": 600.0}, "outage")
    before = list(unit.read("coil", 0, 16))
    seen = len(one.events)
    # two of them are done in any case; what nobody takes is refused before
    assert refused(unit.write, "coil", 2, [1, 1]) is Code.ADDRESS
    assert [event for event in one.events[seen:] if event.kind.startswith("command")] == []
    assert list(unit.read("coil", 0, 16)) == before
    unit.write("coil", 3, [1, 0])
    done = [event.data["verb"] for event in one.events if event.kind == "command.done"]
    assert done == ["grid.breaker", "grid.breaker", "house.lights"]
