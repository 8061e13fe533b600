"""The pages of the shipped scenarios say what the files say."""

from __future__ import annotations

from pathlib import Path

from bench_api.scenario_pages import pages, write_pages
from scenarios.loader import find_scenario, load_scenario, scenario_names

DOCS = Path(__file__).parents[2] / "docs" / "scenarios"


def test_the_pages_are_those_of_the_files() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in DOCS.glob("*.md")}
    assert written == pages(), "run `make pages`"


def test_a_page_tells_of_everything_that_is_judged() -> None:
    made = pages()
    for name in scenario_names():
        one = load_scenario(find_scenario(name)).document.value
        page = made[f"{name}.md"]
        assert one.title.zh in page
        assert f"[{name}]({name}.md)" in made["README.md"]
        assert all(f"| {expected.id} |" in page for expected in one.expect)
        assert all(act.inject is None or f"`{act.inject}`" in page for _, act in one.acts())


def test_a_page_of_a_scenario_that_is_gone_goes(tmp_path: Path) -> None:
    (tmp_path / "gone.md").write_text("old", encoding="utf-8")
    write_pages(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(pages())
