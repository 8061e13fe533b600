"""The breaker and the temperature controller by hand: what they do, and what stays with their protection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from twins.breaker import BreakerState
from twins.dry_transformer import DryTransformer, FanState
from twins.evse import EvseState

Sites = Callable[..., Any]

EVSE = "pile[A01].connector[1]"
Asking = Callable[[Any], Callable[..., str]]


def test_the_main_breaker_opened_by_hand_darkens_the_site_until_it_is_closed(asked: Sites) -> None:
    site = asked()
    site.cars(1)
    site.to(600.0)
    assert "is closed" in site.ask("grid.breaker", "grid.feed", is_closed=True)
    assert site.ask("grid.breaker", "grid.feed", is_closed=False) == ""
    assert site.at("grid.voltage_pu") == 0.0
    assert site.at("house.has_main_open") == 1.0
    site.to(601.0)
    assert site.evse.state.value is EvseState.FAULTED and site.at("grid.power_kw") == 0.0
    assert site.at(f"{EVSE}.undervoltage") == 1.0
    assert "is open" in site.ask("grid.breaker", "grid.feed", is_closed=False)
    site.station.faults.inject("grid.outage", "grid.feed", {"duration_s": 100.0}, "o")
    assert site.ask("grid.breaker", "grid.feed", is_closed=True) == ""
    assert site.at("grid.voltage_pu") == 0.0, "the feed itself is dead now"
    site.to(702.0)
    assert site.at("grid.voltage_pu") == 1.0
    switched = [*site.kinds("breaker.opened"), *site.kinds("breaker.closed")]
    assert [one.data["by"] for one in switched] == ["modbus", "modbus"]


def test_nobody_closes_from_afar_what_has_tripped(hot_site: Sites, asking: Asking) -> None:
    dry = hot_site(
        "{kind: dry, limit_share: 1.6, alarm_c: 130, trip_c: 150, reset: {below_c: 120, after_min: 20}}", share=0.7
    )
    dry.load(1.3)
    dry.run_to(2_000.0)
    (tripped,) = dry.times("transformer.tripped")
    dry.run_to(tripped + 300.0)

    hot = asking(dry)
    assert "held open by pt100" in hot("grid.breaker", "grid.feed", is_closed=True)
    dry.run_to(tripped + 1_000.0)
    assert "reset at the transformer" in hot("grid.breaker", "grid.feed", is_closed=True), (
        "cool by now, but nobody has been there"
    )
    dry.run_to(tripped + 1_201.0)
    assert dry.times("transformer.reset") == [pytest.approx(tripped + 1_200.0)]


def test_nobody_closes_a_breaker_opened_by_hand_while_a_reading_would_trip(hot_site: Sites, asking: Asking) -> None:
    dry = hot_site("{kind: dry, limit_share: 1.6, alarm_c: 140, trip_c: 150, reset: {below_c: 90}}", share=1.0)
    hot = asking(dry)
    assert hot("grid.breaker", "grid.feed", is_closed=False) == ""
    assert hot("transformer.set_points", dry.path, alarm_c=110.0, trip_c=120.0) == "", "it reads 140 C"
    assert "held open by pt100" in hot("grid.breaker", "grid.feed", is_closed=True)
    assert dry.times("transformer.tripped") == [], "it was open"
    dry.run_to(4_000.0)
    assert dry.transformer.breaker.state.value is BreakerState.OPEN, "nobody comes to what was opened by hand"
    assert hot("grid.breaker", "grid.feed", is_closed=True) == ""
    assert dry.kernel.signals["grid.voltage_pu"].at(dry.kernel.now) == 1.0


FANNED = "{kind: dry, fans: {af_ratio: 1.4, on_c: 110, off_c: 90}, alarm_c: 140, trip_c: 155}"


def test_fans_by_hand_cool_at_once_and_auto_gives_them_back(hot_site: Sites, asking: Asking) -> None:
    dry = hot_site(FANNED, share=0.7)
    transformer = dry.transformer
    assert isinstance(transformer, DryTransformer) and transformer.fans.value is FanState.OFF
    settles_c = dry.at("pt100_c")
    assert asking(dry)("transformer.fans", dry.path, position="on") == ""
    assert transformer.fans.value is FanState.ON and dry.times("transformer.fans", state="on") == [0.0]
    dry.run_to(7_200.0)
    assert dry.at("pt100_c") < settles_c - 15.0
    assert asking(dry)("transformer.fans", dry.path, position="auto") == ""
    assert transformer.fans.value is FanState.OFF
    dry.run_to(20_000.0)
    assert dry.at("pt100_c") == pytest.approx(settles_c, abs=0.5)


def test_fans_held_off_leave_alarm_and_trip_at_work(hot_site: Sites, asking: Asking) -> None:
    dry = hot_site(FANNED, share=0.7)
    assert asking(dry)("transformer.fans", dry.path, position="off") == ""
    dry.load(1.4)
    dry.run_to(20_000.0)
    assert dry.times("transformer.fans") == []
    assert len(dry.times("alarm.raised", alarm="transformer_overtemperature")) == 1
    assert len(dry.times("transformer.tripped")) == 1
    transformer = dry.transformer
    assert transformer.fan_position == "off"


def test_failed_fans_do_not_turn_by_hand_either_and_do_when_mended(hot_site: Sites, asking: Asking) -> None:
    dry = hot_site(FANNED, share=0.7)
    dry.station.faults.inject("transformer.fan_failed", dry.path, {"duration_s": 600.0}, "f")
    dry.run_to(1.0)
    assert asking(dry)("transformer.fans", dry.path, position="on") == ""
    assert dry.transformer.fans.value is FanState.OFF
    dry.run_to(601.0)
    assert dry.transformer.fans.value is FanState.ON


def test_set_points_move_what_the_controller_does(hot_site: Sites, asking: Asking) -> None:
    dry = hot_site(FANNED, share=0.7)
    dry.run_to(10.0)
    reading_c = dry.at("pt100_c")
    assert 90.0 < reading_c < 110.0
    assert asking(dry)("transformer.set_points", dry.path, fan_on_c=reading_c - 2.0, fan_off_c=60.0) == ""
    assert dry.transformer.fans.value is FanState.ON, "it reads more than that"
    assert dry.kernel.gauges[f"{dry.path}.fan_on_c"].at(dry.kernel.now) == reading_c - 2.0
    assert asking(dry)("transformer.set_points", dry.path, alarm_c=reading_c - 1.0, trip_c=200.0) == ""
    assert len(dry.times("alarm.raised", alarm="transformer_overtemperature")) == 1
    assert asking(dry)("transformer.set_points", dry.path, alarm_c=170.0) == ""
    dry.run_to(80.0)
    assert len(dry.times("alarm.cleared", alarm="transformer_overtemperature")) == 1, "after a minute below"
    assert (
        asking(dry)("transformer.set_points", dry.path, trip_c=dry.at("pt100_c") - 0.1, alarm_c=100.5, fan_on_c=80.0)
        != ""
    )


@pytest.mark.parametrize(
    "levels",
    [{"fan_off_c": 110.0}, {"fan_on_c": 85.0}, {"fan_on_c": 145.0}, {"alarm_c": 156.0}, {"trip_c": 139.0},
     {"alarm_c": 105.0}, {"trip_c": 99.0, "alarm_c": 98.0}],
)  # fmt: skip
def test_set_points_that_a_file_may_not_have_are_refused_and_nothing_changes(
    hot_site: Sites, asking: Asking, levels: dict[str, float]
) -> None:
    dry = hot_site(FANNED, share=0.5)
    before = dry.transformer.heat
    assert asking(dry)("transformer.set_points", dry.path, **levels) != ""
    assert dry.transformer.heat is before


def test_a_transformer_without_fans_says_so(hot_site: Sites, asking: Asking) -> None:
    dry = hot_site("{kind: dry}", share=0.5)
    assert "has no fans" in asking(dry)("transformer.fans", dry.path, position="on")
    assert "has no fans" in asking(dry)("transformer.set_points", dry.path, fan_on_c=100.0)
    assert asking(dry)("transformer.set_points", dry.path, alarm_c=150.0) == ""


def test_load_control_moves_with_the_trip(hot_site: Sites, asking: Asking) -> None:
    dry = hot_site("{kind: dry, load_control: {below_trip_k: 10}}", share=0.9)
    dry.run_to(10.0)
    reading_c = dry.at("pt100_c")
    assert dry.times("transformer.limited") == []
    assert asking(dry)("transformer.set_points", dry.path, alarm_c=149.0, trip_c=152.0) == ""
    assert dry.transformer.guards["pt100"].near.level_c == 142.0
    assert reading_c < 142.0
    dry.load(1.15)
    dry.run_to(20_000.0)
    assert dry.times("transformer.limited"), "ten kelvin below the new trip"
