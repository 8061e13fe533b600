"""What a CSMS does amiss is told: going for good, breaking OCPP, refusing; each on a real socket."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bench_api.outcome import Outcome
from bench_api.probe import probe
from bench_api.report import write_report
from bench_api.running import _summary, replay
from hil.ocpp.connection import Connection
from hil.ocpp.transport import WebSocketServer

Play = Callable[..., Outcome]
ACCEPTED = {"idTagInfo": {"status": "Accepted"}}
NOW = "2022-06-14T06:00:00Z"


class Csms:
    """A CSMS in a thread of its own that gives `answers` by action; a list is sent as it stands, but for the id.

    It goes for good after `lives` messages, and says `babble` before each answer to a StatusNotification.
    """

    def __init__(self, lives: float = float("inf"), babble: bytes = b"", **answers: Any) -> None:
        self.answers: dict[str, Any] = {
            "BootNotification": {"status": "Accepted", "currentTime": NOW, "interval": 300},
            "Heartbeat": {"currentTime": NOW},
            "Authorize": ACCEPTED,
        } | answers
        self.url = ""
        self._lives = lives
        self._babble = babble
        self._transactions = 0

    @contextmanager
    def serving(self) -> Iterator[str]:
        ready, loop = threading.Event(), asyncio.new_event_loop()
        self._gone = asyncio.Event()

        async def serve() -> None:
            server = WebSocketServer(self._opened)
            await server.start()
            self.url = server.url
            ready.set()
            await self._gone.wait()
            await server.stop()

        thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
        thread.start()
        assert ready.wait(10.0)
        try:
            yield self.url
        finally:
            if thread.is_alive():
                loop.call_soon_threadsafe(self._gone.set)
            thread.join()
            loop.close()

    def _opened(self, connection: Connection) -> None:
        connection.on_data = lambda data: self._answer(connection, data)

    def _answer(self, connection: Connection, data: bytes) -> None:
        kind, number, action, *_ = json.loads(data)
        if kind != 2:
            return
        said = self.answers.get(action, {})
        if action == "StartTransaction" and action not in self.answers:
            self._transactions += 1
            said = {"transactionId": self._transactions} | ACCEPTED
        if action == "StatusNotification" and self._babble:
            connection.send(self._babble)
        frame = [4, number, *said] if isinstance(said, list) else [3, number, said]
        connection.send(json.dumps(frame).encode())
        self._lives -= 1
        if self._lives <= 0:
            self._gone.set()


def cases(folder: Path) -> dict[str, str | None]:
    """JUnit's cases with the messages of those that failed or were skipped."""
    suite = ElementTree.parse(folder / "junit.xml").find("testsuite")
    assert suite is not None
    found = {}
    for case in suite.findall("testcase"):
        inner = next(iter(case), None)
        found[str(case.get("name"))] = inner.get("message") if inner is not None else None
    return found


def without_expectations(scenario: Path) -> None:
    head, _, _ = scenario.read_text(encoding="utf-8").partition("expect:\n")
    scenario.write_text(head, encoding="utf-8")


