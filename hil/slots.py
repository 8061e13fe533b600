"""The devices of a run's slots: their drivers are started, and made safe on every way out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Protocol

from hil.modbus.charger_fit import charger_misfits
from hil.modbus.families import misfit
from hil.modbus.map_checks import map_names, maps_of, shipped_map
from hil.modbus.map_file import MapFile
from hil.modbus.master import Address
from hil.modbus.slot_gateway import SlotGateway, timeout_s
from hil.ocpp.slot_port import SlotPort
from sim.errors import FileProblem
from sim.files import Document, did_you_mean
from sim.kernel import Kernel
from twins.slot_file import ModbusDriverConfig, OcppDriverConfig, SlotConfig, SlotFile
from twins.station import Station

__all__ = ["Slots", "map_problems"]

_SAFE_S: Final = 3.0
"""How long the way out waits for devices to confirm that they are safe; then the leases of their grants lapse."""


class _Driver(Protocol):
    async def start(self) -> None: ...

    async def make_safe(self) -> None: ...

    async def stop(self) -> None: ...


class Slots:
    """Every driver of a run; to be made within its loop."""

    def __init__(self, kernel: Kernel, slots: Mapping[str, SlotConfig], station: Station, folder: Path) -> None:
        """`slots` by path, whose twins are the station's; folders of maps are relative to `folder`."""
        self._ports: dict[int, SlotPort] = {}
        self._gateways: dict[Address, SlotGateway] = {}
        waits_s: dict[Address, float] = {}
        for slot in slots.values():
            if isinstance(slot.driver, ModbusDriverConfig):
                at = _address(slot.driver)
                waits_s[at] = max(timeout_s(slot.driver), waits_s.get(at, 0.0))
        for path, slot in slots.items():
            driver = slot.driver
            if isinstance(driver, ModbusDriverConfig):
                at, mapped = _address(driver), _maps(driver, folder)[driver.map]
                gateway = self._gateways.setdefault(at, SlotGateway(kernel, at, waits_s[at]))
                if slot.is_charger:
                    gateway.add_charger(station.devices[path], driver, mapped)
                else:
                    gateway.add_instrument(path, driver, mapped)
            elif isinstance(driver, OcppDriverConfig):
                if driver.port not in self._ports:
                    self._ports[driver.port] = SlotPort(kernel, driver.host, driver.port)
                self._ports[driver.port].add(station.devices[path], driver)

    @property
    def _drivers(self) -> list[_Driver]:
        return [*self._ports.values(), *self._gateways.values()]

    @property
    def urls(self) -> list[str]:
        """Where chargers connect, without their identities; once started."""
        return [port.url for port in self._ports.values()]

    async def start(self) -> None:
        """Listen for the devices and poll them; raises `PortInUse`."""
        for driver in self._drivers:
            await driver.start()

    async def make_safe(self) -> None:
        """Let no power flow in any device that is there; bounded in time, and nothing is raised."""
        if self._drivers:
            making = [asyncio.ensure_future(driver.make_safe()) for driver in self._drivers]
            _, late = await asyncio.wait(making, timeout=_SAFE_S)
            for one in late:
                one.cancel()

    async def close(self) -> None:
        """Make all safe and hang up."""
        await self.make_safe()
        for driver in self._drivers:
            await driver.stop()


def map_problems(document: Document[SlotFile], station: Station) -> list[FileProblem]:
    """Maps that are not there, or not of such a thing; FileProblems where a folder of maps is not in order."""
    problems: list[FileProblem] = []
    for at, slot in enumerate(document.value.things):
        driver = slot.driver
        if not isinstance(driver, ModbusDriverConfig):
            continue
        maps = _maps(driver, document.path.parent)
        mapped = maps.get(driver.map)
        if mapped is None:
            key, right = f"things[{at}].driver.map", did_you_mean(driver.map, maps)
            problems.append(document.problem(key, f"no map {driver.map}", right))
            continue
        for key, what, right in _misfits(mapped, slot, station):
            problems.append(document.problem(f"things[{at}].{key}", what, right))
    return problems


def _misfits(mapped: MapFile, slot: SlotConfig, station: Station) -> Iterator[tuple[str, str, str]]:
    if slot.is_charger:
        model = station.piles[slot.at.removeprefix("pile[").partition("]")[0]].model
        yield from charger_misfits(mapped, slot, model)
    elif found := misfit(mapped.family, slot.at, station):
        yield "driver.map", *found


def _address(driver: ModbusDriverConfig) -> Address:
    return Address(driver.host, driver.port, driver.framing)


def _maps(driver: ModbusDriverConfig, folder: Path) -> Mapping[str, MapFile]:
    own = maps_of(folder / driver.maps) if driver.maps else {}
    return {name: shipped_map(name) for name in map_names()} | dict(own)
