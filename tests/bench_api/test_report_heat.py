"""What a report says of heat: the air, who gave less, alarms with their ends, in figures that the run recorded."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bench_api.bench import Bench, Plan
from bench_api.paces import read_pace
from bench_api.report import write_report
from bench_api.report_alarms import alarm_rows
from bench_api.report_heat import air, derating_table, heat, waited
from scenarios.loader import find_scenario, load_scenario
from sim.clock import Clock
from sim.kernel import Kernel
from sim.reading import Run
from sim.recording import Recorder
from sim.units import SimTime

Happening = tuple[float, str, str, dict[str, Any]]


def record(folder: Path, happenings: list[Happening]) -> Path:
    kernel = Kernel(Clock(datetime(2022, 7, 13), "Asia/Shanghai"), seed=7)
    recorder = Recorder(folder / "run.sqlite")
    recorder.meta({"start": "2022-07-13T00:00:00", "timezone": "Asia/Shanghai"})
    recorder.attach(kernel)
    for t_s, kind, subject, data in happenings:
        kernel.advance(SimTime(t_s))
        kernel.jump(SimTime(t_s))
        kernel.emit(kind, subject, data)
    recorder.meta({"simulated_s": 36_000.0})
    recorder.close(SimTime(36_000.0))
    return folder


def alarms(folder: Path, happenings: list[Happening]) -> list[dict[str, Any]]:
    with Run(record(folder, happenings)) as run:
        return alarm_rows(run)


def test_the_same_alarm_is_one_row_with_how_often_and_how_long(tmp_path: Path) -> None:
    where, told = "pile[A02].connector[1]", {"alarm": "connector_derated"}
    (row,) = alarms(tmp_path, [(t, kind, where, told) for t, kind in (
        (3_600.0, "alarm.raised"), (4_200.0, "alarm.cleared"), (5_400.0, "alarm.raised"), (7_200.0, "alarm.cleared"),
    )])  # fmt: skip
    assert row["span"] == {"en": "2 times, 40 min in all", "zh": "2 次，共 40 分钟"}
    assert (row["time"], row["end"]) == ("01:00:00", "02:00:00")
    assert [round(bar["left"], 2) for bar in row["bars"]] == [10.0, 15.0]


def test_a_warning_goes_on_until_it_is_cleared_a_lock_out_until_it_serves_again(tmp_path: Path) -> None:
    where = "pile[A02].connector[1]"
    rows = alarms(tmp_path, [
        (3_600.0, "alarm.raised", where, {"alarm": "connector_hot"}),
        (3_900.0, "alarm.raised", where, {"alarm": "connector_overtemperature"}),
        (4_000.0, "alarm.raised", "pile[A03].connector[1]", {"alarm": "bms_timeout"}),
        (4_500.0, "evse.recovered", where, {}),
    ])  # fmt: skip
    hot, stopped, silent = rows
    assert (hot["end"], hot["lasts"], hot["span"]["en"]) == ("", True, "9 h")
    assert (stopped["end"], stopped["span"]["en"]) == ("01:15:00", "10 min")
    assert (silent["end"], silent["lasts"], silent["span"]) == ("", False, None)


def test_a_trip_at_many_places_is_two_rows(tmp_path: Path) -> None:
    happenings: list[Happening] = []
    for t in (3_600.0, 7_200.0):
        happenings.append((t, "transformer.tripped", "grid.transformer[T1]", {"by": "pt100"}))
        happenings += [(t, "alarm.raised", f"pile[A0{n}].connector[1]", {"alarm": "undervoltage"}) for n in (1, 2)]
        happenings.append((t + 1_200.0, "transformer.reset", "grid.transformer[T1]", {}))
        happenings += [(t + 1_200.0 + n, "evse.recovered", f"pile[A0{n}].connector[1]", {}) for n in (1, 2)]
    trip, low = alarms(tmp_path, happenings)
    assert (trip["kind"], trip["span"]["en"]) == ("trouble.trip", "2 times, 40 min in all")
    assert low["subject"]["en"] == "pile A01, connector 1 and 1 more"
    assert low["span"]["en"] == "2 times, 40 min in all"


def test_what_batteries_say_is_one_row_over_all_bays(tmp_path: Path) -> None:
    (row,) = alarms(tmp_path, [(60.0 * n, "bms.waiting", f"bay[B0{n}].vehicle.bms", {"temp_c": -9.0})
                               for n in (1, 2, 3)])  # fmt: skip
    assert row["subject"]["en"] == "bay B01, vehicle, BMS and 2 more"
    assert row["span"] == {"en": "3 times", "zh": "3 次"}


def test_deratings_of_a_pile_are_one_row(tmp_path: Path) -> None:
    where = "pile[A02]"
    folder = record(tmp_path, [
        (3_600.0, "pile.derated", where, {"share": 0.95, "temp_c": 51.0}),
        (4_000.0, "pile.derated", where, {"share": 0.6, "temp_c": 60.0}),
        (5_400.0, "pile.derating_ended", where, {}),
        (34_200.0, "pile.derated", where, {"share": 0.9, "temp_c": 53.0}),
    ])  # fmt: skip
    with Run(folder) as run:
        (row,) = derating_table(run)
        said = heat(run)
        assert air(run) is None
        assert waited(run) is None
    assert (row["share"], row["count"], row["span"]["en"]) == ("60", "2", "1 h")
    assert row["times"] == ["01:00–01:30", "09:30–10:00"]
    assert said == {"en": "Because of heat one pile gave less than its rating (pile A02: down to 60 %).",
                    "zh": "受高温影响，1 台充电桩降额（充电桩 A02，最低 60 %）。"}  # fmt: skip


@pytest.fixture(scope="module")
def wave(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The heat wave, played, with its report."""
    out = tmp_path_factory.mktemp("wave")
    loaded = load_scenario(find_scenario("heat-wave"))
    plan = Plan(loaded=loaded, pace=read_pace("fast"), seed=loaded.document.value.seed, out=out, state=out / "state")
    Bench(plan).run()
    write_report(out)
    return out


def test_a_heat_wave_says_what_the_heat_did(wave: Path) -> None:
    page = (wave / "report.html").read_text(encoding="utf-8").replace("\u00a0", " ")
    with Run(wave) as run:
        hottest = run.series("weather.air_temp_c").maximum()
        rows = derating_table(run)
        shares = {row["name"]: run.series(f"{row['name']}.derating").a.min() for row in rows}
        levels = run.meta_json("heat_levels")
    assert hottest is not None
    assert f"and {hottest[1]:.1f} °C, hottest at" in page
    assert "pile A12 the most: down to 0 %" in page
    assert "充电桩 A12最甚" in page
    assert [row["share"] for row in rows] == [f"{100 * shares[row['name']]:.0f}" for row in rows]
    assert (wave / "plots" / "temperatures.zh.svg").is_file()
    assert levels["grid.transformer[T1].pt100_c"] == {"alarm": 140.0, "trip": 155.0}
    assert levels["pile[A14].connector[1].contact_temp_c"] == {"alarm": 80.0, "derate": 85.0, "stop": 90.0}
    assert levels["pile[A12].cabinet_temp_c"] == {"derate": 50.0, "stop": 80.0}
