"""Every limit holds at every recorded instant, also while limits move; piles, house and losses make the meter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.kernel import Kernel
from sim.reading import Run
from sim.recording import Recorder
from sim.units import SimTime
from twins.control import ControlConfig

Build = Callable[..., tuple[Kernel, Any, Any]]
END = SimTime(86_400.0)


@pytest.mark.parametrize("name", ["public", "community"])
def test_the_shipped_stations_stay_within_their_site_limit(build: Build, name: str) -> None:
    limit_kw = 1_000.0 if name == "public" else 260.0
    kernel, station, _ = build(name=name, seed=2, control=ControlConfig(policy="equal_share", site_limit_kw=limit_kw))
    station.draw_demand(1_000.0 if name == "public" else 200.0, END)
    reached = 0
    while kernel.now < END:
        kernel.advance(kernel.next_time())
        now = kernel.now
        total_kw = sum(evse.power_kw.at(now) for evse in station.evses)
        limit_kw = station.control.site_limit_kw.at(now)
        assert total_kw <= limit_kw * (1 + 1e-9)
        reached += total_kw > 0.999 * limit_kw
    assert reached > 10


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A crowded day of the public station with a weak transformer in the afternoon, recorded whole."""
    from dataclasses import replace
    from datetime import datetime

    from sim.clock import Clock
    from twins.platform import LocalPlatform
    from twins.station import Station
    from twins.station_file import find_station, read_station

    file = read_station(find_station("public")).value
    feeders = tuple(replace(one, breaker_a=one.breaker_a * 0.7) for one in file.grid.feeders)
    file = replace(file, grid=replace(file.grid, feeders=feeders))
    kernel = Kernel(Clock(datetime(2022, 7, 6), "Asia/Shanghai"), 3)
    station = Station(kernel, file, LocalPlatform(kernel))
    path = tmp_path_factory.mktemp("limits") / "run.sqlite"
    recorder = Recorder(path)
    recorder.attach(kernel)
    station.draw_demand(600.0, END)
    kernel.at(SimTime(46_000.0), lambda: _weaken(station))
    kernel.at(SimTime(50_000.0), lambda: station.evses[0].limit("platform", 30.0))
    for hour in range(1, 25):
        kernel.advance(SimTime(3_600.0 * hour))
        recorder.flush(kernel.now)
    kernel.jump(END)
    recorder.close(END)
    return path


def _weaken(station: Any) -> None:
    station.faults.inject("transformer.derated", "grid.transformer[T1]", {"share": 0.4, "duration_s": 7_200.0})


def instants(run: Run, names: list[str]) -> np.ndarray:
    """Just after every change of one of these signals, and just before the next."""
    starts = np.unique(np.concatenate([run.series(name).t0 for name in names]))
    return np.unique(np.concatenate((starts, np.nextafter(starts[1:], 0.0), [END])))


def test_powers_stay_below_every_limit(day: Path) -> None:
    with Run(day) as run:
        connectors = [name.removesuffix(".limit_kw") for name in run.signal_names("pile[*].connector[*].limit_kw")]
        powers = [f"{one}.power_kw" for one in connectors]
        times = instants(run, [*powers, *(f"{one}.limit_kw" for one in connectors), "control.site_limit_kw"])
        values = {name: run.series(name).at(times) for name in powers}
        for one in connectors:
            assert np.all(values[f"{one}.power_kw"] <= run.series(f"{one}.limit_kw").at(times) * (1 + 1e-9))
        total = sum(values.values())
        site = run.series("control.site_limit_kw").at(times)
        assert np.all(total <= site * (1 + 1e-9))
        assert np.max(total / site) > 0.999, "the limit was reached"
        assert len(np.unique(site)) > 1, "and it moved"
        assert run.series("grid.feeder[F1].limit_kw").at(0.0) == pytest.approx(0.4 * 3**0.5 * 1_250 * 0.7 * 0.98)
        assert run.series("grid.contract_limit_kw").at(0.0) == 1_250.0
        limited = [("grid.power_kw", "grid.contract_limit_kw"), ("grid.load_kw", "grid.transformer[T1].limit_kw")]
        limited += [(f"grid.feeder[F{n}].power_kw", f"grid.feeder[F{n}].limit_kw") for n in (1, 2, 3)]
        for power, limit in limited:
            assert np.all(run.series(power).at(times) <= run.series(limit).at(times) * (1 + 1e-9)), power
        late = times > 50_000.0
        assert np.all(values["pile[A01].connector[1].power_kw"][late] <= 30.0 * (1 + 1e-9))


def test_the_transformers_limit_is_a_signal_that_follows_its_derating(day: Path) -> None:
    with Run(day) as run:
        limit = run.series("grid.transformer[T1].limit_kw")
        told = [(event.t_s, event.data["limit_kw"]) for event in run.events(kind="transformer.limited")]
    assert limit.at([0.0, 45_999.0, 46_000.0, 53_199.0, 53_200.0]) == pytest.approx(
        [1176.0, 1176.0, 470.4, 470.4, 1176.0]
    )
    assert told == [(46_000.0, pytest.approx(470.4)), (53_200.0, pytest.approx(1176.0))]


def test_piles_house_and_losses_make_the_meter(day: Path) -> None:
    with Run(day) as run:
        names = run.signal_names()
        inputs = sum(run.series(name).integral(0.0, END) for name in names if name.endswith("].input_kw"))
        house, loss = (run.series(f"grid.{name}_kw").integral(0.0, END) for name in ("house", "loss"))
        meter = run.series("grid.power_kw").integral(0.0, END)
        assert inputs + house + loss == pytest.approx(meter, rel=1e-9)
        times = np.linspace(0.0, END, 400_001)
        assert np.trapezoid(run.series("grid.power_kw").at(times), times) == pytest.approx(meter, rel=1e-4)
