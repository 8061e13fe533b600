"""What an EVSE's controller shows: its meter, the step of its start sequence, its contactors, what its vehicle asks.

Energies, powers and currents are the meter's, with its error. What a pile does not know is `nan`: the vehicle's charge
before it has told it, the temperature of contacts whose heat is not followed. A real device in an EVSE's place shows
what it reports; of its sequence and contactors nothing is known but whether it charges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum
from math import nan
from typing import Final
from zlib import crc32

from sim.gauges import Gauge
from sim.units import SECONDS_PER_HOUR, SimTime
from twins.evse import PARAMETERS_FROM, Evse
from twins.lock import LockState
from twins.supply import AC_PHASE_V, EvseState, Supply, phases_of

__all__ = ["ALARMS", "Pilot", "Step", "evse_gauges", "is_plugged", "pilot_of", "serial_of", "step_of"]

_SECONDS_PER_MINUTE: Final = SECONDS_PER_HOUR / 60.0

ALARMS: Final = (
    "connector_derated", "connector_hot", "connector_overtemperature", "coolant_flow_lost", "coolant_hot", "door_open",
    "emergency_stop", "ground_lost", "high_temperature", "inlet_sensor_broken", "insulation_low", "lock_failed",
    "pile_failed", "precharge_failed", "residual_current", "tilted", "undervoltage", "water_inside",
)  # fmt: skip
"""What an EVSE may raise; it shows what it is locked out for until it serves again."""

_OF_PILE: Final = (
    "door_open", "ground_lost", "high_temperature", "inlet_sensor_broken", "pile_failed",
    "residual_current", "tilted", "water_inside",
)  # fmt: skip

MATED_V, OPEN_V = 4.0, 6.0
"""Of a DC connector's first detection point, mated and not (GB/T 18487.1, annex B: 12 V over dividers of 1 kohm)."""

Reader = Callable[[SimTime], float]


class Step(IntEnum):
    """Where a DC outlet is, as the sheet of registers counts it."""

    AVAILABLE = 0
    PLUGGED = 1
    HANDSHAKE = 2
    PARAMETERS = 3
    INSULATION_TEST = 4
    PRECHARGE = 5
    CHARGING = 6
    ENDING = 7
    FINISHED = 8
    FAULTED = 9
    UNAVAILABLE = 10


class Pilot(IntEnum):
    """States of an AC outlet's control pilot (IEC 61851-1): B1 and C1 without an offer, B2 and C2 with one."""

    A = 0
    B1 = 1
    B2 = 2
    C1 = 3
    C2 = 4
    F = 5


_STEPS: Final = {
    EvseState.AVAILABLE: Step.AVAILABLE,
    EvseState.PREPARING: Step.PLUGGED,
    EvseState.CHARGING: Step.CHARGING,
    EvseState.FINISHING: Step.FINISHED,
    EvseState.FAULTED: Step.FAULTED,
    EvseState.UNAVAILABLE: Step.UNAVAILABLE,
}
_PLUGGED: Final = (EvseState.PREPARING, EvseState.CHARGING, EvseState.FINISHING)


def step_of(outlet: Supply, t: SimTime) -> Step:
    """The step that a DC outlet is in; the first half of its handshake agrees on versions, the second on parameters."""
    if not (isinstance(outlet, Evse) and outlet.is_starting):
        return _STEPS[outlet.state.value]
    model, since_s = outlet.model, t - outlet.lock.since
    if since_s < model.handshake_s:
        return Step.HANDSHAKE if since_s < PARAMETERS_FROM * model.handshake_s else Step.PARAMETERS
    return Step.INSULATION_TEST if since_s < model.handshake_s + model.insulation_test_s else Step.PRECHARGE


