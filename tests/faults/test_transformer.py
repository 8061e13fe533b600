"""Faults of the transformer and its guard: what the site may draw, what its controller's registers say, what trips."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

T1, FIRST = "grid.transformer[T1]", "pile[A01].connector[1]"
UNIT, BROKEN_C = 31, 255
SENSOR_FAULT, FAN, ALARM, TRIP = range(4)
FANS = "{kind: dry, fans: {af_ratio: 1.4, on_c: 110, off_c: 90}}"
CONTROLLED = "{kind: dry, limit_share: 1.4, tau_min: 15, alarm_c: 145, trip_c: 160, load_control: {}}"
SMALL = ("rating_kva: 400", "rating_kva: 200")


@pytest.fixture
def loaded(played: Any, car: Any) -> Callable[[], Any]:
    """The station at ten minutes, with a load of 400 kW beside its piles: without fans too much for its transformer."""

    def made() -> Any:
        site = played(car(0, 1))
        site.to(600.0)
        site.station.house.base_kw.set(site.kernel.now, 400.0)
        return site

    return made


@pytest.fixture
def controlled(played: Any, car: Any, tmp_path: Path) -> Callable[[], Any]:
    """The station with a transformer of half the size that has no fans, and control of its load; four cars."""
    text = (Path(__file__).parent / "site.yaml").read_text(encoding="utf-8")
    path = tmp_path / "controlled.yaml"
    path.write_text(text.replace(*SMALL).replace(FANS, CONTROLLED), encoding="utf-8")
    return lambda: played(*[car(0, number, power_max_kw=120.0) for number in (1, 2, 3, 4)], path=path)


@pytest.mark.clause("8.4.1.1")
@pytest.mark.fault("transformer.derated")
def test_a_site_under_a_derated_transformer_draws_no_more_than_that_at_once(played: Any, car: Any) -> None:
    site = played(*[car(0, number) for number in (1, 2, 3, 4)])
    site.to(600.0)
    assert site.at("grid.power_kw") > 200.0
    derated = site.inject("transformer.derated", T1, share=0.3)
    site.to(601.0)
    allowed_kw = 0.3 * 1.4 * 400.0 * 0.98
    assert site.of("transformer.limited", T1)[0].data["limit_kw"] == pytest.approx(allowed_kw)
    assert site.at("control.site_limit_kw") < allowed_kw
    assert site.at("grid.power_kw") < allowed_kw
    site.clear(derated)
    site.to(660.0)
    assert site.at("grid.power_kw") > 200.0


@pytest.mark.clause("8.4.1.1")
@pytest.mark.fault("transformer.fan_failed")
def test_without_its_fans_an_overload_raises_the_alarm(loaded: Callable[[], Any]) -> None:
    site = loaded()
    site.inject("transformer.fan_failed", T1)
    site.to(6_600.0)
    assert site.of("alarm.raised", T1, alarm="transformer_overtemperature")
    assert not site.of("transformer.fans")
    assert site.read(UNIT, "coil", 0, 4) == [0, 0, 1, 0]


@pytest.mark.clause("8.4.1.3")
@pytest.mark.fault("transformer.sensor_stuck")
def test_a_reading_that_sticks_hides_the_heat_from_fans_and_alarm(loaded: Callable[[], Any]) -> None:
    site = loaded()
    (told,) = site.read(UNIT, "input", 0)
    site.inject("transformer.sensor_stuck", T1)
    site.to(6_600.0)
    assert site.at(f"{T1}.hot_spot_c") > site.at(f"{T1}.pt100_c") + 100.0
    assert site.read(UNIT, "input", 0) == [told]
    assert site.read(UNIT, "coil", 0, 4) == [0, 0, 0, 0]
    assert not site.of("transformer.fans") and not site.of("alarm.raised", T1)


@pytest.mark.clause("8.4.1.3")
@pytest.mark.fault("transformer.sensor_broken")
def test_a_broken_reading_is_told_and_switches_nothing(loaded: Callable[[], Any]) -> None:
    site = loaded()
    broken = site.inject("transformer.sensor_broken", T1)
    site.to(6_600.0)
    assert site.of("alarm.raised", T1, alarm="transformer_sensor_broken")
    assert site.state(f"{T1}.sensor") == "broken"
    assert site.read(UNIT, "input", 0) == [BROKEN_C]
    assert site.read(UNIT, "coil", SENSOR_FAULT, 2) == [1, 0]
    site.clear(broken)
    site.to(6_660.0)
    assert site.of("transformer.fans", T1, state="on")
    assert site.read(UNIT, "coil", SENSOR_FAULT, 2) == [0, 1]


@pytest.mark.clause("8.4.1.1")
@pytest.mark.fault("transformer.load_control_failed")
def test_where_nobody_lowers_the_load_the_trip_is_what_is_left(controlled: Callable[[], Any]) -> None:
    plain, site = controlled(), controlled()
    site.inject("transformer.load_control_failed", T1)
    site.until(lambda: bool(site.of("transformer.tripped", T1)))
    later_s = site.kernel.now + 1.0
    for one in (plain, site):
        one.to(later_s)
    assert plain.of("transformer.limited") and not plain.of("transformer.tripped")
    assert plain.read(UNIT, "coil", TRIP) == [0]
    assert not site.of("transformer.limited")
    assert site.read(UNIT, "coil", TRIP) == [1]
    assert site.of("session.ended", FIRST)[0].data["reason"] == "power_lost"
    assert (plain.platform.stopped, site.platform.stopped) == (0, 4)
