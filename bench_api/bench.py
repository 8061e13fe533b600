"""The composition root: a scenario, its station, what stands behind the platform's port, a pace, a recording.

One run is one call of `Bench.run`; whatever ends it, what was recorded and a verdict stay behind.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from math import inf
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from bench_api.heat_levels import heat_levels
from bench_api.outcome import Outcome, conclude
from bench_api.paces import Pace
from bench_api.provenance import provenance, queue_snapshot
from bench_api.socket_play import Serving, play_on_sockets
from hil.loop import Loop
from hil.ocpp.endpoint import OcppEndpoint
from hil.ocpp.queue import TransactionQueue
from hil.slots import map_problems
from scenarios.catalogue import subjects_that_fit
from scenarios.judge import Judge
from scenarios.loader import LoadedScenario
from scenarios.runner import ScenarioRun
from sim.errors import FileProblems, UsageError
from sim.files import Document
from sim.kernel import Kernel
from sim.recording import SESSION_COLUMNS, Recorder
from sim.units import SimTime
from twins.platform import LocalPlatform
from twins.slot_file import SlotFile, without_passwords
from twins.visits import Session

__all__ = ["Bench", "Plan"]

_SLICE_S: Final = 600.0
_TIMEOUT_S: Final = 30.0
_columns = attrgetter(*SESSION_COLUMNS)
Progress = Callable[[SimTime, SimTime], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be run: `out` is the run's folder, `state` holds what a restart needs, `csms` an address or None.

    `slots` says which things are devices. `vehicles` is the text of a replayed table that is in no file any more;
    `tested` says whom it is played against, `manner` how the embedded CSMS is run. Where `is_endless` the station
    lives on after the scenario's duration, until it is told to stop; with `is_repeated` the scenario's deeds come from
    a recording. `serving` says which faces it has meanwhile, beside that to its platform.
    """

    loaded: LoadedScenario
    pace: Pace
    seed: int
    out: Path
    state: Path
    record: str = "all"
    csms: str | None = None
    settle_ms: float | None = None
    patience_s: float = 5.0
    command: str = ""
    tested: str = ""
    vehicles: str | None = None
    slots: Document[SlotFile] | None = None
    manner: str = "plain"
    is_endless: bool = False
    is_repeated: bool = False
    serving: Serving | None = None


