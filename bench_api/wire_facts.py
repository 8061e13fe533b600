"""What a run says of its wire: who was without the CSMS, what broke OCPP, what the CSMS would not accept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hil.ocpp.absence import Absence
from hil.ocpp.endpoint import OcppEndpoint
from hil.ocpp.wire_book import Remark, Sample, WireBook, merged
from sim.clock import Clock
from sim.units import SimTime

__all__ = ["WireFacts", "wire_facts"]

MOST_AWAY: Final = 0.1
"""The share of a run that a charge point may be without its CSMS with no cut wire behind it."""

_GRACE_S: Final = 30.0  # nearly three tries to connect again
_MOST_NAMED: Final = 3
_DAY_S: Final = 86_400.0
_TRANSACTION: Final = ("StartTransaction", "StopTransaction")
_NO_BREACH: Final = "unexpected"  # an answer that came too late is no breach of the schema


@dataclass(frozen=True, slots=True)
class WireFacts:
    """`document` is `wire` of verdict.json, None without a wire; `findings` the wire's by name, empty where in order.

    `refusals` say whom the CSMS would not accept, `refused` is the answer that lost transactions.
    """

    document: dict[str, Any] | None = None
    findings: dict[str, str] = field(default_factory=dict)
    refusals: tuple[str, ...] = ()
    refused: str = ""


def wire_facts(endpoint: OcppEndpoint | None, clock: Clock, now: SimTime) -> WireFacts:
    """The facts at the end of a run, which is `now`."""
    if endpoint is None:
        return WireFacts()
    absences, books = endpoint.absences(), endpoint.wire_books()
    breaches = merged(book.breaches for book in books.values())
    call_errors = merged(book.call_errors for book in books.values())
    findings = {"link": "; ".join(_absent(absences, clock, now)), "conformance": _broken(breaches)}
    refusals = (*_boots(books), *_tokens(books))
    said = [text for text in (*findings.values(), *refusals, _call_errors(call_errors)) if text]
    document = {
        "links": [_link(identity, absence, now) for identity, absence in absences.items()],
        "boots": {identity: dict(book.boots) for identity, book in books.items()},
        "violations": [_row(remark, sample) for remark, sample in breaches.items()],
        "call_errors": [_row(remark, sample) for remark, sample in call_errors.items()],
        "said": said,
    }  # fmt: skip
    return WireFacts(document, findings, refusals, _refused(breaches, call_errors))


def _link(identity: str, absence: Absence, now: float) -> dict[str, Any]:
    return {"charge_point": identity, "was_met": absence.was_met, "away_s": round(absence.whole_s(now), 3),
            "away_since_s": absence.since_s}  # fmt: skip


def _row(remark: Remark, sample: Sample) -> dict[str, Any]:
    return remark._asdict() | {"count": sample.count, "t_s": sample.t_s, "charge_point": sample.charge_point,
                               "sample": sample.body}  # fmt: skip


def _absent(absences: Mapping[str, Absence], clock: Clock, now: SimTime) -> list[str]:
    """Charge points that are without their CSMS as the run ends, or were for too long, those of one time together."""
    groups: dict[str, list[str]] = {}
    for identity, absence in absences.items():
        since_s, share = absence.since_s, absence.whole_s(now) / max(now, 1e-9)
        if since_s is not None and now - since_s > min(_GRACE_S, MOST_AWAY * now):
            local = clock.local(SimTime(since_s))
            at = f"{local:%H:%M}" if now <= _DAY_S else f"{local:%m-%d %H:%M}"
            end = f" lost at {at}, never back" if absence.was_met else " never reached"
        elif share > MOST_AWAY:
            end = f" away for {100.0 * share:.0f} % of the run"
        else:
            continue
        groups.setdefault(end, []).append(identity)
    return [f"CSMS of {_named(names)}{end}" for end, names in groups.items()]


def _named(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _broken(breaches: Mapping[Remark, Sample]) -> str:
    """What the CSMS sent that the schema forbids."""
    theirs = {remark: one for remark, one in breaches.items() if remark.direction == "in" and remark.word != _NO_BREACH}
    if not theirs:
        return ""
    parts = [f"{one.count} x {_message(remark)}" for remark, one in theirs.items()]
    count = sum(one.count for one in theirs.values())
    told = (
        "the CSMS sent 1 message that breaks OCPP" if count == 1 else f"the CSMS sent {count} messages that break OCPP"
    )
    return f"{told}: {_named(parts)}"


def _message(remark: Remark) -> str:
    return " ".join(word for word in (remark.action, remark.kind, remark.word) if word)


def _call_errors(found: Mapping[Remark, Sample]) -> str:
    theirs = {remark: one for remark, one in found.items() if remark.direction == "in"}
    parts = [f"{one.count} x {remark.action} {remark.word}" for remark, one in theirs.items()]
    return f"the CSMS answered with CALLERROR: {_named(parts)}" if parts else ""


def _boots(books: Mapping[str, WireBook]) -> list[str]:
    """Charge points that the CSMS never accepted, those it treated alike together."""
    groups: dict[str, list[str]] = {}
    for identity, book in books.items():
        if not book.boots_sent or book.boots["Accepted"]:
            continue
        counts = book.boots.most_common()
        if silent := book.boots_sent - book.boots.total():
            counts.append(("not answered", silent))
        words = [f"{word} once" if count == 1 else f"{word} {count} times" for word, count in counts]
        groups.setdefault(f"BootNotification {', '.join(words)}", []).append(identity)
    return [f"{_named(names)}: {told}" for told, names in groups.items()]


def _tokens(books: Mapping[str, WireBook]) -> list[str]:
    """The tokens that the CSMS refused, where it accepted none."""
    tokens = {token: word for book in books.values() for token, word in book.tokens.items()}
    if not tokens or "Accepted" in tokens.values():
        return []
    named = _named([f"{token} {word}" for token, word in tokens.items()])
    return [f"{len(tokens)} of {len(tokens)} tokens refused ({named})"]


def _refused(breaches: Mapping[Remark, Sample], call_errors: Mapping[Remark, Sample]) -> str:
    """The most frequent answer by which transactions were given up."""
    found = [(one.count, remark) for remark, one in (*breaches.items(), *call_errors.items())
             if remark.direction == "in" and remark.kind != "call" and remark.action in _TRANSACTION]  # fmt: skip
    if not found:
        return ""
    _, remark = max(found, key=lambda one: one[0])
    if remark.kind == "error":
        return f"refused by the CSMS: {remark.action}, {remark.word}"
    return f"the answer breaks OCPP: {remark.action}, {remark.word}"
