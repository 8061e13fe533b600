"""A meter or sensor polled as its master: registers become readings of its twin, by the device's own map.

What the device says that it has not is no reading; what cannot be is for its twin to judge. A lost connection is
tried again at every poll.
"""

from __future__ import annotations

import asyncio
import contextlib

from hil.modbus.map_file import MapFile
from hil.modbus.master import Away, Busy, Master, Nonsense
from hil.modbus.readout import blocks_of, fetched, is_number, with_scales
from hil.modbus.shown import TRANSFORMED
from sim.events import Command, Scalar
from sim.kernel import Kernel
from twins.slot_file import ModbusDriverConfig

__all__ = ["Poller"]

_TRANSFORMED = {unit.lower() for unit in TRANSFORMED}


class Poller:
    """Reads one device every `poll_s` and tells its twin."""

    def __init__(self, kernel: Kernel, path: str, config: ModbusDriverConfig, mapped: MapFile, master: Master) -> None:
        """`path` is the thing's whose place the device takes."""
        self._kernel = kernel
        self._path = path
        self._config = config
        self._mapped = mapped
        self._master = master
        self._blocks = blocks_of(mapped, with_scales(mapped, filter(is_number, mapped.placed())))
        self._count = 0
        self._is_polling = self._is_up = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to poll."""
        self._is_polling = True
        self._task = asyncio.get_running_loop().create_task(self._poll())

    async def make_safe(self) -> None:
        """It is only read: nothing flows by our doing."""

    async def stop(self) -> None:
        """Poll no more."""
        self._is_polling = False
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _poll(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while self._is_polling:  # a cancelled request may be answered all the same
            try:
                read = await fetched(self._master, self._config.unit, self._mapped, self._blocks)
            except Away:
                self._lost()
            except Busy:
                pass
            except Nonsense as nonsense:
                self._post("nonsense", what=str(nonsense))
            else:
                self._post("reading", **{name: self._primary(name, value) for name, value in read.items()})
                if not self._is_up:
                    self._is_up = True
                    self._post("joined")
            due = max(due + self._config.poll_s, loop.time())
            await asyncio.sleep(due - loop.time())

    def _primary(self, name: str, value: Scalar) -> Scalar:
        """What is on the near side of the current transformers, of what the meter has on theirs."""
        if isinstance(value, float) and name.rpartition("_")[2] in _TRANSFORMED:
            return value * self._config.ct_ratio
        return value

    def _lost(self) -> None:
        if self._is_up:
            self._is_up = False
            self._post("lost")

    def _post(self, verb: str, **args: Scalar) -> None:
        self._count += 1
        key = (f"slot:{self._path}", self._count)
        self._kernel.post(Command("slot", self._config.host, verb, f"{self._path}.device", args, key))
