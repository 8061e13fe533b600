"""Front door: the console command, `python -m voltyard` and `import voltyard`; importing it touches nothing."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

__all__ = ["main", "open"]

_PACKAGES = ("sim", "twins", "hil", "scenarios", "plots", "bench_api")


def open() -> Path:
    """Make our six packages importable, ahead of any other of the same name, and return the folder they stand in.

    Call it once before importing them; calling it again changes nothing.

    Raises:
        ImportError: a stranger's package of one of the six names was imported before.
    """
    here = Path(__file__).resolve().parent
    bundle = here / "voltyard_bundle"
    home = bundle if bundle.is_dir() else here
    for name in _PACKAGES:
        if name in sys.modules:
            _refuse_stranger(name, home)
    if sys.path[:1] != [str(home)]:
        sys.path.insert(0, str(home))
    for name in _PACKAGES:
        import_module(name)
        _refuse_stranger(name, home)
    return home


def main() -> None:
    """Run the `voltyard` command."""
    open()
    from bench_api.cli import main as command

    command()


def _refuse_stranger(name: str, home: Path) -> None:
    package = sys.modules[name]
    where = [Path(folder).resolve() for folder in getattr(package, "__path__", [])]
    if home / name not in where:
        found = str(where[0] if where else getattr(package, "__file__", None) or "an unknown place")
        message = f"voltyard needs its own package {name!r} from {home}, but another was imported first, from {found}"
        raise ImportError(f"{message}; call voltyard.open() earlier, or in a process of its own", name=name, path=found)


if __name__ == "__main__":
    main()
