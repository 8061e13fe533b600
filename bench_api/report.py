"""The report of a run: one page that works offline, in Chinese and English, and the figures beside it.

Read from the run's folder alone: `verdict.json` for what was judged, `run.sqlite` for what happened. A run that was
killed has no `verdict.json`; its report says so and shows what was recorded.
"""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from bench_api.report_facts import gather
from bench_api.report_words import LANGUAGES, said
from sim.errors import UsageError
from sim.reading import Run

__all__ = ["write_report"]

PICTURES = ("load_curve", "temperatures", "waiting", "session_gantt")
"""What a reader wants first; figures of others follow."""

OF_SESSIONS = ("session_gantt",)
"""Figures that the sessions alone fill; the others need signals."""


def write_report(run_dir: Path | str) -> Path:
    """Write `report.html` and `plots/*.svg` into the run's folder (or that of its `run.sqlite`); returns the page.

    Raises `UsageError` where there is no readable run or the folder cannot be written.
    """
    with Run(run_dir) as run:
        folder = run.path.parent
        verdict = _verdict(folder / "verdict.json")
        try:
            pictures = _figures(run, folder / "plots")
            page = folder / "report.html"
            page.write_text(_page(gather(run, verdict), pictures), encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{folder}: the report cannot be written ({error}); give a folder that can") from error
    return page


def _verdict(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: not a verdict ({error}); it is written by the run, as JSON") from None
    if not isinstance(found, dict):
        raise UsageError(f"{path}: not a verdict; it is written by the run, as one JSON object")
    return found


def _figures(run: Run, folder: Path) -> dict[str, dict[str, Markup]]:
    """Every figure that has something to show, in both languages: written as files, returned to stand in the page."""
    from plots import draw, figures_of
    from plots.style import to_svg

    folder.mkdir(exist_ok=True)
    pictures: dict[str, dict[str, Markup]] = {}
    has_signals, has_sessions = bool(run.signals), any(True for _ in run.sessions())
    names = [name for name in figures_of(run) if has_signals or (has_sessions and name in OF_SESSIONS)]
    for name in sorted(names, key=lambda name: (PICTURES.index(name) if name in PICTURES else 9, name)):
        for lang in LANGUAGES:
            svg = to_svg(draw(name, run, lang))
            (folder / f"{name}.{lang}.svg").write_text(svg, encoding="utf-8")
            pictures.setdefault(name, {})[lang] = _inline(svg, f"{name}-{lang}-")
    return pictures


def _inline(svg: str, prefix: str) -> Markup:
    """The figure as part of a page: no prolog, no metadata, and ids that no other figure has."""
    body = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{prefix}', body)
    body = re.sub(r"url\(#", f"url(#{prefix}", body)
    return Markup(re.sub(r'href="#', f'href="#{prefix}', body))  # our own figure: its texts are escaped by its writer


def _page(facts: dict[str, Any], pictures: dict[str, dict[str, Markup]]) -> str:
    templates = files("bench_api") / "templates"

    def both(value: Any) -> Markup:
        """Text in both languages: a mapping of languages, or the same text twice said once."""
        if isinstance(value, dict) and set(value) & set(LANGUAGES):
            pair = [str(value.get(lang) or value.get("en") or value.get("zh") or "") for lang in LANGUAGES]
            if pair[0] == pair[1]:
                return Markup("{}").format(pair[0])
            return Markup('<span lang="en">{}</span><span lang="zh">{}</span>').format(*pair)
        return Markup("{}").format("" if value is None else value)

    def t(key: str) -> Markup:
        """A word of ours in both languages; a name that has none stands for itself."""
        return both(said(key))

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals.update(t=t, both=both)
    template = environment.from_string((templates / "report.html.j2").read_text(encoding="utf-8"))
    style = Markup((templates / "report.css").read_text(encoding="utf-8"))
    return template.render(**facts, pictures=pictures, style=style)
