"""From the words of the command line to a run: its plan, its progress, its report, what is said at the end."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from bench_api.bench import Bench, Plan
from bench_api.endpoint_rows import Row, endpoint_lines
from bench_api.outcome import Outcome
from bench_api.paces import Pace, check_wire, read_pace
from bench_api.ports import modbus_sockets, still_ports
from bench_api.progress import RunProgress
from bench_api.provenance import restore_queue, restored, restored_slots
from bench_api.replay import replay_into
from bench_api.report import write_report
from bench_api.rest_face import RestPort
from bench_api.run_folders import held
from bench_api.socket_play import Serving
from bench_api.summary import markdown
from hil.listening import bound
from hil.modbus.tls import tls_problems
from hil.ocpp.csms.manners import read_manner
from hil.ocpp.transport import without_credentials
from scenarios.grid import read_changes
from scenarios.loader import LoadedScenario, find_scenario, load_scenario
from scenarios.slots import find_slots, load_slots
from sim.errors import FileProblems, UsageError
from sim.reading import Run
from sim.recording import LEVELS

__all__ = ["FACES", "finish", "plan_of", "replay", "run"]

_BRIEF = ", its brief variant"
FACES = ("modbus", "rest")
"""What a run may show beside its face to the platform."""


def run(
    scenario: str,
    pace: str | None,
    seed: int | None,
    csms: str | None,
    record: str,
    out: Path | None,
    state: Path | None,
    junit: Path | None,
    summary: Path | None = None,
    *,
    slots: str | None = None,
    manner: str | None = None,
    faces: str | None = None,
    changes: Sequence[str] = (),
    is_sabotaged: bool = False,
    is_brief: bool = False,
    as_json: bool,
) -> int:
    """Play a scenario and say how it went; the exit code of the contract.

    `faces`, `modbus` and `rest` with a comma between, are open meanwhile on this machine; REST takes any free port.
    """
    loaded = load_scenario(
        find_scenario(scenario), changes=read_changes(changes), is_sabotaged=is_sabotaged, is_brief=is_brief
    )
    if problems := list(tls_problems(loaded.station)):
        raise FileProblems(problems)
    if pace is None:
        pace = "real" if slots is not None else "lockstep" if csms else "fast"
    chosen = read_pace(pace)
    check_wire(chosen, csms, loaded)
    command = _typed(scenario, changes, is_sabotaged, is_brief)
    plan = plan_of(loaded, chosen, seed, csms, record, out, state, command, slots, manner)
    name, folder = loaded.document.path.stem, plan.out
    against = f"against {plan.tested}" if chosen.has_wire else "without sockets"
    sys.stderr.write(f"{name}: {loaded.document.value.duration_h:g} h at {loaded.station.path.stem},"
                     f" pace {chosen.name}, {against}{_BRIEF if is_brief else ''}; into {folder}\n")  # fmt: skip
    sabotage = loaded.document.value.sabotage
    if is_sabotaged and sabotage is not None:
        sys.stderr.write(f"sabotaged, {sabotage.title.en}: {', '.join(sabotage.fails)} must fail\n")
    holding = held(plan.state, f"voltyard run {scenario}") if chosen.has_wire else nullcontext()
    with _shown(faces, loaded, chosen) as serving, holding, RunProgress() as progress:
        if (folder / "run.sqlite").exists():
            sys.stderr.write(f"{folder}: the earlier run there is overwritten\n")
        outcome = Bench(replace(plan, serving=serving), progress).run()
    if junit is not None:
        _copy(folder / "junit.xml", junit)
    report = finish(outcome, folder, as_json=as_json)
    if summary is not None:
        again = plan.command.replace("--csms URL", f"--csms {without_credentials(csms)[0]}") if csms else plan.command
        _written(summary, markdown(outcome.document, folder, again, report))
    return outcome.exit_code


@contextmanager
def _shown(faces: str | None, loaded: LoadedScenario, pace: Pace) -> Iterator[Serving | None]:
    """What is open beside the face to the platform, bound before the run begins; None where nothing is."""
    names = faces.split(",") if faces else []
    if wrong := [name for name in names if name not in FACES]:
        raise UsageError(f"--faces {faces}: {wrong[0]!r} is none; {' or '.join(FACES)}, or both with a comma")
    if not names:
        yield None
        return
    if not pace.has_wire:
        raise UsageError(f"--faces {faces} needs sockets, and --pace {pace.name} opens none; use lockstep or real")
    ports = still_ports(loaded.station) if "modbus" in names else []
    if "modbus" in names and not ports:
        raise UsageError(f"--faces {faces}: {loaded.station.path} has no endpoint of kind modbus; add one")
    with ExitStack() as taken:
        rest = None
        if "rest" in names:
            rest = RestPort(taken.enter_context(bound("127.0.0.1", 0)), "127.0.0.1", None)
        modbus = taken.enter_context(modbus_sockets(ports, has_free_ports=False))
        yield Serving(rest, _told, modbus)


def _told(wires: list[Row], _csms: str | None) -> None:
    sys.stderr.write("\n".join(endpoint_lines(wires)) + "\n")
    sys.stderr.flush()


def _typed(scenario: str, changes: Sequence[str], is_sabotaged: bool, is_brief: bool) -> str:
    """What the person typed, so that the report can say how to play it again."""
    words = [f"--set {word}" for word in changes] + ["--sabotage"] * is_sabotaged + ["--brief"] * is_brief
    return " ".join(["run", scenario, *words])


def plan_of(
    loaded: LoadedScenario,
    pace: Pace,
    seed: int | None,
    csms: str | None,
    record: str,
    out: Path | None,
    state: Path | None,
    command: str,
    slots: str | None = None,
    manner: str | None = None,
) -> Plan:
    """The plan that options make; UsageError where one cannot be. `command` is what the person typed first."""
    if slots is not None and pace.name != "real":
        raise UsageError(f"--slots: devices live by the wall clock, not by --pace {pace.name}; use real")
    devices = load_slots(find_slots(slots), loaded) if slots is not None else None
    if csms is not None and not csms.startswith(("ws://", "wss://")):
        raise UsageError(f"--csms {csms!r}: an address that begins with ws:// or wss:// is needed")
    if manner is not None:
        read_manner(manner)
        if csms is not None or not pace.has_wire:
            raise UsageError(f"--manner {manner}: it is that of the embedded CSMS; use it with a wire, without --csms")
    in_file = loaded.document.value.platform
    if in_file is not None:
        try:
            read_manner(in_file)
        except UsageError as error:
            what, _, right = str(error).partition("; ")
            raise FileProblems([loaded.document.problem("platform", what, right)]) from None
    if record not in LEVELS:
        raise UsageError(f"--record {record!r}: one of {', '.join(LEVELS)}")
    if seed is not None and not 0 <= seed <= 2**53:
        raise UsageError(f"--seed {seed}: 0 to {2**53}")
    used = loaded.document.value.seed if seed is None else seed
    folder = out or Path("runs") / f"{loaded.document.path.stem}-{used}-{datetime.now():%Y%m%dT%H%M%S}"
    tested = ""
    if pace.has_wire and loaded.station.value.platform_face is not None:
        tested = without_credentials(csms)[0] if csms is not None else "the embedded CSMS (another process)"
    more = (" --csms URL" if csms else "") + (f" --slots {slots}" if slots else "")
    more += f" --manner {manner}" if manner else ""
    told = f"voltyard {command} --pace {pace.name} --seed {used}{more}"
    return Plan(loaded=loaded, pace=pace, seed=used, out=folder, state=state or folder / "state", record=record,
                csms=csms, command=told, tested=tested, slots=devices,
                manner=manner or in_file or "plain")  # fmt: skip


def replay(recording: Path, out: Path | None, *, as_json: bool) -> int:
    """Repeat a recorded run from its commands; 0 when the digest is the recorded one."""
    with Run(recording) as recorded, tempfile.TemporaryDirectory() as scratch:
        loaded = restored(recorded, Path(scratch))
        meta = recorded.meta
        if not meta.get("digest"):
            raise UsageError(f"{recorded.path}: the run did not end in order and has no digest to compare with")
        folder = out or Path(scratch) / "replay"
        plan = Plan(
            loaded=loaded, pace=read_pace(meta["pace"]), seed=int(meta["seed"]), out=folder,
            state=Path(scratch) / "state", record="all" if out is not None else "kpi",
            vehicles=meta.get("file_vehicles", ""), slots=restored_slots(recorded, Path(scratch)),
            is_endless=meta.get("is_endless") == "true", is_repeated=True,
        )  # fmt: skip
        plan.state.mkdir()
        restore_queue(recorded, plan.state)
        with RunProgress() as progress:
            bench = Bench(plan, progress)
            outcome = bench.run(lambda: replay_into(bench, recorded))
        is_same = outcome.document["digest"] == meta["digest"]
        outcome.document["recorded_digest"] = meta["digest"]
    finish(outcome, folder if out is not None else None, as_json=as_json)
    sys.stderr.write(f"replay: the digest is {'the recorded one' if is_same else 'NOT the recorded one'}\n")
    return 0 if is_same else 1


def finish(outcome: Outcome, folder: Path | None, *, as_json: bool) -> Path | None:
    """Write the report of a run into its folder, and say how it went; where the report is, if there is one."""
    document = outcome.document
    report: Path | None = None
    if folder is not None and (folder / "run.sqlite").exists():
        try:
            report = write_report(folder)
        except UsageError as error:
            sys.stderr.write(f"voltyard: no report: {error}\n")
    if as_json:
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    sys.stderr.write(_summary(document, report))
    return report


def _summary(document: dict[str, Any], report: Path | None) -> str:
    kpis, messages = document["kpis"], document["books"].get("messages", {})
    lines = [f"{document['scenario']} on {document['station']}, seed {document['seed']}, {document['pace']}:"
             f" {document['verdict'].upper()}"]  # fmt: skip
    reason = document.get("reason", "")
    lines += [f"  {text}" for text in (document.get("error"), reason) if text]
    if kpis:
        lines.append(f"  {kpis['arrivals']} arrived, {kpis['served']} served, {kpis['energy_kwh']:.1f} kWh,"
                     f" peak {kpis['peak_kw']:.1f} kW")  # fmt: skip
    if messages:
        lines.append("  transactions: " + ", ".join(f"{value} {name}" for name, value in messages.items()))
    for row in document["expectations"] if document["verdict"] != "error" else ():
        if row["verdict"] == "not_judged":
            notes = "; ".join(note for note in row["evidence"] if isinstance(note, str))
            lines.append(f"  not judged: {row['id']}: {notes or 'nothing to judge'}")
        elif row["verdict"] != "pass":
            lines.append(f"  {row['verdict']}: {row['id']}: expected {_said(row['bound'], row['unit'])},"
                         f" observed {_said(row['observed'], row['unit'])}")  # fmt: skip
    lines += [f"  note: {text}" for text in document.get("notes", ())]
    lines += [f"  {text}" for text in document.get("wire", {}).get("said", ()) if text not in reason]
    lines.append(f"  {document['simulated_s'] / 3600:.1f} h in {document['wall_s']:.2f} s,"
                 f" event digest {document['event_digest'][:16]}")  # fmt: skip
    if report is not None:
        lines.append(f"  report: {report}")
    return "\n".join(lines) + "\n"


def _said(value: Any, unit: str) -> str:
    if value is None:
        return "nothing"
    return f"{value:.6g} {unit}".rstrip() if isinstance(value, int | float) else str(value)


def _copy(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    except OSError as error:
        raise UsageError(f"--junit {target}: cannot be written ({error.strerror or error})") from None


def _written(target: Path, text: str) -> None:
    """Added to what stands there: a CI job has one page for all its steps."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"--summary {target}: cannot be written ({error.strerror or error})") from None
