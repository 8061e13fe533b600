"""Meters of outlets that tell untruths: registers and bills against what flowed, and what explains them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from standing import Standing

from bench_api.bench import Bench, Plan
from bench_api.paces import read_pace
from bench_api.report import write_report
from scenarios.loader import load_scenario
from sim.units import SimTime
from twins.meter_book import explained_meters, unexplained_meters

EVSE = "pile[A01].connector[1]"
QUARTER_S = 900.0


@pytest.mark.fault("pile.meter_drift")
def test_a_meter_that_drifts_bills_what_did_not_flow(played: Any, car: Any) -> None:
    one = played(car(0, 1, stay_s=3_600.0))
    one.inject("pile.meter_drift", EVSE, "drift", factor=1.2)
    one.to(3_700.0)
    true_kwh, registered_kwh = one.station.evses[0].delivered_kwh(one.kernel.now)
    assert true_kwh > 10.0
    assert registered_kwh == pytest.approx(1.2 * true_kwh)
    (bill,) = one.of("bill.issued")
    assert bill.data["energy_kwh"] == pytest.approx(1.2 * true_kwh)
    (book,) = explained_meters(one.station, one.kernel.now)
    assert (book.place, book.kwh, book.faults) == (EVSE, pytest.approx(0.2 * true_kwh), ["drift"])
    assert one.station.money.check(one.kernel.now) == []


@pytest.mark.fault("pile.meter_drift")
def test_a_platform_hears_what_the_drifting_meter_shows(on_wires: Callable[..., None], car: Any) -> None:
    async def act(up: Standing) -> None:
        await up.to(600.0)
        fault = up.station.faults.inject("pile.meter_drift", EVSE, {"factor": 2.0})
        evse = up.station.evses[0]
        before_kwh, true_kwh = evse.energy_kwh(up.kernel.now), evse.true_energy_kwh(up.kernel.now)
        await up.to(900.0)
        flowed_kwh = evse.true_energy_kwh(up.kernel.now) - true_kwh
        shown = (await up.signals())[f"{EVSE}.energy_kwh"]
        assert shown == pytest.approx(before_kwh + 2.0 * flowed_kwh)
        said = await _values(up)
        assert said["Energy.Active.Import.Register"] == pytest.approx(float(str(shown)) * 1e3, abs=1.0)
        power_w = evse.power_kw.at(up.kernel.now) * 1e3
        assert said.get("Power.Active.Import", 2.0 * power_w) == pytest.approx(2.0 * power_w, rel=1e-3)
        up.station.faults.clear(fault.id)
        assert evse.meter_factor == 1.0 and evse.energy_kwh(up.kernel.now) == pytest.approx(float(str(shown)))

    on_wires(act, car(0, 1), duration_h=1.0)


async def _values(up: Standing) -> dict[str, float]:
    """What the charge point says of its meter when asked, by measurand."""
    said = await _asked(up)
    return {value["measurand"]: float(value["value"]) for value in said["meterValue"][0]["sampledValue"]}


async def _asked(up: Standing) -> Any:
    answer: dict[str, Any] = {}

    async def ask() -> None:
        answer.update(await up.triggered(EVSE, "MeterValues"))

    await up.still(ask())
    return answer


@pytest.mark.fault("pile.meter_stuck")
def test_a_register_that_stands_still_bills_nothing(on_wires: Callable[..., None], car: Any) -> None:
    async def act(up: Standing) -> None:
        await up.to(300.0)
        up.station.faults.inject("pile.meter_stuck", EVSE, {})
        before = (await up.signals())[f"{EVSE}.energy_kwh"]
        await up.to(900.0)
        signals = await up.signals()
        assert signals[f"{EVSE}.energy_kwh"] == before
        assert float(str(signals[f"{EVSE}.metered_kw"])) > 10.0
        said = await _values(up)
        assert said["Energy.Active.Import.Register"] == pytest.approx(float(str(before)) * 1e3, abs=1.0)

    on_wires(act, car(0, 1), duration_h=1.0)


@pytest.mark.fault("pile.meter_rolled_back")
@pytest.mark.clause("10.2.6")
def test_a_register_turned_back_in_a_charge_ends_below_its_start(played: Any, car: Any) -> None:
    one = played(car(0, 1, stay_s=QUARTER_S), car(1_500.0, 1, stay_s=QUARTER_S))
    one.to(1_500.0)
    true_kwh = one.station.evses[0].true_energy_kwh(one.kernel.now)
    one.until(lambda: one.at(f"{EVSE}.power_kw") > 10.0)
    fault = one.inject("pile.meter_rolled_back", EVSE, by_kwh=1_000.0)
    assert one.at(f"{EVSE}.energy_kwh") == 0.0
    one.clear(fault)
    assert one.at(f"{EVSE}.energy_kwh") == 0.0, "nothing turns it forward again"
    one.to(3_000.0)
    second = one.station.evses[0].true_energy_kwh(one.kernel.now) - true_kwh
    _, bill = one.of("bill.issued")
    assert bill.data["energy_kwh"] == pytest.approx(second - true_kwh)
    (ended,) = one.of("session.ended", EVSE)[1:]
    assert ended.data["energy_kwh"] == pytest.approx(second - true_kwh)
    (book,) = explained_meters(one.station, one.kernel.now)
    assert (book.faults, book.kwh) == ([fault], pytest.approx(-true_kwh))
    assert one.station.money.check(one.kernel.now) == []


def test_no_fault_explains_a_register_that_somebody_has_turned(played: Any, car: Any) -> None:
    one = played(car(0, 1))
    one.to(QUARTER_S)
    evse = one.station.evses[0]
    assert unexplained_meters(one.station, one.kernel.now) == []
    evse.register.back_kwh.lean(evse.register.back_kwh.add(1.0))
    (line,) = unexplained_meters(one.station, one.kernel.now)
    assert EVSE in line and "-1.000000 kWh" in line
    assert explained_meters(one.station, one.kernel.now) == []


def test_a_clean_meter_counts_to_the_bit_as_before(played: Any, car: Any) -> None:
    one = played(car(0, 1))
    one.to(QUARTER_S)
    evse = one.station.evses[0]
    assert not evse.register.has_moved
    assert evse.energy_kwh(one.kernel.now) == evse.power_kw.total_at(one.kernel.now) * evse.meter_factor / 3_600.0


STORY = """\
scenario: 1
title: {en: A wrong meter, zh: 电表不准}
station: two-outlet
start: 2026-07-15T08:00
duration_h: 2
seed: 1
demand: {replay: cars.csv}
"""
TURN = """\
timeline:
  - {at: "08:30", inject: pile.meter_rolled_back, target: "PLACE", as: turned, with: {by_kwh: 1}}
