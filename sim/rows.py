"""The rows of a recording, one class a table, as the contract fixes the tables ("A run's folder")."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

__all__ = [
    "CommandRow",
    "EventRow",
    "FrameRow",
    "Kpi",
    "Lateness",
    "SessionRow",
    "SignalRow",
    "VerdictRow",
    "from_json",
    "mapping_of",
]


@dataclass(frozen=True, slots=True)
class SignalRow:
    """One recorded signal; `kind` is `segment` or `state`."""

    id: int
    name: str
    unit: str
    kind: str


@dataclass(frozen=True, slots=True)
class EventRow:
    """What happened; `cause` is the `seq` of the event or command behind it."""

    seq: int
    t_s: float
    kind: str
    subject: str
    cause: int | None
    clause: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CommandRow:
    """What came from outside."""

    seq: int
    t_s: float
    source: str
    actor: str
    verb: str
    target: str
    args: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FrameRow:
    """One frame on a wire; `direction` in or out, `kind` call, result or error; `body` is redacted."""

    seq: int
    t_s: float
    wall_ns: int
    link: str
    direction: str
    kind: str
    action: str
    message_id: str
    bytes: int
    verdict: str
    body: str


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One car, turned away or charged; what did not happen is None."""

    id: str
    vehicle: str | None
    bay: str | None
    pile: str | None
    connector: int | None
    arrived_s: float
    plugged_s: float | None
    started_s: float | None
    stopped_s: float | None
    left_s: float | None
    soc_in_pct: float | None
    soc_out_pct: float | None
    energy_true_kwh: float | None
    energy_registered_kwh: float | None
    cost_cny: float | None
    power_max_kw: float | None
    outcome: str
    stop_reason: str | None
    transaction_id: str | int | None


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """The outcome of one expectation."""

    id: str
    verdict: str
    t_s: float | None
    title: str | None
    evidence: Any


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late the bench was at a moment (pace `real` and `Nx`)."""

    t_s: float
    late_ms: float


@dataclass(frozen=True, slots=True)
class Kpi:
    """One figure of merit with its unit."""

    name: str
    value: float | None
    unit: str


def from_json(text: str) -> Any:
    """The text as JSON, or itself where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def mapping_of(text: str | None) -> dict[str, Any]:
    """A JSON object; anything else stands under `value`."""
    found = from_json(text) if text else {}
    return found if isinstance(found, dict) else {"value": found}
