"""A scenario's brief variant: the same story within five minutes, for platforms that live by the wall clock."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from sim.errors import UsageError
from sim.yaml_nodes import Node

__all__ = ["KEY", "LONGEST_H", "briefed"]

KEY = "brief"
LONGEST_H = 5 / 60 + 1e-4
"""Five minutes, with room for how people round them."""


def briefed(root: Node, path: Path) -> Node:
    """The tree with the keys of `brief` in place of the scenario's own; its sabotage, which speaks of those, goes.

    Raises:
        UsageError: the scenario has no brief variant.
    """
    brief = root.child(KEY)
    if brief is None:
        raise UsageError(f"{path}: no brief variant to play; a scenario that has the key `{KEY}`")
    if not isinstance(root.value, dict) or not isinstance(brief.value, dict):
        return root  # told by the reader, who knows the shape
    value = {name: node for name, node in root.value.items() if name != "sabotage"}
    return dataclasses.replace(root, value=value | brief.value, key_lines=root.key_lines | brief.key_lines)
