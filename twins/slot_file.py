"""Slot files: who stands behind the things of a station in a run, its twin or a device, and on what terms.

Devices are armed one by one, in so many words: energy flows in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from sim.errors import FileProblem, FileProblems, UsageError
from sim.files import ID_PATTERN, Document, Misfit, did_you_mean, key, read_yaml, told_by
from twins.device_supply import DeviceTerms
from twins.networks import is_loopback
from twins.station_file import StationFile, find_station, read_station, station_names
from twins.vehicle import vehicle_models

__all__ = [
    "ModbusDriverConfig",
    "OcppDriverConfig",
    "SlotConfig",
    "SlotFile",
    "check_slots",
    "read_slots",
    "slot_problems",
    "without_passwords",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class OcppDriverConfig:
    """A charger that connects to a port of its own, where the station is its central system."""

    kind: Literal["ocpp"] = field(metadata=key("The protocol."))
    version: Literal["1.6"] = field(default="1.6", metadata=key('Its version, in quotes: "1.6".'))
    host: str = field(default="127.0.0.1", metadata=key("The address to listen on.", count=(1, 100)))
    port: int = field(metadata=key("The port to listen on; slots may share it.", low=1, high=65_535))
    charge_point: str = field(
        metadata=key("The identity it connects as, the last part of its URL.", pattern=ID_PATTERN)
    )
    password: str = field(
        default="", repr=False,
        metadata=key("What it gives with its identity (HTTP Basic); required beyond loopback.", count=(8, 40)),
    )  # fmt: skip
    connector: int = field(default=1, metadata=key("Which of its connectors it is.", low=1, high=100))
    unit: Literal["W", "A"] = field(default="W", metadata=key("What its limits are given in."))
    sample_s: int = field(
        default=1, metadata=key("How often it is asked to report its meter.", unit="s", low=1, high=60)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModbusDriverConfig:
    """A charger, a meter or a sensor that is polled by Modbus TCP, by a register map."""

    kind: Literal["modbus"] = field(metadata=key("The protocol."))
    host: str = field(metadata=key("Where it listens, or its gateway.", count=(1, 200)))
    port: int = field(default=502, metadata=key("The port there.", low=1, high=65_535))
    framing: Literal["tcp", "rtu_tcp"] = field(default="tcp", metadata=key("Modbus TCP, or RTU frames over TCP."))
    unit: int = field(default=1, metadata=key("Its unit id.", low=0, high=255))
    map: str = field(metadata=key("Name of its register map.", pattern=ID_PATTERN))
    maps: str = field(default="", metadata=key("Folder of maps of one's own, relative to this file."))
    poll_s: float = field(default=1.0, metadata=key("How often it is read.", unit="s", low=0.05, high=3_600))
    ct_ratio: float = field(
        default=1.0,
        metadata=key(
            "Of a meter that shows the secondary side: its transformers' ratio, 400 of 2000/5 A.", low=0.001, high=1e5
        ),
    )
    connector: int = field(default=1, metadata=key("Of a charger: which of its connectors it is.", low=1, high=256))
    token: str = field(
        default="", metadata=key("Of a charger: who charges there; left out, pile and connector: A01-1.", count=(0, 20))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotConfig:
    """Who stands behind one thing of the station."""

    at: str = field(metadata=key('Path of the thing: "pile[A01].connector[1]".', count=(1, 200)))
    behind: Literal["twin", "hardware", "shadow"] = field(
        metadata=key("Its twin; a device; or a device beside which the twin runs and is compared.")
    )
    armed: bool = field(
        default=False, metadata=key("Of a device: true says that energy may flow in it; without it, none is used.")
    )
    driver: Annotated[OcppDriverConfig | ModbusDriverConfig, told_by("kind")] | None = field(
        default=None, metadata=key("How the device is reached.")
    )
    max_kw: float = field(
        default=0.0, metadata=key("What the bench allows a charger; required of one.", unit="kW", low=0, high=5_000)
    )
    reserve_kw: float = field(
        default=0.0,
        metadata=key(
            "What the site keeps for the device while nothing is granted; it falls back to this by itself.",
            unit="kW", low=0, high=5_000,
        ),
    )  # fmt: skip
    watchdog_s: float = field(
        default=10.0, metadata=key("A device that is silent for so long counts as gone.", unit="s", low=2, high=600)
    )
    vehicle: str = field(default="", metadata=key("In shadow: the model of vehicle that the twin has plugged in."))

    def __post_init__(self) -> None:
        """Refuse a device that is not armed, reached or limited, and a twin that is."""
        if self.behind == "twin":
            if self.driver is not None or self.armed:
                raise Misfit("driver" if self.driver else "armed", "given beside a twin", "leave it out")
            return
        if not self.armed:
            raise Misfit("armed", f"{self.behind} is not armed", "armed: true, once energy may flow in the device")
        if self.driver is None:
            raise Misfit("driver", "missing", "give it: how the device is reached")
        if not self.is_charger:
            self._check_instrument()
            return
        if isinstance(self.driver, ModbusDriverConfig) and self.driver.ct_ratio != 1.0:
            raise Misfit("driver", "ct_ratio given with a charger", "leave it out: it is of meters")
        if self.max_kw <= 0.0:
            raise Misfit("max_kw", "missing", "give it: what the bench allows the device (kW)")
        if self.reserve_kw > self.max_kw:
            raise Misfit("reserve_kw", f"{self.reserve_kw:g} kW is more than max_kw", f"0 to {self.max_kw:g} kW")
        if (self.behind == "shadow") != bool(self.vehicle):
            raise Misfit("vehicle", "given" if self.vehicle else "missing", "with behind: shadow, and only there")

    def _check_instrument(self) -> None:
        for name in ("max_kw", "reserve_kw", "vehicle"):
            if getattr(self, name):
                raise Misfit(name, "given beside a meter or sensor", "leave it out: it is of chargers")

    @property
    def is_charger(self) -> bool:
        """Whether a charger leads: all that speak OCPP are, and those polled in the place of an EVSE."""
        return self.is_device and (isinstance(self.driver, OcppDriverConfig) or self.at.startswith("pile["))

    @property
    def is_device(self) -> bool:
        """Whether a device leads."""
        return self.behind != "twin"

    @property
    def terms(self) -> DeviceTerms:
        """What the device's twin goes by."""
        return DeviceTerms(max_kw=self.max_kw, reserve_kw=self.reserve_kw, watchdog_s=self.watchdog_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotFile:
    """All of a slot file, format 1. What it does not name is the twin's."""

    slots: int = field(metadata=key("Version of this format.", low=1, high=1))
    station: str = field(metadata=key("The station it is for: a shipped name, or a file relative to this one."))
    things: tuple[SlotConfig, ...] = field(metadata=key("Who stands behind which thing.", count=(1, 1_000)))

    @property
    def devices(self) -> dict[str, SlotConfig]:
        """Slots with a device, charger or instrument, by path."""
        return {slot.at: slot for slot in self.things if slot.is_device}


def without_passwords(document: Document[SlotFile]) -> str:
    """The text of the file as it may be kept: each password as so many x."""
    text = document.text
    for slot in document.value.things:
        if isinstance(slot.driver, OcppDriverConfig) and (password := slot.driver.password):
            text = re.sub(rf"(password\s*:\s*[\"']?){re.escape(password)}", rf"\g<1>{'x' * len(password)}", text)
    return text


def read_slots(path: Path) -> Document[SlotFile]:
    """A slot file checked in itself; FileProblems with every finding."""
    document = read_yaml(path, SlotFile)
    problems = [*_repeated(document), *_seldom(document)]
    if problems:
        raise FileProblems(problems)
    return document


def check_slots(path: Path) -> tuple[Document[SlotFile], Document[StationFile]]:
    """A slot file checked against the station that it names, with that; FileProblems with every finding."""
    document = read_slots(path)
    name = document.value.station
    try:
        found = find_station(name)
    except UsageError:
        right = f"{did_you_mean(name, station_names())}; or a path that ends in .yaml"
        raise FileProblems([document.problem("station", f"no station is called {name}", right)]) from None
    if name not in station_names():
        found = path.parent / found
    if not found.exists():
        raise FileProblems([document.problem("station", f"no file {found}", "a path relative to this file")])
    station = read_station(found)
    problems = slot_problems(document, station.value)
    if problems:
        raise FileProblems(problems)
    return document, station


def slot_problems(document: Document[SlotFile], station: StationFile) -> list[FileProblem]:
    """What does not fit this station."""
    return [*_misplaced(document, station)]


def _misplaced(document: Document[SlotFile], station: StationFile) -> Iterator[FileProblem]:
    models = station.known_piles()
    places = {
        f"pile[{pile.id}].connector[{number}]": pile
        for pile in station.piles
        for number in range(1, len(pile.evses) + 1)
    }
    instruments = [f"grid.meter[{station.grid.meter.id}]", *(f"env[{sensor.id}]" for sensor in station.sensors)]
    instruments += [f"grid.feeder[{feeder.id}].meter" for feeder in station.grid.feeders]
    for at, slot in enumerate(document.value.things):
        here = f"things[{at}]"
        if isinstance(slot.driver, ModbusDriverConfig) and not slot.is_charger:
            if slot.at not in instruments:
                what = f"the station has no meter or sensor {slot.at}"
                yield document.problem(f"{here}.at", what, did_you_mean(slot.at, instruments))
            continue
        pile = places.get(slot.at)
        if pile is None:
            right = did_you_mean(slot.at, places)
            yield document.problem(f"{here}.at", f"the station has no EVSE {slot.at}", right)
            continue
        model = models[pile.model]
        if slot.is_device and model.stack is not None:
            what = f"{pile.id} switches its modules among its outlets ({model.name}): a device cannot be one of them"
            yield document.problem(f"{here}.at", what, "an EVSE of a pile that is no split stack")
        if slot.is_device and slot.max_kw > model.evse_max_kw:
            what = f"{slot.max_kw:g} kW is more than the place is wired for"
            yield document.problem(f"{here}.max_kw", what, f"at most {model.evse_max_kw:g} kW, as {model.name} gives")
        known = {**vehicle_models(), **station.known_vehicles()}
        if slot.vehicle and slot.vehicle not in known:
            what = f"unknown model {slot.vehicle}"
            yield document.problem(f"{here}.vehicle", what, did_you_mean(slot.vehicle, known))


def _seldom(document: Document[SlotFile]) -> Iterator[FileProblem]:
    """Devices that are heard too seldom for their watchdog."""
    for at, slot in enumerate(document.value.things):
        driver = slot.driver
        if driver is None:
            continue
        name, every_s = (
            ("sample_s", driver.sample_s) if isinstance(driver, OcppDriverConfig) else ("poll_s", driver.poll_s)
        )
        if every_s >= slot.watchdog_s:
            what = f"{every_s:g} s: between two readings the watchdog of {slot.watchdog_s:g} s would take it for gone"
            yield document.problem(f"things[{at}].driver.{name}", what, "less than watchdog_s")


def _repeated(document: Document[SlotFile]) -> Iterator[FileProblem]:
    places: dict[str, str] = {}
    connectors: dict[tuple[int, str, int], str] = {}
    hosts: dict[int, tuple[str, str]] = {}
    units: dict[tuple[str, int, int, int], str] = {}
    passwords: dict[tuple[int, str], str] = {}
    for at, slot in enumerate(document.value.things):
        here = f"things[{at}]"
        if slot.at in places:
            yield document.problem(f"{here}.at", f"{slot.at} stands at {places[slot.at]} too", "each thing once")
        places.setdefault(slot.at, here)
        driver = slot.driver
        if isinstance(driver, ModbusDriverConfig) and slot.is_charger:
            outlet = (driver.host, driver.port, driver.unit, driver.connector)
            if outlet in units:
                what = f"connector {driver.connector} of unit {driver.unit} there is {units[outlet]} already"
                yield document.problem(f"{here}.driver.connector", what, "a connector of its own")
            units.setdefault(outlet, here)
        if not isinstance(driver, OcppDriverConfig):
            continue
        if slot.is_device and not driver.password and not is_loopback(driver.host):
            what = f"missing: beyond loopback ({driver.host}) anyone could be {driver.charge_point}"
            yield document.problem(f"{here}.driver.password", what, "8 to 40 characters that the charger is given too")
        told = passwords.setdefault((driver.port, driver.charge_point), driver.password)
        if told != driver.password:
            what = f"another one than {driver.charge_point} has before"
            yield document.problem(f"{here}.driver.password", what, "one password a charge point")
        device = (driver.port, driver.charge_point, driver.connector)
        if device in connectors:
            what = f"connector {driver.connector} of {driver.charge_point} is {connectors[device]} already"
            yield document.problem(f"{here}.driver.connector", what, "a connector of its own")
        connectors.setdefault(device, here)
        host, where = hosts.setdefault(driver.port, (driver.host, here))
        if host != driver.host:
            what = f"port {driver.port} listens on {host} at {where}"
            yield document.problem(f"{here}.driver.host", what, host)
