"""The container file as far as it can be read without a builder: what it copies is there, what it runs is a command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "Containerfile").read_text(encoding="utf-8")
LINES = re.sub(r"\\\n\s*", "", TEXT).splitlines()


def arguments(word: str) -> list[str]:
    return [line.removeprefix(f"{word} ") for line in LINES if line.startswith(f"{word} ")]


def test_what_it_copies_is_there_and_is_all_that_the_wheel_needs() -> None:
    copied = {name for line in arguments("COPY") if "--from" not in line for name in line.split()[:-1]}
    assert [name for name in copied if not (ROOT / name).exists()] == []
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = build["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    assert {*wheel, build["project"]["readme"], *build["project"]["license-files"]} <= copied
    ignored = set((ROOT / ".containerignore").read_text(encoding="utf-8").split())
    assert not ignored & copied


def test_whatever_it_installs_is_locked_and_it_does_not_run_as_root() -> None:
    installs = [part for line in arguments("RUN") for part in line.split(" && ") if " pip install " in part]
    assert len(installs) == 3 and all("--require-hashes" in one or "--no-index" in one for one in installs)
    assert arguments("USER") == ["voltyard"]
    assert "index-url" not in TEXT
    for name in ("requirements.lock", "requirements-dev.lock"):
        assert "://" not in (ROOT / name).read_text(encoding="utf-8")


def test_its_command_serves_beyond_loopback_and_asks_for_a_token() -> None:
    (entry,), (command,) = arguments("ENTRYPOINT"), arguments("CMD")
    words = [*json.loads(entry), *json.loads(command)]
    assert words[:2] == ["voltyard", "serve"] and "0.0.0.0" in words
    env = {name: value for name, value in os.environ.items() if name != "VOLTYARD_TOKEN"}
    asked = [sys.executable, "-m", "voltyard", *words[1:]]
    told = subprocess.run(asked, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert (told.returncode, "VOLTYARD_TOKEN" in told.stderr) == (2, True), told.stderr
