"""The shipped two-outlet site in fast pace: with its own platform, warm connectors, a warm transformer; one pile."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from sim.clock import Clock
from sim.events import Command, Event, Scalar
from sim.kernel import Kernel
from sim.units import SimTime
from twins.cabinet import Cabinet
from twins.platform import LocalPlatform
from twins.replay import ReplayRow
from twins.station import Station
from twins.station_file import find_station, read_station
from twins.visits import Session
from twins.warm_transformer import WarmTransformer

Build = Callable[..., tuple[Kernel, "WatchedStation", LocalPlatform]]
WarmSite = Callable[..., tuple[Kernel, Station, list[Event]]]
Site = Callable[..., tuple[Kernel, Station, list[Event]]]


class WatchedStation(Station):
    """A station that remembers its sessions, those that are over too."""

    ended: list[Session]

    @property
    def sessions(self) -> list[Session]:
        return sorted([*self.ended, *self.visits.present.values()], key=lambda session: session.id)


@pytest.fixture
def build() -> Build:
    """Make a station on a kernel: `build(seed=1, start=..., blocked=...)`; other words are keys of its file."""

    def make(
        seed: int = 1,
        start: datetime = datetime(2022, 6, 14),
        blocked: frozenset[str] = frozenset(),
        name: str = "two-outlet",
        **changes: Any,
    ) -> tuple[Kernel, WatchedStation, LocalPlatform]:
        file = replace(read_station(find_station(name)).value, **changes)
        kernel = Kernel(Clock(start, file.station.timezone), seed)
        platform = LocalPlatform(kernel, blocked)
        station = WatchedStation(kernel, file, platform)
        station.ended = []
        station.visits.on_session = station.ended.append
        return kernel, station, platform

    return make


ONE_PILE = """\
voltyard: 1
station: {{id: ONE, timezone: Asia/Shanghai, operator: {{name: {{en: One pile, zh: 一桩站}}}}}}
grid:
  feed_kv: 10
  transformer: {{id: T1, rating_kva: 1600, no_load_loss_kw: 1, load_loss_kw: 12}}
  feeders: [{{id: F1, breaker_a: 2000}}]
  meter: {{id: M1, class: 0.5}}
  house_load_kw: 1
control: {{policy: equal_share, site_limit_kw: 1000}}
piles:
  - id: A01
    model: {model}
    feeder: F1
    evses: {evses}
    place: {{x_m: 0, y_m: 0}}
    {pile}
bays: [{{id: B01..B{last:02d}, kind: fast, roof: {bay_roof}, place: {{x_m: 3, y_m: 0, step_x_m: 3}}}}]
heat: {{packs: {packs}, piles: true}}
weather: {weather}
demand:
  arrivals: {{profile: two_peaks, sessions_per_day: 10}}
  vehicles: [{{model: lfp_60_400v, share: 1}}]
