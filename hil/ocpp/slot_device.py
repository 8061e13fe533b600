"""One connector of a charger in a slot: what it says becomes commands to its twin, what it is granted a lease.

A grant is a TxProfile that lapses by itself unless it is renewed; below it lies a TxDefaultProfile of the slot's
reserve. So a charger that has lost us falls back to that by itself, within the watchdog (OCPP 1.6, section 3.13).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from math import floor
from typing import Final

from hil.ocpp.device_words import Nonsense, end_reason, reading_of, state_word
from hil.ocpp.frames import Payload
from hil.ocpp.rpc import Answer, Answered, Invalid, Refused
from sim.events import Command, Scalar
from sim.kernel import Kernel
from twins.device_evse import DeviceEvse
from twins.slot_file import OcppDriverConfig
from twins.supply import AC_PHASE_V, phases_of

__all__ = ["Ask", "SlotDevice"]

Ask = Callable[[str, Payload], Awaitable[Answer]]
_GRANT, _RESERVE = 1, 0
"""Stack levels; ids are made of them and of the connector."""
_HIGHEST_V: Final = 1_000.0
"""Assumed of DC whose voltage is not told: so that a limit in amperes is never too much (ours)."""


class SlotDevice:
    """The driver behind one `DeviceEvse` (`DevicePort`)."""

    def __init__(self, kernel: Kernel, evse: DeviceEvse, config: OcppDriverConfig, ask: Ask) -> None:
        """`ask(action, payload)` calls the charger and brings its answer."""
        self.evse = evse
        self.config = config
        self._kernel = kernel
        self._ask = ask
        self._loop = asyncio.get_running_loop()
        self._count = 0
        self._transaction: int | None = None
        self._began_s = 0.0
        self._granted_kw: float | None = None
        self._obeyed_kw = 0.0
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._keeper = self._loop.create_task(self._keep())
        evse.port = self

    # What its twin asks (DevicePort)

    def limit(self, limit_kw: float) -> None:
        """Grant this from now on."""
        self._granted_kw = limit_kw
        self._changed.set()

    def start(self, token: str) -> None:
        """RemoteStartTransaction."""
        self._do(self._ask("RemoteStartTransaction", {"connectorId": self.config.connector, "idTag": token[:20]}))

    def stop(self, reason: str) -> None:
        """RemoteStopTransaction."""
        if self._transaction is not None:
            self._do(self._ask("RemoteStopTransaction", {"transactionId": self._transaction}))

    def make_safe(self) -> None:
        """End the transaction, limit it to nothing, take it out of service."""
        self._do(self.made_safe())

    async def made_safe(self) -> None:
        """As `make_safe`, done when the charger has answered all of it."""
        self._granted_kw = None
        if self._transaction is not None:
            await self._ask("RemoteStopTransaction", {"transactionId": self._transaction})
        await self._ask("SetChargingProfile", self._profile("TxDefaultProfile", _RESERVE, 0.0))
        await self._ask("ChangeAvailability", {"connectorId": self.config.connector, "type": "Inoperative"})

    async def closed(self) -> None:
        """The bench is done with it."""
        for task in (self._keeper, *self._tasks):
            task.cancel()
        await asyncio.gather(self._keeper, *self._tasks, return_exceptions=True)

    # What the charger says

    def post(self, verb: str, **args: Scalar) -> None:
        """Tell the twin."""
        self._count += 1
        link = f"slot:{self.evse.path}"
        target = f"{self.evse.path}.device"
        self._kernel.post(Command("slot", self.config.charge_point, verb, target, args, (link, self._count)))

    def joined(self, vendor: str, model: str) -> None:
        """It has booted: what holds while nothing is granted, and how it is to report.

        A transaction goes on: who was asked to boot has not fallen.
        """
        self.post("joined", vendor=vendor, model=model)
        self._do(self._prepare())

    def heard(self, action: str, payload: Payload, answer: Payload) -> None:
        """It has said something that concerns this connector."""
        if action == "StatusNotification":
            self.post("status", state=state_word(payload["status"]), code=payload["errorCode"])
        elif action == "MeterValues":
            try:
                reading = reading_of(payload)
            except Nonsense as error:
                self.post("nonsense", what=str(error))
            else:
                self.post("reading", **reading)
        elif action == "StartTransaction":
            self._transaction, self._began_s = answer["transactionId"], self._loop.time()
            self._granted_kw, self._obeyed_kw = None, 0.0
            self.post("began", token=payload["idTag"], register_kwh=payload["meterStart"] / 1000.0)
        elif action == "StopTransaction":
            self._transaction = self._granted_kw = None
            reason = end_reason(payload.get("reason", "Local"))
            self.post("ended", reason=reason, register_kwh=payload["meterStop"] / 1000.0)

    def has(self, transaction: int) -> bool:
        """Whether this is the transaction that runs here."""
        return self._transaction == transaction

    # Limits

    async def _prepare(self) -> None:
        connector = self.config.connector
        answer = await self._ask(
            "SetChargingProfile", self._profile("TxDefaultProfile", _RESERVE, self.evse.terms.reserve_kw)
        )
        if _is_refusal(answer):
            self.post("limited", limit_kw=0.0, is_obeyed=False)
        sample_s = {"key": "MeterValueSampleInterval", "value": str(self.config.sample_s)}
        await self._ask("ChangeConfiguration", sample_s)
        await self._ask("ChangeAvailability", {"connectorId": connector, "type": "Operative"})
        await self._ask("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": connector})

    async def _keep(self) -> None:
        """Tell each new grant at once, and renew the present one before it lapses."""
        while True:
            try:
                async with asyncio.timeout(self.evse.terms.watchdog_s / 4.0):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._changed.clear()
            limit_kw = self._granted_kw
            if limit_kw is None or self._transaction is None:
                continue
            answer = await self._ask("SetChargingProfile", self._profile("TxProfile", _GRANT, limit_kw))
            if isinstance(answer, Answered) and answer.payload["status"] == "Accepted":
                self.post("limited", limit_kw=limit_kw, is_obeyed=True)
                if limit_kw < self._obeyed_kw:  # it counts once it is seen
                    wanted = {"requestedMessage": "MeterValues", "connectorId": self.config.connector}
                    await self._ask("TriggerMessage", wanted)
                self._obeyed_kw = limit_kw
            elif _is_refusal(answer) and self._transaction is not None:
                self.post("limited", limit_kw=limit_kw, is_obeyed=False)

    def _profile(self, purpose: str, level: int, limit_kw: float) -> Payload:
        """A limit rounded down to a tenth; of a grant until its lease lapses, counted from the transaction's start."""
        connector = self.config.connector
        limit = floor(round(limit_kw * 10_000.0 / self._watts_per_unit(), 3)) / 10.0
        schedule: Payload = {
            "chargingRateUnit": self.config.unit, "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
        }  # fmt: skip
        profile: Payload = {
            "chargingProfileId": 10 * connector + level, "stackLevel": level, "chargingProfilePurpose": purpose,
            "chargingProfileKind": "Relative", "chargingSchedule": schedule,
        }  # fmt: skip
        if purpose == "TxProfile":
            lease_s = 0.75 * self.evse.terms.watchdog_s
            schedule["duration"] = max(1, floor(self._loop.time() - self._began_s + lease_s))
            profile["transactionId"] = self._transaction
        return {"connectorId": connector, "csChargingProfiles": profile}

    def _watts_per_unit(self) -> float:
        if self.config.unit == "W":
            return 1.0
        model = self.evse.model
        if model.kind == "ac":
            return AC_PHASE_V * phases_of(model)
        return self.evse.meter.value("voltage_v") or _HIGHEST_V

    def _do(self, deed: Awaitable[object]) -> None:
        async def done() -> None:
            await deed

        task = self._loop.create_task(done())
        self._tasks.add(task)  # a task nobody holds may vanish
        task.add_done_callback(self._tasks.discard)


def _is_refusal(answer: Answer) -> bool:
    return isinstance(answer, Refused | Invalid) or (
        isinstance(answer, Answered) and answer.payload.get("status") != "Accepted"
    )
