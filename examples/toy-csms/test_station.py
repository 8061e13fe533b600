"""Whether the CSMS copes with a whole station: `pytest` in this folder."""

from __future__ import annotations

import pytest


def billed_wrongly(csms, run) -> dict[str, tuple[int | None, float]]:
    """Where a bill is not what the meter registered, by token: (bill in Wh, meter in Wh)."""
    bills = csms.bills_wh()
    charged = [one for one in run.sessions() if one.stopped_s is not None and one.energy_registered_kwh]
    assert len(charged) >= 3, "nothing was charged, so nothing was tested"
    rows = {
        f"TAG-{one.vehicle}": (bills.get(f"TAG-{one.vehicle}"), one.energy_registered_kwh * 1000) for one in charged
    }
    return {tag: (bill, meter) for tag, (bill, meter) in rows.items() if bill is None or abs(bill - meter) > 2}


def test_a_wire_is_cut_and_every_charge_is_billed_as_metered(csms, voltyard_run) -> None:
    toy = csms()
    run = voltyard_run("wire-cut.yaml", csms=toy.url)
    run.expect("pass")
    assert billed_wrongly(toy, run) == {}


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="bills the meter's reading, not what was charged")
def test_the_careless_one_bills_as_metered(csms, voltyard_run) -> None:
    toy = csms("--careless")
    run = voltyard_run("wire-cut.yaml", csms=toy.url)
    assert billed_wrongly(toy, run) == {}


def test_a_stuck_contactor_ends_the_charge(voltyard_station) -> None:
    """No CSMS and no socket: what the station does by itself, in virtual time."""
    station = voltyard_station("wire-cut.yaml")
    started = station.run_until("session.started", within_s=600)
    station.inject("pile.contactor_stuck", started.subject, position="open")
    station.expect("session.ended", started.subject, within_s=60)
    assert station.value("pile[P1].power_kw") == pytest.approx(0, abs=0.01)