tariff: {{energy_cny_kwh: 1, service_cny_kwh: 0.5}}
pile_models: {own}
"""


class OnePile:
    """A station of one pile that is read from a file, played by hand; names of signals are those after `pile[A01].`."""

    def __init__(self, path: Path) -> None:
        file = read_station(path).value
        self.kernel = Kernel(Clock(datetime(2022, 7, 11), file.station.timezone), 1)
        self.station = Station(self.kernel, file, LocalPlatform(self.kernel))
        self.events: list[Event] = []
        self.kernel.subscribe(self.events.append)
        self.pile = self.station.piles["A01"]
        assert self.pile.cabinet is not None
        self.cabinet: Cabinet = self.pile.cabinet

    def cars(self, *arrivals: tuple[float, int], **car: float) -> None:
        """Cars at (s, connector), which take whatever they are given for hours; `car` says otherwise."""
        hungry = {"capacity_kwh": 1_000.0, "soc_in_pct": 5.0, "soc_target_pct": 90.0, "power_max_kw": 400.0} | car
        self.station.replay(tuple(ReplayRow(arrival_s=t, stay_s=None, connector=at, **hungry) for t, at in arrivals))

    def inject(self, name: str, **values: float) -> None:
        """A fault of its cabinet, which bears its own name."""
        self.station.faults.inject(name, "pile[A01].cabinet", values, name)

    def to(self, t: float) -> None:
        """Go to this time."""
        self.kernel.advance(SimTime(t))
        self.kernel.jump(SimTime(t))

    def until(self, is_met: Callable[[], bool], latest: float = 86_400.0) -> float:
        """Go to the first instant, at rest, at which this holds; when that is."""
        while not is_met():
            assert self.kernel.next_time() <= latest, "it has not come about"
            self.kernel.advance(self.kernel.next_time())
        return self.kernel.now

    def read(self, name: str) -> float:
        """The value of a signal now."""
        signal: Any = self.kernel.signals[f"pile[A01].{name}"]
        return float(signal.at(self.kernel.now))

    def told(self, kind: str) -> list[Event]:
        """The events of this kind so far."""
        return [event for event in self.events if event.kind == kind]


@pytest.fixture
def one_pile(tmp_path: Path) -> Callable[..., OnePile]:
    """`one_pile(cabinet="{...}", model=..., count=..., weather="{...}", bay_roof=..., packs=...)`, all as in a file."""

    def made(
        model: str = "dc_120_1_eta95",
        count: int = 1,
        weather: str = "{air_temp_c: 35}",
        bay_roof: str = "canopy",
        packs: bool = False,
        **pile: str,
    ) -> OnePile:
        path = tmp_path / "one-pile.yaml"
        evses = ", ".join(f"{{reaches: [B{number:02d}]}}" for number in range(1, count + 1))
        more = "\n    ".join(f"{name}: {value}" for name, value in pile.items())
        catalogue = Path(find_station("public")).parents[1] / "piles.yaml"
        (own,) = [
            one for one in yaml.safe_load(catalogue.read_text(encoding="utf-8"))["models"] if one["name"] == model
        ]
        own = {name: value for name, value in own.items() if name != "evse_max_a"} | {"name": f"{model}_any_cable"}
        text = ONE_PILE.format(
            own=json.dumps([own]),
            model=own["name"],
            evses=f"[{evses}]",
            pile=more,
            last=count,
            bay_roof=bay_roof,
            packs=str(packs).lower(),
            weather=weather,
        )
        path.write_text(text, encoding="utf-8")
        return OnePile(path)

    return made


PLACE = "    place: {x_m: 3, y_m: 0}\n"
BIG = ReplayRow(arrival_s=0.0, stay_s=None, connector=1, capacity_kwh=1_000.0, soc_in_pct=2.0, soc_target_pct=98.0,
                power_max_kw=1_000.0)  # fmt: skip
"""Takes whatever it is given for hours: at `BIG_KV` the site's limit makes its current."""
BIG_KV = 0.4 * (0.85 + 0.06 * 0.02)


@pytest.fixture
def warm_site(tmp_path: Path) -> WarmSite:
    """The two-outlet site from a file that follows the heat of connectors, the vehicles `rows` to come, its events.

    `site_kw` is the site's limit, `connector` what the file says of the pile's connectors (None: the model's).
    """

    def made(
        *rows: ReplayRow,
        site_kw: float = 250.0 * BIG_KV,
        model: str = "dc_172_2",
        connector: str | None = "{}",
        air_c: float = 35.0,
        packs: bool = False,
    ) -> tuple[Kernel, Station, list[Event]]:
        text = find_station("two-outlet").read_text(encoding="utf-8")
        text = text.replace("site_limit_kw: 172.5", f"site_limit_kw: {site_kw}").replace("dc_172_2", model)
        if connector is not None:
            text = text.replace(PLACE, f"    connector: {connector}\n{PLACE}")
        head, _, rest = text.partition("weather:\n")
        heat = f"heat: {{packs: {str(packs).lower()}, connectors: true}}\n"
        path = tmp_path / "station.yaml"
        demand = rest.partition("demand:")[2]
        path.write_text(f"{head}{heat}weather: {{air_temp_c: {air_c:g}}}\n\ndemand:{demand}", encoding="utf-8")
        file = read_station(path).value
        kernel = Kernel(Clock(datetime(2022, 7, 11), file.station.timezone), 1)
        station = Station(kernel, file, LocalPlatform(kernel))
        events: list[Event] = []
        kernel.subscribe(events.append)
        station.replay(rows or (BIG,))
        return kernel, station, events

    return made


