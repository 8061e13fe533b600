"""Ports for masters in a station file: ranges of devices, units of their own, TLS with its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.errors import FileProblems
from twins.station_file import find_station, read_station

TWO_OUTLET = find_station("two-outlet").read_text(encoding="utf-8")
PLATFORM = '{kind: ocpp, version: "1.6", charge_points: per_cabinet, url: "${csms}/{charge_point}"}'
WITHOUT = TWO_OUTLET[: TWO_OUTLET.index("endpoints:")] + "endpoints:\n"


def problems(tmp_path: Path, *lines: str) -> list[str]:
    path = tmp_path / "station.yaml"
    path.write_text(TWO_OUTLET + "".join(f"  - {line}\n" for line in lines), encoding="utf-8")
    try:
        read_station(path)
    except FileProblems as error:
        return [str(problem).partition(": ")[2] for problem in error.problems]
    return []


def test_a_range_takes_units_in_order(tmp_path: Path) -> None:
    path = tmp_path / "station.yaml"
    line = '  - {kind: modbus, id: field, devices: [{unit: 11, map: dc_pile, shows: "pile[A01..A03]"}]}\n'
    path.write_text(TWO_OUTLET + line, encoding="utf-8")
    (bus,) = [bus for bus in read_station(path).value.buses if bus.id == "field"]
    each = [one for device in bus.devices for one in device.each()]
    assert [(one.unit, one.shows) for one in each] == [(11, "pile[A01]"), (12, "pile[A02]"), (13, "pile[A03]")]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            '{kind: modbus, id: f, devices: [{unit: 1, map: a, shows: "x[1..2]"}, {unit: 2, map: a, shows: y}]}',
            "devices[1].unit: unit 2 is x[2] already; a unit id of its own",
        ),
        (
            '{kind: modbus, id: f, devices: [{unit: 240, map: a, shows: "x[01..20]"}]}',
            "devices[0].unit: 20 devices from 240 on; up to unit 247",
        ),
        ('{kind: modbus, id: f, devices: [{unit: 1, map: a, shows: "x[3..1]"}]}', "devices[0].shows: 3..1 is no range"),
        ("{kind: modbus, id: f, transport: tls, devices: [{unit: 1, map: a, shows: x}]}", "tls: missing"),
        (
            "{kind: modbus, id: f, tls: {certificate: a, key: b}, devices: [{unit: 1, map: a, shows: x}]}",
            "tls: given; with transport tls, and only there",
        ),
        (
            "{kind: modbus, id: f, host: 0.0.0.0, devices: [{unit: 1, map: a, shows: x}]}",
            "host: 0.0.0.0 is beyond loopback, and Modbus asks nobody for a token; `allow` with the networks",
        ),
        (
            "{kind: modbus, id: f, host: 192.0.2.1, transport: tls, tls: {certificate: a, key: b},"
            " devices: [{unit: 1, map: a, shows: x}]}",
            "host: 192.0.2.1 is beyond loopback",
        ),
        (
            "{kind: modbus, id: f, allow: [10.0.0.0/8, 192.168.1.7/24], devices: [{unit: 1, map: a, shows: x}]}",
            "allow[1]: '192.168.1.7/24' is no network (192.168.1.7/24 has host bits set); a network as 192.168.10.0/24",
        ),
        ("{kind: modbus, id: f, devices: []}", "devices: this list of 0 is too short"),
        ("{kind: modbs, id: f}", "kind: modbs is not known here; did you mean modbus?"),
    ],
)
def test_what_does_not_fit_is_told_by_its_key(tmp_path: Path, line: str, said: str) -> None:
    (found,) = problems(tmp_path, line)
    assert said in found


@pytest.mark.parametrize(
    "guard",
    [
        "allow: [192.168.10.0/24, 192.168.20.7]",
        "allow: [0.0.0.0/0]",
        "transport: tls, tls: {certificate: a, key: b, authority: c}",
    ],
)
def test_a_port_beyond_loopback_says_who_may_come(tmp_path: Path, guard: str) -> None:
    line = f"{{kind: modbus, id: f, host: 0.0.0.0, {guard}, devices: [{{unit: 1, map: a, shows: x}}]}}"
    assert problems(tmp_path, line) == []


def test_one_face_to_a_platform_and_a_name_for_each_port(tmp_path: Path) -> None:
    port = "{kind: modbus, id: field9, devices: [{unit: 1, map: a, shows: x}]}"
    found = problems(tmp_path, PLATFORM, port, port)
    assert [text.partition("; ")[0].partition(": ")[2] for text in found] == [
        "a second face to a platform",
        f"field9 is the name of endpoints[{TWO_OUTLET.count('- kind:') + 1}] too",
    ]


def test_two_ports_do_not_share_a_number(tmp_path: Path) -> None:
    ports = [
        f"{{kind: modbus, id: {name}, port: {port}, devices: [{{unit: 1, map: a, shows: x}}]}}"
        for name, port in (("a", 1502), ("b", 0), ("c", 1502), ("d", 0))
    ]
    (found,) = problems(tmp_path, *ports)
    first = TWO_OUTLET.count("- kind:")
    what = f"endpoints[{first + 2}].port: port 1502 is that of endpoints[{first}] too"
    assert what in found and found.endswith("a port of its own; 0 takes any free one")


def test_a_port_is_not_called_as_a_charge_point_is(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "{kind: modbus, id: A01, devices: [{unit: 1, map: a, shows: x}]}")
    assert found.endswith(".id: A01 is the name of a charge point too; a name of its own")


def test_a_platform_and_ports_stand_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "station.yaml"
    ports = [
        f"  - {{kind: modbus, id: {name}, devices: [{{unit: 1, map: m, shows: x}}]}}" for name in ("platform", "b")
    ]
    path.write_text(WITHOUT + "\n".join([ports[0], f"  - {PLATFORM}", ports[1]]) + "\n", encoding="utf-8")
    assert [face.id for face in read_station(path).value.buses] == ["platform", "b"]
