"""A port for Modbus masters: the units behind it, and its rows in the list of wires."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from hil.modbus.registers import MappedUnit
from twins.bus import Bus, BusDevice

__all__ = ["ModbusEndpoint"]

_PROTOCOL: Final = {"tcp": "modbus-tcp", "rtu_tcp": "modbus-rtu-tcp", "tls": "modbus-tls"}


class ModbusEndpoint:
    """One port of the station file with its devices."""

    def __init__(self, bus: Bus, units: Mapping[BusDevice, MappedUnit], host: str = "127.0.0.1") -> None:
        """`units` are those of `bound_units` for this bus."""
        self.bus = bus
        self.units = units
        self.host = host

    @property
    def url(self) -> str:
        """Where it listens, or is to listen: port 0 until it has taken a free one."""
        return f"tcp://{self.host}:{self.bus.config.port}"

    def rows(self) -> list[dict[str, Any]]:
        """A row for each device and table of registers: where its first point stands, what each of them shows."""
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
                "table": table, "first": min(point.first for point in points), "signals": signals,
            }  # fmt: skip