@pytest.fixture
def site_file(tmp_path: Path) -> Callable[..., Path]:
    """A shipped station's file with other blocks: `site_file("public", weather="{...}", house="{...}")`; None: none."""

    def made(name: str = "two-outlet", **blocks: str | None) -> Path:
        text = find_station(name).read_text(encoding="utf-8")
        for block, words in blocks.items():
            text = re.sub(rf"^{block}:.*\n(?:[ -].*\n)*", "", text, flags=re.MULTILINE)
            text += f"\n{block}: {words}\n" if words is not None else ""
        path = tmp_path / "station.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return made


@pytest.fixture
def site(site_file: Callable[..., Path]) -> Site:
    """That station: `site(*rows, start=..., seed=1, **blocks)` gives kernel, station and events; `rows` come to it."""

    def made(
        *rows: ReplayRow, start: datetime = datetime(2022, 7, 13), seed: int = 1, **blocks: Any
    ) -> tuple[Kernel, Station, list[Event]]:
        file = read_station(site_file(**blocks)).value
        kernel = Kernel(Clock(start, file.station.timezone), seed)
        station = Station(kernel, file, LocalPlatform(kernel))
        events: list[Event] = []
        kernel.subscribe(events.append)
        station.replay(rows)
        return kernel, station, events

    return made


class HotSite:
    """The two-outlet station with a transformer that warms, in air of `air_c`, under a load of `share`."""

    path = "grid.transformer[T1]"
    rated_kw = 250.0 * 0.98
    standby_kw = 0.12

    def __init__(self, folder: Path, heat: str, air_c: float, share: float) -> None:
        path = folder / "station.yaml"
        path.write_text(hot_site_text(heat, air_c, share), encoding="utf-8")
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
        self.station.house.base_kw.set(
            self.kernel.now, share * self.rated_kw - self.standby_kw, b * self.rated_kw, c * self.rated_kw, tau
        )

    def at(self, name: str) -> float:
        signal: Any = self.kernel.signals[f"{self.path}.{name}"]
        return float(signal.at(self.kernel.now))

    def times(self, kind: str, **data: Any) -> list[float]:
        wanted = data.items()
        return [one.t for one in self.events if one.kind == kind and wanted <= one.data.items()]

    def times_and(self, kind: str, key: str) -> list[tuple[float, Any]]:
        return [(one.t, one.data[key]) for one in self.events if one.kind == kind]


def hot_site_text(heat: str, air_c: float = 20.0, share: float = 0.5) -> str:
    text = find_station("two-outlet").read_text(encoding="utf-8")
    head, _, rest = text.partition("weather:\n")
    text = f"{head}weather:\n  air_temp_c: {air_c}\n\n" + rest[rest.index("demand:") :]
    text = text.replace("house_load_kw: 0.3", f"house_load_kw: {share * HotSite.rated_kw - HotSite.standby_kw!r}")
    return text.replace("load_loss_kw: 3.2\n", f"load_loss_kw: 3.2\n    heat: {heat}\n")


@pytest.fixture
def hot_site(tmp_path: Path) -> Callable[..., HotSite]:
    """`hot_site("{kind: dry}", air_c=40.0, share=1.0)`; the block is `grid.transformer.heat`, as in a file."""
    return lambda heat, air_c=40.0, share=1.0: HotSite(tmp_path, heat, air_c, share)


