"""The twin beside a device that leads: what a simulated vehicle would draw under the same grants, and the gap between.

The gap is what the model does not know: the real battery, its temperature, the charger's regulation.
"""

from __future__ import annotations

from sim.kernel import Kernel, Rank, Twin
from sim.signals import Signal
from sim.sums import Sum
from sim.units import FOREVER, SECONDS_PER_HOUR, SimTime
from twins.acceptance import ACCEPTANCE_MAPS
from twins.device_evse import DeviceEvse
from twins.isothermal_bms import IsothermalBms
from twins.pack import Pack
from twins.vehicle import VehicleModel

__all__ = ["Shadow"]

SOC_PCT = 30.0
"""What the vehicle comes with where the device does not say (ours)."""
TARGET_PCT = 100.0


class Shadow(Twin):
    """Signals `twin_kw` (what the vehicle of the model draws) and `gap_kw` (the device's power less that)."""

    rank = Rank.VEHICLE

    def __init__(self, kernel: Kernel, device: DeviceEvse, model: VehicleModel, air_c: Signal) -> None:
        """`model` is plugged in whenever the device charges; its cells have the air's temperature."""
        self._kernel = kernel
        self._device = device
        self._model = model
        self._air_c = air_c
        self.path = f"{device.path}.twin"
        self.twin_kw = Signal(f"{device.path}.twin_kw", "kW")
        self.gap_kw = Sum(f"{device.path}.gap_kw", "kW", [device.power_kw, Sum("", "kW", [self.twin_kw], scale=-1.0)])
        kernel.add(self.twin_kw, self.gap_kw)
        self._bms: IsothermalBms | None = None
        for told in (device.state, device.power_kw, device.limit_kw):
            told.watch(lambda: kernel.touch(self))

    def energy_kwh(self, now: SimTime) -> float:
        """What it would have drawn since the run began."""
        return self.twin_kw.total_at(now) / SECONDS_PER_HOUR

    def plan(self, now: SimTime) -> SimTime:
        """Follow the device's charge: it begins with the first power that is reported."""
        device = self._device
        if not device.is_charging:
            if self._bms is not None:
                self._bms.rest(now)
                self._bms = None
                self.twin_kw.set(now, 0.0)
            return FOREVER
        if self._bms is None:
            if device.power_kw.at(now) <= 0.0:
                return FOREVER
            self._bms = self._plugged()
        ends = self._bms.draw(now, min(device.granted_kw, device.cap_kw), self.twin_kw)
        if ends <= now:
            self.twin_kw.set(now, 0.0)
            return FOREVER
        return ends

    def _plugged(self) -> IsothermalBms:
        model, now = self._model, self._kernel.now
        power_kw = model.dc_max_kw if self._device.model.kind == "dc" else model.ac_max_kw
        soc = self._device.meter.value("soc")
        soc_pct = SOC_PCT if soc is None else 100.0 * min(soc, 0.999)
        pack = Pack(model.capacity_kwh, power_kw, model.chemistry, model.platform_v, model.pack)
        temp_c = self._air_c.at(now)
        return IsothermalBms(
            self._kernel,
            f"{self.path}.bms",
            pack,
            ACCEPTANCE_MAPS[model.acceptance],
            soc_pct,
            TARGET_PCT,
            temp_c,
            temp_c,
        )
