"""Deeds: what people, platforms and masters may ask a thing to do. A command's verb is the name of a deed.

Whatever face a command comes by (a register, REST, a button), it does the same, and its outcome is an event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sim.errors import UsageError
from sim.events import Command, Scalar
from sim.kernel import Kernel
from sim.parameters import Parameter, check, parameters_of
from sim.registry import Registry

__all__ = ["DEEDS", "CannotDo", "DeedSpec", "Switchboard", "deed"]


class CannotDo(UsageError):
    """Raised by a deed that the thing cannot do now; the message says why.

    `is_busy`: it is occupied, and may do the same later.
    """

    def __init__(self, why: str, *, is_busy: bool = False) -> None:
        self.is_busy = is_busy
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class DeedSpec:
    """One deed, derived from the dataclass that declares it."""

    name: str
    cls: type[Any]
    on: type[Any]
    title: str
    title_zh: str
    parameters: tuple[Parameter, ...]
    is_sure: bool = False

    @property
    def whose(self) -> str:
        """The path of those who may be asked, as people write it; for want of one what they are."""
        return getattr(self.on, "path_form", self.on.__name__)

    def make(self, values: Mapping[str, Scalar]) -> Any:
        """The deed with these parameters; raises `UsageError` on an unknown, missing or bad one."""
        check(f"deed '{self.name}'", self.parameters, values)
        missing = [one.name for one in self.parameters if one.is_required and one.name not in values]
        if missing:
            raise UsageError(f"deed '{self.name}': {', '.join(missing)} missing")
        return self.cls(**values)


DEEDS: Registry[DeedSpec] = Registry("deed", "voltyard.deeds")


def deed(name: str, *, on: type[Any], zh: str, is_sure: bool = False) -> Callable[[type[Any]], type[Any]]:
    """Register a frozen dataclass as the deed `name`; its first docstring line is the English title.

    It has `do(thing, source)`: act on the thing at the command's target now; `source` is the kind of face that asks.
    It may have `lack(thing)`: why this thing can never do it with these arguments, or "". `is_sure`: what is in bounds
    and nothing lacks for is done, whatever the thing is doing, unless it is a device that nobody reaches.
    """

    def register(cls: type[Any]) -> type[Any]:
        title = (cls.__doc__ or name).strip().splitlines()[0]
        DEEDS.add(name, DeedSpec(name, cls, on, title, zh, parameters_of(cls), is_sure))
        return cls

    return register


class Switchboard:
    """Carries out commands whose target is the path of a thing: `command.done`, or `command.refused` with a reason."""

    def __init__(self, kernel: Kernel, find: Callable[[str], object | None]) -> None:
        """`find` gives the thing at a path, or None while it is not there."""
        self._kernel = kernel
        self._find = find
        kernel.obey = self._obey

    def problem(self, verb: str, target: str, args: Mapping[str, Scalar]) -> str | None:
        """Why such a command would be refused whatever the thing is doing; None when it may be tried."""
        try:
            self.check(verb, target, args)
        except UsageError as error:
            return str(error)
        return None

    def check(self, verb: str, target: str, args: Mapping[str, Scalar]) -> None:
        """Raise `UsageError` for such a problem, `CannotDo` where it is with the thing and not with what is asked."""
        self._bind(verb, target, args)

    def _bind(self, verb: str, target: str, args: Mapping[str, Scalar]) -> tuple[Any, object]:
        spec = DEEDS.get(verb)
        thing = self._find(target)
        if thing is None:
            raise UsageError(f"nothing is at '{target}' now")
        if not isinstance(thing, spec.on):
            raise UsageError(f"{verb} is for {spec.whose}, and '{target}' is none")
        made = spec.make(args)
        lack = made.lack(thing) if hasattr(made, "lack") else ""
        if lack:
            raise CannotDo(lack)
        return made, thing

    def _obey(self, command: Command, seq: int) -> None:
        data: dict[str, Scalar] = {"verb": command.verb, "source": command.source, "actor": command.actor}
        try:
            made, thing = self._bind(command.verb, command.target, command.args)
            made.do(thing, command.source)
        except UsageError as error:
            data["reason"] = str(error)
            if isinstance(error, CannotDo) and error.is_busy:
                data["is_busy"] = True
            self._kernel.emit("command.refused", command.target, data, cause=seq)
        else:
            self._kernel.emit("command.done", command.target, data, cause=seq)
