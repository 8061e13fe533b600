"""The devices of a run's slots: their drivers are started, and made safe on every way out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from hil.modbus.families import misfit
from hil.modbus.map_checks import map_names, maps_of, shipped_map
from hil.modbus.map_file import MapFile
from hil.modbus.poller import Poller
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
        self._pollers: list[Poller] = []
        for path, slot in slots.items():
            driver = slot.driver
            if isinstance(driver, ModbusDriverConfig):
                mapped = _maps(driver, folder)[driver.map]
                self._pollers.append(Poller(kernel, path, driver, mapped))
            elif isinstance(driver, OcppDriverConfig):
                if driver.port not in self._ports:
                    self._ports[driver.port] = SlotPort(kernel, driver.host, driver.port)
                self._ports[driver.port].add(station.devices[path], driver)

    @property
    def _drivers(self) -> list[_Driver]:
        return [*self._ports.values(), *self._pollers]

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
    problems = []
    for at, slot in enumerate(document.value.things):
        driver = slot.driver
        if not isinstance(driver, ModbusDriverConfig):
            continue
        maps = _maps(driver, document.path.parent)
        here = f"things[{at}].driver.map"
        mapped = maps.get(driver.map)
        if mapped is None:
            problems.append(document.problem(here, f"no map {driver.map}", did_you_mean(driver.map, maps)))
        elif found := misfit(mapped.family, slot.at, station):
            problems.append(document.problem(here, *found))
    return problems


def _maps(driver: ModbusDriverConfig, folder: Path) -> Mapping[str, MapFile]:
    own = maps_of(folder / driver.maps) if driver.maps else {}
    return {name: shipped_map(name) for name in map_names()} | dict(own)
