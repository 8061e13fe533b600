"""What a recording must hold to be repeated: the files' text, the seed, the versions, what waited in the queue."""

from __future__ import annotations

import base64
import platform
import sqlite3
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scenarios.loader import LoadedScenario
from scenarios.schema import Scenario
from sim.clock import Clock
from sim.errors import UsageError
from sim.faults import FAULTS
from sim.files import Document, read_yaml
from sim.reading import Run
from sim.units import SimTime
from sim.yaml_nodes import read_text
from twins.replay import read_replay
from twins.slot_file import SlotFile, read_slots
from twins.station_file import read_station
from twins.weather import Weather
from twins.weather_fit import AIR_TEMP_C, HUMIDITY_PCT

__all__ = ["provenance", "queue_snapshot", "restore_queue", "restored", "restored_slots", "weather_note"]

_LIBRARIES = ("voltyard", "simpy", "numpy", "ocpp", "picows", "orjson")


def provenance(
    loaded: LoadedScenario, seed: int, pace: str, level: str, command: str, vehicles: str | None
) -> dict[str, Any]:
    """The meta rows of a run that begins; `vehicles` is the text of a replayed table where the file is not at hand.

    Figures and reports find here what the files say for people: the station's name, the tariff's civil day, and what
    faults are called, in the words of the version that ran.
    """
    scenario, path, station = loaded.document.value, loaded.document.path, loaded.station.value
    replayed = scenario.demand.replay if scenario.demand is not None else None
    if vehicles is None:
        vehicles = read_text(path.parent / replayed) if replayed else ""
    return {
        "scenario": path.stem,
        "station": loaded.station.path.stem,
        "title": {"en": scenario.title.en, "zh": scenario.title.zh},
        "station_name": {"en": station.station.operator.name.en, "zh": station.station.operator.name.zh},
        "tariff": [level._asdict() for level in station.tariff.levels],
        "fault_titles": {name: {"en": _spoken(name), "zh": spec.title_zh} for name, spec in FAULTS.items()},
        "seed": seed,
        "pace": pace,
        "level": level,
        "command": command,
        "start": loaded.clock.wall(SimTime(0.0)).isoformat(),
        "timezone": loaded.clock.zone.key,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _LIBRARIES},
        "file_scenario": loaded.document.text,
        "file_station": loaded.station.text,
        "file_vehicles": vehicles,
    }


def _spoken(name: str) -> str:
    """The name of a fault as words: `pile.contactor_stuck` is a pile contactor stuck."""
    words = name.replace(".", " ").replace("_", " ")
    return words[0].upper() + words[1:] if not words.startswith("bms ") else "BMS" + words[3:]


def weather_note(weather: Weather) -> dict[str, str]:
    """What a report says of the weather so far, in both languages; empty where it was stated."""
    series = weather.series
    if series is None:
        return {}
    if not weather.is_synthetic:
        return {
            "en": f"recorded ({series}); wind from September on is the mean summer day's, rain in summer is left out",
            "zh": f"实测（{series}）；九月起的风速取夏季平均日，夏季不计降雨",
        }
    temp, humidity = f"{AIR_TEMP_C.spread:.1f} °C", f"{HUMIDITY_PCT.spread:.0f} %"
    return {
        "en": f"synthetic for the days that {series} does not cover: a harmonic fit, without rain;"
        f" the recorded hours scatter by {temp} and {humidity} humidity (rms) about it",
        "zh": f"{series} 未覆盖的日期为合成天气：谐波拟合，无降雨；"
        f"实测值与拟合的均方根偏差为气温 {temp}、湿度 {humidity}",
    }


def restored(run: Run, folder: Path) -> LoadedScenario:
    """The scenario of a recording, from the text it holds, laid out in `folder`; UsageError when it holds none."""
    if "file_scenario" not in run.meta or "file_station" not in run.meta:
        raise UsageError(f"{run.path}: holds no scenario to repeat; only runs of `voltyard run` can be replayed")
    written: dict[str, Path] = {}
    for name in ("scenario", "station"):
        written[name] = folder / name / f"{run.meta.get(name, name)}.yaml"
        written[name].parent.mkdir()
        written[name].write_text(run.meta[f"file_{name}"], encoding="utf-8")
    document, station = read_yaml(written["scenario"], Scenario), read_station(written["station"])
    replayed = document.value.demand.replay if document.value.demand is not None else None
    vehicles = None
    if replayed is not None:
        table = folder / "vehicles.csv"
        table.write_text(run.meta["file_vehicles"], encoding="utf-8")
        vehicles = read_replay(table)
    clock = Clock(document.value.begins, station.value.station.timezone)
    return LoadedScenario(document, station, vehicles, clock)


def restored_slots(run: Run, folder: Path) -> Document[SlotFile] | None:
    """The slot file of a recording, laid out in `folder`; None where all were twins."""
    text = run.meta.get("file_slots")
    if not text:
        return None
    path = folder / "slots.yaml"
    path.write_text(text, encoding="utf-8")
    return read_slots(path)


def queue_snapshot(path: Path) -> dict[str, str]:
    """What a killed run left in the durable queue, so that a replay begins with the same."""
    if not path.exists():
        return {}
    try:
        with closing(sqlite3.connect(path)) as database:
            return {"queue": base64.b64encode(database.serialize()).decode()}
    except sqlite3.Error:
        return {}  # opening it as the queue says what is wrong with it


def restore_queue(run: Run, folder: Path) -> Path | None:
    """A copy of the queue as the run found it, in `folder`; None when it began with an empty one."""
    text = run.meta.get("queue")
    if not text:
        return None
    path = folder / "queue.sqlite"
    path.write_bytes(base64.b64decode(text))
    return path
