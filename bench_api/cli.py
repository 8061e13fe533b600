"""The `voltyard` command: each sub-command imports what it needs when it is called, so that help comes at once.

Exit codes: 0 pass, 1 fail, 2 bad usage or bad file, 3 error of the bench, 4 inconclusive or aborted.
"""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from hil.listening import REST_PORT

__all__ = ["main"]


class Shape(Enum):
    """Files with a schema."""

    STATION = "station"
    SCENARIO = "scenario"
    SLOTS = "slots"
    MAP = "map"


class Listing(Enum):
    """What `list` knows."""

    SCENARIOS = "scenarios"
    FAULTS = "faults"
    DEEDS = "deeds"
    SLOTS = "slots"
    STATIONS = "stations"
    PILES = "piles"
    VEHICLES = "vehicles"
    MAPS = "maps"
    TWINS = "twins"
    ENDPOINTS = "endpoints"
    EXPECTATIONS = "expectations"
    CLAUSES = "clauses"


app = typer.Typer(
    name="voltyard",
    help="A whole EV charging station in software, and a bench to plug real things into.",
    epilog="Example: voltyard run two-outlet-day --csms ws://127.0.0.1:9000",
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
OutOption = Annotated[Path | None, typer.Option(help="The run's folder; by default runs/<scenario>-<seed>-<time>.")]

SlotsOption = Annotated[
    str | None, typer.Option(help="Slot file, shipped or yours: which things are real devices; real pace.")
]
MannerOption = Annotated[
    str | None, typer.Option(help="How the embedded CSMS is run: plain, careful, careless:NAME, mute:ACTION, late:S.")
]


def _version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        typer.echo(f"voltyard {version('voltyard')}")
        raise typer.Exit


@app.callback()
def top(
    is_version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """A whole EV charging station in software, and a bench to plug real things into."""


@app.command()
def demo(
    out: OutOption = None,
    state: Annotated[Path | None, typer.Option(help="Durable queues; by default <out>/state.")] = None,
) -> None:
    """Play a hot day of twenty piles on real sockets against the embedded CSMS."""
    from bench_api.running import run as play

    raise typer.Exit(play("hot-day", "lockstep", None, None, "all", out, state, None, as_json=False))


@app.command()
def run(
    scenario: Annotated[str, typer.Argument(help="A name from `voltyard list scenarios`, or a file.")],
    pace: Annotated[
        str | None, typer.Option(help="fast, real, lockstep or Nx (60x); fast, with --csms lockstep.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Instead of the scenario's.")] = None,
    csms: Annotated[str | None, typer.Option(help="Your CSMS, as ws://host:port/path.")] = None,
    record: Annotated[str, typer.Option(help="kpi, events or all.")] = "all",
    out: OutOption = None,
    state: Annotated[Path | None, typer.Option(help="Durable queues; by default <out>/state.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write the verdict as JUnit here too.")] = None,
    summary: Annotated[Path | None, typer.Option(help="Add a summary in Markdown to this file, for a CI page.")] = None,
    slots: SlotsOption = None,
    manner: MannerOption = None,
    faces: Annotated[
        str | None, typer.Option(help="Open meanwhile: modbus, rest, or both with a comma; lockstep and real alone.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the scenario, or a key of its file."),
    ] = None,
    sabotage: Annotated[bool, typer.Option("--sabotage", help="Play the run that must fail.")] = False,
    brief: Annotated[bool, typer.Option("--brief", help="Play the variant of at most five minutes.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Play a scenario; verdict, recording and report go into the run's folder, over those of an earlier run there."""
    from bench_api.running import run as play

    raise typer.Exit(
        play(scenario, pace, seed, csms, record, out, state, junit, summary, slots=slots, faces=faces, manner=manner,
             changes=changes or (), is_sabotaged=sabotage, is_brief=brief,
             as_json=as_json)
    )  # fmt: skip


@app.command(
    epilog="Example: voltyard sweep two-outlet-day --seeds 1..50 --set demand.sessions_per_day=8,16"
    " --set station.control.site_limit_kw=100,172.5"
)
def sweep(
    scenario: Annotated[str, typer.Argument(help="A name from `voltyard list scenarios`, or a file.")],
    seeds: Annotated[str, typer.Option(help="A range, or seeds as 1,5,9; every setting gets the same.")] = "1..50",
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE[,VALUE]...",
            help="Change a key of the scenario file, or with `station.` before it of the station file; several"
            " values, or several --set, make a grid.",
        ),
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; by default one a processor.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write a row a run here.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Play a scenario with many seeds and settings: means with 95 % intervals, differences paired by seed."""
    from bench_api.sweeping import sweep as play

    raise typer.Exit(play(scenario, seeds, changes or (), workers, csv, as_json=as_json))


@app.command()
def replay(
    recording: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder or its run.sqlite.")],
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Repeat a recorded run; exit 0 when its digest is the recorded one."""
    from bench_api.running import replay as again

    raise typer.Exit(again(recording, out, as_json=as_json))


@app.command()
def report(recording: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder or its run.sqlite.")]) -> None:
    """Write a run's report and figures anew."""
    from bench_api.report import write_report

    typer.echo(write_report(recording))


@app.command()
def probe(
    csms: Annotated[str, typer.Option(help="The CSMS, as ws://host:port/path.")],
    identity: Annotated[str, typer.Option("--id", help="The charge point to appear as.")] = "PROBE",
    as_json: JsonOption = False,
) -> None:
    """Connect one charge point to a CSMS: boot, beat, authorise; exit 0 conforming, 1 not, 3 unreachable."""
    from bench_api.probe import probe as ask

    raise typer.Exit(ask(csms, identity, as_json=as_json))


@app.command()
def csms(
    host: Annotated[str, typer.Option(help="Address to listen on; beyond loopback a token is required.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="OCPP port; 0 takes a free one.")] = 9000,
    api_port: Annotated[int | None, typer.Option(help="REST port; by default the next one.")] = None,
    db: Annotated[Path | None, typer.Option(help="SQLite file; by default everything stays in memory.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="File holding the REST token.")] = None,
    manner: MannerOption = None,
) -> None:
    """Run the embedded CSMS: OCPP on one port, REST on the next."""
    from bench_api.tokens import read_token
    from hil.ocpp.csms.process import serve

    def ready(ocpp_url: str, api_url: str) -> None:
        typer.echo(f"csms: OCPP {ocpp_url}/<charge point id>, REST {api_url}/api/v1", err=True)

    serve(host, port, api_port, db, ready, read_token(token_file), manner=manner or "plain")


@app.command(epilog="Example: voltyard serve open-day --csms ws://127.0.0.1:9000 --state station")
def serve(
    scenario: Annotated[str, typer.Argument(help="A name from `voltyard list scenarios`, or a file.")] = "open-day",
    pace: Annotated[str, typer.Option(help="real, or Nx (10x).")] = "real",
    seed: Annotated[int | None, typer.Option(help="Instead of the scenario's.")] = None,
    csms: Annotated[str | None, typer.Option(help="Your CSMS, as ws://host:port/path.")] = None,
    state: Annotated[Path | None, typer.Option(help="Durable queues; by default <out>/state.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; beyond loopback a token is required.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="REST port; 0 takes a free one.")] = REST_PORT,
    has_free_ports: Annotated[
        bool, typer.Option("--free-ports", help="Any free port for REST and for each Modbus port, whatever is said.")
    ] = False,
    token_file: Annotated[Path | None, typer.Option(help="File holding the REST token.")] = None,
    record: Annotated[str, typer.Option(help="kpi, events or all.")] = "all",
    out: OutOption = None,
    slots: SlotsOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Once up, its wires as one line of JSON.")] = False,
) -> None:
    """Keep a station up on all its wires, day after day, until SIGTERM or Ctrl-C.

    Files of an earlier run in its folder are moved into earlier-1, earlier-2 and so on.
    """
    from bench_api.serving import serve as keep_up

    raise typer.Exit(
        keep_up(
            scenario, pace, seed, csms, state, host, port, token_file, record, out, slots,
            has_free_ports=has_free_ports, as_json=as_json,
        )
    )  # fmt: skip


@app.command()
def check(
    files: Annotated[
        list[Path], typer.Argument(help="Scenarios, stations, slots, maps (YAML), vehicles (CSV); or shipped names.")
    ],
) -> None:
    """Check files: every problem with file, line, key and what would be right."""
    from bench_api.checking import check_files
    from sim.errors import FileProblems

    problems = check_files(files)
    if problems:
        raise FileProblems(problems)
    typer.echo(f"{len(files)} file(s) in order", err=True)


@app.command()
def schema(shape: Annotated[Shape, typer.Argument(help="Which file's schema.")]) -> None:
    """Print the JSON Schema of a file that people write, for editors."""
    import json

    from bench_api.checking import json_schema_of

    typer.echo(json.dumps(json_schema_of(shape.value), indent=2, ensure_ascii=False))


class _PhysicsCommand(TyperCommand):
    """`--help` behind a model's name tells of that model."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and not args[0].startswith("-") and {"-h", "--help"} & set(args):
            from bench_api.physics_help import help_of

            typer.echo(help_of(args[0]))
            ctx.exit()
        return super().parse_args(ctx, args)


@app.command(
    cls=_PhysicsCommand,
    epilog="Example: voltyard physics queue --params"
    """ '{"servers": 20, "offered_erl": 16, "sessions_per_day": 400}'""",
)
def physics(
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help="Which; --help behind it says more.")] = None,
    params: Annotated[str, typer.Option(help="Its parameters as JSON, or @FILE.")] = "{}",
    is_list: Annotated[bool, typer.Option("--list", help="The models.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run one model alone, as the validation pages use it; --list names them, MODEL --help shows its parameters."""
    import json

    from bench_api.physics import run_model
    from bench_api.physics_help import model_list
    from bench_api.physics_table import as_table

    if is_list or model is None:
        typer.echo(model_list())
        return
    result = run_model(model, params)
    typer.echo(json.dumps(result) if as_json else as_table(result))


@app.command("list")
def list_(
    what: Annotated[Listing, typer.Argument(help="What to list.")],
    station: Annotated[str | None, typer.Argument(help="With twins and endpoints: of which station.")] = None,
    show: Annotated[
        str | None, typer.Option(help="With stations, scenarios, slots or maps: print this one's file, to begin with.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """List what there is by name."""
    import json

    from bench_api.listings import LISTINGS, parameter_lines, shipped_text

    if show is not None:
        typer.echo(shipped_text(what.value, show), nl=False)
        return
    rows = LISTINGS[what.value](station)
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    if what is Listing.ENDPOINTS:
        from bench_api.endpoint_rows import endpoint_lines

        typer.echo("\n".join(endpoint_lines(rows)))
        return
    for row in rows:
        name, more = row.get("name", row.get("id")), row.get("title_zh", "")
        typer.echo(f"{name:<22} {row.get('title', '')} {more}".rstrip())
        for line in parameter_lines(row) if what in (Listing.FAULTS, Listing.DEEDS) else ():
            typer.echo(f"    {line}")


@app.command()
def provision(
    station: Annotated[str, typer.Argument(help="A name from `voltyard list stations`, or a file.")],
    form: Annotated[str, typer.Option("--format", help="csv, a line a connector, or json.")] = "csv",
    csms: Annotated[str | None, typer.Option(help="Your CSMS, instead of ${csms} in the addresses.")] = None,
) -> None:
    """Print what a CSMS must know of a station beforehand: charge points, connectors, tokens."""
    from bench_api.provision import provision as told

    typer.echo(told(station, form, csms), nl=False)


@app.command(
    epilog="Example: voltyard export runs/day --to text --wire --link 'A0*' --action StopTransaction --direction out"
)
def export(
    run: Annotated[Path, typer.Argument(help="A run's folder or its run.sqlite.")],
    to: Annotated[str, typer.Option(help="csv or parquet; with --wire csv, jsonl or text.")],
    signals: Annotated[str, typer.Option(help="Which signals, as a glob.")] = "*",
    is_wire: Annotated[bool, typer.Option("--wire", help="The frames alone, one a line.")] = False,
    link: Annotated[str | None, typer.Option(help="With --wire: of which links, as a glob.")] = None,
    action: Annotated[str | None, typer.Option(help="With --wire: which actions, as a glob.")] = None,
    direction: Annotated[str | None, typer.Option(help="With --wire: in or out, as the station sees it.")] = None,
    kind: Annotated[str | None, typer.Option(help="With --wire: call, result or error.")] = None,
    from_s: Annotated[float | None, typer.Option(help="With --wire: from this second of the run on.")] = None,
    to_s: Annotated[float | None, typer.Option(help="With --wire: up to this second of the run.")] = None,
) -> None:
    """Write a run's tables and samples, or with --wire its frames, into the folder `export` beside it."""
    from bench_api.export import export_run
    from bench_api.wire_log import Selection, export_wire
    from sim.errors import UsageError

    folder = (run if run.is_dir() else run.parent) / "export"
    chosen = {"link": link, "action": action, "direction": direction, "kind": kind, "from_s": from_s, "to_s": to_s}
    given: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
    if is_wire:
        written, count = export_wire(run, to, folder, Selection(**given))
        typer.echo(f"{count} frame(s)", err=True)
        typer.echo(written)
        return
    if given:
        raise UsageError(f"--{next(iter(given)).replace('_', '-')} selects frames: give --wire too")
    for written in export_run(run, to, folder, signals):
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
