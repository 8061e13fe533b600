"""What an EVSE's controller shows: its meter, the step of its start sequence, its contactors, what its vehicle asks.

Energies, powers and currents are the meter's, with its error. What a pile does not know is `nan`: the vehicle's charge
before it has told it, the temperature of contacts whose heat is not followed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum
from math import nan
from typing import Final
from zlib import crc32

from sim.gauges import Gauge
from sim.units import SECONDS_PER_HOUR, SimTime
from twins.evse import AC_PHASE_V, Evse, EvseState, LockState, phases_of

__all__ = ["ALARMS", "Pilot", "Step", "evse_gauges", "pilot_of", "serial_of", "step_of"]

_SECONDS_PER_MINUTE: Final = SECONDS_PER_HOUR / 60.0

ALARMS: Final = (
    "connector_derated", "connector_hot", "connector_overtemperature", "coolant_flow_lost",
    "coolant_hot", "emergency_stop", "high_temperature", "inlet_sensor_broken", "pile_failed", "undervoltage",
)  # fmt: skip
"""What an EVSE may raise, and goes on raising while it lasts."""

_OF_PILE: Final = ("high_temperature", "inlet_sensor_broken", "pile_failed")

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


def step_of(evse: Evse, t: SimTime) -> Step:
    """The step that a DC outlet is in; the first half of its handshake agrees on versions, the second on parameters."""
    if not evse.is_starting:
        return _STEPS[evse.state.value]
    model, since_s = evse.model, t - evse.lock.since
    if since_s < model.handshake_s:
        return Step.HANDSHAKE if since_s < 0.5 * model.handshake_s else Step.PARAMETERS
    return Step.INSULATION_TEST if since_s < model.handshake_s + model.insulation_test_s else Step.PRECHARGE


def pilot_of(evse: Evse, t: SimTime) -> Pilot:
    """The letter of an AC outlet."""
    state = evse.state.value
    if state in (EvseState.FAULTED, EvseState.UNAVAILABLE):
        return Pilot.F
    if evse.bms is None:
        return Pilot.A
    if evse.is_charging:
        return Pilot.C2 if min(evse.granted_kw, evse.cap_kw) > 0.0 else Pilot.C1
    return Pilot.B2 if evse.is_starting and evse.ceiling_kw > 0.0 else Pilot.B1


def evse_gauges(evse: Evse) -> Iterator[Gauge]:
    """Every gauge of one EVSE, by paths such as `pile[A01].connector[1].current_a`."""
    serial = serial_of(evse.path)
    readers: dict[str, tuple[str, Reader]] = {
        "metered_kw": ("kW", lambda t: evse.power_kw.at(t) * evse.meter_factor),
        "current_a": ("A", lambda t: evse.current_a(t) * evse.meter_factor),
        "voltage_v": ("V", evse.voltage_v),
        "energy_kwh": ("kWh", evse.energy_kwh),
        "session_kwh": ("kWh", lambda t: evse.delivered_kwh(t)[1] if evse.started_s is not None else 0.0),
        "charging_s": ("s", lambda t: _charging_s(evse, t)),
        "charging_min": ("min", lambda t: float(int(_charging_s(evse, t) / _SECONDS_PER_MINUTE))),
        "serial": ("1", lambda _t: serial),
        "allowed_kw": ("kW", lambda _t: evse.ceiling_kw),
        "is_enabled": ("1", lambda _t: float(evse.ceiling_kw > 0.0)),
        "is_plugged": ("1", lambda _t: float(evse.bms is not None)),
        "is_locked": ("1", lambda _t: float(evse.lock.value is LockState.LOCKED)),
        "is_starting": ("1", lambda _t: float(evse.is_starting)),
        "has_contactor_closed": ("1", lambda _t: float(evse.contactor_closed.value)),
        "contactor_welded": ("1", lambda _t: float(_is_welded(evse))),
        "contactor_open": ("1", lambda _t: float(_stays_open(evse))),
        "has_contactor_fault": ("1", lambda _t: float(_is_welded(evse) or _stays_open(evse))),
        "has_pile_fault": ("1", lambda _t: float(not evse.alarms.isdisjoint(_OF_PILE))),
    }
    readers |= {alarm: ("1", _alarm(evse, alarm)) for alarm in ALARMS}
    readers |= _ac_readers(evse) if evse.model.kind == "ac" else _dc_readers(evse)
    for name, (unit, read) in readers.items():
        yield Gauge(f"{evse.path}.{name}", unit, read)


def _dc_readers(evse: Evse) -> dict[str, tuple[str, Reader]]:
    return {
        "step": ("1", lambda t: float(step_of(evse, t))),
        "cc1_v": ("V", lambda _t: MATED_V if evse.bms is not None else OPEN_V),
        "demand_v": ("V", lambda t: _demand_v(evse)),
        "demand_a": ("A", lambda t: _demand_a(evse, t)),
        "soc_pct": ("%", lambda t: _soc_pct(evse, t)),
        "bms_silent": ("1", lambda _t: float(evse.bms is not None and evse.bms.is_silent)),
        "contact_c": ("C", lambda t: evse.contact.sensor_c.at(t) if evse.contact is not None else nan),
        "has_supply": ("1", lambda _t: float(evse.is_starting or evse.is_charging)),
        "has_vehicle_closed": ("1", lambda _t: float(evse.is_charging)),
    }


def _ac_readers(evse: Evse) -> dict[str, tuple[str, Reader]]:
    phases = phases_of(evse.model)
    a_per_kw = 1_000.0 / (phases * AC_PHASE_V)
    found: dict[str, tuple[str, Reader]] = {
        "pilot": ("1", lambda t: float(pilot_of(evse, t))),
        "phases": ("1", lambda _t: float(phases)),
        "rated_a": ("A", lambda _t: evse.model.evse_max_kw * a_per_kw),
        "allowed_a": ("A", lambda _t: evse.ceiling_kw * a_per_kw),
        "cable": ("1", lambda _t: float(evse.bms is not None) + float(evse.lock.value is LockState.LOCKED)),
    }
    for phase in (1, 2, 3):
        found[f"current_l{phase}_a"] = (
            "A",
            _of_phase(phase <= phases, lambda t: evse.current_a(t) * evse.meter_factor),
        )
        found[f"voltage_l{phase}_v"] = ("V", _of_phase(phase <= phases, evse.voltage_v))
    return found


def serial_of(path: str) -> float:
    """A serial number of eight digits for what stands at a path: the same in every run."""
    return float(crc32(path.encode()) % 10**8)


def _is_welded(evse: Evse) -> bool:
    """Whether it is locked out and live: its contactor does not open."""
    return evse.state.value is EvseState.FAULTED and evse.contactor_closed.value


def _stays_open(evse: Evse) -> bool:
    """Whether it is locked out and would not close its contactor."""
    return evse.state.value is EvseState.FAULTED and not evse.contactor_closed.preview(True)


def _of_phase(is_there: bool, read: Reader) -> Reader:
    return read if is_there else lambda _t: 0.0


def _alarm(evse: Evse, alarm: str) -> Reader:
    return lambda _t: float(alarm in evse.alarms)


def _charging_s(evse: Evse, t: SimTime) -> float:
    """How long the present charge has lasted, or the last of the vehicle that still stands there."""
    if evse.started_s is None or evse.bms is None:
        return 0.0
    return (t if evse.is_charging else evse.state.since) - evse.started_s


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


def _soc_pct(evse: Evse, t: SimTime) -> float:
    """The vehicle's charge, once it has told it with its parameters."""
    bms = evse.bms
    is_known = evse.started_s is not None or (evse.is_starting and step_of(evse, t) >= Step.PARAMETERS)
    return 100.0 * bms.soc.at(t) if bms is not None and is_known and not bms.is_silent else nan
