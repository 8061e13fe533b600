"""Parameters of deeds and faults: numbers in bounds, words, texts and yes or no."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from sim.parameters import bounds, parameters_of


@dataclass(frozen=True, kw_only=True)
class Asked:
    power_kw: float = field(metadata=bounds(low=0.0, high=10.0))
    name: str = field(default="", metadata=bounds(high=4))
    text: str = ""
    is_on: bool = False
    way: str = field(default="up", metadata=bounds(choices=("up", "down")))


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("power_kw", 10, None), ("power_kw", 10.5, "10.5 is out of bounds; 0.0 to 10.0 kW"),
        ("power_kw", float("nan"), "nan is out of bounds; 0.0 to 10.0 kW"),
        ("power_kw", True, "True is not a number; a number of kW"),
        ("name", "abcd", None), ("name", "abcde", "'abcde' does not do; a text of 0 to 4 characters"),
        ("name", 5, "5 does not do; a text of 0 to 4 characters"), ("text", "x" * 1_000, None),
        ("text", None, "None does not do; a text"),
        ("is_on", True, None), ("is_on", 1, "1 is neither yes nor no; true or false"),
        ("way", "down", None), ("way", "left", "'left' is no way; one of up, down"),
    ],
)  # fmt: skip
def test_what_a_parameter_takes(name: str, value: object, problem: str | None) -> None:
    parameter = next(one for one in parameters_of(Asked) if one.name == name)
    assert parameter.problem(value) == problem