@pytest.fixture
def site_text() -> Callable[..., str]:
    """The text of that station's file."""
    return hot_site_text


HUNGRY: dict[str, Any] = {"capacity_kwh": 1_000.0, "soc_in_pct": 5.0, "soc_target_pct": 95.0, "power_max_kw": 400.0}
WALLBOXES = """
  - id: C01
    model: ac_7_1
    feeder: F1
    evses: [{reaches: [B03]}]
    place: {x_m: 9, y_m: 0}
  - id: C02
    model: ac_22_1
    feeder: F1
    evses: [{reaches: [B04]}]
    place: {x_m: 12, y_m: 0}
"""
BAYS = """
  - {id: B03, kind: slow, roof: open, place: {x_m: 9, y_m: 3}}
  - {id: B04, kind: slow, roof: open, place: {x_m: 12, y_m: 3}}
"""
AC_22 = (
    "[{name: ac_22_1, kind: ac, rated_kw: 22, evse_count: 1, evse_max_kw: 22, no_load_loss_kw: 0.01, loss_ratio: 0.01,"
    " standby_kw: 0.01, handshake_s: 2, insulation_test_s: 0, precharge_s: 0}]"
)


class Asked:
    """A station, and somebody who asks things of it."""

    def __init__(self, path: Path) -> None:
        file = read_station(path).value
        self.kernel = Kernel(Clock(datetime(2022, 7, 13, 9), file.station.timezone), 1)
        self.station = Station(self.kernel, file, LocalPlatform(self.kernel))
        self.events: list[Event] = []
        self.kernel.subscribe(self.events.append)
        self.evse = self.station.evses[0]

    def cars(self, *connectors: int, at_s: float = 10.0, stay_s: float | None = None) -> None:
        self.station.replay(tuple(ReplayRow(arrival_s=at_s, stay_s=stay_s, connector=one, **HUNGRY)
                                  for one in connectors))  # fmt: skip

    def to(self, t: float) -> None:
        self.kernel.advance(SimTime(t))
        self.kernel.jump(SimTime(t))

    def ask(self, verb: str, target: str, source: str = "modbus", **args: Scalar) -> str:
        """What came of it: an empty text, or why it was refused."""
        self.kernel.post(Command(source, "tester", verb, target, args, (source, len(self.events))))
        self.kernel.admit()
        self.kernel.advance(self.kernel.now)
        told = next(one for one in reversed(self.events) if one.kind in ("command.done", "command.refused"))
        assert (told.data["verb"], told.subject) == (verb, target)
        return str(told.data.get("reason", ""))

    def at(self, path: str) -> float:
        signal: Any = self.kernel.quantity(path)
        return float(signal.at(self.kernel.now))

    def kinds(self, kind: str) -> list[Event]:
        return [one for one in self.events if one.kind == kind]


@pytest.fixture
def asked(site_file: Callable[..., Path]) -> Callable[..., Asked]:
    """The two-outlet station with two wallboxes; `blocks` as in its file."""

    def made(**blocks: str) -> Asked:
        path = site_file(pile_models=AC_22, **blocks)
        text = path.read_text(encoding="utf-8")
        text = text.replace("\nbays:\n", f"{WALLBOXES}\nbays:{BAYS}")
        path.write_text(text, encoding="utf-8")
        return Asked(path)

    return made


@pytest.fixture
def asking() -> Callable[[Any], Callable[..., str]]:
    """`asking(hot_site)(verb, target, **args)`: an empty text, or why it was refused."""

    def of(dry: Any) -> Callable[..., str]:
        def ask(verb: str, target: str, **args: Scalar) -> str:
            dry.kernel.post(Command("modbus", "tester", verb, target, args, ("modbus", len(dry.events))))
            dry.kernel.admit()
            dry.kernel.advance(dry.kernel.now)
            told = next(one for one in reversed(dry.events) if one.kind.startswith("command."))
            return str(told.data.get("reason", ""))

        return ask

    return of
