"""Every word that the source can say in a recording has its pair in both languages, read from the source itself."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from bench_api.bench import Bench, Plan
from bench_api.paces import read_pace
from bench_api.report_words import bound, data, note, place, said, span, words
from hil.ocpp.platform_events import PLATFORM_KINDS
from plots.strips import PERIODS
from scenarios.bounds import in_words
from scenarios.loader import find_scenario, load_scenario
from sim.reading import Run
from twins.feed import FeedState
from twins.kpis import MEANINGS
from twins.lock import LockState
from twins.staff import MemberConfig
from twins.supply import EvseState

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("sim", "twins", "hil", "scenarios", "bench_api")
SOURCES = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
CHINESE = re.compile(r"[\u4e00-\u9fff]")
MADE = {"reset_{}": ("reset_soft", "reset_hard")}
"""Words that the source puts together, and what can come of it."""

ENUMS: tuple[type[Enum], ...] = (EvseState, LockState, FeedState)


class Vocabulary(ast.NodeVisitor):
    """What one source can put into events and sessions: `found` by the kind of word, `unread` what is no literal."""

    def __init__(self) -> None:
        self.found: defaultdict[str, set[str]] = defaultdict(set)
        self.unread: list[str] = []
        self._functions: list[ast.FunctionDef] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._functions.append(node)
        self.generic_visit(node)
        self._functions.pop()

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        args = node.args
        if name == "emit" and args:
            if not isinstance(args[0], ast.Constant):
                self.unread.append(ast.unparse(node))
            self.found["kind"].update(strings(args[0]))
            for item in args[2:3]:
                self._data(item)
        elif name == "partial" and args and isinstance(args[0], ast.Attribute) and args[0].attr == "lock_out":
            self._lock_out(args[1:])
        elif name == "lock_out":
            self._lock_out(args)
        elif name == "_end" and len(args) == 2:
            self.found["reason"].update(strings(args[1]))
        elif name in ("stop", "on_ended") and len(args) == 1:
            self.found["reason"].update(strings(args[0]))
        elif name in ("_raise", "_alarm") and args:
            self.found["alarm"].update(strings(args[0]))
        elif name == "_over" and len(args) == 2:
            self.found["outcome"].update(strings(args[1]))
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._assigned(target, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._assigned(node.target, node.value)
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        """A story of the staff ends in one word."""
        tells = self._functions and self._functions[-1].returns
        if node.value is not None and tells and re.search(r"Generator\[.*str\]$", ast.unparse(tells)):
            self.found["result"].update(strings(node.value))
        self.generic_visit(node)

    def _assigned(self, target: ast.expr, value: ast.expr) -> None:
        name = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
        if name in ("alarm", "outcome"):
            self.found[name].update(strings(value))

    def _lock_out(self, args: list[ast.expr]) -> None:
        for kind, arg in zip(("reason", "alarm"), args, strict=False):
            self.found[kind].update(strings(arg))

    def _data(self, item: ast.expr) -> None:
        """The keys of an event's data, and alarms among its values; names are looked up where they are set."""
        for node in ast.walk(item):
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if key is not None:
                        self.found["key"].update(strings(key))
                        if isinstance(key, ast.Constant) and key.value == "alarm":
                            self.found["alarm"].update(strings(value))
            elif isinstance(node, ast.Name):
                for inner in ast.walk(self._functions[-1]) if self._functions else ():
                    if isinstance(inner, ast.Assign | ast.AnnAssign) and isinstance(inner.value, ast.Dict):
                        targets = inner.targets if isinstance(inner, ast.Assign) else [inner.target]
                        if any(isinstance(target, ast.Name) and target.id == node.id for target in targets):
                            self._data(inner.value)


def strings(node: ast.expr) -> Iterator[str]:
    """The words that an expression may come to: literals, both ends of a condition, what is put together."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        pattern = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        yield from MADE.get(pattern, (pattern,))
    elif isinstance(node, ast.IfExp):
        yield from strings(node.body)
        yield from strings(node.orelse)
    elif isinstance(node, ast.Call):  # holds.get(reason, "contactor_open")
        for arg in node.args[1:]:
            yield from strings(arg)


def vocabulary(sources: Iterable[str]) -> Vocabulary:
    whole = Vocabulary()
    for source in sources:
        whole.visit(ast.parse(source))
    return whole


def without_words(found: Iterable[str]) -> list[str]:
    return sorted(name for name in found if name not in words())


@pytest.fixture(scope="module")
def ours() -> Vocabulary:
    return vocabulary(path.read_text(encoding="utf-8") for path in SOURCES)


def test_the_scan_finds_what_a_source_can_say() -> None:
    found = vocabulary(
        [
            """
