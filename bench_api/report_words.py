"""A report's words: what the source calls things, said in English and Chinese.

Pairs stand in `templates/words.json`. Keys are the source's own names (event kinds, outcomes, stop reasons, alarms,
states, keys of events' data) and the page's; `at.` begins the parts of paths, `note.` the sentences that books and
expectations write, `said.` their single words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from sim.reading import Run

__all__ = [
    "LANGUAGES", "Said", "amount", "bound", "clock", "data", "joined", "note", "notes", "number", "place",
    "records_events", "said", "sentence", "span", "words",
]  # fmt: skip

LANGUAGES = ("en", "zh")
Said = dict[str, str]

_PART = re.compile(r"([a-z_]+)(?:\[([^\]]*)\])?")
_BOUND = re.compile(r"(at least|at most|above|below) (.+)")
_UNITS = {
    "_kwh": "kWh", "_kw": "kW", "_pct": "%", "_s": "s", "_cny": "CNY", "_c": "°C", "_k": "K", "_pu": "p.u.",
    "_wh": "Wh",
}  # fmt: skip


@cache
def words() -> dict[str, list[str]]:
    """Every pair by its key."""
    found: dict[str, list[str]] = json.loads((files("bench_api") / "templates" / "words.json").read_text("utf-8"))
    return found


def said(key: str) -> Said:
    """A name of the source in both languages; one that has no pair stands for itself."""
    return dict(zip(LANGUAGES, words().get(key, [key, key]), strict=True))


def joined(parts: list[Said], english: str = ", ", chinese: str = "，") -> Said:
    """Several texts as one."""
    return {"en": english.join(part["en"] for part in parts), "zh": chinese.join(part["zh"] for part in parts)}


def sentence(key: str, **values: Any) -> Said:
    """The sentence of this key with its blanks filled: by texts in both languages, or by the same value twice."""
    return {
        lang: template.format(**{name: _in(value, lang) for name, value in values.items()})
        for lang, template in said(key).items()
    }


def place(path: str) -> Said:
    """Where or who: `pile[A03].connector[1]` is pile A03, connector 1; a path of other parts stands for itself."""
    parts: list[Said] = []
    for part in re.split(r"\.(?![^\[]*\])", path):
        match = _PART.fullmatch(part)
        if match is None or f"at.{match[1]}" not in words():
            return {"en": path, "zh": path}
        name = said(f"at.{match[1]}")
        parts.append({lang: f"{text} {match[2]}" if match[2] else text for lang, text in name.items()})
    return joined(parts[1:] if len(parts) > 1 and path.startswith("grid.") else parts)


def bound(value: Any) -> Said:
    """The bound of an expectation: a number, or `above 1, below 2`, `at least 3`."""
    if not isinstance(value, str):
        return {lang: number(value) for lang in LANGUAGES}
    found: list[Said] = []
    for part in value.split(", "):
        match = _BOUND.fullmatch(part)
        if match is None:
            return {"en": value, "zh": value}
        found.append({lang: f"{text} {_in_words(match[2])}" for lang, text in said(match[1]).items()})
    return joined(found)


def span(seconds: float) -> Said:
    """A length of time as people say it: 37 s, 12 min, 1 h 30 min."""
    if seconds < 100.0:
        text = f"{seconds:.3g}"
        return {"en": f"{text} s", "zh": f"{text} 秒"}
    minutes = round(seconds / 60.0)
    hours, rest = divmod(minutes, 60)
    if not hours:
        return {"en": f"{minutes} min", "zh": f"{minutes} 分钟"}
    more = (f" {rest} min", f" {rest} 分") if rest else ("", "")
    return {"en": f"{hours} h{more[0]}", "zh": f"{hours} 小时{more[1]}"}


def records_events(run: Run) -> bool:
    """Whether the run's events were recorded; at the level kpi they are not, and silence says nothing."""
    return run.meta.get("level") != "kpi"


def clock(run: Run, t_s: Any) -> str:
    """The station's time of day at second `t_s`, with the date where the run is longer than a day."""
    if not isinstance(t_s, int | float):
        return ""
    wall = run.local(t_s)
    if wall is None:
        return f"{t_s:.1f} s"
    if t_s > 0.0 and t_s == run.duration_s and f"{wall:%H%M%S}" == "000000":
        return "24:00:00"
    return f"{wall:%H:%M:%S}" if run.duration_s <= 86400.0 else f"{wall:%m-%d %H:%M:%S}"


def amount(value: float, unit: str) -> tuple[str, Said]:
    """A key figure as (number, unit): as many digits as a person reads."""
    if unit == "s":
        in_minutes = value >= 100.0
        return (f"{value / 60.0:.1f}" if in_minutes else f"{value:.3g}"), said("unit.min" if in_minutes else "unit.s")
    if unit in ("%", "kW", "°C") or (unit == "kWh" and value < 1000.0):
        return f"{value:,.1f}", said(unit)
    if unit == "kWh":
        return f"{value:,.0f}", said(unit)
    return number(value), said("" if unit == "1" else unit)


def number(value: Any) -> str:
    """A number with thousands apart: four digits that count, above a thousand one place, above a million none."""
    if isinstance(value, bool) or value is None:
        return "" if value is None else str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e3 else f"{value:,.{int(abs(value) < 1e6)}f}".removesuffix(".0")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def data(values: dict[str, Any], names: dict[str, Said]) -> Said:
    """What an event carries, key by key; `names` are what faults are called."""
    parts: list[Said] = []
    for key, value in values.items():
        unit = next((f" {unit}" for suffix, unit in _UNITS.items() if key.endswith(suffix)), "")
        if isinstance(value, bool):
            shown = said("yes" if value else "no")
        elif isinstance(value, str):
            shown = names.get(value) or (said(value) if value in words() else place(value))
        else:
            shown = {lang: number(value) + unit for lang in LANGUAGES}
        parts.append({lang: f"{text} {shown[lang]}" for lang, text in said(key).items()})
    return joined(parts)


def note(text: str) -> Said:
    """A sentence of a book or an expectation; one that is not known stands as it is written."""
    for pattern, fill in _notes():
        match = pattern.fullmatch(text)
        if match is not None:
            return {"en": text, "zh": fill(*(note(group)["zh"] for group in match.groups()))}
    keys = [f"period.{text}", f"said.{text}", *([text] if "." in text else [])]  # kinds of events have a dot
    return {"en": text, "zh": next((words()[key][1] for key in keys if key in words()), text)}


def notes(text: str) -> list[Said]:
    """The sentences of a reason, one by one."""
    return [note(part) for part in text.split("; ")] if text else []


@cache
def _notes() -> list[tuple[re.Pattern[str], Callable[..., str]]]:
    """The `note.` pairs, the longest first: English as a pattern, Chinese as what fills it."""
    pairs = sorted((pair for key, pair in words().items() if key.startswith("note.")), key=lambda pair: -len(pair[0]))
    return [(re.compile("(.+?)".join(map(re.escape, pair[0].split("{}"))), re.DOTALL), pair[1].format)
            for pair in pairs]  # fmt: skip


def _in_words(text: str) -> str:
    """The number of a bound as all numbers are written; anything else as it is."""
    try:
        return number(float(text))
    except ValueError:
        return text


def _in(value: Any, lang: str) -> Any:
    return value[lang] if isinstance(value, dict) else value