class Bench:
    """One run being put together, driven and concluded."""

    def __init__(self, plan: Plan, progress: Progress = lambda _now, _until: None) -> None:
        """Builds everything up to the sockets; raises what is wrong with folders and files."""
        self.plan = plan
        self.progress = progress
        self._is_stopped = False
        self.loop: Loop | None = None
        loaded = plan.loaded
        self.kernel = Kernel(loaded.clock, plan.seed)
        self.recorder = Recorder(_folder(plan.out) / "run.sqlite", plan.record)
        self.queue: TransactionQueue | None = None
        self.endpoint: OcppEndpoint | None = None
        self.call_timeout_s = inf
        facts = provenance(loaded, plan.seed, plan.pace.name, plan.record, plan.command, plan.vehicles)
        facts |= {"tested": plan.tested, "run_at": datetime.now().astimezone().isoformat(timespec="minutes")}
        facts |= {"is_endless": plan.is_endless}
        if plan.pace.has_wire and loaded.station.value.platform_face is not None:
            path = _folder(plan.state) / "queue.sqlite"
            facts |= queue_snapshot(path)
            self.queue = TransactionQueue(path)
            # Far faster than real, a call still gets `patience_s` of wall time.
            self.call_timeout_s = max(_TIMEOUT_S, plan.patience_s * (plan.pace.factor or 0.0))
            self.endpoint = OcppEndpoint(
                self.kernel,
                self.queue,
                self.recorder.frame,
                patience_s=plan.patience_s,
                timeout_s=self.call_timeout_s,
                obeys_clock=plan.pace.name == "real",
                is_patient=plan.is_endless,
            )
        self.recorder.meta(facts)
        self.recorder.flush(self.kernel.now)  # whatever comes, the file says what it is of
        self.platform = LocalPlatform(self.kernel)
        devices = plan.slots.value.devices if plan.slots is not None else {}
        if plan.slots is not None:
            self.recorder.meta({"file_slots": without_passwords(plan.slots)})
        platform = self.endpoint or self.platform
        self.run_ = ScenarioRun(
            self.kernel, loaded, platform, devices, is_endless=plan.is_endless, is_repeated=plan.is_repeated
        )
        if plan.slots is not None and (problems := map_problems(plan.slots, self.run_.station)):
            raise FileProblems(problems)
        self.judge = Judge(
            self.kernel,
            loaded.document.value,
            loaded.clock,
            has_wire=plan.pace.has_wire,
            has_devices=bool(devices),
            fitting=lambda glob: subjects_that_fit(self.run_.station, glob),
        )
        self.recorder.meta({"heat_levels": heat_levels(self.run_.station)})
        self.run_.arm()
        self.recorder.attach(self.kernel)
        self._unnumbered: dict[str, Session] = {}
        self.run_.station.visits.on_session = self._over
        self.run_.station.charging.on_session = self.run_.station.guests.on_session = self._plugged
        self.kernel.subscribe(lambda event: self._numbered(event.data), "wire.transaction")

    def run(self, play: Callable[[], None] | None = None) -> Outcome:
        """Play it to the end and conclude; never raises for what went wrong on the way.

        `play` drives the kernel instead of the plan's pace.
        """
        began_s, cpu_s = time.perf_counter(), time.process_time()
        failure: Exception | None = None
        before = {number: signal.signal(number, self._told) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            (play or self._play)()
        except Exception as error:  # a fault of ours ends the run as `error`, with everything recorded kept
            failure = error
        finally:
            failure = failure or self.restore()
            for number, handler in before.items():
                signal.signal(number, handler)
        try:
            return conclude(self, failure, time.perf_counter() - began_s, time.process_time() - cpu_s)
        finally:
            if self.queue is not None:
                self.queue.close()

    def stop(self) -> None:
        """End the run at the next step, in order; from any thread."""
        self._is_stopped = True
        if self.loop is not None:
            self.loop.stop()

    def restore(self) -> Exception | None:
        """Take the scenario's way back where it was not taken, as far as the kernel still answers; what went wrong."""
        try:
            self.run_.restore()
            self.kernel.advance(self.kernel.now)
        except Exception as error:
            return error
        return None

    @property
    def is_stopped(self) -> bool:
        """Whether a person ended the run."""
        return self._is_stopped

    @property
    def is_aborted(self) -> bool:
        """Whether a person ended it early; one without an end is ended so in order."""
        return self._is_stopped and not self.plan.is_endless

    @property
    def unsolicited(self) -> int:
        """Commands of the platform that came after the clock had moved on."""
        return self.loop.unsolicited if self.loop is not None else 0

    def record_open_sessions(self) -> None:
        """Keep the rows of those who are still here as they stand."""
        station = self.run_.station
        for session in station.visits.present.values():
            if session.pile:
                station.settle(session)
            self._session(session)

    def _play(self) -> None:
        until, kernel = self.run_.duration_s, self.kernel
        if self.plan.pace.has_wire:
            play_on_sockets(self)
            return
        while not self._is_stopped and kernel.now < until:
            reached = SimTime(min(kernel.now + _SLICE_S, until))
            kernel.advance(reached)
            kernel.jump(reached)
            self.recorder.beat(reached)
            self.progress(reached, until)

    def _told(self, _number: int, _frame: object) -> None:
        self.stop()

    def _session(self, session: Session) -> None:
        self.recorder.session(_columns(session))

    def _plugged(self, session: Session) -> None:
        if self.endpoint is not None:
            self._unnumbered[session.id] = session
        self._session(session)

    def _over(self, session: Session) -> None:
        if session.transaction_id is not None or session.started_s is None:
            self._unnumbered.pop(session.id, None)
        self._session(session)

    def _numbered(self, data: Any) -> None:
        session = self._unnumbered.get(data["session"])
        if session is None:
            return
        session.transaction_id = data["transaction_id"]
        if session.left_s is not None:
            del self._unnumbered[session.id]
        self._session(session)


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{path}: cannot be made a folder ({error.strerror or error}); give another") from None
    return path
