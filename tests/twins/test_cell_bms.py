"""Physics sheet, section 1: packs of cars at stations built from files; segments beside steps of 0.1 s; protection."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from stepped_charges import CARS, Drawn, drawn, stepped

from sim.clock import Clock
from sim.errors import FileProblems
from sim.events import Event
from sim.kernel import Kernel
from sim.signals import Signal
from sim.units import SimTime
from twins.acceptance import ACCEPTANCE_MAPS, AcceptanceMap
from twins.cell_bms import CellBms
from twins.drivers import Arrival, Habits
from twins.pack import Pack, PackConfig
from twins.platform import LocalPlatform
from twins.station import Station
from twins.station_file import find_station, read_station
from twins.visits import Session

WORKED = """
vehicle_models:
  - name: worked
    capacity_kwh: 75
    chemistry: nmc
    dc_max_kw: 150
    pack:
      series_cells: 96
      resistance_ohm: 0.08
      slow_share: 0
      activation_k: 0
      entropy_mv_k: 0
      mass_kg: 400
      heat_capacity_j_kg_k: 1000
      current_max_a: 200
      cooling_w_k: {cooling}
      coolant_c: 25
      passive_w_k: 0
"""
COMMON = "  - {name: common, capacity_kwh: 60, chemistry: lfp, dc_max_kw: 120}\n"
Place = Callable[..., tuple[Kernel, Station, list[Event], list[Session]]]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A station of the file `two-outlet`, its air at a temperature, with models of vehicles of its own."""

    def build(models: str, air_c: float) -> tuple[Kernel, Station, list[Event], list[Session]]:
        text = find_station("two-outlet").read_text(encoding="utf-8")
        text = text.replace("monthly_mean_c: [1, 2, 6, 9, 14, 18, 20, 19, 15, 11, 5, 2]", f"air_temp_c: {air_c}")
        path = tmp_path / "station.yaml"
        path.write_text(text + models, encoding="utf-8")
        file = read_station(path).value
        kernel = Kernel(Clock(datetime(2022, 7, 6, 10), file.station.timezone), 1)
        station = Station(kernel, file, LocalPlatform(kernel))
        events: list[Event] = []
        sessions: list[Session] = []
        kernel.subscribe(events.append)
        station.visits.on_session = sessions.append
        return kernel, station, events, sessions

    return build


def come(station: Station, model: str, soc_pct: float, target_pct: float, habits: Habits | None = None) -> None:
    vehicle = station.file.known_vehicles()[model]
    station.visits.expect(iter([(Arrival(0.0, vehicle, soc_pct, target_pct, habits or Habits()), 0)]))


def started(kernel: Kernel, station: Station) -> SimTime:
    """Run until the charge has begun; when that was."""
    run(kernel, 60.0)
    assert station.evses[0].started_s is not None
    return SimTime(station.evses[0].started_s)


def run(kernel: Kernel, until_s: float) -> SimTime:
    kernel.advance(SimTime(until_s))
    kernel.jump(SimTime(until_s))
    return kernel.now


def test_section_1_200_a_through_80_milliohm_give_3200_w_and_warm_400_kg_by_half_a_kelvin_a_minute(
    place: Place,
) -> None:
    kernel, station, _, _ = place(WORKED.format(cooling=0), 20.0)
    come(station, "worked", 15.0, 90.0)
    begin = started(kernel, station)
    temp = kernel.signals["pile[A01].connector[1].vehicle_temp_c"]
    heat = kernel.signals["pile[A01].connector[1].vehicle_heat_kw"]
    start_c = temp.at(begin)  # type: ignore[union-attr]
    assert start_c == pytest.approx(28.0)
    for minutes in (1, 10, 30):
        run(kernel, begin + 60.0 * minutes)
        assert heat.at(kernel.now) == pytest.approx(3.2, rel=0.005)  # type: ignore[union-attr]
        assert temp.at(kernel.now) - start_c == pytest.approx(0.48 * minutes, rel=0.005)  # type: ignore[union-attr]
    assert station.evses[0].current_a(kernel.now) == pytest.approx(200.0, rel=0.005)


