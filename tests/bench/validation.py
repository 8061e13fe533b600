"""How near the twin comes to what is recorded, computed and known: writes docs/validation.md with its figures.

    python tests/bench/validation.py --only heat

`make validation` renews all: a quarter of an hour of CPU, most of it queues. Nothing here is asserted: a fast test runs
the same functions on small input.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import heat_section
import site_section
from availability_table import availability_lines
from queue_coverage import coverage_lines
from queue_table import queue_lines

from plots.style import look

ROOT = Path(__file__).parents[2]
TITLES = {
    "site": "The recorded site",
    "heat": "Heat",
    "queues": "Queues: ours beside theory",
    "availability": "Availability: ours beside theory",
}
HEAD = [
    "# How near the twin comes", "",
    "Written by `make validation`; `python tests/bench/validation.py --only heat` renews one section. Each says when it"
    " was measured.", "",
]  # fmt: skip


def standing(text: str) -> dict[str, str]:
    """The sections of a page, by name; headings that are not ours are nobody's."""
    parts = {part.partition("\n")[0]: part.rstrip() for part in re.split("^(?=## )", text, flags=re.MULTILINE)}
    return {name: parts[f"## {title}"] for name, title in TITLES.items() if f"## {title}" in parts}


def page(before: str, renewed: Mapping[str, list[str]]) -> str:
    """The page `before` with these sections anew, and the others as they stand."""
    sections = standing(before)
    stamp = f"Measured on {date.today()}: Python {platform.python_version()}, {os.cpu_count()} cores."
    for name, lines in renewed.items():
        sections[name] = "\n".join([f"## {TITLES[name]}", "", stamp, "", *lines]).rstrip()
    return "\n".join([*HEAD, "\n\n".join(sections[name] for name in TITLES if name in sections), ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "validation.md", help="images go beside it")
    parser.add_argument("--only", nargs="+", choices=TITLES, default=list(TITLES), help="leave the others alone")
    parser.add_argument("--sessions", type=int, default=1_000_000, help="of each queueing experiment")
    chosen = parser.parse_args()
    images, sessions = chosen.out.parent / "images", chosen.sessions
    measures: Mapping[str, Callable[[], list[str]]] = {
        "site": lambda: site_section.section(images),
        "heat": lambda: heat_section.section(images),
        "queues": lambda: [*queue_lines(sessions), "", *coverage_lines(20, max(1_000, sessions // 10))],
        "availability": lambda: availability_lines(max(200, sessions // 50)),
    }
    with look():
        renewed = {name: measures[name]() for name in TITLES if name in chosen.only}
    before = chosen.out.read_text(encoding="utf-8") if chosen.out.exists() else ""
    chosen.out.write_text(page(before, renewed), encoding="utf-8")
    print("\n".join("\n".join(lines) for lines in renewed.values()))


if __name__ == "__main__":
    main()
