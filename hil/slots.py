"""The devices of a run's slots: their drivers are started, and made safe on every way out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from hil.ocpp.slot_port import SlotPort
from sim.kernel import Kernel
from twins.device_evse import DeviceEvse
from twins.slot_file import SlotConfig

__all__ = ["Slots"]

_SAFE_S: Final = 3.0
"""How long the way out waits for devices to confirm that they are safe; then the leases of their grants lapse."""


class Slots:
    """Every driver of a run; to be made within its loop."""

    def __init__(self, kernel: Kernel, slots: Mapping[str, SlotConfig], devices: Mapping[str, DeviceEvse]) -> None:
        """`slots` and the twins of their devices, by path."""
        self._ports: dict[int, SlotPort] = {}
        for path, evse in devices.items():
            driver = slots[path].driver
            assert driver is not None
            if driver.port not in self._ports:
                self._ports[driver.port] = SlotPort(kernel, driver.host, driver.port)
            self._ports[driver.port].add(evse, driver)

    @property
    def urls(self) -> list[str]:
        """Where chargers connect, without their identities; once started."""
        return [port.url for port in self._ports.values()]

    async def start(self) -> None:
        """Listen for the devices; raises `PortInUse`."""
        for port in self._ports.values():
            await port.start()

    async def make_safe(self) -> None:
        """Let no power flow in any device that is there; bounded in time, and nothing is raised."""
        if self._ports:
            making = [asyncio.ensure_future(port.make_safe()) for port in self._ports.values()]
            _, late = await asyncio.wait(making, timeout=_SAFE_S)
            for one in late:
                one.cancel()

    async def close(self) -> None:
        """Make all safe and hang up."""
        await self.make_safe()
        for port in self._ports.values():
            await port.stop()
