"""The heat wave at one instant on three faces: derated power, contact, winding and alarms are the same on each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from standing import Standing, stand

from scenarios.loader import find_scenario
from sim.units import SECONDS_PER_HOUR
from twins.station_file import find_station

DUSTY, STILL, LOOSE = (f"pile[{name}].connector[1]" for name in ("A13", "A12", "A14"))
TRANSFORMER, METER = "grid.transformer[T1]", "grid.meter[M1]"
STATE, FAULTS, VOLTAGE, CURRENT, CONTACT = 1000, 1001, 1003, 1004, 1008
DERATING = 6
MODEL_203 = 40_070


def test_a_heat_wave_is_the_same_on_ocpp_modbus_and_rest(tmp_path: Path) -> None:
    text = re.sub(r"port: \d+", "port: 0", find_station("public").read_text(encoding="utf-8"))
    (tmp_path / "hot.yaml").write_text(text.replace("turnaround_ms: 20", "turnaround_ms: 0"), encoding="utf-8")
    scenario = tmp_path / "heat-wave.yaml"
    text = find_scenario("heat-wave").read_text(encoding="utf-8")
    scenario.write_text(text.replace("station: public", "station: hot.yaml"), encoding="utf-8")

    async def act(one: Standing) -> None:
        await one.to(60.0)
        await one.still(no_samples(one))  # twelve thousand of them by the afternoon, which nobody looks at
        t_s = 15.5 * SECONDS_PER_HOUR
        await one.to(t_s)
        while not is_the_instant(one):
            t_s += 60.0
            await one.to(t_s)
        await one.still(look(one))

    stand(scenario, tmp_path / "run", act)


async def no_samples(one: Standing) -> None:
    for identity in dict.fromkeys(identity for identity, _ in one.connectors.values()):
        await one.call(identity, "ChangeConfiguration", key="MeterValueSampleInterval", value="0")


def is_the_instant(one: Standing) -> bool:
    """A dusty cabinet derates a charge, one without fans is locked out, a contact is hot, the transformer in alarm."""

    def at(path: str) -> float:
        quantity: Any = one.kernel.quantity(path)
        return float(quantity.at(one.kernel.now))

    return (
        at(f"{DUSTY}.power_kw") > 0.0 < at("pile[A13].derated_pct") < 100.0 and at(f"{STILL}.high_temperature") > 0.0
        and at(f"{LOOSE}.connector_derated") > 0.0 < at(f"{TRANSFORMER}.has_alarm")
    )  # fmt: skip


async def look(one: Standing) -> None:
    values: dict[str, Any] = dict(await one.signals())
    rows = {(row["device"].rpartition(": ")[2], row["table"]): row for row in reversed(await one.endpoints())}

    async def registers(path: str, table: str, first: int, count: int = 1) -> list[int]:
        return await one.read(rows[path, table], first, count)

    # the dusty cabinet: what it takes from its charge
    derated_pct = values["pile[A13].derated_pct"]
    assert await registers("pile[A13]", "input", DERATING) == [round(derated_pct)]
    volts, amps = await registers("pile[A13]", "input", VOLTAGE, 2)
    metered_kw, true_kw = values[f"{DUSTY}.metered_kw"], values[f"{DUSTY}.power_kw"]
    assert volts * amps * 1e-5 == pytest.approx(metered_kw, abs=1e-5 * (volts + amps))
    told = await measured(one, DUSTY)
    assert told["Power.Active.Import"] == pytest.approx(1_000.0 * metered_kw, abs=0.05)
    assert 0.0 < true_kw <= (1.0 - derated_pct / 100.0) * one.station.piles["A13"].model.rated_kw + 1e-6
    assert metered_kw == pytest.approx(true_kw, rel=0.01)
    assert await status(one, DUSTY) == ("Charging", "HighTemperature", "pile_derated")

    # the one without fans: locked out
    assert values[f"{STILL}.state"] == "faulted" and values[f"{STILL}.high_temperature"] == 1.0
    state, faults = await registers("pile[A12]", "input", STATE, 2)
    assert (state, faults & 1 << 4) == (9, 1 << 4)
    assert await status(one, STILL) == ("Faulted", "HighTemperature", "high_temperature")

    # the loose contact: hot, and half of the power
    assert values[f"{LOOSE}.connector_hot"] == values[f"{LOOSE}.connector_derated"] == 1.0
    contact_c = values[f"{LOOSE}.contact_temp_c"]
    assert 70.0 < contact_c < 90.0 and values[f"{LOOSE}.contact_c"] == contact_c
    assert await registers("pile[A14]", "input", CONTACT, 2) == [round(10.0 * contact_c)] * 2
    state, faults, *_, volts, amps = await registers("pile[A14]", "input", STATE, 5)
    assert (state, faults) == (6, 0), "a warning locks nobody out"
    told = await measured(one, LOOSE)
    assert told["Power.Active.Import"] == pytest.approx(1_000.0 * values[f"{LOOSE}.metered_kw"], abs=0.05)
    assert (told["Voltage"], told["Current.Import"]) == pytest.approx((volts / 10.0, amps / 10.0), abs=0.1)
    assert await status(one, LOOSE) == ("Charging", "HighTemperature", "connector_hot")

    # the transformer, whose fans do not turn
    winding_c = values[f"{TRANSFORMER}.pt100_c"]
    assert winding_c > 130.0 and values[f"{TRANSFORMER}.winding_a_c"] == winding_c
    assert await registers(TRANSFORMER, "input", 0, 3) == [round(winding_c) + 40] * 3
    coils = await registers(TRANSFORMER, "coil", 0, 4)
    assert coils == [0, 0, 1, 0] and values[f"{TRANSFORMER}.are_fans_on"] == 0.0 < values[f"{TRANSFORMER}.has_alarm"]

    # what all of that draws, by the trade meter
    ((watts,), (digits,)) = [await registers(METER, "holding", MODEL_203 + offset) for offset in (18, 22)]
    unit_kw = 10.0 ** ((digits ^ 0x8000) - 0x8000) / 1_000.0
    assert watts * unit_kw == pytest.approx(values[f"{METER}.power_kw"], abs=0.5 * unit_kw)
    assert values[f"{METER}.power_kw"] == pytest.approx(values["grid.power_kw"], rel=0.005)
    every_kw = sum(values[f"{evse}.power_kw"] for evse in one.connectors)
    assert every_kw < values["grid.power_kw"]


async def measured(one: Standing, evse: str) -> dict[str, float]:
    payload = await one.triggered(evse, "MeterValues")
    return {each["measurand"]: float(each["value"]) for each in payload["meterValue"][0]["sampledValue"]}


async def status(one: Standing, evse: str) -> tuple[str, str, str]:
    told = await one.triggered(evse, "StatusNotification")
    return told["status"], told["errorCode"], told["vendorErrorCode"]
