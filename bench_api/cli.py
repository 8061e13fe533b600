"""The `voltyard` command: each sub-command imports what it needs when it is called, so that help comes at once.

Exit codes: 0 pass, 1 fail, 2 bad usage or bad file, 3 error of the bench, 4 inconclusive or aborted.
"""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["main"]


class Shape(Enum):
    """Files with a schema."""

    STATION = "station"


class Listing(Enum):
    """What `list` knows."""

    FAULTS = "faults"
    STATIONS = "stations"


app = typer.Typer(
    name="voltyard",
    help="A whole EV charging station in software, and a bench to plug real things into.",
    epilog="Example: voltyard csms --port 9000",
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def csms(
    host: Annotated[str, typer.Option(help="Address to listen on; beyond loopback a token is required.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="OCPP port; 0 takes a free one.")] = 9000,
    api_port: Annotated[int | None, typer.Option(help="REST port; by default the next one.")] = None,
    db: Annotated[Path | None, typer.Option(help="SQLite file; by default everything stays in memory.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="File holding the REST token.")] = None,
) -> None:
    """Run the embedded CSMS: OCPP on one port, REST on the next."""
    from bench_api.tokens import read_token
    from hil.ocpp.csms.process import serve

    def ready(ocpp_url: str, api_url: str) -> None:
        typer.echo(f"csms: OCPP {ocpp_url}/<charge point id>, REST {api_url}/api/v1", err=True)

    serve(host, port, api_port, db, ready, read_token(token_file))


@app.command()
def check(files: Annotated[list[Path], typer.Argument(help="Station files (YAML) and replayed demand (CSV).")]) -> None:
    """Check files: every problem with file, line, key and what would be right."""
    from sim.errors import FileProblems
    from twins.demand import read_replay
    from twins.station_file import read_station

    problems = []
    for file in files:
        try:
            read_replay(file) if file.suffix == ".csv" else read_station(file)
        except FileProblems as found:
            problems.extend(found.problems)
    if problems:
        raise FileProblems(problems)
    typer.echo(f"{len(files)} file(s) in order", err=True)


@app.command()
def schema(shape: Annotated[Shape, typer.Argument(help="Which file's schema.")]) -> None:
    """Print the JSON Schema of a file that people write, for editors."""
    import json

    from sim.files import json_schema
    from twins.station_file import StationFile

    typer.echo(json.dumps(json_schema({Shape.STATION: StationFile}[shape]), indent=2, ensure_ascii=False))


@app.command("list")
def list_(
    what: Annotated[Listing, typer.Argument(help="What to list.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """List what there is by name."""
    import json

    from bench_api.listings import LISTINGS

    rows = LISTINGS[what.value]()
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        typer.echo(f"{row['name']:<22} {row.get('title', '')} {row.get('title_zh', '')}".rstrip())


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="A run's folder or its run.sqlite.")],
    to: Annotated[str, typer.Option(help="csv or parquet.")],
    signals: Annotated[str, typer.Option(help="Which signals, as a glob.")] = "*",
) -> None:
    """Write a run's tables and samples beside it, one file each."""
    from bench_api.export import export_run

    folder = run if run.is_dir() else run.parent
    for written in export_run(run, to, folder / "export", signals):
        typer.echo(written)


def main() -> None:
    """Run the command line; a person's mistake is one message and exit code 2, the bench's own fault exit code 3."""
    from sim.errors import UsageError, VoltyardError

    try:
        app()
    except UsageError as error:
        typer.echo(f"voltyard: {error}", err=True)
        sys.exit(2)
    except VoltyardError as error:
        typer.echo(f"voltyard: {error}", err=True)
        sys.exit(3)
