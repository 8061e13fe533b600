"""The split charging stack: one cabinet of power modules, a matrix of switches, and terminals out at the bays.

Modules follow what the vehicles ask for, by `twins.modules`. The site's allocation (`twins.control`) then shares what
the terminals, each with its modules, may draw.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import partial
from math import ceil, inf

from sim.errors import UsageError
from sim.faults import Contribution, Knob, bounds, fault
from sim.kernel import Kernel, Rank, Twin
from sim.signals import Signal
from sim.units import FOREVER, SimTime
from twins.control import Control
from twins.modules import assign
from twins.pile import Pile, PileConfig, PileModel
from twins.ports import PlatformPort

__all__ = ["DEADBAND", "ModuleFailed", "SplitStack", "SwitchStuck"]

DEADBAND = 0.1
"""A module is given back when the vehicle asks for this share of a module less than the others give."""

_EDGE = 1e-6
_MANY = 1_000_000_000


class SplitStack(Pile, Twin):
    """A pile whose modules are switched to its terminals one by one; terminal n is its n-th EVSE.

    Signals `connector[n].modules` (those that serve it now) and `modules_free` (sound ones at no terminal); event
    `stack.switched`: a module, from a terminal (0: none) to another. On its way it serves nobody. A terminal has one
    module during the start sequence; while it charges, as many as its vehicle asks for, as far as they go round.
    """

    rank = Rank.STACK

    def __init__(
        self, kernel: Kernel, config: PileConfig, model: PileModel, control: Control, platform: PlatformPort
    ) -> None:
        """`model` has a stack. Modules count from 1 in events and faults, as terminals do."""
        super().__init__(kernel, config, model, control, platform)
        assert model.stack is not None
        self.stack = model.stack
        self._module_kw = float(model.stack.module_kw)
        count, nobody = self.stack.modules, [0] * (len(self.evses) + 1)
        self.is_failed = [Knob(False, partial(self._failed, module)) for module in range(count)]
        self.is_stuck = [Knob(False, partial(self._stuck, module)) for module in range(count)]
        self._matrix = self.stack.matrix(len(self.evses))
        self._reaches: list[Collection[int]] = list(self._matrix)
        self._at = [0] * count
        self._arrives: dict[int, SimTime] = {}
        self._switchings = [0] * count
        # by terminal; the first place is nobody's
        self._held, self._serving, self._wants = nobody, nobody.copy(), nobody.copy()
        self._gives_back = [FOREVER] * len(nobody)
        self._unsure: set[int] = set()
        self._is_short = self._is_changed = False
        self._is_whole, self._lost = True, 0
        self.modules = [Signal(f"{evse.path}.modules", "1") for evse in self.evses]
        self.free = Signal(f"{self.path}.modules_free", "1", float(count))
        kernel.add(*self.modules, self.free)
        for terminal, evse in enumerate(self.evses, start=1):
            evse.switch_block(0.0)
            evse.on_switched = partial(self._doubt, terminal)
            evse.on_drawn = partial(self._drawn, terminal)

    @property
    def terminals(self) -> tuple[int, ...]:
        """The terminal that each module is at or on its way to; 0 for none."""
        return tuple(self._at)

    @property
    def serving_now(self) -> tuple[int, ...]:
        """The terminal that each module feeds; 0 for one on its way, failed, or with none."""
        return tuple(0 if module in self._arrives else at for module, at in enumerate(self._sound()))

    def derate(self, share: float) -> None:
        """Every module gives this share of its rating at most; vehicles may have more of them instead."""
        self._module_kw = self.stack.module_kw * max(share, _EDGE)
        super().derate(share)
        for evse, count in zip(self.evses, self._serving[1:], strict=True):
            evse.switch_block(count * self._module_kw)
        self._unsure.update(range(1, len(self._wants)))
        self._is_short, self._is_changed = False, True
        self._kernel.touch(self)

    def plan(self, now: SimTime) -> SimTime:
        """Let modules that have arrived serve, and switch modules to where they are wanted."""
        arrives = self._arrives
        arrived = [module for module, due in arrives.items() if due <= now]
        for module in arrived:
            del arrives[module]
            self._serving[self._at[module]] += 1
        if self._look(now) or self._is_changed:
            self._switch(now)
            self._is_changed = False
            self._supply(now)
        elif arrived:
            self._supply(now)
        wake_at = min(arrives.values(), default=FOREVER)
        return min(wake_at, *self._gives_back) if self._is_short else wake_at

    # What is wanted

    def _doubt(self, terminal: int) -> None:
        self._unsure.add(terminal)
        self._kernel.touch(self)

    def _drawn(self, terminal: int) -> None:
        """A terminal has planned what it draws: look whether it then wants more or fewer modules."""
        evse, held, module_kw = self.evses[terminal - 1], self._held[terminal], self._module_kw
        asked_kw = min(evse.bms.asked_kw, evse.ceiling_kw) if evse.bms is not None else 0.0
        is_more = asked_kw > (held + _EDGE) * module_kw and held >= self._wants[terminal]
        if is_more or asked_kw <= (held - 1 - DEADBAND) * module_kw:
            self._doubt(terminal)
        elif self._is_short:
            self._foresee(terminal, self._kernel.now)
            self._kernel.wake(self, min(self.wake_at, self._gives_back[terminal]))

    def _look(self, now: SimTime) -> bool:
        """Ask again what those want of whom it is not known; whether that has changed."""
        unsure, wants = self._unsure, self._wants
        if self._is_short:
            for terminal in [terminal for terminal, back_at in enumerate(self._gives_back) if back_at <= now]:
                unsure.add(terminal)
                self._foresee(terminal, now)
        before = wants.copy()
        for terminal in unsure:
            wants[terminal] = self._wanted(terminal, now)
        unsure.clear()
        return wants != before

    def _wanted(self, terminal: int, now: SimTime) -> int:
        evse = self.evses[terminal - 1]
        if not evse.is_charging:
            return 1 if evse.is_starting else 0
        asked = evse.asks_kw(now) / self._module_kw
        held = self._held[terminal]
        if held - 1 - DEADBAND + _EDGE < asked <= held:
            return max(held, 1)
        return max(ceil(asked - _EDGE), 1)

    def _foresee(self, terminal: int, now: SimTime) -> None:
        """When falling power frees a module; held down by the site, a vehicle tells only when it asks for no more."""
        level_kw = (self._held[terminal] - 1 - DEADBAND) * self._module_kw
        crossing = self.evses[terminal - 1].power_kw.crossing(level_kw, now) if level_kw > 0.0 else None
        self._gives_back[terminal] = FOREVER if crossing is None else crossing

    # Switching

    def _switch(self, now: SimTime) -> None:
        arrives, serving, held, was_short = self._arrives, self._serving, self._held, self._is_short
        for module, terminal in enumerate(self._assigned(now)):
            before = self._at[module]
            if terminal == before or (not self._is_whole and self.is_stuck[module].value):
                continue
            if arrives.pop(module, None) is None:
                serving[before] -= 1
            if terminal:
                arrives[module] = SimTime(now + self.stack.switching_s)
                self._switchings[module] += 1
                moved = {"module": module + 1, "from": before, "to": terminal}
                self._kernel.emit("stack.switched", self.path, moved)
            self._at[module] = terminal
        self._held = self._counted(self._sound())
        self._is_short = any(map(int.__lt__, self._held, self._wants))
        if self._is_short:
            for terminal in range(1, len(held)):
                if not was_short or self._held[terminal] != held[terminal]:
                    self._foresee(terminal, now)

    def _assigned(self, now: SimTime) -> list[int]:
        """The terminal of each module.

        Who would get more is asked again, and all are when the first goes short: until then nobody minds what falls.
        """
        wants, sound = self._wants, self._sound()
        held = self._counted(sound)
        if held == wants:
            return sound
        stays = self._switchings.copy()
        for module in self._arrives:
            stays[module] -= _MANY
        order = sorted(range(len(stays)), key=stays.__getitem__)
        if not self._is_whole:
            order.sort(key=lambda module: self.is_stuck[module].value)
        is_sure, is_true = self._is_short, False
        while not is_true:
            at = assign(sound, wants, self._reaches, order)
            counts, is_true = self._counted(at), True
            asks_all = not is_sure and any(map(int.__lt__, counts, wants))
            is_sure = is_sure or asks_all
            for terminal, count in enumerate(counts):
                if count > 1 and (asks_all or count > held[terminal]):
                    wants[terminal] = self._wanted(terminal, now)
                    is_true = is_true and count <= wants[terminal]
        return at

    def _supply(self, now: SimTime) -> None:
        """Tell the terminals what they have; modules that are on lose what they lose without load."""
        serving = self._serving
        for terminal, (evse, signal) in enumerate(zip(self.evses, self.modules, strict=True), start=1):
            count = serving[terminal]
            if signal.a != count:
                signal.set(now, float(count))
                evse.switch_block(count * self._module_kw)
        on = sum(held for held, wants in zip(self._held, self._wants, strict=True) if wants)
        self.modules_kw.set(now, self.model.no_load_loss_kw * on / self.stack.modules)
        self.free.set(now, float(self._at.count(0) - self._lost))

    def _sound(self) -> list[int]:
        """Where the modules are; 0 for those that have failed."""
        if self._is_whole:
            return self._at
        return [0 if knob.value else terminal for knob, terminal in zip(self.is_failed, self._at, strict=True)]

    def _counted(self, at: list[int]) -> list[int]:
        counts = [0] * len(self._wants)
        for terminal in at:
            counts[terminal] += 1
        counts[0] = 0
        return counts

    # Faults

    def pick(self, first: int, count: int, knobs: list[Knob[bool]]) -> list[Knob[bool]]:
        """The knobs of `count` modules from number `first` on; from 0: the first that are well. Raises `UsageError`."""
        if first == 0:
            return [knob for knob in knobs if not knob.value][:count]
        last = first + count - 1
        if last > len(knobs):
            raise UsageError(f"{self.path} has modules 1 to {len(knobs)}; there is no module {last}")
        return knobs[first - 1 : last]

    def _failed(self, module: int) -> None:
        if self.is_failed[module].value:
            self._alarm("module_failed", module)
        self._changed(module)

    def _stuck(self, module: int) -> None:
        if self.is_stuck[module].value:
            self._alarm("module_switch_stuck", module)
        self._changed(module)

    def _alarm(self, alarm: str, module: int) -> None:
        self._kernel.emit("alarm.raised", self.path, {"alarm": alarm, "module": module + 1}, clause="9.4.1")

    def _changed(self, module: int) -> None:
        """A failed module serves nobody; one whose switches stick stays where it is, failed or not."""
        is_failed, is_stuck = self.is_failed[module].value, self.is_stuck[module].value
        if is_failed:
            self._arrives.pop(module, None)
            if not is_stuck:
                self._at[module] = 0
        here: Collection[int] = {self._at[module]} if is_stuck else self._matrix[module]
        self._reaches[module] = () if is_failed else here
        self._is_whole = not any(knob.value for knob in (*self.is_failed, *self.is_stuck))
        sound = self._sound()
        self._lost = sum(knob.value and not at for knob, at in zip(self.is_failed, self._at, strict=True))
        self._held = self._counted(sound)
        self._serving = self._counted([0 if one in self._arrives else at for one, at in enumerate(sound)])
        self._is_short, self._is_changed = False, True
        self._kernel.touch(self)


@fault("stack.module_failed", hits=SplitStack, zh="充电堆功率模块失效", clause="8.4.1.2", faces=("station",))
@dataclass(frozen=True, kw_only=True)
class ModuleFailed:
    """Power modules of a split stack fail; those that are left are shared out anew."""

    module: int = field(default=0, metadata=bounds(low=0, high=200))
    count: int = field(default=1, metadata=bounds(low=1, high=200))
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, stack: SplitStack) -> Iterable[Contribution]:
        """Fail `count` modules from number `module` on; 0: the first that work."""
        return [knob.force(True) for knob in stack.pick(int(self.module), int(self.count), stack.is_failed)]


@fault("stack.switch_stuck", hits=SplitStack, zh="充电堆切换开关卡滞", clause="8.4.1.2", faces=("station",))
@dataclass(frozen=True, kw_only=True)
class SwitchStuck:
    """The switches of modules do not move: each module stays with the terminal that it is at, or with none."""

    module: int = field(default=0, metadata=bounds(low=0, high=200))
    count: int = field(default=1, metadata=bounds(low=1, high=200))
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, stack: SplitStack) -> Iterable[Contribution]:
        """Hold `count` modules from number `module` on; 0: the first that move."""
        return [knob.force(True) for knob in stack.pick(int(self.module), int(self.count), stack.is_stuck)]
