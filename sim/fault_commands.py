"""Faults by command: what a trainer injects and clears by hand is recorded like all that comes from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from sim.errors import UsageError
from sim.events import Command, Scalar
from sim.faults import FAULTS, FaultBoard
from sim.kernel import Kernel
from sim.registry import did_you_mean

__all__ = ["FAULT_DESK", "FaultCommands"]

FAULT_DESK: Final = "faults"
"""The target of such commands."""


class FaultCommands:
    """Carries out `fault.inject`, `fault.change`, `fault.clear` and `fault.clear_all`; each is done or refused.

    `fault.inject` takes `fault`, `target`, `id` (may be left out) and the fault's own parameters, `fault.change` the
    `id` of one and the parameters that change, `fault.clear` the `id` of one.
    """

    def __init__(self, kernel: Kernel, board: FaultBoard, find: Callable[[str], object | None]) -> None:
        """`find` gives the thing at a path, or None while it is not there."""
        self._kernel = kernel
        self._board = board
        self._find = find
        self._verbs: dict[str, Callable[[Mapping[str, Scalar], int], str]] = {
            "fault.inject": self._inject,
            "fault.change": self._change,
            "fault.clear": self._clear,
            "fault.clear_all": self._clear_all,
        }
        kernel.handle(FAULT_DESK, self._obey)

    def _obey(self, command: Command, seq: int) -> None:
        data: dict[str, Scalar] = {"verb": command.verb, "source": command.source, "actor": command.actor}
        try:
            if command.verb not in self._verbs:
                raise UsageError(f"unknown verb '{command.verb}'; {did_you_mean(command.verb, list(self._verbs))}")
            identity = self._verbs[command.verb](command.args, seq)
        except UsageError as error:
            self._kernel.emit("command.refused", command.target, data | {"reason": str(error)}, cause=seq)
        else:
            self._kernel.emit("command.done", command.target, data | {"id": identity}, cause=seq)

    def _inject(self, args: Mapping[str, Scalar], seq: int) -> str:
        values = dict(args)
        name, target, alias = (str(values.pop(key, None) or "") for key in ("fault", "target", "id"))
        spec, thing = FAULTS.get(name), self._find(target)
        if thing is not None and not isinstance(thing, spec.hits):
            raise UsageError(f"{name} hits {spec.hits.__name__}, and {target} is {type(thing).__name__}")
        return self._board.inject(name, target, values, alias or None, cause=seq).id

    def _change(self, args: Mapping[str, Scalar], seq: int) -> str:
        values = dict(args)
        identity = str(values.pop("id", None) or "")
        self._board.change(identity, values, cause=seq)
        return identity

    def _clear(self, args: Mapping[str, Scalar], seq: int) -> str:
        identity = str(args.get("id", ""))
        self._board.clear(identity, cause=seq)
        return identity

    def _clear_all(self, _args: Mapping[str, Scalar], seq: int) -> str:
        self._board.clear_all(cause=seq)
        return ""
