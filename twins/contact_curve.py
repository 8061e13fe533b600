"""One contact alone under a stated current, as the validation pages hold it against worked numbers.

The contact is the station's own, with its ladder; in place of the outlet stands one that has no vehicle, only the
current, and that does what the contact asks of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sim.clock import Clock
from sim.files import Misfit, did_you_mean, key
from sim.kernel import Kernel
from sim.signals import Signal
from sim.units import FOREVER, SimTime
from twins.connector import ConnectorConfig
from twins.contact import Contact
from twins.cooled_contact import CooledContact
from twins.station_file import connector_kinds
from twins.thermal import Threshold
from twins.trial_rows import count_rows, refuse_many_rows

__all__ = ["ContactParameters", "ContactResult", "run_contact"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactParameters:
    """A connector, how worn it is, its current, the air."""

    current_a: float = field(metadata=key("Constant current, as far as the ladder lets it flow.", unit="A", low=0,
                                          high=2_000))  # fmt: skip
    ambient_c: float = field(default=35.0, metadata=key("Air about it.", unit="C", low=-60, high=60))
    factor: float = field(
        default=1.0, metadata=key("Of the contact's resistance: 1 new, 2 worn, 5 loose.", low=1, high=100)
    )
    duration_s: float = field(default=7_200.0, metadata=key("How long.", unit="s", above=0, high=1e6))
    step_s: float = field(default=60.0, metadata=key("Time between two rows.", unit="s", low=0.1, high=1e6))
    levels_c: tuple[float, ...] = field(
        default=(80.0, 85.0, 90.0), metadata=key("Temperatures whose first time is told.", unit="C", count=(0, 20))
    )
    connector: ConnectorConfig | str = field(
        default=ConnectorConfig(), metadata=key("The kind of connector, or the name of a shipped one.")
    )

    def __post_init__(self) -> None:
        """Refuse a kind that is not shipped, and more rows than anybody reads."""
        if isinstance(self.connector, str) and self.connector not in connector_kinds():
            right = did_you_mean(self.connector, connector_kinds())
            raise Misfit("connector", f"unknown kind {self.connector}", right)
        refuse_many_rows(self.duration_s, self.step_s)

    @property
    def kind(self) -> ConnectorConfig:
        """The kind of connector."""
        return connector_kinds()[self.connector] if isinstance(self.connector, str) else self.connector


@dataclass(frozen=True, slots=True)
class ContactResult:
    """Rows by `columns`; when each level was first reached (None: never); alarms as (t in s, alarm, whether it came).

    `settled_c` is where the present current would leave the contact in the end.
    """

    columns: tuple[str, ...]
    rows: list[tuple[float, float, float]]
    reached_s: dict[str, float | None]
    settled_c: float
    alarms: list[tuple[float, str, bool]]


def run_contact(parameters: ContactParameters) -> ContactResult:
    """Warm one contact from the temperature of the air on."""
    kernel = Kernel(Clock(datetime(2022, 1, 1), "UTC"), 1)
    air_c = Signal("air_temp_c", "C", parameters.ambient_c)
    outlet = _StatedOutlet(kernel, parameters.current_a)
    kind = parameters.kind
    contact = (Contact if kind.cooled is None else CooledContact)(kernel, outlet, kind, air_c)
    outlet.contact = contact
    contact.resistance_uohm.lean(contact.resistance_uohm.scale(parameters.factor))
    reached_s: dict[str, float | None] = {f"{level_c:g}": None for level_c in parameters.levels_c}

    def watch(level_c: float) -> Threshold:
        def turned(is_on: bool) -> None:
            if is_on and reached_s[f"{level_c:g}"] is None:
                reached_s[f"{level_c:g}"] = kernel.now

        return Threshold(level_c, turned)

    if parameters.levels_c:
        contact.add(*map(watch, parameters.levels_c))
    outlet.flow()
    rows: list[tuple[float, float, float]] = []
    for n in range(count_rows(parameters.duration_s, parameters.step_s)):
        t = SimTime(n * parameters.step_s)
        kernel.advance(t)
        kernel.jump(t)
        rows.append((t, outlet.flowing_a, contact.temp_c.at(t)))
    settled_c = contact.temp_c.at(SimTime(kernel.now + 100.0 * contact.tau_s))
    return ContactResult(("t_s", "current_a", "temp_c"), rows, reached_s, settled_c, outlet.told)


class _StatedOutlet:
    """The stated current, and less of it while the contact says so."""

    path = "connector"
    contact: Contact

    def __init__(self, kernel: Kernel, current_a: float) -> None:
        self._kernel = kernel
        self._current_a = current_a
        self._limits_a: dict[str, float] = {}
        self._holds: set[str] = set()
        self.flowing_a = 0.0
        self.told: list[tuple[float, str, bool]] = []

    def flow(self) -> None:
        self.flowing_a = 0.0 if self._holds else min((self._current_a, *self._limits_a.values()))
        self.contact.carry(self._kernel.now, FOREVER, self.flowing_a)

    def warn(self, alarm: str) -> None:
        self.told.append((self._kernel.now, alarm, True))

    def calm(self, alarm: str) -> None:
        self.told.append((self._kernel.now, alarm, False))

    def derate(self, source: str, share: float | None) -> None:
        if share is None:
            self._limits_a.pop(source, None)
        else:
            self._limits_a[source] = share * (self.flowing_a or self._current_a)
        self.flow()

    def lock_out(self, cause: str, alarm: str) -> None:
        self._holds.add(cause)
        self.warn(alarm)
        self.flow()

    def lift(self, cause: str) -> None:
        if cause in self._holds:
            self._holds.remove(cause)
            self.calm(cause)
            self.flow()
