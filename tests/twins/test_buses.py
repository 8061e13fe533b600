"""Ports for masters in station files: names of their own, each unit once, TLS with its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.errors import FileProblems
from twins.station_file import find_station, read_station

TWO_OUTLET = find_station("two-outlet").read_text(encoding="utf-8")
PLATFORM = '  - {kind: ocpp, version: "1.6", charge_points: per_cabinet, url: "${csms}/{charge_point}"}'
WITHOUT = TWO_OUTLET[: TWO_OUTLET.index("endpoints:")] + "endpoints:\n"


def port(name: str, devices: str = "{unit: 1, map: m, shows: x}", more: str = "") -> str:
    return f"  - {{kind: modbus, id: {name}, devices: [{devices}]{more}}}"


@pytest.mark.parametrize(
    ("faces", "said"),
    [
        ([port("field"), port("field")], "endpoints[1].id: field is the name of endpoints[0] too; a name of its own"),
        ([port("A01"), PLATFORM], "endpoints[0].id: A01 is the name of a charge point too; a name of its own"),
        ([PLATFORM, PLATFORM], "endpoints[1]: a second face to a platform; one"),
        ([port("a", "{unit: 1, map: m, shows: x}, {unit: 1, map: m, shows: y}")],
         "endpoints[0].devices[1].unit: unit 1 is x already; a unit id of its own"),
        ([port("a", '{unit: 240, map: m, shows: "pile[A01..A10]"}')],
         "endpoints[0].devices[0].unit: 10 devices from 240 on; up to unit 247"),
        ([port("a", more=", transport: tls")], "endpoints[0].tls: missing; with transport tls, and only there"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_port_is_said_at_its_line(tmp_path: Path, faces: list[str], said: str) -> None:
    path = tmp_path / "station.yaml"
    path.write_text(WITHOUT + "\n".join(faces) + "\n", encoding="utf-8")
    with pytest.raises(FileProblems) as caught:
        read_station(path)
    assert [str(problem).split(": ", 1)[1] for problem in caught.value.problems] == [said]


def test_a_platform_and_ports_stand_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "station.yaml"
    path.write_text(WITHOUT + "\n".join([port("platform"), PLATFORM, port("field")]) + "\n", encoding="utf-8")
    assert [face.id for face in read_station(path).value.buses] == ["platform", "field"]
