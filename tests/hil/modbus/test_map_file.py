"""Map files: those that are shipped are in order; one that is wrong is refused with line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.modbus.map_checks import map_names, maps_of, read_map, shipped_map
from hil.modbus.map_file import MapFile
from sim.errors import FileProblems
from sim.files import json_schema

HEAD = """\
map: 1
name: own
title: {en: Own, zh: 自有}
device: Own
family: meter
source: "ours"
trust: own
identification: {vendor: V, product: P, revision: "1"}
"""
LIMIT = "type: u16, write: {do: evse.limit, with: limit_kw}"


def written(folder: Path, body: str, head: str = HEAD) -> Path:
    path = folder / "own.yaml"
    path.write_text(head + body, encoding="utf-8")
    return path


def test_what_is_shipped_is_in_order_and_bears_its_name() -> None:
    assert {"sunspec_203", "sdm630", "dtsu666", "adw300", "iem3000"} <= set(map_names())
    for name in map_names():
        assert shipped_map(name).name == name


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", ["1: holding: no point in any table; input, holding, coil, discrete or repeat"]),
        (
            "holding:\n  - {at: 10, name: a, type: u32, of: x}\n  - {at: 11, name: b, type: u16, of: x}\n",
            ["11: holding[1].at: b at 11 lies in a, 10 to 11 (line 10); 12 or further on"],
        ),
        (
            "input:\n  - {at: 5, name: t, type: text, registers: 20, text: t}\n  - {at: 6, name: a, type: u16, of: x}\n"
            "  - {at: 20, name: b, type: u16, of: x}\n",
            ["11: input[1].at: a at 6 lies in t, 5 to 24", "12: input[2].at: b at 20 lies in t"],
        ),
        (
            "holding:\n  - {at: 0x10, name: a, type: u32, of: x}\n  - {at: 0x11, name: b, type: u16, of: x}\n",
            ["11: holding[1].at: b at 0x0011 lies in a, 0x0010 to 0x0011 (line 10); 0x0012 or further on"],
        ),
        ("holding:\n  - {at: 65535, name: a, type: f32, of: x}\n", ["10: holding[0].at: a ends at 65536; up to 65535"]),
        ("holding:\n  - {at: 70000, name: a, type: u16, of: x}\n", ["10: holding[0].at: 70000 is out of range"]),
        ("holding:\n  - {at: 0, name: a, type: u15, of: x}\n", ["10: holding[0].type: u15 is not known here"]),
        (
            'repeat:\n  - count: 3\n    step: 10\n    of: "connector[{n}]"\n    holding:\n'
            "      - {at: 0, name: a, type: text, registers: 12, text: x}\n",
            ["14: repeat[0].holding[0].at: a_2 at 10 lies in a_1", "14: repeat[0].holding[0].at: a_3 at"],
        ),
        (
            'repeat:\n  - {count: 8, step: 10000, of: "c[{n}]", holding: [{at: 0, name: a, type: u16, of: x}]}\n',
            ["10: repeat[0].holding[0].at: a_8 ends at 70000; up to 65535"],
        ),
        (
            "repeat:\n  - {count: 2, step: 9, of: connector, holding: [{at: 0, name: a, type: u16, of: x}]}\n",
            ["10: repeat[0].of: connector is the same each time; {n} in it"],
        ),
        (
            "holding:\n  - {at: 0, name: a, type: u16, of: x}\n  - {at: 1, name: a, type: u16, of: y}\n",
            ["11: holding[1].name: a is holding[0] too (line 10); a name of its own among holding"],
        ),
        (
            "holding:\n  - {at: 0, name: a, type: text, registers: 2, text: Voltyard}\n",
            ["10: holding[0].text: 'Voltyard' has 8 bytes; at most 4 in 2 registers"],
        ),
        ("holding:\n  - {at: 0, name: a, type: text, text: V}\n", ["10: holding[0].registers: missing"]),
        ("holding:\n  - {at: 0, name: a, type: text, registers: 4, of: x}\n", ["10: holding[0].codes: missing"]),
        (
            "holding:\n  - {at: 0, name: a, type: u16, registers: 2, of: x}\n",
            ["registers: given with u16, which has 1"],
        ),
        (
            "holding:\n  - {at: 0, name: a, type: s16, of: x, codes: {open: 40000}}\n",
            ["10: holding[0].codes.open: 40000 does not fit; -32768 to 32767"],
        ),
        (
            "holding:\n  - {at: 0, name: a, type: u16, constant: -1}\n",
            ["holding[0].constant: -1 does not fit; 0 to 65535"],
        ),
        ("holding:\n  - {at: 0, name: a, type: u16, constant: 1.5}\n", ["holding[0].constant: 1.5 does not fit"]),
        (
            "holding:\n  - {at: 0, name: a, type: u16, of: x, absent: 0x10000}\n",
            ["absent: 0x10000 does not fit u16; 4 digits"],
        ),
        ("holding:\n  - {at: 0, name: a, type: u16}\n", ["10: holding[0].of: missing; `of` a quantity"]),
        (
            "holding:\n  - {at: 0, name: a, type: u16, of: x, constant: 1}\n",
            ["10: holding[0].constant: given beside of"],
        ),
        ("holding:\n  - {at: 0, name: a, type: u16, of: x, scale: 0}\n", ["10: holding[0].scale: 0; another number"]),
        (
            "holding:\n  - {at: 0, name: a, type: s16, bits: [{bit: 0, of: x}]}\n",
            ["10: holding[0].bits: given with s16; u16, u32 or u64"],
        ),
        (
            "holding:\n  - {at: 0, name: a, type: u16, bits: [{bit: 16, of: x}]}\n",
            ["10: holding[0].bits[0].bit: u16 has no bit 16; 0 to 15"],
        ),
        (
            "holding:\n  - {at: 0, name: a, type: u16, bits: [{bit: 3, of: x}, {bit: 3, of: y}]}\n",
            ["10: holding[0].bits[1].bit: bit 3 is told already; each bit once"],
        ),
        (
            "registers: 1\nholding:\n  - {at: 0, name: a, type: f32, of: x}\n",
            ["holding[0].registers: 2 registers, and no more"],
        ),
        ("input:\n  - {at: 0, name: a, LIMIT}\n", ["10: input[0].write: no function writes input"]),
        (
            "holding:\n  - {at: 0, name: a, type: u16, write: {do: evse.limitt, with: limit_kw}}\n",
            ["10: holding[0].write.do: no deed is called evse.limitt; did you mean evse.limit?"],
        ),
        (
            "holding:\n  - {at: 0, name: a, type: u16, write: {do: evse.limit, with: limit}}\n",
            ["10: holding[0].write.with: evse.limit takes no limit; did you mean limit_"],
        ),
        (
            "holding:\n  - {at: 0, name: a, type: u16, write: {do: house.lights, with: position}}\n",
            ["10: holding[0].write.with: position of house.lights is a word; `codes`, with the deed for each value"],
        ),
        (
            "coil:\n  - {at: 0, name: a, write: {codes: {1: {do: house.lights, args: {position: bright}}}}}\n",
            ["10: coil[0].write.codes.1.args.position: 'bright' is no position; one of auto, on, off"],
        ),
        (
            "coil:\n  - {at: 0, name: a, write: {codes: {1: {do: house.lights}}}}\n",
            ["10: coil[0].write.codes.1.do: house.lights needs position; give it in `args`"],
        ),
        (
            "coil:\n  - {at: 0, name: a, write: {codes: {2: {do: evse.stop}}}}\n",
            ["10: coil[0].write.codes.2: a coil is 0 or 1; 0 or 1"],
        ),
        ("holding:\n  - {at: 0, name: a, type: u16, write: {do: evse.stop}}\n", ["10: holding[0].write.with: missing"]),
        (
            "holding:\n  - {at: 0, name: a, type: u16, write: {}}\n",
            ["10: holding[0].write.do: missing; a deed, or `codes`"],
        ),
        (
            "holding:\n  - {at: 0, name: a, type: u16, write: {codes: {x1: {do: evse.stop}}}}\n",
            ["10: holding[0].write.codes.x1: no whole number"],
        ),
        (
            "holding:\n  - {at: 0, name: a, type: u16, write: {codes: {0x10000: {do: evse.stop}}}}\n",
            ["10: holding[0].write.codes.0x10000: does not fit; at most 0xffff"],
        ),
        (
            'coil:\n  - {at: 0, name: a, write: {codes: {"1": {do: evse.stop}, "0x1": {do: evse.start}}}}\n',
            ["10: coil[0].write.codes.0x1: 1 is told already, as 1; each value once"],
        ),
        (
            "holding:\n  - {at: 0, name: a, type: u16, of: x, codes: {.nan: 3, 1: 2}}\n",
            ["10: holding[0].codes..nan: no number is that; `absent`"],
        ),
        (
            "holding:\n  - {at: 0, name: a, type: u16, of: x, codes: {nan: 3, 1: 2}}\n",
            ["10: holding[0].codes.nan: no number is that; `absent`"],
        ),
        (
            'holding:\n  - {at: 0, name: a, type: u16, of: x, codes: {"1": 3, "1.0": 2}}\n',
            ["10: holding[0].codes.1.0: 1 is told already, as 1; each number once"],
        ),
        (
            "holding:\n  - {at: 0, name: a, type: u16, write: {do: evse.start, with: token}}\n",
            ["10: holding[0].write.with: token of evse.start is a text; `codes`, with the deed for each value"],
        ),
        (
            "repeat:\n  - {count: 3, step: 2, holding: [{at: 0, name: a, type: u16, of: x}]}\n",
            ["10: repeat[0].of: missing: its points read the same 3 times; a path with {n} in it"],
        ),
        (
            "holding:\n  - {at: 0, name: a, type: u16, of: x, codes: {1: 2}, most: 5}\n",
            ["10: holding[0].most: given without a quantity that is shown as a number"],
        ),
        (
            "holding:\n  - {at: 0, name: a, type: u16, of: x, most: 70000}\n",
            ["10: holding[0].most: 70000 does not fit; up to 65535"],
        ),
        (
            "coil:\n  - {at: 0, name: a, write: {do: evse.limit, with: limit_kw}}\n",
            ["10: coil[0].write.with: a coil is on or off, and limit_kw of evse.limit is a number; `codes`, with"],
        ),
        ("holdings:\n  - {at: 0}\n", ["9: holdings: unknown key; did you mean holding?"]),
    ],
)
def test_what_cannot_be_is_refused_with_line_and_key(tmp_path: Path, body: str, said: list[str]) -> None:
    path = written(tmp_path, body.replace("LIMIT", LIMIT))
    with pytest.raises(FileProblems) as caught:
        read_map(path)
    found = [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]
    assert len(found) == len(said), found
    for text, part in zip(found, said, strict=True):
        assert part in text


def test_a_name_that_is_shipped_is_taken(tmp_path: Path) -> None:
    body = "holding:\n  - {at: 0, name: a, type: u16, of: x}\n"
    path = written(tmp_path, body, HEAD.replace("name: own", "name: sdm630"))
    with pytest.raises(FileProblems, match=r"own.yaml:2: name: sdm630 is shipped; a name of its own"):
        maps_of(tmp_path)
    assert path.exists()


def test_two_maps_of_a_folder_have_two_names(tmp_path: Path) -> None:
    text = written(tmp_path, "holding:\n  - {at: 0, name: a, type: u16, of: x}\n").read_text(encoding="utf-8")
    (tmp_path / "another.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(FileProblems, match=r"name: own is another\.yaml already"):
        maps_of(tmp_path)
    with pytest.raises(FileProblems, match="no such folder"):
        maps_of(tmp_path / "none")


def test_the_schema_names_keys_as_files_do() -> None:
    schema = json_schema(MapFile)
    assert set(schema["required"]) == {"map", "name", "title", "device", "family", "source", "trust", "identification"}
    assert "with" in schema["$defs"]["WriteConfig"]["properties"]
    assert "is" in schema["$defs"]["Flag"]["properties"]
