"""How an operator runs its CSMS: with care, carelessly in exact ways, or answering amiss; read from a short text."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from math import isfinite
from typing import Final

from sim.errors import UsageError

__all__ = ["CARELESSNESSES", "PLAIN", "Manner", "read_manner"]

CARELESSNESSES: Final = {
    "accepts_any_token": "accepts every identifier, blocked ones too",
    "accepts_faulted": "accepts a StartTransaction on a connector that stands faulted",
    "bills_twice": "takes a start that is told again for another transaction",
    "ignores_alarms": "asks for nothing when a connector tells of trouble",
    "starts_faulted": "asks a connector that has just faulted to start",
}
"""What a careless operator does; each can be had alone, as in `careless:accepts_faulted`."""

ANSWERED: Final = (
    "Authorize", "BootNotification", "DataTransfer", "Heartbeat", "MeterValues", "StartTransaction",
    "StatusNotification", "StopTransaction",
)  # fmt: skip
_LONGEST_S: Final = 600.0
_FORMS: Final = (
    "plain, careful, careless, careless:NAME,NAME, mute:ACTION,ACTION, wrong:ACTION,ACTION, error:ACTION,ACTION,"
    " late:SECONDS, or several joined by +"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """Where `has_operator` is False it only answers. `careless` are names of CARELESSNESSES.

    Actions in `mute` get no answer, in `wrong` one that breaks the schema, in `error` a CALLERROR; all answers come
    `late_s` of wall time later.
    """

    name: str = "plain"
    has_operator: bool = False
    careless: frozenset[str] = frozenset()
    mute: frozenset[str] = frozenset()
    wrong: frozenset[str] = frozenset()
    error: frozenset[str] = frozenset()
    late_s: float = 0.0


PLAIN: Final = Manner()


def read_manner(text: str) -> Manner:
    """The manner that a text names; raises `UsageError` with what would be right."""
    manner = replace(PLAIN, name=text)
    for part in text.split("+"):
        word, _, rest = part.strip().partition(":")
        names = frozenset(name.strip() for name in rest.split(",")) if rest else frozenset()
        if word in ("plain", "careful") and not rest:
            manner = replace(manner, has_operator=manner.has_operator or word == "careful")
        elif word == "careless":
            _check(text, names, CARELESSNESSES)
            manner = replace(manner, has_operator=True, careless=manner.careless | (names or CARELESSNESSES.keys()))
        elif word == "late":
            manner = replace(manner, late_s=_seconds(text, rest))
        elif word in ("mute", "wrong", "error") and names:
            _check(text, names, ANSWERED)
            manner = replace(manner, **{word: getattr(manner, word) | names})
        else:
            raise UsageError(f"manner {text!r}: no manner {part!r}; {_FORMS}")
    return manner


def _check(text: str, names: frozenset[str], known: Collection[str]) -> None:
    wrong = sorted(name for name in names if name not in known)
    if wrong:
        raise UsageError(f"manner {text!r}: unknown {wrong[0]!r}; known: {', '.join(known)}")


def _seconds(text: str, rest: str) -> float:
    try:
        late_s = float(rest)
    except ValueError:
        late_s = -1.0
    if not isfinite(late_s) or not 0.0 <= late_s <= _LONGEST_S:
        raise UsageError(f"manner {text!r}: late:SECONDS takes 0 to {_LONGEST_S:g}")
    return late_s
