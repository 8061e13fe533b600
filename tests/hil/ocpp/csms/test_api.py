from __future__ import annotations

import asyncio
import http.client
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest

from hil.ocpp.csms.process import CsmsProcess

START = {"connectorId": 1, "idTag": "T1", "meterStart": 100, "timestamp": "2022-07-11T12:00:00.000Z"}


def ask(
    csms: CsmsProcess, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    """Status and JSON of one request; bytes go as they are."""
    connection = http.client.HTTPConnection(urlsplit(csms.api_url).netloc, timeout=10)
    try:
        sent = body if isinstance(body, bytes | None) else orjson.dumps(body)
        connection.request(method, f"/api/v1/{path}", sent, headers or {})
        response = connection.getresponse()
        return response.status, orjson.loads(response.read())
    finally:
        connection.close()


def test_what_the_csms_knows(csms: CsmsProcess, charge_point: Any) -> None:
    async def main() -> None:
        pile = await charge_point("CP%201").connect(csms.ocpp_url)
        await pile.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Preparing"})
        await pile.call("StartTransaction", START)
        for power in ("1", "2", "3"):
            sampled = [{"timestamp": START["timestamp"], "sampledValue": [{"value": power}]}]
            await pile.call("MeterValues", {"connectorId": 1, "transactionId": 1, "meterValue": sampled})
        await pile.call("StopTransaction", {"transactionId": 9, "meterStop": 1, "timestamp": START["timestamp"]})

        def look() -> None:
            assert ask(csms, "GET", "health") == (
                200,
                {"status": "ok", "connected": 1, "transactions": {"open": 1}},
            )
            status, points = ask(csms, "GET", "charge-points")
            assert (status, points[0]["id"], points[0]["connected"]) == (200, "CP 1", True)
            status, point = ask(csms, "GET", "charge-points/CP%201")
            assert point["connectors"][0]["status"] == "Preparing"
            assert {"action": "StartTransaction", "verdict": "ok", "n": 1} in point["messages"]
            status, transactions = ask(csms, "GET", "transactions?charge_point=CP%201&status=open")
            assert [(row["id"], row["meter_start_wh"]) for row in transactions] == [(1, 100)]
            assert ask(csms, "GET", "transactions?after=1")[1] == []
            status, readings = ask(csms, "GET", "charge-points/CP%201/meter-values?limit=2")
            assert [row["values"][0]["sampledValue"][0]["value"] for row in readings] == ["2", "3"]
            assert (status, readings[-1]["connector"], readings[-1]["transaction_id"]) == (200, 1, 1)
            assert ask(csms, "GET", "charge-points/CP9/meter-values")[0] == 404
            status, violations = ask(csms, "GET", "violations")
            assert [row["rule"] for row in violations] == ["unknown_transaction"]

        await asyncio.to_thread(look)
        await pile.client.close()

    asyncio.run(main())


def test_actions_reach_the_charge_point(csms: CsmsProcess, charge_point: Any) -> None:
    async def main() -> None:
        pile = await charge_point("CP1").connect(csms.ocpp_url)

        async def act(path: str, body: Any = None) -> tuple[int, Any]:
            return await asyncio.to_thread(ask, csms, "POST", f"charge-points/{path}", body)

        start = {"idTag": "T1", "connectorId": 1}
        assert await act("CP1/actions/RemoteStartTransaction", start) == (200, {"status": "Accepted"})
        assert pile.asked == [("RemoteStartTransaction", start)]
        assert (await act("CP1/actions/ClearCache"))[0] == 200
        assert (await act("CP1/actions/StartTransaction", {}))[0] == 404
        assert (await act("CP9/actions/ClearCache", {}))[0] == 404
        bad = ({"type": "Odd"}, [], b"{", b'{"type": NaN}', b'{"type": 1e400}', b"\xff", {"type": "Soft", "x": 1})
        for body in (*bad, b'{"type":' + b"[" * 900 + b"]" * 900 + b"}"):
            status, answer = await act("CP1/actions/Reset", body)
            assert (status, bool(answer["detail"])) == (422, True), body
        assert (await act("CP1/actions/Reset", b" " * 300_000))[0] == 413
        understood = pile.client._connection.on_data
        pile.client._connection.on_data = lambda data: pile.client.send(
            orjson.dumps([3, orjson.loads(data)[1], {"listVersion": "one"}])
        )
        assert (await act("CP1/actions/GetLocalListVersion"))[0] == 502
        pile.client._connection.on_data = lambda data: pile.client.send(
            orjson.dumps([4, orjson.loads(data)[1], "NotSupported", "no", {}])
        )
        status, answer = await act("CP1/actions/GetLocalListVersion")
        assert (status, answer["code"]) == (409, "NotSupported")
        pile.client._connection.on_data = understood
        await pile.client.close()
        assert (await act("CP1/actions/ClearCache", {}))[0] == 404

    asyncio.run(main())


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "id-tags/T1", {"status": "Blocked"}, 200),
        ("PUT", "id-tags/T1", {"status": "Odd"}, 422),
        ("PUT", "id-tags/T1", {"status": ["Blocked"]}, 422),
        ("PUT", "id-tags/T1", {}, 422),
        ("PUT", "id-tags/" + "x" * 21, {"status": "Blocked"}, 422),
        ("GET", "charge-points/none", None, 404),
        ("GET", "transactions?limit=nan", None, 422),
        ("GET", "transactions?after=99999999999999999999", None, 422),
        ("GET", "violations?limit=0", None, 422),
        ("GET", "nothing", None, 404),
        ("DELETE", "health", None, 405),
    ],
)
def test_refusals(csms_shared: CsmsProcess, method: str, path: str, body: Any, status: int) -> None:
    got, answer = ask(csms_shared, method, path, body)
    assert got == status
    assert status == 200 or answer["detail"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example:80"}, 403),
        ({"Host": "[::1"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "localhost:1", "Origin": "http://localhost:1"}, 200),
    ],
)
def test_foreign_pages_are_turned_away(csms_shared: CsmsProcess, headers: dict[str, str], status: int) -> None:
    assert ask(csms_shared, "GET", "health", headers=headers)[0] == status


def test_a_token_is_asked_for(monkeypatch: pytest.MonkeyPatch, spawn_csms: Any) -> None:
    monkeypatch.setenv("VOLTYARD_TOKEN", "open sesame")
    with spawn_csms() as csms:
        assert ask(csms, "GET", "health")[0] == 401
        assert ask(csms, "GET", "health", headers={"Authorization": "Bearer wrong"})[0] == 401
        assert ask(csms, "GET", "health", headers={"Authorization": "Bearer open sesame"})[0] == 200


def test_a_blocked_tag_is_answered_so(csms: CsmsProcess, charge_point: Any) -> None:
    async def main() -> None:
        pile = await charge_point("CP1").connect(csms.ocpp_url)
        assert (await asyncio.to_thread(ask, csms, "PUT", "id-tags/T9", {"status": "Blocked"}))[0] == 200
        answer = await pile.call("Authorize", {"idTag": "t9"})
        assert answer.payload == {"idTagInfo": {"status": "Blocked"}}
        assert ask(csms, "GET", "id-tags")[1] == [{"tag": "T9", "status": "Blocked"}]
        await pile.client.close()

    asyncio.run(main())
