"""Slot files read for a scenario: they must fit its station, and its vehicles must not want a device's place."""

from __future__ import annotations

from pathlib import Path

from scenarios.choices import Choice
from scenarios.loader import LoadedScenario
from sim.errors import FileProblem, FileProblems
from sim.files import Document
from sim.globs import pattern_of
from sim.shipped import find_shipped, shipped_names
from twins.slot_file import SlotFile, read_slots, slot_problems

__all__ = ["find_slots", "load_slots", "slot_file_names"]

_LIBRARY = Path(__file__).parent / "library" / "slots"


def slot_file_names() -> tuple[str, ...]:
    """The shipped slot files, by name, sorted."""
    return shipped_names(_LIBRARY)


def find_slots(name_or_path: str) -> Path:
    """The file of a shipped slot file's name, or the path itself when it looks like one; else UsageError."""
    return find_shipped("slot file", _LIBRARY, name_or_path)


def load_slots(path: Path, loaded: LoadedScenario) -> Document[SlotFile]:
    """A slot file, checked against the scenario's station; FileProblems with every finding."""
    document = read_slots(path)
    problems = [*_other_station(document, loaded), *slot_problems(document, loaded.station.value)]
    problems += [*_replayed(document, loaded), *_broken(document, loaded)]
    if problems:
        raise FileProblems(problems)
    return document


def _other_station(document: Document[SlotFile], loaded: LoadedScenario) -> list[FileProblem]:
    named, played = Path(document.value.station).stem, loaded.station.path.stem
    if named == played:
        return []
    what = f"slots of {named}, but {loaded.document.path.stem} plays at {played}"
    return [document.problem("station", what, f"a slot file for {played}")]


def _replayed(document: Document[SlotFile], loaded: LoadedScenario) -> list[FileProblem]:
    paths = [
        f"pile[{pile.id}].connector[{number}]"
        for pile in loaded.station.value.piles
        for number in range(1, len(pile.evses) + 1)
    ]
    wanted = {paths[row.connector - 1] for row in loaded.vehicles or ()}
    return [
        document.problem(
            f"things[{at}].at", f"vehicles of the scenario's replay go to {slot.at}", "another EVSE, or drawn demand"
        )
        for at, slot in enumerate(document.value.things)
        if slot.is_device and slot.at in wanted
    ]


def _broken(document: Document[SlotFile], loaded: LoadedScenario) -> list[FileProblem]:
    """Faults hit twins; a real device is not ours to break."""
    return [
        document.problem(
            f"things[{at}].at", f"the scenario injects {entry.inject} into {entry.target}", "a scenario that does not"
        )
        for at, slot in enumerate(document.value.things)
        for _, entry in loaded.document.value.acts()
        if slot.is_device and entry.inject is not None and _is_at(slot.at, entry.target)
    ]


def _is_at(place: str, target: str | Choice | None) -> bool:
    """Whether a target is this place or a part of it, or may be."""
    if isinstance(target, Choice):
        return pattern_of(target.glob).fullmatch(place) is not None
    return target is not None and f"{target}.".startswith(f"{place}.")
