"""The ports for Modbus masters of a station: of one that runs, or of a file whose station stands still."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from socket import socket

from hil.door import Door
from hil.listening import bound, one_family
from hil.modbus.devices import bound_units
from hil.modbus.endpoint import ModbusEndpoint
from sim.clock import Clock
from sim.files import Document
from sim.kernel import Kernel
from twins.platform import LocalPlatform
from twins.station import Station
from twins.station_file import StationFile

__all__ = ["modbus_ports", "modbus_sockets", "still_ports", "still_station"]


def modbus_ports(
    station: Station, document: Document[StationFile], door: Door,
    listening: Mapping[str, socket] | None = None,
) -> list[ModbusEndpoint]:  # fmt: skip
    """The ports of a station built of that file, not yet served; FileProblems where a map does not fit.

    `listening` are the sockets that hold them already, by their ids.
    """
    held = listening or {}
    bound = bound_units(station, document, door)
    folder = document.path.parent
    return [ModbusEndpoint(bus, bound[name], door, folder, held.get(name)) for name, bus in station.buses.items()]


@contextmanager
def modbus_sockets(ports: Sequence[ModbusEndpoint], *, has_free_ports: bool) -> Iterator[Mapping[str, socket]]:
    """The sockets of these ports by their ids, at their own number or at any free one; raises `PortInUse`."""
    with ExitStack() as taken:
        configs = [port.bus.config for port in ports]
        yield {
            one.id: taken.enter_context(bound(one_family(one.host), 0 if has_free_ports else one.port))
            for one in configs
        }


def still_ports(document: Document[StationFile]) -> list[ModbusEndpoint]:
    """The ports of a station that is put together and does not run; builds none where the file has no ports."""
    if not document.value.buses:
        return []
    station = still_station(document)
    return modbus_ports(station, document, Door(station.kernel))


def still_station(document: Document[StationFile]) -> Station:
    """The station of that file, put together; it does not run."""
    kernel = Kernel(Clock(datetime(2022, 1, 1), document.value.station.timezone), 0)
    return Station(kernel, document.value, LocalPlatform(kernel))
