from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.clock import Clock
from sim.errors import FileProblems
from sim.files import json_schema, read_yaml
from sim.units import FOREVER, SimTime
from twins.station_file import find_station, read_station
from twins.tariff import Level, Period, Tariff, TariffConfig

HOUR_S = 3600.0
FLAT = "tariff:\n  energy_cny_kwh: 1.0\n  service_cny_kwh: 0.5\n"
BY_PERIOD = """tariff:
  version: summer 2022
  periods:
    - {name: valley, from: 22:00, to: 06:00, energy_cny_kwh: 0.3, service_cny_kwh: 0.4}
    - {name: flat, from: 06:00, to: 10:00, energy_cny_kwh: 0.7, service_cny_kwh: 0.5}
    - {name: peak, from: 10:00, to: 12:00, energy_cny_kwh: 1.2, service_cny_kwh: 0.6}
    - {name: flat, from: 12:00, to: 22:00, energy_cny_kwh: 0.7, service_cny_kwh: 0.5}
  occupancy: {grace_min: 15, cny_min: 0.5, cap_cny: 50}
"""
VALLEY, SHOULDER, PEAK = Period("valley", 0.3, 0.4), Period("flat", 0.7, 0.5), Period("peak", 1.2, 0.6)

Refuse = Callable[[str], list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    tariff: TariffConfig


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tariffs") / "tariff.yaml"


@pytest.fixture(scope="session")
def refuse(file: Path) -> Refuse:
    """What is said of a file with this text, each finding from its line on."""

    def said(text: str) -> list[str]:
        file.write_text(text, encoding="utf-8")
        with pytest.raises(FileProblems) as caught:
            read_yaml(file, Priced)
        return [str(problem).removeprefix(f"{file}:") for problem in caught.value.problems]

    return said


def read(file: Path, text: str) -> TariffConfig:
    file.write_text(text, encoding="utf-8")
    return read_yaml(file, Priced).value.tariff


def tariff(file: Path, text: str, start: datetime = datetime(2022, 6, 14), zone: str = "Europe/Zurich") -> Tariff:
    return Tariff(read(file, text), Clock(start, zone))


def test_a_station_may_have_either_form(tmp_path: Path) -> None:
    text = find_station("two-outlet").read_text(encoding="utf-8")
    assert FLAT in text
    path = tmp_path / "station.yaml"
    path.write_text(text.replace(FLAT, BY_PERIOD), encoding="utf-8")
    config = read_station(path).value.tariff
    assert [one.name for one in config.periods] == ["valley", "flat", "peak", "flat"]
    assert config.version == "summer 2022"
    path.write_text(text.replace(FLAT, BY_PERIOD.replace("to: 12:00", "to: 11:30")), encoding="utf-8")
    with pytest.raises(FileProblems, match=r"tariff\.periods\[3\]\.from: no period from 11:30 to 12:00; \"11:30\", or"):
        read_station(path)


def test_a_flat_tariff_never_changes(file: Path) -> None:
    flat = tariff(file, FLAT)
    assert flat.period_at(SimTime(12 * HOUR_S)) == Period("all_day", 1.0, 0.5)
    assert flat.next_change(SimTime(12 * HOUR_S)) == FOREVER
    assert flat.levels == (Level("all_day", 0, 1440, 1.0, 0.5),)
    assert (flat.occupancy, flat.version) == (None, "")


def test_a_day_by_period(file: Path) -> None:
    by_period = tariff(file, BY_PERIOD)
    hours = (0, 5.999, 6, 9.999, 10, 11.999, 12, 21.999, 22, 23.999, 24)
    found = [by_period.period_at(SimTime(hour * HOUR_S)) for hour in hours]
    assert found == [VALLEY] * 2 + [SHOULDER] * 2 + [PEAK] * 2 + [SHOULDER] * 2 + [VALLEY] * 3
    assert by_period.next_change(SimTime(22 * HOUR_S)) == 30 * HOUR_S
    assert by_period.next_change(SimTime(9.5 * HOUR_S)) == 10 * HOUR_S
    assert by_period.periods == (VALLEY, SHOULDER, PEAK)
    assert PEAK.price_cny_kwh == pytest.approx(1.8)


def test_levels_run_from_midnight_to_midnight(file: Path) -> None:
    levels = read(file, BY_PERIOD).levels
    assert [(level.name, level.begin_min, level.end_min) for level in levels] == [
        ("valley", 0, 360), ("flat", 360, 600), ("peak", 600, 720), ("flat", 720, 1320), ("valley", 1320, 1440),
    ]  # fmt: skip


def test_the_mean_price_of_a_day(file: Path) -> None:
    by_period = read(file, BY_PERIOD)
    assert by_period.energy_cny_kwh == pytest.approx((8 * 0.3 + 14 * 0.7 + 2 * 1.2) / 24)
    assert by_period.service_cny_kwh == pytest.approx((8 * 0.4 + 14 * 0.5 + 2 * 0.6) / 24)
    assert read(file, FLAT.replace("1.0", "0.1")).energy_cny_kwh == 0.1


def test_days_of_23_and_of_25_hours(file: Path) -> None:
    for day, hours in ((datetime(2022, 3, 27), [5, 9, 11, 21, 29]), (datetime(2022, 10, 30), [7, 11, 13, 23, 31])):
        here = tariff(file, BY_PERIOD, day)
        t, found = SimTime(0.0), []
        for _ in hours:
            t = here.next_change(t)
            found.append(t / HOUR_S)
        assert found == hours
        assert here.period_at(SimTime((hours[2] - 1) * HOUR_S)) == PEAK


def test_a_boundary_that_changes_nothing_is_none(file: Path) -> None:
    text = BY_PERIOD.replace("name: peak", "name: flat").replace("1.2", "0.7").replace("0.6", "0.5")
    assert tariff(file, text).next_change(SimTime(7 * HOUR_S)) == 22 * HOUR_S
    whole = '{name: flat, from: "00:00", to: "24:00", energy_cny_kwh: 0.7, service_cny_kwh: 0.5}'
    assert tariff(file, f"tariff: {{periods: [{whole}]}}").next_change(SimTime(0.0)) == FOREVER


def test_clocks_set_over_a_whole_period_may_change_nothing(file: Path) -> None:
    text = BY_PERIOD.replace("10:00", "02:00").replace("12:00", "03:00").replace("06:00", "01:00")
    here = tariff(file, text, datetime(2022, 3, 27))
    assert here.period_at(SimTime(1.5 * HOUR_S)) == SHOULDER == here.period_at(SimTime(2 * HOUR_S))
    assert here.next_change(SimTime(1.5 * HOUR_S)) == 21 * HOUR_S


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("to: 12:00", "to: 11:30", '7: tariff.periods[3].from: no period from 11:30 to 12:00; "11:30", or a period'),
        ("from: 22:00", "from: 22:30", '4: tariff.periods[0].from: no period from 22:00 to 22:30; "22:00", or a per'),
        ("to: 06:00", "to: 07:30", "5: tariff.periods[1].from: flat overlaps periods[0] (valley) from 06:00 to 07:30; "
                                   '"07:30", or an end of periods[0] at 06:00'),
        ("from: 12:00", "from: 10:00", "7: tariff.periods[3].from: flat overlaps periods[2] (peak) from 10:00 to 12:00;"
                                       " one of the two"),
        ("to: 06:00", "to: 16:00", "5: tariff.periods[1].from: flat overlaps periods[0] (valley) from 06:00 to 10:00; "
                                   "an end of periods[0] at 06:00"),
        ("from: 10:00", "from: 8:00", "6: tariff.periods[2].from: '8:00' is no time of day; \"00:00\" to \"23:59\""),
        ("from: 10:00", "from: 24:00", "6: tariff.periods[2].from: '24:00' is no time of day; \"00:00\" to \"23:59\""),
        ("to: 12:00", "to: 24:01", "6: tariff.periods[2].to: '24:01' is no time of day; \"00:00\" to \"24:00\""),
        ("to: 12:00", "to: 12", '6: tariff.periods[2].to: 12 is not text; text: "12" in quotes'),
        ("to: 12:00", "to: 10:00", "6: tariff.periods[2].to: peak ends when it begins (10:00); a later end; the whole"),
        ("name: peak", "name: flat", "6: tariff.periods[2].energy_cny_kwh: flat costs 1.2 here and 0.7 at periods[1]; "
                                     "0.7, or a name of its own"),
        ("  version: summer 2022", "  energy_cny_kwh: 1", "2: tariff.energy_cny_kwh: a flat price beside periods; "
                                                          "either periods, or energy_cny_kwh and service_cny_kwh"),
        ("grace_min: 15", "grace_min: -1", "8: tariff.occupancy.grace_min: -1 is out of range; at least 0"),
        ("grace_min: 15, ", "", "8: tariff.occupancy.grace_min: missing; give it: Free after the end of the charge"),
        ("version: summer 2022", "version: 2022", '2: tariff.version: 2022 is not text; text: "2022" in quotes'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_line(refuse: Refuse, old: str, new: str, said: str) -> None:
    found = refuse(BY_PERIOD.replace(old, new))
    assert len(found) == 1
    assert found[0].startswith(said)


def test_a_flat_tariff_has_both_prices_and_some_tariff_is_given(refuse: Refuse) -> None:
    found = refuse("tariff:\n  energy_cny_kwh: 1.0\n")
    assert found == ["1: tariff.service_cny_kwh: missing; a flat tariff has both prices"]
    found = refuse("tariff:\n  version: none\n")
    assert found == ["1: tariff: no prices given; energy_cny_kwh and service_cny_kwh, or periods"]
    assert refuse("tariff:\n  periods: []\n") == [
        "2: tariff.periods: this list of 0 is too short; at least 1 entries",
    ]


def test_editors_know_the_keys_as_files_have_them() -> None:
    known = json_schema(TariffConfig)
    assert set(known["properties"]) == {"energy_cny_kwh", "service_cny_kwh", "periods", "occupancy", "version"}
    assert {"from", "to"} <= set(known["$defs"]["PeriodConfig"]["properties"])


def clock_time(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def as_text(periods: list[tuple[int, int]]) -> str:
    """A tariff file with these (from, to) in minutes, a period's price its number; period n stands on line n + 3."""
    lines = [
        f'    - {{name: p{at}, from: "{clock_time(begin % 1440)}", to: "{clock_time((end - 1) % 1440 + 1)}", '
        f"energy_cny_kwh: {at}, service_cny_kwh: 0.25}}"
        for at, (begin, end) in enumerate(periods)
    ]
    return "\n".join(["tariff:", "  periods:", *lines, ""])


@st.composite
def partitions(draw: st.DrawFn, least: int = 1) -> list[tuple[int, int]]:
    """The day cut anywhere, in any order; ends count on beyond midnight."""
    cuts = sorted(draw(st.sets(st.integers(0, 1439), min_size=least, max_size=48)))
    if len(cuts) == 1:
        cuts = [0]  # one period from 10:00 to 10:00 could also be an empty one
    ends = [*cuts[1:], cuts[0] + 1440]
    return draw(st.permutations(list(zip(cuts, ends, strict=True))))


@settings(max_examples=40)
@given(partitions())
def test_any_partition_is_taken_and_covers_every_minute_once(file: Path, periods: list[tuple[int, int]]) -> None:
    here = tariff(file, as_text(periods), zone="Asia/Shanghai")
    levels = here.levels
    assert [level.begin_min for level in levels] == [0, *(level.end_min for level in levels[:-1])]
    assert levels[-1].end_min == 1440
    for at, (begin, end) in enumerate(periods):
        for minute in (begin, end - 1):
            assert here.period_at(SimTime(minute * 60.0)).name == f"p{at}"
    begins = {begin for begin, _ in periods if begin > 0} if len(periods) > 1 else set()
    if levels[0].name != levels[-1].name:
        begins.add(1440)
    t, found = SimTime(0.0), set()
    while (t := here.next_change(t)) <= 1440 * 60.0:
        found.add(t / 60.0)
    assert found == begins


@settings(max_examples=40)
@given(partitions(least=2), st.data())
def test_any_gap_and_any_overlap_is_refused_with_its_line(
    refuse: Refuse, periods: list[tuple[int, int]], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(periods) - 1))
    begin, end = periods[at]
    following = next(other for other, (start, _) in enumerate(periods) if start % 1440 == end % 1440)
    moved = data.draw(st.integers(begin + 1, begin + 1439).filter(lambda to: to != end))
    periods[at] = (begin, moved)
    said = f"no period from {clock_time(moved % 1440)}" if moved < end else f"p{following} overlaps periods[{at}]"
    found = refuse(as_text(periods))
    assert len(found) == 1
    assert found[0].startswith(f"{following + 3}: tariff.periods[{following}].from: {said}")


def test_the_most_that_a_file_may_have_is_48(file: Path, refuse: Refuse) -> None:
    halves: list[tuple[int, int]] = [(30 * at, 30 * at + 30) for at in range(48)]
    assert len(read(file, as_text(halves)).periods) == 48
    found = refuse(as_text([*halves[:-1], (1410, 1425), (1425, 1440)]))
    assert found == ["2: tariff.periods: this list of 49 is too long; at most 48 entries"]
