"""Reports of runs: complete, offline, in two languages, and safe with whatever a file or a platform has said."""

from __future__ import annotations

import json
import re
import sqlite3
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from bench_api.bench import Bench, Plan
from bench_api.paces import read_pace
from bench_api.report import write_report
from bench_api.report_facts import VERDICTS
from bench_api.report_lists import MOST_EVENTS, MOST_SESSIONS
from bench_api.report_tables import gap_table, register_table, tariff_table
from scenarios.loader import find_scenario, load_scenario
from sim.clock import Clock
from sim.errors import UsageError
from sim.kernel import Kernel
from sim.reading import Run
from sim.recording import Recorder
from sim.signals import Signal
from sim.units import SimTime
from twins.kpis import MEANINGS

HOSTILE = "<script>alert(1)</script>&\"'"
NEVER = [*[None] * 10, "turned_away", "full", None]
HIDDEN = ("style", "script", "title", "code", "pre", "svg")


class Page(HTMLParser):
    """What a browser would find: tags, ids, links, the text, and what of it a Chinese reader sees in prose."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.chinese = ""
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self.html = path.read_text(encoding="utf-8")
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "input", "path", "br"):
            self._open.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if any(tag == open_tag for open_tag, _ in self._open):
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        self.text += data
        if not any((attrs.get("lang") == "en" and tag != "html") or tag in HIDDEN or "mono" in str(attrs.get("class"))
                   for tag, attrs in self._open):  # fmt: skip
            self.chinese += f" {data}"

    def ids(self) -> list[str]:
        return [str(attrs["id"]) for _, attrs in self.tags if "id" in attrs]


def record(folder: Path, events: int = 0, cars: int = 0, **meta: Any) -> Path:
    kernel = Kernel(Clock(datetime(2022, 6, 14), "Europe/Zurich"), seed=7)
    power = Signal("grid.power_kw", "kW", 12.0)
    kernel.add(power)
    recorder = Recorder(folder / "run.sqlite")
    recorder.meta({"start": "2022-06-14T00:00:00", "timezone": "Europe/Zurich", "scenario": "two-outlet-day"} | meta)
    recorder.attach(kernel)
    for number in range(events):
        kernel.emit("evse.state", "pile[A01].connector[1]", {"state": f"state {number}"})
    kernel.emit("fault.active", "pile[A01]", {"fault": "bms.mute", "id": "f1"}, clause="8.3")
    kernel.emit("alarm.raised", "pile[A01]", {"alarm": HOSTILE})
    kernel.advance(SimTime(3600.0))
    kernel.jump(SimTime(3600.0))
    kernel.emit("fault.cleared", "pile[A01]", {"fault": "bms.mute", "id": "f1"})
    for number in range(cars):
        recorder.session((f"S{number:06}", "V1", None, None, None, float(number), *NEVER))
    recorder.frame((1.0, 10**18, "cp1", "in", "call", "Boot", "m1", 20, "ok", HOSTILE.encode()))
    recorder.meta({"simulated_s": 7200.0})
    recorder.close(SimTime(7200.0))
    return folder


def judge(folder: Path, **said: Any) -> Path:
    verdict = {"schema": 1, "verdict": "pass", "scenario": "two-outlet-day", "seed": 7, "pace": "fast"} | said
    (folder / "verdict.json").write_text(json.dumps(verdict), encoding="utf-8")
    return folder


def expectation(**changed: Any) -> dict[str, Any]:
    return {
        "id": "limit", "title": {"en": "Stays below", "zh": "不超过"}, "clause": "10.2.1", "verdict": "fail",
        "t_s": 60.0, "bound": 180, "observed": 182.34, "unit": "kW", "evidence": [],
    } | changed  # fmt: skip


@pytest.mark.parametrize("verdict", VERDICTS)
def test_the_banner_says_the_verdict_in_both_languages(tmp_path: Path, verdict: str) -> None:
    page = Page(write_report(judge(record(tmp_path), verdict=verdict)))
    banner = next(attrs for tag, attrs in page.tags if tag == "section")
    assert banner["class"] == f"banner {verdict}"
    said = re.findall(r'<div class="word"><span lang="en">(.+?)</span><span lang="zh">(.+?)</span>', page.html)
    assert len(said) == 1
    assert all(said[0])


def test_a_run_without_verdict_says_so(tmp_path: Path) -> None:
    page = Page(write_report(record(tmp_path) / "run.sqlite"))
    assert "No verdict was written" in page.text
    assert 'class="banner unfinished"' in page.html


def test_an_error_says_what_went_wrong(tmp_path: Path) -> None:
    page = Page(write_report(judge(record(tmp_path), verdict="error", error="the energy book is open by 0.1")))
    assert "the energy book is open by 0.1" in page.text


def test_the_page_needs_no_network_and_its_links_lead_somewhere(tmp_path: Path) -> None:
    page = Page(write_report(judge(record(tmp_path), expectations=[expectation(evidence=[1, 2])])))
    loads = [attrs[name] for _, attrs in page.tags for name in ("src", "href", "xlink:href", "data") if attrs.get(name)]
    assert [load for load in loads if not str(load).startswith("#")] == []
    assert not re.search(r"@import|url\(\s*['\"]?(?!#)", page.html)
    assert {tag for tag, _ in page.tags} & {"link", "iframe", "img", "object", "embed", "base"} == set()
    ids = page.ids()
    assert len(ids) == len(set(ids))
    assert {str(load)[1:] for load in loads} | set(re.findall(r"url\(#([^)]+)\)", page.html)) <= set(ids)
    assert {"event-1", "event-2"} <= {str(load)[1:] for load in loads}


def test_nothing_that_was_said_becomes_markup(tmp_path: Path) -> None:
    said = {
        "books": {"unexplained": [HOSTILE], "money": {HOSTILE: HOSTILE}}, "error": HOSTILE, "scenario": HOSTILE,
        "kpis": {HOSTILE: 1.0},
        "expectations": [expectation(title=HOSTILE, id=HOSTILE, unit=HOSTILE, evidence={"frame": 1, "why": HOSTILE})],
    }  # fmt: skip
    title = {"en": HOSTILE, "zh": HOSTILE}
    folder = judge(record(tmp_path, title=title, command=HOSTILE, weather_note=HOSTILE, data_sources=[HOSTILE]), **said)
    page = Page(write_report(folder))
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert "alert(1)" not in page.html.replace("&lt;script&gt;alert(1)&lt;/script&gt;", "")
    assert page.text.count(HOSTILE) >= 12


def test_an_expectation_shows_its_bound_value_time_and_evidence(tmp_path: Path) -> None:
    evidence = {"event": 1, "frames": [1], "signal": "grid.power_kw"}
    page = Page(write_report(judge(record(tmp_path), expectations=[expectation(evidence=evidence)])))
    text = " ".join(page.text.split())
    for part in ("Stays below", "不超过", "180 kW", "182.3 kW", "00:01:00", "10.2.1", "signal grid.power_kw"):
        assert part in text
    assert {"event-1", "frame-1"} <= set(page.ids())


def test_what_was_observed_is_told_apart_from_its_bound(tmp_path: Path) -> None:
    rows = [expectation(verdict="pass", bound="below 1100", observed=1099.99652),
            expectation(verdict="pass", bound="at least 3, at most 5", observed=4, unit=""),
            expectation(verdict="pass", bound=5400.0, observed=741.2, unit="s")]  # fmt: skip
    html = write_report(judge(record(tmp_path), expectations=rows)).read_text(encoding="utf-8")
    for part in ("1,099.997 kW", "低于 1,100 kW", "至少 3，至多 5", "1 h 30 min", "12 min", "12 分钟"):
        assert part in html


def test_evidence_is_kept_where_events_are_cut(tmp_path: Path) -> None:
    folder = judge(record(tmp_path, events=MOST_EVENTS + 50), expectations=[expectation(evidence=[1])])
    page = Page(write_report(folder))
    shown = [name for name in page.ids() if name.startswith("event-")]
    assert len(shown) == MOST_EVENTS
    assert {"event-1", f"event-{MOST_EVENTS + 51}"} <= set(shown)
    assert "event-2" not in shown
    assert f"{MOST_EVENTS} shown of" in page.text


def test_the_books_and_the_key_figures_stand_there(tmp_path: Path) -> None:
    energy = {
        "grid_kwh": 100.0,
        "vehicles_kwh": 90.0,
        "losses_kwh": 8.0,
        "auxiliaries_kwh": 2.0,
        "residual_rel": -2e-17,
    }
    books = {"energy": energy, "messages": {"started": 13, "lost": 0}, "unexplained": []}
    text = Page(write_report(judge(record(tmp_path), books=books, kpis={"peak_kw": 182.34, "new_one": 3}))).text
    for part in ("100.0 kWh", "90.0 kWh", "-2.0e-17", "182.3", "new_one"):
        assert part in text
    assert MEANINGS["peak_kw"].definition in text and MEANINGS["peak_kw"].definition_zh in text


def test_a_fault_lasts_from_its_activation_to_its_clearing(tmp_path: Path) -> None:
    page = Page(write_report(judge(record(tmp_path))))
    row = re.search(r"<tr><td>(?:(?!</tr>).)*bms\.mute.*?</tr>", page.html, re.DOTALL)
    assert row is not None
    for part in ("00:00:00", "01:00:00", "1 h", "1 小时", "充电桩 A01", "left:0.0%;width:50.0%"):
        assert part in row[0]


def test_more_cars_than_a_page_holds_are_counted(tmp_path: Path) -> None:
    page = Page(write_report(judge(record(tmp_path, cars=MOST_SESSIONS + 3))))
    assert f"{MOST_SESSIONS} shown of" in page.text
    assert f"S{MOST_SESSIONS - 1:06}" in page.text
    assert f"S{MOST_SESSIONS:06}" not in page.text


def test_an_empty_run_has_a_report(tmp_path: Path) -> None:
    page = Page(write_report(judge(record(tmp_path))))
    assert "No car came." in page.text
    names = sorted(path.name for path in (tmp_path / "plots").iterdir())
    assert names == [
        f"{name}.{lang}.svg" for name in ("load_curve", "session_gantt", "waiting") for lang in ("en", "zh")
    ]


def test_the_same_run_gives_the_same_page(tmp_path: Path) -> None:
    folder = judge(record(tmp_path), expectations=[expectation(evidence=[1])])
    assert write_report(folder).read_bytes() == write_report(folder).read_bytes()


def test_what_cannot_be_reported_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no recorded run here"):
        write_report(tmp_path)
    record(tmp_path)
    (tmp_path / "verdict.json").write_text("{")
    with pytest.raises(UsageError, match="not a verdict"):
        write_report(tmp_path)
    (tmp_path / "verdict.json").unlink()
    (tmp_path / "plots").write_text("a file where the folder should be")
    with pytest.raises(UsageError, match="cannot be written"):
        write_report(tmp_path)


def test_evidence_recorded_in_the_file_serves_where_no_verdict_was_written(tmp_path: Path) -> None:
    record(tmp_path)
    with sqlite3.connect(tmp_path / "run.sqlite") as db:
        db.execute("INSERT INTO verdicts VALUES('limit', 'pass', 5.0, 'Holds', '[2]')")
    db.close()
    page = Page(write_report(tmp_path))
    assert "Holds" in page.text
    assert '<a href="#event-2">' in page.html


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The hub's evening, played, with its report; and its verdict."""
    out = tmp_path_factory.mktemp("hub")
    loaded = load_scenario(find_scenario("hub-evening"))
    plan = Plan(loaded=loaded, pace=read_pace("fast"), seed=loaded.document.value.seed, out=out, state=out / "state")
    document = Bench(plan).run().document
    write_report(out)
    return out, document


