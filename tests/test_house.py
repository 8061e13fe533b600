"""The house as a stranger finds it: the wheel, the front door beside other packages, the Makefile, the locks."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("sim", "twins", "hil", "scenarios", "plots", "bench_api")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def run(*command: str | Path, cwd: Path, ok: bool = True) -> subprocess.CompletedProcess[str]:
    outer = ("PYTHONPATH", "PYTEST_ADDOPTS", "MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES")
    env = {name: value for name, value in os.environ.items() if name not in outer}
    result = subprocess.run([str(part) for part in command], cwd=cwd, env=env, capture_output=True, text=True)
    assert (result.returncode == 0) is ok, result.stdout + result.stderr
    return result


@pytest.fixture(scope="module")
def shipped() -> set[str]:
    """Every file of the six packages as it stands on disk before the wheel is built."""
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file())
    return {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def wheel(shipped: set[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with our wheel and, beside it, another distribution that owns a top-level `sim`."""
    folder = tmp_path_factory.mktemp("installed")
    venv.EnvBuilder(with_pip=False, symlinks=os.name != "nt").create(folder)
    executable = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    run(sys.executable, "-m", "pip", "--python", executable, "install", "--no-index", "--no-deps", wheel, cwd=folder)
    asked = run(executable, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
    site = Path(asked.stdout.strip())
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    (site / "sim").mkdir()
    (site / "sim" / "__init__.py").write_text("OWNER = 'another distribution'")
    return executable


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """A folder of somebody else's, with a `sim` and a `plots` of its own."""
    for name in ("sim", "plots"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("OWNER = 'stranger'")
    return tmp_path


def test_the_wheel_carries_everything_and_owns_no_common_name(wheel: Path, shipped: set[str]) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"voltyard.py", "voltyard_bundle"}
    assert {f"voltyard_bundle/{name}" for name in shipped} - names == set()
    assert {name.rpartition("/")[2] for name in names if ".dist-info/licenses/" in name} == {"LICENSE", "NOTICE"}


def test_importing_voltyard_touches_nothing(python: Path, stranger: Path) -> None:
    code = f"""
import sys
path = list(sys.path)
import voltyard
assert sys.path == path
assert not set(sys.modules) & set({PACKAGES!r})
import sim, plots
print(sim.OWNER, plots.OWNER)
"""
    assert run(python, "-c", code, cwd=stranger).stdout == "stranger stranger\n"


def test_open_brings_our_packages_past_a_stranger(python: Path, stranger: Path) -> None:
    code = """
import sys, voltyard
home = voltyard.open()
path = list(sys.path)
assert voltyard.open() == home and sys.path == path
import sim, plots
print(home.name, *(getattr(package, "OWNER", "ours") for package in (sim, plots)))
"""
    assert run(python, "-c", code, cwd=stranger).stdout == "voltyard_bundle ours ours\n"


@pytest.mark.parametrize("first", ["import plots", "import types, sys; sys.modules['hil'] = types.ModuleType('hil')"])
def test_open_says_which_stranger_came_first(python: Path, stranger: Path, first: str) -> None:
    code = f"""
import sys
{first}
import voltyard
path = list(sys.path)
try:
    voltyard.open()
except ImportError as error:
    assert sys.path == path
    print(error.name, error.path, error, sep="\\n")
"""
    name, where, message = run(python, "-c", code, cwd=stranger).stdout.splitlines()
    assert name in ("plots", "hil")
    assert where == (str(stranger.resolve() / "plots") if name == "plots" else "an unknown place")
    assert name in message and where in message and "voltyard.open() earlier" in message


def test_the_pytest_plugin_leaves_a_strangers_tests_alone(python: Path, stranger: Path) -> None:
    test = "import sim, sys\ndef test_theirs(): assert sim.OWNER == 'stranger' and 'voltyard' in sys.modules\n"
    (stranger / "test_theirs.py").write_text(test)
    assert "1 passed" in run(python, "-m", "pytest", "-p", "no:cacheprovider", cwd=stranger).stdout


def test_the_checkout_opens_itself(stranger: Path) -> None:
    code = "import voltyard; print(voltyard.open()); import sim; print(sim.__file__)"
    lines = run(sys.executable, "-c", code, cwd=stranger).stdout.splitlines()
    assert [Path(line) for line in lines] == [ROOT, ROOT / "sim" / "__init__.py"]


@pytest.mark.parametrize("way", ["script", "module"])
def test_the_command_answers_beside_a_stranger(python: Path, stranger: Path, way: str) -> None:
    command = [python.with_name("voltyard")] if way == "script" else [python, "-m", "voltyard"]
    result = run(*command, "--help", cwd=stranger)
    assert "csms" in result.stdout
    assert result.stderr == ""


def test_the_installed_command_plays_a_day_on_sockets_beside_a_stranger(python: Path, stranger: Path) -> None:
    command = [python.with_name("voltyard"), "run", "two-outlet-day", "--pace", "lockstep", "--json", "--out", "day"]
    document = json.loads(run(*command, cwd=stranger).stdout)
    assert document["verdict"] == "pass"
    assert (stranger / "day" / "report.html").stat().st_size > 50_000


def test_workers_of_the_installed_command_find_us_beside_a_stranger(python: Path, stranger: Path) -> None:
    command = [python.with_name("voltyard"), "sweep", "two-outlet-day", "--seeds", "1..2"]
    (entry,) = json.loads(run(*command, "--workers", "2", "--json", cwd=stranger).stdout)["settings"]
    assert entry["n"] == 2 and entry["verdicts"]["error"] == 0


FAKE_PYTHON = """#!/bin/sh
case "$*" in
    *version_info*) exit {too_old} ;;
    *ensurepip*) exit {no_venv} ;;
    -V) echo Python 3.9.2 ;;
    *) exit 77 ;;
esac
"""


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
@pytest.mark.parametrize(
    ("too_old", "no_venv", "message"),
    [
        (1, 0, "Python 3.11 or newer is needed, but .* is Python 3.9.2"),
        (0, 1, "cannot make virtual environments.*python3-venv"),
        (0, 0, "-m venv .* failed"),
    ],
)
def test_make_says_what_is_wrong_with_a_python(tmp_path: Path, too_old: int, no_venv: int, message: str) -> None:
    fake = tmp_path / "python"
    fake.write_text(FAKE_PYTHON.format(too_old=too_old, no_venv=no_venv))
    fake.chmod(0o755)
    result = run("make", f"PYTHON={fake}", f"VENV={tmp_path}/venv", "install", cwd=ROOT, ok=False)
    assert re.search(message, result.stderr), result.stderr
    assert not (tmp_path / "venv").exists()


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_without_a_target_lists_them() -> None:
    listed = re.findall(r"^  make (\w+) +\S", run("make", cwd=ROOT).stdout, re.MULTILINE)
    assert {"test", "bench", "peers", "lock", "clean"} <= set(listed)


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("requirements.lock", PROJECT["project"]["dependencies"]),
        ("requirements-dev.lock", PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"]),
        ("requirements-dev.lock", PROJECT["build-system"]["requires"]),
        ("peers.lock", PROJECT["dependency-groups"]["peers"]),
    ],
)
def test_a_lock_holds_what_the_project_asks_for(lock: str, wanted: list[str]) -> None:
    pins = re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE)
    for requirement in map(Requirement, wanted):
        versions = [version for name, version in pins if name == requirement.name.lower()]
        assert versions, f"{requirement.name} is not in {lock}: make lock"
        assert all(requirement.specifier.contains(version) for version in versions), f"{requirement}: {versions}"


def test_the_development_lock_agrees_with_the_other() -> None:
    locks = [(ROOT / name).read_text(encoding="utf-8") for name in ("requirements.lock", "requirements-dev.lock")]
    plain, development = (set(re.findall(r"^([a-z0-9._-]+==[^\s;]+)", text, re.MULTILINE)) for text in locks)
    assert plain - development == set()
