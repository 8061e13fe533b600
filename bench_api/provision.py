"""What a CSMS must know of a station before it connects: charge points, their connectors, the tokens of its drivers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any, Final

from hil.ocpp.transport import without_credentials
from sim.errors import UsageError
from twins.links import charge_points
from twins.pile import PileConfig, PileModel
from twins.station_file import StationFile, find_station, read_station

__all__ = ["PROVISION_COLUMNS", "PROVISION_FORMATS", "provision", "provision_of"]

PROVISION_FORMATS: Final = ("csv", "json")
PROVISION_COLUMNS: Final = (
    "charge_point", "url", "vendor", "model", "pile", "connector", "evse", "signal_path", "current", "max_kw",
    "feeder", "bays",
)  # fmt: skip

_VENDOR: Final = "Voltyard"
_TOKENS: Final = {"form": "TAG-V<six digits>", "first": "TAG-V000001",
                  "note": "the n-th car of a run has the n-th; every one is to be accepted"}  # fmt: skip


def provision(station: str, form: str, csms: str | None = None) -> str:
    """The text of the file: `csv` has a line a connector, `json` a document with the tokens and the security too.

    `station` is a shipped name or a file; `csms` is the address that charge points connect to, else `${csms}` stays.
    Raises UsageError for an unknown format or address and for a station without a face to a platform.
    """
    if form not in PROVISION_FORMATS:
        raise UsageError(f"--format {form!r}: one of {', '.join(PROVISION_FORMATS)}")
    if csms is not None and not csms.startswith(("ws://", "wss://")):
        raise UsageError(f"--csms {csms!r}: an address that begins with ws:// or wss:// is needed")
    path = find_station(station)
    file = read_station(path).value
    if file.platform_face is None:
        raise UsageError(f"{path}: no endpoint of kind ocpp, so there is nothing to provide for")
    document = provision_of(file, csms)
    if form == "json":
        return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    text = io.StringIO()
    writer = csv.DictWriter(text, PROVISION_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_lines(document))
    return text.getvalue()


def provision_of(file: StationFile, csms: str | None = None) -> dict[str, Any]:
    """The document: `station`, `charge_points` with their `connectors`, `tokens`, `security`."""
    face = file.platform_face
    assert face is not None
    piles, models = {pile.id: pile for pile in file.piles}, file.known_piles()
    address = (csms or "${csms}").rstrip("/")
    url = face.url.replace("${csms}", without_credentials(address)[0])
    points = []
    for identity, pile_id, numbers in charge_points(face, {pile.id: len(pile.evses) for pile in file.piles}):
        pile = piles[pile_id]
        model = models[pile.model]
        points.append({
            "id": identity, "url": url.replace("{charge_point}", identity), "protocol": "ocpp1.6", "vendor": _VENDOR,
            "model": pile.model[:20], "pile": pile.id, "max_kw": model.rated_kw, "feeder": pile.feeder,
            "connectors": [_connector(pile, model, at, number) for at, number in enumerate(numbers, 1)],
        })  # fmt: skip
    operator = file.station.operator.name
    return {
        "schema": 1,
        "station": {"id": file.station.id, "timezone": file.station.timezone,
                    "operator": {"en": operator.en, "zh": operator.zh}},
        "charge_points": points,
        "tokens": _TOKENS,
        "security": {"tls": url.startswith("wss://"), "basic_auth": "with user:password@ in the address of the CSMS"},
    }  # fmt: skip


def _connector(pile: PileConfig, model: PileModel, at: int, number: int) -> dict[str, Any]:
    return {
        "id": at, "evse": number, "signal_path": f"pile[{pile.id}].connector[{number}]", "current": model.kind,
        "max_kw": model.evse_max_kw, "bays": list(pile.evses[number - 1].reaches),
    }  # fmt: skip


def _lines(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for point in document["charge_points"]:
        for one in point["connectors"]:
            yield {
                "charge_point": point["id"], "url": point["url"], "vendor": point["vendor"], "model": point["model"],
                "pile": point["pile"], "connector": one["id"], "evse": one["evse"], "signal_path": one["signal_path"],
                "current": one["current"], "max_kw": one["max_kw"], "feeder": point["feeder"],
                "bays": " ".join(one["bays"]),
            }  # fmt: skip
