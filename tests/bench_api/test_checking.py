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


def test_a_map_alone_is_told_what_its_family_never_has(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN.replace("of: power_kw", "of: power_kilowatt"), encoding="utf-8")
    (problem,) = check_files([path])
    assert str(problem) == (
        f"{path}:10: input[0].of: no thing of the family meter has power_kilowatt; did you mean power_kw?"
    )
    path.write_text(OWN.replace("of: power_kw", 'of: "/grid.meter[MAIN].anything"'), encoding="utf-8")
    assert check_files([path]) == []
    blocks = """\
repeat:
  - count: 2
    step: 100
    of: "connector[{n}]"
    input:
      - {at: 0, name: soc, type: u16, of: soc_pct}
      - {at: 1, name: room, type: u16, of: set_c}
"""
    path.write_text(OWN.replace("family: meter", "family: dc_pile").partition("input:")[0] + blocks, encoding="utf-8")
    (problem,) = check_files([path])
    assert "repeat[0].input[1].of: no thing of the family dc_pile has connector[1].set_c" in str(problem)


def test_what_is_missing_names_its_own_keys(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN.replace('identification: {vendor: V, product: P, revision: "1"}\n', ""), encoding="utf-8")
    (problem,) = check_files([path])
    assert str(problem).endswith(
        "identification: missing; give it: What the device says of itself, with vendor, product, revision"
    )


@pytest.mark.parametrize(
    ("own", "port", "file", "said"),
    [
        (OWN.replace("power_kw", "power_kva"), PORT, "site.yaml",
         "endpoints[2].devices[0].map: map own, input[0].of: reads grid.meter[M1].power_kva, which this station does"),
        (OWN.replace("at: 0", "at: 65535"), PORT, "own.yaml", "input[0].at: power ends at 65536; up to 65535"),
        (OWN, PORT.replace("maps: maps", "maps: none"), "site.yaml", "endpoints[2].maps: no such folder: "),
        (OWN, PORT.replace("map: own", "map: onw"), "site.yaml", "devices[0].map: no map is called onw; did you mean"),
        (OWN, PORT.replace("maps: maps", "transport: tls, tls: {certificate: a.pem, key: a.key}, maps: maps"),
         "site.yaml",
         "endpoints[2].tls.certificate: there is no file "),
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
        assert problem.line > 0


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


SLOTS = """\
slots: 1
station: public
things:
  - at: "AT"
    behind: hardware
    armed: true
TERMS    driver: {kind: modbus, host: 192.0.2.7, map: MAP}
"""


@pytest.mark.parametrize(
    ("at", "name", "terms", "said"),
    [
        ("grid.meter[M1]", "sdm63", {}, "7: things[0].driver.map: no map sdm63; did you mean sdm630?"),
        ("grid.meter[M1]", "env_rs485", {},
         "7: things[0].driver.map: it is of the family env and cannot show grid.meter[M1]"),
        ("pile[A01].connector[1]", "sdm630", {"max_kw": 60, "reserve_kw": 60},
         "9: things[0].driver.map: map sdm630 is of the family meter, and pile[A01].connector[1] is DC"),
        ("pile[A01].connector[1]", "keba_p30", {"max_kw": 60, "reserve_kw": 60},
         "9: things[0].driver.map: map keba_p30 is of the family ac_pile"),
        ("pile[A01].connector[1]", "dc_pile", {"max_kw": 60, "reserve_kw": 20},
         "8: things[0].reserve_kw: 20 kW, and map dc_pile has no fail-safe: what was granted never lapses; 60 kW"),
        ("pile[A01].connector[1]", "dc_pile", {"max_kw": 60},
         "4: things[0].reserve_kw: 0 kW, and map dc_pile has no fail-safe"),
        ("pile[A01].connector[1]", "dc_pile", {"max_kw": 60, "reserve_kw": 60}, ""),
        ("grid.meter[M1]", "sdm630", {}, ""),
    ],
)  # fmt: skip
def test_the_maps_of_a_slot_file_are_looked_at(
    tmp_path: Path, at: str, name: str, terms: dict[str, int], said: str
) -> None:
    lines = "".join(f"    {key}: {value}\n" for key, value in terms.items())
    path = tmp_path / "slots.yaml"
    path.write_text(SLOTS.replace("AT", at).replace("MAP", name).replace("TERMS", lines), encoding="utf-8")
    found = [str(problem).removeprefix(f"{path}:") for problem in check_files([path])]
    assert [one.startswith(said) for one in found] == ([True] if said else []), found


POOR = """\
map: 1
name: poor
title: {en: Poor, zh: 简陋}
device: Poor charger
family: dc_pile
source: "ours"
trust: own
identification: {vendor: V, product: P, revision: "1"}
holding:
  - {at: 0, name: air, type: f32, of: air_in_c}
  - {at: 2, name: limit, type: u16, write: {do: evse.limit, with: limit_kw, target: "connector[1]"}}
"""


def test_what_a_charger_lacks_is_told_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "poor.yaml").write_text(POOR, encoding="utf-8")
    text = SLOTS.replace("AT", "pile[A01].connector[1]").replace("MAP", "poor, maps: own")
    path = tmp_path / "slots.yaml"
    path.write_text(text.replace("TERMS", "    max_kw: 60\n    reserve_kw: 60\n"), encoding="utf-8")
    said = [str(problem).partition("driver.map: ")[2] for problem in check_files([path])]
    assert said == [
        "map poor shows no limit: none could be read back; a point that reads allowed_kw or allowed_a",
        "map poor shows no state; a point that reads step, pilot or state",
        "map poor shows no power; a point that reads metered_kw, or voltage and current",
    ]
    poorer = POOR.replace("evse.limit, with: limit_kw", "evse.enable, with: is_on")
    (tmp_path / "own" / "poor.yaml").write_text(poorer, encoding="utf-8")
    assert "writes no limit of connector 1: who takes none may not charge" in str(check_files([path])[0])