class Thing:
    outcome: str = "asleep"

    def act(self, kernel, evse, reason):
        told = {"tone": "loud"}
        kernel.emit("thing.sang", self.path, told | {"alarm": "shrill"})
        self._end(now, "tired" if reason else "bored")
        evse.lock_out("storm", "thunder")
        partial(evse.lock_out, "flood", "waves")
        session.outcome = "woken"
        alarm = self.holds.get(reason, "silence")
        evse.stop(f"reset_{reason}")

    def story(self) -> Generator[Event, Any, str]:
        return "mended"
"""
        ]
    ).found
    assert found["kind"] == {"thing.sang"}
    assert found["key"] == {"tone", "alarm"}
    assert found["alarm"] == {"shrill", "thunder", "waves", "silence"}
    assert found["reason"] == {"tired", "bored", "storm", "flood", "reset_soft", "reset_hard"}
    assert found["outcome"] == {"asleep", "woken"}
    assert found["result"] == {"mended"}
    assert without_words(found["alarm"]) == ["shrill", "silence", "thunder", "waves"]
    assert vocabulary(["def f(k, kind):\n    k.emit(kind, 'x')"]).unread == ["k.emit(kind, 'x')"]


def test_every_kind_of_event_is_a_literal(ours: Vocabulary) -> None:
    of_the_platform = "self._kernel.emit(kind, self.path, data, cause=self._cause)"
    assert ours.unread == [of_the_platform], "those of PLATFORM_KINDS, whose words are looked at by themselves"
    assert without_words(PLATFORM_KINDS) == []


@pytest.mark.parametrize(
    ("kind", "least"), [("kind", 30), ("outcome", 7), ("reason", 10), ("alarm", 7), ("key", 20), ("result", 3)]
)
def test_every_word_of_the_source_has_its_pair(ours: Vocabulary, kind: str, least: int) -> None:
    assert len(ours.found[kind]) >= least, "the scan has gone blind"
    assert without_words(ours.found[kind]) == [], f"words.json lacks these of {kind}"


def test_states_roles_and_periods_have_their_pairs() -> None:
    states = {str(member.value) for enum in ENUMS[:2] for member in enum}
    assert without_words(states) == []
    assert without_words(get_args(get_type_hints(MemberConfig)["role"])) == []
    assert {name: words()[f"period.{name}"][1] for name in PERIODS["zh"]} == PERIODS["zh"]


def test_every_pair_is_in_both_languages_with_the_same_blanks() -> None:
    for key, (english, chinese) in words().items():
        assert not CHINESE.search(english), key
        bare = re.sub(r"\{[a-z]*\}", "", chinese)
        assert CHINESE.search(bare) or english == chinese or not re.search(r"[a-z]{3}", bare), key
        named = [sorted(re.findall(r"\{([a-z]+)\}", text)) for text in (english, chinese)]
        assert named[0] == named[1], key
        assert english.count("{}") == len(re.findall(r"\{\d?\}", chinese)), key


def test_every_key_figure_is_told_in_both_languages() -> None:
    for name, meaning in MEANINGS.items():
        assert CHINESE.search(meaning.title_zh) and CHINESE.search(meaning.definition_zh), name
        assert meaning.definition.endswith(".") and meaning.definition_zh.endswith("。"), name


def test_notes_are_those_that_the_source_writes() -> None:
    """The fixed parts of each sentence stand in the source, so that none outlives it."""
    text = " ".join(re.sub(r'"\s*\n\s*f?"', "", path.read_text(encoding="utf-8")) for path in SOURCES)
    for key, (english, _) in words().items():
        if key.startswith("note."):
            for part in english.split("{}"):
                assert part.strip(" ()#:,;") in text, (key, part)


@pytest.mark.parametrize(
    ("text", "chinese"),
    [
        ("bill of S000002: 90.00 CNY, but no transaction was told", "S000002 的账单：90.00 元，但未上报交易"),
        ("meters: energy, day: bills differ by -0.5 kWh from 378.5 kWh registered (-0.20 CNY)",
         "电能表：电费，day：账单与计量的 378.5 kWh 相差 -0.5 kWh（-0.20 元）"),
        ("transactions: 1 ended, but the CSMS has not taken their end; behind it: spade",
         "交易：1 笔已结束，但平台未接收其结束；原因：spade"),
        ("transactions: 2 lost (refused by the CSMS: StartTransaction, InternalError)",
         "交易：2 笔丢失（平台拒绝：StartTransaction，InternalError）"),
        ("CSMS of A01, A02, A03 and 2 more lost at 02:31, never back",
         "A01, A02, A03 等（另有 2 个） 与平台的连接于 02:31 中断，再未恢复"),
        ("A01: BootNotification Rejected 288 times", "A01：启动通知（BootNotification）Rejected 288 次"),
        ("A01: BootNotification not answered once", "A01：启动通知（BootNotification）未应答 1 次"),
        ("A01: BootNotification not answered 9 times", "A01：启动通知（BootNotification）未应答 9 次"),
        ("CSMS of A01 away for 31 % of the run", "A01 与平台的连接在 31% 的运行时间内中断"),
        ("CSMS of A02 never reached", "A02 从未连上平台"),
        ("2 of 3 not followed in time", "3 次触发中有 2 次未按时满足"),
        ("#7 bay.freed bay[B01] at 3.000 s: is bay.freed, not bay.occupied, 1.500 s too late",
         "#7 车位空出 bay[B01]，第 3.000 秒：为车位空出，而非车位占用，晚了 1.500 秒"),
        ("something new", "something new"),
    ],
)  # fmt: skip
def test_notes_are_said_in_chinese(text: str, chinese: str) -> None:
    assert note(text) == {"en": text, "zh": chinese}


def test_bounds_places_times_and_data_are_said_as_people_do() -> None:
    assert bound(in_words(2.0, 1.0))["zh"] == "高于 1，低于 2"
    assert bound("at least 3, at most 5")["zh"] == "至少 3，至多 5"
    assert bound(1250) == {"en": "1,250", "zh": "1,250"}
    assert place("pile[A.03].connector[1]") == {"en": "pile A.03, connector 1", "zh": "充电桩 A.03，枪 1"}
    assert place("grid.transformer[T1]") == {"en": "transformer T1", "zh": "变压器 T1"}
    assert place("somewhere[X].else")["zh"] == "somewhere[X].else"
    assert [span(seconds)["en"] for seconds in (0.0, 37.12, 741.0, 3600.0, 5401.0)] == [
        "0 s", "37.1 s", "12 min", "1 h", "1 h 30 min",
    ]  # fmt: skip
    names = {"bms.mute": {"en": "BMS mute", "zh": "BMS 停止发送报文"}}
    told = data({"fault": "bms.mute", "is_mended": False, "energy_kwh": 12.3456, "at": "bay[B01]"}, names)
    assert told["zh"] == "故障 BMS 停止发送报文，已修复 否，电量 12.35 kWh，位于 车位 B01"


@pytest.mark.parametrize("name", ["hot-day", "hub-evening"])
def test_what_a_day_has_to_say_has_words(tmp_path: Path, name: str) -> None:
    loaded = load_scenario(find_scenario(name))
    plan = Plan(loaded=loaded, pace=read_pace("fast"), seed=loaded.document.value.seed, out=tmp_path / "run",
                state=tmp_path / "state", record="events")  # fmt: skip
    Bench(plan).run()
    with Run(tmp_path / "run") as run:
        events = list(run.events())
        sessions = list(run.sessions())
    assert without_words({event.kind for event in events}) == []
    assert without_words({key for event in events for key in event.data}) == []
    assert without_words({one.outcome for one in sessions}) == []
    assert without_words({one.stop_reason for one in sessions if one.stop_reason}) == []
    subjects = {event.subject for event in events}
    assert sorted(path for path in subjects if not CHINESE.search(place(path)["zh"])) == []
    assert said("charged")["zh"] == "已充电"


def refusals() -> Iterator[str]:
    """What a thing says that cannot do what it is asked, each blank filled with `X1`."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "CannotDo":
                text = node.args[0]
                if isinstance(text, ast.Constant):
                    yield str(text.value)
                elif isinstance(text, ast.JoinedStr):
                    yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X1" for part in text.values)


