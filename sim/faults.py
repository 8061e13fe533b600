"""Faults contribute: a fault is a value that, while active, leans on knobs; the effect is the fold over all that lean.

Life cycle `armed -> active -> cleared`, every step an event. Overlapping faults add up and clear in any order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Final, Generic, TypeVar

from sim.errors import UsageError
from sim.events import Event, Scalar
from sim.kernel import Kernel
from sim.parameters import Parameter, bounds, check, parameters_of
from sim.registry import Registry, did_you_mean
from sim.units import FOREVER, SimTime

__all__ = ["FAULTS", "Contribution", "FaultBoard", "FaultSpec", "InjectedFault", "Knob", "Parameter", "bounds", "fault"]

_CLEARED_KEPT: Final = 1_000

V = TypeVar("V", bool, float, str)


@dataclass(frozen=True, slots=True, eq=False)
class Contribution:
    """One lean on one knob: `force` a value, or `scale`, `add`, `cap` a number."""

    knob: Knob[Any]
    operation: str
    value: Any


class Knob(Generic[V]):
    """What faults may lean on; its value: additions, then scales, then the lowest cap; a force overrules all."""

    __slots__ = ("_contributions", "base", "on_change", "value")

    def __init__(self, base: V, on_change: Callable[[], None]) -> None:
        """`base` is the healthy value; `on_change` tells the owner that the fold has changed."""
        self.base: V = base
        self.value: V = base
        self.on_change = on_change
        self._contributions: list[Contribution] = []

    def force(self, value: V) -> Contribution:
        """Whatever else leans, the value is this one (the latest force wins)."""
        return Contribution(self, "force", value)

    def scale(self, factor: float) -> Contribution:
        """Multiply by `factor`."""
        return Contribution(self, "scale", factor)

    def add(self, amount: float) -> Contribution:
        """Add `amount`, in the knob's unit."""
        return Contribution(self, "add", amount)

    def cap(self, ceiling: float) -> Contribution:
        """Hold at or below `ceiling`, in the knob's unit."""
        return Contribution(self, "cap", ceiling)

    def rebase(self, base: V) -> None:
        """Take another healthy value; whoever does so reads `value` himself and is not told."""
        self.base = base
        if self._contributions:
            self.value = self._folded()
        else:
            self.value = base

    def preview(self, base: V) -> V:
        """What the value would be with this healthy value."""
        before, self.base = self.base, base
        value, self.base = self._folded(), before
        return value

    def lean(self, contribution: Contribution) -> None:
        """Take a contribution into the fold."""
        self._contributions.append(contribution)
        self._fold()

    def release(self, contribution: Contribution) -> None:
        """Take a contribution out of the fold."""
        self._contributions.remove(contribution)
        self._fold()

    def exchange(self, gone: Collection[Contribution], come: Collection[Contribution]) -> None:
        """Take some out and others in as one change: the owner never sees what would be between."""
        self._contributions = [one for one in self._contributions if one not in gone] + [*come]
        self._fold()

    def _fold(self) -> None:
        value = self._folded()
        if value != self.value:
            self.value = value
            self.on_change()

    def _folded(self) -> V:
        value: Any = self.base
        of = {name: [c.value for c in self._contributions if c.operation == name] for name in ("add", "scale", "cap")}
        for amount in of["add"]:
            value += amount
        for factor in of["scale"]:
            value *= factor
        if of["cap"]:
            value = min(value, *of["cap"])
        for contribution in self._contributions:
            if contribution.operation == "force":
                value = contribution.value
        folded: V = value
        return folded


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """One entry of the catalogue, derived from the dataclass that declares the fault."""

    name: str
    cls: type[Any]
    hits: type[Any]
    title: str
    title_zh: str
    clause: str
    faces: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    needs: str = ""
    """The key that a station file must have on for it to have an effect, where its target does not say so."""

    def parameter(self, name: str) -> Parameter:
        """Its parameter of this name; raises `UsageError` when it has none."""
        found = next((one for one in self.parameters if one.name == name), None)
        if found is None:
            known = [one.name for one in self.parameters]
            raise UsageError(f"fault '{self.name}' has no parameter '{name[:100]}'; {did_you_mean(name, known)}")
        return found

    def make(self, values: Mapping[str, Scalar]) -> Any:
        """The fault with these parameters; raises `UsageError` on an unknown name or a value out of bounds."""
        check(f"fault '{self.name}'", self.parameters, values)
        if missing := [one.name for one in self.parameters if one.is_required and one.name not in values]:
            raise UsageError(f"fault '{self.name}' needs its parameter '{missing[0]}'")
        return self.cls(**values)


