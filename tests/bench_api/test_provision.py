"""What a CSMS is told beforehand agrees with what the charge points then say themselves."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from bench_api.bench import Bench, Plan
from bench_api.paces import read_pace
from bench_api.provision import PROVISION_COLUMNS, provision
from scenarios.loader import find_scenario, load_scenario
from sim.errors import UsageError
from sim.reading import Run
from twins.station_file import find_station


def test_it_agrees_with_what_the_charge_points_say(tmp_path: Path) -> None:
    told = json.loads(provision("two-outlet", "json"))
    loaded = load_scenario(find_scenario("two-outlet-day"))
    Bench(Plan(loaded=loaded, pace=read_pace("lockstep"), seed=7, out=tmp_path, state=tmp_path / "state")).run()
    with Run(tmp_path) as run:
        calls = [(one.link, one.action, json.loads(one.body)[3]) for one in run.frames()
                 if (one.kind, one.direction) == ("call", "out")]  # fmt: skip
    boots = {(link, said["chargePointVendor"], said["chargePointModel"]) for link, action, said in calls
             if action == "BootNotification"}  # fmt: skip
    assert boots == {(one["id"], one["vendor"], one["model"]) for one in told["charge_points"]}
    connectors = {(link, said["connectorId"]) for link, action, said in calls
                  if action == "StatusNotification" and said["connectorId"]}  # fmt: skip
    assert connectors == {(point["id"], one["id"]) for point in told["charge_points"] for one in point["connectors"]}


@pytest.mark.parametrize("station", ["two-outlet", "community", "public", "hub"])
def test_a_line_a_connector_with_the_address_of_the_csms(station: str) -> None:
    rows = list(csv.DictReader(io.StringIO(provision(station, "csv", "wss://me:secret@csms.example/ocpp/"))))
    document = json.loads(provision(station, "json", "wss://me:secret@csms.example/ocpp/"))
    assert tuple(rows[0]) == PROVISION_COLUMNS
    assert len(rows) == sum(len(point["connectors"]) for point in document["charge_points"])
    assert len({(row["charge_point"], row["connector"]) for row in rows}) == len(rows)
    assert rows[0]["url"] == f"wss://csms.example/ocpp/{rows[0]['charge_point']}"
    assert document["security"]["tls"] and "secret" not in json.dumps(document)
    assert all(float(row["max_kw"]) > 0 and row["bays"] for row in rows)


def test_the_placeholder_stays_without_an_address() -> None:
    assert "${csms}/A01" in provision("two-outlet", "csv")


def test_refusals(tmp_path: Path) -> None:
    for form, csms, said in (("xml", None, "csv, json"), ("csv", "http://x", "ws://")):
        with pytest.raises(UsageError, match=said):
            provision("two-outlet", form, csms)
    text = find_station("two-outlet").read_text(encoding="utf-8")
    (tmp_path / "mute.yaml").write_text(text.partition("endpoints:")[0], encoding="utf-8")
    with pytest.raises(UsageError, match="no endpoint of kind ocpp"):
        provision(str(tmp_path / "mute.yaml"), "csv")
