"""A stay at a charging bay: drive there, plug in, show a token, charge, unplug, leave."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import lru_cache, partial
from math import inf
from typing import Any

import simpy

from sim.kernel import Kernel
from sim.units import SimTime
from twins.acceptance import ACCEPTANCE_MAPS
from twins.bay import Bay, Occupancy
from twins.billing import Bill, Billing
from twins.bms import Bms
from twins.cell_bms import CellBms
from twins.drivers import Arrival
from twins.evse import Evse
from twins.isothermal_bms import IsothermalBms
from twins.microclimate import MicroClimate
from twins.pack import Pack
from twins.vehicle import VehicleModel
from twins.visits import Session
from twins.weather import Weather
from twins.yard import Yard

__all__ = ["Charging"]

PLUG_S = 25.0
UNPLUG_S = 155.0
PULL_WITHIN_S = 1_200.0
DRIVING_WARMTH_K = 8.0
_GOOD_ENDS = ("target_reached", "driver", "remote")


class Charging:
    """What vehicles do at bays (`twins.visits.Stay`)."""

    def __init__(
        self,
        kernel: Kernel,
        yard: Yard,
        weather: Weather,
        microclimate: MicroClimate,
        billing: Billing,
        *,
        has_pack_heat: bool,
    ) -> None:
        """`has_pack_heat`: whether charging warms the packs."""
        self._kernel = kernel
        self._yard = yard
        self._weather = weather
        self._microclimate = microclimate
        self._billing = billing
        self._has_pack_heat = has_pack_heat
        self.on_vehicle: Callable[[], None] = lambda: None
        self.on_session: Callable[[Session], None] = lambda session: None

    def at(self, bay: Bay[Evse], session: Session, arrival: Arrival) -> Generator[simpy.Event, Any, bool]:
        """The stay; False when the bay was taken or its EVSE had failed meanwhile."""
        kernel = self._kernel
        drive_s = self._yard.drive_s(bay)
        if drive_s > 0.0:
            yield kernel.timeout(drive_s)
        if bay.occupied.value is Occupancy.OCCUPIED or bay.ready_evse() is None:
            yield self._blocked(bay, session)
            return False
        session.bay = bay.config.id
        bay.occupy(session.id)
        petrol_stay_s = max(arrival.habits.petrol_stay_s, bay.comers.petrol_stay_s.value)
        if petrol_stay_s > 0.0:
            yield from self._stand(bay, session, petrol_stay_s)
            return True
        yield kernel.timeout(PLUG_S)
        outlet = bay.ready_evse()
        if outlet is None:  # it has failed, or went to the next bay's car, while the plug was brought
            session.bay = ""
            detour = self._blocked(bay, session)
            bay.free(session.id)
            yield detour
            return False
        evse, session.pile, session.connector = outlet
        yield from self._charge(bay, evse, session, arrival)
        session.left_s = kernel.now
        bay.free(session.id)
        return True

    def _blocked(self, bay: Bay[Evse], session: Session) -> simpy.Event:
        self._kernel.emit("bay.blocked", bay.path, {"session": session.id})
        return self._kernel.timeout(self._yard.config.detour_s)

    def _charge(
        self, bay: Bay[Evse], evse: Evse, session: Session, arrival: Arrival
    ) -> Generator[simpy.Event, Any, None]:
        kernel, habits = self._kernel, arrival.habits
        bms = self._bms(bay, evse, session, arrival)
        overstay_s = max(habits.overstay_s, bay.comers.overstay_s.value)
        pulls_after_s = bay.comers.pulls_after_s.value
        now = session.plugged_s = kernel.now
        session.outcome = "charging"
        ended = kernel.event()
        begin_bill = partial(self._billing.open, session.id, evse.energy_kwh)
        evse.plug(bms, session.id, lambda reason: _told(ended, reason), begin_bill)
        self.on_vehicle()
        self.on_session(session)
        if habits.stay_s is not None:
            leaves_s = max(now, session.arrived_s + habits.stay_s - UNPLUG_S)
            evse.departs_s = leaves_s
            kernel.at(SimTime(leaves_s), lambda: _break_off(evse, session.id))
        if habits.hot_unplug_share < 1.0:
            kernel.at(SimTime(now + habits.hot_unplug_share * PULL_WITHIN_S), lambda: _pull(evse, session.id))
        if pulls_after_s < inf:
            kernel.at(SimTime(now + pulls_after_s), lambda: _pull(evse, session.id))
        evse.present(f"TAG-{session.vehicle}")
        session.stop_reason = yield ended
        bill = self._close(session, evse, bms)
        yield kernel.timeout(UNPLUG_S + overstay_s)
        if evse.lock.holds_plug:  # nobody leaves before somebody frees it
            freed = kernel.event()
            evse.lock.on_freed = freed.succeed
            yield freed
        evse.unplug()
        if bill is not None:
            session.cost_cny = self._billing.occupancy(bill, session.stopped_s or kernel.now, kernel.now).total_cny

    def settle(self, session: Session, evse: Evse) -> None:
        """What a charge that still runs amounts to now."""
        if evse.session == session.id and evse.is_charging and evse.bms is not None:
            now = self._kernel.now
            session.started_s, session.power_max_kw = evse.started_s, evse.peak_kw
            session.energy_true_kwh, session.energy_registered_kwh = evse.delivered_kwh(now)
            session.soc_out_pct = 100.0 * evse.bms.soc.at(now)

    def _close(self, session: Session, evse: Evse, bms: Bms) -> Bill | None:
        now = self._kernel.now
        session.stopped_s = now
        evse.departs_s = None
        session.started_s = evse.started_s
        if evse.started_s is not None:
            session.energy_true_kwh, session.energy_registered_kwh = evse.delivered_kwh(now)
            session.power_max_kw = evse.peak_kw
        session.soc_out_pct = 100.0 * bms.soc.at(now)
        is_charged = session.stop_reason in _GOOD_ENDS and evse.started_s is not None
        session.outcome = "charged" if is_charged else "failed"
        if evse.started_s is None:
            return None
        bill = self._billing.close(session.id, now)
        session.cost_cny = bill.total_cny
        return bill

    def _stand(self, bay: Bay[Evse], session: Session, stay_s: float) -> Generator[simpy.Event, Any, None]:
        """A petrol car takes the bay (clause 13.8: attendants are there to ask it to leave)."""
        self._kernel.emit("bay.misused", bay.path, {"session": session.id}, clause="13.8")
        yield self._kernel.timeout(stay_s)
        session.left_s = self._kernel.now
        session.outcome = "petrol"
        bay.free(session.id)

    def _bms(self, bay: Bay[Evse], evse: Evse, session: Session, arrival: Arrival) -> Bms:
        model, habits = arrival.model, arrival.habits
        now, microclimate = self._kernel.now, self._microclimate
        ambient_c = microclimate.air_c(bay.config.roof).at(now)
        power_kw = model.dc_max_kw if evse.model.kind == "dc" else model.ac_max_kw
        target_pct = arrival.soc_target_pct
        if habits.early_share < 1.0:
            target_pct = arrival.soc_in_pct + habits.early_share * (target_pct - arrival.soc_in_pct)
        cooling_kw = max(habits.cooling_kw, bay.comers.cooling_kw.value)
        pack, acceptance = _pack(model, power_kw), ACCEPTANCE_MAPS[model.acceptance]
        path, soc_in_pct = f"{bay.path}.vehicle.bms", arrival.soc_in_pct
        waited_s = session.bay_s - session.arrived_s if session.bay_s is not None else 0.0
        soaked_k = habits.soaked_k * self._weather.sun_w_m2.at(now) / 1_000.0
        temp_c = self._weather.air_temp_c.at(now) + DRIVING_WARMTH_K
        temp_c += microclimate.soaked_k(now, soaked_k, waited_s)
        temp_c = max(temp_c, bay.soaked_c.value)
        if self._has_pack_heat:
            return CellBms(
                self._kernel, path, pack, acceptance, soc_in_pct, target_pct, temp_c, ambient_c,
                auxiliary_kw=cooling_kw, soc=evse.vehicle_soc, cell_temp_c=evse.vehicle_temp_c,
                heat_kw=evse.vehicle_heat_kw,
            )  # fmt: skip
        return IsothermalBms(
            self._kernel, path, pack, acceptance, soc_in_pct, target_pct, temp_c, ambient_c,
            auxiliary_kw=cooling_kw, soc=evse.vehicle_soc, cell_temp_c=evse.vehicle_temp_c,
        )  # fmt: skip


@lru_cache(maxsize=256)
def _pack(model: VehicleModel, power_kw: float) -> Pack:
    """The vehicles of one model share what is worked out once."""
    return Pack(model.capacity_kwh, power_kw, model.chemistry, model.platform_v, model.pack)


def _told(ended: simpy.Event, reason: str) -> None:
    ended.succeed(reason)


def _pull(evse: Evse, session: str) -> None:
    if evse.session == session:
        evse.pull()


def _break_off(evse: Evse, session: str) -> None:
    if evse.session == session:
        evse.give_up()
