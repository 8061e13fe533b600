"""A gateway that slots name: its one connection, and the chargers, meters and sensors that are polled through it."""

from __future__ import annotations

import asyncio

from hil.modbus.charger import ModbusCharger
from hil.modbus.map_file import MapFile
from hil.modbus.master import Address, Master
from hil.modbus.poller import Poller
from sim.kernel import Kernel
from twins.device_evse import DeviceEvse
from twins.slot_file import ModbusDriverConfig

__all__ = ["SlotGateway", "timeout_s"]


class SlotGateway:
    """All that is polled at one address."""

    def __init__(self, kernel: Kernel, address: Address, timeout_s: float) -> None:
        """Devices are added before `start`; `timeout_s` is for each answer."""
        self._kernel = kernel
        self._master = Master(address, timeout_s)
        self._pollers: list[Poller] = []
        self._chargers: list[ModbusCharger] = []

    def add_charger(self, evse: DeviceEvse, config: ModbusDriverConfig, mapped: MapFile) -> None:
        """This connector of this unit stands behind that twin."""
        self._chargers.append(ModbusCharger(self._kernel, evse, config, mapped, self._master))

    def add_instrument(self, path: str, config: ModbusDriverConfig, mapped: MapFile) -> None:
        """This unit stands behind the meter or sensor at that path."""
        self._pollers.append(Poller(self._kernel, path, config, mapped, self._master))

    async def start(self) -> None:
        """Begin to poll."""
        for poller in self._pollers:
            await poller.start()
        for charger in self._chargers:
            await charger.start_polling()

    async def make_safe(self) -> None:
        """Let no power flow in any charger that is there."""
        await asyncio.gather(*(charger.made_safe() for charger in self._chargers))

    async def stop(self) -> None:
        """Poll no more, and hang up."""
        for poller in self._pollers:
            await poller.stop()
        for charger in self._chargers:
            await charger.stop_polling()
        self._master.close()


def timeout_s(config: ModbusDriverConfig) -> float:
    """How long an answer may take."""
    return min(3.0, max(0.2, config.poll_s))