@pytest.mark.parametrize("text", sorted({*refusals()}))
def test_why_a_thing_cannot_do_what_it_is_asked_is_said_in_chinese(text: str) -> None:
    assert CHINESE.search(note(text)["zh"]) and note(text)["en"] == text


@pytest.mark.parametrize(
    ("text", "chinese"),
    [
        ("no charge is on: it is available", "没有进行中的充电：该枪空闲"),
        ("the device is silent", "设备失联"),
        ("nothing is at 'pile[A99]' now", "“pile[A99]”处目前没有对象"),
        ("deed 'evse.limit', parameter 'limit_kw': -1.0 is out of bounds; 0.0 to 1000.0 kW",
         "命令“evse.limit”，参数“limit_kw”：-1.0 超出范围；应为 0.0 至 1000.0 kW"),
        ("unknown deed 'evse.stopp'; did you mean evse.stop?", "未知的命令“evse.stopp”；是否为 evse.stop？"),
        ("no fault is called 'x'; there are none", "没有名为“x”的故障；没有可选项"),
        ("a fault called 'fan' is already active", "名为“fan”的故障已存在（作用中）"),
        ("alarm_c: 150 C is not below trip_c; less than 145 C", "alarm_c：150 °C 不低于 trip_c；应低于 145 °C"),
    ],
)  # fmt: skip
def test_why_a_command_was_refused_is_said_in_chinese(text: str, chinese: str) -> None:
    assert note(text) == {"en": text, "zh": chinese}
