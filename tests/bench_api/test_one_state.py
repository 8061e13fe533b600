"""One state, many faces: what OCPP, Modbus and REST show at an instant is the same physical value.

Each within its format's resolution, for every quantity that more than one of them shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pymodbus.client.mixin import ModbusClientMixin
from standing import Standing, stand

from hil.modbus.map_checks import shipped_map
from hil.modbus.map_file import MapFile, PlacedPoint
from hil.modbus.map_points import RegisterPoint
from hil.modbus.shown import TRANSFORMED
from hil.modbus.values import KINDS
from hil.ocpp.meter_values import MEASURANDS
from hil.ocpp.outlets import status_of
from twins.station_file import find_station

SCENARIO = """\
scenario: 1
title: {{en: Mid-run, zh: 运行中}}
station: busy.yaml
start: 2022-07-13T11:00
duration_h: 4
seed: {seed}
demand: {{sessions_per_day: 1200}}
"""
EVERY = Path(__file__).parents[1] / "hil" / "modbus" / "every_device.yaml"
PORTS = """\
endpoints:
  - {kind: ocpp, version: "1.6", charge_points: per_cabinet, url: "${csms}/{charge_point}"}
  - kind: modbus
    id: one
    devices:
      - {unit: 1, map: dc_pile, shows: "pile[D01..D02]"}
      - {unit: 3, map: dc_pile, shows: "pile[H01]"}
      - {unit: 4, map: abb_terra_ac, shows: "pile[C01].connector[1]"}
      - {unit: 5, map: keba_p30, shows: "pile[C01].connector[1]"}
      - {unit: 6, map: alfen_ng9, shows: "pile[C01].connector[1]"}
      - {unit: 7, map: phoenix_em_cp, shows: "pile[C01].connector[1]"}
      - {unit: 8, map: abb_terra_ac, shows: "pile[C02].connector[1]"}
      - {unit: 9, map: keba_p30, shows: "pile[C02].connector[1]"}
      - {unit: 10, map: alfen_ng9, shows: "pile[C02].connector[1]"}
      - {unit: 11, map: phoenix_em_cp, shows: "pile[C02].connector[1]"}
      - {unit: 12, map: adw300, shows: "grid.meter[M1]", ct_ratio: 40}
      - {unit: 13, map: iem3000, shows: "grid.meter[M1]"}
      - {unit: 14, map: dtsu666, shows: "grid.meter[M1]"}
      - {unit: 15, map: sunspec_203, shows: "grid.meter[M1]"}
