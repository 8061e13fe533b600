"""Attackers on the platform: what it hears of them, and what it answers, as events of the station."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from standing import Standing

from sim.events import Event, Scalar

pytestmark = pytest.mark.clause("9.3")

Wires = Callable[..., None]
WIRE = "link[A01]"
ATTACK = "attack[A01]"


class Told:
    """The events of attacks so far."""

    def __init__(self, up: Standing) -> None:
        self.events: list[Event] = []
        up.kernel.subscribe(self.events.append)

    def of(self, kind: str) -> list[dict[str, Scalar]]:
        """The data of the events of this kind."""
        return [dict(one.data) for one in self.events if one.kind == f"wire.{kind}" and one.subject == ATTACK]

    @property
    def answers(self) -> list[tuple[Scalar, Scalar]]:
        """(action, status) of what was answered."""
        return [(one["action"], one["status"]) for one in self.of("attack_answered")]


@pytest.mark.fault("attack.identity_stolen")
def test_who_steals_an_identity_is_served_until_its_owner_comes_back(on_wires: Wires, car: Any) -> None:
    async def act(up: Standing) -> None:
        told = Told(up)
        await up.to(60.0)
        boots = up.heard.counts["A01", "BootNotification"]
        up.station.faults.inject("attack.identity_stolen", WIRE, {})
        await up.to(61.0)
        assert up.heard.counts["A01", "BootNotification"] == boots + 1
        assert up.heard.last["A01", "StartTransaction", 1]["idTag"] == "STOLEN"
        assert (await up.signals())["link[A01].state"] == "down", "this CSMS serves who came last"
        assert [action for action, _ in told.answers] == ["", "BootNotification", "StatusNotification",
                                                          "StartTransaction"]  # fmt: skip
        await up.to(400.0)
        assert (await up.signals())["link[A01].state"] == "up"
        assert str(told.answers[-1][1]).startswith("closed")

    on_wires(act)


@pytest.mark.fault("attack.replayed")
def test_what_was_said_of_a_transaction_is_said_again_to_the_letter(on_wires: Wires, car: Any) -> None:
    async def act(up: Standing) -> None:
        told = Told(up)
        await up.to(60.0)
        up.station.faults.inject("attack.replayed", WIRE, {"after_s": 600.0})
        await up.to(655.0)
        assert up.heard.counts["A01", "StartTransaction"] == 1 and not told.of("attack_sent")
        await up.to(661.0)
        assert up.heard.counts["A01", "StartTransaction"] == 2
        assert told.of("attack_sent")[0] == {"what": "replayed", "action": "StartTransaction", "count": 1}
        assert ("StartTransaction", "Accepted") in told.answers, "this CSMS gives it a transaction once more"

    on_wires(act, car(60, 1))


@pytest.mark.fault("attack.token_guessing")
def test_who_guesses_identifiers_asks_each_once(on_wires: Wires) -> None:
    async def act(up: Standing) -> None:
        told = Told(up)
        await up.to(60.0)
        up.station.faults.inject("attack.token_guessing", WIRE, {"rate_hz": 2.0, "duration_s": 9.5})
        await up.to(120.0)
        assert up.heard.counts["ROGUE", "Authorize"] == 20
        assert sum(int(str(one["count"])) for one in told.of("attack_sent") if one["action"] == "Authorize") == 20
        assert ("Authorize", "Accepted") in told.answers, "this CSMS takes every identifier"
        assert "ROGUE" not in up.heard.is_up and (await up.signals())["link[A01].state"] == "up"

    on_wires(act)


@pytest.mark.fault("attack.flooding")
def test_a_flood_does_not_keep_the_others_from_their_platform(on_wires: Wires, car: Any) -> None:
    async def act(up: Standing) -> None:
        told = Told(up)
        await up.to(60.0)
        up.station.faults.inject("attack.flooding", WIRE, {"rate_hz": 50.0, "duration_s": 2.5})
        await up.to(90.0)
        assert up.heard.counts["ROGUE", "Heartbeat"] == 150
        assert ("Heartbeat", "answered") in told.answers
        assert (await up.signals())["link[A01].state"] == "up"
        await up.to(200.0)
        assert up.heard.counts["A01", "StartTransaction"] == 1

    on_wires(act, car(0, 1))


@pytest.mark.fault("attack.malformed")
@pytest.mark.parametrize(
    ("sort", "status"), [("not_json", "FormationViolation"), ("nested", "FormationViolation"), ("huge", "closed 1009")]
)
def test_what_is_no_frame_is_refused(on_wires: Wires, sort: str, status: str) -> None:
    async def act(up: Standing) -> None:
        told = Told(up)
        await up.to(60.0)
        up.heard.forbids_violations = False
        up.station.faults.inject("attack.malformed", WIRE, {"sort": sort, "duration_s": 1.5})
        await up.to(62.0)
        assert told.of("attack_sent")[0] == {"what": "malformed", "action": "DataTransfer", "count": 1}
        assert status in [answer for _, answer in told.answers]
        assert (await up.signals())["link[A01].state"] == "up"

    on_wires(act)
