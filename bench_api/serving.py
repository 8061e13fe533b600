"""`voltyard serve`: from the words of the command line to a station that stays up."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bench_api.bench import Bench
from bench_api.endpoint_rows import Row, endpoint_lines
from bench_api.paces import read_pace
from bench_api.ports import modbus_sockets, still_ports
from bench_api.rest_face import RestPort
from bench_api.run_folders import held, keep_earlier
from bench_api.running import finish, plan_of
from bench_api.socket_play import Serving
from bench_api.tokens import read_token
from hil.listening import bound, check_port, one_family, require_token
from scenarios.loader import find_scenario, load_scenario
from sim.errors import PortInUse, UsageError

__all__ = ["serve"]


def serve(
    scenario: str,
    pace: str,
    seed: int | None,
    csms: str | None,
    state: Path | None,
    host: str,
    port: int,
    token_file: Path | None,
    record: str,
    out: Path | None,
    slots: str | None = None,
    *,
    has_free_ports: bool = False,
    as_json: bool = False,
) -> int:
    """Keep a station up until it is told to stop: 0 then, 3 when a fault of the bench ended it.

    With `has_free_ports` every face takes any port that is free. With `as_json` standard output gets one
    line once all wires are up: `endpoints`, their rows, and `csms_rest`, where the embedded CSMS has its REST face.
    """
    token = read_token(token_file)
    require_token(host, token)
    check_port("--port", port)
    loaded, chosen = load_scenario(find_scenario(scenario)), read_pace(pace)
    if chosen.factor is None:
        raise UsageError(f"--pace {pace}: a station that is up lives by the clock; real, or a pace such as 10x")
    if csms is not None and loaded.station.value.platform_face is None:
        raise UsageError(f"{loaded.station.path}: no endpoint of kind ocpp, so nothing connects to --csms")
    ports = still_ports(loaded.station)  # what is wrong with maps and devices is told before anything begins
    plan = plan_of(loaded, chosen, seed, csms, record, out, state, f"serve {scenario}", slots)
    host = one_family(host)
    with ExitStack() as taken:
        try:
            listening = taken.enter_context(bound(host, 0 if has_free_ports else port))
            modbus = taken.enter_context(modbus_sockets(ports, has_free_ports=has_free_ports))
        except PortInUse as error:
            raise PortInUse(f"{error}; --free-ports takes any") from None
        taken.enter_context(held(plan.state, f"voltyard serve {scenario}"))
        if (kept := keep_earlier(plan.out)) is not None:
            sys.stderr.write(f"{plan.out}: the earlier run there is kept in {kept}\n")
        sys.stderr.write(f"{loaded.document.path.stem} at {loaded.station.path.stem}, pace {chosen.name};"
                         f" into {plan.out}\n")  # fmt: skip
        serving = Serving(RestPort(listening, host, token), _announced if as_json else _told, modbus)
        outcome = Bench(replace(plan, is_endless=True, serving=serving)).run()
    finish(outcome, plan.out, as_json=False)
    return 3 if outcome.document["verdict"] == "error" else 0


def _announced(wires: list[Row], csms: str | None) -> None:
    sys.stdout.write(json.dumps({"endpoints": wires, "csms_rest": csms}) + "\n")
    sys.stdout.flush()


def _told(wires: list[Row], csms: str | None) -> None:
    lines = list(endpoint_lines(wires))
    if csms is not None:
        lines.append(f"The CSMS is the embedded one: {csms}/api/v1")
    sys.stderr.write("\n".join([*lines, "The station is up; Ctrl-C ends it in order.\n"]))
    sys.stderr.flush()
