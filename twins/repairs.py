"""What has locked out is mended: a technician is called, tries a reset, repairs (clauses 9.4.1 and 12).

A device serves again only after that, when its own test succeeds (`Evse`). Where the station has no technician, an
outside firm takes the same mean time. A station file with neither `staff` nor `reliability` mends nothing: there a
fault lasts until whoever injected it clears it.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from typing import Any, Final

import simpy

from sim.events import Event
from sim.faults import FaultBoard, Knob
from sim.kernel import Kernel
from sim.units import SECONDS_PER_HOUR
from twins.cooled_contact import CooledContact
from twins.dc_evse import DcEvse
from twins.evse import Evse
from twins.pile import Pile
from twins.reliability import ReliabilityConfig
from twins.staff import Call, Staff

__all__ = ["Repairs"]

_TECHNICIAN: Final = "technician"


def _broken(alarm: str, pile: Pile, evse: Evse) -> tuple[bool, Knob[Any] | None]:
    """(whether it is the whole pile's, what leans where that alarm is raised); None: nobody is called for it."""
    cabinet, contact = pile.cabinet, evse.contact
    if alarm in ("contactor_welded", "contactor_open"):
        return False, evse.contactor_closed
    if alarm == "lock_failed":
        return False, evse.lock.jam
    if isinstance(evse, DcEvse) and alarm in ("insulation_low", "precharge_failed"):
        return False, evse.insulation_kohm if alarm == "insulation_low" else evse.precharges
    if alarm == "pile_failed":
        return True, pile.is_down
    if alarm == "connector_overtemperature" and contact is not None:
        return False, contact.resistance_uohm
    if alarm == "coolant_flow_lost" and isinstance(contact, CooledContact):
        return False, contact.pump_runs
    if alarm == "high_temperature" and cabinet is not None:
        return True, cabinet.fan
    if alarm == "inlet_sensor_broken" and cabinet is not None:
        return True, cabinet.inlet_temp_c.is_broken
    knob = pile.guard.behind(alarm)
    return knob is not None, knob


class Defect:
    """What is wrong with a pile or one of its EVSEs: whatever leans on `knob`. `over` comes when nothing does."""

    __slots__ = ("call", "evse", "is_reset", "is_resettable", "knob", "over", "path", "pile")

    def __init__(self, kernel: Kernel, pile: Pile, evse: Evse | None, knob: Knob[Any]) -> None:
        """Of the whole pile (`evse` None) or of an EVSE; only a pile that is down may be mended by a reset.

        `is_reset`: one from afar has been tried, in vain.
        """
        self.path = evse.path if evse is not None else pile.path
        self.pile = pile
        self.evse = evse
        self.knob = knob
        self.is_resettable = knob is pile.is_down
        self.is_reset = False
        self.over = kernel.event()
        self.call: Call | None = None


class Repairs:
    """Hears of alarms and sees to it that what raised them is mended.

    The reset is tried first. What it does not mend takes an exponential time, whose mean makes up `pile_mttr_h`
    together with the way, the reset and the share that needs no repair.
    """

    def __init__(
        self,
        kernel: Kernel,
        config: ReliabilityConfig | None,
        staff: Staff,
        piles: Sequence[Pile],
        faults: FaultBoard,
    ) -> None:
        """`config` None with people in `staff`: its defaults say how long they take."""
        self._kernel = kernel
        self._staff = staff
        self._faults = faults
        self._is_mending = config is not None or bool(staff.members)
        self._config = config or ReliabilityConfig()
        self._places = {evse.path: (pile, evse) for pile in piles for evse in pile.evses if isinstance(evse, Evse)}
        self._open: dict[str, Defect] = {}
        kernel.subscribe(self._alarmed, "alarm.raised")
        kernel.subscribe(self._cleared, "fault.cleared")

    def reset(self, evse: Evse) -> bool:
        """A reset from afar, once a failure: whether it has mended the pile; with the chance that one on site has.

        What has tripped and is over is set back at once.
        """
        if self._places[evse.path][0].guard.reset():
            return True
        defect = next((one for one in self._open.values() if evse in one.pile.evses and one.is_resettable), None)
        if defect is None or not self._is_mending or defect.is_reset:
            return False
        defect.is_reset = True
        is_mended = self._draws_below(defect, self._config.reset_share)
        reset = self._kernel.emit("pile.reset", defect.path, {"is_mended": is_mended}, clause="9.4.1")
        if is_mended:
            self._mend(defect, reset.seq)
        return is_mended

    def _draws_below(self, defect: Defect, share: float) -> bool:
        return float(self._kernel.streams[f"{defect.pile.path}.repairs"].random()) < share

    def _alarmed(self, event: Event) -> None:
        pile, evse = self._places.get(event.subject, (None, None))
        alarm = event.data["alarm"]
        if pile is None or evse is None:
            return
        is_piles, knob = _broken(str(alarm), pile, evse)
        if knob is None:
            return
        defect = Defect(self._kernel, pile, None if is_piles else evse, knob)
        if defect.path in self._open or not self._faults.leaning_on(defect.knob):
            return
        self._open[defect.path] = defect
        if not self._is_mending:
            return
        if self._staff.has(_TECHNICIAN):
            job = partial(self._work, defect)
            defect.call = Call(_TECHNICIAN, pile.config.place, defect.path, job, cause=event.seq, clause="12")
            self._staff.dispatch(defect.call)
        else:
            self._kernel.process(self._by_firm(defect))

    def _cleared(self, _event: Event) -> None:
        for path, defect in list(self._open.items()):
            if self._faults.leaning_on(defect.knob):
                continue
            del self._open[path]
            defect.over.succeed()
            if defect.call is not None:
                self._staff.withdraw(defect.call)
            if defect.evse is not None:  # a contactor that stuck where it now belongs tells nobody
                self._kernel.touch(defect.evse)

    def _work(self, defect: Defect, way_s: float, arrived: int) -> Generator[simpy.Event, Any, str]:
        """What the technician does at the pile; whoever else mends it meanwhile spares him the rest."""
        kernel, config = self._kernel, self._config
        share = config.reset_share if defect.is_resettable else 0.0
        if defect.over.triggered:
            return "sound"
        yield kernel.timeout(config.reset_s) | defect.over
        if not defect.over.triggered:
            is_mended = not defect.is_reset and self._draws_below(defect, share)
            data = {"is_mended": is_mended}
            reset = kernel.emit("pile.reset", defect.path, data, cause=arrived, clause="9.4.1")
            if is_mended:
                self._mend(defect, reset.seq)
                return "reset"
            rest_s = config.pile_mttr_h * SECONDS_PER_HOUR - config.reset_s - way_s
            yield self._repair(defect, max(0.0, rest_s) / (1.0 - share), self._staff.spares_s.value)
        if defect.over.triggered:
            return "sound"
        self._mend(defect, arrived)
        return "repaired"

    def _by_firm(self, defect: Defect) -> Generator[simpy.Event, Any, None]:
        yield self._repair(defect, self._config.pile_mttr_h * SECONDS_PER_HOUR)
        if not defect.over.triggered:
            self._mend(defect)

    def _repair(self, defect: Defect, mean_s: float, spares_s: float = 0.0) -> simpy.Event:
        repair_s = float(self._kernel.streams[f"{defect.pile.path}.repairs"].exponential(mean_s))
        return self._kernel.timeout(spares_s + repair_s) | defect.over

    def _mend(self, defect: Defect, cause: int | None = None) -> None:
        for fault in self._faults.leaning_on(defect.knob):
            self._faults.clear(fault, cause)
        defect.pile.guard.reset()
