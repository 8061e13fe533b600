from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import FileProblems
from sim.files import Misfit, json_schema, key, read_yaml
from sim.yaml_nodes import MAX_BYTES, parse_nodes


@dataclass(frozen=True, slots=True, kw_only=True)
class Fan:
    speed_pct: float = field(metadata=key("Speed.", unit="%", above=0, high=100))
    blades: int = field(default=3, metadata=key("Blades.", low=2, high=9))
    quality: float = field(default=1.0, metadata=key("Quality.", name="class"))
    spare: bool = False

    def __post_init__(self) -> None:
        if self.quality == 7:
            raise Misfit("class", "7 brings no luck", "another one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    width_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift:
    kind: Literal["lift"]
    persons: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Stairs:
    kind: Literal["stairs"]
    steps: int = field(default=12, metadata=key("Steps.", low=1, high=99))


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    version: Literal[1]
    name: str = field(metadata=key("Name.", count=(1, 10)))
    fans: tuple[Fan, ...] = field(default=(), metadata=key("Fans.", count=(0, 3)))
    heat_c: float | None = None
    entry: int | Door | None = None
    way_up: Lift | Stairs | None = field(default=None, metadata=key("How to get up.", by="kind"))


def _read(tmp_path: Path, text: str | bytes) -> House:
    path = tmp_path / "house.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_yaml(path, House).value


def _refusal(tmp_path: Path, text: str | bytes) -> list[str]:
    with pytest.raises(FileProblems) as caught:
        _read(tmp_path, text)
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in caught.value.problems]


def test_values_fill_the_shape(tmp_path: Path) -> None:
    house = _read(tmp_path, "version: 1\nname: yes\nfans:\n  - &a {speed_pct: 50, class: 2}\n  - *a\nheat_c: 1e1\n")
    fan = Fan(speed_pct=50.0, quality=2.0)
    assert house == House(version=1, name="yes", fans=(fan, fan), heat_c=10.0)
    assert type(house.fans[0].speed_pct) is float


def test_all_problems_come_at_once_each_with_its_line(tmp_path: Path) -> None:
    text = """version: 2
name: 12
fans:
  - speed_pct: 0
    blades: 2.5
  - speed_pc: 5
    class: 1
  - speed_pct: 5
    class: 7
heat_c: true
"""
    assert _refusal(tmp_path, text) == [
        "house.yaml:1: version: 2 is not known here; 1",
        'house.yaml:2: name: 12 is not text; text: "12" in quotes',
        "house.yaml:4: fans[0].speed_pct: 0 is out of range; more than 0",
        "house.yaml:5: fans[0].blades: 2.5 is not a whole number; a whole number",
        "house.yaml:6: fans[1].speed_pc: unknown key; did you mean speed_pct?",
        "house.yaml:6: fans[1].speed_pct: missing; give it: Speed (%)",
        "house.yaml:9: fans[2].class: 7 brings no luck; another one",
        "house.yaml:10: heat_c: true is not a number; a number",
    ]


def test_where_a_word_says_which_shape_it_is(tmp_path: Path) -> None:
    head = "version: 1\nname: a\nway_up:\n  "
    assert _read(tmp_path, f"{head}{{kind: stairs, steps: 9}}\n").way_up == Stairs(kind="stairs", steps=9)
    for entry, said in (
        ("{kind: ramp}", "way_up.kind: ramp is not known here; one of: lift, stairs"),
        ("{kind: stair}", "way_up.kind: stair is not known here; did you mean stairs?"),
        ("{steps: 9}", "way_up.kind: missing; give it: lift or stairs"),
        ("{kind: stairs, steps: 0}", "way_up.steps: 0 is out of range; at least 1"),
        ("{kind: stairs, person: 3}", "way_up.person: unknown key; one of: kind, steps"),
        ("{kind: lift, person: 3}", "way_up.person: unknown key; did you mean persons?"),
        ("9", "way_up: 9 is not a mapping of keys to values"),
    ):
        (found,) = _refusal(tmp_path, f"{head}{entry}\n")
        assert said in found, found
    schema = json_schema(House)["properties"]["way_up"]
    assert "kind" in json.dumps(schema)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("wide", "entry: wide is not a whole number or a mapping of keys to values; a whole number or a mapping"),
        ("{width_m: wide}", "entry.width_m: wide is not a number; a number"),
        ("{width_m: 1, width: 2}", "entry.width: unknown key; did you mean width_m?"),
    ],
)
def test_where_either_of_two_would_fit_one_problem_is_said(tmp_path: Path, entry: str, said: str) -> None:
    found = _refusal(tmp_path, f"version: 1\nname: a\nentry: {entry}\n")
    assert len(found) == 1
    assert found[0].startswith(f"house.yaml:3: {said}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "house.yaml: the file is empty"),
        ("# nothing\n~\n", "house.yaml: the file is empty"),
        (b"version: 1\nname: \xff\n", "house.yaml:2: not UTF-8 text"),
        ("version: 1\nname: a\x00b\n", "house.yaml:2: unprintable character U+0000"),
        ("version: 1\nname: a\u2028b\n", "house.yaml:2: unprintable character U+2028"),
        ("- version: 1\n", "house.yaml:1: this list of 1 is not a mapping"),
        ("version: 1\nname: a\nversion: 1\n", "house.yaml:3: version: this key stands already on line 1"),
        (
            "fans:\n  - {blades: 3,\n     blades: 4}\n",
            "house.yaml:3: fans[0].blades: this key stands already on line 2",
        ),
        ("version: 1\nname: [a\nfans: []\n", "house.yaml:3: "),
        ("version: 1\n---\nversion: 1\n", "house.yaml:2: a second document begins"),
        ("version: !!int 1\n", "house.yaml:1: tag tag:yaml.org,2002:int"),
        ("version: 1\nheat_c: .nan\n", "house.yaml:2: .nan is no number here"),
        ("version: 1\nheat_c: 1e999\n", "house.yaml:2: 1e999 is beyond all numbers"),
        ("fans: &a [*a]\n", "house.yaml:1: alias *a has no finished anchor here"),
        ("a: " + "[" * 90_000, "house.yaml:1: nested more than 40 deep"),
        (b"#" * (MAX_BYTES + 1), "house.yaml: larger than 1 MiB"),
        ("version: 1\nname:\n", "house.yaml:2: name: nothing is not text"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, text: str | bytes, said: str) -> None:
    assert _refusal(tmp_path, text)[0].startswith(said)


def test_an_alias_bomb_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    assert "aliases counted in full" in _refusal(tmp_path, "\n".join(lines))[0]
    deep = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 60))]
    assert "nested more than 40 deep" in _refusal(tmp_path, "\n".join(deep))[0]


