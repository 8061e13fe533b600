"""A CSMS made of the `ocpp` package's own class, its validation on; run by the peers' Python, not ours.

Prints its port, serves until standard input ends, then prints what it counted as one line of JSON.
"""

import asyncio
import json
import sys
from collections import Counter
from datetime import UTC, datetime

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from ocpp.v16.enums import Action, AuthorizationStatus, RegistrationStatus

counted: Counter[str] = Counter()
errors: list[str] = []


class Peer(ChargePoint):
    """Accepts everything and counts it; the package checks every frame against its schemas, both ways."""

    @on(Action.boot_notification)
    def on_boot(self, **_said: object) -> call_result.BootNotification:
        counted["BootNotification"] += 1
        return call_result.BootNotification(now(), 300, RegistrationStatus.accepted)

    @on(Action.heartbeat)
    def on_beat(self) -> call_result.Heartbeat:
        counted["Heartbeat"] += 1
        return call_result.Heartbeat(now())

    @on(Action.authorize)
    def on_allow(self, **_said: object) -> call_result.Authorize:
        counted["Authorize"] += 1
        return call_result.Authorize({"status": AuthorizationStatus.accepted})

    @on(Action.status_notification)
    def on_status(self, **_said: object) -> call_result.StatusNotification:
        counted["StatusNotification"] += 1
        return call_result.StatusNotification()

    @on(Action.start_transaction)
    def on_start(self, **_said: object) -> call_result.StartTransaction:
        counted["StartTransaction"] += 1
        return call_result.StartTransaction(counted["StartTransaction"], {"status": AuthorizationStatus.accepted})

    @on(Action.meter_values)
    def on_meter(self, **_said: object) -> call_result.MeterValues:
        counted["MeterValues"] += 1
        return call_result.MeterValues()

    @on(Action.stop_transaction)
    def on_stop(self, **_said: object) -> call_result.StopTransaction:
        counted["StopTransaction"] += 1
        return call_result.StopTransaction()


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def opened(connection: websockets.ServerConnection) -> None:
    peer = Peer(connection.request.path.rsplit("/", 1)[-1], connection)
    try:
        await peer.start()
    except websockets.ConnectionClosed:
        pass
    except Exception as error:
        errors.append(f"{type(error).__name__}: {error}")


async def main() -> None:
    async with websockets.serve(opened, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)
    print(json.dumps({"counted": counted, "errors": errors}), flush=True)


asyncio.run(main())
