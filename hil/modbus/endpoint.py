"""A port for Modbus masters: its server, the units behind it, and its rows in the list of wires."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from socket import socket
from typing import Any, Final

from hil.door import Door
from hil.listening import shown_host
from hil.modbus.registers import MappedUnit
from hil.modbus.server import ModbusServer
from hil.modbus.tls import server_context
from sim.errors import UsageError
from sim.files import Misfit
from twins.bus import Bus, BusDevice

__all__ = ["ModbusEndpoint"]

_PROTOCOL: Final = {"tcp": "modbus-tcp", "rtu_tcp": "modbus-rtu-tcp", "tls": "modbus-tls"}


class ModbusEndpoint:
    """One port of the station file with its devices."""

    def __init__(
        self, bus: Bus, units: Mapping[BusDevice, MappedUnit], door: Door, folder: Path,
        listening: socket | None = None,
    ) -> None:  # fmt: skip
        """`units` are those of `bound_units` for this bus; `folder` is the station file's.

        `listening` is a socket that holds the port already; the endpoint closes it.
        """
        self.bus = bus
        self.units = units
        self.on_failure: Callable[[Exception], None] | None = None
        """Told of faults of ours while masters are served; left out, the loop's own handler is."""
        self._door = door
        self._folder = folder
        self._listening = listening
        self._server: ModbusServer | None = None

    @property
    def url(self) -> str:
        """Where it listens, or is to listen: port 0 until it has taken a free one."""
        return (
            self._server.url
            if self._server is not None
            else f"tcp://{shown_host(self.bus.config.host)}:{self.bus.config.port}"
        )

    async def start(self) -> None:
        """Listen; raises `PortInUse`, and `UsageError` for TLS files that cannot be used."""
        tls = self.bus.config.tls
        try:
            context = server_context(tls, self._folder) if tls is not None else None
        except Misfit as wrong:  # they were in order when the station file was read
            raise UsageError(f"{self.bus.path}: {wrong}") from None
        by_number = {device.unit: unit for device, unit in self.units.items()}
        server = ModbusServer(self.bus, by_number, self._door, self.on_failure, context)
        await server.start(self._listening)
        self._server = server

    async def stop(self) -> None:
        """Stop listening and close the connections; harmless when it was not started."""
        if self._server is not None:
            await self._server.stop()
            self._server = None

    def rows(self) -> list[dict[str, Any]]:
        """A row for each device and table: where its first point stands, what each of them shows."""
        return [row for device, unit in self.units.items() for row in self._rows(device, unit)]

    def _rows(self, device: BusDevice, unit: MappedUnit) -> Iterator[dict[str, Any]]:
        for table in ("holding", "input", "coil", "discrete"):
            points = [point for point in unit.points if point.table == table]
            if not points:
                continue
            signals: dict[str, str] = {}
            for point in points:
                signals |= point.signals
            yield {
                "id": f"{self.bus.config.id}.{device.unit}", "protocol": _PROTOCOL[self.bus.config.transport],
                "device": f"{unit.map.device}: {device.config.shows}", "url": self.url, "unit": device.unit,
                "map": unit.map.name, "table": table, "first": min(point.first for point in points), "signals": signals,
            }  # fmt: skip
