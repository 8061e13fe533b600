"""What devices show: worked out from the signals at the moment of the read, changing nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from math import isnan, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.clock import Clock
from sim.events import Event
from sim.kernel import Kernel
from sim.units import SimTime
from twins.env_gauges import dew_point_c
from twins.platform import LocalPlatform
from twins.replay import ReplayRow
from twins.station import Station
from twins.station_file import find_station, read_station

CAR: dict[str, Any] = {"capacity_kwh": 200.0, "soc_in_pct": 10.0, "soc_target_pct": 90.0, "power_max_kw": 150.0}
Site = Callable[..., tuple[Kernel, Station, list[Event]]]


def shipped(name: str) -> tuple[Kernel, Station]:
    file = read_station(find_station(name)).value
    kernel = Kernel(Clock(datetime(2022, 7, 11, 8), file.station.timezone), 1)
    return kernel, Station(kernel, file, LocalPlatform(kernel))


def run_to(kernel: Kernel, t: float) -> None:
    kernel.advance(SimTime(t))
    kernel.jump(SimTime(t))


def at(kernel: Kernel, path: str) -> float:
    return kernel.gauges[path].at(kernel.now)


@pytest.mark.parametrize("name", ["public", "hub", "community", "two-outlet"])
def test_reading_every_gauge_changes_no_run(name: str) -> None:
    digests = []
    for is_read in (False, True):
        kernel, station = shipped(name)
        station.draw_demand(200.0, 5_400.0)
        for t in range(100, 5_400, 100):
            run_to(kernel, t + 0.25)
            if is_read:
                assert all(isinstance(gauge.at(kernel.now), float) for gauge in kernel.gauges.values())
        digests.append(kernel.digest.finish(kernel.now, kernel.signals.values()))
    assert digests[0] == digests[1]


def test_a_sessions_figures_stand_until_the_next_one(site: Site) -> None:
    kernel, station, _ = site(ReplayRow(arrival_s=10.0, stay_s=None, connector=1, **CAR))
    evse = station.evses[0]
    run_to(kernel, 600.0)
    evse.stop("remote")
    run_to(kernel, 601.0)
    length_s, energy_kwh = (at(kernel, f"{evse.path}.{name}") for name in ("charging_s", "session_kwh"))
    assert length_s == pytest.approx(600.0 - float(evse.started_s or 0.0)) and energy_kwh > 5.0
    run_to(kernel, 605.0)
    assert at(kernel, f"{evse.path}.session_kwh") == energy_kwh
    assert at(kernel, f"{evse.path}.demand_a") == 0.0


def test_modules_in_blocks_follow_who_charges(site: Site) -> None:
    kernel, station, _ = site(
        ReplayRow(arrival_s=10.0, stay_s=None, connector=1, **CAR),
        ReplayRow(arrival_s=600.0, stay_s=None, connector=2, **CAR),
    )
    first, second = station.evses
    names = [f"pile[A01].module[{number}]" for number in range(1, 6)]
    assert [at(kernel, f"{name}.current_a") for name in names] == [0.0] * 5
    run_to(kernel, 500.0)
    assert [at(kernel, f"{name}.current_a") for name in names] == pytest.approx([first.current_a(kernel.now) / 5.0] * 5)
    run_to(kernel, 900.0)
    shares = [first.current_a(kernel.now) / 3.0] * 3 + [second.current_a(kernel.now) / 2.0] * 2
    assert [at(kernel, f"{name}.current_a") for name in names] == pytest.approx(shares)
    assert at(kernel, f"{names[4]}.voltage_v") == second.voltage_v(kernel.now)
    assert at(kernel, "pile[A01].modules_total") == 5.0


def test_modules_of_a_stack_add_up_to_what_its_terminals_give() -> None:
    kernel, station = shipped("hub")
    station.draw_demand(None, 7_200.0)
    pile = station.piles["H01"]
    for t in range(600, 7_200, 600):
        run_to(kernel, float(t))
        given_kw = sum(
            at(kernel, f"{pile.path}.module[{one}].voltage_v") * at(kernel, f"{pile.path}.module[{one}].current_a")
            for one in range(1, 17)
        ) / 1_000.0  # fmt: skip
        assert given_kw == pytest.approx(pile.power_kw.at(kernel.now), abs=1e-6)
    assert given_kw > 100.0


def test_a_pile_that_knows_no_modules_says_nothing_of_them() -> None:
    kernel, _ = shipped("public")
    names = ("modules_total", "modules_failed", "module[1].voltage_v", "module[1].current_a")
    assert all(isnan(at(kernel, f"pile[A01].{name}")) for name in names)
    assert "pile[A01].module[2].voltage_v" not in kernel.gauges


def test_a_heart_beat_counts_seconds_and_begins_again() -> None:
    kernel, _ = shipped("two-outlet")
    run_to(kernel, 65_535.9)
    assert at(kernel, "pile[A01].heartbeats") == 65_535.0
    run_to(kernel, 65_536.0)
    assert at(kernel, "pile[A01].heartbeats") == 0.0


@pytest.mark.parametrize(
    ("temp_c", "humidity_pct", "dew_c"),
    [(25.0, 60.0, 16.7), (20.0, 50.0, 9.3), (30.0, 80.0, 26.2), (0.0, 100.0, 0.0), (-10.0, 70.0, -14.4)],
)
def test_dew_points_of_the_tables(temp_c: float, humidity_pct: float, dew_c: float) -> None:
    assert dew_point_c(temp_c, humidity_pct) == pytest.approx(dew_c, abs=0.1)


@given(st.floats(-40.0, 60.0), st.floats(0.5, 100.0))
def test_air_is_never_below_its_dew_point(temp_c: float, humidity_pct: float) -> None:
    assert dew_point_c(temp_c, humidity_pct) <= temp_c + 1e-9
    assert isnan(dew_point_c(temp_c, 0.0)) and isnan(dew_point_c(nan, nan))


@pytest.mark.parametrize(("air_c", "level"), [(20.0, 0.0), (41.0, 1.0), (46.0, 2.0), (51.0, 3.0), (-21.0, 3.0)])
def test_levels_of_temperature(site: Site, air_c: float, level: float) -> None:
    kernel, _, _ = site(
        weather=f"{{air_temp_c: {air_c}}}", microclimate="{sensors: [{id: E1, place: {x_m: 1, y_m: 1}}]}"
    )
    assert at(kernel, "env[E1].temp_level") == level