def test_section_1_with_120_w_k_and_coolant_of_25_c_it_is_39_04_c_after_30_minutes(place: Place) -> None:
    kernel, station, _, _ = place(WORKED.format(cooling=120), 22.0)
    come(station, "worked", 15.0, 90.0)
    begin = started(kernel, station)
    temp = kernel.signals["pile[A01].connector[1].vehicle_temp_c"]
    assert temp.at(begin) == pytest.approx(30.0)  # type: ignore[union-attr]
    run(kernel, begin + 1_800.0)
    assert temp.at(kernel.now) == pytest.approx(39.04, abs=0.05)  # type: ignore[union-attr]
    pack = station.evses[0].bms.pack  # type: ignore[union-attr]
    assert pack.heat_capacity_j_k / pack.cooling_w_k / 60.0 == pytest.approx(55.6, rel=0.005)


@pytest.mark.parametrize("name", CARS)
def test_pieces_beside_steps_of_a_tenth_of_a_second(name: str) -> None:
    twin, steps = drawn(CARS[name]), stepped(CARS[name])
    assert twin.end_s == pytest.approx(steps.end_s, abs=2.0)
    assert twin.power.total_at(twin.end_s) / 3_600.0 == pytest.approx(steps.energy_kwh[-1], rel=1e-3)
    assert twin.heat.total_at(twin.end_s) / 3_600.0 == pytest.approx(steps.heat_kwh[-1], rel=1.5e-2)
    assert twin.temp.at(twin.end_s) == pytest.approx(steps.temp_c[-1], abs=0.1)
    assert twin.pieces <= 60


@pytest.mark.parametrize("name", CARS)
def test_what_goes_in_is_stored_or_warms(name: str) -> None:
    """Energy at the terminals is the open-circuit energy of the charge and heat; heat is stored or given off."""
    twin = drawn(CARS[name])
    soc_in, soc_out = CARS[name].soc_pct / 100.0, twin.bms.soc.at(twin.end_s)
    pack, steps = twin.bms.pack, 20_000
    width = (soc_out - soc_in) / steps
    stored = sum(pack.chemistry.ocv(soc_in + (n + 0.5) * width) for n in range(steps)) * width
    entropy = pack.entropy_v_k * 298.15 * (soc_out - soc_in)
    energy_kwh, heat_kwh = (signal.total_at(twin.end_s) / 3_600.0 for signal in (twin.power, twin.heat))
    assert (stored - entropy) * pack.unit_kw + heat_kwh == pytest.approx(energy_kwh, rel=1e-3)


@pytest.mark.parametrize("name", CARS)
def test_the_heat_of_the_node_closes(name: str) -> None:
    """What warms the pack has raised its temperature or gone to coolant and air, within a thousandth."""
    car, given_off_kj, since = CARS[name], 0.0, SimTime(0.0)
    pack = car.pack

    def told(piece: Drawn) -> None:
        nonlocal given_off_kj, since
        temp, ends = piece.temp, piece.end_s
        given_off_kj += pack.passive_w_k * (temp.integral(since, ends) - car.air_c * (ends - since)) / 1_000.0
        if temp.at(since) > pack.coolant_c:
            given_off_kj += pack.cooling_w_k * (temp.integral(since, ends) - pack.coolant_c * (ends - since)) / 1_000.0
        since = ends

    twin = drawn(car, told)
    stored_kj = pack.heat_capacity_j_k * (twin.temp.at(twin.end_s) - car.temp_c) / 1_000.0
    assert stored_kj + given_off_kj == pytest.approx(twin.heat.total_at(twin.end_s), rel=1e-3, abs=0.1)


def test_a_car_that_stood_in_the_sun_waits_until_its_battery_takes_current(place: Place) -> None:
    kernel, station, events, sessions = place("vehicle_models:\n" + COMMON, 36.0)
    station.faults.inject("vehicle.soaked", "bay[B01]", {"temp_c": 62.0})
    come(station, "common", 20.0, 40.0)
    begin = started(kernel, station)
    evse = station.evses[0]
    assert evse.vehicle_temp_c.at(begin) == pytest.approx(62.0)
    run(kernel, begin + 30.0)
    assert evse.power_kw.at(kernel.now) == 0.0
    run(kernel, begin + 12 * 3_600.0)
    (session,) = sessions
    assert (session.outcome, session.stop_reason) == ("charged", "target_reached")
    assert session.energy_true_kwh == pytest.approx(60.0 * 0.2, rel=0.08)
    assert not [event for event in events if event.kind == "alarm.raised"]


