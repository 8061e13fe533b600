"""Masters that we did not write read and write a station: pysunspec2, mbpoll, a libmodbus program, jsmodbus."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import struct
import subprocess
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from hil.modbus.endpoint import ModbusEndpoint
from hil.modbus.map_checks import shipped_map
from hil.modbus.map_points import RegisterPoint

Sites = Callable[..., Any]
Act = Callable[[int], Coroutine[Any, Any, str]]

CLIENTS = Path(__file__).parent / "clients"
TRADE = "grid.meter[M1]"
OUTLET = "pile[A01].connector[1]"
PILE = """\
map: 1
name: pile
title: {en: Limit and switch, zh: 限值与开关}
device: Pile
family: dc_pile
source: "ours"
trust: own
identification: {vendor: V, product: P, revision: "1"}
holding:
  - {at: 0, name: limit, type: u16, of: "connector[1].allowed_kw", scale: 10,
     write: {do: evse.limit, with: limit_kw, target: "connector[1]"}}
coil:
  - {at: 0, name: enabled, of: "connector[1].is_enabled", write: {do: evse.enable, with: is_on, target: "connector[1]"}}
"""


@pytest.fixture
def charging(site: Sites) -> Any:
    one = site(
        "two-outlet",
        f'{{unit: 1, map: sdm630, shows: "{TRADE}"}}',
        f'{{unit: 2, map: sunspec_203, shows: "{TRADE}"}}',
        '{unit: 3, map: pile, shows: "pile[A01]"}',
        maps={"pile.yaml": PILE},
    )
    one.cars(2)
    one.to(1_000.0)
    return one


def served(one: Any, act: Callable[[int], Any]) -> Any:
    """What `act(port)`, in a thread of its own, makes of the station's port."""

    async def main() -> Any:
        (bus,) = one.station.buses.values()
        units = {unit.device: unit for unit in one.units.values()}
        endpoint = ModbusEndpoint(bus, units, one.door, one.document.path.parent)
        await endpoint.start()
        try:
            return await asyncio.to_thread(act, int(endpoint.url.rpartition(":")[2]))
        finally:
            await endpoint.stop()

    return asyncio.run(main())


def said_by(*command: str | Path, **more: Any) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout


def float32(value: float) -> float:
    (nearest,) = struct.unpack(">f", struct.pack(">f", value))
    return float(nearest)


def has_done_all(one: Any, power_kw: float, said: str) -> None:
    told = dict(line.split() for line in said.splitlines())
    assert float(told["power_w"]) == pytest.approx(float32(power_kw * 1_000.0), rel=1e-7)
    assert float(told["energy_kwh"]) == pytest.approx(float32(one.at(f"{TRADE}.import_kwh")), rel=1e-7)
    assert (told["marker"], told["limit"], told["coil"], told["refused"]) == ("53756e53", "250", "0", "1")
    done = [event for event in one.events if event.kind in ("command.done", "command.refused")]
    assert [(event.kind, event.data["verb"]) for event in done] == [
        ("command.done", "evse.limit"), ("command.done", "evse.limit"), ("command.done", "evse.enable"),
    ]  # fmt: skip
    assert one.at(f"{OUTLET}.power_kw") == 0.0


def test_pysunspec2_finds_the_meter_and_reads_it(charging: Any) -> None:
    client = pytest.importorskip("sunspec2.modbus.client", reason="pysunspec2 is in the development lock")

    def read(port: int) -> dict[str, Any]:
        device = client.SunSpecModbusClientDeviceTCP(slave_id=2, ipaddr="127.0.0.1", ipport=port)
        device.scan()
        device.close()
        (common,), (meter,) = device.models[1], device.models[203]
        names = (
            "A",
            "AphB",
            "PhV",
            "PhVphAB",
            "Hz",
            "W",
            "WphC",
            "VA",
            "VAR",
            "PF",
            "TotWhImp",
            "TotWhExp",
            "TotVArhImpQ1",
        )
        return {name: meter.points[name].cvalue for name in names} | {
            "Mn": common.Mn.value, "SN": common.SN.value, "ids": [one for one in device.models if isinstance(one, int)],
        }  # fmt: skip

    got = served(charging, read)
    assert (got["ids"], got["Mn"], got["SN"]) == ([1, 203], "Voltyard", TRADE)
    for point, name, factor, resolution in (
        ("A", "current_a", 1.0, 1.0), ("AphB", "current_l2_a", 1.0, 1.0), ("PhV", "voltage_v", 1.0, 0.1),
        ("PhVphAB", "voltage_l12_v", 1.0, 0.1), ("Hz", "frequency_hz", 1.0, 0.01), ("W", "power_kw", 1_000.0, 100.0),
        ("WphC", "power_l3_kw", 1_000.0, 100.0), ("VA", "apparent_kva", 1_000.0, 100.0),
        ("VAR", "reactive_kvar", 1_000.0, 100.0), ("PF", "power_factor", 100.0, 0.01),
        ("TotWhImp", "import_kwh", 1_000.0, 1.0), ("TotVArhImpQ1", "import_kvarh", 1_000.0, 1.0),
    ):  # fmt: skip
        assert got[point] == pytest.approx(charging.at(f"{TRADE}.{name}") * factor, abs=0.5001 * resolution), point
    assert not got["TotWhExp"]


