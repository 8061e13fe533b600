"""The rules of the house, executed: who may import whom, who may look at a clock, what is exported, what is tracked."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("sim", "twins", "hil", "scenarios", "plots", "bench_api")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
BELOW_HIL = [path for path in SOURCES if path.relative_to(ROOT).parts[0] in ("sim", "twins", "scenarios")]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_imports_point_down_only() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("sim", "import twins"),
        ("twins", "import scenarios"),
        ("twins", "import asyncio"),
        ("scenarios", "import hil"),
        ("scenarios", "from websockets.sync import client"),
        ("plots", "import twins"),
        ("hil", "import plots"),
    ],
)
def test_the_import_rules_bite(tmp_path: Path, module: str, line: str) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text(line if package == module else "")
    result = lint_imports(tmp_path)
    assert result.returncode == 1
    assert "BROKEN" in result.stdout, result.stdout + result.stderr


@dataclass(frozen=True)
class Mention:
    """A dotted name in a source, spelled in full whatever it was imported as."""

    where: str
    name: str
    is_called_bare: bool = False


def mentions(source: str, where: str = "source") -> Iterator[Mention]:
    tree = ast.parse(source)
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                aliases[bound] = alias.name if alias.asname else bound
                yield Mention(f"{where}:{node.lineno}", alias.name)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                full = f"{'.' * node.level}{node.module or ''}.{alias.name}"
                aliases[alias.asname or alias.name] = full
                yield Mention(f"{where}:{node.lineno}", full)
    bare = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call) and not (node.args or node.keywords)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            parts, inner = [node.attr], node.value
            while isinstance(inner, ast.Attribute):
                parts.append(inner.attr)
                inner = inner.value
            if isinstance(inner, ast.Name) and inner.id in aliases:
                name = ".".join([aliases[inner.id], *reversed(parts)])
                yield Mention(f"{where}:{node.lineno}", name, id(node) in bare)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and "." in aliases.get(node.id, ""):
            yield Mention(f"{where}:{node.lineno}", aliases[node.id], id(node) in bare)


def mentions_in(paths: list[Path]) -> Iterator[Mention]:
    for path in paths:
        yield from mentions(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))


CLOCKS = re.compile(r"time\.(time|time_ns|sleep|localtime|gmtime)|datetime\.(datetime\.(now|utcnow|today)|date\.today)")
DICE = re.compile(
    r"random\.(?!Random$).*|secrets\..*|uuid\.uuid[14]|os\.urandom|numpy\.random\.(?!default_rng$)[a-z]\w*"
)
SEEDED_ONLY = {"random.Random", "numpy.random.default_rng"}


def offends_below_hil(mention: Mention) -> bool:
    is_unseeded = mention.name in SEEDED_ONLY and mention.is_called_bare
    return is_unseeded or bool(CLOCKS.fullmatch(mention.name) or DICE.fullmatch(mention.name))


@pytest.mark.parametrize(
    ("source", "is_offence"),
    [
        ("import time\ntime.sleep(1)", True),
        ("from time import time as now\nnow()", True),
        ("from datetime import datetime\ndatetime.now()", True),
        ("import datetime as dt\ndt.datetime.now(dt.UTC)", True),
        ("import random\nrandom.random()", True),
        ("import random\nrandom.Random()", True),
        ("import random\nrandom.Random(7)", False),
        ("import numpy as np\nnp.random.normal()", True),
        ("import numpy as np\nnp.random.default_rng()", True),
        ("from numpy.random import PCG64, SeedSequence, default_rng\ndefault_rng(PCG64(SeedSequence(7)))", False),
        ("from datetime import datetime\ndatetime.fromisoformat('2022-07-11')", False),
        ("import time\ntime.process_time()", False),
    ],
)
def test_the_clock_rule_bites(source: str, is_offence: bool) -> None:
    assert any(map(offends_below_hil, mentions(source))) is is_offence


def test_nothing_below_hil_looks_at_a_clock_or_throws_unnamed_dice() -> None:
    assert [mention for mention in mentions_in(BELOW_HIL) if offends_below_hil(mention)] == []


def test_only_the_loop_names_the_monotonic_clock() -> None:
    found = {mention.where for mention in mentions_in(SOURCES) if mention.name.startswith("time.monotonic")}
    assert [where for where in found if not where.startswith("hil/loop.py:")] == []


def test_plots_read_recordings_and_nothing_else_of_sim() -> None:
    plots = [path for path in SOURCES if path.relative_to(ROOT).parts[0] == "plots"]
    of_sim = [mention for mention in mentions_in(plots) if mention.name.split(".")[0] == "sim"]
    assert [mention for mention in of_sim if not re.match(r"sim\.reading(\.|$)", mention.name)] == []


def test_only_the_front_door_touches_the_path() -> None:
    assert [mention for mention in mentions_in(SOURCES) if re.match(r"sys\.path(\.|$)", mention.name)] == []


def test_imports_are_absolute() -> None:
    assert [mention for mention in mentions_in(SOURCES) if mention.name.startswith(".")] == []


def public_names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            if not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
                yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if path.name == "__init__.py"], ids=lambda path: path.parent.name
)
def test_a_package_says_what_it_exports(path: Path) -> None:
    package = import_module(".".join(path.parent.relative_to(ROOT).parts))
    tree = ast.parse(path.read_text(encoding="utf-8"))
    is_module = {
        name: (path.parent / f"{name}.py").exists() or (path.parent / name).is_dir() for name in public_names(tree)
    }
    bound = {name for name, is_ours in is_module.items() if not is_ours and name not in PACKAGES and name[0] != "_"}
    exported: list[str] = getattr(package, "__all__", [])
    assert len(exported) == len(set(exported))
    assert bound - set(exported) == set(), "named here, but not in __all__"
    assert [name for name in exported if not hasattr(package, name)] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_typed_and_has_a_face(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()
    assert (ROOT / package / "__init__.py").is_file()
    nested = {path.parent for path in (ROOT / package).rglob("*.py")}
    assert [str(folder) for folder in nested if not (folder / "__init__.py").is_file()] == []


def test_tests_are_no_packages() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def tracked_files() -> list[Path]:
    """What stands, or is about to stand, in the repository; outside a checkout: everything but hidden folders."""
    if not (ROOT / ".git").exists():
        return [
            path for path in ROOT.rglob("*") if path.is_file() and not path.relative_to(ROOT).parts[0].startswith(".")
        ]
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listing.split("\0") if name and (ROOT / name).is_file()]


def test_locks_name_no_registry_and_hash_everything() -> None:
    locks = [path for path in tracked_files() if path.suffix == ".lock" or path.name.startswith("pylock")]
    assert {path.name for path in locks} == {"requirements.lock", "requirements-dev.lock", "peers.lock"}
    for path in locks:
        text = path.read_text(encoding="utf-8")
        assert "://" not in text, path.name
        pins = [line for line in text.replace("\\\n", "").splitlines() if line.strip()]
        assert [pin for pin in pins if not re.match(r"[a-z0-9._-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", pin)] == []


def test_no_tracked_text_names_a_place_on_somebodys_machine() -> None:
    places = [f"/{name}/" for name in ("root", "home", "Users")] + ([f"{ROOT}/"] if len(ROOT.parts) > 2 else [])
    homes = re.compile(rf"(?<![\w.~-])({'|'.join(map(re.escape, places))})")
    found = []
    for path in tracked_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, hit.start()) + 1}" for hit in homes.finditer(text)]
    assert found == []
