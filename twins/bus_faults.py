"""What goes wrong with a Modbus port and the devices behind it; `twins.bus` says who obeys which knob."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from sim.faults import Contribution, bounds, fault
from twins.bus import Bus, BusDevice
from twins.bus_config import LAST_UNIT

__all__ = [
    "BusBusy",
    "BusCorrupted",
    "BusCut",
    "BusDelayed",
    "BusDropping",
    "UnitAddressSwapped",
    "UnitClockDrifting",
    "UnitEnergyRolledBack",
    "UnitEnergyRollingOver",
    "UnitEnergyStuck",
    "UnitFrozen",
    "UnitNotAvailable",
    "UnitSilent",
    "UnitWordsSwapped",
    "UnitWrongCtRatio",
]


@fault("bus.cut", hits=Bus, zh="Modbus 端口中断", clause="10.2.5", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class BusCut:
    """The port is cut off: masters lose their connections, and none can be opened."""

    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, bus: Bus) -> Iterable[Contribution]:
        """Cut it."""
        yield bus.is_cut.force(True)


@fault("bus.delayed", hits=Bus, zh="Modbus 应答延迟", clause="10.2.5", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class BusDelayed:
    """Every answer comes later, still in the order of the requests."""

    delay_s: float = field(default=1.0, metadata=bounds(low=0.001, high=600.0))
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, bus: Bus) -> Iterable[Contribution]:
        """Add to the delay."""
        yield bus.delay_s.add(self.delay_s)


@fault("bus.dropping", hits=Bus, zh="Modbus 请求丢失", clause="10.2.5", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class BusDropping:
    """Requests are lost on the wire: nothing is done and nothing answered."""

    share_pct: float = field(default=100.0, metadata=bounds(low=0.0, high=100.0))
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, bus: Bus) -> Iterable[Contribution]:
        """Lose this share more."""
        yield bus.drop_pct.add(self.share_pct)


@fault("bus.corrupted", hits=Bus, zh="Modbus 应答损坏", clause="10.2.5", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class BusCorrupted:
    """Answers go out spoilt: with a wrong checksum on RTU framing, for a transaction nobody asked on TCP."""

    share_pct: float = field(default=100.0, metadata=bounds(low=0.0, high=100.0))
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, bus: Bus) -> Iterable[Contribution]:
        """Spoil this share more."""
        yield bus.corrupt_pct.add(self.share_pct)


@fault("bus.busy", hits=Bus, zh="Modbus 网关忙", clause="10.2.5", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class BusBusy:
    """The gateway is busy with something else: every request is answered so and not carried out."""

    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, bus: Bus) -> Iterable[Contribution]:
        """Keep it busy."""
        yield bus.is_busy.force(True)


@fault("unit.silent", hits=BusDevice, zh="Modbus 设备无应答", clause="10.2.5", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class UnitSilent:
    """The device does not answer its masters."""

    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, device: BusDevice) -> Iterable[Contribution]:
        """Silence it."""
        yield device.is_silent.force(True)


@fault("unit.frozen", hits=BusDevice, zh="Modbus 设备数据冻结", clause="8.4.1.3", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class UnitFrozen:
    """The device's registers stay as they are, while it still takes what is written."""

    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, device: BusDevice) -> Iterable[Contribution]:
        """Freeze them."""
        yield device.is_frozen.force(True)


@fault("unit.not_available", hits=BusDevice, zh="Modbus 设备数值无效", clause="8.4.1.3", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class UnitNotAvailable:
    """The device's values read as not available: NaN, 0x8000 or whatever its map says."""

    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, device: BusDevice) -> Iterable[Contribution]:
        """Take the values away."""
        yield device.is_not_available.force(True)


@fault("unit.words_swapped", hits=BusDevice, zh="Modbus 设备字序颠倒", clause="8.4.1.3", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class UnitWordsSwapped:
    """The device sends the words of its long values in the other order, as after a change of firmware."""

    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, device: BusDevice) -> Iterable[Contribution]:
        """Swap them."""
        yield device.is_swapped.force(True)


@fault("unit.wrong_ct_ratio", hits=BusDevice, zh="电表互感器变比设置错误", clause="8.10", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class UnitWrongCtRatio:
    """The device's current transformers are set to a wrong ratio: currents, powers and energies are all off by it."""

    factor: float = field(default=0.5, metadata=bounds(low=0.001, high=1000.0))
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, device: BusDevice) -> Iterable[Contribution]:
        """Scale by the factor."""
        yield device.ct_ratio.scale(self.factor)


@fault("unit.energy_stuck", hits=BusDevice, zh="电表电量停走", clause="8.10", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class UnitEnergyStuck:
    """The device's energy counters stand still, while its powers go on."""

    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, device: BusDevice) -> Iterable[Contribution]:
        """Hold them."""
        yield device.is_energy_stuck.force(True)


@fault("unit.energy_rolled_back", hits=BusDevice, zh="电表电量回退", clause="8.10", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class UnitEnergyRolledBack:
    """The device's energy counters have gone back, as after the loss of its last stored values."""

    by_kwh: float = field(default=100.0, metadata=bounds(low=0.001, high=1e9))
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, device: BusDevice) -> Iterable[Contribution]:
        """Take that much off."""
        yield device.energy_offset_kwh.add(-self.by_kwh)


@fault("unit.energy_rolling_over", hits=BusDevice, zh="电表电量溢出归零", clause="8.10", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class UnitEnergyRollingOver:
    """The device's energy counters stand right before the end of their registers and then begin again at zero."""

    left_kwh: float = field(default=1.0, metadata=bounds(low=0.0, high=1e6))
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, device: BusDevice) -> Iterable[Contribution]:
        """Put them that far before the end."""
        yield device.energy_left_kwh.force(self.left_kwh)


@fault("unit.address_swapped", hits=BusDevice, zh="Modbus 设备地址对调", clause="8.6", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class UnitAddressSwapped:
    """The device and another of its port have each other's unit id; 0 is the next one of the port."""

    with_unit: int = field(default=0, metadata=bounds(low=0, high=LAST_UNIT))
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, device: BusDevice) -> Iterable[Contribution]:
        """Exchange the two; where nobody has that id the device is merely found there."""
        yield device.bus.swaps.swap(device, self.with_unit or device.next.unit)


@fault("unit.clock_drifting", hits=BusDevice, zh="Modbus 设备时钟漂移", clause="8.4.1.3", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class UnitClockDrifting:
    """The device's clock gains time, or loses it."""

    drift_s_per_day: float = field(default=60.0, metadata=bounds(low=-86400.0, high=86400.0))
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, device: BusDevice) -> Iterable[Contribution]:
        """Let it drift by so much more."""
        yield device.clock_drift_s_per_day.add(self.drift_s_per_day)
