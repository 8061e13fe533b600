"""The frames of a recorded run, one a line: as a table, as JSON lines, or as text to read; of all or of some."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any, Final

from sim.errors import UsageError
from sim.globs import pattern_of
from sim.reading import FrameRow, Run

__all__ = ["WIRE_COLUMNS", "WIRE_FORMATS", "Selection", "export_wire"]

WIRE_FORMATS: Final = ("csv", "jsonl", "text")
WIRE_COLUMNS: Final = (
    "seq", "t_s", "time", "link", "direction", "kind", "action", "message_id", "bytes", "verdict", "frame",
)  # fmt: skip
"""`time` is the wall clock in UTC, `direction` the station's: `out` is what it sent; `frame` is the text, redacted."""

_DIRECTIONS: Final = ("in", "out")
_KINDS: Final = ("call", "result", "error")
_ARROWS: Final = {"in": "<-", "out": "->"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which frames: globs of the link and the action, the station's direction, the kind, the run's seconds."""

    link: str = "*"
    action: str = "*"
    direction: str | None = None
    kind: str | None = None
    from_s: float = 0.0
    to_s: float = inf

    def __post_init__(self) -> None:
        """Refuse words that select nothing."""
        for option, word, known in (("--direction", self.direction, _DIRECTIONS), ("--kind", self.kind, _KINDS)):
            if word is not None and word not in known:
                raise UsageError(f"{option} {word!r}: one of {', '.join(known)}")
        if not self.from_s <= self.to_s:
            raise UsageError(f"--from-s {self.from_s:g} --to-s {self.to_s:g}: the end is before the beginning")

    def of(self, frames: Iterable[FrameRow]) -> Iterator[FrameRow]:
        """The frames that are selected, in their order."""
        link, action = pattern_of(self.link), pattern_of(self.action)
        for one in frames:
            if (
                self.from_s <= one.t_s <= self.to_s
                and self.direction in (None, one.direction)
                and self.kind in (None, one.kind)
                and link.fullmatch(one.link)
                and action.fullmatch(one.action)
            ):
                yield one


def export_wire(run: Path | str, to: str, out: Path, selection: Selection) -> tuple[Path, int]:
    """Write the selected frames of a run into the folder `out`: the file, and how many there are.

    Raises UsageError for a run that cannot be read, an unknown format, a selection that fits no frame of a run that has
    frames, and a folder not writable.
    """
    if to not in WIRE_FORMATS:
        raise UsageError(f"cannot export the wire to '{to}'; known: {', '.join(WIRE_FORMATS)}")
    path = out / f"wire.{'txt' if to == 'text' else to}"
    with Run(run) as recording:
        try:
            out.mkdir(parents=True, exist_ok=True)
            with path.open("w", encoding="utf-8", newline="") as file:
                count = _WRITERS[to](file, selection.of(recording.frames()))
        except OSError as error:
            raise UsageError(f"{path}: cannot be written ({error.strerror or error}); give a folder that can") from None
        if count == 0:
            path.unlink()
            links = sorted({one.link for one in recording.frames()})
            what = f"none of its frames fits; links: {', '.join(links)}" if links else "it has no frame"
            raise UsageError(f"{recording.path}: {what}")
    return path, count


def _row(one: FrameRow) -> dict[str, Any]:
    time = datetime.fromtimestamp(one.wall_ns / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    values = (one.seq, one.t_s, time, one.link, one.direction, one.kind, one.action, one.message_id, one.bytes,
              one.verdict, one.body)  # fmt: skip
    return dict(zip(WIRE_COLUMNS, values, strict=True))


def _csv(file: Any, frames: Iterable[FrameRow]) -> int:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(WIRE_COLUMNS)
    return sum(writer.writerow(_row(one).values()) > 0 for one in frames)


def _jsonl(file: Any, frames: Iterable[FrameRow]) -> int:
    return sum(file.write(json.dumps(_row(one), ensure_ascii=False) + "\n") > 0 for one in frames)


def _text(file: Any, frames: Iterable[FrameRow]) -> int:
    return sum(file.write(_said(one)) > 0 for one in frames)


def _said(one: FrameRow) -> str:
    verdict = f"  ({one.verdict})" if one.verdict else ""
    body = " ".join(one.body.splitlines())
    where = f"{_row(one)['time']}  {one.t_s:12.3f} s  {one.link} {_ARROWS.get(one.direction, '--')} {one.kind:<6}"
    return f"{where} {one.action}  {body}{verdict}\n"


_WRITERS: Final[dict[str, Callable[[Any, Iterable[FrameRow]], int]]] = {"csv": _csv, "jsonl": _jsonl, "text": _text}
