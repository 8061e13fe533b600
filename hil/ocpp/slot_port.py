"""The port by which chargers join a station: the central system's code in the station's process, for its slots alone.

The CSMS under test is another; it hears of these chargers' transactions through the station's own charge points.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import uuid
from datetime import UTC, datetime
from functools import partial
from math import floor, inf
from typing import Final

from hil.ocpp.csms.engine import CentralSystem
from hil.ocpp.csms.server import Csms
from hil.ocpp.csms.store import Store
from hil.ocpp.frames import Payload
from hil.ocpp.rpc import Answer
from hil.ocpp.slot_device import SlotDevice
from sim.kernel import Kernel
from twins.device_evse import DeviceEvse
from twins.slot_file import OcppDriverConfig

__all__ = ["SlotPort"]

_BOOT_S: Final = 2.0
"""Who has connected and not booted for so long is asked to (ours)."""
_LONGEST: Final = 48
_STRANGERS_S: Final = 60.0
"""Strangers are told of at most so often: they try again and again, and their names are their own (ours)."""


_KEPT: Final = 100
"""So many of the latest rows of what chargers tell are kept; the recording has what counts."""


class SlotPort:
    """One listening port and the chargers that slots name there (an `Onlooker` of its central system)."""

    def __init__(self, kernel: Kernel, host: str, port: int) -> None:
        """Devices are added before `start`."""
        self._kernel = kernel
        self._host = host
        self._port = port
        self._devices: dict[str, list[SlotDevice]] = {}
        self._asking: dict[str, asyncio.TimerHandle] = {}
        self._watchdog_s = 600.0
        self._passwords: dict[str, str] = {}
        self._store = Store(keeps=_KEPT)
        self._stranger_s = -inf
        self._csms: Csms | None = None
        self._tasks: set[asyncio.Task[object]] = set()

    def add(self, evse: DeviceEvse, config: OcppDriverConfig) -> None:
        """This connector of this charger stands behind that twin."""
        ask = partial(self._ask, config.charge_point)
        self._devices.setdefault(config.charge_point, []).append(SlotDevice(self._kernel, evse, config, ask))
        self._passwords[config.charge_point] = config.password
        self._watchdog_s = min(self._watchdog_s, evse.terms.watchdog_s)

    @property
    def url(self) -> str:
        """Where chargers connect, without their identity."""
        assert self._csms is not None
        return self._csms.url

    async def start(self) -> None:
        """Listen; raises `PortInUse`."""
        system = CentralSystem(
            self._store, new_id=lambda: uuid.uuid4().hex, clock=lambda: datetime.now(UTC),
            heartbeat_s=max(1, floor(self._watchdog_s / 3.0)), onlooker=self,
        )  # fmt: skip
        self._csms = Csms(system, self._passwords if any(self._passwords.values()) else None)
        await self._csms.start(self._host, self._port)

    async def make_safe(self) -> None:
        """Let no power flow in any charger that is there."""
        there = [device for point, devices in self._devices.items() if self._is_there(point) for device in devices]
        await asyncio.gather(*(device.made_safe() for device in there))

    async def stop(self) -> None:
        """Hang up and listen no more."""
        for timer in self._asking.values():
            timer.cancel()
        for device in (device for devices in self._devices.values() for device in devices):
            await device.closed()
        if self._csms is not None:
            await self._csms.stop()
        self._store.close()

    # What the central system tells

    def opened(self, charge_point: str) -> None:
        """A charger has connected; one that was up before we were is asked to boot."""
        if charge_point not in self._devices:
            self._tell_of_stranger(charge_point)
        else:
            loop = asyncio.get_running_loop()
            self._asking[charge_point] = loop.call_later(_BOOT_S, self._ask_to_boot, charge_point)

    def heard(self, charge_point: str, action: str, payload: Payload, answer: Payload) -> None:
        """A charger has said something."""
        devices = self._devices.get(charge_point, ())
        if action == "BootNotification":
            self._wait_no_more(charge_point)
            for device in devices:
                device.joined(payload["chargePointVendor"], payload["chargePointModel"])
            return
        connector, transaction = payload.get("connectorId"), payload.get("transactionId")
        for device in devices:
            is_meant = device.config.connector == connector if connector else device.has(transaction or 0)
            if is_meant:
                device.heard(action, payload, answer)
            elif not connector:
                device.post("heard")

    def violated(self, charge_point: str, action: str, verdict: str) -> None:
        """A charger has sent what cannot be."""
        for device in self._devices.get(charge_point, ()):
            device.post("nonsense", what=f"{action or 'a frame'}: {verdict}")

    def closed(self, charge_point: str) -> None:
        """A charger has gone."""
        self._wait_no_more(charge_point)
        for device in self._devices.get(charge_point, ()):
            device.post("lost")

    def _tell_of_stranger(self, charge_point: str) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._stranger_s >= _STRANGERS_S:
            self._stranger_s = now_s
            name, known = ascii(charge_point[:_LONGEST]), ", ".join(self._devices)
            sys.stderr.write(f"slot port {self._port}: {name} is in no slot; known there: {known}\n")

    def _is_there(self, charge_point: str) -> bool:
        return self._csms is not None and self._csms.is_connected(charge_point)

    async def _ask(self, charge_point: str, action: str, payload: Payload) -> Answer:
        assert self._csms is not None
        return await self._csms.call(charge_point, action, payload)

    def _ask_to_boot(self, charge_point: str) -> None:
        task: asyncio.Task[object] = asyncio.get_running_loop().create_task(
            self._ask(charge_point, "TriggerMessage", {"requestedMessage": "BootNotification"})
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _wait_no_more(self, charge_point: str) -> None:
        with contextlib.suppress(KeyError):
            self._asking.pop(charge_point).cancel()