FAULTS: Registry[FaultSpec] = Registry("fault", "voltyard.faults")


def fault(
    name: str, *, hits: type[Any], zh: str, clause: str = "", faces: tuple[str, ...] = (), needs: str = ""
) -> Callable[[type[Any]], type[Any]]:
    """Register a frozen dataclass as the fault `name`; its first docstring line is the English title.

    `needs` is a dotted key of the station file, such as `heat.packs`.
    """

    def register(cls: type[Any]) -> type[Any]:
        title = (cls.__doc__ or name).strip().splitlines()[0]
        FAULTS.add(name, FaultSpec(name, cls, hits, title, zh, clause, faces, parameters_of(cls), needs))
        return cls

    return register


@dataclass(slots=True, eq=False)
class InjectedFault:
    """A fault on its way through life: `armed` until its target appears, then `active`, then `cleared`."""

    id: str
    spec: FaultSpec
    fault: Any
    target: str
    state: str = "armed"
    event: Event | None = None
    leaning: list[Contribution] = field(default_factory=list)
    generation: int = 0
    given: Mapping[str, Scalar] = field(default_factory=dict)
    """The parameters that were given; the others have their defaults."""

    def changed(self, values: Mapping[str, Scalar]) -> tuple[dict[str, Scalar], Any]:
        """What would be given and the fault that this makes, with these values instead; None: the default.

        Raises `UsageError` on an unknown name, a value out of bounds and a value that cannot be left out.
        """
        for name in values:
            self.spec.parameter(name)
        given: dict[str, Scalar] = {}
        given |= {name: value for name, value in {**self.given, **values}.items() if value is not None}
        return given, self.spec.make(given)


