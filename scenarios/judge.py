"""The judge of a run: every expectation of its scenario, each in its form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scenarios import level_expectations as _level_expectations  # what registers forms and nothing else
from scenarios import sequence_expectations as _sequence_expectations
from scenarios.expectation_shape import Expectation
from scenarios.expectations import EXPECTATIONS, Form
from scenarios.judgement import Judgement, Nearest, concluded
from scenarios.schema import Scenario
from sim.clock import Clock
from sim.kernel import Kernel
from sim.units import SimTime

__all__ = ["EXPECTATIONS", "Judge"]

_FORMS = (_level_expectations, _sequence_expectations)


class Judge:
    """All expectations of one run."""

    def __init__(
        self,
        kernel: Kernel,
        scenario: Scenario,
        clock: Clock,
        *,
        has_wire: bool,
        has_devices: bool = False,
        fitting: Callable[[str], list[str]] = lambda _glob: [],
    ) -> None:
        """Call before the kernel runs; `fitting` gives the station's subjects that fit a glob.

        Without a wire or a device, what is to be seen there is not judged.
        """
        seen = {"station": True, "slot": has_devices, "wire": has_wire, "platform": has_wire}
        nearest = Nearest()
        if scenario.expect:
            kernel.subscribe(nearest)
        self._parts: list[Form | Expectation] = [
            EXPECTATIONS.get(one.form)(one, kernel, clock, nearest, fitting) if seen[one.face] else one
            for one in scenario.expect
        ]

    def finish(self, now: SimTime, books: Mapping[str, Any] | None = None) -> list[Judgement]:
        """Every judgement, in the order of the file; `books` are those of the conclusion."""
        for part in self._parts:
            if isinstance(part, Form):
                part.books = books or {}
        return [
            part.finish(now)
            if isinstance(part, Form)
            else concluded(part, "not_judged", None, notes=[f"needs the face {part.face}, which this run has not"])
            for part in self._parts
        ]
