"""Visits: a driver comes, waits for the bay, plugs in, shows a token, charges, unplugs and leaves.

One SimPy story a vehicle; every car is a session, turned away too.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import simpy

from sim.kernel import Kernel
from sim.units import SimTime
from twins.bms import Bms, Pack
from twins.demand import ReplayRow

if TYPE_CHECKING:
    from twins.evse import Evse

__all__ = ["Session", "Visits"]

PLUG_S = 25.0
UNPLUG_S = 155.0
DRIVING_WARMTH_K = 8.0


@dataclass(slots=True)
class Session:
    """One vehicle's visit; times in seconds since the run's start, None where it did not come to that."""

    id: str
    vehicle: str
    pile: str
    connector: int
    bay: str
    arrived_s: float
    soc_in_pct: float
    plugged_s: float | None = None
    started_s: float | None = None
    stopped_s: float | None = None
    left_s: float | None = None
    soc_out_pct: float | None = None
    energy_true_kwh: float = 0.0
    energy_registered_kwh: float = 0.0
    cost_cny: float = 0.0
    power_max_kw: float = 0.0
    outcome: str = "waiting"
    stop_reason: str = ""
    transaction_id: int | None = None


class Visits:
    """All visits of a run. `sessions` holds them in order of arrival; `on_session` is told each change."""

    def __init__(
        self,
        kernel: Kernel,
        outlets: list[tuple[Evse, str, int, str]],
        air_temp_c: Callable[[SimTime], float],
        price_cny_kwh: float,
        on_vehicle: Callable[[], None],
    ) -> None:
        """`outlets` are (EVSE, pile id, connector number, bay id) in file order."""
        self._kernel = kernel
        self._outlets = outlets
        self._air_temp_c = air_temp_c
        self.price_cny_kwh = price_cny_kwh
        self._on_vehicle = on_vehicle
        self._bays = [simpy.Resource(kernel.environment) for _ in outlets]
        self.sessions: list[Session] = []
        self.on_session: Callable[[Session], None] = lambda session: None

    def replay(self, rows: tuple[ReplayRow, ...]) -> None:
        """Let these vehicles come, each to the connector it is recorded at; it waits while another stands there."""
        for row in sorted(rows, key=lambda row: (row.arrival_s, row.connector)):
            self._kernel.at(SimTime(row.arrival_s), lambda row=row: self._arrive(row, row.connector - 1, True))  # type: ignore[misc]

    def arrive(self, row: ReplayRow) -> None:
        """Let this vehicle come now and take the first free outlet, or turn away when none is free."""
        free = [index for index, bay in enumerate(self._bays) if bay.count == 0 and self._outlets[index][0].is_ready]
        self._arrive(row, free[0] if free else 0, bool(free))

    def _arrive(self, row: ReplayRow, index: int, may_stay: bool) -> None:
        number = len(self.sessions) + 1
        _, pile, connector, bay = self._outlets[index]
        session = Session(f"S{number:06d}", f"V{number:06d}", pile, connector, bay, self._kernel.now, row.soc_in_pct)
        self.sessions.append(session)
        self._kernel.emit("vehicle.arrived", f"vehicle[{session.vehicle}]", {"session": session.id})
        if may_stay:
            self._kernel.process(self._visit(session, row, index))
        else:
            session.pile, session.connector, session.bay, session.outcome = "", 0, "", "turned_away"
            self._kernel.emit("vehicle.turned_away", f"vehicle[{session.vehicle}]", {"session": session.id})
            self.on_session(session)

    def _visit(self, session: Session, row: ReplayRow, index: int) -> Generator[simpy.Event, Any, None]:
        kernel, (evse, _, _, bay) = self._kernel, self._outlets[index]
        with self._bays[index].request() as place:
            yield place
            while not evse.is_ready:
                yield evse.ready_event()
            kernel.emit("bay.occupied", f"bay[{bay}]", {"session": session.id})
            yield kernel.timeout(PLUG_S)
            now = kernel.now
            air_c = self._air_temp_c(now)
            bms = Bms(
                kernel,
                f"bay[{bay}].vehicle.bms",
                Pack(row.capacity_kwh, row.power_max_kw),
                row.soc_in_pct,
                row.soc_target_pct,
                air_c + DRIVING_WARMTH_K,
                air_c,
            )
            session.plugged_s = now
            session.outcome = "charging"
            ended = kernel.event()

            def end(reason: str, ended: simpy.Event = ended) -> None:
                ended.succeed(reason)

            evse.plug(bms, session.id, end)
            self._on_vehicle()
            self.on_session(session)
            evse.present(f"TAG-{session.vehicle}")
            if row.stay_s is not None:
                yield ended | kernel.timeout(max(0.0, session.arrived_s + row.stay_s - UNPLUG_S - now))
                evse.stop("driver")
            session.stop_reason = yield ended
            session.stopped_s = kernel.now
            started_s = evse.started_s
            if started_s is not None:
                session.started_s = started_s
                session.energy_true_kwh, session.energy_registered_kwh = evse.delivered_kwh(kernel.now)
                session.power_max_kw = evse.peak_kw
                session.cost_cny = round(session.energy_registered_kwh * self.price_cny_kwh, 2)
            session.soc_out_pct = 100.0 * bms.soc.at(kernel.now)
            is_charged = session.stop_reason in ("target_reached", "driver", "remote")
            session.outcome = "charged" if is_charged and started_s is not None else "failed"
            yield kernel.timeout(UNPLUG_S)
            evse.unplug()
            session.left_s = kernel.now
            kernel.emit("bay.freed", f"bay[{bay}]", {"session": session.id})
            self.on_session(session)
