"""A hot cabinet on both faces: signals and events of the station, and what the pile tells a CSMS by OCPP."""

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
  - {after_s: 500, inject: pile.fan_failed, target: "pile[A01].cabinet", with: {duration_s: 1200}}
  - {after_s: 7000, inject: pile.inlet_sensor_broken, target: "pile[A01].cabinet", with: {duration_s: 600}}
expect:
  - {id: alarms, count: {event: alarm.raised, equals: 4}}
  - {id: ended, count: {event: pile.derating_ended, equals: 1}}
"""


@pytest.fixture
def hot(scenario: Path) -> None:
    """The three cars at a site that follows the heat of its pile, on a hot day."""
    station = find_station("two-outlet").read_text(encoding="utf-8")
    place = "    place: {x_m: 3, y_m: 0}\n"
    station = station.replace(place, f"{place}    cabinet: {{capacity_kj_k: 150, inlet_cutoff_c: 64}}\n")
    head, _, rest = station.partition("weather:\n")
    station = f"{head}weather: {{air_temp_c: 38}}\n\ndemand:{rest.partition('demand:')[2]}"
    (scenario.parent / "hot.yaml").write_text(f"{station}\nheat: {{packs: false, piles: true}}\n", encoding="utf-8")
    head, _, _ = scenario.read_text(encoding="utf-8").partition("expect:\n")
    scenario.write_text(head.replace("station: two-outlet", "station: hot.yaml") + TIMELINE, encoding="utf-8")


def calls(run: Run) -> list[tuple[float, str, Any]]:
    frames = [frame for frame in run.frames() if frame.direction == "out" and frame.kind == "call"]
    return [(frame.t_s, frame.action, json.loads(frame.body)[3]) for frame in frames]


@pytest.mark.clause("8.4.1.2", "9.4.1", "10.2.1")
@pytest.mark.usefixtures("hot")
def test_a_hot_cabinet_on_both_faces(play: Play, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fast, played = play("fast", "fast"), play("lockstep")
    assert (fast.exit_code, played.exit_code) == (0, 0), played.document
    assert fast.document["event_digest"] == played.document["event_digest"]
    with Run(tmp_path / "run") as run:
        sent = calls(run)
        derated = [(event.t_s, event.data["share"]) for event in run.events(kind="pile.derated")]
        alarms = [(event.t_s, event.data["alarm"]) for event in run.events(kind="alarm.raised")]
        temp_c, share, power_kw = (
            run.series(f"pile[A01].{name}") for name in ("cabinet_temp_c", "derating", "connector[1].power_kw")
        )
        ends = {car.id: car.stop_reason for car in run.sessions()}
    # the meter says what derating leaves
    values = [(t, float(body["meterValue"][0]["sampledValue"][1]["value"])) for t, action, body in sent
              if action == "MeterValues" and body["connectorId"] == 1]  # fmt: skip
    while_hot = [(t, watts) for t, watts in values if derated[0][0] < t < alarms[0][0]]
    assert len(while_hot) >= 2
    for t, watts in while_hot:
        assert watts == pytest.approx(1_003.1 * power_kw.at([t])[0], abs=1.0)
        assert watts <= 1_003.1 * 172.5 * share.at([t])[0] + 1.0
    assert min(watts for _, watts in while_hot) < 0.7 * max(watts for t, watts in values if t < derated[0][0])
    # dead fans and derating are told beside the status that stands
    statuses = [(t, body) for t, action, body in sent if action == "StatusNotification" and body["connectorId"] == 1]
    remarks = [(t, body["status"], body["errorCode"], body["vendorErrorCode"]) for t, body in statuses
               if "vendorErrorCode" in body]  # fmt: skip
    assert remarks[0] == (500.0, "Charging", "OtherError", "fan_failed")
    assert remarks[1] == (derated[0][0], "Charging", "HighTemperature", "pile_derated")
    assert remarks[2][1:] == ("Faulted", "HighTemperature", "high_temperature")
    # the cut-off, told by its code, and over by itself when the fan runs again
    hot_s = alarms[0][0]
    assert [alarm for _, alarm in alarms] == ["high_temperature"] * 2 + ["inlet_sensor_broken"] * 2
    assert temp_c.at([hot_s])[0] == pytest.approx(64.0, abs=1e-6)
    told = [(t, body["connectorId"], body["status"], body["errorCode"]) for t, action, body in sent
            if action == "StatusNotification" and t >= hot_s]  # fmt: skip
    assert told[:2] == [(hot_s, 1, "Faulted", "HighTemperature"), (hot_s, 2, "Faulted", "HighTemperature")]
    back = next(t for t, connector, status, _ in told if (connector, status) == (1, "Available"))
    assert hot_s + 60.0 < 1_700.0 + 60.0 < back < 3_000.0
    assert [(connector, status, error) for t, connector, status, error in told if t >= 7_000.0] == [
        (1, "Faulted", "OtherError"), (2, "Faulted", "OtherError"),
        (1, "Available", "NoError"), (2, "Available", "NoError"),
    ]  # fmt: skip
    assert "high_temperature" in ends.values() and "target_reached" in ends.values()
    assert replay(tmp_path / "run", None, as_json=True) == 0
