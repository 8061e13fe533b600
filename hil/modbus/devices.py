"""The devices behind a station's ports, each bound to its map; what the station file says of them that cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hil.door import Door
from hil.modbus.binding import Unbound, bind
from hil.modbus.families import misfit
from hil.modbus.map_checks import map_names, maps_of, shipped_map
from hil.modbus.map_file import MapFile
from hil.modbus.registers import MappedUnit
from hil.modbus.tls import tls_problems
from sim.errors import FileProblem, FileProblems
from sim.files import Document, did_you_mean
from twins.bus import BusDevice
from twins.bus_config import ModbusEndpointConfig
from twins.station import Station
from twins.station_file import StationFile

__all__ = ["bound_units"]


def bound_units(
    station: Station, document: Document[StationFile], door: Door
) -> Mapping[str, Mapping[BusDevice, MappedUnit]]:
    """The units of every port by its id, over a station that was built of that file.

    Raises FileProblems with every finding: at the device's `map` or `shows` or the port's `tls` in the station file, or
    in a user's map.
    """
    found: dict[str, dict[BusDevice, MappedUnit]] = {}
    problems = list(tls_problems(document))
    for at, face in enumerate(document.value.endpoints):
        if isinstance(face, ModbusEndpointConfig):
            binder = _Port(station, document, door, f"endpoints[{at}]", face)
            found[face.id] = dict(binder.units())
            problems += binder.problems
    if problems:
        raise FileProblems(list(dict.fromkeys(problems)))
    return found


class _Port:
    def __init__(
        self, station: Station, document: Document[StationFile], door: Door, key: str, config: ModbusEndpointConfig
    ) -> None:
        self.problems: list[FileProblem] = []
        self._station = station
        self._document = document
        self._door = door
        self._key = key
        self._config = config
        self._own: Mapping[str, MapFile] = {}
        folder = document.path.parent / config.maps
        if config.maps and not folder.is_dir():
            self.problems.append(document.problem(f"{key}.maps", f"no such folder: {folder}", "one with maps, *.yaml"))
        elif config.maps:
            try:
                self._own = maps_of(folder)
            except FileProblems as refused:
                self.problems += refused.problems

    def units(self) -> Iterator[tuple[BusDevice, MappedUnit]]:
        devices = self._station.buses[self._config.id].devices
        for at, entry in enumerate(self._config.devices):
            mapped = self._map(f"{self._key}.devices[{at}].map", entry.map)
            for one in entry.each() if mapped is not None else ():
                device = devices[one.unit]
                unit = self._unit(f"{self._key}.devices[{at}]", device, mapped) if mapped is not None else None
                if unit is not None:
                    yield device, unit

    def _map(self, key: str, name: str) -> MapFile | None:
        if name in self._own:
            return self._own[name]
        if name in map_names():
            return shipped_map(name)
        if not (self._config.maps and self.problems):  # the folder's own findings say enough
            right = did_you_mean(name, [*map_names(), *self._own])
            self.problems.append(self._document.problem(key, f"no map is called {name}", right))
        return None

    def _unit(self, key: str, device: BusDevice, mapped: MapFile) -> MappedUnit | None:
        shows = device.config.shows
        wrong = misfit(mapped.family, shows, self._station)
        if wrong is not None:
            what, right = wrong
            self.problems.append(self._document.problem(f"{key}.shows", f"map {mapped.name}: {what}", right))
            return None
        try:
            points = bind(mapped, shows, self._station, device.config.ct_ratio)
        except Unbound as unbound:
            self.problems += [self._document.problem(f"{key}.map", what, right) for what, right in unbound.findings]
            return None
        return MappedUnit(self._station, self._door, device, mapped, points)
