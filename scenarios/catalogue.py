"""What a scenario may name, taken from a station that is put together but does not run."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from operator import attrgetter
from typing import Any

from scenarios.places import places, that_fit
from scenarios.targets import key_of, natural
from sim.clock import Clock
from sim.deeds import DEEDS
from sim.events import WIRE_PREFIXES
from sim.faults import FAULTS, Parameter
from sim.globs import pattern_of
from sim.kernel import Kernel
from sim.signals import Signal, State
from sim.sums import Sum
from twins.bms import Bms
from twins.cabinet import Cabinet
from twins.contact import Contact
from twins.platform import LocalPlatform
from twins.station import Station
from twins.station_file import StationFile
from twins.transformer import Transformer
from twins.warm_transformer import WarmTransformer

__all__ = ["EVENT_KINDS", "StationCatalogue", "subjects_that_fit"]

EVENT_KINDS = (
    "alarm.cleared",
    "alarm.raised",
    "bay.blocked",
    "bay.freed",
    "bay.misused",
    "bay.occupied",
    "bill.issued",
    "bms.waiting",
    "bms.warned",
    "breaker.closed",
    "breaker.opened",
    "command.done",
    "command.refused",
    "connector.pulled",
    "device.absent",
    "device.joined",
    "device.lost",
    "device.nonsense",
    "device.register_stepped",
    "evse.fail_safe",
    "evse.limited",
    "evse.recovered",
    "evse.state",
    "fault.active",
    "fault.armed",
    "fault.changed",
    "fault.cleared",
    "grid.outage",
    "grid.restored",
    "grid.sag",
    "house.lights_off",
    "house.lights_on",
    "pile.derated",
    "pile.derating_ended",
    "pile.reset",
    "session.ended",
    "session.refused",
    "session.started",
    "session.stop_ignored",
    "session.unread",
    "stack.switched",
    "staff.arrived",
    "staff.dispatched",
    "staff.done",
    "transformer.fans",
    "transformer.limited",
    "transformer.reset",
    "transformer.tripped",
    "vehicle.arrived",
    "vehicle.reneged",
    "vehicle.turned_away",
    "weather.synthetic",
)
"""Kinds that the kernel and the twins emit; a test compares them with the sources."""

_COLD = (".contact", Contact), (".cabinet", Cabinet)
_COMER = re.compile(r"vehicle\[V\d{6,}\]|session\[S\d{6,}\]")
_GUEST = re.compile(r"\.(vehicle|bms)(\.|$)")


class StationCatalogue:
    """The names of one station: faults, signals, events and places; the loader's `Catalogue`."""

    def __init__(self, file: StationFile) -> None:
        """`file` is a checked station file."""
        kernel = Kernel(Clock(datetime(2022, 1, 1), file.station.timezone), 0)
        self._station = Station(kernel, file, LocalPlatform(kernel))
        self._signals = kernel.signals
        self._subjects = _subjects(self._station)

    def fault_names(self) -> Collection[str]:
        """Every fault."""
        return FAULTS.names()

    def fault_parameters(self, name: str) -> Collection[Parameter]:
        """What the fault takes."""
        return FAULTS.get(name).parameters

    def deed_names(self) -> Collection[str]:
        """Every deed."""
        return DEEDS.names()

    def deed_parameters(self, name: str) -> Collection[Parameter]:
        """What the deed takes."""
        return DEEDS.get(name).parameters

    def fitting(self, name: str, glob: str) -> Collection[str]:
        """Places of what this fault or deed may act on whose paths fit a glob."""
        if name in DEEDS.names():
            return that_fit(self._station, DEEDS.get(name).on, glob)
        found = that_fit(self._station, FAULTS.get(name).hits, glob)
        return [path for path in found if self.target_problem(name, path) is None]

    def deed_problem(self, name: str, path: str) -> str | None:
        """Why the deed cannot be asked of this path; None where it can."""
        thing = self._station.find(path)
        if thing is None:
            return f"the station has no {path}"
        on = DEEDS.get(name).on
        return None if isinstance(thing, on) else f"{name} is for {on.__name__}, and {path} is {type(thing).__name__}"

    def states(self) -> dict[str, list[str]]:
        """Every enumerated signal, with its words."""
        return {name: signal.labels for name, signal in self._signals.items() if isinstance(signal, State)}

    def signal_names(self) -> Collection[str]:
        """Every signal that is a number."""
        return [name for name, signal in self._signals.items() if not isinstance(signal, State)]

    def quantities(self) -> Collection[Signal | Sum | State[Any]]:
        """Every signal."""
        return self._signals.values()

    def knows_event(self, kind: str) -> bool:
        """Whether such events exist; those of the wire and the platform are not listed and pass."""
        return kind in EVENT_KINDS or kind.startswith(WIRE_PREFIXES)

    def event_kinds(self) -> Collection[str]:
        """Kinds of events."""
        return EVENT_KINDS

    def knows_subject(self, path: str) -> bool:
        """Whether events may concern this path: a thing, its guest, a member of the staff, a wire, or who comes."""
        if path in self._subjects or _COMER.fullmatch(path) is not None:
            return True
        glob = pattern_of(path)
        return "*" in path and (
            any(glob.fullmatch(one) for one in self._subjects) or path.startswith(("vehicle[", "session["))
        )

    def subjects(self) -> Collection[str]:
        """Paths that events concern, without the vehicles and sessions, whose numbers the run gives."""
        return self._subjects

    def targets(self, fault: str) -> Collection[str]:
        """Paths of what this fault may hit."""
        return [path for path in self.places() if self.target_problem(fault, path) is None]

    def places(self) -> Collection[str]:
        """Paths of what faults may hit, with the guests that bays may have."""
        return places(self._station)

    def target_problem(self, fault: str, path: str) -> str | None:
        """Why the fault cannot hit this path; None where it can, or a guest there may be what it hits."""
        guest = _GUEST.search(path)
        host = path[: guest.start()] if guest else path
        if self._station.find(host) is None:
            kind = next((kind for end, kind in _COLD if host.endswith(end)), None)
            is_cold = kind is not None and self._station.find(host.rpartition(".")[0]) is not None
            return f"the station has no {host or path}" + (_file_says(kind) if is_cold and kind else "")
        thing, hits = self._station.find(path), FAULTS.get(fault).hits
        if thing is not None and not isinstance(thing, hits):
            said = f"{fault} hits {hits.__name__}, and {path} is {type(thing).__name__}"
            if issubclass(hits, WarmTransformer) and type(thing) is Transformer:
                return f"{said}: its file would have to say grid.transformer.heat"
            meant = natural(hits, path)
            if meant is None:
                return said
            is_there = self._station.find(meant) is not None
            return f"{said}: it means {meant}" + ("" if is_there else f", which is not there{_file_says(hits)}")
        if thing is None and (path.endswith(".bms") is not issubclass(hits, Bms)):
            return f"{fault} hits {hits.__name__}, and {path} is no such thing"
        needs = FAULTS.get(fault).needs
        if needs and not attrgetter(needs)(self._station.file):
            return f"{fault} needs {needs}, which is off in the station file"
        return None


def subjects_that_fit(station: Station, glob: str) -> list[str]:
    """Paths that events may concern and that fit a glob, without the vehicles and sessions."""
    pattern = pattern_of(glob)
    return [path for path in _subjects(station) if pattern.fullmatch(path)]


def _file_says(kind: type[Any]) -> str:
    return f": its file would have to say {key_of(kind)}"


def _subjects(station: Station) -> dict[str, None]:
    """Things, guests of bays and connectors, charge points, attackers, staff, weather: a set in its order."""
    hosts = [bay.path for bay in station.bays.values()] + [evse.path for evse in station.evses]
    guests = (f"{host}.vehicle.bms" for host in hosts)
    wires = (f"{one}[{identity}]" for one in ("ocpp", "attack") for identity in station.links)
    staff = (member.path for member in station.staff.members)
    return dict.fromkeys([*station.things, *guests, *wires, *staff, "weather"])
