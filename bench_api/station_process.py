"""A station that `voltyard serve` keeps up on free ports in another process, with the words of a test to steer it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx2

import voltyard
from bench_api.unmet import Refused, event_line, is_sought, unmet
from sim.errors import BenchError
from sim.events import Event, Scalar
from sim.units import SimTime

__all__ = ["StationProcess"]

_POLL_S: Final = 0.02
_STOP_S: Final = 15.0
_TRACE: Final = 30
_SILENCE: Final = 2_000


class StationProcess:
    """A served station, with a client of its REST face (`rest`) and its run in `folder`.

    `endpoints` are the rows of its wires, `csms_rest_url` is where the embedded CSMS has its REST face, if it has one.
    """

    def __init__(
        self, scenario: str | Path, folder: Path, *, csms: str | None = None, pace: str = "real",
        seed: int | None = None,
    ) -> None:  # fmt: skip
        """Starts it and waits until all its faces are up; `Refused` when it does not come up, with what it said."""
        command = [sys.executable, "-P", str(Path(voltyard.__file__)), "serve", str(scenario), "--json", "--port", "0",
                   "--free-ports", "--pace", pace, "--out", str(folder)]  # fmt: skip
        command += ["--csms", csms] if csms is not None else []
        command += ["--seed", str(seed)] if seed is not None else []
        folder.parent.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._log = folder.with_suffix(".log")
        with self._log.open("wb") as said:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, process_group=0)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()  # ends with the process too
        if not line:
            self._process.wait()
            raise Refused(self.said() or "voltyard serve ended without a word")
        told = json.loads(line)
        self.endpoints: list[dict[str, Any]] = told["endpoints"]
        self.csms_rest_url: str | None = told["csms_rest"]
        self.rest_url: str = next(row["url"] for row in self.endpoints if row["protocol"] == "rest")
        self.rest = httpx2.Client(base_url=self.rest_url, timeout=30.0)

    @property
    def now_s(self) -> float:
        """Simulated seconds since the start."""
        return float(self._get("/health")["t_s"])

    def address(self, protocol: str, identity: str | None = None) -> str:
        """The URL of its first wire of that protocol (`rest`, `modbus-tcp`, `ocpp`), or of the one of this id."""
        for row in self.endpoints:
            if row["protocol"] == protocol and identity in (None, row["id"]):
                return str(row["url"])
        known = ", ".join(f"{row['protocol']} {row['id']}" for row in self.endpoints)
        raise Refused(f"no wire {protocol} {identity or ''}; known: {known}")

    def value(self, path: str) -> float | str | None:
        """A quantity now. Raises `Refused` for a path that nothing has."""
        value: float | str | None = self._get(f"/signals/{path}")["value"]
        return value

    def events(self, kind: str = "*", subject: str | None = None, *, after: int = 0, **data: Scalar) -> list[Event]:
        """What has happened so far, numbered above `after`, in its order, as far as the station remembers it."""
        found: list[Event] = []
        while True:
            page = self._get("/events", after=after, limit=10_000)
            found += [Event(row["seq"], SimTime(row["t_s"]), row["kind"], row["subject"], row["data"], row["cause"],
                            row["clause"]) for row in page["events"]]  # fmt: skip
            if len(page["events"]) < 10_000:
                return [event for event in found if is_sought(event, kind, subject, data)]
            after = page["next"]

    def wait_for_event(
        self, kind: str, subject: str | None = None, *, within_s: float = 30.0, after: int = 0, **data: Scalar
    ) -> Event:
        """The first such event numbered above `after`, waited for while `within_s` of the station's time pass.

        Raises AssertionError with the nearest events when it does not come.
        """
        end, seen = self.now_s + within_s, after
        while True:
            now = self.now_s  # before the look: what comes up to then is seen
            come = self.events(after=seen)
            for event in come:
                seen = event.seq
                if is_sought(event, kind, subject, data):
                    return event
            if now >= end:
                raise AssertionError(unmet(kind, subject, data, self.events(), now, within_s))
            time.sleep(_POLL_S)

    def inject(self, fault: str, target: str, *, id: str | None = None, **parameters: Scalar) -> str:
        """Inject a fault; how it is called from then on. Raises `Refused`."""
        body: dict[str, Any] = {"fault": fault, "target": target, "parameters": parameters}
        return str(self._answer("POST", "/faults/active", body | ({"id": id} if id is not None else {}))["id"])

    def clear(self, identity: str) -> None:
        """End a fault. Raises `Refused`."""
        self._answer("DELETE", f"/faults/active/{identity}")

    def do(self, deed: str, target: str, **args: Scalar) -> None:
        """Ask a thing to do something now. Raises `Refused` with the reason."""
        self._answer("POST", "/commands", {"verb": deed, "target": target, "args": args})

    def said(self) -> str:
        """The end of what the process has said."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-_SILENCE:].strip()

    def trace(self) -> str:
        """The latest events and what the process has said, for a person."""
        if self._process.poll() is not None:
            return f"the station has ended with exit code {self._process.returncode}; it said:\n{self.said()}"
        events = self.events()
        lines = [event_line(event) for event in events[-_TRACE:]]
        return "\n".join([f"the latest of {len(events)} events:", *lines, "it said:", self.said()])

    def stop(self) -> int:
        """End it in order; its exit code. What it recorded is in `folder`."""
        self.rest.close()
        if self._process.poll() is None:
            self._process.terminate()
        try:
            code = self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise BenchError(f"the station did not end within {_STOP_S:g} s: {self.said()}") from None
        finally:
            assert self._process.stdout is not None
            self._process.stdout.close()
        return code

    def _get(self, path: str, **params: Any) -> Any:
        return self._heard(self.rest.get(path, params=params))

    def _answer(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return self._heard(self.rest.request(method, path, json=body))

    def _heard(self, response: httpx2.Response) -> Any:
        if response.status_code >= 400:
            raise Refused(str(response.json().get("detail", response.text)))
        return response.json()
