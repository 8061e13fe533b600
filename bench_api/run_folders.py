"""The folders of a run: its state belongs to one station at a time, and an earlier recording is not lost unsaid."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sim.errors import FolderInUse, UsageError

__all__ = ["RUN_FILES", "held", "keep_earlier"]

RUN_FILES: Final = (
    "run.sqlite", "run.sqlite-wal", "run.sqlite-shm", "csms.sqlite", "csms.sqlite-wal", "csms.sqlite-shm",
    "verdict.json", "junit.xml", "report.html", "plots", "export", "rest-runs",
)  # fmt: skip
"""What a run leaves in its folder. What `state` holds is the station's, not the run's, and stays."""

_LOCK: Final = "station.lock"


@contextmanager
def held(state: Path, who: str) -> Iterator[None]:
    """Hold a state folder for this process; the system lets go of it however the process ends.

    `who` is told to others that want it. Raises `FolderInUse` when another process holds it, and `UsageError` when it
    cannot be made a folder.
    """
    path = state / _LOCK
    try:
        state.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise UsageError(f"{state}: cannot be made a folder ({error.strerror or error}); give another") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(descriptor, 500, 0).decode(errors="replace").strip() or "another process"
            raise FolderInUse(f"--state {state}: held by {holder}; end that one, or give another folder") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} ({who})\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def keep_earlier(out: Path) -> Path | None:
    """Move what an earlier run left in this folder into `earlier-N` below it; where to, None if there was no run."""
    if not (out / "run.sqlite").exists():
        return None
    number = 1
    while (out / f"earlier-{number}").exists():
        number += 1
    kept = out / f"earlier-{number}"
    try:
        kept.mkdir()
        for name in RUN_FILES:
            if (out / name).exists():
                (out / name).rename(kept / name)
    except OSError as error:
        raise UsageError(f"--out {out}: its earlier run cannot be moved ({error.strerror or error})") from None
    return kept
