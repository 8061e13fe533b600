"""What a station that is up says: a line each, and not too many."""

from __future__ import annotations

from datetime import datetime

from bench_api.spoken import Spoken
from sim.clock import Clock
from sim.kernel import Kernel


def test_lines_are_few_however_much_happens() -> None:
    kernel = Kernel(Clock(datetime(2022, 6, 14, 8), "Asia/Shanghai"), 1)
    said: list[str] = []
    wall_s = [0.0]
    Spoken(kernel, said.append, lambda: wall_s[0]).begin()
    kernel.emit("wire.lost", "ocpp[A01]", {"code": 1006})
    kernel.emit("device.joined", "pile[A01].connector[1]", {"vendor": "V", "model": "M"})
    kernel.emit("session.started", "pile[A01].connector[1]", {"session": "S1"})
    assert said == [
        "2022-06-14 08:00:00 ocpp[A01]: the CSMS is lost\n",
        "2022-06-14 08:00:00 pile[A01].connector[1]: the device has joined V M\n",
    ]
    for _ in range(100):
        kernel.emit("alarm.raised", "pile[A01]", {"alarm": "pile_failed"})
    assert len(said) == 20 and said[-1].endswith("pile[A01]: alarm pile_failed\n")
    wall_s[0] = 61.0
    kernel.emit("alarm.cleared", "pile[A01]", {"alarm": "pile_failed"})
    assert said[20:] == ["... and 82 more\n", "2022-06-14 08:00:00 pile[A01]: alarm over pile_failed\n"]
