"""What fails at one outlet: its lock, the insulation of its circuit, its pre-charge, its reader, its driver's stop."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from sim.faults import Contribution, bounds, fault
from twins.dc_evse import DcEvse
from twins.evse import Evse

__all__ = ["CardReaderDead", "InsulationLow", "LockJammed", "PrechargeFailed", "ScreenDead", "StopRefused"]


@fault("connector.lock_jammed", hits=Evse, zh="电子锁卡滞", clause="9.5.4", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class LockJammed:
    """The bolt of the plug jams: open, no charge may begin or go on; closed, once it is locked no car can leave."""

    position: str = field(default="closed", metadata=bounds(choices=("closed", "open")))
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, evse: Evse) -> Iterable[Contribution]:
        """Hold it there as soon as it is there."""
        yield evse.lock.jam.force(self.position)


@fault("pile.insulation_low", hits=DcEvse, zh="直流绝缘电阻过低", clause="9.4.1", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class InsulationLow:
    """The DC circuit is badly insulated: below 100 ohm per volt its test fails, and a running charge trips."""

    resistance_kohm: float = field(default=20.0, metadata=bounds(low=0.0, high=10_000.0))
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, evse: DcEvse) -> Iterable[Contribution]:
        """No more than this to earth."""
        yield evse.insulation_kohm.cap(self.resistance_kohm)


@fault("pile.precharge_failed", hits=DcEvse, zh="预充失败", clause="9.4.1", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class PrechargeFailed:
    """The output does not come to the battery's voltage: the contactors are not closed, and no charge begins."""

    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, evse: DcEvse) -> Iterable[Contribution]:
        """No pre-charge."""
        yield evse.precharges.force(False)


@fault("pile.card_reader_dead", hits=Evse, zh="读卡器失效", clause="10.2.1", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class CardReaderDead:
    """The card reader reads nothing: whoever pays by card leaves, unless the platform starts the charge meanwhile."""

    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, evse: Evse) -> Iterable[Contribution]:
        """Every card is held to it in vain."""
        yield evse.reader.unread_share.force(1.0)


@fault("pile.screen_dead", hits=Evse, zh="显示屏失效", clause="10.2.1", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class ScreenDead:
    """The screen is dark: a share of the drivers does not manage without, and leaves unless started from afar."""

    lost_share: float = field(default=0.5, metadata=bounds(low=0.0, high=1.0))
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, evse: Evse) -> Iterable[Contribution]:
        """So many do not find their way."""
        yield evse.reader.lost_share.add(self.lost_share)


@fault("transaction.stop_refused_locally", hits=Evse, zh="刷卡无法停止充电", clause="10.2.6", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class StopRefused:
    """The pile does not obey its driver's stop: the charge goes on until it is full or the platform ends it."""

    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, evse: Evse) -> Iterable[Contribution]:
        """Deaf to who stands before it."""
        yield evse.obeys_driver.force(False)
