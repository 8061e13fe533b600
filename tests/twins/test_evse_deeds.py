"""What is asked of outlets and of the site acts at once, folds with other faces and with faults, and is given back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sim.deeds import DEEDS
from twins.evse import EvseState

Sites = Callable[..., Any]

EVSE = "pile[A01].connector[1]"


def test_a_limit_acts_at_once_and_folds_with_those_of_other_faces(asked: Sites) -> None:
    site = asked()
    site.cars(1)
    site.to(600.0)
    before_kw = site.at(f"{EVSE}.power_kw")
    assert before_kw > 60.0
    assert site.ask("evse.limit", EVSE, limit_kw=40.0) == ""
    assert site.at(f"{EVSE}.power_kw") == pytest.approx(40.0)
    assert site.ask("evse.limit", EVSE, source="rest", limit_kw=25.0) == ""
    assert site.at(f"{EVSE}.power_kw") == pytest.approx(25.0)
    assert site.ask("evse.limit", EVSE, limit_kw=10.0) == ""
    assert site.at(f"{EVSE}.power_kw") == pytest.approx(10.0)
    assert site.ask("evse.limit", EVSE) == ""
    assert site.at(f"{EVSE}.power_kw") == pytest.approx(25.0), "the other face's stands"
    assert site.ask("evse.limit", EVSE, source="rest", limit_kw=0.0) == ""
    site.to(900.0)
    assert site.at(f"{EVSE}.power_kw") == 0.0 and site.evse.is_charging, "it rests"
    assert site.ask("evse.limit", EVSE, source="rest") == ""
    assert site.at(f"{EVSE}.power_kw") == pytest.approx(before_kw, rel=0.02)
    assert site.at("grid.power_kw") > before_kw


def test_a_limit_holds_when_a_fault_derates_and_after(asked: Sites) -> None:
    site = asked(heat="{packs: false, piles: true}")
    site.cars(1)
    site.to(600.0)
    site.evse.limit("heat", 30.0)
    assert site.ask("evse.limit", EVSE, limit_kw=50.0) == ""
    assert site.at(f"{EVSE}.power_kw") == pytest.approx(30.0)
    site.evse.limit("heat", None)
    site.kernel.advance(site.kernel.now)
    assert site.at(f"{EVSE}.power_kw") == pytest.approx(50.0)


@pytest.mark.parametrize(("box", "phases"), [("pile[C01].connector[1]", 1), ("pile[C02].connector[1]", 3)])
def test_wallboxes_are_limited_by_current_and_rest_below_six_amperes(asked: Sites, box: str, phases: int) -> None:
    site = asked()
    site.cars(3, 4)
    site.to(600.0)
    assert site.ask("evse.limit", box, limit_a=10.0) == ""
    assert site.at(f"{box}.current_l1_a") == pytest.approx(10.0)
    assert site.at(f"{box}.current_l3_a") == pytest.approx(10.0 if phases == 3 else 0.0)
    assert site.at(f"{box}.power_kw") == pytest.approx(2.3 * phases)
    assert site.ask("evse.limit", box, limit_a=5.9) == ""
    assert (site.at(f"{box}.power_kw"), site.at(f"{box}.allowed_a")) == (0.0, 0.0)
    assert site.ask("evse.limit", box, limit_a=6.0) == ""
    assert site.at(f"{box}.current_l1_a") == pytest.approx(6.0)
    assert "limit_kw" in site.ask("evse.limit", EVSE, limit_a=10.0)


def test_a_disabled_outlet_rests_and_goes_on(asked: Sites) -> None:
    site, box = asked(), "pile[C01].connector[1]"
    site.cars(3)
    site.to(600.0)
    assert site.ask("evse.limit", box, limit_a=16.0) == ""
    assert site.ask("evse.enable", box, is_on=False) == ""
    assert (site.at(f"{box}.power_kw"), site.at(f"{box}.is_enabled"), site.at(f"{box}.pilot")) == (0.0, 0.0, 3.0)
    site.to(1_200.0)
    assert site.ask("evse.enable", box, is_on=True) == ""
    assert site.at(f"{box}.current_a") == pytest.approx(16.0), "its limit stands"
    assert site.kinds("session.ended") == []


def test_a_start_serves_who_is_plugged_in_and_says_no_else(asked: Sites) -> None:
    site = asked()
    site.cars(1)
    assert site.ask("evse.start", EVSE, token="CARD1") == "", "for who plugs in soon"
    site.to(600.0)
    assert site.evse.token == "CARD1"
    assert "charging" in site.ask("evse.start", EVSE)
    assert site.ask("evse.stop", EVSE) == ""
    assert site.at(f"{EVSE}.power_kw") == 0.0
    (ended,) = site.kinds("session.ended")
    assert ended.data["reason"] == "remote"
    assert "no charge is on" in site.ask("evse.stop", EVSE)
    assert "20 characters" in site.ask("evse.start", EVSE, token="x" * 21)
    assert "true or false" in site.ask("evse.enable", EVSE, is_on=1)


@pytest.mark.clause("9.4.1")
def test_no_reset_takes_a_cause_away_that_lasts(asked: Sites) -> None:
    site = asked()
    assert "nothing is locked out" in site.ask("evse.reset", EVSE)
    site.station.faults.inject("pile.failed", "pile[A01]", {}, "f")
    site.to(10.0)
    assert site.evse.state.value is EvseState.FAULTED
    assert "pile_failed" in site.ask("evse.reset", EVSE), "nobody mends here: the fault lasts until it is cleared"


@pytest.mark.clause("9.4.1")
@pytest.mark.parametrize(("share", "is_mended"), [(0.99, True), (0.0, False)])
def test_a_failed_pile_is_reset_from_afar_once(asked: Sites, share: float, is_mended: bool) -> None:
    site = asked(reliability=f"{{reset_share: {share}}}")
    site.station.faults.inject("pile.failed", "pile[A01]", {}, "f")
    site.to(10.0)
    reason = site.ask("evse.reset", EVSE)
    assert (reason == "") is is_mended
    (reset,) = site.kinds("pile.reset")
    assert reset.data["is_mended"] is is_mended
    assert site.evse.state.value is (EvseState.AVAILABLE if is_mended else EvseState.FAULTED)
    if not is_mended:
        assert "pile_failed" in site.ask("evse.reset", EVSE)
        assert len(site.kinds("pile.reset")) == 1, "a second one is no second chance"


def test_the_site_is_limited_by_a_platform_and_given_back(asked: Sites) -> None:
    site = asked()
    site.cars(1, 2)
    site.to(600.0)
    both_kw = site.at("pile[A01].power_kw")
    assert site.ask("control.limit", "control", limit_kw=50.0) == ""
    assert site.at("pile[A01].power_kw") == pytest.approx(50.0)
    assert site.at("control.site_limit_kw") == 50.0
    assert site.ask("control.limit", "control") == ""
    assert site.at("pile[A01].power_kw") == pytest.approx(both_kw, rel=0.02)


def test_sure_deeds_are_done_or_known_beforehand_to_be_for_others(asked: Sites) -> None:
    site = asked()  # a pile of DC, a house without lights and cooling
    samples = {
        "evse.limit": ({}, {"limit_kw": 5.0}, {"limit_a": 16.0}), "evse.enable": ({"is_on": False}, {"is_on": True}),
        "control.limit": ({},), "house.lights": ({"position": "on"},), "house.cooling": ({"set_c": 20.0},),
        "house.cooling_switch": ({"is_on": True},),
    }  # fmt: skip
    told: list[str] = []
    for verb, many in samples.items():
        assert DEEDS.get(verb).is_sure
        target = {"evse": EVSE, "control": "control", "house": "house"}[verb.partition(".")[0]]
        for args in many:
            beforehand = site.station.switchboard.problem(verb, target, args)
            assert site.ask(verb, target, **args) == (beforehand or "")
            told += [f"{verb} {beforehand}"] if beforehand else []
    assert told == [
        "evse.limit limit_a is of AC outlets; limit_kw", "house.lights the house has no lights that are switched",
        "house.cooling the house has no cooling", "house.cooling_switch the house has no cooling",
    ]  # fmt: skip
