"""Front door: the console command, `python -m voltyard`, `import voltyard` and the pytest plugin.

Importing it touches nothing, and its fixtures do nothing until a test asks for one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from bench_api.fixtures import RunningCsms
    from bench_api.played_run import PlayedRun
    from bench_api.station_process import StationProcess
    from bench_api.stepped_station import SteppedStation

__all__ = ["main", "open", "pytest_configure"]

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


def pytest_configure(config: pytest.Config) -> None:
    """Offer the fixtures `voltyard_station`, `voltyard_server`, `voltyard_run` and `voltyard_csms`."""
    import pytest

    class Fixtures:
        """Made here, so that nothing but pytest needs pytest."""

        @pytest.fixture
        def voltyard_station(
            self, request: pytest.FixtureRequest, tmp_path: Path
        ) -> Iterator[Callable[..., SteppedStation]]:
            """`voltyard_station("two-outlet-day")`: a station in this process, whose time the test moves."""
            open()
            from bench_api.fixtures import stations

            yield from stations(request, tmp_path)

        @pytest.fixture
        def voltyard_server(
            self, request: pytest.FixtureRequest, tmp_path: Path
        ) -> Iterator[Callable[..., StationProcess]]:
            """`voltyard_server("open-day", csms=URL)`: a station that is up in a process of its own."""
            open()
            from bench_api.fixtures import servers

            yield from servers(request, tmp_path)

        @pytest.fixture
        def voltyard_run(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., PlayedRun]]:
            """`voltyard_run("hot-day", csms=URL)`: plays a scenario to its end and returns its verdict."""
            open()
            from bench_api.fixtures import runs

            yield from runs(request, tmp_path)

        @pytest.fixture
        def voltyard_csms(self) -> Iterator[RunningCsms]:
            """The embedded CSMS in a process of its own: `.url` for charge points, `.rest` for its REST face."""
            open()
            from bench_api.fixtures import csms

            yield from csms()

    config.pluginmanager.register(Fixtures(), "voltyard-fixtures")


def _refuse_stranger(name: str, home: Path) -> None:
    package = sys.modules[name]
    where = [Path(folder).resolve() for folder in getattr(package, "__path__", [])]
    if home / name not in where:
        found = str(where[0] if where else getattr(package, "__file__", None) or "an unknown place")
        message = f"voltyard needs its own package {name!r} from {home}, but another was imported first, from {found}"
        raise ImportError(f"{message}; call voltyard.open() earlier, or in a process of its own", name=name, path=found)


if __name__ == "__main__":
    main()
