"""An EVSE as the OCPP engine sees it: its meter, what may be asked of it, and the protocol's words for its states."""

from __future__ import annotations

from typing import Final

from hil.ocpp.meter_values import Sample
from sim.units import SimTime
from twins.supply import AC_PHASE_V, EvseState, Supply, phases_of

__all__ = ["EvseConnector", "error_code_of", "reason_of", "status_of"]

_STATUS: Final = {
    EvseState.AVAILABLE: "Available",
    EvseState.PREPARING: "Preparing",
    EvseState.CHARGING: "Charging",
    EvseState.FINISHING: "Finishing",
    EvseState.UNAVAILABLE: "Unavailable",
    EvseState.FAULTED: "Faulted",
}
_REASON: Final = {
    "driver": "Local",
    "remote": "Remote",
    "deauthorised": "DeAuthorized",
    "reset_soft": "SoftReset",
    "reset_hard": "HardReset",
    "unlock": "UnlockCommand",
    "power_lost": "PowerLoss",
}
_ERROR_CODE: Final = {
    "contactor_welded": "PowerSwitchFailure",
    "contactor_open": "PowerSwitchFailure",
    "bms_timeout": "EVCommunicationError",
    "undervoltage": "UnderVoltage",
    "pile_failed": "InternalError",
    "high_temperature": "HighTemperature",
    "connector_hot": "HighTemperature",
    "connector_derated": "HighTemperature",
    "connector_overtemperature": "HighTemperature",
    "coolant_hot": "HighTemperature",
    "pile_derated": "HighTemperature",
    "coolant_flow_lost": "InternalError",
    "lock_failed": "ConnectorLockFailure",
    "insulation_low": "GroundFailure",
    "ground_lost": "GroundFailure",
    "residual_current": "GroundFailure",
    "precharge_failed": "InternalError",
}


def status_of(state: str) -> str:
    """The ChargePointStatus of an EVSE's state."""
    return _STATUS[EvseState(state)]


def reason_of(reason: str) -> str:
    """The Reason of a StopTransaction; Other for all that OCPP has no word for (target reached, BMS silent)."""
    return _REASON.get(reason, "Other")


def error_code_of(alarm: str) -> str:
    """The ChargePointErrorCode of an alarm, NoError without one."""
    return _ERROR_CODE.get(alarm, "OtherError") if alarm else "NoError"


class EvseConnector:
    """The twin of one EVSE behind the engine's `Connector`."""

    def __init__(self, evse: Supply) -> None:
        """Reads and asks; keeps nothing."""
        self.evse = evse

    def sample(self, now: float) -> Sample:
        """What its meter shows: the register and the power with the meter's error."""
        evse, t = self.evse, SimTime(now)
        power_w = evse.power_kw.at(t) * evse.meter_factor * 1000.0
        soc, temp_c = evse.vehicle_at(t)
        return Sample(
            energy_wh=evse.energy_kwh(t) * 1000.0,
            power_w=power_w,
            current_a=evse.current_a(t) * evse.meter_factor,
            voltage_v=evse.voltage_v(t),
            soc_pct=soc * 100.0 if soc is not None else None,
            temp_c=temp_c,
            phases=phases_of(evse.model),
        )

    def start(self, id_tag: str, now: float) -> bool:
        """Charge whoever is plugged in, or plugs in soon, for this identifier."""
        return self.evse.start(id_tag)

    def stop(self, now: float) -> bool:
        """End the charge."""
        return self.evse.stop("remote")

    def set_available(self, is_available: bool, now: float) -> str:
        """Take the EVSE out of service or back."""
        return "Accepted" if self.evse.set_in_service(is_available) else "Scheduled"

    @property
    def most_w(self) -> float:
        """What the outlet can give."""
        return self.evse.model.evse_max_kw * 1000.0

    def watts_per_a(self, phases: int) -> float | None:
        """Of AC by the phases that the outlet has; DC is limited in W."""
        model = self.evse.model
        return AC_PHASE_V * min(phases, phases_of(model)) if model.kind == "ac" else None

    def limit(self, limit_w: float | None, now: float) -> None:
        """Hold the outlet to the profiles."""
        self.evse.command("ocpp", None if limit_w is None else limit_w / 1000.0)

    def unlock(self, now: float) -> str:
        """Free the plug; a charge ends first."""
        return "Unlocked" if self.evse.unlock() else "UnlockFailed"
