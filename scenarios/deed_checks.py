"""Checks of what a timeline does against its station: faults, deeds, places, values, conditions and names."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from scenarios.checks import Catalogue
from scenarios.choices import Choice, Draw
from scenarios.conditions import Condition
from scenarios.schema import Scenario
from scenarios.timeline_shape import ALL, Act, Member
from sim.errors import FileProblem
from sim.faults import Parameter
from sim.files import Document, did_you_mean

__all__ = ["condition_problems", "deed_problems"]


def deed_problems(document: Document[Scenario], known: Catalogue) -> Iterator[FileProblem]:
    """Faults, deeds, targets and parameters that the station does not know, and names given twice or never."""
    aliases: dict[str, str] = {}
    acts = list(document.value.acts())
    for here, act in acts:
        if act.alias in aliases:
            what = f"{act.alias} is the name of {aliases[act.alias]} too"
            yield document.problem(f"{here}.as", what, "a name of its own")
        if act.alias is not None:
            aliases.setdefault(act.alias, here)
        yield from act_problems(document, here, act, known)
        if isinstance(act, Member) and act.when is not None:
            yield from condition_problems(document, f"{here}.when", act.when, known)
    for here, act in acts:
        if act.clear is not None and act.clear != ALL and act.clear not in aliases:
            what = f"no fault of this file is called {act.clear}"
            yield document.problem(f"{here}.clear", what, did_you_mean(act.clear, aliases))


def act_problems(document: Document[Scenario], here: str, act: Act, known: Catalogue) -> Iterator[FileProblem]:
    """What is wrong with one fault or deed."""
    key, name = ("inject", act.inject) if act.inject is not None else ("do", act.do)
    if name is None or act.target is None:
        return
    kind, names = ("fault", known.fault_names()) if key == "inject" else ("deed", known.deed_names())
    if name not in names:
        yield document.problem(f"{here}.{key}", f"unknown {kind} {name}", did_you_mean(name, names))
        return
    if isinstance(act.target, Choice):
        yield from _choice(document, here, name, act.target, known)
    elif wrong := (known.target_problem if kind == "fault" else known.deed_problem)(name, act.target):
        candidates = known.targets(name) if kind == "fault" else known.fitting(name, "*")
        yield document.problem(f"{here}.target", wrong, did_you_mean(act.target, candidates))
    yield from _values(document, here, name, act, known.fault_parameters(name) if kind == "fault"
                       else known.deed_parameters(name))  # fmt: skip


def _choice(
    document: Document[Scenario], here: str, name: str, choice: Choice, known: Catalogue
) -> Iterator[FileProblem]:
    found = known.fitting(name, choice.glob)
    path = f"{here}.target.{choice.way}"
    if not found:
        some = ", ".join(list(known.fitting(name, "*"))[:5])
        what = f"nothing that {name} may act on fits {choice.glob}"
        yield document.problem(path, what, f"a glob over {some}" if some else "another station")
    elif choice.count > len(found):
        what = f"{choice.count} are wanted, and {len(found)} fit"
        yield document.problem(f"{here}.target.count", what, f"at most {len(found)}")


def _values(
    document: Document[Scenario], here: str, name: str, act: Act, takes: Collection[Parameter]
) -> Iterator[FileProblem]:
    parameters = {parameter.name: parameter for parameter in takes}
    for word, value in act.parameters.items():
        path = f"{here}.with.{word}"
        if word not in parameters:
            yield document.problem(path, f"{name} has no parameter {word}", did_you_mean(word, parameters))
            continue
        for one in value.extremes if isinstance(value, Draw) else (value,):
            if problem := parameters[word].problem(one):
                what, _, right = problem.partition("; ")
                yield document.problem(path, what, right)
                break
    if act.do is not None:
        for parameter in takes:
            if parameter.is_required and parameter.name not in act.parameters:
                yield document.problem(f"{here}.with", f"{name} needs {parameter.name}", "give it")


def condition_problems(
    document: Document[Scenario], here: str, condition: Condition, known: Catalogue
) -> Iterator[FileProblem]:
    """Signals, states, words and events of a condition that the station does not have."""
    for path, leaf in condition.leaves(here):
        if leaf.signal is not None and leaf.signal not in known.signal_names():
            right = did_you_mean(leaf.signal, known.signal_names())
            yield document.problem(f"{path}.signal", f"the station has no signal {leaf.signal}", right)
        if leaf.state is not None:
            yield from state_problems(document, path, leaf.state, leaf.value or "", known)
        if leaf.event is not None and not known.knows_event(leaf.event):
            right = did_you_mean(leaf.event, known.event_kinds())
            yield document.problem(f"{path}.event", f"unknown event {leaf.event}", right)
        if leaf.subject is not None and not known.knows_subject(leaf.subject):
            right = did_you_mean(leaf.subject, known.subjects())
            yield document.problem(f"{path}.subject", f"the station has no {leaf.subject}", right)


def state_problems(
    document: Document[Scenario], here: str, state: str, word: str, known: Catalogue
) -> Iterator[FileProblem]:
    """A state that the station does not have, or that is never this word."""
    words = known.states().get(state)
    if words is None:
        right = did_you_mean(state, known.states())
        yield document.problem(f"{here}.state", f"the station has no state {state}", right)
    elif word not in words:
        yield document.problem(f"{here}.is", f"{state} is never {word}", did_you_mean(word, words))
