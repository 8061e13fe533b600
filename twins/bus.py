"""A port for Modbus masters and the devices behind it as things: traffic, unit ids, and what can go wrong with them.

No socket is needed. Two parties obey the knobs: the server that holds the socket, and the maps that fill the devices'
registers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf
from operator import attrgetter
from typing import Any

from sim.faults import Contribution, Knob
from sim.gauges import Gauge
from sim.kernel import Kernel
from sim.signals import Curve, State
from sim.units import SECONDS_PER_HOUR, SimTime
from twins.bus_config import BusDeviceConfig, ModbusEndpointConfig
from twins.links import LinkState

__all__ = ["Bus", "BusDevice"]

_HUNDRED = 100.0
_SECONDS_PER_DAY = 24.0 * SECONDS_PER_HOUR


class Bus:
    """One port of the station file, `link[ID]`: state `link[ID].state`, up unless it is cut.

    Who polls is no part of a run: `requests`, `refusals` (exceptions answered) and `connections` (masters now) are
    counted by the server and shown as gauges. Knobs: `is_cut` (no connection lives or comes about), `is_busy` (every
    request is answered busy), `delay_s` (added to every answer), `drop_pct` of the requests are lost, `corrupt_pct`
    of the answers go out spoilt, `swaps` exchange unit ids.
    """

    def __init__(self, kernel: Kernel, config: ModbusEndpointConfig) -> None:
        """The wire of this port and the devices behind it."""
        self.config = config
        self.path = f"link[{config.id}]"
        self.state = State(f"{self.path}.state", LinkState.UP)
        self.requests = 0
        self.refusals = 0
        self.connections = 0
        self.is_cut = Knob(False, self._cut_changed)
        self.is_busy = Knob(False, _read_at_use)
        self.delay_s = Knob(0.0, _read_at_use)
        self.drop_pct = Knob(0.0, _read_at_use)
        self.corrupt_pct = Knob(0.0, _read_at_use)
        self.swaps = UnitSwaps((), self.readdress)
        self.on_cut: Callable[[], None] = lambda: None
        """Told after the port has been cut, or is whole again."""
        self._kernel = kernel
        self._stream = f"{self.path}.wire"
        each = [one for device in config.devices for one in device.each()]
        self.devices: Mapping[int, BusDevice] = {
            one.unit: BusDevice(kernel, self, one) for one in sorted(each, key=attrgetter("unit"))
        }
        self._by_address: dict[int, list[BusDevice]] = {}
        self.readdress()
        kernel.add(self.state)
        kernel.show(
            Gauge(f"{self.path}.requests", "", lambda _t: float(self.requests)),
            Gauge(f"{self.path}.refusals", "", lambda _t: float(self.refusals)),
            Gauge(f"{self.path}.connections", "", lambda _t: float(self.connections)),
        )

    def devices_at(self, unit: int) -> Sequence[BusDevice]:
        """The devices that take this unit id for theirs now: one, none, or several whose answers collide."""
        return self._by_address.get(unit, ())

    def readdress(self) -> None:
        """Take note of who has which unit id now."""
        addresses = {device: int(device.address.value) for device in self.devices.values()}
        for device, unit in self.swaps.value:
            for other in [one for one, address in addresses.items() if address == unit]:
                addresses[other] = addresses[device]
            addresses[device] = unit
        self._by_address = {}
        for device, address in addresses.items():
            self._by_address.setdefault(address, []).append(device)

    def loses_request(self) -> bool:
        """Draw whether this request is lost on the wire."""
        return self._happens(self.drop_pct)

    def spoils_answer(self) -> bool:
        """Draw whether this answer goes out spoilt."""
        return self._happens(self.corrupt_pct)

    def _happens(self, share_pct: Knob[float]) -> bool:
        pct = share_pct.value
        return pct > 0.0 and float(self._kernel.streams[self._stream].random()) * _HUNDRED < pct

    def _cut_changed(self) -> None:
        self.state.set(self._kernel.now, LinkState.DOWN if self.is_cut.value else LinkState.UP)
        self.on_cut()


def _read_at_use() -> None:
    """Nobody has to hear of it at once."""


class UnitSwaps(Knob[Any]):
    """Which devices stand at which other's unit id: (device, unit) of each exchange that lasts, the oldest first."""

    def swap(self, device: BusDevice, unit: int) -> Contribution:
        """The device and whoever is at `unit`, after the exchanges before, have each other's id."""
        return Contribution(self, "swap", (device, unit))

    def _folded(self) -> tuple[tuple[BusDevice, int], ...]:
        return tuple(one.value for one in self._contributions)