def pilot_of(outlet: Supply) -> Pilot:
    """The letter of an AC outlet."""
    if outlet.state.value in (EvseState.FAULTED, EvseState.UNAVAILABLE):
        return Pilot.F
    if not is_plugged(outlet):
        return Pilot.A
    if outlet.is_charging:
        return Pilot.C2 if min(outlet.granted_kw, outlet.cap_kw) > 0.0 else Pilot.C1
    return Pilot.B2 if outlet.is_starting and outlet.ceiling_kw > 0.0 else Pilot.B1


def is_plugged(outlet: Supply) -> bool:
    """Whether a vehicle is at it."""
    return outlet.state.value in _PLUGGED or (isinstance(outlet, Evse) and outlet.bms is not None)


def evse_gauges(outlet: Supply) -> Iterator[Gauge]:
    """Every gauge of one outlet, by paths such as `pile[A01].connector[1].current_a`."""
    serial = serial_of(outlet.path)
    readers: dict[str, tuple[str, Reader]] = {
        "metered_kw": ("kW", lambda t: outlet.power_kw.at(t) * outlet.meter_factor),
        "current_a": ("A", lambda t: outlet.current_a(t) * outlet.meter_factor),
        "voltage_v": ("V", outlet.voltage_v),
        "energy_kwh": ("kWh", outlet.energy_kwh),
        "session_kwh": ("kWh", lambda t: outlet.delivered_kwh(t)[1] if outlet.started_s is not None else 0.0),
        "charging_s": ("s", lambda t: _charging_s(outlet, t)),
        "charging_min": ("min", lambda t: float(int(_charging_s(outlet, t) / _SECONDS_PER_MINUTE))),
        "serial": ("1", lambda _t: serial),
        "allowed_kw": ("kW", lambda _t: outlet.ceiling_kw),
        "is_enabled": ("1", lambda _t: float(outlet.ceiling_kw > 0.0)),
        "is_plugged": ("1", lambda _t: float(is_plugged(outlet))),
        "is_locked": ("1", lambda _t: float(_is_locked(outlet))),
        "is_starting": ("1", lambda _t: float(outlet.is_starting)),
        "has_contactor_closed": ("1", lambda _t: float(_is_closed(outlet))),
        "contactor_welded": ("1", lambda _t: float(_is_welded(outlet))),
        "contactor_open": ("1", lambda _t: float(_stays_open(outlet))),
        "has_contactor_fault": ("1", lambda _t: float(_is_welded(outlet) or _stays_open(outlet))),
        "has_pile_fault": ("1", lambda _t: float(_has_pile_fault(outlet))),
    }
    readers |= {alarm: ("1", _alarm(outlet, alarm)) for alarm in ALARMS}
    readers |= _ac_readers(outlet) if outlet.model.kind == "ac" else _dc_readers(outlet)
    for name, (unit, read) in readers.items():
        yield Gauge(f"{outlet.path}.{name}", unit, read)


def _dc_readers(outlet: Supply) -> dict[str, tuple[str, Reader]]:
    own = outlet if isinstance(outlet, Evse) else None
    return {
        "step": ("1", lambda t: float(step_of(outlet, t))),
        "cc1_v": ("V", lambda _t: MATED_V if is_plugged(outlet) else OPEN_V),
        "demand_v": ("V", lambda _t: _demand_v(own) if own is not None else nan),
        "demand_a": ("A", lambda t: _demand_a(own, t) if own is not None else nan),
        "soc_pct": ("%", lambda t: _soc_pct(outlet, t)),
        "bms_silent": ("1", lambda _t: float(own is not None and own.bms is not None and own.bms.is_silent)),
        "contact_c": (
            "C",
            lambda t: own.contact.sensor_c.at(t) if own is not None and own.contact is not None else nan,
        ),
        "has_supply": ("1", lambda _t: float(outlet.is_starting or outlet.is_charging)),
        "has_vehicle_closed": ("1", lambda _t: float(outlet.is_charging)),
    }


