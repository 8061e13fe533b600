"""Faults of batteries on both faces: signals and events of the station, and what the piles tell a CSMS by OCPP."""

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


@pytest.fixture
def sick(scenario: Path) -> Callable[[str], None]:
    """The three cars on a hot day at a site whose packs are cells; this happens to them; nothing judged."""

    def written(timeline: str) -> None:
        head, _, rest = find_station("two-outlet").read_text(encoding="utf-8").partition("weather:\n")
        station = f"{head}weather: {{air_temp_c: 38}}\n\ndemand:{rest.partition('demand:')[2]}"
        (scenario.parent / "hot.yaml").write_text(station, encoding="utf-8")
        text, _, _ = scenario.read_text(encoding="utf-8").partition("expect:\n")
        scenario.write_text(text.replace("station: two-outlet", "station: hot.yaml") + timeline, encoding="utf-8")

    return written


def told(run: Run, action: str, connector: int) -> list[tuple[float, Any]]:
    frames = [frame for frame in run.frames() if frame.direction == "out" and frame.kind == "call"]
    bodies = [(frame.t_s, frame.action, json.loads(frame.body)[3]) for frame in frames]
    return [(t, body) for t, name, body in bodies if name == action and body.get("connectorId", connector) == connector]


@pytest.mark.clause("8.3", "10.2.1")
def test_a_defective_cell_ends_its_transaction(
    sick: Callable[[str], None], play: Play, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sick('timeline:\n  - {after_s: 600, inject: vehicle.cell_defect, target: "bay[B01].vehicle.bms", '
         "with: {heat_w: 400}}\n")  # fmt: skip
    fast, played = play("fast", "fast"), play("lockstep")
    assert (fast.exit_code, played.exit_code) == (0, 0), played.document
    assert fast.document["event_digest"] == played.document["event_digest"]
    with Run(tmp_path / "run") as run:
        (alarm,) = list(run.events(kind="alarm.raised"))
        heat = run.series("pile[A01].connector[1].vehicle_heat_kw")
        ended = [event.t_s for event in run.events(kind="session.ended") if "connector[1]" in event.subject]
        stops = [t for t, _ in told(run, "StopTransaction", 1)]
        states = [(t, body["status"]) for t, body in told(run, "StatusNotification", 1)]
        (first, *_) = run.sessions()
    assert (alarm.t_s, alarm.data["alarm"]) == (600.0, "cell_temperature_spread")
    assert heat.at([599.0, 601.0])[1] == pytest.approx(0.4), "no current any more, only the defect's own heat"
    assert ended[0] == 600.0 and 600.0 in stops and (600.0, "Finishing") in states
    assert first.stop_reason == "cell_temperature_spread"
    assert replay(tmp_path / "run", None, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["event_digest"] == played.document["event_digest"]


@pytest.mark.clause("9.5.2")
def test_a_soaked_car_meters_nothing_until_it_has_cooled(
    sick: Callable[[str], None], play: Play, tmp_path: Path
) -> None:
    sick('timeline:\n  - {after_s: 0, inject: vehicle.soaked, target: "bay[B01]", with: {temp_c: 64}}\n')
    assert play("lockstep").exit_code == 0
    with Run(tmp_path / "run") as run:
        (waits, *_) = run.events(kind="bms.waiting")
        temp, power = (run.series(f"pile[A01].connector[1].{name}") for name in ("vehicle_temp_c", "power_kw"))
        metered = [(t, body["meterValue"][0]["sampledValue"]) for t, body in told(run, "MeterValues", 1)]
        alarms = list(run.events(kind="alarm.raised"))
    first_s, values = metered[0]
    watts = next(float(one["value"]) for one in values if one["measurand"] == "Power.Active.Import")
    assert waits.data["temp_c"] == pytest.approx(64.0, abs=0.1)
    assert temp.at([first_s])[0] > 59.0 and power.at([first_s])[0] == watts == 0.0
    assert alarms == [], "one that comes too hot waits, and is not stopped"


def test_without_coolant_the_meter_shows_less(sick: Callable[[str], None], play: Play, tmp_path: Path) -> None:
    def shown(name: str, timeline: str) -> list[float]:
        sick(timeline)
        assert play("lockstep", name).exit_code == 0
        with Run(tmp_path / name) as run:
            bodies = [body["meterValue"][0]["sampledValue"] for _, body in told(run, "MeterValues", 1)]
        return [float(one["value"]) for body in bodies for one in body if one["measurand"] == "Power.Active.Import"]

    sound = shown("sound", "")
    failed = shown("failed", 'timeline:\n  - {after_s: 100, inject: vehicle.coolant_pump_failed, '
                             'target: "bay[B01].vehicle.bms"}\n')  # fmt: skip
    assert sum(failed) < 0.999 * sum(sound)
