"""The tree of our exceptions.

VoltyardError
    UsageError          a person's mistake on the command line (exit 2)
        FileProblems    one or more findings in files from people, each FILE:LINE: KEY: what; what would be right
    BenchError          the bench's own fault or its surroundings' (exit 3)
        Unreachable     a counterpart was never reached (refused, silent, not speaking the protocol)
        PortInUse       an address we were asked to serve is taken
        FolderInUse     a state folder belongs to another station that is up
        RecordingFailed the run's recording could not be written (disk full, folder not writable)
        PlanStorm       a twin never came to rest at one instant
        ToleranceMissed a planned segment cannot be made as exact as it has to be
        BooksOpen       a truth book did not close
    DuplicateName       a registry name was taken twice
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "BenchError",
    "BooksOpen",
    "DuplicateName",
    "FileProblem",
    "FileProblems",
    "FolderInUse",
    "PlanStorm",
    "PortInUse",
    "RecordingFailed",
    "ToleranceMissed",
    "Unreachable",
    "UsageError",
    "VoltyardError",
]


class VoltyardError(Exception):
    """Root of every exception that Voltyard raises on purpose."""


class UsageError(VoltyardError):
    """A person's mistake: the message says what, where and what would be right (exit code 2)."""


@dataclass(frozen=True, slots=True)
class FileProblem:
    """One finding in a file: `line` counts from 1 (0 when the whole file is meant), `key` is the dotted path."""

    file: str
    line: int
    key: str
    what: str
    right: str = ""

    def __str__(self) -> str:
        """The contract's form: `FILE:LINE: KEY.PATH: what is wrong; what would be right`."""
        where = f"{self.file}:{self.line}" if self.line else self.file
        key = f" {self.key}:" if self.key else ""
        right = f"; {self.right}" if self.right else ""
        return f"{where}:{key} {self.what}{right}"


class FileProblems(UsageError):
    """Every problem found in the files, all at once, in file and line order."""

    def __init__(self, problems: list[FileProblem]) -> None:
        self.problems = sorted(problems, key=lambda problem: (problem.file, problem.line, problem.key))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class BenchError(VoltyardError):
    """The bench could not do its work: the run ends as `error` (exit code 3), what was recorded is kept."""


class Unreachable(BenchError):
    """A counterpart could not be reached; the message names its address."""


class PortInUse(BenchError):
    """An address to be served is already taken; the message names it."""


class FolderInUse(BenchError):
    """A state folder is held by another process; the message names both."""


class RecordingFailed(BenchError):
    """The recording could not be written; the message names the file and the cause."""


class PlanStorm(BenchError):
    """A twin asked to be planned without end at one instant; the message names it."""


class ToleranceMissed(BenchError):
    """No segment of a plan keeps within its tolerance; the message names the state that it was planned from."""


class BooksOpen(BenchError):
    """A truth book did not close; the message names the book and its residual."""


class DuplicateName(VoltyardError):
    """A registry already knows this name."""
