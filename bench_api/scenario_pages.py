"""The pages of the shipped scenarios, docs/scenarios/*.md: made from the files, so that neither can stray."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

from scenarios.expectation_shape import Expectation
from scenarios.loader import find_scenario, load_scenario, scenario_names
from scenarios.schema import Scenario
from sim.yaml_nodes import parse_nodes
from twins.clauses import clause_of

__all__ = ["pages", "write_pages"]

_MADE = "<!-- made from the file by `make pages`; change the file instead -->"
_DEEDS = ("inject", "clear", "do")
_FACES = {
    "station": "station",
    "wire": "wire (on sockets)",
    "platform": "platform (on sockets)",
    "slot": "device in a slot",
}


def pages() -> dict[str, str]:
    """Every page by its file name, `README.md` the index by family."""
    found = {name: load_scenario(find_scenario(name)).document for name in scenario_names()}
    made = {f"{name}.md": _page(name, one.value, parse_nodes(one.text, name).plain()) for name, one in found.items()}
    return made | {"README.md": _index({name: one.value for name, one in found.items()})}


def write_pages(folder: Path) -> None:
    """Write them anew, and take away those of scenarios that are gone."""
    folder.mkdir(parents=True, exist_ok=True)
    made = pages()
    for path in folder.glob("*.md"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")


def _index(found: Mapping[str, Scenario]) -> str:
    lines = [_MADE, "# The shipped scenarios", "",
             "Each plays with `voltyard run NAME`; its page says what happens and what is judged.", ""]  # fmt: skip
    for family in get_args(get_type_hints(Scenario)["family"]):
        rows = [
            f"| [{name}]({name}.md) | {one.title.en} | {one.title.zh} | {one.station} | {one.duration_h:g} h |"
            f" {'yes' if one.brief is not None else ''} |"
            for name, one in found.items()
            if one.family == family
        ]
        if rows:
            head = ["| name | title | 标题 | station | lasts | brief |", "| --- | --- | --- | --- | --- | --- |"]
            lines += [f"## {family[0].upper()}{family[1:]}", "", *head, *rows, ""]
    return "\n".join(lines)


def _page(name: str, one: Scenario, written: Mapping[str, Any]) -> str:
    lines = [_MADE, f"# {one.title.en} · {one.title.zh}", ""]
    if one.description is not None:
        lines += [one.description.en, "", one.description.zh, ""]
    lines += [f"Family {one.family}; station `{one.station}`; from {one.start} for {one.duration_h:g} h;"
              f" seed {one.seed}.", ""]  # fmt: skip
    if one.timeline:
        lines += ["## What happens", "", *_timeline(written["timeline"]), ""]
    if one.expect:
        lines += ["## What is judged", "", *_expectations(one), ""]
    else:
        lines += ["Nothing is expected: its books alone are judged.", ""]
    lines += ["## How to run it", "", "```sh", f"voltyard run {name}  # without sockets, in seconds",
              f"voltyard run {name} --csms ws://127.0.0.1:9000  # against your CSMS"]  # fmt: skip
    if one.brief is not None:
        lines += [f"voltyard run {name} --brief --pace real --csms ws://127.0.0.1:9000"
                  f"  # {one.brief.duration_h * 60:.1f} min of wall time"]  # fmt: skip
    if one.sabotage is not None:
        lines += [f"voltyard run {name} --sabotage  # must fail"]
    lines += ["```", ""]
    if one.platform is not None:
        lines += [f"The embedded CSMS is run in the manner `{one.platform}`.", ""]
    if one.sabotage is not None:
        fails = ", ".join(f"`{each}`" for each in one.sabotage.fails)
        lines += ["## The run that must fail", "", f"{one.sabotage.title.en}. {one.sabotage.title.zh}。", "",
                  f"Then {fails} must fail.", ""]  # fmt: skip
    return "\n".join(lines)


def _expectations(one: Scenario) -> Iterator[str]:
    yield from ("| id | what | 内容 | form | clause | face |", "| --- | --- | --- | --- | --- | --- |")
    for expected in one.expect:
        title = expected.title
        words = (title.en, title.zh) if title is not None else ("", "")
        cells = (expected.id, *words, expected.form, _clause(expected), _FACES[expected.face])
        yield f"| {' | '.join(cells)} |"


def _clause(expected: Expectation) -> str:
    clause = clause_of(expected.clause) if expected.clause else None
    return f"{expected.clause}: {clause.title.en}" if clause is not None else expected.clause


def _timeline(entries: list[dict[str, Any]]) -> Iterator[str]:
    yield from ("| when | what | whom | with |", "| --- | --- | --- | --- |")
    for entry in entries:
        yield from _rows(entry, "")


def _rows(entry: dict[str, Any], before: str) -> Iterator[str]:
    """One row a deed; those of a group or a sequence say when after it they come."""
    when = ", ".join(part for part in (before, _when(entry)) if part) or "at once"
    for kind, word in (("group", "with the group"), ("sequence", "then")):
        for at, member in enumerate(entry.get(kind, ())):
            yield from _rows(member, when if at == 0 or kind == "group" else word)
    for deed in (deed for deed in _DEEDS if deed in entry):
        target = _said(entry.get("target", ""))
        whom, more = f"`{target}`" if target else "", _said(entry.get("with", ""))
        yield f"| {when} | {deed} `{entry[deed]}` | {whom} | {more} |"


def _when(entry: dict[str, Any]) -> str:
    parts = [f"at {_said(entry['at'])}"] if "at" in entry else []
    if "when" in entry:
        parts.append(f"when {_said(entry['when'])}")
    parts += [f"after {_said(entry[key])} s" for key in ("after_s", "later_s") if key in entry]
    parts += [f"every {entry['every_s']} s"] if "every_s" in entry else []
    parts += [f"{entry['times']} times"] if "times" in entry else []
    return ", ".join(parts)


def _said(value: Any) -> str:
    """A value of the file as people read it."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_said(each)}" for name, each in value.items())
    if isinstance(value, list):
        return " or ".join(_said(each) for each in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
