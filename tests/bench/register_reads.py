"""CPU of register reads of the station `public` while twenty cars charge, without a socket: JSON on standard output."""

from __future__ import annotations

import json
from datetime import datetime
from time import process_time
from typing import Any

from hil.door import Door
from hil.modbus.devices import bound_units
from hil.modbus.registers import MappedUnit
from hil.modbus.unit import Table
from sim.clock import Clock
from sim.kernel import Kernel
from sim.units import SimTime
from twins.drivers import Arrival, Habits
from twins.platform import LocalPlatform
from twins.station import Station
from twins.station_file import find_station, read_station
from twins.vehicle import vehicle_models

ROUNDS, READS = 5, 2_000
REQUESTS: tuple[tuple[str, Table, int, int], ...] = (
    ("sunspec_203", "holding", 40_070, 60),
    ("sunspec_203", "holding", 40_070, 107),
    ("sdm630", "input", 0, 60),
    ("sdm630", "input", 0x34, 2),
    ("dtsu666", "holding", 0x2006, 60),
    ("iem3000", "holding", 0x0C83, 4),
    ("adw300", "holding", 20, 46),
)


def charging() -> tuple[Station, dict[str, MappedUnit], float]:
    """The station 15 minutes on, its meters by map, and what binding all of its devices took (ms of CPU)."""
    document = read_station(find_station("public"))
    kernel = Kernel(Clock(datetime(2022, 7, 6, 9), document.value.station.timezone), 1)
    station = Station(kernel, document.value, LocalPlatform(kernel))
    bound_units(station, document, Door(kernel))  # reads the maps' files
    begun = process_time()
    bound = bound_units(station, document, Door(kernel))
    bind_ms = 1e3 * (process_time() - begun)
    wanted: list[Any] = [("nmc_75_400v", "fast")] * 17 + [("lfp_45_400v", "slow")] * 3
    cars = [Arrival(0.0, vehicle_models()[name], 10.0, 95.0, Habits(wants=kind)) for name, kind in wanted]
    station.visits.expect(iter((car, None) for car in cars))
    kernel.advance(SimTime(900.0))
    kernel.jump(SimTime(900.0))
    return station, {unit.map.name: unit for units in bound.values() for unit in units.values()}, bind_ms


def cpu_us(unit: MappedUnit, table: Table, first: int, count: int) -> float:
    """CPU of one read, the best round."""
    rounds = []
    for _ in range(ROUNDS):
        begun = process_time()
        for _ in range(READS):
            unit.read(table, first, count)
        rounds.append(1e6 * (process_time() - begun) / READS)
    return round(min(rounds), 1)


def main() -> None:
    """Print it."""
    _, units, bind_ms = charging()
    rows = [
        {
            "map": name,
            "table": table,
            "first": first,
            "registers": count,
            "cpu_us": cpu_us(units[name], table, first, count),
        }
        for name, table, first, count in REQUESTS
    ]
    print(json.dumps({"bind_all_ms": round(bind_ms, 1), "reads": rows}, indent=2))


if __name__ == "__main__":
    main()
