"""Parameters of what can be injected or asked for: fields of a dataclass, with the units of their names and bounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from math import inf
from typing import Any, get_type_hints

from sim.errors import UsageError
from sim.events import Scalar
from sim.registry import did_you_mean

__all__ = ["Parameter", "bounds", "check", "parameters_of"]

_UNITS = {"a": "A", "c": "C", "hz": "Hz", "k": "K", "kb": "kB", "kw": "kW", "kwh": "kWh", "ma": "mA", "pct": "%",
          "share": "", "v": "V", "w": "W"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a parameter takes: `choices` for words, `low` and `high` (inclusive) for numbers and the length of texts."""

    name: str
    type: str
    unit: str
    low: float | None
    high: float | None
    default: Scalar
    choices: tuple[str, ...] = ()
    is_required: bool = False

    def problem(self, value: object) -> str | None:
        """Why `value` is refused, with what would be right; None when it is taken."""
        if self.choices:
            if value in self.choices:
                return None
            return f"{value!r} is no {self.name}; one of {', '.join(self.choices)}"
        if self.type == "bool":
            return None if isinstance(value, bool) else f"{value!r} is neither yes nor no; true or false"
        if self.type == "str":
            return self._text_problem(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"{value!r} is not a number; a number of {self.unit or 'no unit'}"
        if self.type == "int" and value % 1 != 0:
            return f"{value!r} is not a whole number; a whole number"
        if not (self.low if self.low is not None else -inf) <= value <= (self.high if self.high is not None else inf):
            return f"{value} is out of bounds; {self.low} to {self.high} {self.unit}".rstrip()
        return None

    def _text_problem(self, value: object) -> str | None:
        low, high = self.low or 0, self.high if self.high is not None else inf
        if isinstance(value, str) and low <= len(value) <= high:
            return None
        right = f"a text of {low:g} to {high:g} characters" if high < inf else "a text"
        return f"{value!r} does not do; {right}"


def bounds(low: float | None = None, high: float | None = None, choices: tuple[str, ...] = ()) -> dict[str, Any]:
    """Field metadata of a fault's parameter: inclusive bounds in the unit of its name, or its words."""
    return {"low": low, "high": high, "choices": choices}


def check(whose: str, parameters: Sequence[Parameter], values: Mapping[str, Scalar]) -> None:
    """Raise `UsageError` on an unknown name or a value out of bounds; `whose` begins the message."""
    known = {parameter.name: parameter for parameter in parameters}
    for name, value in values.items():
        if name not in known:
            raise UsageError(f"{whose} has no parameter '{name}'; {did_you_mean(name, list(known))}")
        problem = known[name].problem(value)
        if problem:
            raise UsageError(f"{whose}, parameter '{name}': {problem}")


def parameters_of(cls: type[Any]) -> tuple[Parameter, ...]:
    """The parameters of a dataclass, in the order of its fields."""
    return tuple(_parameters(cls))


def _unit_of(name: str) -> str:
    """The unit at the end of a name: `delay_s`, `drift_s_per_day`; empty for one word."""
    head, _, per = name.partition("_per_")
    unit = head.rsplit("_", 1)[-1] if "_" in head or per else ""
    return _UNITS.get(unit, unit) + (f"/{per}" if per else "")


def _parameters(cls: type[Any]) -> Iterable[Parameter]:
    hints = get_type_hints(cls)
    for item in fields(cls):
        default = None if item.default is MISSING or item.default == inf else item.default
        yield Parameter(
            item.name,
            hints[item.name].__name__,
            _unit_of(item.name),
            item.metadata.get("low"),
            item.metadata.get("high"),
            default,
            item.metadata.get("choices", ()),
            item.default is MISSING,
        )
