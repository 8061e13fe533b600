"""The pile: a cabinet of power modules with one or more EVSEs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from types import MappingProxyType
from typing import Literal

from sim.faults import Knob
from sim.files import ID_PATTERN, Misfit, key
from sim.kernel import Kernel
from sim.signals import Signal
from sim.sums import Sum
from twins.bay import PlaceConfig
from twins.cabinet import Cabinet, CabinetConfig
from twins.connector import ConnectorConfig
from twins.control import Control
from twins.dc_evse import DcEvse
from twins.device_evse import DeviceEvse
from twins.device_supply import DeviceTerms
from twins.evse import Evse
from twins.meter import METER_CLASSES
from twins.modules import StackConfig
from twins.pile_guard import PileGuard
from twins.ports import PlatformPort
from twins.supply import EvseState, Supply

__all__ = ["EvseConfig", "Pile", "PileCatalogue", "PileConfig", "PileModel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseConfig:
    """One EVSE of a pile, numbered from 1 by its place in the list; it has one connector."""

    reaches: tuple[str, ...] = field(metadata=key("The bays that its cable reaches.", count=(1, 100)))
    meter_class: float = field(default=1.0, metadata=key("Accuracy class of its meter: 0.2, 0.5, 1 or 2."))
    meter_error_pct: float = field(
        default=0.0, metadata=key("What its meter reads too much, within its class.", unit="%")
    )

    def __post_init__(self) -> None:
        """Refuse a class that does not exist and an error beyond it."""
        if self.meter_class not in METER_CLASSES:
            raise Misfit("meter_class", f"{self.meter_class:g} is no accuracy class", "0.2, 0.5, 1 or 2")
        if abs(self.meter_error_pct) > self.meter_class:
            what = f"{self.meter_error_pct:g} % is more than class {self.meter_class:g} allows"
            raise Misfit("meter_error_pct", what, f"-{self.meter_class:g} to {self.meter_class:g} %")


@dataclass(frozen=True, slots=True, kw_only=True)
class PileConfig:
    """One cabinet of the station."""

    id: str = field(metadata=key("Name of the pile, as in `pile[A01]`.", pattern=ID_PATTERN))
    model: str = field(metadata=key("A model of pile, shipped or of the station's own."))
    feeder: str = field(metadata=key("The feeder that supplies it."))
    evses: tuple[EvseConfig, ...] = field(metadata=key("Its EVSEs, in order.", count=(1, 100)))
    place: PlaceConfig = field(metadata=key("Where the cabinet stands."))
    stack: StackConfig | None = field(
        default=None, metadata=key("Of a split stack: its modules and their switches, instead of the model's.")
    )
    cabinet: CabinetConfig | None = field(
        default=None, metadata=key("Heat of its cabinet, instead of the model's; {} takes the defaults.")
    )
    roof: Literal["canopy", "open"] | None = field(
        default=None, metadata=key("What is over the cabinet; left out: what is over the first bay that it reaches.")
    )
    connector: ConnectorConfig | None = field(
        default=None, metadata=key("Of a DC pile: the kind of its connectors, instead of the model's.")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PileModel:
    """What is common to all piles of one model; loss = no_load_loss_kw (modules on) + loss_ratio x output."""

    name: str = field(metadata=key("Name of the model.", pattern=ID_PATTERN))
    kind: Literal["dc", "ac"] = field(default="dc", metadata=key("What comes out of it."))
    rated_kw: float = field(metadata=key("Output of the cabinet, shared by its EVSEs.", unit="kW", above=0, high=5_000))
    evse_count: int = field(metadata=key("How many EVSEs it has.", low=1, high=100))
    evse_max_kw: float = field(metadata=key("Output of one EVSE at most.", unit="kW", above=0, high=5_000))
    evse_max_a: float | None = field(
        default=None, metadata=key("What its cable carries at most.", unit="A", above=0, high=2_000)
    )
    no_load_loss_kw: float = field(metadata=key("Loss while its modules are on.", unit="kW", low=0, high=100))
    loss_ratio: float = field(metadata=key("Further loss as a share of the output.", low=0, high=0.2))
    blocks: tuple[float, ...] = field(
        default=(),
        metadata=key("Modules switched to each EVSE while several charge; empty: divided at will.", count=(0, 100)),
    )
    block_yield: float = field(
        default=1.0,
        metadata=key(
            "What a block gives of its rating: modules at their current limit feed packs below it.", above=0, high=1
        ),
    )
    stack: StackConfig | None = field(
        default=None, metadata=key("Of a split stack: its modules and their switches; blocks have no place beside it.")
    )
    cabinet: CabinetConfig = field(default=CabinetConfig(), metadata=key("Heat of its cabinet."))
    connector: ConnectorConfig | None = field(
        default=None, metadata=key("Of a DC pile: the kind of its connectors; left out, 250 A without coolant.")
    )
    standby_kw: float = field(metadata=key("Drawn by its controls, always.", unit="kW", low=0, high=10))
    handshake_s: float = field(metadata=key("From plugged to parameters agreed.", unit="s", low=0, high=600))
    insulation_test_s: float = field(metadata=key("Length of the insulation test.", unit="s", low=0, high=600))
    precharge_s: float = field(metadata=key("Length of the pre-charge.", unit="s", low=0, high=600))

    def __post_init__(self) -> None:
        """Refuse blocks and modules that do not fit the EVSEs, and DC contacts of an AC pile."""
        if self.connector is not None and self.kind == "ac":
            raise Misfit("connector", "an AC pile has no DC contacts", "leave it out")
        if self.blocks and (len(self.blocks) != self.evse_count or min(self.blocks) <= 0):
            raise Misfit("blocks", f"{list(self.blocks)} does not fit", f"{self.evse_count} numbers above 0, or none")
        if self.stack is None:
            return
        if self.blocks:
            raise Misfit("blocks", "given beside a stack", "one of the two")
        for misfit in self.stack.misfits(self.evse_count, self.rated_kw):
            raise Misfit(f"stack.{misfit.key}", misfit.what, misfit.right)


@dataclass(frozen=True, slots=True, kw_only=True)
class PileCatalogue:
    """The file of pile models."""

    models: tuple[PileModel, ...] = field(metadata=key("The models.", count=(1, 1_000)))


class Pile:
    """One cabinet: its EVSEs, its power modules with their losses, its standby draw.

    Signals `power_kw` (output), `input_kw` (from its feeder), `loss_kw`, `standby_kw`. Loss: no-load, and proportional
    while any EVSE charges: with the shipped figures 0.92 efficient at 20 % load, 0.95 to 0.96 from 50 % up.
    """

    def __init__(
        self, kernel: Kernel, config: PileConfig, model: PileModel, control: Control, platform: PlatformPort,
        devices: Mapping[str, DeviceTerms] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        """Builds the EVSEs, numbered from 1; `devices` says by path which of them are real, and on what terms."""
        self.path = f"pile[{config.id}]"
        self.config = config
        self.model = model
        self._kernel = kernel
        self._control = control
        self.share = 1.0
        self.cabinet: Cabinet | None = None
        self.evses: list[Supply] = []
        for number, evse in enumerate(config.evses, start=1):
            path = f"{self.path}.connector[{number}]"
            if path in devices:
                self.evses.append(DeviceEvse(kernel, path, model, evse, control, platform, devices[path]))
            else:
                kind = Evse if model.kind == "ac" else DcEvse
                self.evses.append(kind(kernel, path, model, evse, control, platform))
        outputs = [evse.power_kw for evse in self.evses]
        self.modules_kw = Signal(f"{self.path}.modules_no_load_kw", "kW")
        self.standby_kw = Sum(f"{self.path}.standby_kw", "kW", [], offset=model.standby_kw)
        self.power_kw = Sum(f"{self.path}.power_kw", "kW", outputs)
        self.ratio_loss_kw = Sum(f"{self.path}.proportional_loss_kw", "kW", outputs, scale=model.loss_ratio)
        self.loss_kw = Sum(f"{self.path}.loss_kw", "kW", [self.ratio_loss_kw, self.modules_kw])
        self.input_kw = Sum(f"{self.path}.input_kw", "kW", [self.power_kw, self.loss_kw, self.standby_kw])
        kernel.add(self.modules_kw, self.standby_kw, self.power_kw, self.ratio_loss_kw, self.loss_kw, self.input_kw)
        self.is_down = Knob(False, self._down_changed)
        self.guard = PileGuard(self)
        for outlet in self.evses:
            outlet.on_switched = self._switch_modules

    @property
    def input_ratio(self) -> float:
        """What it draws for one kilowatt of output, beside `fixed_kw`."""
        return 1.0 + self.model.loss_ratio

    @property
    def fixed_kw(self) -> float:
        """What it draws at most beside its output's share: modules on, controls."""
        return self.model.no_load_loss_kw + self.model.standby_kw

    def derate(self, share: float) -> None:
        """Give no more than this share of the rating, 0 to 1, from now on; what that frees, others may have."""
        self.share = share
        limit_kw = self.model.rated_kw * share
        for evse in self.evses:
            evse.limit("heat", limit_kw if share < 1.0 else None)
        if self.model.blocks:
            self._switch_modules()
        self._control.rebudget(self.path, limit_kw)
        self.remark("pile_derated", share < 1.0)

    def lock_out(self, cause: str, alarm: str) -> None:
        """None of its EVSEs serves while `cause` lasts."""
        for evse in self.evses:
            evse.lock_out(cause, alarm)

    def lift(self, cause: str) -> None:
        """That cause is over."""
        for evse in self.evses:
            evse.lift(cause)

    def remark(self, what: str, is_on: bool) -> None:
        """Something of the cabinet is not as it should be, or is again; its EVSEs serve on."""
        for evse in self.evses:
            evse.remark(what, is_on)

    def energise(self, is_live: bool) -> None:
        """Its controls draw power, or have none."""
        self.standby_kw.retune(self._kernel.now, 1.0, self.model.standby_kw if is_live else 0.0)

    def _down_changed(self) -> None:
        if self.is_down.value:
            self.lock_out("pile_failed", "pile_failed")
        else:
            self.lift("pile_failed")

    def _switch_modules(self) -> None:
        charging = [evse for evse in self.evses if evse.state.value is EvseState.CHARGING]
        self.modules_kw.set(self._kernel.now, self.model.no_load_loss_kw if charging else 0.0)
        blocks = self.model.blocks
        if not blocks:
            return
        for position, evse in enumerate(self.evses):
            share = blocks[position] / sum(blocks)
            is_shared = len(charging) > 1
            block_kw = self.model.rated_kw * self.share * self.model.block_yield * share
            evse.switch_block(block_kw if is_shared else inf)
