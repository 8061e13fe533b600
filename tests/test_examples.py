"""The example project as its owner runs it, and its CI files as far as they can be read here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
TOY = ROOT / "examples" / "toy-csms"


def test_its_tests_pass_and_its_bug_shows(tmp_path: Path) -> None:
    project = shutil.copytree(TOY, tmp_path / "toy")
    env = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"} | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-ra", "--basetemp", str(tmp_path / "base")]
    ended = subprocess.run(command, cwd=project, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "2 passed, 1 xfailed" in ended.stdout
    assert "bills the meter's reading" in ended.stdout


@pytest.mark.parametrize("name", [".gitlab-ci.yml", ".github/workflows/station.yml"])
def test_its_ci_files_use_what_there_is(name: str) -> None:
    scripts = "\n".join(_scripts(yaml.safe_load((TOY / name).read_text(encoding="utf-8"))))
    (words,) = re.findall(r"voltyard (run .*)", scripts)
    known = set(re.findall(r"--[a-z]+", _help("run")))
    assert set(re.findall(r"--[a-z]+", words)) <= known
    for file in re.findall(r"[\w-]+\.(?:py|yaml)\b", scripts):
        assert (TOY / file).is_file(), file


def _help(command: str) -> str:
    asked = [sys.executable, "-m", "voltyard", command, "--help"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def _scripts(node: Any) -> Iterator[str]:
    """Every line of shell in a CI file."""
    if isinstance(node, list):
        for one in node:
            yield from _scripts(one)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in ("run", "script"):
                yield from [value] if isinstance(value, str) else value
            else:
                yield from _scripts(value)
