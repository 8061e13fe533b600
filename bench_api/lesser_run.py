"""`voltyard run` as the child of a station that is up: it gives way to the station, and ends in order with it.

Its parent holds the other end of its standard input, which the system closes however the parent ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

from hil.listening import TOKEN_VARIABLE

__all__ = ["begin_run"]

_NICER: Final = 10
_NICEST: Final = 19


def begin_run(words: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Begin `voltyard run` with these words; what it says goes into `log`. Raises OSError."""
    home = str(Path(__file__).resolve().parents[1])
    env = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, (home, env.get("PYTHONPATH", ""))))
    # -P: a stranger's `sim` in the working folder must not stand in for ours.
    command = [sys.executable, "-P", "-m", "bench_api.lesser_run", "run", *words]
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as said:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said, env=env, process_group=0
        )
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, process.pid, min(os.getpriority(os.PRIO_PROCESS, 0) + _NICER, _NICEST))
    return process


def _end_with_parent() -> None:
    while os.read(0, 4_096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """The command line of the child."""
    from bench_api.cli import main as command

    threading.Thread(target=_end_with_parent, daemon=True).start()
    command()


if __name__ == "__main__":
    main()
