from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import FileProblems, UsageError
from twins.replay import desl_rows, read_replay
from twins.station_file import LocalText, StationFile, find_station, pile_models, read_station, station_names

TWO_OUTLET = find_station("two-outlet").read_text(encoding="utf-8")
HEADER = "arrival_s,stay_s,connector,capacity_kwh,soc_in_pct,soc_target_pct,power_max_kw\n"


def _refusal(path: Path, text: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileProblems) as caught:
        read_station(path) if path.suffix == ".yaml" else read_replay(path)
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


def _line(words: str) -> int:
    return next(at for at, line in enumerate(TWO_OUTLET.splitlines(), 1) if words in line)


def test_every_shipped_station_reads() -> None:
    assert "two-outlet" in station_names()
    for name in station_names():
        assert read_station(find_station(name)).value.voltyard == 1


def test_two_outlet_is_the_recorded_site() -> None:
    station = read_station(find_station("two-outlet")).value
    assert station.control.site_limit_kw == pile_models()[station.piles[0].model].rated_kw == 172.5
    assert [evse.reaches for evse in station.piles[0].evses] == [("B01",), ("B02",)]


def test_endpoints_may_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "station.yaml"
    path.write_text(TWO_OUTLET[: TWO_OUTLET.index("endpoints:")], encoding="utf-8")
    assert read_station(path).value.endpoints == ()


def test_ranges_of_names_are_written_out_and_checked(tmp_path: Path) -> None:
    pair = TWO_OUTLET.replace("  - id: A01", "  - id: A01..A02")
    assert any("evses[0].reaches[0]: unknown bay B03" in one for one in _refusal(tmp_path / "a.yaml", pair))
    row = TWO_OUTLET.replace("  - id: B01", "  - id: B01..B03")
    assert any("bays[1].id: B02 is the name of bays[0] too" in one for one in _refusal(tmp_path / "b.yaml", row))
    station = read_station(find_station("public")).value
    assert [pile.id for pile in station.piles][7:11] == ["A08", "A09", "A10", "A11"]
    assert station.piles[9].evses[0].reaches == ("B10",)
    assert station.bays[2].place.x_m == 12.0


def test_a_limit_below_the_house_load_is_refused(tmp_path: Path) -> None:
    found = _refusal(tmp_path / "station.yaml", TWO_OUTLET.replace("house_load_kw: 0.3", "house_load_kw: 245"))
    said = "grid.transformer.rating_kva: 245 kW does not even carry the house load of 245.52 kW"
    assert found[0].startswith(f"{_line('rating_kva')}: {said}")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  - id: B02", "  - id: B01", "bays[1].id: B01 is the name of bays[0] too"),
        ("  - id: A01", "  - id: A02..A01", "piles[0].id: A02..A01 is no range; a range such as A01..A10"),
        ("reaches: [B02]", "reaches: [B03]", "piles[0].evses[1].reaches[0]: unknown bay B03; did you mean B0"),
        ("reaches: [B02]", "reaches: []", "piles[0].evses[1].reaches: this list of 0 is too short; at least 1 entries"),
        ("feeder: F1", "feeder: F2", "piles[0].feeder: unknown feeder F2; one of: F1"),
        ("model: dc_172_2", "model: dc_172", "piles[0].model: unknown model dc_172; did you mean dc_172_2?"),
        ("timezone: Europe/Zurich", "timezone: Europe/Zurch", "station.timezone: 'Europe/Zurch' is no time zone; did"),
        ("timezone: Europe/Zurich", "timezone: ../etc", "station.timezone: '../etc' is no time zone; a name of the"),
        ("class: 0.5", "class: 0.7", "grid.meter.class: 0.7 is no accuracy class; 0.2, 0.5, 1 or 2"),
        ('version: "1.6"', "version: 1.6", "endpoints[0].version: 1.6 is not known here; '1.6'"),
        ("place: {x_m: 4.5, y_m: 3}", "place: {x_m: 1.5, y_m: 3}", "bays[1].place: B01 stands here too"),
        ("voltyard: 1", "voltyard: true", "voltyard: true is not a whole number; a whole number"),
        ("rating_kva: 250", "rating_kva: 0", "grid.transformer.rating_kva: 0 is out of range; more than 0"),
    ],
)
def test_what_is_wrong_is_said_at_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    found = _refusal(tmp_path / "station.yaml", TWO_OUTLET.replace(old, new))
    assert any(one.startswith(f"{_line(old)}: {said}") for one in found), found


MIX = "  vehicles: [{model: nmc_75_400v, share: 1}]\n"