class BusDevice:
    """One device, `link[ID].unit[N]`. Each knob says who obeys it, and how.

    By the server:
        is_silent: nothing is carried out and nothing answered, broadcasts too.
        address: the unit id it takes for its own, before `Bus.swaps`.

    By the map, at every read, in this order:
        ct_ratio: factor on all that passes the current transformers: quantities in A, kW, kVA, kvar and energies; a
            counter is kept on the secondary side, so the whole of it is shown by the factor. Not on what a deed takes.
        energy_offset_kwh: added to every energy (kWh, kVAh, kvarh), before scaling. What falls below 0 shows 0.
        energy_left_kwh: not inf: when it became so every counter stood this far before the end of its register (the
            highest raw value; of a float 1,000,000 kWh), counts on from there, and begins again at 0 past the end.
        is_energy_stuck: energies read as they did when it began (`on_change` tells; the map keeps them), whatever the
            three above do since.
        is_not_available: every measured value reads as not available: the map's `absent`, NaN of a float; where a map
            has none, the highest raw value. Constants, texts and what was set by a master stay.
        is_swapped: values of 32 and 64 bits go out with their words in the other order than the map's; texts not.
        is_frozen: reads give, register by register, what they would have given when it began; writes still act.
    Clock, where a map has one: what it shows of an instant, the present or a logged one, is `clock_offset_s` then off.
    """

    def __init__(self, kernel: Kernel, bus: Bus, config: BusDeviceConfig) -> None:
        """`bus` is the port that it stands behind."""
        self.config = config
        self.bus = bus
        self.path = f"{bus.path}.unit[{config.unit}]"
        self.on_change: Callable[[], None] = lambda: None
        """Told after a knob of the map has changed, while the kernel stands at that instant."""
        self.is_silent = Knob(False, _read_at_use)
        self.address = Knob(float(config.unit), bus.readdress)
        self.ct_ratio = Knob(1.0, self._changed)
        self.energy_offset_kwh = Knob(0.0, self._changed)
        self.is_energy_stuck = Knob(False, self._changed)
        self.energy_left_kwh = Knob(inf, self._changed)
        self.is_not_available = Knob(False, self._changed)
        self.is_swapped = Knob(False, self._changed)
        self.is_frozen = Knob(False, self._changed)
        self.clock_drift_s_per_day = Knob(0.0, self._drift_changed)
        self._kernel = kernel
        self._clock_offsets_s = [Curve(0.0)]

    @property
    def unit(self) -> int:
        """The unit id that the station file gives it, 1 to 247."""
        return self.config.unit

    @property
    def next(self) -> BusDevice:
        """The device after it by unit id, the first one after the last."""
        all_of_them = list(self.bus.devices.values())
        return all_of_them[(all_of_them.index(self) + 1) % len(all_of_them)]

    def clock_offset_s(self, t: SimTime) -> float:
        """How far its clock is ahead at `t`, or was then; set right when its drift is over."""
        return next((one.at(t) for one in reversed(self._clock_offsets_s) if one.t0 <= t), 0.0)

    @property
    def has_drifted(self) -> bool:
        """Whether its clock has ever been off."""
        return len(self._clock_offsets_s) > 1

    def _changed(self) -> None:
        self.on_change()

    def _drift_changed(self) -> None:
        now, drift = self._kernel.now, self.clock_drift_s_per_day.value
        offset_s = Curve(0.0)
        offset_s.set(now, self.clock_offset_s(now) if drift else 0.0, drift / _SECONDS_PER_DAY)
        self._clock_offsets_s.append(offset_s)
        self.on_change()
