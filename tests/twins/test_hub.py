"""The shipped hub of two split stacks for a day: books, limits at every recorded instant, faces, faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scenarios.loader import check_files
from sim.clock import Clock
from sim.kernel import Kernel
from sim.reading import Run
from sim.recording import Recorder
from sim.units import SimTime
from twins.books import energy_book
from twins.links import charge_points
from twins.platform import LocalPlatform
from twins.station import Station
from twins.station_file import find_station, read_station

Build = Callable[..., tuple[Kernel, Any, LocalPlatform]]
END = SimTime(86_400.0)
HALF = SimTime(43_200.0)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_random_day_closes_its_books(build: Build, seed: int) -> None:
    kernel, station, platform = build(seed=seed, name="hub")
    station.draw_demand(None, END)
    kernel.at(SimTime(40_000.0), lambda: fail(station))
    kernel.advance(END)
    book = energy_book(station, END)
    book.check()
    charging = [evse.delivered_kwh(END)[0] for evse in station.evses if evse.is_charging]
    ended = [one.energy_true_kwh for one in station.sessions]
    assert book.vehicles_kwh == pytest.approx(sum(ended) + sum(charging), rel=1e-9)
    assert len(station.sessions) > 400 and book.vehicles_kwh > 10_000.0
    assert platform.begun == platform.stopped + len(platform.open)


def test_warming_packs_are_followed_too() -> None:
    file = read_station(find_station("hub")).value
    file = replace(file, heat=replace(file.heat, packs=True))
    kernel = Kernel(Clock(datetime(2022, 7, 6), file.station.timezone), 11)
    station = Station(kernel, file, LocalPlatform(kernel))
    station.draw_demand(None, HALF)
    kernel.advance(HALF)
    book = energy_book(station, HALF)
    book.check()
    assert book.vehicles_kwh > 3_000.0


def test_the_same_seed_is_the_same_day(build: Build) -> None:
    def digest() -> tuple[str, str]:
        kernel, station, _ = build(seed=5, name="hub")
        station.draw_demand(None, HALF)
        kernel.advance(HALF)
        return kernel.digest.finish(HALF, kernel.signals.values())

    assert digest() == digest()


def fail(station: Any) -> None:
    station.faults.inject("stack.module_failed", "pile[H01]", {"count": 6, "duration_s": 9_000.0})
    station.faults.inject("stack.switch_stuck", "pile[H02]", {"count": 4, "duration_s": 5_000.0})


def test_a_stack_that_fails_as_a_whole_lets_go_of_its_modules_and_serves_again(build: Build) -> None:
    kernel, station, _ = build(seed=4, name="hub")
    station.draw_demand(None, HALF)
    kernel.advance(SimTime(39_600.0))
    stack = station.piles["H01"]
    assert stack.free.a == 0.0 and any(stack.terminals)
    station.faults.inject("pile.failed", stack.path, {"duration_s": 600.0})
    kernel.advance(kernel.now)
    assert (stack.free.a, sum(evse.power_kw.at(kernel.now) for evse in stack.evses)) == (16.0, 0.0)
    assert stack.modules_kw.a == 0.0 and not any(stack.terminals)
    kernel.advance(HALF)
    assert any(evse.is_charging for evse in stack.evses)
    energy_book(station, HALF).check()


def test_every_limit_holds_at_every_recorded_instant(build: Build, tmp_path: Path) -> None:
    kernel, station, _ = build(seed=3, name="hub")
    recorder = Recorder(tmp_path / "run.sqlite")
    recorder.attach(kernel)
    station.draw_demand(800.0, END)
    kernel.at(SimTime(40_000.0), lambda: fail(station))
    for hour in range(7, 16):
        kernel.advance(SimTime(3_600.0 * hour))
        recorder.flush(kernel.now)
    recorder.close(kernel.now)
    with Run(tmp_path / "run.sqlite") as run:
        evses = [evse.path for evse in station.evses]
        names = [f"{one}.{what}" for one in evses for what in ("power_kw", "modules", "limit_kw")]
        starts = np.unique(np.concatenate([run.series(name).t0 for name in names]))
        times = np.unique(np.concatenate((starts, np.nextafter(starts[1:], 0.0))))
        values = {name: run.series(name).at(times) for name in names}
        total = sum(values[f"{one}.power_kw"] for one in evses)
        assert np.all(total <= run.series("control.site_limit_kw").at(times) * (1 + 1e-9))
        import_kw = run.series("grid.power_kw").at(times)
        assert np.all(import_kw <= 1_100.0 * (1 + 1e-9)) and np.max(import_kw) > 1_095.0, "the contract was reached"
        for feeder, breaker_a in (("F1", 1_250.0), ("F2", 1_000.0)):
            feeder_kw = run.series(f"grid.feeder[{feeder}].power_kw").at(times)
            assert np.all(feeder_kw <= 0.4 * 3**0.5 * breaker_a * 0.98)
        for pile in station.piles.values():
            serving = 0.0
            for evse in pile.evses:
                modules = values[f"{evse.path}.modules"]
                power_kw = values[f"{evse.path}.power_kw"]
                assert np.all(power_kw <= modules * pile.stack.module_kw * (1 + 1e-9))
                assert np.all(power_kw <= values[f"{evse.path}.limit_kw"] * (1 + 1e-9))
                serving = serving + modules
            assert np.max(serving) == 16.0, "every module was needed"
            assert np.all(serving + run.series(f"{pile.path}.modules_free").at(times) <= 16.0)
        lasts = (times > 40_000.0) & (times < 49_000.0)
        first = sum(values[f"{evse.path}.modules"] for evse in station.piles["H01"].evses)
        assert np.max(first[lasts]) == 10.0, "six had failed"


def test_each_terminal_or_each_cabinet_is_a_charge_point() -> None:
    station = read_station(find_station("hub")).value
    outlets = {pile.id: len(pile.evses) for pile in station.piles}
    face = station.platform_face
    assert face is not None
    points = charge_points(face, outlets)
    assert len(points) == 24 and points[12] == ("H02-1", "H02", (1,))
    cabinets = charge_points(type(face)(kind="ocpp", version="1.6", charge_points="per_cabinet", url=face.url), outlets)
    assert cabinets[1] == ("H02", "H02", tuple(range(1, 13)))


SCENARIO = """scenario: 1
title: {en: Modules fail, zh: 模块失效}
station: hub
start: 2022-07-06T08:00
duration_h: 1
seed: 1
timeline:
  - {after_s: 60, inject: stack.module_failed, target: "pile[H01]", with: {count: 2}}
expect:
  - {id: told, after: {event: fault.active}, within_s: 1, event: alarm.raised}
  - {id: served, always: {signal: "pile[H01].modules_free", above: -1}}
  - {id: switched, count: {event: stack.switched, at_least: 1}}
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", ""),
        ("count: 2", "count: 2.5", "8: timeline[0].with.count: 2.5 is not a whole number; a whole number"),
        ("count: 2", "count: 0", "8: timeline[0].with.count: 0 is out of bounds; 1 to 200"),
        ("pile[H01]\", with", "pile[H03]\", with", "8: timeline[0].target: the station has no pile[H03]; did you mean"),
        (
            "pile[H01]\", with",
            "pile[H01].connector[1]\", with",
            "8: timeline[0].target: stack.module_failed hits SplitStack, and pile[H01].connector[1] is DcEvse",
        ),
    ],
)  # fmt: skip
def test_a_scenario_may_break_a_stack(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(SCENARIO.replace(old, new, 1) if old else SCENARIO, encoding="utf-8")
    found = [str(problem).removeprefix(f"{path}:") for problem in check_files([path])]
    assert not found if not said else any(one.startswith(said) for one in found), found
