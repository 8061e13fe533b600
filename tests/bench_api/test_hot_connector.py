"""Faults of connectors on both faces: signals and events of the station, and what its piles tell a CSMS by OCPP."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench_api.outcome import Outcome
from bench_api.running import replay
from sim.reading import Run
from twins.station_file import find_station

Play = Callable[..., Outcome]
TIMELINE = """timeline:
  - {after_s: 100, inject: connector.contact_loose, target: "pile[A01].connector[1].contact", with: {factor: 11}}
  - {after_s: 1000, inject: connector.contact_loose, target: "pile[A01].connector[1].contact", with: {factor: 3.9}}
  - {after_s: 900, inject: connector.temp_sensor_stuck, target: "pile[A01].connector[2].contact",
     with: {temp_c: 95, duration_s: 600}}
  - {after_s: 3000, inject: connector.coolant_pump_failed, target: "pile[A01].connector[2].contact",
     with: {duration_s: 300}}
"""


@pytest.fixture
def warm(scenario: Path) -> None:
    """The three cars at a site that follows the heat of its connectors; what breaks them; nothing judged."""
    station = find_station("two-outlet").read_text(encoding="utf-8")
    (scenario.parent / "warm.yaml").write_text(
        f"{station}\nheat: {{packs: false, connectors: true}}\n", encoding="utf-8"
    )
    head, _, _ = scenario.read_text(encoding="utf-8").partition("expect:\n")
    scenario.write_text(head.replace("station: two-outlet", "station: warm.yaml") + TIMELINE, encoding="utf-8")


def calls(run: Run) -> list[tuple[float, str, Any]]:
    frames = [frame for frame in run.frames() if frame.direction == "out" and frame.kind == "call"]
    return [(frame.t_s, frame.action, json.loads(frame.body)[3]) for frame in frames]


def hearsay(run: Run, connector: int) -> list[tuple[float, str, str]]:
    """(t, status, error code) of each StatusNotification of this connector."""
    return [(t, body["status"], body["errorCode"]) for t, action, body in calls(run)
            if action == "StatusNotification" and body["connectorId"] == connector]  # fmt: skip


@pytest.mark.clause("8.4.1.2", "9.4.1", "10.2.1")
@pytest.mark.usefixtures("warm")
def test_hot_connectors_on_both_faces(play: Play, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fast, played = play("fast", "fast"), play("lockstep")
    assert (fast.exit_code, played.exit_code) == (0, 0), played.document
    assert fast.document["event_digest"] == played.document["event_digest"]
    with Run(tmp_path / "run") as run:
        first, second = (hearsay(run, number) for number in (1, 2))
        alarms = [(event.t_s, event.subject, event.data["alarm"]) for event in run.events(kind="alarm.raised")]
        stops = {car.id: car.stop_reason for car in run.sessions()}
        temps = [run.series(f"pile[A01].connector[{number}].contact_temp_c") for number in (1, 2)]
        power = run.series("pile[A01].connector[1].power_kw")
        metered = [(t, float(body["meterValue"][0]["sampledValue"][1]["value"])) for t, action, body in calls(run)
                   if action == "MeterValues" and body["connectorId"] == 1]  # fmt: skip
    # a loose contact: at 80 C the station raises its alarm and the pile says so on the wire, at 85 C power is halved
    hot, derated = (next(t for t, _, alarm in alarms if alarm == f"connector_{word}") for word in ("hot", "derated"))
    assert temps[0].at([hot, derated]) == pytest.approx([80.0, 85.0], abs=1e-6)
    assert (hot, "Charging", "HighTemperature") in first
    full_kw, half_kw = power.at([derated - 1.0, derated + 1.0])
    assert half_kw == pytest.approx(0.5 * full_kw, rel=1e-9)
    shown = [watts for t, watts in metered if t > derated]
    assert any(watts == pytest.approx(1_003.1 * half_kw, rel=1e-4) for watts in shown)
    # looser yet: the next car is stopped at 90 C, and the connector comes back when it has cooled and the car has left
    (stopped,) = (t for t, path, alarm in alarms if alarm == "connector_overtemperature" and "[1]" in path)
    assert temps[0].at([stopped])[0] == pytest.approx(90.0, abs=1e-6)
    assert [(status, error) for t, status, error in first if t >= stopped] == [
        ("Faulted", "HighTemperature"), ("Available", "NoError"),
    ]  # fmt: skip
    # a sensor stuck at 95 C stops a connector that is cool, a minute longer than it is stuck
    assert temps[1].at([900.0])[0] < 40.0
    assert [row for row in second if 900.0 <= row[0] < 3_000.0] == [
        (900.0, "Charging", "HighTemperature"), (900.0, "Faulted", "HighTemperature"),
        (1_560.0, "Available", "NoError"),
    ]  # fmt: skip
    # a pump that stops: five seconds later the connector is out of service, until the coolant flows again
    assert (3_005.0, "pile[A01].connector[2]", "coolant_flow_lost") in alarms
    assert [row for row in second if row[0] >= 3_000.0] == [
        (3_005.0, "Faulted", "InternalError"), (3_300.0, "Available", "NoError"),
    ]  # fmt: skip
    assert list(stops.values()) == ["target_reached", "connector_overtemperature", "connector_overtemperature"]
    assert replay(tmp_path / "run", None, as_json=True) == 0