def test_drivers_whose_cars_stood_in_the_sun_come_with_warm_batteries(place: Place) -> None:
    kernel, station, _, _ = place("vehicle_models:\n" + COMMON, 30.0)
    sun_w_m2 = station.weather.sun_w_m2
    come(station, "common", 20.0, 80.0, Habits(soaked_k=25.0))
    begin = started(kernel, station)
    sun = sun_w_m2.at(begin)
    assert sun > 300.0
    assert station.evses[0].vehicle_temp_c.at(begin) == pytest.approx(38.0 + 0.025 * sun, abs=0.1)


def test_a_frozen_battery_is_heated_before_it_is_charged(place: Place) -> None:
    kernel, station, _, sessions = place("vehicle_models:\n" + COMMON, -15.0)
    come(station, "common", 20.0, 40.0)
    begin = started(kernel, station)
    evse = station.evses[0]
    run(kernel, begin + 60.0)
    assert evse.power_kw.at(kernel.now) == pytest.approx(4.0), "its heater"
    assert evse.vehicle_soc.at(kernel.now) == pytest.approx(0.2)
    while evse.vehicle_temp_c.at(kernel.now) < -0.01:
        run(kernel, kernel.now + 10.0)
    heated_s = kernel.now - begin
    pack = evse.bms.pack  # type: ignore[union-attr]
    loss_w = pack.passive_w_k * 11.0
    assert heated_s == pytest.approx(7.0 * pack.heat_capacity_j_k / (4_000.0 - loss_w), rel=0.02)
    run(kernel, kernel.now + 4 * 3_600.0)
    assert sessions[0].outcome == "charged"


def injected(place: Place, fault: str, facts: dict[str, Any], air_c: float = 20.0, at_s: float = 60.0) -> Any:
    kernel, station, events, sessions = place("vehicle_models:\n" + COMMON, air_c)
    come(station, "common", 20.0, 95.0)
    begin = started(kernel, station)
    run(kernel, begin + at_s)
    station.faults.inject(fault, "bay[B01].vehicle.bms", facts)
    run(kernel, begin + 6 * 3_600.0)
    return events, sessions[0]


def test_a_defective_cell_is_warned_of_and_then_stopped_for_its_spread(place: Place) -> None:
    events, session = injected(place, "vehicle.cell_defect", {"heat_w": 200.0})
    warned = [event.data["limit"] for event in events if event.kind == "bms.warned"]
    assert warned == ["cell_temperature_spread"]
    assert session.stop_reason == "target_reached"
    events, session = injected(place, "vehicle.cell_defect", {"heat_w": 400.0})
    assert (session.outcome, session.stop_reason) == ("failed", "cell_temperature_spread")
    assert [event.data["alarm"] for event in events if event.kind == "alarm.raised"] == ["cell_temperature_spread"]


def test_a_cell_that_is_ahead_ends_the_charge_early(place: Place) -> None:
    _, sound = injected(place, "vehicle.cell_drift", {"lead_pct": 0.1})
    _, drifted = injected(place, "vehicle.cell_drift", {"lead_pct": 12.0})
    assert sound.soc_out_pct == pytest.approx(95.0, abs=0.01)
    assert drifted.stop_reason == "target_reached"
    assert 80.0 < drifted.soc_out_pct < 90.0, "its fullest cell is full"


def test_a_cell_far_ahead_is_overcharged_and_stops_the_charge(place: Place) -> None:
    _, session = injected(place, "vehicle.cell_drift", {"lead_pct": 60.0}, at_s=1_500.0)
    assert session.stop_reason == "cell_overvoltage"


def test_without_coolant_the_battery_warms_asks_for_less_and_takes_longer(place: Place) -> None:
    _, sound = injected(place, "vehicle.coolant_pump_failed", {"flow_share": 1.0}, air_c=38.0)
    _, session = injected(place, "vehicle.coolant_pump_failed", {}, air_c=38.0)
    assert session.stopped_s - session.started_s > 1.1 * (sound.stopped_s - sound.started_s)


