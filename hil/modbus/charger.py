"""A charger polled as its master, in the place of an EVSE: by its map alone, whoever made it.

A limit counts as confirmed once it is read back; it is looked at with every reading and written anew where the device
has forgotten it. A map with a fail-safe time-out makes grants lapse.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from math import floor
from typing import Any, Final

from hil.modbus.charger_map import ChargerMap, Order
from hil.modbus.charger_session import NO_KW, ChargerSession
from hil.modbus.map_file import MapFile
from hil.modbus.master import Away, Busy, Master, Nonsense
from hil.modbus.readout import Value, blocks_of, factor_of, fetched, with_scales
from sim.events import Command, Scalar
from sim.kernel import Kernel
from twins.device_evse import DeviceEvse
from twins.slot_file import ModbusDriverConfig
from twins.supply import AC_PHASE_V, LEAST_PILOT_A, phases_of

__all__ = ["LEASE_SHARE", "ModbusCharger"]

LEASE_SHARE: Final = 0.75
"""Of the watchdog's time: after so long without its master a device with a fail-safe has fallen back."""
_HIGHEST_V: Final = 1_000.0
"""Assumed of DC whose voltage is not told: so that a limit in amperes is never too much (ours)."""
_TRIES: Final = 3
"""A limit that is not read back so often is not obeyed (ours)."""
_SLACK: Final = 0.002


