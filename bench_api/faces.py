"""The faces of a station that is up, beside that to its platform: started together, stopped whatever happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bench_api.endpoint_rows import Row

__all__ = ["Face", "Faces"]


class Face(Protocol):
    """One face on its sockets, in the loop of the run."""

    def rows(self) -> list[Row]:
        """Its part of the one list of wires, with the real addresses once it is started."""

    async def start(self) -> None:
        """Listen; raises `PortInUse`."""

    async def stop(self) -> None:
        """Stop listening, end what is under way; harmless when it was not started."""


class Faces:
    """A context in which all of them are up."""

    def __init__(self, faces: Sequence[Face]) -> None:
        """Starts nothing."""
        self._faces = faces

    def rows(self) -> list[Row]:
        """The wires of all."""
        return [row for face in self._faces for row in face.rows()]

    async def __aenter__(self) -> Faces:
        """Start them in order; those that were started are stopped when one cannot be."""
        try:
            for face in self._faces:
                await face.start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Stop them, the last first; what fails then is raised, unless something has failed before."""
        failures = await self._stop()
        if failures and kind is None:
            raise failures[0]

    async def _stop(self) -> list[Exception]:
        failures: list[Exception] = []
        for face in reversed(self._faces):
            try:
                await face.stop()
            except Exception as failure:  # the others are to be stopped all the same
                failures.append(failure)
        return failures
