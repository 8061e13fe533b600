"""A state folder is one station's; what an earlier run left is kept or said to be overwritten."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench_api.cli import main
from bench_api.run_folders import held, keep_earlier
from sim.errors import FolderInUse

HOLDER = """
import sys, time
from pathlib import Path
from bench_api.run_folders import held
with held(Path(sys.argv[1]), "voltyard serve other"):
    print("held", flush=True)
    time.sleep(60)
"""


def commanded(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    monkeypatch.setattr(sys, "argv", ["voltyard", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_a_state_folder_is_free_again_after_a_kill(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(state)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        told = rf"held by process {other.pid} \(voltyard serve other\)"
        with pytest.raises(FolderInUse, match=told), held(state, "voltyard serve this"):
            pass
        os.kill(other.pid, signal.SIGKILL)
    with held(state, "voltyard serve this"):
        assert f"process {os.getpid()}" in (state / "station.lock").read_text()
    with held(state, "voltyard serve this"):
        pass


@pytest.mark.parametrize("verb", ["run", "serve"])
def test_who_wants_a_held_state_ends_before_anything_begins(
    verb: str, scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state, out = tmp_path / "state", tmp_path / "out"
    options = ["--port", "0"] if verb == "serve" else ["--pace", "lockstep"]
    with held(state, "voltyard serve other"):
        code = commanded(monkeypatch, verb, str(scenario), "--state", str(state), "--out", str(out), *options)
    assert code == 3
    assert f"{state}: held by process {os.getpid()} (voltyard serve other)" in capsys.readouterr().err
    assert not out.exists()


def test_an_earlier_run_is_moved_aside_and_the_state_stays(tmp_path: Path) -> None:
    assert keep_earlier(tmp_path) is None
    for number in (1, 2):
        (tmp_path / "run.sqlite").write_text(f"{number}")
        (tmp_path / "plots").mkdir()
        (tmp_path / "state").mkdir(exist_ok=True)
        assert keep_earlier(tmp_path) == tmp_path / f"earlier-{number}"
        assert sorted(path.name for path in (tmp_path / f"earlier-{number}").iterdir()) == ["plots", "run.sqlite"]
        assert (tmp_path / f"earlier-{number}" / "run.sqlite").read_text() == f"{number}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["earlier-1", "earlier-2", "state"]


def test_a_run_says_that_it_overwrites(
    scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert commanded(monkeypatch, "run", str(scenario), "--out", str(out)) == 0
    assert "overwritten" not in capsys.readouterr().err
    assert commanded(monkeypatch, "run", str(scenario), "--out", str(out)) == 0
    assert f"{out}: the earlier run there is overwritten" in capsys.readouterr().err
