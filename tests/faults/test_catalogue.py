"""The catalogue of faults: each has a test that shows its effect, and that fails when the fault contributes nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest

import twins.station  # noqa: F401  (its imports are the catalogue)
from sim.faults import FAULTS

HERE = Path(__file__).parent


class Played(NamedTuple):
    """A test that is marked with faults, played with them hollow."""

    name: str
    faults: frozenset[str]
    has_failed: bool


@pytest.fixture(scope="module")
def hollow(tmp_path_factory: pytest.TempPathFactory) -> list[Played]:
    """Every marked test of this folder; in a process of its own, for what other tests add to the catalogue."""
    report = tmp_path_factory.mktemp("hollow") / "junit.xml"
    options = ["-m", "fault", "-q", "--hollow", "--tb=no", "-p", "no:cacheprovider", "-p", "no:schemathesis"]
    command = [sys.executable, "-m", "pytest", str(HERE), *options, f"--junitxml={report}"]
    subprocess.run(command, cwd=HERE.parents[1], capture_output=True, timeout=500)
    played = []
    for case in ElementTree.parse(report).iter("testcase"):
        assert case.find("skipped") is None, case.attrib
        faults = frozenset(one.attrib["value"] for one in case.iter("property") if one.attrib["name"] == "fault")
        name = f"{case.attrib['classname']}.{case.attrib['name']}"
        played.append(Played(name, faults, case.find("failure") is not None))
    return played


def test_every_fault_has_a_test(hollow: list[Played]) -> None:
    ours = {name for name in FAULTS.names() if FAULTS.get(name).cls.__module__.startswith("twins.")}
    tested = {name for one in hollow for name in one.faults}
    assert sorted(ours - tested) == []
    assert sorted(tested - ours) == []


def test_a_fault_without_contributions_fails_its_test(hollow: list[Played]) -> None:
    assert hollow
    has_failed = {one.name for one in hollow if one.has_failed}
    assert [one.name for one in hollow if one.name not in has_failed] == []
