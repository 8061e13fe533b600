"""The key figures: each is defined, and counts what its definition says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sim.kernel import Kernel
from sim.units import SimTime
from twins.kpis import MEANINGS

Build = Callable[..., tuple[Kernel, Any, Any]]


def test_each_figure_has_its_meaning_and_each_meaning_its_figure(build: Build) -> None:
    kernel, station, _ = build()
    assert [figure.name for figure in station.kpis.figures(kernel.now)] == list(MEANINGS)


def test_every_vehicle_is_counted_once(build: Build) -> None:
    kernel, station, _ = build(name="public", seed=4)
    station.draw_demand(600.0, 86_400.0)
    kernel.advance(SimTime(43_200.0))
    figures = {figure.name: figure.value for figure in station.kpis.figures(kernel.now)}
    outcomes = [session.outcome for session in station.sessions]
    names = {"served": "charged", "failed": "failed", "turned_away": "turned_away", "reneged": "reneged"}
    assert {name: figures[name] for name in names} == {name: outcomes.count(word) for name, word in names.items()}
    assert figures["arrivals"] == len(outcomes) > sum(outcomes.count(word) for word in names.values())
