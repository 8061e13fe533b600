"""Faults of the station's people: nobody there, slow ways, no spare parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Play = Callable[..., Any]

STAFF = """
staff:
  room: {x_m: 0, y_m: 40}
  members: [{id: T1, role: technician, shifts: ["00:00-24:00"]}]
"""
SEED = 6
"""One with which the reset on site does not mend the pile."""
FIRST = "pile[A01].connector[1]"


@pytest.fixture
def staffed(played: Play, tmp_path: Path) -> Callable[[], Any]:
    """The station with a technician 40 m from its first pile."""
    path = tmp_path / "staffed.yaml"
    path.write_text((Path(__file__).parent / "site.yaml").read_text(encoding="utf-8") + STAFF, encoding="utf-8")
    return lambda: played(path=path, seed=SEED)


def broken(site: Any) -> Any:
    """The first pile has failed."""
    site.inject("pile.failed", "pile[A01]")
    return site


@pytest.mark.fault("staff.absent")
def test_a_call_waits_until_somebody_is_there_again(staffed: Callable[[], Any]) -> None:
    site = staffed()
    absent = site.inject("staff.absent", "staff")
    site.to(1.0)
    assert site.state("staff[T1].state") == "off_duty"
    broken(site).to(3_600.0)
    assert site.of("alarm.raised", alarm="pile_failed")
    assert not site.of("staff.dispatched")
    site.clear(absent)
    site.to(3_601.0)
    assert site.of("staff.dispatched", "staff[T1]")
    assert site.state("staff[T1].state") == "walking"


@pytest.mark.fault("staff.slow")
def test_a_slow_technician_comes_later(staffed: Callable[[], Any]) -> None:
    site = staffed()
    site.inject("staff.slow", "staff", factor=5.0)
    broken(site).until(lambda: bool(site.of("staff.arrived")))
    assert site.of("staff.dispatched")[0].data["walk_s"] == pytest.approx(5.0 * 40.0 / 1.3)
    assert site.kernel.now == pytest.approx(5.0 * 40.0 / 1.3)


@pytest.mark.fault("staff.no_spares")
def test_a_repair_waits_for_its_parts(staffed: Callable[[], Any]) -> None:
    def over_s(wait_s: float) -> float:
        site = staffed()
        site.inject("staff.no_spares", "staff", wait_s=wait_s)
        broken(site).until(lambda: bool(site.of("staff.done")), 1e7)
        assert site.of("staff.done", result="repaired")
        assert site.state(f"{FIRST}.state") == "available"
        return float(site.kernel.now)

    assert over_s(40_000.0) - over_s(1.0) == pytest.approx(39_999.0)
