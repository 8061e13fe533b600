"""Heat: our curve on the reference for each model; a section of docs/validation.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import heat_car
import heat_connector
import heat_pack
import heat_pile
import heat_transformer

MODELS: tuple[Callable[[Path], list[str]], ...] = (
    heat_pack.section, heat_car.section, heat_pile.section, heat_connector.section,
    heat_transformer.section,
)  # fmt: skip


def section(images: Path) -> list[str]:
    """The page's lines; draws every figure into `images`."""
    lines = [
        "Each model beside another way to the same answer: reference cells, the same equations in small steps, closed"
        " forms, worked numbers of the project's physics sheet. In the figures ours is the thin line on the wide one."
        " Values that are defaults of ours stay defaults: what agrees here is how the equations are solved, not that"
        " they predict a maker's product.",
    ]  # fmt: skip
    for model in MODELS:
        lines += ["", *model(images)]
    return lines
