"""What stands behind the pytest fixtures of `voltyard.py`: they end in order what a test has begun.

What a station did is added to the test's report, which pytest shows where the test has failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2

from bench_api.played_run import PlayedRun, play
from bench_api.station_process import StationProcess
from bench_api.stepped_station import SteppedStation
from hil.ocpp.csms.process import spawn

if TYPE_CHECKING:
    import pytest

__all__ = ["RunningCsms", "csms", "runs", "servers", "stations"]


@dataclass(frozen=True, slots=True)
class RunningCsms:
    """The embedded CSMS in a process: charge points connect at `url`, `rest` is a client of its REST face."""

    url: str
    rest_url: str
    rest: httpx2.Client


def stations(request: pytest.FixtureRequest, folder: Path) -> Iterator[Callable[..., SteppedStation]]:
    """Makes stations in this process."""
    made: list[SteppedStation] = []

    def station(scenario: str | Path, *, seed: int | None = None) -> SteppedStation:
        """A station of a scenario, a shipped name or a file, at its start."""
        made.append(SteppedStation(_path(request, scenario), folder / f"station-{len(made) + 1}", seed))
        return made[-1]

    yield station
    for one in made:
        verdict = one.finish()["verdict"]
        _attach(request, f"{one.trace()}\nstopped here: {verdict}; the run is in {one.folder}")


def servers(request: pytest.FixtureRequest, folder: Path) -> Iterator[Callable[..., StationProcess]]:
    """Makes stations in processes of their own."""
    made: list[StationProcess] = []

    def server(
        scenario: str | Path = "open-day", *, csms: str | None = None, pace: str = "real", seed: int | None = None
    ) -> StationProcess:
        """A station that is up, on free ports; against the embedded CSMS unless `csms` is the address of yours."""
        where = folder / f"server-{len(made) + 1}"
        made.append(StationProcess(_path(request, scenario), where, csms=csms, pace=pace, seed=seed))
        return made[-1]

    yield server
    for one in made:
        _attach(request, f"{one.trace()}\nthe run is in {one.folder}")
    for one in reversed(made):
        one.stop()


def runs(request: pytest.FixtureRequest, folder: Path) -> Iterator[Callable[..., PlayedRun]]:
    """Plays scenarios."""
    numbers = count(1)

    def run(
        scenario: str | Path, *, csms: str | None = None, pace: str | None = None, seed: int | None = None,
        slots: str | Path | None = None,
    ) -> PlayedRun:  # fmt: skip
        """Play a scenario to its end, against the CSMS at `csms` if that is given."""
        where = folder / f"run-{next(numbers)}"
        played = play(_path(request, scenario), where, csms=csms, pace=pace, seed=seed, slots=slots)
        _attach(request, f"{played}\n{played.said}")
        return played

    yield run


def csms() -> Iterator[RunningCsms]:
    """Keeps a CSMS up."""
    with spawn() as process, httpx2.Client(base_url=f"{process.api_url}/api/v1", timeout=30.0) as rest:
        yield RunningCsms(process.ocpp_url, process.api_url, rest)


def _path(request: pytest.FixtureRequest, scenario: str | Path) -> str | Path:
    """A file that stands beside the test is found wherever pytest was started."""
    beside: Any = request.path.parent / scenario
    return beside if beside.is_file() else scenario


def _attach(request: pytest.FixtureRequest, text: str) -> None:
    request.node.add_report_section("teardown", "voltyard", text)