def test_the_lead_says_the_evening_in_figures_that_were_measured(hub: tuple[Path, dict[str, Any]]) -> None:
    folder, document = hub
    kpis, money = document["kpis"], document["books"]["money"]
    found = re.search(r'<p class="lead">(.*?)</p>', (folder / "report.html").read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    lead = found[1].replace("\u00a0", " ")
    still_there = kpis["arrivals"] - sum(kpis[name] for name in ("served", "failed", "turned_away", "reneged"))
    for part in (
        f"{kpis['arrivals']} vehicles came to South Gate Fast Charging Hub on 30 December 2022 from 14:00 to 24:00",
        f"{kpis['served']} charged", f"{kpis['reneged']} gave up waiting", f"{still_there} still there at the end",
        f"{kpis['energy_kwh']:,.0f} kWh reached vehicles", f"billed at {money['bills_cny']:,.2f} CNY",
        f"{kpis['wait_mean_s'] / 60:.1f} min on average", "100.0 % of the contract limit of 1,100 kW",
        "Stack module failed (pile H01) at 19:30 for 1 h 30 min", "one alarm was raised", "All 6 expectations held",
        f"2022年12月30日 14:00 至 24:00，{kpis['arrivals']} 辆车来到南门快充枢纽站",
        "充电堆功率模块失效（充电桩 H01），19:30 起持续 1 小时 30 分", "6 项期望全部成立",
    ):  # fmt: skip
        assert part in lead


def test_the_chinese_page_has_no_english_left(hub: tuple[Path, dict[str, Any]]) -> None:
    prose = Page(hub[0] / "report.html").chinese
    prose = prose[: prose.index("运行信息")]  # what follows names programs, files and paces
    found = set(re.findall(r"[A-Za-z][a-z]{2,}", prose)) - {"Voltyard", "English"}
    assert found == set()
    for word in ("充电堆功率模块失效", "功率模块失效", "满位离开", "充电开始", "低于 1,100 kW"):
        assert word in prose


def test_the_tariff_table_adds_up_to_the_bills(hub: tuple[Path, dict[str, Any]]) -> None:
    folder, document = hub
    with Run(folder) as run:
        table = tariff_table(run, document["books"])
        bills = sum(one.started_s is not None and one.stopped_s is not None for one in run.sessions())
    rows = table["rows"]
    assert [row["name"]["zh"] for row in rows] == ["谷", "平", "峰", "尖"]
    assert rows[1]["times"] == "06:00–12:00, 14:00–16:00, 22:00–24:00"

    def number(text: str) -> float:
        return float(text.replace(",", ""))

    for row in rows:
        for price, amount in (("energy_price", "energy"), ("service_price", "service")):
            due_cny = number(row["kwh"]) * number(row[price])
            assert number(row[amount]) == pytest.approx(due_cny, abs=0.005 * bills + 0.1)
        assert number(row["both"]) == pytest.approx(number(row["energy"]) + number(row["service"]), abs=0.006)
    assert sum(number(row["kwh"]) for row in rows) == pytest.approx(number(table["kwh"]), abs=0.21)
    assert number(table["all"]) == pytest.approx(document["books"]["money"]["bills_cny"], abs=1e-9)
    assert sum(number(row["share"]) for row in rows) == pytest.approx(100.0, abs=0.2)


def test_every_definition_stands_in_the_page(hub: tuple[Path, dict[str, Any]]) -> None:
    text = Page(hub[0] / "report.html").text
    assert [name for name, one in MEANINGS.items() if not (one.definition in text and one.definition_zh in text)] == []


def test_a_recording_without_signals_has_a_lead_too(tmp_path: Path) -> None:
    loaded = load_scenario(find_scenario("two-outlet-day"))
    plan = Plan(loaded=loaded, pace=read_pace("fast"), seed=1, out=tmp_path, state=tmp_path / "state", record="kpi")
    kpis = Bench(plan).run().document["kpis"]
    text = Page(write_report(tmp_path)).text
    assert f"Power from the grid peaked at {kpis['peak_kw']:,.1f} kW." in text.replace("\u00a0", " ")
    assert "contract limit" not in text


@pytest.mark.parametrize(("cars", "pictures"), [(8, ["session_gantt"]), (0, [])])
def test_without_recorded_events_silence_is_not_taken_for_calm(tmp_path: Path, cars: int, pictures: list[str]) -> None:
    changes = [("demand.sessions_per_day", cars)]
    loaded = load_scenario(find_scenario("two-outlet-day"), changes=changes)
    plan = Plan(loaded=loaded, pace=read_pace("fast"), seed=7, out=tmp_path / "run", state=tmp_path / "state",
                record="kpi")  # fmt: skip
    Bench(plan).run()
    page = Page(write_report(tmp_path / "run"))
    assert "No fault acted" not in page.text and "None was injected" not in page.text
    assert page.text.count("Events were not recorded (--record kpi)") == 3
    assert page.text.count("未记录事件（--record kpi）") == 3
    assert re.findall(r'aria-label="(\w+)"', page.html) == pictures
    assert ("In pictures" in page.text) is bool(pictures)


def test_gaps_of_instruments_are_rows_with_their_signs() -> None:
    gap = {"slot": "grid.meter[M1]", "quantity": "power_kw", "unit": "kW", "readings": 1_200, "mean": 0.25,
           "largest": -3.5}  # fmt: skip
    (row,) = gap_table([gap])
    assert (row["quantity"], row["readings"], row["mean"], row["largest"]) == ("power_kw", "1,200", "+0.250", "-3.500")
    assert "M1" in row["place"]["en"] and "M1" in row["place"]["zh"]
    assert gap_table([]) == []


def test_registers_of_meters_are_rows_with_their_residual() -> None:
    book = {"slot": "grid.meter[M1]", "quantity": "import_kwh", "readings": 60, "registered_kwh": 12.5,
            "true_kwh": 12.25, "residual_kwh": 0.25, "residual_rel": 0.25 / 12.25, "silences": 0, "silent_s": 0.0,
            "unseen_kwh": 0.0}  # fmt: skip
    never, once = register_table([book, book | {"silences": 1, "silent_s": 90.0, "unseen_kwh": 0.5}])
    assert (never["residual"], never["share"], never["silent"], never["unseen"]) == ("+0.250", "+2.04", None, "")
    assert once["silent"] == {"en": "90 s", "zh": "90 秒"} and once["unseen"] == "0.500"


def test_the_page_has_tables_of_registers_and_of_their_steps(tmp_path: Path) -> None:
    books = {"register_steps": [
        {"slot": "pile[A01].connector[1]", "quantity": "register_kwh", "at_s": 60.0, "from_kwh": 5.5, "to_kwh": 1.0},
    ], "registers": [
        {"slot": "grid.meter[M1]", "quantity": "import_kwh", "readings": 60, "registered_kwh": 12.5, "true_kwh": 12.25,
         "residual_kwh": 0.25, "residual_rel": 0.02, "silences": 0, "silent_s": 0.0, "unseen_kwh": 0.0},
    ]}  # fmt: skip
    page = Page(write_report(judge(record(tmp_path), books=books)))
    for words in ("Registers of real meters", "真实电能表", "Registers that went on from elsewhere", "电能表底数改变",
                  "-4.500", "+0.250"):  # fmt: skip
        assert words in page.text
