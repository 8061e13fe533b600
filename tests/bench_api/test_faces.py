"""Faces: started in order, stopped the other way round whatever happens, and what failed first is what is told."""

from __future__ import annotations

import asyncio

import pytest

from bench_api.endpoint_rows import Row
from bench_api.faces import Faces


class Told:
    """A face that tells what it was asked to do, and fails where it is to."""

    def __init__(self, name: str, log: list[str], fails: str = "") -> None:
        self._name = name
        self._log = log
        self._fails = fails

    def rows(self) -> list[Row]:
        return [{"id": self._name}]

    async def start(self) -> None:
        self._do("start")

    async def stop(self) -> None:
        self._do("stop")

    def _do(self, what: str) -> None:
        self._log.append(f"{what} {self._name}")
        if self._fails == what:
            raise OSError(f"{what} {self._name}")


def lives(*faces: Told, fails: bool = False) -> None:
    async def live() -> None:
        async with Faces(faces) as up:
            assert [row["id"] for row in up.rows()] == ["a", "b"]
            if fails:
                raise KeyError("within")

    asyncio.run(live())


def test_the_last_started_is_the_first_stopped() -> None:
    log: list[str] = []
    lives(Told("a", log), Told("b", log))
    assert log == ["start a", "start b", "stop b", "stop a"]


def test_one_that_cannot_start_stops_the_others() -> None:
    log: list[str] = []
    with pytest.raises(OSError, match="start b"):
        lives(Told("a", log), Told("b", log, "start"))
    assert log == ["start a", "start b", "stop b", "stop a"]


@pytest.mark.parametrize(("fails", "error"), [(False, OSError), (True, KeyError)])
def test_one_that_cannot_stop_hides_nothing(fails: bool, error: type[Exception]) -> None:
    log: list[str] = []
    with pytest.raises(error):
        lives(Told("a", log), Told("b", log, "stop"), fails=fails)
    assert log[-2:] == ["stop b", "stop a"]
