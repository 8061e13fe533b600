"""The BMS: what a plugged car asks for by charge, temperature and target. How its pack answers is its kinds' business.

`twins.cell_bms` follows voltage and heat of the cells; `twins.isothermal_bms` neither, at a fraction of the cost.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import inf

from sim.faults import Contribution, Knob, bounds, fault
from sim.kernel import Kernel
from sim.signals import Curve, Signal
from sim.units import SimTime
from twins.acceptance import AcceptanceMap
from twins.pack import Pack

__all__ = ["Bms", "BmsMute", "BmsSocWrong"]


class Bms(ABC):
    """Demands power for its pack. Curves `soc` (0 to 1), `temp_c`; the knob `is_muted` silences it.

    `auxiliary_kw` is what the car itself draws while it charges: it shows on the pile's meter, not in the pack.
    `alarm` is why it ended the charge to save its pack, or "". `asked_kw` is what it would have taken in the present
    piece, had it no limit.
    """

    __slots__ = (
        "_ceiling_kw",
        "_kernel",
        "_mute",
        "_own_target",
        "_strength_kw",
        "_wrong",
        "acceptance",
        "alarm",
        "ambient_c",
        "asked_kw",
        "auxiliary_kw",
        "on_change",
        "pack",
        "path",
        "soc",
        "target",
        "temp_c",
    )  # fmt: skip

    has_heat: bool
    """Whether it may come to ask for more than before, by warmth."""

    def __init__(
        self, kernel: Kernel, path: str, pack: Pack, acceptance: AcceptanceMap, soc_pct: float, target_pct: float,
        temp_c: float, ambient_c: float, *, auxiliary_kw: float = 0.0, soc: Curve | None = None,
        cell_temp_c: Curve | None = None,
    ) -> None:  # fmt: skip
        """`soc_pct` and `target_pct` from 0 to 100, target above; `temp_c` of the cells, `ambient_c` of the air.

        `soc` (0 to 1) and `cell_temp_c` are written if given, as signals of the outlet that it is plugged to.
        """
        self._kernel = kernel
        self.path = path
        self.pack = pack
        self.acceptance = acceptance
        self.target = target_pct / 100.0
        self.soc = Curve(0.0) if soc is None else soc
        self.soc.set(kernel.now, soc_pct / 100.0)
        self.temp_c = Curve(0.0) if cell_temp_c is None else cell_temp_c
        self.temp_c.set(kernel.now, temp_c)
        self.ambient_c = ambient_c
        self.auxiliary_kw = auxiliary_kw
        self.alarm = ""
        self.asked_kw = 0.0
        self.on_change: Callable[[], None] = _nothing
        self._mute: Knob[bool] | None = None
        self._wrong: Knob[float] | None = None
        self._own_target = self.target
        self._ceiling_kw = pack.power_max_kw * acceptance.ceiling
        self._strength_kw = acceptance.strength_kw(pack.capacity_kwh, pack.power_max_kw)

    @property
    def is_muted(self) -> Knob[bool]:
        """What silences it."""
        if self._mute is None:
            self._mute = Knob(False, self._changed)
        return self._mute

    @property
    def is_silent(self) -> bool:
        """Whether it says nothing now."""
        return self._mute is not None and self._mute.value

    @property
    def soc_off(self) -> Knob[float]:
        """How much more charge (0 to 1) it takes its pack to have than that has."""
        if self._wrong is None:
            self._wrong = Knob(0.0, self._mistaken)
        return self._wrong

    def told_soc(self, now: SimTime) -> float:
        """The charge that it tells, 0 to 1."""
        if self._wrong is None:
            return self.soc.at(now)
        return min(1.0, max(0.0, self.soc.at(now) + self._wrong.value))

    @abstractmethod
    def wish_kw(self, now: SimTime) -> float:
        """The power it asks for at `now`, what the car draws for itself included."""

    @abstractmethod
    def claim_kw(self, now: SimTime, cap_kw: float) -> float:
        """The most it may draw until its next piece, under `cap_kw`."""

    @abstractmethod
    def draw(self, now: SimTime, limit_kw: float, power: Signal) -> SimTime:
        """Plan the next piece of the charge under `limit_kw`: writes power, charge and temperature; returns its end.

        Returns `now`, and writes nothing, when the target is reached, the pack is full, or in danger (`alarm`).
        """

    @abstractmethod
    def limit_current(self, current_a: float) -> None:
        """What outlet and cable carry at most; acts from the next piece on."""

    @abstractmethod
    def current(self, now: SimTime, power: Curve) -> tuple[float, float, float]:
        """What flows at `power` in the present piece, which begins now: `a + c exp(-dt / tau)` in A, as (a, c, tau)."""

    @abstractmethod
    def rest(self, now: SimTime) -> None:
        """Stop charging."""

    @abstractmethod
    def voltage_v(self, now: SimTime) -> float:
        """At the pack's terminals."""

    def _mistaken(self) -> None:
        """It ends the charge where it takes its pack to have reached the target; a pack that is full takes no more."""
        self.target = min(1.0, self._own_target - self.soc_off.value)
        self._changed()

    def _changed(self) -> None:
        self.on_change()


def _nothing() -> None:
    return None


@fault("bms.mute", hits=Bms, zh="BMS 停止发送报文", clause="8.3", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class BmsMute:
    """The BMS stops sending; the pile must stop charging within the time its protocol grants."""

    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=600.0))

    def contributions(self, bms: Bms) -> Iterable[Contribution]:
        """Lean on the BMS's voice."""
        yield bms.is_muted.force(True)


@fault(
    "bms.soc_wrong",
    hits=Bms,
    zh="BMS 上报荷电状态错误",
    clause="8.3",
    faces=(
        "station",
        "platform",
    ),
)
@dataclass(frozen=True, kw_only=True)
class BmsSocWrong:
    """The BMS takes its pack for fuller, or emptier, than it is: the charge ends too early, or too late."""

    by_pct: float = field(default=15.0, metadata=bounds(low=-60.0, high=60.0))
    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, bms: Bms) -> Iterable[Contribution]:
        """Be mistaken."""
        yield bms.soc_off.add(self.by_pct / 100.0)