def test_the_sunspec_map_is_as_the_model_says() -> None:
    sunspec2 = pytest.importorskip("sunspec2", reason="pysunspec2 is in the development lock")
    folder = Path(sunspec2.__file__).parent / "models" / "json"
    ours = {placed.first: placed.point for placed in shipped_map("sunspec_203").placed()}
    types = {
        "int16": "s16",
        "sunssf": "s16",
        "pad": "s16",
        "uint16": "u16",
        "acc32": "u32",
        "bitfield32": "u32",
        "string": "text",
    }
    for first, name, common in ((40002, "model_1", "common_"), (40070, "model_203", "")):
        at = first
        for point in json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["group"]["points"]:
            found = ours[at]
            assert (found.name.removeprefix(common), found.size) == (point["name"], point["size"])
            assert isinstance(found, RegisterPoint)
            assert found.type == types[point["type"]], found.name
            at += point["size"]
        assert ours[first + 1].constant == at - first - 2


def test_mbpoll_reads_and_writes(charging: Any) -> None:
    mbpoll = shutil.which("mbpoll")
    if mbpoll is None:
        pytest.skip("mbpoll is not installed (Debian: mbpoll)")
    power_kw = charging.at(f"{TRADE}.power_kw")

    def poll(port: int) -> list[str]:
        def at(unit: int, first: int, kind: str, *values: str) -> str:
            options = (
                "-m",
                "tcp",
                "-p",
                str(port),
                "-a",
                str(unit),
                "-0",
                "-r",
                str(first),
                "-t",
                kind,
                "-B",
                "-1",
                "-q",
            )
            return said_by(mbpoll, *options, "127.0.0.1", *values)

        return [at(1, 0x34, "3:float"), at(2, 40000, "4:hex"), at(3, 0, "4", "250"), at(3, 0, "4"), at(3, 0, "0", "0")]

    power, marker, wrote, limit, _ = served(charging, poll)
    found = re.search(r"\[52\]:\s+(\S+)", power)
    assert found is not None
    assert float(found[1]) == pytest.approx(power_kw * 1_000.0, rel=1e-5)
    assert "0x5375" in marker
    assert "Written 1 references" in wrote
    assert re.search(r"\[0\]:\s+250", limit)
    assert charging.at(f"{OUTLET}.power_kw") == 0.0


def test_a_libmodbus_program_reads_and_writes(charging: Any, tmp_path: Path) -> None:
    compiler = shutil.which("gcc") or shutil.which("cc")
    tool = shutil.which("pkg-config")
    has_library = tool is not None and subprocess.run([tool, "--exists", "libmodbus"], check=False).returncode == 0
    if compiler is None or tool is None or not has_library:
        pytest.skip("a C compiler, pkg-config or libmodbus is not installed (Debian: libmodbus-dev)")
    flags = said_by(tool, "--cflags", "--libs", "libmodbus").split()
    said_by(compiler, "-Wall", "-Werror", str(CLIENTS / "master.c"), "-o", str(tmp_path / "master"), *flags)
    power_kw = charging.at(f"{TRADE}.power_kw")
    has_done_all(charging, power_kw, served(charging, lambda port: said_by(str(tmp_path / "master"), str(port))))


def test_jsmodbus_reads_and_writes(charging: Any) -> None:
    node = shutil.which("node")
    if node is None or subprocess.run([node, "-e", "require('jsmodbus')"], capture_output=True, check=False).returncode:
        pytest.skip("Node or its package jsmodbus is not installed (npm install jsmodbus, NODE_PATH)")
    power_kw = charging.at(f"{TRADE}.power_kw")
    program = str(CLIENTS / "master.js")
    has_done_all(
        charging, power_kw, served(charging, lambda port: said_by(node, program, str(port), env={**os.environ}))
    )
