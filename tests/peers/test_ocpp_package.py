"""The `ocpp` package's own CSMS, in its own environment and process, serves the site for a day without an error."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from bench_api.bench import Bench, Plan
from bench_api.paces import read_pace
from scenarios.loader import find_scenario, load_scenario
from sim.reading import Run

PEERS = Path(__file__).parents[2] / ".peers" / "venv" / "bin" / "python"


@pytest.mark.skipif(not PEERS.exists(), reason="no foreign CSMS here: `make peers` makes its environment")
def test_a_whole_day_against_the_ocpp_packages_csms(tmp_path: Path) -> None:
    command = [PEERS, Path(__file__).with_name("ocpp_csms.py")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as peer:
        assert peer.stdout is not None
        port = int(peer.stdout.readline())
        plan = Plan(loaded=load_scenario(find_scenario("two-outlet-day")), pace=read_pace("lockstep"), seed=7,
                    out=tmp_path / "run", state=tmp_path / "state", csms=f"ws://127.0.0.1:{port}")  # fmt: skip
        played = Bench(plan).run().document
        said, noise = peer.communicate(timeout=30.0)
    told = json.loads(said)
    assert played["verdict"] == "pass", played
    assert told["errors"] == []
    assert "Traceback" not in noise
    sessions = played["books"]["messages"]["started"]
    assert told["counted"]["StartTransaction"] == told["counted"]["StopTransaction"] == sessions > 5
    with Run(tmp_path / "run") as run:
        frames = list(run.frames())
    assert {frame.verdict for frame in frames} == {"ok"}
    assert not [frame for frame in frames if frame.kind == "error"]
    calls = sum(frame.kind == "call" and frame.direction == "out" for frame in frames)
    assert calls == sum(told["counted"].values())
    plan = Plan(loaded=plan.loaded, pace=read_pace("fast"), seed=7, out=tmp_path / "fast", state=tmp_path / "none")
    assert Bench(plan).run().document["event_digest"] == played["event_digest"]