@pytest.mark.parametrize(
    ("demand", "said"),
    [
        ("  from: desl\n  drivers: {slow_share: 0.2}\n",
         "demand.drivers: given beside from: desl, whose sessions bring their drivers; leave it out, or a mix"),
        (MIX + "  drivers: {soaked_share: 0.2}\nheat: {packs: false}\n",
         "demand.drivers.soaked_share: warm packs, but heat.packs is false: they keep their temperature; 0, or heat:"),
    ],
)  # fmt: skip
def test_drivers_that_nobody_would_notice_are_refused(tmp_path: Path, demand: str, said: str) -> None:
    text = TWO_OUTLET.replace("  from: desl\n", demand)
    assert text != TWO_OUTLET and "\nheat:" not in TWO_OUTLET
    line = next(at for at, one in enumerate(text.splitlines(), 1) if one.startswith("  drivers:"))
    assert [one for one in _refusal(tmp_path / "station.yaml", text) if one.startswith(f"{line}: {said}")]


SECOND = "      - reaches: [B02]\n        meter_class: 1\n        meter_error_pct: -0.24\n"


def test_a_bay_without_an_evse_and_a_wrong_count_of_evses(tmp_path: Path) -> None:
    found = _refusal(tmp_path / "station.yaml", TWO_OUTLET.replace(SECOND, ""))
    assert [one.split(": ", 1)[1] for one in found] == [
        "piles[0].evses: 1 listed, but dc_172_2 has 2; 2 entries",
        "bays[1]: no EVSE reaches the fast bay B02; name it in an EVSE's `reaches`, or make it plain or waiting",
    ]


def test_stations_are_found_by_name_or_path() -> None:
    assert find_station("some/where.yaml") == Path("some/where.yaml")
    with pytest.raises(UsageError, match="did you mean two-outlet"):
        find_station("two-outlets")


@given(st.data())
def test_a_damaged_file_is_read_or_refused_with_lines_that_exist(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    lines = TWO_OUTLET.splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        name, _, value = lines[at].partition(": ")
        damage = st.sampled_from(["", "-1", "[]", "{}", "~", "1e400", "true", "*a", "&a x", "'", value * 2])
        lines[at] = data.draw(st.sampled_from(["", "  " + lines[at], lines[at] * 2]) | damage.map(f"{name}: ".__add__))
    path = tmp_path_factory.getbasetemp() / "damaged.yaml"
    path.write_text("\n".join(lines), encoding="utf-8")
    try:
        assert isinstance(read_station(path).value, StationFile)
    except FileProblems as refused:
        assert refused.problems
        for problem in refused.problems:
            assert problem.file == str(path)
            assert 1 <= problem.line <= len(lines) + 1
            assert problem.what


def test_a_replay_reads(tmp_path: Path) -> None:
    path = tmp_path / "day.csv"
    path.write_text(HEADER + "0,,1,60,20,80,120\n\n60.5,1800,2,75.5,0,100,0.1\n", encoding="utf-8")
    first, second = read_replay(path)
    assert (first.stay_s, first.connector, second.stay_s, second.arrival_s) == (None, 1, 1800.0, 60.5)


def test_a_replay_says_every_wrong_cell(tmp_path: Path) -> None:
    rows = "-1,0,1.5,0.9,20,101,nan\n0,,1,60,80,80,120\n0,,1\nx,,,60,20,80,120\n"
    found = [one.rpartition("; ")[0] for one in _refusal(tmp_path / "day.csv", HEADER + rows)]
    assert found == [
        "2: arrival_s: -1 is out of range",
        "2: capacity_kwh: 0.9 is out of range",
        "2: connector: 1.5 is not whole",
        "2: power_max_kw: 'nan' is not a number",
        "2: soc_target_pct: 101 is out of range",
        "2: stay_s: 0 is out of range",
        "3: soc_target_pct: 80 % is not above soc_in_pct, 80 %",
        "4: 3 cells, but the header has 7",
        "5: arrival_s: 'x' is not a number",
        "5: connector: empty",
    ]


def test_a_replay_with_other_columns_is_refused(tmp_path: Path) -> None:
    found = _refusal(tmp_path / "day.csv", HEADER.replace("soc_in_pct", "soc_in"))
    assert found == [
        "1: soc_in: unknown column; did you mean soc_in_pct?",
        "1: soc_in_pct: column missing; 0 to 100 %",
    ]


def test_the_recorded_sessions_hold_what_is_published_about_them() -> None:
    rows = desl_rows()
    assert len(rows) == 992
    assert all(row.stay_s is None and row.soc_target_pct > row.soc_in_pct for row in rows)
    assert {row.connector for row in rows} == {1, 2}
    assert rows[0].arrival_s == 19 * 3600 + 27 * 60
    assert min(row.capacity_kwh for row in rows) >= 5
    assert max(row.capacity_kwh for row in rows) <= 200
    assert sorted(row.soc_in_pct for row in rows)[496] == pytest.approx(29, abs=1)


def test_a_text_in_english_alone_stands_for_both() -> None:
    assert LocalText(en="Yard") == LocalText(en="Yard", zh="Yard")
    assert LocalText(en="Yard", zh="场地").zh == "场地"