"""
TYPES = ModbusClientMixin.DATATYPE
DECODED = {"u16": TYPES.UINT16, "s16": TYPES.INT16, "u32": TYPES.UINT32, "s32": TYPES.INT32, "u64": TYPES.UINT64,
           "s64": TYPES.INT64, "f32": TYPES.FLOAT32, "f64": TYPES.FLOAT64, "text": TYPES.STRING}  # fmt: skip
Values = Mapping[str, float | str | None]


@dataclass(frozen=True)
class Near:
    """A value as a face shows it, and by how much the quantity may be off it."""

    value: float
    within: float

    def is_of(self, other: float) -> bool:
        return abs(self.value - other) <= self.within


@pytest.mark.parametrize(("name", "seed"), [("public", 1), ("community", 2), ("hub", 3), ("every_device", 4)])
def test_a_value_read_at_one_instant_is_the_same_on_every_face(name: str, seed: int, tmp_path: Path) -> None:
    if name == "every_device":  # a wall box of one phase and one of three, each by every map
        text = EVERY.read_text(encoding="utf-8").replace("endpoints: []\n", PORTS)
    else:
        text = re.sub(r"port: \d+", "port: 0", find_station(name).read_text(encoding="utf-8"))
    text = re.sub(r"turnaround_ms: \d+", "turnaround_ms: 0", text)
    (tmp_path / "busy.yaml").write_text(text, encoding="utf-8")
    scenario = tmp_path / "mid-run.yaml"
    scenario.write_text(SCENARIO.format(seed=seed), encoding="utf-8")
    chances, compared, charging = Random(seed), 0, 0

    async def look(one: Standing) -> None:
        nonlocal compared, charging
        shown, values = await on_modbus(one)
        assert not shown.keys() & {f"{evse}.power_kw" for evse in one.connectors}, "a wire shows what is metered"
        compared += await check_ocpp(one, values, shown)
        charging += sum(value == "charging" for name, value in values.items() if name.endswith("].state"))
        again = await one.signals()
        assert [name for name, value in values.items() if again[name] != value and "link[" not in name] == []

    async def act(one: Standing) -> None:
        t_s = 600.0
        for identity in dict.fromkeys(identity for identity, _ in one.connectors.values()):
            while (identity, "BootNotification", 0) not in one.heard.last:
                t_s += 1.0
                await one.to(t_s)
        await one.still(all_measurands(one))
        for _ in range(3):
            t_s += chances.uniform(300.0, 1_800.0)
            await one.to(t_s)
            await one.still(look(one))

    stand(scenario, tmp_path / "run", act)
    assert charging >= 15 and compared >= 3 * 8


async def all_measurands(one: Standing) -> None:
    for identity in dict.fromkeys(identity for identity, _ in one.connectors.values()):
        await one.call(identity, "ChangeConfiguration", key="MeterValuesSampledData", value=",".join(MEASURANDS))


# Modbus and REST


async def on_modbus(one: Standing) -> tuple[dict[str, list[Near]], Values]:
    """Every point of every device, compared with REST; what each path was shown as."""
    values, shown, count = await one.signals(), dict[str, list[Near]](), 0
    maps = {(bus.config.id, unit): device.config for bus in one.station.buses.values()
            for unit, device in bus.devices.items()}  # fmt: skip
    for row in await one.endpoints():
        if not row["protocol"].startswith("modbus"):
            continue
        config = maps[row["id"].rpartition(".")[0], row["unit"]]
        mapped = shipped_map(config.map)
        points = [point for point in mapped.placed() if point.table == row["table"] and paths(point, row)]
        for point, raw in [pair async for pair in registers(one, row, mapped, points)]:
            count += compare(mapped, point, raw, row, values, config.ct_ratio, shown)
    assert count > 100
    return shown, values


def paths(placed: PlacedPoint, row: Mapping[str, Any]) -> list[str]:
    """Those that the list of wires names for a point."""
    names = [placed.name, *(f"{placed.name}.{flag.bit}" for flag in getattr(placed.point, "bits", ()))]
    return [row["signals"][name] for name in names if name in row["signals"]]


async def registers(one: Standing, row: Mapping[str, Any], mapped: MapFile, points: list[PlacedPoint]) -> Any:
    """(point, its registers), read in blocks as long as the device allows."""
    points, at = sorted(points, key=lambda point: point.first), 0
    while at < len(points):
        end = at + 1
        while (end < len(points) and points[end].first == points[end - 1].end
               and points[end].end - points[at].first <= mapped.registers):  # fmt: skip
            end += 1
        first = points[at].first
        raw = await one.read(row, first, points[end - 1].end - first)
        for point in points[at:end]:
            yield point, raw[point.first - first : point.end - first]
        at = end


def compare(
    mapped: MapFile, placed: PlacedPoint, raw: list[int], row: Mapping[str, Any], values: Values, ct_ratio: float,
    shown: dict[str, list[Near]],
) -> int:  # fmt: skip
    """One point with what REST has of it; how many quantities those were."""
    point, of = placed.point, paths(placed, row)
    where = f"{row['device']} {placed.name} at {placed.first}"
    if not isinstance(point, RegisterPoint):
        assert bool(raw[0]) is is_on(values[of[0]], point.words), where
        return 1
    order = "big" if mapped.words == "high_first" else "little"
    number = ModbusClientMixin.convert_from_registers(raw, DECODED[point.type], word_order=order)  # type: ignore[arg-type]
    if point.bits:
        for flag, path in zip(point.bits, of, strict=True):
            assert bool(int(number) >> flag.bit & 1) is is_on(values[path], flag.words), where
        return len(of)
    (path,) = of
    value, kind = values[path], KINDS.get(point.type)
    if kind is not None and value is None:
        assert kind.joined(raw, mapped.words) == (kind.absent if point.absent is None else point.absent), where
    elif point.codes:
        word = value if isinstance(value, str) else f"{value:g}"
        assert number == point.codes[word], where
    else:
        assert isinstance(value, float) and kind is not None, where
        times = ct_ratio if point.write is None and unit_of(path) in TRANSFORMED else 1.0
        resolution = 2.0**-23 * abs(value) + 1e-9 if kind.is_float else 0.501 / abs(point.scale) * times
        near = Near((float(number) - point.add) / point.scale * times, resolution)
        least, most = sorted((end - point.add) / point.scale * times for end in (kind.low, kind.high))
        assert near.is_of(min(max(value, least), most)), (where, near, value)
        shown.setdefault(path, []).append(near)
    return 1


def is_on(value: float | str | None, words: tuple[str | float, ...]) -> bool:
    return value in words if words else value is not None and value != 0.0


def unit_of(path: str) -> str:
    units = {"kwh": "kWh", "kvarh": "kvarh", "kvah": "kVAh", "a": "A", "kw": "kW", "kvar": "kvar", "kva": "kVA"}
    return units.get(path.rpartition("_")[2], "")


# OCPP beside both


async def check_ocpp(one: Standing, values: Values, shown: Mapping[str, list[Near]]) -> int:
    """What each EVSE tells, compared with REST and with every register that shows it; how many had a register."""
    beside = 0
    for evse in one.connectors:
        payload = await one.triggered(evse, "MeterValues")
        (meter_value,) = payload["meterValue"]
        told = {(each["measurand"], each.get("phase", "")): each for each in meter_value["sampledValue"]}
        wanted = dict(expected(evse, values))
        assert told.keys() == wanted.keys(), evse
        for key, (path, near_by, factor) in wanted.items():
            value, there = float(told[key]["value"]), values[path]
            assert isinstance(there, float)
            if "Export" in key[0]:  # nothing here feeds back
                assert value == 0.0 <= there, (evse, key)
                continue
            near = Near(value / factor, near_by / factor * 1.001)
            assert near.is_of(there), (evse, key, near, there)
            for register in shown.get(path, ()):
                assert abs(register.value - near.value) <= register.within + near.within, (evse, key, register, near)
                beside += 1
        status = await one.triggered(evse, "StatusNotification")
        assert status["status"] == status_of(str(values[f"{evse}.state"]))
    return beside


def expected(evse: str, values: Values) -> Iterator[tuple[tuple[str, str], tuple[str, float, float]]]:
    """By measurand and phase: the path that REST has it at, the wire's resolution, the wire's units in one of ours."""
    is_dc = f"{evse}.step" in values
    yield ("Energy.Active.Import.Register", ""), (f"{evse}.energy_kwh", 1.0, 1_000.0)
    for way in ("Import", "Export"):
        yield (f"Power.Active.{way}", ""), (f"{evse}.metered_kw", 0.05, 1_000.0)
    phases = [""] if is_dc or values[f"{evse}.phases"] == 1.0 else ["L1", "L2", "L3"]
    for phase in phases:
        name = "" if is_dc else f"{phase.lower() or 'l1'}_"
        for way in ("Import", "Export"):
            yield (f"Current.{way}", phase), (f"{evse}.current_{name}a", 0.005, 1.0)
        yield ("Voltage", phase and f"{phase}-N"), (f"{evse}.voltage_{name}v", 0.05, 1.0)
    if is_dc and values[f"{evse}.soc_pct"] is not None:
        yield ("SoC", ""), (f"{evse}.soc_pct", 0.05, 1.0)
        yield ("Temperature", ""), (f"{evse}.vehicle_temp_c", 0.05, 1.0)
