"""A run that somebody asks for by REST, checked before anything of it begins: it names no file but shipped ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bench_api.paces import check_wire, read_pace
from bench_api.running import plan_of
from hil.ocpp.transport import without_credentials
from scenarios.loader import find_scenario, load_scenario, scenario_names
from scenarios.texts import TEXT_NAME, problems_of_text
from sim.errors import FileProblems, UsageError
from sim.files import did_you_mean

__all__ = ["Order", "ordered"]

_SHOWN: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be run. `text` is the scenario's where it is no shipped one; `duration_s` is simulated."""

    scenario: str
    text: str | None
    seed: int
    pace: str
    parameters: Mapping[str, float | int | str | bool]
    duration_s: float
    csms: str | None = field(repr=False)

    @property
    def shown_csms(self) -> str | None:
        """Its platform's address without credentials."""
        return without_credentials(self.csms)[0] if self.csms is not None else None

    def words(self, folder: Path) -> list[str]:
        """The words of `voltyard run` for it, whose text stands in `folder`."""
        scenario = self.scenario if self.text is None else str(folder / TEXT_NAME)
        words = [scenario, "--pace", self.pace, "--seed", str(self.seed), "--out", str(folder)]
        words += ["--csms", self.csms] if self.csms is not None else []
        for name, value in self.parameters.items():
            words += ["--set", f"{name}={json.dumps(value)}"]
        return words


def ordered(
    scenario: str, seed: int | None, pace: str | None, csms: str | None,
    parameters: Mapping[str, float | int | str | bool], scratch: Path,
) -> Order:  # fmt: skip
    """The order, if it can be run; a text is one that has lines, any other scenario the name of a shipped one.

    `scratch` is a folder to write in. Raises `UsageError`, `FileProblems` with lines of the text.
    """
    text = scenario if "\n" in scenario else None
    if text is None and scenario not in scenario_names():
        right = did_you_mean(scenario[:_SHOWN], scenario_names())
        raise UsageError(f"no scenario is called '{scenario[:_SHOWN]}'; a name or a scenario's whole text: {right}")
    if csms is not None:
        _check_address(csms)
    chosen = read_pace(pace if pace is not None else "lockstep" if csms is not None else "fast")
    if text is None:
        path = find_scenario(scenario)
    else:
        if problems := problems_of_text(text):
            raise FileProblems(problems)
        path = scratch / TEXT_NAME
        path.write_text(text, encoding="utf-8")
    declared = load_scenario(path).document.value.parameters
    for name in parameters:
        if name not in declared:
            right = did_you_mean(name[:_SHOWN], declared) if declared else "it has none"
            raise UsageError(f"the scenario has no parameter '{name[:_SHOWN]}'; {right}")
    loaded = load_scenario(path, changes=tuple(parameters.items()))
    check_wire(chosen, csms, loaded)
    plan = plan_of(loaded, chosen, seed, csms, "all", scratch, None, "run")
    return Order(
        scenario=loaded.document.path.stem, text=text, seed=plan.seed, pace=chosen.name, csms=csms,
        parameters=dict(parameters), duration_s=loaded.document.value.duration_s,
    )  # fmt: skip


def _check_address(csms: str) -> None:
    right = "ws://host:port/path or wss://host:port/path"
    try:
        parts = urlsplit(csms)
        is_right = parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_right = False
    if not is_right or not csms.isprintable() or not csms.isascii() or " " in csms:
        raise UsageError(f"csms: no address of a platform; {right}")
