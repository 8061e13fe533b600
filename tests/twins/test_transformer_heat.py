"""The transformer's heat by the worked numbers of its standards, on the signals of a station that was read from a file.

Section numbers are those of the physics notes: 4, with its steady states, steps, lives and levels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from math import exp, log
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.clock import Clock
from sim.errors import FileProblems
from sim.events import Event
from sim.kernel import Kernel
from sim.reading import Run
from sim.recording import Recorder
from sim.units import SimTime
from twins.books import energy_book
from twins.dry_transformer import DryTransformer, FanState
from twins.insulation import DRY_CLASSES
from twins.oil_transformer import OilTransformer
from twins.platform import LocalPlatform
from twins.station import Station
from twins.station_file import find_station, read_station
from twins.warm_transformer import WarmTransformer

PATH = "grid.transformer[T1]"
RATED_KW = 250.0 * 0.98
STANDBY_KW = 0.12
UNGUARDED = "{kind: dry, limit_share: 1.6, alarm_c: 280, trip_c: 290}"
UNGUARDED_OIL = (
    "{kind: oil, limit_share: 1.6, alarm_top_oil_c: 280, trip_top_oil_c: 290, alarm_hot_spot_c: 280,"
    " trip_hot_spot_c: 290}"
)


class Site:
    """The two-outlet station with a transformer that warms, in air of `air_c`, under a load of `share`."""

    def __init__(self, folder: Path, heat: str, air_c: float, share: float) -> None:
        path = folder / "station.yaml"
        path.write_text(station_text(heat, air_c, share), encoding="utf-8")
        file = read_station(path).value
        self.kernel = Kernel(Clock(datetime(2022, 7, 6), file.station.timezone), 1)
        self.events: list[Event] = []
        self.kernel.subscribe(self.events.append)
        self.platform = LocalPlatform(self.kernel)
        self.station = Station(self.kernel, file, self.platform)
        transformer = self.station.grid.transformer
        assert isinstance(transformer, WarmTransformer)
        self.transformer = transformer
        self.run_to(0.0)

    def run_to(self, t_s: float) -> None:
        self.kernel.advance(SimTime(t_s))
        self.kernel.jump(SimTime(t_s))

    def load(self, share: float, b: float = 0.0, c: float = 0.0, tau: float = float("inf")) -> None:
        """The house takes what makes the load this share of the rating (b, c: shares too)."""
        self.station.grid.house_kw.set(self.kernel.now, share * RATED_KW - STANDBY_KW, b * RATED_KW, c * RATED_KW, tau)

    def at(self, name: str) -> float:
        signal: Any = self.kernel.signals[f"{PATH}.{name}"]
        return float(signal.at(self.kernel.now))

    def times(self, kind: str, **data: Any) -> list[float]:
        wanted = data.items()
        return [one.t for one in self.events if one.kind == kind and wanted <= one.data.items()]

    def times_and(self, kind: str, key: str) -> list[tuple[float, Any]]:
        return [(one.t, one.data[key]) for one in self.events if one.kind == kind]


def station_text(heat: str, air_c: float = 20.0, share: float = 0.5) -> str:
    text = find_station("two-outlet").read_text(encoding="utf-8")
    head, _, rest = text.partition("weather:\n")
    text = f"{head}weather:\n  air_temp_c: {air_c}\n\n" + rest[rest.index("demand:") :]
    text = text.replace("house_load_kw: 0.3", f"house_load_kw: {share * RATED_KW - STANDBY_KW!r}")
    return text.replace("load_loss_kw: 3.2\n", f"load_loss_kw: 3.2\n    heat: {heat}\n")


@pytest.fixture
def site(tmp_path: Path) -> Callable[..., Site]:
    return lambda heat, air_c=40.0, share=1.0: Site(tmp_path, heat, air_c, share)


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
    site: Callable[..., Site], share: float, air_c: float, top_oil_c: float, hot_spot_c: float, rate: float | None
) -> None:
    oil = site(UNGUARDED_OIL, air_c, share)
    oil.run_to(3_600.0)
    assert oil.at("load_share") == pytest.approx(share, rel=1e-9)
    assert oil.at("top_oil_c") == pytest.approx(top_oil_c, rel=0.005)
    assert oil.at("hot_spot_c") == pytest.approx(hot_spot_c, rel=0.005)
    if rate is not None:
        assert oil.at("ageing_rate") == pytest.approx(rate, rel=0.005)
        assert oil.at("loss_of_life_h") == pytest.approx(rate, rel=0.005)


def test_section_4_oil_step(site: Callable[..., Site]) -> None:
    oil = site(UNGUARDED_OIL, share=0.7)
    oil.load(1.3)
    for minutes, top_oil_c, hot_spot_c in (
        (0, 75.33, 88.32), (60, 87.74, 122.72), (120, 96.63, 131.62), (240, 107.56, 142.56),
    ):  # fmt: skip
        oil.run_to(60.0 * minutes)
        assert oil.at("top_oil_c") == pytest.approx(top_oil_c, rel=0.005)
        assert oil.at("hot_spot_c") == pytest.approx(hot_spot_c, rel=0.005)


def test_section_4_upgraded_paper(site: Callable[..., Site]) -> None:
    oil = site(UNGUARDED_OIL.replace("kind: oil", "kind: oil, paper: upgraded"), air_c=32.0)
    assert oil.at("hot_spot_c") == pytest.approx(110.0)
    assert oil.at("ageing_rate") == pytest.approx(1.0)
    oil = site(UNGUARDED_OIL.replace("kind: oil", "kind: oil, paper: upgraded"), air_c=40.0)
    assert oil.at("ageing_rate") == pytest.approx(exp(15_000.0 / 383.0 - 15_000.0 / (118.0 + 273.0)), rel=0.005)


def test_section_4_oil_alarm_and_trip_levels(site: Callable[..., Site]) -> None:
    heat = "{kind: oil, limit_share: 1.6, trip_hot_spot_c: 141}"
    oil = site(heat, share=0.7)
    oil.load(1.3)
    oil.run_to(40_000.0)
    (winding_alarm,) = oil.times("alarm.raised", alarm="overtemperature", by="winding")
    (oil_alarm,) = oil.times("alarm.raised", alarm="overtemperature", by="top_oil")
    (tripped,) = oil.times("transformer.tripped", by="winding")
    hot, cold, gradient_k = 79.1019, 35.3262, 23.0 * 1.3**1.6
    assert oil_alarm == pytest.approx(10_800.0 * log((hot - cold) / (hot - 65.0)), rel=0.005)
    assert tripped == pytest.approx(10_800.0 * log((hot - cold) / (hot - (101.0 - gradient_k))), rel=0.005)
    assert winding_alarm < oil_alarm < tripped


def test_an_overshoot_comes_first_and_goes_with_the_oil(site: Callable[..., Site]) -> None:
    heat = UNGUARDED_OIL.replace("kind: oil", "kind: oil, k21: 2")
    oil = site(heat, share=0.5)
    low_k, high_k = 23.0 * 0.5**1.6, 23.0 * 1.2**1.6
    oil.load(1.2)
    for minutes in (10, 40, 120, 900):
        oil.run_to(60.0 * minutes)
        d1_k = 2.0 * (high_k + (low_k - high_k) * exp(-minutes / 8.0))
        d2_k = high_k + (low_k - high_k) * exp(-minutes / 90.0)
        assert oil.at("hot_spot_c") - oil.at("top_oil_c") == pytest.approx(d1_k - d2_k, rel=0.005)


# Section 4, dry


@pytest.mark.parametrize(("air_c", "life_h"), [(20.0, 180_064.0), (26.0, 90_031.0)])
def test_section_4_life_of_class_f(site: Callable[..., Site], air_c: float, life_h: float) -> None:
    dry = site(UNGUARDED, air_c)
    assert dry.at("hot_spot_c") == pytest.approx(125.0 + air_c)
    assert dry.at("life_h") / dry.at("ageing_rate") == pytest.approx(life_h, rel=0.005)


@pytest.mark.parametrize("letter", sorted(DRY_CLASSES))
def test_section_4_every_class_lasts_180000_h_and_halves_by_6_k(site: Callable[..., Site], letter: str) -> None:
    heat = UNGUARDED.replace("kind: dry", f"kind: dry, insulation: {letter}")
    dry = site(heat, 20.0)
    assert dry.at("hot_spot_c") == pytest.approx(DRY_CLASSES[letter].rated_c)
    assert dry.at("ageing_rate") == pytest.approx(1.0)
    assert dry.at("life_h") == pytest.approx(180_000.0, rel=0.005)
    assert site(heat, 26.0).at("ageing_rate") == pytest.approx(2.0, rel=0.005)


@pytest.mark.parametrize(
    ("share", "hot_spot_c", "rate", "digits"),
    [(1.0, 165.0, 9.36, 0.01), (1.1, 185.6, 76.0, 1.0), (1.2, 207.3, 576.0, 1.0)],
)
def test_section_4_dry_steady(
    site: Callable[..., Site], share: float, hot_spot_c: float, rate: float, digits: float
) -> None:
    dry = site(UNGUARDED, share=share)
    dry.run_to(7_200.0)
    assert dry.at("hot_spot_c") == pytest.approx(hot_spot_c, rel=0.005)
    assert dry.at("ageing_rate") == printed(rate, digits)
    assert dry.at("loss_of_life_h") == pytest.approx(2.0 * dry.at("ageing_rate"), rel=1e-6)


def test_section_4_dry_step(site: Callable[..., Site]) -> None:
    dry = site(UNGUARDED, share=0.7)
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


def test_section_4_the_controller_sees_it_later(site: Callable[..., Site]) -> None:
    dry = site("{kind: dry, limit_share: 1.6, alarm_c: 130, trip_c: 150}", share=0.7)
    dry.load(1.3)
    dry.run_to(1_700.0)
    assert [t / 60.0 for t in dry.times("alarm.raised", alarm="overtemperature", by="pt100")] == [printed(12.9, 0.1)]
    assert [t / 60.0 for t in dry.times("transformer.tripped")] == [printed(24.6, 0.1)]


def test_section_4_the_makers_levels(site: Callable[..., Site]) -> None:
    dry = site("{kind: dry, limit_share: 1.6, fans: {}}", share=0.5)
    dry.load(1.35)
    dry.run_to(7_000.0)
    told = [(event.kind, round(dict(event.data).get("reading_c", 0.0) or dict(event.data).get("temp_c", 0.0), 3))
            for event in dry.events if event.subject == PATH]  # fmt: skip
    assert told == [("transformer.fans", 110.0)], "the rating with fans carries it"
    dry.load(0.5)
    dry.run_to(20_000.0)
    assert dry.events[-1].data == {"state": "off", "reading_c": pytest.approx(90.0)}


def test_section_4_fans_raise_the_rating_and_never_heat(site: Callable[..., Site]) -> None:
    heat = "{kind: dry, limit_share: 1.6, alarm_c: 280, trip_c: 290, fans: {on_c: 60, off_c: 30, af_ratio: 1.4}}"
    for share in (0.8, 1.0, 1.2, 1.4):
        fanned, natural = site(heat, share=share), site(UNGUARDED, share=share)
        for one in (fanned, natural):
            one.run_to(40_000.0)
        assert fanned.at("load_share") == pytest.approx(share / 1.4)
        assert fanned.at("hot_spot_c") - 40.0 == pytest.approx(125.0 * (share / 1.4) ** 2, rel=1e-3)
        assert fanned.at("hot_spot_c") < natural.at("hot_spot_c")


# Followed as by small steps


def wander(one: Site, hours: float, seed: int) -> Iterator[float]:
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
    """The equations of the standards in steps of 0.1 s, beside a twin whose load and air it reads."""

    def __init__(self, one: Site) -> None:
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
        self.rises = self.asked(k)
        self.lost_h = self.fed = self.stored = 0.0
        self.started = list(self.rises)

    def asked(self, k: float) -> list[float]:
        if self.is_dry:
            return [125.0 * (k / 1.4) ** 2.0] if self.fanned else [125.0 * k**1.6]
        gradient_k = 23.0 * k**1.6
        return [55.0 * ((1.0 + 5.0 * k * k) / 6.0) ** 0.8, self.k21 * gradient_k, (1.0 - self.k21) * gradient_k]

    def advance(self, until: float, air_c: float, has_fans: bool) -> None:
        signal = self.one.station.grid.load_kw
        t = self.one.kernel.now
        count = max(1, round((until - t) / 0.1))
        for n in range(count):
            k = signal.at(SimTime(t + (n + 0.5) * (until - t) / count)) / RATED_KW
            asked = self.asked(k)
            hot_c = air_c + sum(self.rises)
            if self.is_dry:
                rate = exp(20_475.0 * (1.0 / 418.0 - 1.0 / (hot_c + 273.0)))
                pt100_c = air_c + (hot_c - air_c) / 1.25
                if has_fans:
                    self.fanned = pt100_c >= 110.0 or (self.fanned and pt100_c > 90.0)
            else:
                rate = 2.0 ** ((hot_c - 98.0) / 6.0)
            step_s = (until - t) / count
            self.lost_h += rate * step_s / 3_600.0
            self.fed += asked[0] * step_s
            self.stored += self.rises[0] * step_s
            for at, (goal_k, tau_s) in enumerate(zip(asked, self.taus, strict=True)):
                middle_k = self.rises[at] + 0.5 * step_s * (goal_k - self.rises[at]) / tau_s
                self.rises[at] += step_s * (goal_k - middle_k) / tau_s


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
def test_a_wandering_load_is_followed_within_half_a_kelvin(site: Callable[..., Site], heat: str, seed: int) -> None:
    one = site(heat, air_c=35.0, share=0.4)
    reference = Reference(one)
    worst_k, worst_lost, rise = 0.0, 0.0, one.transformer.hot_spot.rises[0].signal
    for t in wander(one, 8.0, seed):
        while one.kernel.now < t:
            until = min(t, one.kernel.now + 20.0)
            reference.advance(until, 35.0, "fans" in heat)
            one.run_to(until)
            worst_k = max(worst_k, abs(one.at("hot_spot_c") - 35.0 - sum(reference.rises)))
            if one.kernel.now > 3_600.0:
                worst_lost = max(worst_lost, abs(one.at("loss_of_life_h") / reference.lost_h - 1.0))
    assert worst_k < 0.5
    assert worst_lost < 0.01
    now = one.kernel.now
    gained = one.transformer.hot_spot.rises[0].tau_s * (rise.at(now) - reference.started[0])
    assert gained == pytest.approx(reference.fed - rise.total_at(now), abs=1e-3 * reference.fed), (
        "what is asked is kept"
    )


@pytest.mark.parametrize("kind", ["dry", "oil"])
def test_real_charges_are_followed_within_half_a_kelvin(kind: str, tmp_path: Path) -> None:
    text = find_station("public").read_text(encoding="utf-8")
    text = text.replace("rating_kva: 1250", "rating_kva: 630").replace("  contract_limit_kw: 1250\n", "")
    text = text.replace("load_loss_kw: 9.7\n", f"load_loss_kw: 9.7\n    heat: {{kind: {kind}}}\n")
    (tmp_path / "station.yaml").write_text(text, encoding="utf-8")
    file = read_station(tmp_path / "station.yaml").value
    kernel = Kernel(Clock(datetime(2022, 7, 13, 14), file.station.timezone), 11)
    station = Station(kernel, file, LocalPlatform(kernel))
    station.draw_demand(600.0, 6 * 3_600.0)
    transformer: Any = station.grid.transformer
    rises, lost_h, worst_k, hottest_c = (
        [rise.signal.at(SimTime(0.0)) for rise in transformer.hot_spot.rises],
        0.0,
        0.0,
        0.0,
    )
    for second in range(1, 6 * 3_600 + 1):
        now = SimTime(second)
        kernel.advance(now)
        kernel.jump(now)
        air_c, k = station.weather.air_temp_c.at(now), station.grid.load_kw.at(now) / (630.0 * 0.98)
        asked = [125.0 * k**1.6] if kind == "dry" else [55.0 * ((1.0 + 5.0 * k * k) / 6.0) ** 0.8, 23.0 * k**1.6, 0.0]
        for _ in range(10):
            hot_c = air_c + sum(rises)
            rate = (
                20_475.0 * (1.0 / 418.0 - 1.0 / (hot_c + 273.0)) if kind == "dry" else log(2.0) * (hot_c - 98.0) / 6.0
            )
            lost_h += exp(rate) * 0.1 / 3_600.0
            for at, rise in enumerate(transformer.hot_spot.rises):
                rises[at] += 0.1 * (asked[at] - rises[at]) / rise.tau_s
        hottest_c = max(hottest_c, air_c + sum(rises))
        worst_k = max(worst_k, abs(transformer.hot_spot.temp_c.at(now) - air_c - sum(rises)))
    assert hottest_c > 95.0, "it was a busy evening"
    assert worst_k < 0.5
    assert transformer.hot_spot.ageing.loss_h.at(kernel.now) == pytest.approx(lost_h, rel=0.01)


# The protection


@pytest.mark.clause("8.4.1.1")
def test_a_trip_darkens_the_station_until_it_has_cooled_and_somebody_comes(site: Callable[..., Site]) -> None:
    dry = site(
        "{kind: dry, limit_share: 1.6, alarm_c: 130, trip_c: 150, reset: {below_c: 90, after_min: 20}}", share=0.7
    )
    dry.station.draw_demand(60.0, 20_000.0)
    dry.run_to(600.0)
    dry.load(1.3)
    dry.run_to(2_800.0)
    (tripped,) = dry.times("transformer.tripped")
    assert dry.at("load_share") == 0.0 and dry.station.grid.power_kw.at(dry.kernel.now) == 0.0
    assert dry.kernel.signals["grid.voltage_pu"].at(dry.kernel.now) == 0.0
    assert not dry.times("grid.outage"), "the feed itself is well"
    dry.run_to(tripped + 1_300.0)
    assert not dry.times("transformer.reset"), "somebody is there, but it is too hot"
    dry.run_to(20_000.0)
    (reset,) = dry.times("transformer.reset")
    cooled = tripped + 1_800.0 * log((150.0 - 40.0) / (90.0 - 40.0))
    assert reset == pytest.approx(cooled + 60.0, rel=1e-3), "held for a minute"
    back = dry.times("evse.recovered")
    assert len(back) == 2 and back[0] == pytest.approx(reset + 30.0)
    alarm, trip = (
        next(one for one in dry.events if one.kind == kind) for kind in ("alarm.raised", "transformer.tripped")
    )
    assert trip.cause == alarm.seq
    energy_book(dry.station, dry.kernel.now).check()


def test_a_technician_of_the_station_goes_there_and_resets(tmp_path: Path) -> None:
    heat = "{kind: dry, limit_share: 1.6, alarm_c: 130, trip_c: 150, reset: {place: {x_m: 13, y_m: 0}}}"
    staff = 'staff:\n  room: {x_m: 0, y_m: 0}\n  members: [{id: T1, role: technician, shifts: ["00:00-24:00"]}]\n\n'
    text = station_text(heat, 40.0, 0.7).replace("tariff:\n", staff + "tariff:\n")
    (tmp_path / "given.yaml").write_text(text, encoding="utf-8")
    file = read_station(tmp_path / "given.yaml").value
    kernel = Kernel(Clock(datetime(2022, 7, 6), file.station.timezone), 1)
    events: list[Event] = []
    kernel.subscribe(events.append)
    station = Station(kernel, file, LocalPlatform(kernel))
    kernel.advance(SimTime(0.0))
    station.grid.house_kw.set(kernel.now, 1.3 * RATED_KW)
    kernel.advance(SimTime(9_000.0))
    told = [one for one in events if one.kind.startswith(("transformer", "staff"))]
    assert [one.kind for one in told] == [
        "transformer.tripped", "staff.dispatched", "staff.arrived", "transformer.reset", "staff.done",
    ]  # fmt: skip
    tripped, sent, arrived, reset, done = told
    assert arrived.t == pytest.approx(tripped.t + 10.0)
    assert (sent.cause, reset.cause, done.data["result"]) == (tripped.seq, arrived.seq, "reset")
    assert reset.t > arrived.t + 600.0


def test_load_control_prevents_the_trip_and_its_absence_lets_it_happen(tmp_path: Path) -> None:
    """The same station file but for `load_control`, the same cars, the same fans that fail."""

    def evening(control: str) -> tuple[Station, list[Event], float]:
        text = find_station("public").read_text(encoding="utf-8").replace("rating_kva: 1250", "rating_kva: 630")
        heat = f"{{kind: dry, fans: {{}}, alarm_c: 130, trip_c: 150{control}}}"
        text = text.replace("load_loss_kw: 9.7\n", f"load_loss_kw: 9.7\n    heat: {heat}\n")
        (tmp_path / "station.yaml").write_text(text, encoding="utf-8")
        file = read_station(tmp_path / "station.yaml").value
        kernel = Kernel(Clock(datetime(2022, 7, 13, 12), file.station.timezone), 5)
        events: list[Event] = []
        kernel.subscribe(events.append)
        station = Station(kernel, file, LocalPlatform(kernel))
        station.draw_demand(1_500.0, 4 * 3_600.0)
        kernel.at(SimTime(3_600.0), lambda: station.faults.inject("transformer.fan_failed", PATH, {}))
        hottest_c = 0.0
        for minute in range(1, 241):
            kernel.advance(SimTime(60.0 * minute))
            transformer: Any = station.grid.transformer
            hottest_c = max(hottest_c, transformer.pt100_c.at(kernel.now))
        return station, events, hottest_c

    _, bare, _ = evening("")
    assert [one.kind for one in bare if one.kind.startswith("transformer")].count("transformer.tripped") >= 1
    assert not any(one.kind == "transformer.limited" for one in bare)
    station, eased, hottest_c = evening(", load_control: {}")
    kinds = [one.kind for one in eased if one.kind.startswith("transformer")]
    assert "transformer.tripped" not in kinds and kinds.count("transformer.limited") > 3
    assert 130.0 < hottest_c < 148.0
    limits_kw = [one.data["limit_kw"] for one in eased if one.kind == "transformer.limited"]
    assert min(limits_kw) < 600.0 and max(limits_kw) > min(limits_kw), "steps down, and steps back"
    delivered = {len(events): sum(one.kind == "session.ended" and one.data["reason"] == "power_lost" for one in events)
                 for events in (bare, eased)}  # fmt: skip
    assert delivered[len(bare)] > 5 and delivered[len(eased)] == 0
    energy_book(station, station.kernel.now).check()


def test_load_control_lowers_in_steps_and_gives_back_in_steps(site: Callable[..., Site]) -> None:
    dry = site(
        "{kind: dry, limit_share: 1.6, load_control: {below_trip_k: 30, step_share: 0.2, every_s: 600}}", share=0.7
    )
    dry.load(1.3)
    dry.run_to(3_600.0)
    limit = dry.kernel.signals["control.site_limit_kw"]
    limited = dry.times_and("transformer.limited", "limit_kw")
    begins = 1_800.0 * log((190.204 - 70.643) / (190.204 - 125.0))  # the hot spot, 100 K of the mean
    assert limited[0] == (pytest.approx(begins, rel=1e-3), pytest.approx(1.1 * RATED_KW))
    assert limited[1] == (pytest.approx(begins + 600.0, rel=1e-4), pytest.approx(0.9 * RATED_KW)), "it still rose"
    assert limit.at(dry.kernel.now) < 172.5, "nobody but the house is left: the piles get nothing"
    assert dry.at("limit_kw") == pytest.approx(dry.times_and("transformer.limited", "limit_kw")[-1][1])
    dry.load(0.5)
    dry.run_to(12_000.0)
    limited = dry.times_and("transformer.limited", "limit_kw")
    lowest = min(range(len(limited)), key=lambda at: limited[at][1])
    assert {round((later[0] - earlier[0]) / 600.0, 6) % 1 for earlier, later in pairwise(limited)} == {0.0}
    back = [round((later[1] - earlier[1]) / RATED_KW, 6) for earlier, later in pairwise(limited[lowest:-1])]
    assert len(back) > 2 and set(back) == {0.2}
    assert limited[-1][1] == pytest.approx(1.6 * RATED_KW) and limit.at(dry.kernel.now) == 172.5


def test_alarm_and_fans_hold_until_it_is_clearly_cooler(site: Callable[..., Site]) -> None:
    dry = site("{kind: dry, limit_share: 1.6, alarm_c: 130, trip_c: 200}", share=0.7)
    for minute in range(1, 600):
        dry.load(1.13 + 0.02 * (minute % 2))  # settles about 163 C hot, 138 C in the mean
        dry.run_to(60.0 * minute)
    assert len(dry.times("alarm.raised")) == 1 and not dry.times("alarm.cleared")
    dry.load(1.03)  # 131 C to 141 C
    dry.run_to(60.0 * 900)
    assert not dry.times("alarm.cleared")
    dry.load(0.9)
    crossed = 60.0 * 900
    while dry.at("pt100_c") > 125.0:
        crossed += 1.0
        dry.run_to(crossed)
    dry.run_to(crossed + 120.0)
    assert dry.times("alarm.cleared") == [pytest.approx(crossed + 60.0, abs=1.1)]


def test_fans_do_not_chatter(site: Callable[..., Site]) -> None:
    dry = site("{kind: dry, limit_share: 1.6, fans: {}}", air_c=30.0, share=0.6)
    dry.load(1.0)
    dry.run_to(48 * 3_600.0)
    switched = dry.times("transformer.fans")
    assert len(switched) > 2, "a load between the two: the fans come and go"
    assert min(later - earlier for earlier, later in pairwise(switched)) > 300.0


# Faults


@pytest.mark.clause("8.4.1.1")
def test_failed_fans_trip_the_station_as_its_events_and_its_platform_hear(site: Callable[..., Site]) -> None:
    dry = site("{kind: dry, fans: {af_ratio: 1.25}}", share=0.6)
    heard: list[tuple[str, str, str]] = []
    dry.platform.status = lambda evse, state, alarm: heard.append((evse, state, alarm))  # type: ignore[method-assign]
    dry.load(1.24)
    dry.run_to(8_000.0)
    assert not dry.times("transformer.tripped") and dry.kernel.signals[f"{PATH}.fans"].value is FanState.ON
    dry.station.faults.inject("transformer.fan_failed", PATH, {})
    assert dry.kernel.signals[f"{PATH}.fans"].value is FanState.OFF
    before_c = dry.at("hot_spot_c")
    dry.run_to(8_600.0)
    assert dry.at("hot_spot_c") > before_c + 5.0
    dry.run_to(16_000.0)
    assert dry.times("transformer.tripped")
    assert {(state, alarm) for _, state, alarm in heard if state == "faulted"} == {("faulted", "undervoltage")}
    assert {evse for evse, state, _ in heard if state == "faulted"} == {one.path for one in dry.station.evses}


@pytest.mark.clause("8.4.1.3")
def test_a_reading_that_sticks_blinds_the_protection(site: Callable[..., Site]) -> None:
    dry = site("{kind: dry, limit_share: 1.6}", share=0.7)
    dry.station.faults.inject("transformer.sensor_stuck", PATH, {"duration_s": 7_000.0})
    dry.load(1.3)
    dry.run_to(6_900.0)
    assert dry.at("pt100_c") == pytest.approx(96.51, abs=0.01)
    assert dry.at("hot_spot_c") > 220.0 and dry.at("ageing_rate") > 1_000.0
    assert not dry.times("alarm.raised") and not dry.times("transformer.tripped")
    dry.run_to(7_100.0)
    assert dry.times("alarm.raised", alarm="overtemperature") == dry.times("transformer.tripped") == [7_000.0]


@pytest.mark.clause("8.4.1.3")
def test_a_broken_sensor_is_told_and_nothing_is_switched_without_it(site: Callable[..., Site]) -> None:
    dry = site("{kind: dry, limit_share: 1.6, fans: {}, load_control: {}}", share=0.7)
    dry.run_to(100.0)
    dry.station.faults.inject("transformer.sensor_broken", PATH, {}, "open")
    assert dry.times("alarm.raised", alarm="sensor_broken") == [100.0]
    assert dry.kernel.signals[f"{PATH}.sensor"].value.value == "broken"
    dry.load(1.3)
    dry.run_to(9_000.0)
    assert not dry.times("transformer.fans") and not dry.times("transformer.tripped")
    dry.station.faults.clear("open")
    dry.run_to(9_001.0)
    assert dry.times("alarm.cleared", alarm="sensor_broken") == [9_000.0]
    assert dry.times("transformer.fans")[0] == dry.times("transformer.tripped")[0] == 9_000.0


def test_a_stuck_top_oil_also_misleads_the_winding_indicator(site: Callable[..., Site]) -> None:
    oil = site("{kind: oil, limit_share: 1.6}", share=0.7)
    oil.station.faults.inject("transformer.sensor_stuck", PATH, {})
    oil.load(1.3)
    oil.run_to(20_000.0)
    assert oil.at("top_oil_c") == pytest.approx(75.33, rel=0.005)
    assert oil.at("winding_c") == pytest.approx(75.33 + 35.0, rel=0.005)
    assert oil.at("hot_spot_c") > 145.0 and not oil.times("transformer.tripped")


# Recordings and files


def test_a_recorded_trip_reads_back(site: Callable[..., Site], tmp_path: Path) -> None:
    dry = site(
        "{kind: dry, limit_share: 1.6, fans: {}, alarm_c: 130, trip_c: 150, load_control: {below_trip_k: 5}}", share=0.7
    )
    recorder = Recorder(tmp_path / "run.sqlite")
    recorder.attach(dry.kernel)
    dry.station.draw_demand(100.0, 20_000.0)
    dry.load(1.6)
    dry.run_to(20_000.0)
    assert dry.times("transformer.tripped")
    recorder.close(dry.kernel.now)
    with Run(tmp_path / "run.sqlite") as run:
        rate, lost = run.series(f"{PATH}.ageing_rate"), run.series(f"{PATH}.loss_of_life_h")
        assert rate.integral(0.0, 20_000.0) / 3_600.0 == pytest.approx(dry.at("loss_of_life_h"), rel=1e-9)
        times = np.linspace(1.0, 19_999.0, 500)
        assert np.all(np.diff(lost.at(times)) > 0.0), "life is never given back"
        for name in ("hot_spot_c", "pt100_c", "load_share"):
            series = run.series(f"{PATH}.{name}")
            assert series.at(np.array([19_999.9]))[0] == pytest.approx(dry.at(name), rel=1e-3)
        hot, reading = run.series(f"{PATH}.hot_spot_c"), run.series(f"{PATH}.pt100_c")
        assert np.allclose((hot.at(times) - 40.0) / 1.25, reading.at(times) - 40.0, atol=0.05)


def test_without_the_block_the_transformer_stays_as_it_was() -> None:
    for name in ("public", "hub", "community", "two-outlet"):
        file = read_station(find_station(name)).value
        kernel = Kernel(Clock(datetime(2022, 7, 6), file.station.timezone), 1)
        Station(kernel, file, LocalPlatform(kernel))
        assert [path for path in kernel.signals if path.startswith(PATH)] == [f"{PATH}.limit_kw"]


@pytest.mark.parametrize(
    ("heat", "said"),
    [
        ("{kind: gas}", "heat.kind: gas is not known here; one of: dry, oil"),
        ("{tau_min: 30}", "heat.kind: missing; give it: dry or oil"),
        ("{kind: dry, tau_min: 0}", "heat.tau_min: 0 is out of range; more than 0"),
        ("{kind: oil, oil_tau_min: -1}", "heat.oil_tau_min: -1 is out of range; more than 0"),
        ("{kind: dry, insulation: C}", "heat.insulation: C is not known here; 'A', 'E', 'B', 'F' or 'H'"),
        ("{kind: dry, fans: {on_c: 80, off_c: 90}}", "heat.fans.off_c: 90 C is not below on_c; less than 80 C"),
        ("{kind: dry, fans: {af_ratio: 2}}", "heat.fans.af_ratio: 2 is out of range; at most 1.5"),
        ("{kind: dry, fans: {on_c: 160}}", "heat.fans.on_c: 160 C is not below alarm_c; less than 155 C"),
        ("{kind: dry, alarm_c: 180}", "heat.alarm_c: 180 C is not below trip_c; less than 170 C"),
        ("{kind: oil, trip_top_oil_c: 100}", "heat.alarm_top_oil_c: 105 C is not below trip_top_oil_c; less"),
        ("{kind: oil, alarm_hot_spot_c: 150}", "heat.alarm_hot_spot_c: 150 C is not below trip_hot_spot_c; less than"),
        ("{kind: dry, reset: {below_c: 175}}", "heat.reset.below_c: 175 C is not below trip_c; less than 170 C"),
        ("{kind: dry, fans: {}, load_control: {below_trip_k: 70}}", "heat.load_control.below_trip_k: load control"),
        ("{kind: dry, top_oil_rise_k: 55}", "heat.top_oil_rise_k: unknown key; did you mean hot_spot_rise_k?"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_line(tmp_path: Path, heat: str, said: str) -> None:
    path = tmp_path / "station.yaml"
    path.write_text(station_text(heat), encoding="utf-8")
    line = next(at for at, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if "heat: {" in text)
    with pytest.raises(FileProblems) as caught:
        read_station(path)
    found = [str(problem) for problem in caught.value.problems]
    assert any(one.startswith(f"{path}:{line}: grid.transformer.{said}") for one in found), found


def test_a_house_load_beyond_what_it_may_carry_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "station.yaml"
    path.write_text(station_text("{kind: dry, fans: {af_ratio: 1.25}}", share=1.26), encoding="utf-8")
    with pytest.raises(FileProblems, match="does not even carry the house load"):
        read_station(path)
    path.write_text(station_text("{kind: dry, fans: {af_ratio: 1.25}}", share=1.2), encoding="utf-8")
    assert read_station(path).value.grid.transformer.highest_kva == pytest.approx(312.5)
