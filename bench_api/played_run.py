"""A scenario played by `voltyard run` in another process, and what a test learns of it."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import voltyard
from bench_api.summary import findings
from bench_api.unmet import Refused
from sim.reading import Run, SessionRow

__all__ = ["PlayedRun", "play"]


@dataclass(frozen=True, slots=True, repr=False)
class PlayedRun:
    """`document` is verdict.json, `folder` the run's, `command` what repeats it, `said` what it told on the way."""

    document: dict[str, Any]
    folder: Path
    command: str
    said: str

    @property
    def verdict(self) -> str:
        """One of pass, fail, error, inconclusive, aborted."""
        return str(self.document["verdict"])

    @property
    def has_passed(self) -> bool:
        """Whether the verdict is pass."""
        return self.verdict == "pass"

    @property
    def failed(self) -> dict[str, dict[str, Any]]:
        """The expectations that failed, by id."""
        return {row["id"]: row for row in self.document["expectations"] if row["verdict"] == "fail"}

    def sessions(self) -> list[SessionRow]:
        """Every car of the run, by arrival: times (s), charge (%), energy (kWh), outcome."""
        with Run(self.folder) as run:
            return list(run.sessions())

    def expect(self, verdict: str = "pass") -> None:
        """Raise AssertionError with all that speaks against it, unless the verdict is this one."""
        if self.verdict != verdict:
            raise AssertionError(f"expected {verdict}: {self}")

    def __bool__(self) -> bool:
        """As `has_passed`, for `assert run`."""
        return self.has_passed

    def __repr__(self) -> str:
        """The verdict with what led to it, and the command that repeats the run."""
        facts = [f"  {one.name}: {one.text}" + "".join(f"\n      {line}" for line in one.evidence)
                 for one in findings(self.document, self.folder)]  # fmt: skip
        head = f"{self.document['scenario']}, seed {self.document['seed']}: {self.verdict.upper()}"
        return "\n".join([head, *facts, f"  report: {self.folder / 'report.html'}", f"  again: {self.command}"])


def play(
    scenario: str | Path, folder: Path, *, csms: str | None = None, pace: str | None = None, seed: int | None = None,
    slots: str | Path | None = None,
) -> PlayedRun:  # fmt: skip
    """Play it to its end; `Refused` with what was said where no run came about (bad file, bad usage)."""
    words = ["run", str(scenario)]
    for option, value in (("--csms", csms), ("--pace", pace), ("--seed", seed), ("--slots", slots)):
        words += [option, str(value)] if value is not None else []
    command = [sys.executable, "-P", str(Path(voltyard.__file__)), *words, "--json", "--out", str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        document = json.loads(ended.stdout)
    except ValueError:
        raise Refused(ended.stderr.strip() or f"voltyard ended with exit code {ended.returncode}") from None
    return PlayedRun(document, folder, shlex.join(["voltyard", *words]), ended.stderr)
