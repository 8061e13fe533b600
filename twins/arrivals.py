"""Arrivals: who comes, and when; a stream of vehicles in order of time, drawn a local day at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from math import isclose
from typing import Literal

from sim.clock import Clock
from sim.files import Misfit, key
from sim.streams import Streams
from sim.units import SECONDS_PER_HOUR, SimTime
from twins.drivers import Arrival, DriversConfig, draw_habits
from twins.replay import desl_rows
from twins.vehicle import PETROL_CAR, VehicleModel

__all__ = ["ArrivalsConfig", "DemandConfig", "VehicleShare", "draw_arrivals"]

_PROFILES = {
    # percent of a day's arrivals in each hour at the recorded site (twins/data/desl)
    "desl_hours": (
        *(0.64, 0.85, 0.37, 0.27, 0.21, 0.69, 1.60, 1.86, 3.46, 5.59, 5.27, 7.51),
        *(7.08, 6.60, 6.82, 8.15, 7.72, 7.93, 8.31, 6.07, 4.21, 4.79, 2.56, 1.44),
    ),
    # two peaks, at 10 to 14 h and 19 to 22 h, as published for a public fast station in Hohhot (Zhang and Shi, 2025)
    "two_peaks": (
        *(2.0, 1.5, 1.2, 1.0, 1.0, 1.3, 2.0, 3.0, 4.0, 5.0, 7.0, 8.0),
        *(8.0, 7.0, 5.0, 4.5, 4.5, 4.5, 5.0, 6.5, 7.0, 6.5, 3.0, 1.5),
    ),
    "flat": (100.0 / 24.0,) * 24,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalsConfig:
    """How many vehicles come, and how they spread over hours, weekdays, months and holidays."""

    sessions_per_day: float = field(metadata=key("Mean arrivals a day.", low=0, high=100_000))
    profile: Literal["desl_hours", "two_peaks", "flat"] = field(
        default="desl_hours", metadata=key("Shares of the hours of a day.")
    )
    hours_pct: tuple[float, ...] | None = field(
        default=None,
        metadata=key("Shares of the hours, instead of a profile.", unit="%", count=(24, 24)),
    )
    weekdays: tuple[float, ...] = field(default=(1.0,) * 7, metadata=key("Factor of Monday to Sunday.", count=(7, 7)))
    months: tuple[float, ...] = field(
        default=(1.0,) * 12, metadata=key("Factor of January to December.", count=(12, 12))
    )
    holidays: tuple[str, ...] = field(default=(), metadata=key('Days such as "2022-10-01".', count=(0, 400)))
    holiday_factor: float = field(default=1.0, metadata=key("Factor of a holiday.", low=0, high=100))

    def __post_init__(self) -> None:
        """Refuse shares that do not sum, negative factors, and days that no calendar has."""
        total = sum(self.hours)
        if not isclose(total, 100.0, abs_tol=0.1):
            raise Misfit("hours_pct", f"the shares add up to {total:g} %", "24 shares that add up to 100 %")
        for name in ("hours_pct", "weekdays", "months"):
            for at, value in enumerate(getattr(self, name) or ()):
                if value < 0:
                    raise Misfit(f"{name}[{at}]", f"{value:g} is out of range", "0 or more")
        for at, day in enumerate(self.holidays):
            try:
                date.fromisoformat(day)
            except ValueError:
                raise Misfit(f"holidays[{at}]", f"{day!r} is no day", 'a day such as "2022-10-01"') from None

    @property
    def hours(self) -> tuple[float, ...]:
        """Percent of a day's arrivals in each hour."""
        return _PROFILES[self.profile] if self.hours_pct is None else self.hours_pct

    def mean_on(self, day: date) -> float:
        """Mean arrivals of a day."""
        factor = self.weekdays[day.weekday()] * self.months[day.month - 1]
        return self.sessions_per_day * factor * (self.holiday_factor if day.isoformat() in self.holidays else 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleShare:
    """A model of vehicle in the mix."""

    model: str = field(metadata=key("A model of vehicle, shipped or of the station's own."))
    share: float = field(metadata=key("Share of the vehicles; all shares add up to 1.", low=0, high=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandConfig:
    """The station's own demand: arrivals, and the mix of vehicles, or vehicles drawn from recorded sessions."""

    arrivals: ArrivalsConfig = field(metadata=key("How many come, and when."))
    vehicles: tuple[VehicleShare, ...] = field(default=(), metadata=key("The mix of models.", count=(0, 100)))
    source: Literal["desl"] | None = field(
        default=None, metadata=key("The recorded sessions that vehicles are drawn from, instead of a mix.", name="from")
    )
    drivers: DriversConfig = field(default=DriversConfig(), metadata=key("Their habits."))

    def __post_init__(self) -> None:
        """Refuse no vehicles, two sources of them or of drivers, and shares that do not add up."""
        if bool(self.vehicles) == (self.source is not None):
            raise Misfit("vehicles", "given beside from, or neither given", "a mix of models, or from: desl")
        if self.source is not None and self.drivers != DriversConfig():
            what = f"given beside from: {self.source}, whose sessions bring their drivers"
            raise Misfit("drivers", what, "leave it out, or a mix of vehicles instead of from")
        total = sum(one.share for one in self.vehicles)
        if self.vehicles and not isclose(total, 1.0, abs_tol=1e-6):
            raise Misfit("vehicles", f"the shares add up to {total:g}", "shares that add up to 1")

    def at_rate(self, sessions_per_day: float) -> DemandConfig:
        """The same demand with so many arrivals a day."""
        return replace(self, arrivals=replace(self.arrivals, sessions_per_day=sessions_per_day))


def draw_arrivals(
    config: DemandConfig, models: Mapping[str, VehicleModel], clock: Clock, streams: Streams, duration_s: float
) -> Iterator[Arrival]:
    """The vehicles of a run, by time; days are those of the station's calendar, the first as far as it is left."""
    begin = clock.local(SimTime(0.0))
    midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    while (midnight.astimezone(UTC) - clock.start).total_seconds() < duration_s:
        times = _times_of(config.arrivals, clock, streams, midnight)
        for t_s, arrival in zip(times, _draw(config, models, streams, times), strict=True):
            if 0.0 <= t_s < duration_s:
                yield arrival
        midnight = (midnight + timedelta(days=1)).replace(tzinfo=midnight.tzinfo)


def _times_of(arrivals: ArrivalsConfig, clock: Clock, streams: Streams, midnight: datetime) -> list[float]:
    mean = arrivals.mean_on(midnight.date())
    stream, times = streams["vehicle.arrivals"], list[float]()
    counts = stream.poisson([mean * share / 100.0 for share in arrivals.hours]).tolist()
    for hour, count in enumerate(counts):
        begins_s = (midnight.replace(hour=hour).astimezone(UTC) - clock.start).total_seconds()
        times.extend((begins_s + SECONDS_PER_HOUR * stream.random(count)).tolist())
    return sorted(times)


def _draw(
    config: DemandConfig, known: Mapping[str, VehicleModel], streams: Streams, times: list[float]
) -> Iterator[Arrival]:
    if config.source is not None:
        rows = desl_rows()
        picked = streams["vehicle.draw"].integers(len(rows), size=len(times)).tolist()
        for t_s, chosen in zip(times, picked, strict=True):
            row = rows[chosen].arrival()
            yield Arrival(t_s, row.model, row.soc_in_pct, row.soc_target_pct, row.habits)
        return
    models = [known[one.model] for one in config.vehicles]
    total = sum(one.share for one in config.vehicles)
    shares = [one.share / total for one in config.vehicles]
    chosen_of = streams["vehicle.draw"].choice(len(models), size=len(times), p=shares)
    drawn = draw_habits(config.drivers, streams, len(times))
    for t_s, chosen, (soc_in, target, habits) in zip(times, chosen_of.tolist(), drawn, strict=True):
        model = PETROL_CAR if habits.is_petrol else models[chosen]
        if model.ac_max_kw == 0.0 and not habits.is_petrol:
            habits = habits._replace(wants="fast")
        yield Arrival(t_s, model, soc_in, target, habits)
