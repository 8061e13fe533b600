"""The `voltyard` command: each sub-command imports what it needs when it is called, so that help comes at once.

Exit codes: 0 pass, 1 fail, 2 bad usage or bad file, 3 error of the bench, 4 inconclusive or aborted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["main"]

app = typer.Typer(
    name="voltyard",
    help="A whole EV charging station in software, and a bench to plug real things into.",
    epilog="Example: voltyard csms --port 9000",
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def root() -> None:
    """Group the sub-commands, even while there is but one."""


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
