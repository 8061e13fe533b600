"""Faults of the wire between a pile and its platform: what the platform hears, what the station knows of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from standing import Standing

from sim.events import Scalar
from twins.replay import ReplayRow

Wires = Callable[..., None]
Car = Callable[..., ReplayRow]
Values = dict[str, Scalar]
WIRE = "link[A01]"


def break_wire(up: Standing, name: str, **values: Scalar) -> str:
    """The fault hits the wire of A01."""
    return up.station.faults.inject(name, WIRE, values).id


@pytest.mark.fault("link.cut")
def test_a_cut_wire_is_down_and_the_platform_hears_nothing(on_wires: Wires, car: Car) -> None:
    async def act(up: Standing) -> None:
        await up.to(300.0)
        assert (await up.signals())["link[A01].state"] == "up"
        heard = dict(up.heard.last)
        break_wire(up, "link.cut")
        await up.to(900.0)
        assert (await up.signals())["link[A01].state"] == "down"
        assert up.heard.last.get(("A01", "MeterValues", 1)) == heard.get(("A01", "MeterValues", 1))

    on_wires(act, car(0, 1))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        pytest.param("link.dropping", {"action": "MeterValues"}, marks=pytest.mark.fault("link.dropping")),
        pytest.param("link.quota_spent", {}, marks=pytest.mark.fault("link.quota_spent")),
        pytest.param("link.slow", {"bytes_per_s": 0.1}, marks=pytest.mark.fault("link.slow")),
        pytest.param("ocpp.call_missing", {"action": "MeterValues"}, marks=pytest.mark.fault("ocpp.call_missing")),
    ],
)
def test_what_does_not_come_through_is_not_heard_by_the_platform(
    on_wires: Wires, car: Car, name: str, values: Values
) -> None:
    async def act(up: Standing) -> None:
        await up.to(300.0)
        before = up.heard.counts["A01", "MeterValues"]
        break_wire(up, name, **values)
        await up.to(924.0)
        signals = await up.signals()
        assert float(signals["link[A01].frames_harmed"] or 0.0) > 0.0
        assert up.heard.counts["A01", "MeterValues"] == before

    on_wires(act, car(0, 1))


@pytest.mark.parametrize(
    ("name", "action"),
    [
        pytest.param("link.duplicating", "MeterValues", marks=pytest.mark.fault("link.duplicating")),
        pytest.param("ocpp.call_doubled", "MeterValues", marks=pytest.mark.fault("ocpp.call_doubled")),
    ],
)
def test_what_is_said_twice_is_heard_twice(on_wires: Wires, car: Car, name: str, action: str) -> None:
    async def act(up: Standing) -> None:
        await up.to(300.0)
        before = up.heard.counts["A01", action]
        break_wire(up, name, action=action)
        await up.to(605.0)
        harmed = float((await up.signals())["link[A01].frames_harmed"] or 0.0)
        said = up.heard.counts["A01", action] - before
        assert said > 0 and said % 2 == 0
        assert harmed >= said // 2

    on_wires(act, car(0, 1))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        pytest.param("link.reordering", {"hold_s": 7.0}, marks=pytest.mark.fault("link.reordering")),
        pytest.param("link.delayed", {"delay_s": 7.0}, marks=pytest.mark.fault("link.delayed")),
    ],
)
def test_a_call_that_is_held_back_arrives_late(on_wires: Wires, name: str, values: Values) -> None:
    async def act(up: Standing) -> None:
        await up.to(60.0)
        break_wire(up, name, direction="to_platform", action="Heartbeat", **values)
        up.points["A01"].engine.send_heartbeat(up.kernel.now)
        up.kernel.touch(up.points["A01"])
        await up.to(66.0)
        assert up.heard.counts["A01", "Heartbeat"] == 0
        await up.to(68.0)
        assert up.heard.counts["A01", "Heartbeat"] == 1
        assert (await up.signals())["link[A01].frames_harmed"] == 1.0

    on_wires(act)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        pytest.param("link.corrupted", {"damage": "truncate"}, marks=pytest.mark.fault("link.corrupted")),
        pytest.param("ocpp.wrong_error_code", {}, marks=pytest.mark.fault("ocpp.wrong_error_code")),
    ],
)
def test_what_is_damaged_is_refused_by_the_platform(on_wires: Wires, car: Car, name: str, values: Values) -> None:
    async def act(up: Standing) -> None:
        await up.to(60.0)
        up.heard.forbids_violations = False
        before = up.heard.counts["A01", "StatusNotification"]
        break_wire(up, name, **values)
        up.points["A01"].engine.send_status(1, up.kernel.now)
        up.kernel.touch(up.points["A01"])
        await up.to(70.0)
        assert up.heard.violations
        assert up.heard.counts["A01", "StatusNotification"] == before
        assert float((await up.signals())["link[A01].frames_harmed"] or 0.0) > 0.0

    on_wires(act)


@pytest.mark.fault("ocpp.frame_oversized")
def test_an_oversized_frame_is_counted_as_altered_and_taken_or_refused(on_wires: Wires) -> None:
    async def act(up: Standing) -> None:
        await up.to(60.0)
        up.heard.forbids_violations = False
        break_wire(up, "ocpp.frame_oversized", size_kb=16_384.0)
        before = up.heard.counts["A01", "StatusNotification"]
        up.points["A01"].engine.send_status(1, up.kernel.now)
        up.kernel.touch(up.points["A01"])
        await up.to(62.0)
        assert up.heard.counts["A01", "StatusNotification"] == before
        assert float((await up.signals())["link[A01].frames_harmed"] or 0.0) > 0.0

    on_wires(act)


@pytest.mark.fault("ocpp.answers_wrong")
def test_a_wrong_answer_is_no_answer_for_the_platform(on_wires: Wires) -> None:
    async def act(up: Standing) -> None:
        await up.to(60.0)
        up.heard.forbids_violations = False
        break_wire(up, "ocpp.answers_wrong")

        async def asked() -> None:
            with pytest.raises(AssertionError):
                await up.call("A01", "TriggerMessage", requestedMessage="Heartbeat")

        await up.still(asked())
        assert (await up.signals())["link[A01].frames_harmed"] == 1.0

    on_wires(act)


@pytest.mark.fault("ocpp.clock_jumped")
def test_a_clock_that_jumped_shows_in_the_timestamps(on_wires: Wires, car: Car) -> None:
    async def act(up: Standing) -> None:
        await up.to(300.0)
        break_wire(up, "ocpp.clock_jumped", offset_s=-86_400.0)
        await up.to(605.0)
        assert up.heard.last["A01", "MeterValues", 1]["meterValue"][0]["timestamp"].startswith("2022-07-12")
        assert (await up.signals())["link[A01].state"] == "up"

    on_wires(act, car(0, 1))


@pytest.mark.fault("link.reset")
def test_a_reset_connection_is_opened_again(on_wires: Wires) -> None:
    async def act(up: Standing) -> None:
        await up.to(60.0)
        lost: list[str] = []
        up.kernel.subscribe(lambda event: lost.append(event.subject), "wire.lost")
        break_wire(up, "link.reset", mean_s=60.0)
        await up.to(600.0)
        assert len(lost) > 1 and set(lost) == {"ocpp[A01]"}
        assert up.heard.closings["A01"] == len(lost)

    on_wires(act)


@pytest.mark.fault("link.half_open")
def test_a_half_open_connection_is_known_and_mute_and_lost_afterwards(on_wires: Wires, car: Car) -> None:
    async def act(up: Standing) -> None:
        await up.to(300.0)
        fault = break_wire(up, "link.half_open")
        before = up.heard.counts.copy()
        await up.to(900.0)
        assert (await up.signals())["link[A01].state"] == "half_open"
        assert up.heard.counts["A01", "MeterValues"] == before["A01", "MeterValues"]
        up.station.faults.clear(fault)
        await up.to(960.0)
        assert (await up.signals())["link[A01].state"] == "up"
        assert up.heard.closings["A01"] == 1
        assert up.heard.counts["A01", "MeterValues"] > before["A01", "MeterValues"]

    on_wires(act, car(0, 1))


@pytest.mark.fault("link.refused")
def test_who_is_refused_does_not_come_back(on_wires: Wires) -> None:
    async def act(up: Standing) -> None:
        await up.to(60.0)
        break_wire(up, "link.refused")
        break_wire(up, "link.reset")
        await up.to(120.0)
        assert (await up.signals())["link[A01].state"] == "refused"
        assert "A01" not in up.heard.is_up

    on_wires(act)
