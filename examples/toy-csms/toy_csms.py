"""A toy CSMS as somebody might write it: OCPP 1.6 by the `ocpp` package, bills in a CSV file.

`python toy_csms.py --bills bills.csv` prints its address and serves until it is terminated. With `--careless` it has a
bug that no unit test of it would find: it bills what the meter reads at the end, not what has been charged.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from ocpp.v16.enums import Action, AuthorizationStatus, RegistrationStatus
from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

ACCEPTED = {"status": AuthorizationStatus.accepted}


class Bills:
    """What is open by transaction, and what was billed: a line each, written at once."""

    def __init__(self, path: Path, is_careless: bool) -> None:
        self._path = path
        self._is_careless = is_careless
        self._open: dict[int, tuple[str, str, int]] = {}
        self._count = 0
        self._write("transaction", "charge_point", "id_tag", "energy_wh")

    def begin(self, charge_point: str, id_tag: str, meter_wh: int) -> int:
        """A transaction begins; its number."""
        self._count += 1
        self._open[self._count] = charge_point, id_tag, meter_wh
        return self._count

    def end(self, transaction: int, meter_wh: int) -> None:
        """It has ended: write the bill."""
        charge_point, id_tag, began_wh = self._open.pop(transaction)
        energy_wh = meter_wh if self._is_careless else meter_wh - began_wh
        self._write(transaction, charge_point, id_tag, energy_wh)

    def _write(self, *row: object) -> None:
        with self._path.open("a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow(row)


class Outlet(ChargePoint):
    """One charge point as the CSMS sees it."""

    def __init__(self, identity: str, wire: Wire, bills: Bills) -> None:
        super().__init__(identity, wire)
        self._bills = bills

    @on(Action.boot_notification)
    def on_boot(self, **_: Any) -> call_result.BootNotification:
        return call_result.BootNotification(now(), 300, RegistrationStatus.accepted)

    @on(Action.heartbeat)
    def on_beat(self) -> call_result.Heartbeat:
        return call_result.Heartbeat(now())

    @on(Action.status_notification)
    def on_status(self, **_: Any) -> call_result.StatusNotification:
        return call_result.StatusNotification()

    @on(Action.authorize)
    def on_authorize(self, **_: Any) -> call_result.Authorize:
        return call_result.Authorize(ACCEPTED)

    @on(Action.start_transaction)
    def on_start(self, id_tag: str, meter_start: int, **_: Any) -> call_result.StartTransaction:
        return call_result.StartTransaction(self._bills.begin(self.id, id_tag, meter_start), ACCEPTED)

    @on(Action.meter_values)
    def on_meter(self, **_: Any) -> call_result.MeterValues:
        return call_result.MeterValues()

    @on(Action.stop_transaction)
    def on_stop(self, transaction_id: int, meter_stop: int, **_: Any) -> call_result.StopTransaction:
        self._bills.end(transaction_id, meter_stop)
        return call_result.StopTransaction()


class Wire(WSListener):
    """A WebSocket as the `ocpp` package wants one: `recv` and `send`."""

    def __init__(self, identity: str, bills: Bills) -> None:
        super().__init__()
        self._heard: asyncio.Queue[str] = asyncio.Queue()
        self._outlet = Outlet(identity, self, bills)

    async def recv(self) -> str:
        return await self._heard.get()

    async def send(self, message: str) -> None:
        self._transport.send(WSMsgType.TEXT, message.encode())

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._serving = asyncio.get_running_loop().create_task(self._outlet.start())

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            self._heard.put_nowait(frame.get_payload_as_utf8_text())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._serving.cancel()


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def serve(port: int, bills: Bills) -> None:
    """Take in every charge point that comes to /<its id>, until SIGTERM."""

    def accept(request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        identity = request.path.decode().rpartition("/")[2]
        answer = WSUpgradeResponse.create_101_response({"Sec-WebSocket-Protocol": "ocpp1.6"})
        return WSUpgradeResponseWithListener(answer, Wire(identity, bills))

    server = await ws_create_server(accept, "127.0.0.1", port)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A toy CSMS.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--bills", type=Path, required=True)
    parser.add_argument("--careless", action="store_true")
    chosen = parser.parse_args()
    asyncio.run(serve(chosen.port, Bills(chosen.bills, chosen.careless)))
