"""What a model found, for people: its summary first, then its rows as an aligned table."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

__all__ = ["aligned", "as_table"]

_DIGITS = 4
_MOST_LINES = 12


def as_table(result: dict[str, Any]) -> str:
    """Everything but the rows, a line each, and then `rows` under `columns`; numbers with 4 significant digits."""
    summary = [
        [name if at == 0 else "", line]
        for name, value in result.items() if name not in ("columns", "rows")
        for at, line in enumerate(_lines(value))
    ]  # fmt: skip
    parts = [aligned(summary, left=(0, 1))] if summary else []
    if "columns" in result:
        parts.append(aligned([result["columns"], *(map(_shown, row) for row in result["rows"])]))
    return "\n\n".join(parts)


def aligned(lines: Sequence[Any], left: Collection[int] = ()) -> str:
    """Lines of words in columns as wide as their longest; numbers of `left` columns begin at the left."""
    words = [list(line) for line in lines]
    widths = [max(map(len, column)) for column in zip(*words, strict=True)]
    return "\n".join(
        "  ".join(
            f"{word:<{width}}" if at in left else f"{word:>{width}}"
            for at, (word, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in words
    )


def _lines(value: Any) -> list[str]:
    """The lines of one entry of the summary."""
    if isinstance(value, dict):
        return [f"{name}: {_shown(one)}" for name, one in value.items()] or ["none"]
    if isinstance(value, list | tuple):
        more = [f"and {len(value) - _MOST_LINES} more; --json has all"] if len(value) > _MOST_LINES else []
        return [*(_shown(one) for one in value[:_MOST_LINES]), *more] or ["none"]
    return [_shown(value)]


def _shown(value: Any) -> str:
    if value is None:
        return "never"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:.0f}" if 10.0**_DIGITS <= abs(value) < 1e15 else f"{value:.{_DIGITS}g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return "  ".join(filter(None, map(_shown, value)))
    return str(value)
