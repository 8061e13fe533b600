"""The one list of wires: a row an endpoint, for `voltyard list endpoints` and for a station that is up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hil.listening import REST_PORT
from twins.links import charge_points
from twins.slot_file import ModbusDriverConfig, OcppDriverConfig, SlotConfig
from twins.station_file import StationFile

__all__ = ["Row", "endpoint_lines", "endpoint_rows", "rest_row", "slot_rows"]

Row = dict[str, Any]


def endpoint_rows(file: StationFile, faces: Iterable[Row], csms: str = "${csms}") -> list[Row]:
    """The charge points of a station, then its other `faces`; `csms` is where the charge points connect."""
    return [*_charge_points(file, csms), *faces]


def rest_row(url: str = f"http://127.0.0.1:{REST_PORT}") -> Row:
    """The REST face of a station that is up; `url` is where it listens."""
    return _row("rest", "rest", "station", f"{url}/api/v1")


def slot_rows(slots: Mapping[str, SlotConfig]) -> Iterator[Row]:
    """The wires of the devices in slots, by the path of the thing they stand for: where one joins, or is polled."""
    for path, slot in slots.items():
        driver = slot.driver
        if isinstance(driver, OcppDriverConfig):
            url = f"ws://{driver.host}:{driver.port}/{driver.charge_point}"
            yield _row(f"slot.{driver.charge_point}.{driver.connector}", "ocpp", path, url)
        elif isinstance(driver, ModbusDriverConfig):
            protocol, url = f"modbus-{driver.framing.replace('_', '-')}", f"tcp://{driver.host}:{driver.port}"
            yield _row(f"slot.{path}", protocol, path, url) | {"unit": driver.unit, "map": driver.map}


def endpoint_lines(rows: Iterable[Row]) -> Iterator[str]:
    """The rows for people: address, protocol, id, unit, map, device; the tables of one device are one line."""
    seen = dict.fromkeys(
        (
            row["url"],
            row["protocol"],
            row["id"],
            f"unit {row['unit']}" if row["unit"] is not None else "",
            row["map"] or "",
            row["device"],
        )
        for row in rows
    )
    widths = [max(map(len, column)) for column in zip(*seen, strict=True)]
    for cells in seen:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


def _charge_points(file: StationFile, csms: str) -> Iterator[Row]:
    face = file.platform_face
    if face is None:
        return
    outlets = {pile.id: len(pile.evses) for pile in file.piles}
    url = face.url.replace("${csms}", csms)
    for identity, pile, _ in charge_points(face, outlets):
        yield _row(identity, "ocpp", f"pile[{pile}]", url.replace("{charge_point}", identity))


def _row(identity: str, protocol: str, device: str, url: str) -> Row:
    return {"id": identity, "protocol": protocol, "device": device, "url": url, "unit": None, "map": None,
            "table": None, "first": None, "signals": {}}  # fmt: skip
