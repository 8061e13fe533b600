"""Policies of sharing: none gives more than is claimed or budgeted, and each is fair in its own sense."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.clock import Clock
from sim.kernel import Kernel
from sim.units import SimTime
from twins.drivers import Arrival, Habits
from twins.platform import LocalPlatform
from twins.sharing import POLICIES, Claim, Prices
from twins.station import Station
from twins.station_file import find_station, read_station
from twins.vehicle import vehicle_models
from twins.visits import Session

NOW = SimTime(3_600.0)
kilowatts = st.floats(0.0, 400.0)


@st.composite
def sites(draw: st.DrawFn) -> tuple[list[Claim], list[float]]:
    """Claims on cabinets of two, in feeders of three cabinets, on one site (position 0)."""
    cabinets = draw(st.integers(1, 8))
    feeders = -(-cabinets // 3)
    budgets = [draw(kilowatts) * 3, *(draw(kilowatts) for _ in range(cabinets)), *(draw(kilowatts) * 2
               for _ in range(feeders))]  # fmt: skip
    claims = []
    for cabinet in range(cabinets):
        for _ in range(draw(st.integers(0, 2))):
            feeder = 1 + cabinets + cabinet // 3
            groups = (feeder, 0) if cabinet % 2 else (1 + cabinet, feeder, 0)
            departs_s = draw(st.sampled_from([inf, 4_000.0, 9_000.0]))
            needs_kwh = draw(st.floats(0.0, 80.0))
            claims.append(Claim(draw(kilowatts), groups, draw(st.floats(0.0, 3_600.0)), departs_s,
                                lambda now, kwh=needs_kwh: kwh))  # fmt: skip
    return claims, budgets


def used(claims: list[Claim], grants: list[float], group: int) -> float:
    return sum(grant for claim, grant in zip(claims, grants, strict=True) if group in claim.groups)


@pytest.mark.parametrize("name", POLICIES.names())
@given(site=sites(), prices=st.sampled_from([Prices(), Prices(True, 5_000.0)]))
def test_no_grant_exceeds_its_claim_and_no_budget_is_exceeded(
    name: str, site: tuple[list[Claim], list[float]], prices: Prices
) -> None:
    claims, budgets = site
    grants = POLICIES.get(name).share(claims, budgets, NOW, prices)
    assert all(0.0 <= grant <= claim.kw for grant, claim in zip(grants, claims, strict=True))
    for group, budget_kw in enumerate(budgets):
        assert used(claims, grants, group) <= budget_kw * (1 + 1e-12) + 1e-9


@given(sites())
def test_equal_shares_are_max_min_fair(site: tuple[list[Claim], list[float]]) -> None:
    """Whoever has less than he claims meets a full budget, in which nobody has more than he."""
    claims, budgets = site
    grants = POLICIES.get("equal_share").share(claims, budgets, NOW, Prices())
    for claim, grant in zip(claims, grants, strict=True):
        if grant >= claim.kw * (1 - 1e-9) - 1e-9:
            continue
        assert any(
            used(claims, grants, group) >= budgets[group] * (1 - 1e-9) - 1e-9
            and all(other <= grant * (1 + 1e-9) + 1e-9 for one, other in zip(claims, grants, strict=True)
                    if group in one.groups)
            for group in claim.groups
        )  # fmt: skip


def claim(kw: float, started_s: float = 0.0, departs_s: float = inf, needs_kwh: float = 10.0) -> Claim:
    return Claim(kw, (0,), started_s, departs_s, lambda now: needs_kwh)


def test_worked_examples() -> None:
    three = [claim(20.0, 300.0), claim(100.0, 100.0), claim(80.0, 200.0)]

    def shares(name: str, claims: list[Claim], prices: Prices = Prices()) -> list[float]:  # noqa: B008
        return [round(grant, 9) for grant in POLICIES.get(name).share(claims, [150.0], NOW, prices)]

    assert shares("equal_share", three) == [20.0, 65.0, 65.0]
    assert shares("first_come", three) == [0.0, 100.0, 50.0]
    # laxity: 4,600 s - now - 900 s = 100 s; 9,000 - 3,600 - 450 = 4,950 s; none said: as if at 3,900 s: -60 s
    least = [claim(40.0, departs_s=4_600.0), claim(80.0, departs_s=9_000.0), claim(100.0, 300.0)]
    assert shares("least_laxity", least) == [40.0, 10.0, 100.0]
    dear = Prices(is_dear=True, cheaper_at_s=7_200.0)
    mixed = [claim(60.0, departs_s=20_000.0), claim(60.0), claim(60.0, departs_s=7_300.0)]
    assert shares("tou_aware", mixed, dear) == [0.0, 60.0, 60.0]


def test_who_has_time_charges_when_energy_is_cheaper() -> None:
    """Above the day's mean until midnight: who stays until morning waits for it, who leaves when full does not."""
    file = read_station(find_station("public")).value
    file = replace(file, control=replace(file.control, policy="tou_aware"))
    kernel = Kernel(Clock(datetime(2022, 7, 6, 20, 30), "Asia/Shanghai"), 1)
    station = Station(kernel, file, LocalPlatform(kernel))
    ended: list[Session] = []
    station.visits.on_session = ended.append
    model = vehicle_models()["lfp_60_400v"]
    stays = (Habits(wants="fast", stay_s=30_000.0), Habits(wants="fast"))
    station.visits.expect(iter([(Arrival(0.0, model, 30.0, 80.0, habits), None) for habits in stays]))
    patient, hasty = station.evses[:2]
    kernel.advance(SimTime(12_599.0))
    assert patient.is_charging and patient.true_energy_kwh(kernel.now) == 0.0
    assert ended[0].stop_reason == "target_reached" and hasty.true_energy_kwh(kernel.now) > 30.0
    kernel.advance(SimTime(12_601.0))
    assert patient.power_kw.at(kernel.now) > 50.0
    kernel.advance(SimTime(40_000.0))
    assert [one.stop_reason for one in ended] == ["target_reached", "target_reached"]
    assert ended[1].soc_out_pct == pytest.approx(80.0, abs=1e-4)
