"""`make soak`: the brief variant of every shipped scenario in real pace, on sockets against the embedded CSMS.

Several run at once, each in a process of its own. Prints one line a scenario and exits 1 if one does not pass.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scenarios.loader import scenario_names

_AT_ONCE = 8


def play(name: str, folder: Path) -> tuple[str, str, float]:
    """The scenario's name, how it ended, and how late it was at the 99th percentile (ms)."""
    words = ["-m", "voltyard", "run", name, "--brief", "--pace", "real", "--record", "kpi", "--out", str(folder / name)]
    done = subprocess.run([sys.executable, *words, "--json"], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1, 4):
        return name, done.stderr.strip().splitlines()[-1], 0.0
    document = json.loads(done.stdout)
    failed = [row["id"] for row in document["expectations"] if row["verdict"] == "fail"]
    return name, " ".join([document["verdict"], *failed]), document["lateness_ms"]["p99"]


def main() -> int:
    """Play those named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[], help="scenarios; all, if left out")
    names = parser.parse_args().names or scenario_names()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(_AT_ONCE) as pool:
        rows = list(pool.map(lambda name: play(name, Path(folder)), names))
    for name, verdict, late_ms in rows:
        sys.stdout.write(f"{name:<24} {verdict:<12} late p99 {late_ms:.1f} ms\n")
    return 0 if all(verdict == "pass" for _, verdict, _ in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