class FaultBoard:
    """Every fault of a run. Targets are paths and are bound when they appear.

    `injected` has all that are armed or active, and the last 1,000 that were cleared.
    """

    def __init__(self, kernel: Kernel, find: Callable[[str], object | None]) -> None:
        """`find` gives the thing at a path, or None while it is not there."""
        self._kernel = kernel
        self._find = find
        self.injected: dict[str, InjectedFault] = {}
        self._count = 0
        self._cleared: deque[InjectedFault] = deque()

    def inject(
        self, name: str, target: str, values: Mapping[str, Scalar], alias: str | None = None, cause: int | None = None
    ) -> InjectedFault:
        """Arm the fault `name` on `target`; it becomes active as soon as the target is there.

        Raises `UsageError`, and nothing has happened, where what is there cannot have it.
        """
        spec = FAULTS.get(name)
        made = spec.make(values)
        identity = alias or f"{name}#{self._count + 1}"
        if identity in self.injected and self.injected[identity].state != "cleared":
            raise UsageError(f"a fault called '{identity}' is already {self.injected[identity].state}")
        injected = InjectedFault(identity, spec, made, target, given=dict(values))
        self._leans(injected, made)
        self._count += identity not in self.injected
        self.injected[identity] = injected
        injected.event = self._kernel.emit(
            "fault.armed", target, {"fault": name, "id": identity}, cause=cause, clause=spec.clause
        )
        self._try(injected)
        return injected

    def change(self, identity: str, values: Mapping[str, Scalar], cause: int | None = None) -> None:
        """Give a fault that is armed or active other parameters; None: its default.

        What it leans on changes at once, and is never as if it were not there. A duration counts from when the fault
        became active. Raises `UsageError` when there is none of this name, or a value cannot be.
        """
        injected = self.injected.get(identity)
        if injected is None or injected.state == "cleared":
            raise UsageError(f"no fault called '{identity}' is armed or active")
        given, changed = injected.changed(values)
        leans = self._leans(injected, changed)
        before, injected.fault, injected.given = injected.leaning, changed, given
        told: dict[str, Scalar] = {name: getattr(changed, name) for name in values}
        said = {name: None if value == inf else value for name, value in told.items()}
        data = {**said, "fault": injected.spec.name, "id": identity}
        self._kernel.emit("fault.changed", injected.target, data, cause=cause, clause=injected.spec.clause)
        if injected.state == "armed":
            return
        injected.leaning = leans
        for knob in dict.fromkeys(one.knob for one in [*before, *leans]):
            knob.exchange(*([one for one in some if one.knob is knob] for some in (before, leans)))
        injected.generation += 1
        self._plan_end(injected)

    def clear(self, identity: str, cause: int | None = None) -> None:
        """End a fault; what it leaned on is as if it had never been there."""
        injected = self.injected.get(identity)
        if injected is None:
            raise UsageError(f"no fault is called '{identity}'; {did_you_mean(identity, list(self.injected))}")
        if injected.state == "cleared":
            return
        injected.state = "cleared"
        injected.generation += 1
        for contribution in injected.leaning:
            contribution.knob.release(contribution)
        injected.leaning = []
        injected.event = self._kernel.emit(
            "fault.cleared", injected.target, {"fault": injected.spec.name, "id": identity}, cause=cause
        )
        self._cleared.append(injected)
        if len(self._cleared) > _CLEARED_KEPT:
            oldest = self._cleared.popleft()
            if self.injected.get(oldest.id) is oldest:
                del self.injected[oldest.id]

    def clear_all(self, cause: int | None = None) -> None:
        """End every fault."""
        for identity in list(self.injected):
            self.clear(identity, cause)

    def targets_changed(self) -> None:
        """Something that may be a target has appeared: try the armed faults again."""
        for injected in self.injected.values():
            if injected.state == "armed":
                self._try(injected)

    def leaning_on(self, knob: Knob[Any]) -> list[str]:
        """The names of the active faults that lean on this knob, in the order of their injection."""
        faults = self.injected.values()
        return [one.id for one in faults if one.leaning and any(lean.knob is knob for lean in one.leaning)]

    def never_met(self) -> list[InjectedFault]:
        """Faults whose target has not appeared: such a run is inconclusive."""
        return [injected for injected in self.injected.values() if injected.state == "armed"]

    def _leans(self, injected: InjectedFault, made: Any) -> list[Contribution]:
        """What it leans on; nothing while its target is not there."""
        thing = self._find(injected.target)
        if thing is None:
            return []
        if not isinstance(thing, injected.spec.hits):
            raise UsageError(
                f"fault '{injected.spec.name}' hits a {injected.spec.hits.__name__}, "
                f"and '{injected.target}' is a {type(thing).__name__}"
            )
        return list(made.contributions(thing))

    def _try(self, injected: InjectedFault) -> None:
        if self._find(injected.target) is None:
            return
        leans = self._leans(injected, injected.fault)
        injected.state = "active"
        cause = injected.event.seq if injected.event else None
        injected.event = self._kernel.emit(
            "fault.active",
            injected.target,
            {"fault": injected.spec.name, "id": injected.id},
            cause=cause,
            clause=injected.spec.clause,
        )
        injected.leaning = leans
        for contribution in injected.leaning:
            contribution.knob.lean(contribution)
        self._plan_end(injected)

    def _plan_end(self, injected: InjectedFault) -> None:
        """Clear it when its duration is over, unless it is cleared or changed before."""
        duration_s = getattr(injected.fault, "duration_s", inf)
        if duration_s < FOREVER and injected.event is not None:
            generation = injected.generation
            self._kernel.at(
                SimTime(max(self._kernel.now, injected.event.t + duration_s)),
                lambda: self.clear(injected.id) if injected.generation == generation else None,
            )
