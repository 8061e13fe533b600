"""Files that are shipped and called by name: scenarios, stations, slot files. One folder a kind."""

from __future__ import annotations

from pathlib import Path

from sim.errors import UsageError
from sim.files import did_you_mean

__all__ = ["find_shipped", "shipped_names"]


def shipped_names(folder: Path) -> tuple[str, ...]:
    """The names of the YAML files in a folder, sorted."""
    return tuple(sorted(path.stem for path in folder.glob("*.yaml")))


def find_shipped(kind: str, folder: Path, name_or_path: str) -> Path:
    """The file of a shipped name, or the path itself when it looks like one; else UsageError, which says the `kind`."""
    names = shipped_names(folder)
    if name_or_path in names:
        return folder / f"{name_or_path}.yaml"
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1 or path.exists():
        return path
    raise UsageError(f"no {kind} {name_or_path!r}; {did_you_mean(name_or_path, names)}, or a path to a file")
