"""The one list of wires: a row an endpoint, for `voltyard list endpoints` and for a station that is up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from twins.links import charge_points
from twins.station_file import StationFile

__all__ = ["REST_PORT", "Row", "endpoint_lines", "endpoint_row", "ocpp_rows", "rest_row"]

REST_PORT: Final = 8080
"""Where `voltyard serve` listens if it is not told otherwise."""

Row = dict[str, Any]


def endpoint_row(identity: str, protocol: str, device: str, url: str, **more: Any) -> Row:
    """A row; `more` are `unit`, `table`, `first` and `signals`, empty where the protocol has no such thing."""
    return {"id": identity, "protocol": protocol, "device": device, "url": url, "unit": None, "table": None,
            "first": None, "signals": {}} | more  # fmt: skip


def ocpp_rows(file: StationFile, csms: str = "${csms}") -> list[Row]:
    """The charge points of a station; `csms` is where they connect."""
    face = file.platform_face
    if face is None:
        return []
    outlets = {pile.id: len(pile.evses) for pile in file.piles}
    url = face.url.replace("${csms}", csms)
    return [
        endpoint_row(identity, "ocpp", f"pile[{pile}]", url.replace("{charge_point}", identity))
        for identity, pile, _ in charge_points(face, outlets)
    ]


def rest_row(url: str = f"http://127.0.0.1:{REST_PORT}") -> Row:
    """The REST face of a station that is up; `url` is where it listens."""
    return endpoint_row("rest", "rest", "station", f"{url}/api/v1")


def endpoint_lines(rows: Iterable[Row]) -> Iterator[str]:
    """The rows for people: address, protocol, unit, device; the tables of one device are one line."""
    seen = dict.fromkeys(
        (row["url"], row["protocol"], f"unit {row['unit']}" if row["unit"] is not None else "", row["device"])
        for row in rows
    )
    widths = [max((len(cells[at]) for cells in seen), default=0) for at in range(3)]
    for url, protocol, unit, device in seen:
        yield f"{url:<{widths[0]}}  {protocol:<{widths[1]}}  {unit:<{widths[2]}}  {device}"
