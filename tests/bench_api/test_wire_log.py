"""The log of a real run's frames: every one once, those that are chosen, in three forms that agree."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from pathlib import Path

import pytest

from bench_api.bench import Bench, Plan
from bench_api.paces import read_pace
from bench_api.summary import markdown
from bench_api.wire_log import WIRE_COLUMNS, Selection, export_wire
from scenarios.loader import find_scenario, load_scenario
from sim.errors import UsageError
from sim.reading import Run


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("day")
    loaded = load_scenario(find_scenario("two-outlet-day"))
    plan = Plan(loaded=loaded, pace=read_pace("lockstep"), seed=7, out=folder, state=folder / "state")
    assert Bench(plan).run().document["verdict"] == "pass"
    return folder


def test_every_frame_is_a_line_in_each_form(day: Path, tmp_path: Path) -> None:
    with Run(day) as run:
        frames = list(run.frames())
    for form in ("csv", "jsonl", "text"):
        path, count = export_wire(day, form, tmp_path, Selection())
        assert count == len(frames) > 100
        lines = path.read_text(encoding="utf-8").splitlines()
        if form == "csv":
            rows = list(csv.DictReader(lines))
            assert tuple(rows[0]) == WIRE_COLUMNS and [row["frame"] for row in rows] == [one.body for one in frames]
        elif form == "jsonl":
            rows = [json.loads(line) for line in lines]
            assert [json.loads(row["frame"])[1] for row in rows] == [one.message_id for one in frames]
            moments = [datetime.fromisoformat(row["time"]) for row in rows]
            assert moments == sorted(moments) and moments[0].utcoffset() is not None
        else:
            assert len(lines) == count and all(" A01 " in line for line in lines)


def test_a_selection_holds_what_it_says_and_nothing_is_missing(day: Path, tmp_path: Path) -> None:
    chosen = Selection(link="A*", action="*Transaction", direction="out", kind="call", from_s=20_000, to_s=70_000)
    path, count = export_wire(day, "jsonl", tmp_path, chosen)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    with Run(day) as run:
        calls = [one for one in run.frames() if (one.direction, one.kind) == ("out", "call")]
    ends = ("StartTransaction", "StopTransaction")
    wanted = [one.seq for one in calls if one.action in ends and 20_000 <= one.t_s <= 70_000]
    assert [row["seq"] for row in rows] == wanted and count == len(wanted) > 0


@pytest.mark.parametrize(
    ("form", "choice", "said"),
    [
        ("xml", {}, "csv, jsonl, text"),
        ("csv", {"direction": "up"}, "in, out"),
        ("csv", {"kind": "reply"}, "call, result, error"),
        ("csv", {"from_s": 5.0, "to_s": 1.0}, "before the beginning"),
        ("csv", {"link": "B*"}, "links: A01"),
    ],
)
def test_refusals(day: Path, tmp_path: Path, form: str, choice: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        export_wire(day, form, tmp_path, Selection(**choice))  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_the_summary_of_a_run_shows_what_failed_and_the_events_behind_it(day: Path) -> None:
    document = json.loads((day / "verdict.json").read_text(encoding="utf-8"))
    command = "voltyard run two-outlet-day --pace lockstep --seed 7"
    passed = markdown(document, day, command, day / "report.html")
    assert "two-outlet-day: pass" in passed and command in passed and "8 of 8 expectations" in passed
    with Run(day) as run:
        event = next(run.events("session.started"))
    row = document["expectations"][2] | {"verdict": "fail", "bound": 99, "observed": 3, "evidence": [event.seq, "a|b"]}
    document |= {"verdict": "fail", "expectations": [row], "reason": "the books"}
    failed = markdown(document, day, command, None)
    assert (
        f"#{event.seq} {event.t_s:.6g} s session.started {event.subject}".replace("[", r"\[")
        .replace("]", r"\]")
        .replace("#", r"\#")
        in failed
    )
    assert "expected 99, observed 3" in failed and r"a\|b" in failed and "the books" in failed and "0 of 1" in failed
