"""The catalogue of faults: each has a test that shows its effect, and that fails when the fault contributes nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

import twins.station  # noqa: F401  (its imports are the catalogue)
from sim.faults import FAULTS

HERE = Path(__file__).parent


def played(folder: Path, *options: str) -> Iterator[tuple[str, bool]]:
    """The tests of this folder that are marked with a fault: (its name in the report, whether it failed)."""
    report = folder / "junit.xml"
    command = [sys.executable, "-m", "pytest", str(HERE), "-m", "fault", "-q", "-p", "no:cacheprovider", *options]
    subprocess.run([*command, f"--junitxml={report}"], cwd=HERE.parents[1], capture_output=True, timeout=500)
    for case in ElementTree.parse(report).iter("testcase"):
        assert case.find("skipped") is None, case.attrib
        yield f"{case.attrib['classname']}.{case.attrib['name']}", case.find("failure") is not None


def test_every_fault_has_a_test() -> None:
    collector = Collector()
    pytest.main([str(HERE), "--collect-only", "-p", "no:cacheprovider", "-p", "no:terminal"], plugins=[collector])
    assert sorted(set(FAULTS.names()) - collector.faults) == []
    assert sorted(collector.faults - set(FAULTS.names())) == []


def test_a_fault_without_contributions_fails_its_test(tmp_path: Path) -> None:
    outcomes = list(played(tmp_path, "--hollow", "--tb=no"))
    assert outcomes
    has_failed = {name for name, has_failed in outcomes if has_failed}
    assert [name for name, _ in outcomes if name not in has_failed] == []


class Collector:
    """Which faults the tests of a session are marked with."""

    def __init__(self) -> None:
        self.faults: set[str] = set()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            self.faults |= {mark.args[0] for mark in item.iter_markers("fault")}
