"""Files of people: maps by themselves, and the maps that a station names, whoever names the station."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench_api.checking import check_files, json_schema_of
from bench_api.listings import LISTINGS
from hil.modbus.map_checks import map_names
from sim.errors import FileProblems, UsageError
from twins.station_file import find_station, station_names

OWN = """\
map: 1
name: own
title: {en: Own, zh: 自有}
device: Own meter
family: meter
source: "ours"
trust: own
identification: {vendor: V, product: P, revision: "1"}
input:
  - {at: 0, name: power, type: f32, of: power_kw}
"""
PORT = '  - {kind: modbus, id: bus, maps: maps, devices: [{unit: 1, map: own, shows: "grid.meter[M1]"}]}\n'


def with_port(folder: Path, own: str = OWN, port: str = PORT) -> Path:
    text = find_station("two-outlet").read_text(encoding="utf-8")
    path = folder / "site.yaml"
    path.write_text(text + port, encoding="utf-8")
    (folder / "maps").mkdir()
    (folder / "maps" / "own.yaml").write_text(own, encoding="utf-8")
    return path


def test_what_is_shipped_is_in_order() -> None:
    maps = find_station("public").parents[3] / "hil" / "modbus" / "maps"
    assert check_files([find_station(name) for name in station_names()]) == []
    assert check_files([maps / f"{name}.yaml" for name in map_names()]) == []


def test_a_users_map_stands_behind_his_port(tmp_path: Path) -> None:
    path = with_port(tmp_path)
    assert check_files([path, tmp_path / "maps" / "own.yaml"]) == []
    (row,) = [row for row in LISTINGS["endpoints"](str(path)) if row["id"] == "bus.1"]
    assert row["signals"] == {"power": "grid.meter[M1].power_kw"}


@pytest.mark.parametrize(
    ("own", "port", "file", "said"),
    [
        (OWN.replace("power_kw", "power_kva"), PORT, "site.yaml",
         "endpoints[2].devices[0].map: map own, input[0].of: reads grid.meter[M1].power_kva, which this station does"),
        (OWN.replace("at: 0", "at: 65535"), PORT, "own.yaml", "input[0].at: power ends at 65536; up to 65535"),
        (OWN, PORT.replace("maps: maps", "maps: none"), "none", "no such folder; a folder with maps"),
        (OWN, PORT.replace("map: own", "map: onw"), "site.yaml", "devices[0].map: no map is called onw; did you mean"),
        (OWN.replace("name: own", "name: sdm630"), PORT, "own.yaml", "2: name: sdm630 is shipped; a name of its own"),
    ],
)  # fmt: skip
def test_a_map_that_does_not_fit_is_told_of_the_station_and_of_its_scenario(
    tmp_path: Path, own: str, port: str, file: str, said: str
) -> None:
    path = with_port(tmp_path, own, port)
    (tmp_path / "drill.yaml").write_text(
        "scenario: 1\ntitle: {en: d, zh: d}\nstation: site.yaml\nstart: 2022-07-11T12:00\nseed: 1\nduration_h: 1\n",
        encoding="utf-8",
    )
    for one in (path, tmp_path / "drill.yaml"):
        (problem,) = check_files([one])
        assert Path(problem.file).name == file
        assert said in str(problem)
        assert problem.line > 0 or file == "none"


def test_what_is_nothing_of_ours_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("other: 1\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text("x\n", encoding="utf-8")
    first, *rest = check_files([tmp_path / "a.yaml", tmp_path / "b.csv"])
    assert str(first).endswith("or `map: 1`; a replay file ends in .csv")
    assert rest


def test_schemas_by_name() -> None:
    assert "words" in json_schema_of("map")["properties"]
    assert "piles" in json_schema_of("station")["properties"]
    with pytest.raises(UsageError):
        json_schema_of("maps")


def test_a_list_of_a_station_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileProblems, match="no map is called onw"):
        LISTINGS["endpoints"](str(with_port(tmp_path, port=PORT.replace("map: own", "map: onw"))))


def test_shipped_files_are_checked_by_their_names() -> None:
    assert check_files([Path("foreign-charger"), Path("public"), Path("sdm630")]) == []
    (problem,) = check_files([Path("foreign-chargr")])
    assert problem.file == "foreign-chargr"


def test_slot_files_are_listed() -> None:
    (row,) = [row for row in LISTINGS["slots"](None) if row["name"] == "foreign-charger"]
    assert row["things"] == {"pile[A03].connector[1]": "shadow"} and row["station"] == "forecourt"