def test_folders_and_absent_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileProblems, match="this is a folder"):
        read_yaml(tmp_path, House)
    with pytest.raises(FileProblems, match="no such file"):
        read_yaml(tmp_path / "none.yaml", House)


def test_document_finds_lines(tmp_path: Path) -> None:
    path = tmp_path / "house.yaml"
    path.write_text("version: 1\nname: a\nfans:\n  - speed_pct: 5\n    class: 1\n", encoding="utf-8")
    document = read_yaml(path, House)
    assert str(document.problem("fans[0].class", "odd", "even")) == f"{path}:5: fans[0].class: odd; even"
    assert document.problem("fans[0].blades", "odd").line == 4
    assert document.problem("fans[3]", "odd").line == 3
    assert document.text == path.read_text(encoding="utf-8")


def test_schema_names_keys_as_files_do() -> None:
    schema = json_schema(House)
    fan = schema["$defs"]["Fan"]
    assert set(schema["required"]) == {"version", "name"}
    assert schema["additionalProperties"] is False
    assert fan["additionalProperties"] is False
    assert set(fan["properties"]) == {"speed_pct", "blades", "class", "spare"}
    assert fan["properties"]["speed_pct"]["unit"] == "%"


# beyond U+FFFF JSON writes pairs of escapes, which YAML does not know
_TEXT = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]))
_SCALARS = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(-1e300, 1e300) | _TEXT


@given(st.recursive(_SCALARS, lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner), max_leaves=20))
def test_json_is_read_as_itself(value: object) -> None:
    assert parse_nodes(json.dumps({"top": value}), "x").plain() == {"top": value}


@pytest.mark.parametrize(
    ("text", "value"),
    [("0x2006", 0x2006), ("0xFFFF", 65_535), ("0xffff", 65_535), ("0x", "0x"), ("-0x1", "-0x1"), ("x10", "x10")],
)
def test_whole_numbers_may_be_hexadecimal(text: str, value: object) -> None:
    assert parse_nodes(f"at: {text}", "x").plain() == {"at": value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    fans: tuple[Fan, ...] = field(metadata=key("Fans.", count=(2, 3)))


@pytest.mark.parametrize(
    ("fans", "said"),
    [
        ("[{speed_pct: 0}, {speed_pct: 9}]", ["fans[0].speed_pct: 0 is out of range; more than 0"]),
        (
            "[{speed_pct: 9, class: 7}, 5]",
            ["fans[0].class: 7 brings no luck; another one", "fans[1]: 5 is not a mapping"],
        ),
        (
            "[{speed_pct: 0}]",
            ["fans: this list of 1 is too short; at least 2 entries", "fans[0].speed_pct: 0 is out of"],
        ),
        ("[]", ["fans: this list of 0 is too short; at least 2 entries"]),
    ],
)
def test_a_list_is_too_short_by_what_it_says_not_by_what_is_right_in_it(
    tmp_path: Path, fans: str, said: list[str]
) -> None:
    path = tmp_path / "row.yaml"
    path.write_text(f"fans: {fans}\n")
    with pytest.raises(FileProblems) as caught:
        read_yaml(path, Row)
    found = sorted(str(problem).partition(":1: ")[2] for problem in caught.value.problems)
    assert len(found) == len(said)
    assert all(one.startswith(start) for one, start in zip(found, said, strict=True)), found
