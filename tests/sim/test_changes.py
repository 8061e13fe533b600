from __future__ import annotations

import pytest

from sim.changes import Changes, changed, is_key_path, read_values
from sim.errors import FileProblems
from sim.yaml_nodes import parse_nodes

TEXT = """\
limits: &limits {power_kw: 100, current_a: 200}
piles:
  - {id: A01, limits: *limits}
  - id: A02
    limits: *limits
deeds: [{as: first, at: 5}]
bare: [1, 2]
empty:
"""


def after(*changes: tuple[str, str | int | float | bool | None], text: str = TEXT) -> dict[str, object]:
    root = parse_nodes(text, "file.yaml")
    untouched = root.plain()
    found = changed(root, changes, "file.yaml").plain()
    assert root.plain() == untouched
    assert isinstance(found, dict)
    return found


def refusal(changes: Changes) -> str:
    with pytest.raises(FileProblems) as caught:
        changed(parse_nodes(TEXT, "file.yaml"), changes, "file.yaml")
    return str(caught.value)


@pytest.mark.parametrize("path", ["piles[1].limits.power_kw", "piles[A02].limits.power_kw"])
def test_an_entry_is_named_by_position_or_id_and_what_it_shares_stays(path: str) -> None:
    found = after((path, 50))
    assert found["piles"] == [
        {"id": "A01", "limits": {"power_kw": 100, "current_a": 200}},
        {"id": "A02", "limits": {"power_kw": 50, "current_a": 200}},
    ]
    assert found["limits"] == {"power_kw": 100, "current_a": 200}


def test_what_is_missing_on_the_way_is_made() -> None:
    found = after(("empty.inner.x", "text"), ("new.y", None), ("deeds[first].at", 7), ("bare[1]", 3.5))
    assert found["empty"] == {"inner": {"x": "text"}}
    assert found["new"] == {"y": None}
    assert found["deeds"] == [{"as": "first", "at": 7}]
    assert found["bare"] == [1, 3.5]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([("piles.limits", 1)], "file.yaml:2: piles.limits: piles is a list; name one of its entries: piles[A01]"),
        ([("piles[A1].id", 1)], "file.yaml:2: piles[A1].id: piles has no entry A1; did you mean A01?"),
        ([("piles[2].id", 1)], "piles has no entry 2; one of: A01, A02"),
        ([("bare[2]", 1)], "bare has no entry 2; one of: 0, 1"),
        ([("limits[0]", 1)], "file.yaml:1: limits[0]: limits is no list; keys, parted by dots"),
        ([("limits.power_kw.x", 1)], "limits.power_kw is a single value; limits.power_kw alone"),
        ([("bare[0]", 1), ("bare[0]", 2)], "bare[0]: bare[0] is the same place; each place once"),
        (
            [("piles[0].limits", 1), ("piles[A01].limits", 2)],
            "piles[A01].limits: piles[0].limits is the same place; each place once",
        ),
    ],
)
def test_a_path_to_nowhere_is_refused(changes: Changes, message: str) -> None:
    assert message in refusal(changes)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("100,200.5", (100, 200.5)),
        ("on, true,null,~", ("on", True, None, None)),
        ('"a, b",08:00', ("a, b", "08:00")),
        ("'5'", ("5",)),
        ("1e2,-3", (100.0, -3)),
        ("2022-07-11T12:00", ("2022-07-11T12:00",)),
    ],
)
def test_values_are_what_they_would_be_in_a_file(text: str, values: tuple[object, ...]) -> None:
    found = read_values(text)
    assert found == values
    assert [type(one) for one in found] == [type(one) for one in values]


@pytest.mark.parametrize(
    "text", ["", "1,,2", "[1]", "{a: 1}", "a: 1", "1]", "1], [2", "!x 1", "*a", ".inf", "1\ud800", "1 #", "\x00"]
)
def test_what_is_no_list_of_single_values_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        read_values(text)


def test_the_form_of_a_key_path() -> None:
    assert all(map(is_key_path, ["a", "a.b_c", "piles[A01..A10].evses[0].reaches[1]", "weather.monthly_mean_c[3]"]))
    wrong = ["", ".a", "a.", "a..b", "a[", "a[]", "a]b", "[0].a", "a b", "a." * 50 + "b", f"a[{'9' * 5_000}]"]
    assert not any(map(is_key_path, wrong))