def test_a_battery_that_passes_60_c_while_charging_is_stopped(tmp_path: Path, place: Place) -> None:
    """A map that minds no temperature, no coolant, a high current: the BMS's own limits are what is left."""
    kernel = Kernel(Clock(datetime(2022, 6, 14), "Europe/Zurich"), 1)
    events: list[Event] = []
    kernel.subscribe(events.append)
    takes_all = AcceptanceMap(shares=((0.0, 1.0), (1.0, 1.0)), rates=((-20.0, 2.5), (90.0, 2.5)), is_current=True)
    pack = Pack(60.0, 500.0, "nmc", config=PackConfig(cooling_w_k=0.0))
    power = Signal("power_kw", "kW")
    bms = CellBms(kernel, "bms", pack, takes_all, 5.0, 95.0, 48.0, 40.0)
    t = SimTime(0.0)
    while (ends := bms.draw(t, 500.0, power)) > t:
        t = ends
    assert bms.alarm == "cell_overtemperature"
    assert bms.temp_c.at(t) == pytest.approx(60.0, abs=1e-3)
    assert [event.data["limit"] for event in events] == ["cell_temperature"]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("mass_kg", "-400", "mass_kg"),
        ("mass_kg", "70", "pack.mass_kg: 70 kg cannot hold 75 kWh; at least 75 kg, 1 kg per kWh"),
        ("activation_k", "9000", "pack.activation_k: 9000 is out of range; at most 8000"),
        ("heat_capacity_j_kg_k", "0", "heat_capacity_j_kg_k"),
        ("resistance_ohm", "-0.1", "resistance_ohm"),
        ("slow_share", "1.2", "slow_share"),
        ("cooling_w_k", "-5", "cooling_w_k"),
        ("capacity_ah", "2000", "hold"),
    ],
)
def test_packs_outside_physics_are_refused_with_file_line_and_key(
    place: Place, key: str, value: str, said: str
) -> None:
    models = WORKED.format(cooling=120)
    lines = [f"      {key}: {value}" if line.strip().startswith(f"{key}:") else line for line in models.split("\n")]
    if not any(key in line for line in models.split("\n")):
        lines.insert(-1, f"      {key}: {value}")
    with pytest.raises(FileProblems) as refused:
        place("\n".join(lines), 20.0)
    (problem,) = refused.value.problems
    assert problem.key.startswith("vehicle_models[0]") and problem.line > 0
    assert said in str(problem)


def test_a_model_named_twice_and_an_unknown_one_are_refused(place: Place) -> None:
    with pytest.raises(FileProblems, match="is a model already"):
        place("vehicle_models:\n" + COMMON.replace("common", "nmc_75_400v"), 20.0)


def test_a_car_that_comes_too_hot_waits_however_often_it_is_planned_anew() -> None:
    kernel = Kernel(Clock(datetime(2022, 7, 6), "Europe/Zurich"), 1)
    events: list[Event] = []
    kernel.subscribe(events.append)
    bms = CellBms(kernel, "bms", Pack(60.0, 120.0), ACCEPTANCE_MAPS["ev_fast"], 20.0, 50.0, 64.0, 36.0)
    power = Signal("power_kw", "kW")
    for second in range(0, 600, 10):
        assert bms.draw(SimTime(second), 120.0, power) > second
    assert bms.alarm == ""
    assert [event.kind for event in events] == ["bms.warned", "bms.waiting"]


def test_heating_has_a_band_and_does_not_hunt() -> None:
    kernel = Kernel(Clock(datetime(2022, 1, 6), "Europe/Zurich"), 1)
    bms = CellBms(kernel, "bms", Pack(60.0, 120.0, "lfp"), ACCEPTANCE_MAPS["ev_fast"], 20.0, 50.0, -3.0, -15.0)
    power = Signal("power_kw", "kW")
    heated = []
    for second in range(0, 4_000):
        bms.draw(SimTime(second), 120.0, power)
        heated.append(power.at(SimTime(second)) == 4.0)
    assert heated[0] and not heated[-1]
    assert sum(before != after for before, after in pairwise(heated)) == 1