class ModbusCharger:
    """The driver behind one `DeviceEvse` (`DevicePort`)."""

    def __init__(
        self, kernel: Kernel, evse: DeviceEvse, config: ModbusDriverConfig, mapped: MapFile, master: Master
    ) -> None:
        """`mapped` has no `charger_misfits`."""
        self.evse = evse
        self.config = config
        self._kernel = kernel
        self._master = master
        self._map = ChargerMap(mapped, config.connector)
        self._blocks = blocks_of(mapped, with_scales(mapped, self._map.points))
        pile, _, connector = evse.path.removeprefix("pile[").removesuffix("]").partition("].connector[")
        token = config.token or f"{pile}-{connector}"[-20:]
        is_ac, has_stop = evse.model.kind == "ac", self._map.stop is not None
        self._session = ChargerSession(self._post, token, is_ac=is_ac, has_stop=has_stop)
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0
        self._is_polling = self._is_up = self._is_safe = False
        self._granted_kw: float | None = None
        self._written_kw: float | None = None
        self._misses = 0
        self._phases = phases_of(evse.model)
        evse.port = self

    # What its twin asks (DevicePort)

    def limit(self, limit_kw: float) -> None:
        """Grant this from now on."""
        self._granted_kw, self._written_kw = limit_kw, None
        self._wake.set()

    def start(self, token: str) -> None:
        """Let it charge, for this token."""
        self._session.start(token)
        self._do(self._begin())

    def stop(self, reason: str) -> None:
        """End its charge; asked again with every reading until it has."""
        self._session.is_stopping = True
        self._wake.set()

    def make_safe(self) -> None:
        """Limit it to nothing and end its charge."""
        self._do(self.made_safe())

    async def made_safe(self) -> None:
        """As `make_safe`, done when it has taken all of it; it is polled no more."""
        self._is_safe = True
        await self.stop_polling()
        last = self._map.stop or self._map.enable
        for order in (self._map.fall, self._map.limit, last):
            with contextlib.suppress(Away, Busy, Nonsense):
                await self._write(order, 0.0)

    # Its life

    async def start_polling(self) -> None:
        """Begin to poll."""
        self._is_polling = True
        self._task = asyncio.get_running_loop().create_task(self._poll())

    async def stop_polling(self) -> None:
        """Poll no more."""
        self._is_polling = False
        tasks = [task for task in (self._task, *self._tasks) if task is not None and task is not asyncio.current_task()]
        self._task = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _poll(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while self._is_polling:  # a cancelled request may be answered all the same
            try:
                await self._round()
            except Away:
                self._lost()
            except Busy:
                pass
            except Nonsense as nonsense:
                self._post("nonsense", what=str(nonsense))
            if loop.time() >= due:
                due = max(due + self.config.poll_s, loop.time())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._wake.wait()
            self._wake.clear()

    async def _round(self) -> None:
        """Tell it what is due, then hear what it says."""
        if self._is_up:
            await self._order()
        values = await fetched(self._master, self.config.unit, self._map.mapped, self._blocks)
        said = self._map.said(values)
        if self.evse.is_silent:
            self._session.abandon()
        if not self._is_up:
            await self._join()
        self._phases = max(self._phases, said.phases)
        had_begun = self._session.has_begun
        self._session.hear(said, asyncio.get_running_loop().time())
        if self._session.has_begun is not had_begun:
            self._granted_kw = None
            self._wake.set()
        await self._look(values)

    async def _join(self) -> None:
        await self._arm()
        if self._map.enable is not None:
            await self._write(self._map.enable, 1.0)
        self._is_up = True
        self._written_kw = None
        self._session.rejoin()
        made = self._map.mapped.identification
        self._post("joined", vendor=made.vendor, model=made.product)
        self._wake.set()  # its limit is due

    async def _arm(self) -> None:
        """Where it has a fail-safe: let it fall to the reserve well before it counts as gone."""
        fall = self._map.fall
        if self._map.lapse is None or fall is None:
            return
        reserve_kw = self.evse.terms.reserve_kw
        await self._write(fall, reserve_kw if fall.argument == "limit_kw" else self._amperes(reserve_kw))
        await self._write(self._map.lapse, self._lease_s)

    @property
    def _lease_s(self) -> float:
        return float(floor(LEASE_SHARE * self.evse.terms.watchdog_s))

    def _lost(self) -> None:
        if self._is_up:
            self._is_up = False
            self._post("lost")

    # Orders

    @property
    def _wanted_kw(self) -> float:
        """What it may draw now."""
        session = self._session
        if session.is_spent or (session.is_stopping and self._map.stop is None):
            return 0.0
        if session.has_begun and self._granted_kw is not None:
            return self._granted_kw
        return self.evse.terms.reserve_kw

    async def _order(self) -> None:
        limit_kw = self._wanted_kw
        if limit_kw != self._written_kw:
            await self._limit(limit_kw)
        if self._session.is_stopping:
            with contextlib.suppress(Nonsense):  # nothing is on that could be stopped
                await self._write(self._map.stop)

    async def _limit(self, limit_kw: float) -> None:
        """Write it, and read back what the device goes by."""
        order, shown, mapped = self._map.limit, self._map.allowed, self._map.mapped
        assert order is not None and shown is not None
        is_kw = order.argument == "limit_kw"
        try:
            await self._write(order, limit_kw if is_kw else self._amperes(limit_kw))
            back = await fetched(
                self._master, self.config.unit, mapped, blocks_of(mapped, with_scales(mapped, [shown]))
            )
        except Nonsense:
            self._missed(limit_kw)
            return
        is_none = limit_kw <= 0.0 or (self.evse.model.kind == "ac" and self._amperes(limit_kw) < LEAST_PILOT_A)
        self._session.hold(asyncio.get_running_loop().time(), is_held=is_none)
        self._written_kw = limit_kw
        if self._is_above(back, limit_kw):
            self._missed(limit_kw)
            return
        self._misses = 0
        if self._session.has_begun and self._granted_kw is not None:
            self._post("limited", limit_kw=limit_kw, is_obeyed=True)

    async def _look(self, values: dict[str, Value]) -> None:
        """A device that has forgotten its limit, or its fail-safe, is told it anew."""
        if self._written_kw is not None and self._is_above(values, self._written_kw):
            self._missed(self._written_kw)
        lapse_s = self._map.lapse_of(values)
        if lapse_s is not None and lapse_s != self._lease_s:
            await self._arm()

    def _missed(self, limit_kw: float) -> None:
        self._written_kw = None
        self._misses += 1
        if self._misses == _TRIES:
            self._post("limited", limit_kw=limit_kw, is_obeyed=False)
        elif self._misses < _TRIES:
            self._wake.set()

    def _is_above(self, values: dict[str, Value], limit_kw: float) -> bool:
        allowed_kw = self._map.allowed_of(values, self._watts_per_a())
        return allowed_kw is None or allowed_kw > limit_kw * (1.0 + _SLACK) + NO_KW

    async def _begin(self) -> None:
        with contextlib.suppress(Away, Busy, Nonsense):
            if self._map.enable is not None:
                await self._write(self._map.enable, 1.0)
            await self._write(self._map.start)
        self._wake.set()

    async def _write(self, order: Order | None, value: float = 0.0) -> None:
        if order is None:
            return
        placed, mapped, unit = order.placed, self._map.mapped, self.config.unit
        # Nothing is nothing at any scale: a scale that cannot be read must not keep the charger from being made safe.
        factor = await factor_of(self._master, unit, mapped, placed) if value else 1.0
        await self._master.write(unit, placed.table, placed.first, order.words(mapped, value / factor))

    def _amperes(self, limit_kw: float) -> float:
        return 1_000.0 * limit_kw / self._watts_per_a()

    def _watts_per_a(self) -> float:
        if self.evse.model.kind == "ac":
            return AC_PHASE_V * self._phases
        return self.evse.meter.value("voltage_v") or _HIGHEST_V

    def _post(self, verb: str, **args: Scalar) -> None:
        if self._is_safe:
            return
        self._count += 1
        path = self.evse.path
        key = (f"slot:{path}", self._count)
        self._kernel.post(Command("slot", self.config.host, verb, f"{path}.device", args, key))

    def _do(self, deed: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(deed)
        self._tasks.add(task)  # a task nobody holds may vanish
        task.add_done_callback(self._tasks.discard)
