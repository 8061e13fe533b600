"""Availability of piles that fail by themselves beside theory; for docs/validation.md."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from sim.clock import Clock
from sim.kernel import Kernel
from sim.units import SECONDS_PER_HOUR, SimTime
from twins.platform import LocalPlatform
from twins.reliability import ReliabilityConfig
from twins.staff import MemberConfig, StaffConfig
from twins.station import Station
from twins.station_file import find_station, read_station
from twins.weather import WeatherConfig

MTTR_H = 4.0
ALWAYS = ("00:00-24:00",)


@dataclass(frozen=True, slots=True)
class System:
    """The public station's twenty piles and so many technicians, None for an outside firm."""

    what: str
    mtbf_h: float
    technicians: int | None
    shifts: tuple[str, ...] = ALWAYS
    reset_share: float = 0.5


SYSTEMS = [
    System("MTBF 800 h, somebody always free", 800.0, 20),
    System("MTBF 40 h, somebody always free", 40.0, 20),
    System("MTBF 40 h, an outside firm", 40.0, None),
    System("MTBF 120 h, two technicians, no reset helps", 120.0, 2, reset_share=0.0),
    System("MTBF 120 h, one technician, no reset helps", 120.0, 1, reset_share=0.0),
    System("MTBF 800 h, two technicians in day and night shifts", 800.0, 2, ("07:00-19:00", "19:00-07:00")),
    System("MTBF 800 h, one technician by day", 800.0, 1, ("07:00-19:00",)),
]


def theory(system: System) -> float | None:
    """The share of time up: renewal process, or machine repair model where technicians are scarce around the clock."""
    load = MTTR_H / system.mtbf_h
    if system.technicians in (20, None):
        return 1.0 / (1.0 + load)
    if system.shifts != ALWAYS:
        return None
    weights = [1.0]
    for down in range(1, 21):
        weights.append(weights[-1] * (21 - down) * load / min(down, system.technicians or 20))
    return 1.0 - sum(down * weight for down, weight in enumerate(weights)) / sum(weights) / 20.0


def measured(system: System, failures: int) -> tuple[int, float]:
    """(failures, share of connector time that is not locked out) of a run without cars, about so many failures long."""
    file = read_station(find_station("public")).value
    assert file.staff is not None
    split = len(system.shifts) > 1
    people = tuple(
        MemberConfig(
            id=f"T{number}", role="technician", shifts=system.shifts[number : number + 1] if split else system.shifts
        )
        for number in range(system.technicians or 0)
    )
    reliability = ReliabilityConfig(pile_mtbf_h=system.mtbf_h, pile_mttr_h=MTTR_H, reset_share=system.reset_share)
    staff = StaffConfig(room=file.staff.room, members=people) if people else None
    file = replace(file, staff=staff, reliability=reliability, weather=WeatherConfig(air_temp_c=20.0))
    kernel = Kernel(Clock(datetime(2022, 1, 1), file.station.timezone), 1)
    station = Station(kernel, file, LocalPlatform(kernel))
    count = 0

    def failed(_event: object) -> None:
        nonlocal count
        count += 1

    kernel.subscribe(failed, "fault.active")
    end = SimTime(failures / 20 * (system.mtbf_h + MTTR_H) * SECONDS_PER_HOUR)
    kernel.advance(end)
    figures = {figure.name: figure.value for figure in station.kpis.figures(end)}
    return count, (figures["availability_pct"] or 0.0) / 100.0


def availability_lines(failures: int) -> list[str]:
    """The page's section, measured anew."""
    with ProcessPoolExecutor() as workers:
        found = list(workers.map(measured, SYSTEMS, [failures] * len(SYSTEMS)))
    lines = [
        f"The public station's twenty piles fail by themselves (`reliability`), MTTR {MTTR_H:g} h, no cars, seed 1. The"
        " key figure `availability_pct` beside MTBF / (MTBF + MTTR), and beside the machine repair model where"
        " technicians are scarce (goal 1 %).", "",
        "| system | failures | ours | theory | difference |", "| --- | ---: | ---: | ---: | ---: |",
    ]  # fmt: skip
    for system, (count, ours) in zip(SYSTEMS, found, strict=True):
        expected = theory(system)
        beside = "| |" if expected is None else f"{expected:.5f} | {100.0 * (ours / expected - 1.0):+.3f} % |"
        lines.append(f"| {system.what} | {count:,} | {ours:.5f} | {beside}")
    return lines
