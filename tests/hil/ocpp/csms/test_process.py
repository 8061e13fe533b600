from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hil.ocpp.csms.process import serve, spawn
from hil.ocpp.csms.store import Store
from hil.ocpp.rpc import Answered
from sim.errors import BenchError, PortInUse, UsageError

TIME = "2022-07-11T12:00:00.000Z"


def start_payload(number: int) -> dict[str, Any]:
    return {"connectorId": 1, "idTag": "T1", "meterStart": number, "timestamp": TIME}


def rows(db: Path) -> list[dict[str, Any]]:
    store = Store(db)
    try:
        return store.rows("SELECT id, meter_start_wh, meter_stop_wh, status FROM transactions ORDER BY id")
    finally:
        store.close()


def test_it_ends_in_order(tmp_path: Path, charge_point: Any) -> None:
    async def main() -> None:
        csms = spawn(tmp_path / "csms.sqlite")
        pile = await charge_point("CP1").connect(csms.ocpp_url)
        assert await asyncio.to_thread(csms.terminate) == 0
        assert (await pile.closed)[0] == 1001

    asyncio.run(main())


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    code = (
        "import sys, time; from hil.ocpp.csms.process import spawn; c = spawn();"
        "print(c.process.pid, flush=True); sys.stdin.read()"
    )
    root = str(Path(__file__).resolve().parents[4])
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path, env=_path(root)
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    descriptor = os.pidfd_open(child)
    try:
        parent.kill()
        parent.wait()
        loop = asyncio.new_event_loop()
        ended = loop.create_future()
        loop.add_reader(descriptor, lambda: ended.done() or ended.set_result(None))
        loop.run_until_complete(asyncio.wait_for(ended, 20))
        loop.remove_reader(descriptor)
        loop.close()
    finally:
        os.close(descriptor)
        parent.stdin.close()
        parent.stdout.close()


def _path(root: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": root}


@pytest.mark.parametrize("which", ["port", "api_port"])
def test_a_taken_port_is_named(which: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BenchError, match=f"127.0.0.1:{port}"):
            spawn(**{which: port})
        with pytest.raises(PortInUse, match=f"127.0.0.1:{port}"):
            serve(**({"port": 0, "api_port": 0} | {which: port}))


def test_what_cannot_be_served_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="token"):
        serve("0.0.0.0", 0)
    with pytest.raises(UsageError, match="--port 70000"):
        serve(port=70_000)
    with pytest.raises(BenchError, match="missing"):
        spawn(tmp_path / "missing" / "csms.sqlite")
    with pytest.raises(BenchError, match="not ready within"):
        spawn(start_s=0.0)


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_moment_nothing_is_lost_or_doubled(tmp_path: Path, charge_point: Any, seed: int) -> None:
    """SIGKILL while starts and stops go through; what was not answered is said again to the next process."""
    db = tmp_path / "csms.sqlite"
    chance = random.Random(seed)
    answered: dict[int, int] = {}
    stopped: set[int] = set()

    async def talk(pile: Any, last: int, goal: int, reached: asyncio.Event) -> None:
        while len(stopped) < last:
            if len(stopped) >= goal:
                reached.set()
            number = len(stopped)
            if number not in answered:
                answer = await pile.call("StartTransaction", start_payload(number))
                if not isinstance(answer, Answered):
                    return
                answered[number] = answer.payload["transactionId"]
            stop = {"transactionId": answered[number], "meterStop": number + 1000, "timestamp": TIME}
            if not isinstance(await pile.call("StopTransaction", stop), Answered):
                return
            stopped.add(number)

    async def main() -> None:
        total = 0
        for round_number in range(4):
            csms = spawn(db)
            pile = await charge_point("CP1").connect(csms.ocpp_url, boot=round_number == 0)
            total += 400
            reached = asyncio.Event()
            talking = asyncio.create_task(talk(pile, total, len(stopped) + chance.randrange(150), reached))
            await reached.wait()
            # Somewhere between two answers: let a random part of the next exchange happen.
            for _ in range(chance.randrange(40)):
                await asyncio.sleep(0)
            os.kill(csms.process.pid, signal.SIGKILL)
            await talking
            csms.kill()
            await pile.closed
        csms = spawn(db)
        pile = await charge_point("CP1").connect(csms.ocpp_url, boot=False)
        await talk(pile, len(stopped) + 20, 0, asyncio.Event())
        await pile.client.close()
        assert csms.terminate() == 0

    asyncio.run(main())
    found = rows(db)
    assert [row["meter_start_wh"] for row in found] == sorted(answered)
    assert {row["meter_start_wh"]: row["id"] for row in found} == answered
    assert all(row["status"] == "stopped" and row["meter_stop_wh"] == row["meter_start_wh"] + 1000 for row in found)


def test_committed_but_not_answered_gets_the_same_id(tmp_path: Path, charge_point: Any) -> None:
    """The process dies with its commit made and its answer not received: the repetition finds the transaction."""
    db = tmp_path / "csms.sqlite"

    async def main() -> None:
        csms = spawn(db)
        pile = await charge_point("CP1").connect(csms.ocpp_url)
        pile.client._connection.on_data = lambda _data: None  # the answer never reaches anyone
        pile.rpc.call("StartTransaction", start_payload(5), lambda _answer, _now: None, 0.0)
        pile.flush()
        assert await pile.client.fence()
        csms.kill()
        await pile.closed
        assert len(rows(db)) == 1
        csms = spawn(db)
        pile = await charge_point("CP1").connect(csms.ocpp_url, boot=False)
        answer = await pile.call("StartTransaction", start_payload(5))
        assert answer.payload["transactionId"] == 1
        await pile.client.close()
        csms.terminate()

    asyncio.run(main())
    assert len(rows(db)) == 1
