"""Vehicles that come to real devices: their visits, bays and bills, as far as the devices tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sim.kernel import Kernel
from sim.units import SimTime
from twins.bay import Bay, Occupancy
from twins.billing import Bill, Billing
from twins.device_evse import DeviceEvse
from twins.visits import Session, Visits

if TYPE_CHECKING:
    from twins.evse import Evse

__all__ = ["Guests"]

_GOOD_ENDS = ("driver", "remote", "device")


class Guests:
    """Keeps a session for each vehicle that a device says is plugged in, until it says that it has left."""

    def __init__(self, kernel: Kernel, visits: Visits, billing: Billing) -> None:
        """Devices join by `host`."""
        self._kernel = kernel
        self._visits = visits
        self._billing = billing
        self._present: dict[str, Session] = {}
        self._bills: dict[str, Bill] = {}
        self.on_session: Callable[[Session], None] = lambda session: None

    def host(self, device: DeviceEvse, pile: str, number: int, bay: Bay[Evse]) -> None:
        """This device is connector `number` of `pile`; its vehicles stand in `bay`."""
        device.on_plugged = lambda: self._plugged(device, pile, number, bay)
        device.on_started = lambda: self._started(device)
        device.on_ended = lambda reason: self._ended(device, reason)
        device.on_left = lambda: self._left(device, bay)

    def settle(self, session: Session, device: DeviceEvse) -> None:
        """What a charge that still runs amounts to now."""
        if device.session == session.id and device.is_charging:
            self._measure(session, device, self._kernel.now)

    def _plugged(self, device: DeviceEvse, pile: str, number: int, bay: Bay[Evse]) -> None:
        session = self._visits.welcome()
        session.pile, session.connector, session.bay = pile, number, bay.config.id
        session.plugged_s = self._kernel.now
        session.outcome = "charging"
        self._present[device.path] = session
        device.session = session.id
        if bay.occupied.value is Occupancy.FREE:
            bay.occupy(session.id)
        self.on_session(session)

    def _started(self, device: DeviceEvse) -> None:
        session = self._present[device.path]
        session.started_s = device.started_s
        self._billing.open(session.id, device.energy_kwh)

    def _ended(self, device: DeviceEvse, reason: str) -> None:
        session, now = self._present[device.path], self._kernel.now
        self._measure(session, device, now)
        session.stopped_s, session.stop_reason = now, reason
        session.outcome = "charged" if reason in _GOOD_ENDS else "failed"
        bill = self._billing.close(session.id, now)
        session.cost_cny = bill.total_cny
        self._bills[session.id] = bill
        self.on_session(session)

    def _left(self, device: DeviceEvse, bay: Bay[Evse]) -> None:
        session, now = self._present.pop(device.path), self._kernel.now
        bill = self._bills.pop(session.id, None)
        if bill is not None:
            session.cost_cny = self._billing.occupancy(bill, session.stopped_s or now, now).total_cny
        elif session.outcome == "charging":
            session.outcome = "failed"
        session.left_s = now
        device.session = ""
        bay.free(session.id)
        self._visits.part(session)

    def _measure(self, session: Session, device: DeviceEvse, now: SimTime) -> None:
        session.started_s, session.power_max_kw = device.started_s, device.peak_kw
        session.energy_true_kwh, session.energy_registered_kwh = device.delivered_kwh(now)
        first_soc, soc = device.meter.first_soc, device.meter.value("soc")
        if first_soc is not None and soc is not None:
            session.soc_in_pct, session.soc_out_pct = 100.0 * first_soc, 100.0 * soc