def test_a_csms_that_goes_for_good_fails_the_run(
    play: Play, scenario: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is owed to it: only the link tells that nobody listened any more."""
    text = scenario.read_text(encoding="utf-8").replace("equals: 3", "at_least: 0")
    scenario.write_text(text, encoding="utf-8")
    (tmp_path / "cars.csv").write_text("\n".join((tmp_path / "cars.csv").read_text().splitlines()[:1]) + "\n")
    with Csms(lives=12).serving() as url:
        played = play("lockstep", csms=url, patience_s=0.2)
    assert (played.document["verdict"], played.exit_code) == ("fail", 1)
    assert played.document["books"]["undelivered"] == []
    reason = played.document["reason"]
    (link,) = played.document["wire"]["links"]
    assert 0.0 < link["away_since_s"] < 10_800.0
    minutes = int(link["away_since_s"] // 60)
    assert reason == f"CSMS of A01 lost at {8 + minutes // 60:02}:{minutes % 60:02}, never back"
    assert f"  {reason}\n" in _summary(played.document, None)
    page = write_report(tmp_path / "run").read_text(encoding="utf-8")
    lead = page.partition('class="lead"')[2].partition("</p>")[0]
    assert reason in lead and "A01 与平台的连接于" in lead
    assert cases(tmp_path / "run") == {
        "all_end": None, "book.energy": None, "book.money": None, "book.messages": None, "wire.link": reason,
        "wire.conformance": None,
    }  # fmt: skip
    assert replay(tmp_path / "run", None, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["reason"] == reason


def test_a_cut_that_ends_does_not_excuse_a_csms_that_went_meanwhile(play: Play, scenario: Path, tmp_path: Path) -> None:
    without_expectations(scenario)
    cut = 'timeline:\n  - {after_s: 600, inject: link.cut, target: "link[A01]", with: {duration_s: 3000}}\n'
    scenario.write_text(scenario.read_text(encoding="utf-8") + cut, encoding="utf-8")
    (tmp_path / "cars.csv").write_text("\n".join((tmp_path / "cars.csv").read_text().splitlines()[:1]) + "\n")
    with Csms(lives=5).serving() as url:
        gone = play("lockstep", "gone", csms=url, patience_s=0.2)
    with Csms().serving() as url:
        back = play("lockstep", "back", csms=url, patience_s=0.2)
    assert back.document["verdict"] == "pass", back.document
    assert back.document["wire"]["said"] == []
    assert 0.0 < back.document["wire"]["links"][0]["away_s"] <= 10.3
    assert gone.exit_code == 1
    assert "never back" in gone.document["reason"]


def test_a_csms_that_does_not_accept_is_the_reason(play: Play, tmp_path: Path) -> None:
    said = {"status": "Rejected", "currentTime": NOW, "interval": 300}
    with Csms(BootNotification=said).serving() as url:
        played = play("lockstep", csms=url)
    assert played.exit_code == 1
    assert played.document["reason"] == "A01: BootNotification Rejected 37 times"
    assert played.document["wire"]["boots"] == {"A01": {"Rejected": 37}}
    page = write_report(tmp_path / "run").read_text(encoding="utf-8")
    assert "A01：启动通知（BootNotification）Rejected 37 次" in page.partition('class="lead"')[2].partition("</p>")[0]


def test_tokens_that_are_all_refused_are_the_reason(play: Play, tmp_path: Path) -> None:
    with Csms(Authorize={"idTagInfo": {"status": "Invalid"}}).serving() as url:
        played = play("lockstep", csms=url)
    assert played.exit_code == 1
    tags = ", ".join(f"TAG-V00000{number} Invalid" for number in (1, 2, 3))
    assert played.document["reason"] == f"3 of 3 tokens refused ({tags})"
    page = write_report(tmp_path / "run").read_text(encoding="utf-8")
    assert "3 个标识中有 3 个被拒绝" in page.partition('class="lead"')[2].partition("</p>")[0]


def test_a_csms_that_breaks_ocpp_is_told_and_its_answer_named(play: Play, tmp_path: Path) -> None:
    bad = {"transactionId": "7", "idTagInfo": {"status": "Accepted"}}
    with Csms(StartTransaction=bad, babble=b"hello").serving() as url:
        played = play("lockstep", csms=url)
    found = {(row["direction"], row["kind"], row["action"]): row for row in played.document["wire"]["violations"]}
    answer, babble = found[("in", "result", "StartTransaction")], found[("in", "unreadable", "")]
    assert (answer["word"], answer["count"], answer["charge_point"]) == ("TypeConstraintViolation", 9, "A01")
    assert '"transactionId":"7"' in answer["sample"]
    assert babble["sample"] == "hello"
    lost = "3 lost (the answer breaks OCPP: StartTransaction, TypeConstraintViolation)"
    assert played.document["reason"] == f"transactions: {lost}"
    told = cases(tmp_path / "run")["wire.conformance"]
    assert told is not None and "9 x StartTransaction result TypeConstraintViolation" in told
    assert told in _summary(played.document, None)
    page = write_report(tmp_path / "run").read_text(encoding="utf-8")
    assert "Violations and refusals on the wire" in page and "通信违规与拒绝" in page
    assert "3 笔丢失（应答违反 OCPP：StartTransaction，TypeConstraintViolation）" in page


def test_a_csms_that_babbles_fails_the_run_by_that_alone(play: Play, tmp_path: Path) -> None:
    with Csms(babble=b"hello").serving() as url:
        played = play("lockstep", csms=url)
    assert (played.document["verdict"], played.exit_code) == ("fail", 1)
    assert played.document["reason"] == cases(tmp_path / "run")["wire.conformance"]


def test_callerrors_are_counted_by_action_and_break_nothing(play: Play, tmp_path: Path) -> None:
    with Csms(StatusNotification=["InternalError", "boom", {}]).serving() as url:
        played = play("lockstep", csms=url)
    (row,) = played.document["wire"]["call_errors"]
    assert (row["direction"], row["action"], row["word"]) == ("in", "StatusNotification", "InternalError")
    assert row["count"] > 3 and "boom" in row["sample"]
    assert played.document["wire"]["violations"] == []
    assert cases(tmp_path / "run")["wire.conformance"] is None
    assert f"CALLERROR: {row['count']} x StatusNotification InternalError" in _summary(played.document, None)


def test_a_csms_in_order_has_nothing_said_of_it(play: Play, tmp_path: Path) -> None:
    played = play("lockstep")
    assert played.exit_code == 0
    wire = played.document["wire"]
    assert (wire["said"], wire["violations"], wire["call_errors"]) == ([], [], [])
    assert "Violations and refusals" not in write_report(tmp_path / "run").read_text(encoding="utf-8")
    assert "wire" not in play("fast", "fast").document


def test_what_was_never_judged_is_said_and_alone_is_no_pass(play: Play, scenario: Path, tmp_path: Path) -> None:
    without_expectations(scenario)
    late = "  - {id: late, after: {event: alarm.raised}, within_s: 5, event: alarm.cleared}\n"
    scenario.write_text(scenario.read_text(encoding="utf-8") + "expect:\n" + late, encoding="utf-8")
    alone = play("fast", "alone")
    why = "nothing to judge: the first event did not happen, or too late in the run"
    assert (alone.document["verdict"], alone.exit_code) == ("inconclusive", 4)
    assert f"  not judged: late: {why}\n" in _summary(alone.document, None)
    assert cases(tmp_path / "alone")["late"] == f"late: not judged, {why}"
    more = "  - {id: some, count: {event: session.ended, at_least: 1}}\n"
    scenario.write_text(scenario.read_text(encoding="utf-8") + more, encoding="utf-8")
    both = play("fast", "both")
    assert both.exit_code == 0
    assert f"  not judged: late: {why}\n" in _summary(both.document, None)


@pytest.mark.parametrize(
    ("answers", "line"),
    [
        ({}, None),
        ({"Authorize": {"idTagInfo": {"status": "Invalid"}}}, "conforms, but does not accept this token"),
        ({"BootNotification": {"status": "Pending"}}, "this charge point"),
    ],
)
def test_the_probe_says_what_conforms_but_is_not_accepted(
    answers: dict[str, Any], line: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    now = datetime.now(UTC).isoformat()
    answers = {"Heartbeat": {"currentTime": now}} | answers
    boot = {"status": "Accepted", "interval": 3} | answers.pop("BootNotification", {}) | {"currentTime": now}
    with Csms(BootNotification=boot, **answers).serving() as url:
        code = probe(url, "P1", as_json=False)
    out = capsys.readouterr().out
    assert code == 0
    assert ("not accept" in out) is (line is not None)
    assert line is None or line in out


def test_tls_to_a_plain_port_is_one_line_and_no_traceback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def answer() -> None:
            connection, _ = plain.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        answering = threading.Thread(target=answer)
        answering.start()
        url = f"wss://127.0.0.1:{plain.getsockname()[1]}"
        command = [sys.executable, "-m", "voltyard", "probe", "--csms", url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        answering.join()
    assert done.returncode == 3
    assert "TLS handshake failed" in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
