"""A transformer whose fans fail, on both faces: its heat and its trip at the station, and what a CSMS hears of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench_api.outcome import Outcome
from bench_api.running import replay
from sim.reading import Run
from twins.station_file import find_station

Play = Callable[..., Outcome]
HEAT = """    heat:
      {kind: dry, tau_min: 10, fans: {af_ratio: 1.5, on_c: 60, off_c: 50}, alarm_c: 140, trip_c: 150,
       reset: {below_c: 90, after_min: 5}}
"""
TIMELINE = """timeline:
  - {after_s: 600, inject: transformer.fan_failed, target: "grid.transformer[T1]", with: {duration_s: 1200}}
expect:
  - {id: tripped, after: {event: fault.active}, within_s: 1800, event: transformer.tripped}
  - {id: reset, count: {event: transformer.reset, equals: 1}}
  - {id: hot, always: {signal: "grid.transformer[T1].hot_spot_c", below: 185}}
"""


@pytest.fixture
def hot(scenario: Path) -> None:
    """The three cars at a site whose transformer carries them with fans alone."""
    station = find_station("two-outlet").read_text(encoding="utf-8")
    station = station.replace("rating_kva: 250", "rating_kva: 100")
    station = station.replace("load_loss_kw: 3.2\n", f"load_loss_kw: 1.3\n{HEAT}")
    head, _, rest = station.partition("weather:\n")
    station = f"{head}weather: {{air_temp_c: 35}}\n\ndemand:{rest.partition('demand:')[2]}"
    (scenario.parent / "hot.yaml").write_text(station, encoding="utf-8")
    head, _, _ = scenario.read_text(encoding="utf-8").partition("expect:\n")
    scenario.write_text(head.replace("station: two-outlet", "station: hot.yaml") + TIMELINE, encoding="utf-8")


@pytest.mark.clause("8.4.1.1", "9.4.1")
@pytest.mark.usefixtures("hot")
def test_failed_fans_trip_the_transformer_on_both_faces(play: Play, tmp_path: Path, capsys: object) -> None:
    fast, played = play("fast", "fast"), play("lockstep")
    assert (fast.exit_code, played.exit_code) == (0, 0), played.document
    assert fast.document["event_digest"] == played.document["event_digest"]
    with Run(tmp_path / "run") as run:
        calls = [(frame.t_s, frame.action, json.loads(frame.body)[3]) for frame in run.frames()
                 if frame.direction == "out" and frame.kind == "call"]  # fmt: skip
        (tripped,), (reset,) = (list(run.events(kind=f"transformer.{kind}")) for kind in ("tripped", "reset"))
        reading = run.series("grid.transformer[T1].pt100_c")
        voltage = run.series("grid.voltage_pu")
    assert reading.at([tripped.t_s])[0] == pytest.approx(150.0, abs=0.01)
    assert reading.at([reset.t_s])[0] <= 90.0
    assert voltage.at([tripped.t_s + 1.0, reset.t_s - 1.0, reset.t_s + 1.0]).tolist() == [0.0, 0.0, 1.0]
    dark_s = tripped.t_s + 0.2
    told = [(t, body["connectorId"], body["status"], body["errorCode"]) for t, action, body in calls
            if action == "StatusNotification" and t > 10.0]  # fmt: skip
    assert [one for one in told if one[2] == "Faulted"] == [
        (pytest.approx(dark_s), 1, "Faulted", "UnderVoltage"), (pytest.approx(dark_s), 2, "Faulted", "UnderVoltage"),
    ]  # fmt: skip
    stops = [(t, body["reason"]) for t, action, body in calls if action == "StopTransaction"]
    assert (pytest.approx(dark_s), "PowerLoss") in stops
    assert any(status == "Available" and t >= reset.t_s + 30.0 for t, _, status, _ in told)
    assert replay(tmp_path / "run", None, as_json=True) == 0
