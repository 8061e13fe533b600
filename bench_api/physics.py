"""One model alone, by name and parameters: the same code that the twins run (`voltyard physics`)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sim.errors import FileProblem, FileProblems
from sim.files import read_words
from sim.registry import Registry
from sim.yaml_nodes import read_text
from twins.contact_curve import ContactParameters, run_contact
from twins.pack_charge import PackChargeParameters, charge_cell
from twins.queueing import QueueParameters, run_queue
from twins.steady_pile import PileDeratingParameters, run_pile_derating
from twins.transformer_trial import TransformerParameters, run_transformer

__all__ = ["MODELS", "Model", "as_table", "run_model"]


@dataclass(frozen=True, slots=True)
class Model:
    """A model's parameters and its run, from parameters to what is printed as JSON."""

    title: str
    parameters: type[Any]
    run: Callable[[Any], dict[str, Any]]


MODELS: Registry[Model] = Registry("model", "voltyard.physics")
MODELS.add(
    "queue", Model("The yard with stated service times", QueueParameters, lambda given: asdict(run_queue(given)))
)
MODELS.add(
    "pack-charge",
    Model("One cell of a battery", PackChargeParameters, lambda given: asdict(charge_cell(given))),
)
MODELS.add(
    "pile-derating",
    Model("A cabinet with a pile that is asked for a steady output", PileDeratingParameters, run_pile_derating),
)
MODELS.add("transformer", Model("A transformer's heat under a stated load", TransformerParameters, run_transformer))
MODELS.add(
    "connector",
    Model("A connector's contact under a stated current", ContactParameters, lambda given: asdict(run_contact(given))),
)


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
        raise FileProblems([FileProblem(str(path), 0, "", f"not JSON ({error})", 'such as {"servers": 20}')]) from None
    return model.run(read_words(text, path, model.parameters).value)


def as_table(result: dict[str, Any]) -> str:
    """The result for people; `columns` and `rows`, where it has them, as a table with one line a row."""
    if "columns" in result:
        lines = [result["columns"], *([_shown(value) for value in row] for row in result["rows"])]
        return "\n".join("  ".join(f"{word:>14}" for word in line) for line in lines)
    return "\n".join(f"{name:<18} {_shown(value)}" for name, value in result.items())


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
