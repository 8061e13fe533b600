"""The book of the devices in slots: what each reported, what its register counted, and where the rest lies.

No truth book: a device's meter and its clock are its own. What is left is named and never ends a run.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.units import SimTime
from twins.instrument_record import RegisterBook
from twins.register_step import RegisterStep
from twins.station import Station

__all__ = ["DeviceBook", "InstrumentGap", "device_books", "instrument_gaps", "register_books", "register_steps"]


@dataclass(frozen=True, slots=True)
class DeviceBook:
    """Energies of one device in kWh since the run began.

    `reported_kwh` is its power over time; `registered_kwh` its register while charges ran, `outside_kwh` while none
    did; `held_kwh` is power that was assumed on after its last word; `residual_kwh` is what is left between samples.
    `twin_kwh` is what the twin would have drawn, in shadow.
    """

    slot: str
    reported_kwh: float
    registered_kwh: float
    outside_kwh: float
    held_kwh: float
    residual_kwh: float
    twin_kwh: float | None


def device_books(station: Station, now: SimTime) -> list[DeviceBook]:
    """Every device's book at `now`."""
    books = []
    for path, device in station.devices.items():
        reported_kwh, meter = device.true_energy_kwh(now), device.meter
        residual_kwh = reported_kwh - device.held_kwh - meter.registered_kwh - meter.outside_kwh
        shadow = station.shadows.get(path)
        twin_kwh = shadow.energy_kwh(now) if shadow is not None else None
        books.append(
            DeviceBook(
                path, reported_kwh, meter.registered_kwh, meter.outside_kwh, device.held_kwh, residual_kwh, twin_kwh
            )
        )
    return books


@dataclass(frozen=True, slots=True)
class InstrumentGap:
    """How far a meter or sensor in shadow read from its twin, in `unit`, over so many readings of one quantity.

    `largest` is the gap furthest from 0, with its sign.
    """

    slot: str
    quantity: str
    unit: str
    readings: int
    mean: float
    largest: float


def instrument_gaps(station: Station) -> list[InstrumentGap]:
    """Of every quantity that a meter or sensor in shadow has told."""
    return [
        InstrumentGap(path, gap.name, gap.unit, gap.readings, gap.mean, gap.largest)
        for path, shadow in station.instrument_shadows.items()
        for gap in shadow.gaps
    ]


def register_books(station: Station, now: SimTime) -> list[RegisterBook]:
    """Every real meter's register against what truly flowed, at `now`."""
    books = (record.book(now) for record in station.instrument_records.values())
    return [book for book in books if book is not None]


def register_steps(station: Station) -> list[RegisterStep]:
    """Where registers of devices were reset, rolled over or replaced, of chargers and of instruments."""
    chargers = [step for device in station.devices.values() for step in device.steps]
    return chargers + [step for device in station.instruments.values() for step in device.steps]
