"""Checks of what surrounds a timeline: the steady state, the way back, and the sabotage."""

from __future__ import annotations

from collections.abc import Iterator

from scenarios.checks import Catalogue
from scenarios.deed_checks import act_problems, state_problems
from scenarios.schema import Scenario
from scenarios.timeline_shape import ALL
from sim.errors import FileProblem
from sim.files import Document, did_you_mean

__all__ = ["frame_problems"]


def frame_problems(document: Document[Scenario], known: Catalogue) -> Iterator[FileProblem]:
    """Names of a steady state, of the way back and of the sabotage that are not there."""
    scenario = document.value
    aliases = [act.alias for _, act in scenario.acts() if act.alias is not None]
    ids = [one.id for one in scenario.expect]
    if scenario.settle_s > scenario.duration_s:
        what = "this is longer than the run"
        yield document.problem("steady.settle_s", what, f"at most {scenario.duration_s:g} s")
    for at, hold in enumerate(scenario.steady.hold if scenario.steady is not None else ()):
        here = f"steady.hold[{at}]"
        if hold.signal is not None and hold.signal not in known.signal_names():
            right = did_you_mean(hold.signal, known.signal_names())
            yield document.problem(f"{here}.signal", f"the station has no signal {hold.signal}", right)
        if hold.state is not None:
            yield from state_problems(document, here, hold.state, hold.value or "", known)
    for at, step in enumerate(scenario.restore):
        here = f"restore[{at}]"
        if step.clear is not None and step.clear != ALL and step.clear not in aliases:
            what = f"no fault of this file is called {step.clear}"
            yield document.problem(f"{here}.clear", what, did_you_mean(step.clear, [ALL, *aliases]))
        yield from act_problems(document, here, step, known)
    sabotage = scenario.sabotage
    if sabotage is None:
        return
    for at, name in enumerate(sabotage.fails):
        if name not in ids:
            what = f"no expectation is called {name}"
            yield document.problem(f"sabotage.fails[{at}]", what, did_you_mean(name, ids))
    for at, name in enumerate(sabotage.drop):
        if name not in aliases:
            what = f"no fault of this file is called {name}"
            yield document.problem(f"sabotage.drop[{at}]", what, did_you_mean(name, aliases))
