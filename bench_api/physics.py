"""One model alone, by name and parameters: the same code that the twins run (`voltyard physics`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sim.errors import FileProblem, FileProblems
from sim.files import Misfit, read_words
from sim.registry import Registry
from sim.yaml_nodes import read_text
from twins.contact_curve import ContactParameters, run_contact
from twins.pack_charge import PackChargeParameters, charge_cell
from twins.queueing import QueueParameters, run_queue
from twins.station_file import connector_kinds, pile_models
from twins.steady_pile import PileDeratingParameters, run_pile_derating
from twins.transformer_trial import TransformerParameters, run_transformer

__all__ = ["MODELS", "Model", "run_model"]


@dataclass(frozen=True, slots=True)
class Model:
    """A model's parameters and its run, from parameters to what is printed as JSON; `example` is of its parameters.

    `named`: the shipped things that a parameter may name.
    """

    title: str
    parameters: type[Any]
    run: Callable[[Any], dict[str, Any]]
    example: Mapping[str, Any]
    named: Mapping[str, Callable[[], Mapping[str, Any]]] = field(default_factory=dict)


MODELS: Registry[Model] = Registry("model", "voltyard.physics")
MODELS.add(
    "queue",
    Model("The yard with stated service times", QueueParameters, lambda given: asdict(run_queue(given)),
          {"servers": 20, "offered_erl": 16, "sessions_per_day": 400}),
)  # fmt: skip
MODELS.add(
    "pack-charge",
    Model("One cell of a battery", PackChargeParameters, lambda given: asdict(charge_cell(given)),
          {"chemistry": "lfp", "c_rate": 2, "ambient_c": 10}),
)  # fmt: skip
MODELS.add(
    "pile-derating",
    Model("A cabinet with a pile that is asked for a steady output", PileDeratingParameters, run_pile_derating,
          {"ambient_c": 45, "model": "dc_120_1", "sun_w_m2": 800, "step_s": 600}, {"model": pile_models}),
)  # fmt: skip
MODELS.add(
    "transformer",
    Model("A transformer's heat under a stated load", TransformerParameters, run_transformer,
          {"heat": {"kind": "dry"}, "ambient_c": 40, "hours": 6, "load": [{"at_min": 0, "share": 1.1}],
           "step_s": 600}),
)  # fmt: skip
MODELS.add(
    "connector",
    Model("A connector's contact under a stated current", ContactParameters, lambda given: asdict(run_contact(given)),
          {"current_a": 500, "factor": 2, "connector": "cooled_500"}, {"connector": connector_kinds}),
)  # fmt: skip


def run_model(name: str, params: str) -> dict[str, Any]:
    """The result of a model for its parameters: JSON, or `@FILE` that holds it.

    Raises `UsageError` for an unknown model, `FileProblems` for parameters that do not fit.
    """
    model = MODELS.get(name)
    path = Path(params[1:]) if params.startswith("@") else Path("--params")
    text = read_text(path) if params.startswith("@") else params
    try:
        json.loads(text)
    except ValueError as error:
        right = f"such as {json.dumps(model.example)}"
        raise FileProblems([FileProblem(str(path), 0, "", f"not JSON ({error})", right)]) from None
    document = read_words(text, path, model.parameters)
    try:
        return model.run(document.value)
    except Misfit as error:
        raise FileProblems([document.problem(error.key, error.what, error.right)]) from None
