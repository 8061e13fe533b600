"""A small station kept up at sixty times real pace, with its REST face on a socket, while a test talks to it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2

from bench_api.bench import Bench, Plan
from bench_api.outcome import Outcome
from bench_api.paces import read_pace
from bench_api.rest_face import RestPort
from bench_api.socket_play import Serving
from hil.listening import bound
from scenarios.loader import load_scenario
from twins.station_file import find_station

__all__ = ["Act", "alone_day", "ask", "keep_up"]

Act = Callable[[httpx2.Client], Any]


def alone_day(folder: Path) -> Path:
    """The two-outlet site without its face to a platform, in a scenario with three cars that stay."""
    text = find_station("two-outlet").read_text(encoding="utf-8")
    (folder / "alone.yaml").write_text(text[: text.index("endpoints:")], encoding="utf-8")
    (folder / "cars.csv").write_text(
        "arrival_s,stay_s,connector,capacity_kwh,soc_in_pct,soc_target_pct,power_max_kw\n"
        "0,,1,60,20,80,120\n1,,2,77,30,70,150\n"
    )
    path = folder / "alone-day.yaml"
    path.write_text(
        "scenario: 1\ntitle: {en: Alone, zh: 独立}\nstation: alone.yaml\nstart: 2022-06-14T08:00\nduration_h: 0.01\n"
        "seed: 3\ndemand: {replay: cars.csv}\n",
        encoding="utf-8",
    )
    return path


def keep_up(scenario: Path, act: Act, pace: str = "60x", spoil: Callable[[Bench], None] | None = None) -> Outcome:
    """Keep the station up while `act` talks to it from another thread; what `act` raises is raised here."""
    raised: list[BaseException] = []
    threads: list[threading.Thread] = []
    with closing(bound("127.0.0.1", 0)) as listening:
        port = RestPort(listening, "127.0.0.1")

        def talk() -> None:
            try:
                with httpx2.Client(base_url=f"{port.url}/api/v1", timeout=20.0) as client:
                    act(client)
            except BaseException as error:
                raised.append(error)
            finally:
                bench.stop()

        def ready(_wires: object, _csms: object) -> None:
            threads.append(threading.Thread(target=talk))
            threads[0].start()

        folder = scenario.parent / "run"
        bench = Bench(Plan(loaded=load_scenario(scenario), pace=read_pace(pace), seed=3, out=folder,
                           state=folder / "state", is_endless=True, serving=Serving(port, ready)))  # fmt: skip
        if spoil is not None:
            spoil(bench)
        outcome = bench.run()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]
    return outcome


def ask(client: httpx2.Client, status: int, method: str, path: str, **more: Any) -> Any:
    """The JSON of an answer that has this status; a refusal has its detail."""
    response = client.request(method, path, **more)
    assert response.status_code == status, response.text
    body = response.json()
    assert status < 400 or (isinstance(body["detail"], str) and body["detail"])
    return body
