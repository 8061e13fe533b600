"""The probe: one charge point connects to a CSMS, boots, beats and authorises, and says what came back and how fast."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final

from hil.ocpp.frames import Payload
from hil.ocpp.rpc import Answer, Answered, CallRefused, Invalid, Refused, Rpc, TimedOut
from hil.ocpp.transport import WebSocketClient
from sim.errors import UsageError

__all__ = ["probe"]

_PATIENCE_S: Final = 10.0
_CALLS: Final[tuple[tuple[str, Payload], ...]] = (
    ("BootNotification", {"chargePointModel": "probe", "chargePointVendor": "Voltyard"}),
    ("Heartbeat", {}),
    ("Authorize", {"idTag": "VOLTYARD-PROBE"}),
)

_OF: Final = {"BootNotification": "charge point", "Authorize": "token"}


def probe(csms: str, identity: str, *, as_json: bool) -> int:
    """Ask and print; 0 when every answer conforms, 1 when one does not. Raises `Unreachable`."""
    if not csms.startswith(("ws://", "wss://")):
        raise UsageError(f"--csms {csms!r}: an address that begins with ws:// or wss:// is needed")
    url = f"{csms.rstrip('/')}/{identity}"
    document = asyncio.run(_probe(url))
    if as_json:
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(
            f"{url}: subprotocol {document['subprotocol']}, connected in {document['connect_ms']:.1f} ms\n"
        )
        for row in document["answers"]:
            sys.stdout.write(f"  {row['action']:<18} {row['verdict']:<10} {row['ms']:8.1f} ms  {row['said']}\n")
        if document["not_accepted"]:
            conforms = "conforms, but does" if document["conforming"] else "does"
            sys.stdout.write(f"  the CSMS {conforms} not accept this {' and this '.join(document['not_accepted'])}\n")
    return 0 if document["conforming"] else 1


async def _probe(url: str) -> dict[str, Any]:
    heard = asyncio.Event()
    numbers = count(1)
    rpc = Rpc(_unasked, new_id=lambda: f"probe-{next(numbers)}", timeout_s=_PATIENCE_S)

    def take(data: bytes) -> None:
        rpc.received(data, _now())
        _send(client, rpc)
        heard.set()

    def closed(_code: int, _reason: str) -> None:
        rpc.closed(_now())
        heard.set()

    client = WebSocketClient(take, closed, timeout_s=_PATIENCE_S)
    began_s = _now()
    subprotocol = await client.connect(url)
    connect_ms = (_now() - began_s) * 1000.0
    rows = [await _ask(client, rpc, heard, action, payload) for action, payload in _CALLS]
    await client.close()
    is_conforming = all(row["verdict"] == "ok" for row in rows)
    refused = [_OF[row["action"]] for row in rows if row["verdict"] == "ok" and _is_refusal(row["said"])]
    return {"url": url, "subprotocol": subprotocol, "connect_ms": connect_ms, "answers": rows,
            "conforming": is_conforming, "not_accepted": refused}  # fmt: skip


async def _ask(
    client: WebSocketClient, rpc: Rpc, heard: asyncio.Event, action: str, payload: Payload
) -> dict[str, Any]:
    answers: list[Answer] = []
    began_s = _now()
    if rpc.is_closed:
        return {"action": action, "verdict": "lost", "ms": 0.0, "said": "the connection was closed before"}
    rpc.call(action, payload, lambda answer, _now: answers.append(answer), began_s)
    _send(client, rpc)
    while not answers:
        heard.clear()
        try:
            async with asyncio.timeout(max(0.0, began_s + _PATIENCE_S - _now())):
                await heard.wait()
        except TimeoutError:
            rpc.tick(began_s + _PATIENCE_S)
    verdict, said = _words(action, answers[0])
    return {"action": action, "verdict": verdict, "ms": (_now() - began_s) * 1000.0, "said": said}


def _is_refusal(said: Any) -> bool:
    return isinstance(said, dict) and said.get("status", "Accepted") != "Accepted"


def _words(action: str, answer: Answer) -> tuple[str, Any]:
    if isinstance(answer, Answered):
        shown = answer.payload.get("idTagInfo", answer.payload)
        off_s = _offset_s(answer.payload)
        is_far = action != "Authorize" and (off_s is None or abs(off_s) > 300.0)
        return ("clock" if is_far else "ok"), shown
    if isinstance(answer, Invalid):
        return "invalid", f"{answer.violation.code}: {answer.violation.description}"
    if isinstance(answer, Refused):
        return "refused", f"{answer.code}: {answer.description}"
    return ("timeout", f"no answer in {_PATIENCE_S:g} s") if isinstance(answer, TimedOut) else ("lost", "closed")


def _offset_s(payload: Payload) -> float | None:
    try:
        told = datetime.fromisoformat(str(payload["currentTime"]))
    except (KeyError, ValueError):
        return None
    return (told.replace(tzinfo=told.tzinfo or UTC) - datetime.now(UTC)).total_seconds()


def _send(client: WebSocketClient, rpc: Rpc) -> None:
    for data in rpc.outgoing():
        client.send(data)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _unasked(action: str, _payload: Payload, _now: float) -> Payload:
    raise CallRefused("NotSupported", f"a probe does not take {action}")