def _ac_readers(outlet: Supply) -> dict[str, tuple[str, Reader]]:
    phases = phases_of(outlet.model)
    a_per_kw = 1_000.0 / (phases * AC_PHASE_V)
    found: dict[str, tuple[str, Reader]] = {
        "pilot": ("1", lambda _t: float(pilot_of(outlet))),
        "phases": ("1", lambda _t: float(phases)),
        "rated_a": ("A", lambda _t: outlet.model.evse_max_kw * a_per_kw),
        "allowed_a": ("A", lambda _t: outlet.ceiling_kw * a_per_kw),
        "fail_safe_s": ("s", lambda _t: outlet.fail_safe.timeout_s if outlet.fail_safe is not None else 0.0),
        "fail_safe_a": ("A", lambda _t: outlet.fail_safe.limit_a if outlet.fail_safe is not None else 0.0),
        "cable": ("1", lambda _t: float(is_plugged(outlet)) + float(is_plugged(outlet) and _is_locked(outlet))),
    }
    for phase in (1, 2, 3):
        is_there = phase <= phases
        found[f"current_l{phase}_a"] = (
            "A", _of_phase(is_there, lambda t: outlet.current_a(t) * outlet.meter_factor)
        )  # fmt: skip
        found[f"voltage_l{phase}_v"] = ("V", _of_phase(is_there, outlet.voltage_v))
    return found


def serial_of(path: str) -> float:
    """A serial number of eight digits for what stands at a path: the same in every run."""
    return float(crc32(path.encode()) % 10**8)


def _is_locked(outlet: Supply) -> bool:
    return outlet.lock.value is LockState.LOCKED if isinstance(outlet, Evse) else outlet.is_charging


def _is_closed(outlet: Supply) -> bool:
    return outlet.contactor_closed.value if isinstance(outlet, Evse) else outlet.is_charging


def _is_welded(outlet: Supply) -> bool:
    """Whether it is locked out and live: its contactor does not open."""
    return isinstance(outlet, Evse) and outlet.state.value is EvseState.FAULTED and outlet.contactor_closed.value


def _stays_open(outlet: Supply) -> bool:
    """Whether it is locked out and would not close its contactor."""
    is_faulted = outlet.state.value is EvseState.FAULTED
    return isinstance(outlet, Evse) and is_faulted and not outlet.contactor_closed.preview(True)


def _of_phase(is_there: bool, read: Reader) -> Reader:
    return read if is_there else lambda _t: 0.0


def _alarm(outlet: Supply, alarm: str) -> Reader:
    return lambda _t: float(alarm in outlet.alarms or alarm == outlet.locked_by)


def _has_pile_fault(outlet: Supply) -> bool:
    return not outlet.alarms.isdisjoint(_OF_PILE) or outlet.locked_by in _OF_PILE or "fan_failed" in outlet.remarks


def _charging_s(outlet: Supply, t: SimTime) -> float:
    """How long the present charge has lasted, or the last of the vehicle that still stands there."""
    if outlet.started_s is None or not is_plugged(outlet):
        return 0.0
    return (t if outlet.is_charging else outlet.state.since) - outlet.started_s


def _demand_v(evse: Evse) -> float:
    """The highest voltage that the BMS lets it charge to; 0 unless it charges."""
    bms = evse.bms
    return bms.pack.series * bms.pack.max_v if bms is not None and evse.is_charging and not bms.is_silent else 0.0


def _demand_a(evse: Evse, t: SimTime) -> float:
    """The current that the BMS asks for; 0 unless it charges."""
    bms = evse.bms
    if bms is None or not evse.is_charging or bms.is_silent:
        return 0.0
    return 1_000.0 * bms.wish_kw(t) / bms.voltage_v(t)


def _soc_pct(outlet: Supply, t: SimTime) -> float:
    """The vehicle's charge, once it has told it with its parameters."""
    soc, _ = outlet.vehicle_at(t)
    return 100.0 * soc if soc is not None else nan