"""
CARS = """\
arrival_s,stay_s,connector,capacity_kwh,soc_in_pct,soc_target_pct,power_max_kw
0,3600,1,1000,5,95,60
"""


def concluded(folder: Path, timeline: str, meddle: Callable[[Bench], None]) -> dict[str, Any]:
    """The verdict of a run in fast pace."""
    (folder / "cars.csv").write_text(CARS, encoding="utf-8")
    (folder / "story.yaml").write_text(STORY + timeline, encoding="utf-8")
    plan = Plan(loaded=load_scenario(folder / "story.yaml"), pace=read_pace("fast"), seed=1, out=folder / "run",
                state=folder / "state", record="kpi")  # fmt: skip
    bench = Bench(plan)
    meddle(bench)
    bench.run()
    document: dict[str, Any] = json.loads((folder / "run" / "verdict.json").read_text(encoding="utf-8"))
    return document


@pytest.mark.fault("pile.meter_rolled_back")
def test_the_books_of_a_run_name_the_fault(tmp_path: Path) -> None:
    place: list[str] = []
    document = concluded(tmp_path, "", lambda bench: place.append(bench.run_.station.evses[0].path))
    assert document["verdict"] == "pass" and "explained" not in document["books"]
    document = concluded(tmp_path, TURN.replace("PLACE", place[0]), lambda bench: None)
    assert document["verdict"] == "pass"
    assert document["books"]["explained"] == [{"place": place[0], "kwh": pytest.approx(-1.0), "faults": ["turned"]}]
    write_report(tmp_path / "run")
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "-1.000 kWh beside its error, by turned" in page and "误差之外相差 -1.000 kWh，原因：turned" in page


def test_a_run_whose_meter_nothing_explains_is_an_error(tmp_path: Path) -> None:
    def meddle(bench: Bench) -> None:
        register = bench.run_.station.evses[0].register
        bench.kernel.at(SimTime(1_800.0), lambda: register.back_kwh.lean(register.back_kwh.add(1.0)))

    document = concluded(tmp_path, "", meddle)
    assert document["verdict"] == "error" and "-1.000000 kWh" in document["error"]
    assert len(document["books"]["unexplained"]) == 1


@pytest.mark.fault("pile.meter_rolled_back")
def test_a_register_turned_back_between_charges_is_on_nobodys_bill(played: Any, car: Any) -> None:
    one = played(car(0, 1, stay_s=900.0), car(3_600, 1, stay_s=900.0))
    one.to(1_800.0)
    shown_kwh = one.station.evses[0].energy_kwh(one.kernel.now)
    one.inject("pile.meter_rolled_back", "pile[A01].connector[1]", by_kwh=shown_kwh / 2)
    assert one.station.evses[0].energy_kwh(one.kernel.now) == pytest.approx(shown_kwh / 2)
    one.to(7_200.0)
    assert one.station.money.check(one.kernel.now) == []
