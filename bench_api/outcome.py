"""The end of a run: its books, key figures and verdict; written into the run's folder for people and machines."""

from __future__ import annotations

import importlib.metadata
import json
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from bench_api.provenance import weather_note
from bench_api.wire_facts import WireFacts, wire_facts
from hil.lateness import Lateness
from scenarios.judgement import Judgement
from scenarios.verdict import EXIT_CODES, judgement_row, junit, overall
from sim.errors import BooksOpen, RecordingFailed, VoltyardError
from sim.faults import InjectedFault
from sim.units import SimTime
from twins.books import EnergyBook, energy_book
from twins.device_book import device_books, instrument_gaps, register_books, register_steps
from twins.links import Link
from twins.meter_book import explained_meters, unexplained_meters

if TYPE_CHECKING:
    from bench_api.bench import Bench
    from twins.station import Station

__all__ = ["Outcome", "conclude"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """`document` is verdict.json; `findings` are the books' by name and `wire` the wire's, empty where in order."""

    document: dict[str, Any]
    findings: dict[str, str]
    wire: dict[str, str]

    @property
    def exit_code(self) -> int:
        """As the contract fixes it."""
        return EXIT_CODES[self.document["verdict"]]


def conclude(bench: Bench, failure: Exception | None, wall_s: float, cpu_s: float) -> Outcome:
    """Draw up the verdict, keep what was recorded, write the files."""
    kernel, plan, now = bench.kernel, bench.plan, bench.kernel.now
    judgements: list[Judgement] = []
    books: dict[str, Any] = {}
    findings: dict[str, str] = {}
    kpis: dict[str, float | None] = {}
    digests = ("", "")
    wire = WireFacts()
    try:
        wire = wire_facts(bench.endpoint, kernel.clock, now)
        try:
            books, findings = _books(bench, wire.refused)
        finally:
            judgements = [*bench.judge.finish(now, books), *bench.run_.steadiness.finish()]
        figures = bench.run_.station.kpis.figures(now)
        kpis = {figure.name: figure.value for figure in figures}
        digests = kernel.digest.finish(now, kernel.signals.values())
        _check_books(books)
        bench.record_open_sessions()
        for figure in figures:
            if figure.value is not None:
                bench.recorder.kpi(figure.name, figure.value, figure.unit)
        for one in judgements:
            row = judgement_row(one)
            title = json.dumps(row["title"], ensure_ascii=False) if row["title"] else one.id
            bench.recorder.verdict((one.id, one.verdict, one.t_s, title, json.dumps(row["evidence"])))
    except Exception as error:
        failure = failure or error
    try:
        bench.recorder.meta({"simulated_s": now, "digest": digests[0], "event_digest": digests[1]})
        if note := weather_note(bench.run_.station.weather):
            bench.recorder.meta({"weather_note": note})
        bench.recorder.close(now)
    except RecordingFailed as error:
        failure = failure or error
    never_met = bench.run_.station.faults.never_met()
    verdict = overall(
        judgements,
        has_wrong_books=any(findings.values()) or any(wire.findings.values()),
        is_error=failure is not None,
        is_aborted=bench.is_aborted,
        never_met=len(never_met),
        is_unsteady=bench.run_.steadiness.is_missing,
    )
    document = {
        "schema": 1, "voltyard": importlib.metadata.version("voltyard"), "verdict": verdict,
        "scenario": plan.loaded.document.path.stem, "station": plan.loaded.station.path.stem, "seed": plan.seed,
        "pace": plan.pace.name, "digest": digests[0], "event_digest": digests[1], "simulated_s": now,
        "wall_s": round(wall_s, 3), "cpu_s": round(cpu_s, 3), "run_dir": str(plan.out), "books": books, "kpis": kpis,
        "lateness_ms": (bench.loop.lateness if bench.loop is not None else Lateness()).figures(),
        "unsolicited": bench.unsolicited,
        "expectations": [judgement_row(one) for one in judgements],
    }  # fmt: skip
    if bench.run_.timeline.waiting:
        document["notes"] = [f"{path}: its condition never came true" for path in bench.run_.timeline.waiting]
    if wire.document is not None:
        document["wire"] = wire.document
    if failure is not None:
        document["error"] = _said(failure)
    elif reason := "; ".join([*_reasons(verdict, findings, wire, never_met), *_unsteady(judgements)]):
        document["reason"] = reason
    outcome = Outcome(document, findings, wire.findings)
    _write(outcome, plan.out, lambda t_s: f"{kernel.clock.local(SimTime(t_s)):%Y-%m-%d %H:%M:%S}")
    return outcome


def _reasons(
    verdict: str, findings: dict[str, str], wire: WireFacts, never_met: Sequence[InjectedFault]
) -> Iterator[str]:
    """Why a run did not pass, beside its expectations."""
    yield from filter(None, (*findings.values(), wire.findings.get("link")))
    if verdict in ("fail", "inconclusive"):
        yield from wire.refusals
    if not any(findings.values()):
        yield from filter(None, (wire.findings.get("conformance"),))
        yield from (f"{one.id} never met its target {one.target}" for one in never_met)


def _unsteady(judgements: Sequence[Judgement]) -> Iterator[str]:
    """What was not steady before anything was done."""
    for one in judgements:
        if one.id.endswith(".before") and one.verdict == "not_judged":
            yield from one.notes


def _books(bench: Bench, refused: str) -> tuple[dict[str, Any], dict[str, str]]:
    now, station = bench.kernel.now, bench.run_.station
    energy = energy_book(station, now)
    if bench.endpoint is not None:
        book = bench.endpoint.message_book()
        messages = {
            name: getattr(book, name) for name in ("started", "stopped", "open", "lost", "doubled", "misordered")
        }
        undelivered, owed = book.undelivered, bench.endpoint.undelivered()
    else:
        local = bench.platform
        messages = {"started": local.begun, "stopped": local.stopped, "open": len(local.open), "lost": 0,
                    "doubled": 0, "misordered": local.misordered}  # fmt: skip
        undelivered, owed = 0, []
    money = station.money.document(now)
    unexplained = [*station.money.check(now), *unexplained_meters(station, now)]
    books = {"energy": asdict(energy), "money": money, "periods": station.money.periods(), "messages": messages,
             "undelivered": owed, "unexplained": unexplained}  # fmt: skip
    if explained := explained_meters(station, now):
        books["explained"] = [asdict(one) for one in explained]
    if devices := device_books(station, now):
        books["devices"] = [asdict(device) for device in devices]
    if gaps := instrument_gaps(station):
        books["gaps"] = [asdict(gap) for gap in gaps]
    if registers := register_books(station, now):
        books["registers"] = [asdict(register) for register in registers]
    if steps := register_steps(station):
        books["register_steps"] = [asdict(step) for step in steps]
    wrong = [f"{messages[name]} {name}" for name in ("lost", "doubled", "misordered") if messages[name]]
    if messages["lost"] and refused:
        wrong[0] += f" ({refused})"
    if undelivered:
        wrong.append(f"{undelivered} ended, but the CSMS has not taken their end")
    if wrong:
        wrong[-1] += _behind(station)
    if messages["started"] != messages["stopped"] + messages["open"]:
        wrong.append("started, stopped and open do not add up")
    findings = {"energy": "", "money": "", "messages": "transactions: " + ", ".join(wrong) if wrong else ""}
    return books, findings


def _behind(station: Station) -> str:
    """The faults that have leaned on wires: what they may have kept from the CSMS, or said twice."""
    acted = [one.id for one in station.faults.injected.values() if one.spec.hits is Link and one.state != "armed"]
    return f"; behind it: {', '.join(acted)}" if acted else ""


def _check_books(books: dict[str, Any]) -> None:
    """Raise `BooksOpen` for an energy book that does not close and for what nothing explains."""
    EnergyBook(**books["energy"]).check()
    if books["unexplained"]:
        raise BooksOpen("the books do not close: " + "; ".join(books["unexplained"]))


def _said(failure: Exception) -> str:
    """Our own errors speak for themselves; anything else is a bug, and its trace goes to the log."""
    if isinstance(failure, VoltyardError):
        return str(failure)
    log = structlog.wrap_logger(structlog.PrintLogger(sys.stderr))
    log.error("run failed", trace="".join(traceback.format_exception(failure)))
    return f"a fault of the bench: {type(failure).__name__}: {failure}"


def _write(outcome: Outcome, out: Path, at: Callable[[float], str]) -> None:
    try:
        text = json.dumps(outcome.document, ensure_ascii=False, indent=2)
        (out / "verdict.json").write_text(text + "\n", encoding="utf-8")
        (out / "junit.xml").write_text(junit(outcome.document, outcome.findings, outcome.wire, at), encoding="utf-8")
    except OSError as error:
        outcome.document.setdefault("error", f"{out}: the verdict cannot be written ({error})")
        outcome.document["verdict"] = "error"
