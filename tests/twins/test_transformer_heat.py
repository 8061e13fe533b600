"""The transformer's heat by the worked numbers of its standards, on the signals of a station that was read from a file.

Section numbers are those of the physics notes: 4, with its steady states, steps, lives and levels.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from math import exp, log
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.clock import Clock
from sim.errors import FileProblems
from sim.kernel import Kernel
from sim.units import SimTime
from twins.dry_transformer import DryTransformer
from twins.insulation import DRY_CLASSES
from twins.oil_transformer import OilTransformer
from twins.platform import LocalPlatform
from twins.station import Station
from twins.station_file import find_station, read_station

PATH = "grid.transformer[T1]"
RATED_KW = 250.0 * 0.98
UNGUARDED = "{kind: dry, limit_share: 1.6, alarm_c: 280, trip_c: 290}"
UNGUARDED_OIL = (
    "{kind: oil, limit_share: 1.6, alarm_top_oil_c: 280, trip_top_oil_c: 290, alarm_hot_spot_c: 280,"
    " trip_hot_spot_c: 290}"
)


def printed(value: float, digits: float) -> Any:
    """Within half a percent, or what the notes have rounded away: half a unit of the last digit they print."""
    return pytest.approx(value, rel=0.005, abs=0.5 * digits)


# Section 4, oil


@pytest.mark.parametrize(
    ("share", "air_c", "top_oil_c", "hot_spot_c", "rate"),
    [(1.0, 20.0, 75.0, 98.0, 1.000), (1.0, 40.0, 95.0, 118.0, 10.08), (1.2, 40.0, 110.61, 141.40, 150.6),
     (1.3, 40.0, 119.10, 154.10, None)],
)  # fmt: skip
def test_section_4_oil_steady(
    hot_site: Callable[..., Any], share: float, air_c: float, top_oil_c: float, hot_spot_c: float, rate: float | None
) -> None:
    oil = hot_site(UNGUARDED_OIL, air_c, share)
    oil.run_to(3_600.0)
    assert oil.at("load_share") == pytest.approx(share, rel=1e-9)
    assert oil.at("top_oil_c") == pytest.approx(top_oil_c, rel=0.005)
    assert oil.at("hot_spot_c") == pytest.approx(hot_spot_c, rel=0.005)
    if rate is not None:
        assert oil.at("ageing_rate") == pytest.approx(rate, rel=0.005)
        assert oil.at("loss_of_life_h") == pytest.approx(rate, rel=0.005)


def test_section_4_oil_step(hot_site: Callable[..., Any]) -> None:
    oil = hot_site(UNGUARDED_OIL, share=0.7)
    oil.load(1.3)
    for minutes, top_oil_c, hot_spot_c in (
        (0, 75.33, 88.32), (60, 87.74, 122.72), (120, 96.63, 131.62), (240, 107.56, 142.56),
    ):  # fmt: skip
        oil.run_to(60.0 * minutes)
        assert oil.at("top_oil_c") == pytest.approx(top_oil_c, rel=0.005)
        assert oil.at("hot_spot_c") == pytest.approx(hot_spot_c, rel=0.005)


def test_section_4_upgraded_paper(hot_site: Callable[..., Any]) -> None:
    oil = hot_site(UNGUARDED_OIL.replace("kind: oil", "kind: oil, paper: upgraded"), air_c=32.0)
    assert oil.at("hot_spot_c") == pytest.approx(110.0)
    assert oil.at("ageing_rate") == pytest.approx(1.0)
    oil = hot_site(UNGUARDED_OIL.replace("kind: oil", "kind: oil, paper: upgraded"), air_c=40.0)
    assert oil.at("ageing_rate") == pytest.approx(exp(15_000.0 / 383.0 - 15_000.0 / (118.0 + 273.0)), rel=0.005)


def test_section_4_oil_alarm_and_trip_levels(hot_site: Callable[..., Any]) -> None:
    heat = "{kind: oil, limit_share: 1.6, trip_hot_spot_c: 141}"
    oil = hot_site(heat, share=0.7)
    oil.load(1.3)
    oil.run_to(40_000.0)
    (winding_alarm,) = oil.times("alarm.raised", alarm="transformer_overtemperature", by="winding")
    (oil_alarm,) = oil.times("alarm.raised", alarm="transformer_overtemperature", by="top_oil")
    (tripped,) = oil.times("transformer.tripped", by="winding")
    hot, cold, gradient_k = 79.1019, 35.3262, 23.0 * 1.3**1.6
    assert oil_alarm == pytest.approx(10_800.0 * log((hot - cold) / (hot - 65.0)), rel=0.005)
    assert tripped == pytest.approx(10_800.0 * log((hot - cold) / (hot - (101.0 - gradient_k))), rel=0.005)
    assert winding_alarm < oil_alarm < tripped


def test_an_overshoot_comes_first_and_goes_with_the_oil(hot_site: Callable[..., Any]) -> None:
    heat = UNGUARDED_OIL.replace("kind: oil", "kind: oil, k21: 2")
    oil = hot_site(heat, share=0.5)
    low_k, high_k = 23.0 * 0.5**1.6, 23.0 * 1.2**1.6
    oil.load(1.2)
    for minutes in (10, 40, 120, 900):
        oil.run_to(60.0 * minutes)
        d1_k = 2.0 * (high_k + (low_k - high_k) * exp(-minutes / 8.0))
        d2_k = high_k + (low_k - high_k) * exp(-minutes / 90.0)
        assert oil.at("hot_spot_c") - oil.at("top_oil_c") == pytest.approx(d1_k - d2_k, rel=0.005)


# Section 4, dry


@pytest.mark.parametrize(("air_c", "life_h"), [(20.0, 180_064.0), (26.0, 90_031.0)])
def test_section_4_life_of_class_f(hot_site: Callable[..., Any], air_c: float, life_h: float) -> None:
    dry = hot_site(UNGUARDED, air_c)
    assert dry.at("hot_spot_c") == pytest.approx(125.0 + air_c)
    assert dry.at("life_h") / dry.at("ageing_rate") == pytest.approx(life_h, rel=0.005)


@pytest.mark.parametrize("letter", sorted(DRY_CLASSES))
def test_section_4_every_class_lasts_180000_h_and_halves_by_6_k(hot_site: Callable[..., Any], letter: str) -> None:
    heat = UNGUARDED.replace("kind: dry", f"kind: dry, insulation: {letter}")
    dry = hot_site(heat, 20.0)
    assert dry.at("hot_spot_c") == pytest.approx(DRY_CLASSES[letter].rated_c)
    assert dry.at("ageing_rate") == pytest.approx(1.0)
    assert dry.at("life_h") == pytest.approx(180_000.0, rel=0.005)
    assert hot_site(heat, 26.0).at("ageing_rate") == pytest.approx(2.0, rel=0.005)


@pytest.mark.parametrize(
    ("share", "hot_spot_c", "rate", "digits"),
    [(1.0, 165.0, 9.36, 0.01), (1.1, 185.6, 76.0, 1.0), (1.2, 207.3, 576.0, 1.0)],
)
def test_section_4_dry_steady(
    hot_site: Callable[..., Any], share: float, hot_spot_c: float, rate: float, digits: float
) -> None:
    dry = hot_site(UNGUARDED, share=share)
    dry.run_to(7_200.0)
    assert dry.at("hot_spot_c") == pytest.approx(hot_spot_c, rel=0.005)
    assert dry.at("ageing_rate") == printed(rate, digits)
    assert dry.at("loss_of_life_h") == pytest.approx(2.0 * dry.at("ageing_rate"), rel=1e-6)


def test_section_4_dry_step(hot_site: Callable[..., Any]) -> None:
    dry = hot_site(UNGUARDED, share=0.7)
    assert dry.at("hot_spot_c") == pytest.approx(110.6, rel=0.005)
    dry.load(1.3)
    reached = {}
    signal = dry.transformer.hot_spot.temp_c
    for minutes in range(1, 31):
        before = dry.kernel.now
        dry.run_to(60.0 * minutes)
        for level_c in (130.0, 155.0, 170.0):
            if signal.at(dry.kernel.now) >= level_c and level_c not in reached:
                back = signal.crossing(level_c, SimTime(max(before, dry.transformer.hot_spot.rises[0].signal.t0)))
                reached[level_c] = (back or dry.kernel.now) / 60.0
        for at_min, hot_spot_c in ((10, 144.5), (20, 168.8), (30, 186.2)):
            if minutes == at_min:
                assert dry.at("hot_spot_c") == pytest.approx(hot_spot_c, rel=0.005)
    assert reached == {130.0: printed(5.3, 0.1), 155.0: printed(13.9, 0.1), 170.0: printed(20.6, 0.1)}
    lost_h = sum(exp(20_475.0 * (1.0 / 418.0 - 1.0 / (hot_c + 273.0))) for hot_c in _step(1_800, 1.0)) / 3_600.0
    assert dry.at("loss_of_life_h") == pytest.approx(lost_h, rel=0.01)


def _step(count: int, step_s: float) -> Iterator[float]:
    """The hot spot of that step, at the middle of each interval."""
    low_k, high_k = 125.0 * 0.7**1.6, 125.0 * 1.3**1.6
    for n in range(count):
        yield 40.0 + high_k + (low_k - high_k) * exp(-(n + 0.5) * step_s / 1_800.0)


def test_section_4_the_controller_sees_it_later(hot_site: Callable[..., Any]) -> None:
    dry = hot_site("{kind: dry, limit_share: 1.6, alarm_c: 130, trip_c: 150}", share=0.7)
    dry.load(1.3)
    dry.run_to(1_700.0)
    raised = dry.times("alarm.raised", alarm="transformer_overtemperature", by="pt100")
    assert [t / 60.0 for t in raised] == [printed(12.9, 0.1)]
    assert [t / 60.0 for t in dry.times("transformer.tripped")] == [printed(24.6, 0.1)]


def test_section_4_the_makers_levels(hot_site: Callable[..., Any]) -> None:
    dry = hot_site("{kind: dry, limit_share: 1.6, fans: {}}", share=0.5)
    dry.load(1.35)
    dry.run_to(7_000.0)
    told = [(event.kind, round(dict(event.data).get("reading_c", 0.0) or dict(event.data).get("temp_c", 0.0), 3))
            for event in dry.events if event.subject == PATH]  # fmt: skip
    assert told == [("transformer.fans", 110.0)], "the rating with fans carries it"
    dry.load(0.5)
    dry.run_to(20_000.0)
    assert dry.events[-1].data == {"state": "off", "reading_c": pytest.approx(90.0)}


def test_section_4_fans_raise_the_rating_and_never_heat(hot_site: Callable[..., Any]) -> None:
    heat = "{kind: dry, limit_share: 1.6, alarm_c: 280, trip_c: 290, fans: {on_c: 60, off_c: 30, af_ratio: 1.4}}"
    for share in (0.8, 1.0, 1.2, 1.4):
        fanned, natural = hot_site(heat, share=share), hot_site(UNGUARDED, share=share)
        for one in (fanned, natural):
            one.run_to(40_000.0)
        assert fanned.at("load_share") == pytest.approx(share / 1.4)
        assert fanned.at("hot_spot_c") - 40.0 == pytest.approx(125.0 * (share / 1.4) ** 2, rel=1e-3)
        assert fanned.at("hot_spot_c") < natural.at("hot_spot_c")


def test_section_4_top_oil_lags_the_air_and_a_dry_winding_does_not(hot_site: Callable[..., Any]) -> None:
    oil, dry = hot_site(UNGUARDED_OIL, air_c=20.0, share=1.0), hot_site(UNGUARDED, air_c=20.0, share=1.0)
    hours, tau_h = 4.0, 3.0
    for one in (oil, dry):
        one.station.weather.air_temp_c.set(SimTime(0.0), 20.0, 3.0 / 3_600.0)
        one.run_to(3_600.0 * hours)
    lagging_k = 3.0 * tau_h * (1.0 - exp(-hours / tau_h))
    assert oil.at("top_oil_c") == pytest.approx(75.0 + 3.0 * hours - lagging_k, abs=0.01)
    assert oil.at("hot_spot_c") == pytest.approx(98.0 + 3.0 * hours - lagging_k, abs=0.01)
    assert dry.at("hot_spot_c") == pytest.approx(145.0 + 3.0 * hours)
    before_c = oil.at("top_oil_c")
    for one in (oil, dry):
        one.station.weather.air_temp_c.set(one.kernel.now, 20.0)
        one.run_to(one.kernel.now)
    assert oil.at("top_oil_c") == pytest.approx(before_c)
    assert dry.at("hot_spot_c") == pytest.approx(145.0)
    oil.run_to(3_600.0 * (hours + tau_h))
    assert oil.at("top_oil_c") == pytest.approx(75.0 + (before_c - 75.0) * exp(-1.0), abs=0.01)


# Followed as by small steps


AIR = [(0.0, 35.0, 3.0), (9_000.0, 32.0, 3.0), (18_000.0, 40.0, -3.0)]
"""From when, C, K/h: warms, drops, warms, jumps up and cools."""


def wander(one: Any, hours: float, seed: int) -> Iterator[float]:
    """Times of a load that stands, steps, runs and decays by turns; it is set at each of them."""
    draw = np.random.default_rng(seed)
    t = 0.0
    while t < hours * 3_600.0:
        yield t
        share, kind = float(draw.uniform(0.1, 1.3)), int(draw.integers(0, 4))
        length_s = float(draw.choice([7.0, 45.0, 200.0, 900.0]))
        if kind == 1:
            one.load(share, b=float(draw.uniform(-1.0, 1.0)) * 0.3 / length_s)
        elif kind == 2:
            one.load(0.3 * share, c=0.7 * share, tau=float(draw.uniform(200.0, 2_000.0)))
        else:
            one.load(share)
        t += length_s


class Reference:
    """The sheet's equations in steps of 0.1 s, beside a twin whose load and air it reads.

    `parts`: of a dry one the rise over the air, in oil the temperature of the top oil, d1 and -d2.
    """

    def __init__(self, one: Any) -> None:
        self.one = one
        transformer = one.transformer
        self.is_dry = isinstance(transformer, DryTransformer)
        k = one.at("load_share")
        if isinstance(transformer, OilTransformer):
            heat = transformer.heat
            self.k21 = heat.k21
            self.taus = [heat.oil_tau_min * 60.0, heat.k22 * heat.winding_tau_min * 60.0,
                         heat.oil_tau_min * 60.0 / heat.k22]  # fmt: skip
        else:
            self.taus = [1_800.0]
        self.fanned = False
        self.air_c = one.station.weather.air_temp_c.at(one.kernel.now)
        self.parts = self.asked(k)
        self.lost_h = self.fed = 0.0
        self.started = self.parts[0]

    @property
    def hot_spot_c(self) -> float:
        return sum(self.parts) + (self.air_c if self.is_dry else 0.0)

    def asked(self, k: float) -> list[float]:
        if self.is_dry:
            return [125.0 * (k / 1.4) ** 2.0] if self.fanned else [125.0 * k**1.6]
        gradient_k = 23.0 * k**1.6
        top_oil_c = self.air_c + 55.0 * ((1.0 + 5.0 * k * k) / 6.0) ** 0.8
        return [top_oil_c, self.k21 * gradient_k, (1.0 - self.k21) * gradient_k]

    def advance(self, until: float, has_fans: bool) -> None:
        signal, air = self.one.station.grid.load_kw, self.one.station.weather.air_temp_c
        t = self.one.kernel.now
        count = max(1, round((until - t) / 0.1))
        for n in range(count):
            middle = SimTime(t + (n + 0.5) * (until - t) / count)
            k = signal.at(middle) / RATED_KW
            self.air_c = air.at(middle)
            asked = self.asked(k)
            hot_c = self.hot_spot_c
            if self.is_dry:
                rate = exp(20_475.0 * (1.0 / 418.0 - 1.0 / (hot_c + 273.0)))
                pt100_c = self.air_c + self.parts[0] / 1.25
                if has_fans:
                    self.fanned = pt100_c >= 110.0 or (self.fanned and pt100_c > 90.0)
            else:
                rate = 2.0 ** ((hot_c - 98.0) / 6.0)
            step_s = (until - t) / count
            self.lost_h += rate * step_s / 3_600.0
            self.fed += step_s * (asked[0] - (0.0 if self.is_dry else self.air_c))
            for at, (goal, tau_s) in enumerate(zip(asked, self.taus, strict=True)):
                half = self.parts[at] + 0.5 * step_s * (goal - self.parts[at]) / tau_s
                self.parts[at] += step_s * (goal - half) / tau_s
        self.air_c = air.at(SimTime(until))


@pytest.mark.parametrize(
    "heat",
    [
        UNGUARDED,
        UNGUARDED.replace("kind: dry", "kind: dry, fans: {}"),
        UNGUARDED_OIL,
        UNGUARDED_OIL.replace("kind: oil", "kind: oil, k21: 2"),
    ],
    ids=["dry", "fans", "oil", "overshoot"],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_wandering_load_is_followed_within_half_a_kelvin(hot_site: Callable[..., Any], heat: str, seed: int) -> None:
    one = hot_site(heat, air_c=35.0, share=0.4)
    reference = Reference(one)
    for t0, air_c, k_h in AIR:
        one.kernel.at(SimTime(t0), partial(one.station.weather.air_temp_c.set, SimTime(t0), air_c, k_h / 3_600.0))
    one.run_to(0.0)
    worst_k, worst_lost, rise = 0.0, 0.0, one.transformer.hot_spot.rises[0].signal
    for t in wander(one, 8.0, seed):
        while one.kernel.now < t:
            until = min(t, one.kernel.now + 20.0, *(t0 for t0, *_ in AIR if t0 > one.kernel.now))
            reference.advance(until, "fans" in heat)
            one.run_to(until)
            reference.air_c = one.station.weather.air_temp_c.at(one.kernel.now)
            worst_k = max(worst_k, abs(one.at("hot_spot_c") - reference.hot_spot_c))
            if one.kernel.now > 3_600.0:
                worst_lost = max(worst_lost, abs(one.at("loss_of_life_h") / reference.lost_h - 1.0))
    assert worst_k < 0.5
    assert worst_lost < 0.01
    now = one.kernel.now
    is_dry = isinstance(one.transformer, DryTransformer)
    kept = rise.at(now) if is_dry else one.at("top_oil_c")
    gained = one.transformer.hot_spot.rises[0].tau_s * (kept - reference.started)
    assert gained == pytest.approx(reference.fed - rise.total_at(now), abs=1e-3 * reference.fed), (
        "what is asked is kept"
    )


@pytest.mark.parametrize("kind", ["dry", "oil"])
def test_real_charges_are_followed_within_half_a_kelvin(kind: str, tmp_path: Path) -> None:
    text = find_station("public").read_text(encoding="utf-8")
    unit = f"    rating_kva: 630\n    no_load_loss_kw: 1.6\n    load_loss_kw: 9.7\n    heat: {{kind: {kind}}}\n"
    text = re.sub(r"    rating_kva: 800\n(?:    .*\n)+", unit, text).replace("  contract_limit_kw: 1250\n", "")
    (tmp_path / "station.yaml").write_text(text, encoding="utf-8")
    file = read_station(tmp_path / "station.yaml").value
    kernel = Kernel(Clock(datetime(2022, 7, 13, 14), file.station.timezone), 11)
    station = Station(kernel, file, LocalPlatform(kernel))
    station.draw_demand(600.0, 6 * 3_600.0)
    transformer: Any = station.grid.transformer
    weather, rises = station.weather, transformer.hot_spot.rises
    parts, lost_h, worst_k, hottest_c = [rise.signal.at(SimTime(0.0)) for rise in rises], 0.0, 0.0, 0.0
    if kind == "oil":  # the top oil itself
        parts[0] += weather.air_temp_c.at(SimTime(0.0))
    for second in range(1, 6 * 3_600 + 1):
        now = SimTime(second)
        kernel.advance(now)
        kernel.jump(now)
        air_c, k = weather.air_temp_c.at(now), station.grid.load_kw.at(now) / (630.0 * 0.98)
        top_oil_c = air_c + 55.0 * ((1.0 + 5.0 * k * k) / 6.0) ** 0.8
        asked = [125.0 * k**1.6] if kind == "dry" else [top_oil_c, 23.0 * k**1.6, 0.0]
        added_c = air_c if kind == "dry" else 0.0
        for _ in range(10):
            hot_c = added_c + sum(parts)
            rate = (
                20_475.0 * (1.0 / 418.0 - 1.0 / (hot_c + 273.0)) if kind == "dry" else log(2.0) * (hot_c - 98.0) / 6.0
            )
            lost_h += exp(rate) * 0.1 / 3_600.0
            for at, rise in enumerate(rises):
                parts[at] += 0.1 * (asked[at] - parts[at]) / rise.tau_s
        hottest_c = max(hottest_c, added_c + sum(parts))
        worst_k = max(worst_k, abs(transformer.hot_spot.temp_c.at(now) - added_c - sum(parts)))
    assert hottest_c > 95.0, "it was a busy evening"
    assert worst_k < 0.5
    assert transformer.hot_spot.ageing.loss_h.at(kernel.now) == pytest.approx(lost_h, rel=0.01)


# Files


def test_without_the_block_the_transformer_stays_as_it_was() -> None:
    file = read_station(find_station("two-outlet")).value
    kernel = Kernel(Clock(datetime(2022, 7, 6), file.station.timezone), 1)
    Station(kernel, file, LocalPlatform(kernel))
    assert [path for path in kernel.signals if path.startswith(PATH)] == [f"{PATH}.limit_kw", f"{PATH}.breaker"]


@pytest.mark.parametrize(
    ("heat", "said"),
    [
        ("{kind: gas}", "heat.kind: gas is not known here; one of: dry, oil"),
        ("{tau_min: 30}", "heat.kind: missing; give it: dry or oil"),
        ("{kind: dry, tau_min: 0}", "heat.tau_min: 0 is out of range; at least 0.1"),
        ("{kind: oil, oil_tau_min: -1}", "heat.oil_tau_min: -1 is out of range; at least 0.1"),
        ("{kind: dry, insulation: C}", "heat.insulation: C is not known here; 'A', 'E', 'B', 'F' or 'H'"),
        ("{kind: dry, fans: {on_c: 80, off_c: 90}}", "heat.fans.off_c: 90 C is not below on_c; less than 80 C"),
        ("{kind: dry, fans: {af_ratio: 2}}", "heat.fans.af_ratio: 2 is out of range; at most 1.5"),
        ("{kind: dry, fans: {on_c: 160}}", "heat.fans.on_c: 160 C is not below alarm_c; less than 155 C"),
        ("{kind: dry, alarm_c: 180}", "heat.alarm_c: 180 C is not below trip_c; less than 170 C"),
        ("{kind: oil, trip_top_oil_c: 100}", "heat.alarm_top_oil_c: 105 C is not below trip_top_oil_c; less"),
        ("{kind: oil, alarm_hot_spot_c: 150}", "heat.alarm_hot_spot_c: 150 C is not below trip_hot_spot_c; less than"),
        ("{kind: dry, reset: {below_c: 175}}", "heat.reset.below_c: 175 C is not below trip_c; less than 170 C"),
        ("{kind: dry, tau_min: 0.05}", "heat.tau_min: 0.05 is out of range; at least 0.1"),
        ("{kind: oil, winding_tau_min: 0.05}", "heat.winding_tau_min: 0.05 is out of range; at least 0.1"),
        ("{kind: oil, k22: 0.01}", "heat.k22: 0.01 is out of range; at least 0.1"),
        ("{kind: oil, k11: 0.01}", "heat.k11: 0.01 is out of range; at least 0.1"),
        ("{kind: dry, fans: {}, load_control: {below_trip_k: 70}}",
         "heat.load_control.below_trip_k: load control would begin at 100 C, in normal service: rated load in 40 C of"
         " air reads 110 C; at most 60 K below trip_c"),
        ("{kind: dry, load_control: {below_trip_k: 31}}",
         "heat.load_control.below_trip_k: load control would begin at 139 C, in normal service: rated load in 40 C of"
         " air reads 140 C; at most 30 K below trip_c"),
        ("{kind: dry, alarm_c: 120, trip_c: 130, load_control: {}}",
         "heat.load_control.below_trip_k: load control would begin at 110 C, in normal service: rated load in 40 C of"
         " air reads 140 C; a trip_c above 140 C, or no load_control"),
        ("{kind: oil, load_control: {below_trip_k: 21}}",
         "heat.load_control.below_trip_k: load control would begin at 94 C, in normal service: rated load in 40 C of"
         " air reads 95 C; at most 20 K below trip_top_oil_c"),
        ("{kind: oil, gradient_k: 30, load_control: {}}",
         "heat.load_control.below_trip_k: load control would begin at 120 C, in normal service: rated load in 40 C of"
         " air reads 125 C; at most 15 K below trip_hot_spot_c"),
        ("{kind: dry, top_oil_rise_k: 55}", "heat.top_oil_rise_k: unknown key; did you mean hot_spot_rise_k?"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_line(tmp_path: Path, site_text: Callable[..., str], heat: str, said: str) -> None:
    path = tmp_path / "station.yaml"
    path.write_text(site_text(heat), encoding="utf-8")
    line = next(at for at, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if "heat: {" in text)
    with pytest.raises(FileProblems) as caught:
        read_station(path)
    found = [str(problem) for problem in caught.value.problems]
    assert any(one.startswith(f"{path}:{line}: grid.transformer.{said}") for one in found), found


def test_a_house_load_beyond_what_it_may_carry_is_refused(tmp_path: Path, site_text: Callable[..., str]) -> None:
    path = tmp_path / "station.yaml"
    path.write_text(site_text("{kind: dry, fans: {af_ratio: 1.25}}", share=1.26), encoding="utf-8")
    with pytest.raises(FileProblems, match="does not even carry the house load"):
        read_station(path)
    path.write_text(site_text("{kind: dry, fans: {af_ratio: 1.25}}", share=1.2), encoding="utf-8")
    assert read_station(path).value.grid.transformer.highest_kva == pytest.approx(312.5)
