"""What every test needs: our packages first on the path, figures without a window, properties without a stopwatch.

`--hollow` plays the tests marked `fault(NAME)` with that fault contributing nothing: each of them must then fail.
"""

from __future__ import annotations

import os

import hypothesis
import pytest

import voltyard

os.environ.setdefault("MPLBACKEND", "Agg")
hypothesis.settings.register_profile("voltyard", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("voltyard")
voltyard.open()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer `--hollow`."""
    parser.addoption("--hollow", action="store_true", help="faults under test contribute nothing")


@pytest.fixture(autouse=True)
def hollowed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty the fault that a test is marked with, where that is asked for."""
    if request.config.getoption("--hollow"):
        from sim.faults import FAULTS

        for mark in request.node.iter_markers("fault"):
            request.node.user_properties.append(("fault", mark.args[0]))
            monkeypatch.setattr(FAULTS.get(mark.args[0]).cls, "contributions", lambda _fault, _thing: ())
