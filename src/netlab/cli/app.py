"""The Typer application: every command with its options, help and examples.

Rules: a command here only names its arguments and hands them on. Help is plain text (no rich: it costs 100 ms).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netlab.cli import vm
from netlab.cli.arguments import (
    JobsOption,
    JsonOption,
    KernelOption,
    LabArgument,
    LabsArgument,
    LabsOption,
    LongOption,
    OnOption,
    OptionalLabArgument,
    SetOption,
    VariantOption,
    folders,
)
from netlab.cli.guard import guarded
from netlab.errors import UsageError

app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 pass, 1 fail, 2 your mistake, 3 unknown on this machine, 130 Ctrl-C.",
)
app.add_typer(vm.app, name="vm")


def print_version(wanted: bool) -> None:
    """--version prints and ends."""
    if wanted:
        from netlab import __version__
        from netlab.cli import streams

        streams.out(f"netlab {__version__}\n")
        raise typer.Exit()


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
    labs: LabsOption = None,
) -> None:
    """Labs for network faults: build a network, break it, and tell with evidence what TCP did.

    \b
    Examples:
      netlab run half-open          play a lab, see its timeline and verdict
      netlab list                   the labs there are
      netlab new my-lab             a lab file to start from
      netlab doctor                 what this machine can do
    """


@app.command()
@guarded
def run(
    context: typer.Context,
    lab: OptionalLabArgument = None,
    variant: VariantOption = None,
    set_: SetOption = None,
    on: OnOption = None,
    kernel: KernelOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="The run directory, new or empty. Default: a new one under ./runs/."),
    ] = None,
    labs: LabsOption = None,
    keep_open: Annotated[
        bool,
        typer.Option("--keep-open", help="Stop at the first failure with the network alive, and say how to look in."),
    ] = False,
    json: JsonOption = False,
    all_: Annotated[bool, typer.Option("--all", help="Play every lab with every variant, several at once.")] = False,
    jobs: JobsOption = None,
    long: LongOption = False,
) -> int:
    """Play a lab, show its timeline and judge it.

    \b
    Examples:
      netlab run half-open
      netlab run half-open --variant orphan-alive
      netlab run half-open --set how=down --out /tmp/run
      netlab run ./labs/basic/lab.yaml --json | jq .verdict
      netlab run half-open --on ssh://user@host
      netlab run half-open --kernel 6.1 --kernel 6.12
      netlab run --all --jobs 4
    """
    from netlab.cli import run as command

    if kernel:
        command.check_kernels(lab, all_, on, keep_open)
        on = f"microvm:{kernel[0]}"  # one kernel alone is a run like any other
    if kernel and len(kernel) > 1:
        from netlab.cli import matrix

        return matrix.run(
            lab or "", folders(context), kernels=kernel, out=out, settings=set_ or [], variant=variant, json=json
        )
    if all_ or lab is None:
        command.check_all(lab, all_, variant, set_, keep_open)
        from netlab.cli import many

        return many.run_all(folders(context), on=on, out=out, jobs=jobs, long=long, json=json)
    return command.run(
        lab,
        folders(context),
        on=on,
        out=out,
        settings=set_ or [],
        variant=variant,
        keep_open=keep_open,
        json=json,
        session=context.obj,
    )


@app.command()
@guarded
def claims(
    context: typer.Context,
    lab: LabsArgument = None,
    on: OnOption = None,
    jobs: JobsOption = None,
    long: LongOption = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where the run directories go. Default: a new one under ./runs/."),
    ] = None,
    labs: LabsOption = None,
    json: JsonOption = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False,
    html: Annotated[bool, typer.Option("--html", help="Print one HTML file that needs nothing else.")] = False,
    record: Annotated[
        bool, typer.Option("--record", help="Write what is found on this kernel into the lab files.")
    ] = False,
) -> int:
    """Play the labs that have a claim, and print the catalogue: claim, finding, evidence, time.

    \b
    A finding that is not the one recorded for this kernel is "changed", one without a record is "new".
    Exit codes: 0 all as recorded or new, 1 changed, 3 unknown on this machine.

    \b
    Examples:
      netlab claims
      netlab claims half-open time-wait --long
      netlab claims half-open --on microvm:6.1
      netlab claims --html > claims.html
    """
    from netlab.cli import many

    forms = [form for form, asked in (("json", json), ("markdown", markdown), ("html", html)) if asked]
    if len(forms) > 1:
        raise UsageError(f"--{' --'.join(forms)}: the table is printed in one form; give one of them")
    form = forms[0] if forms else "table"
    return many.claims(lab or [], folders(context), on=on, out=out, jobs=jobs, long=long, form=form, record=record)


@app.command("list")
@guarded
def list_(context: typer.Context, labs: LabsOption = None, json: JsonOption = False) -> int:
    """List the labs there are: in ./labs, in --labs DIR, and those that come with netlab.

    \b
    Examples:
      netlab list
      netlab list --labs ~/course/labs --json
    """
    from netlab.cli import labs as command

    return command.catalogue(folders(context), json)


@app.command()
@guarded
def show(
    context: typer.Context,
    lab: LabArgument,
    variant: VariantOption = None,
    labs: LabsOption = None,
    json: JsonOption = False,
) -> int:
    """Show a lab: its claim, its network, its steps, its variants.

    \b
    Examples:
      netlab show half-open
      netlab show half-open --variant paused
    """
    from netlab.cli import labs as command

    return command.show(lab, folders(context), variant, json)


@app.command()
@guarded
def validate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Lab files.")], json: JsonOption = False
) -> int:
    """Check lab files: every mistake as file:line:column, all at once.

    \b
    Examples:
      netlab validate labs/*/lab.yaml
      netlab validate my-lab/lab.yaml --json
    """
    from netlab.cli import labs as command

    return command.validate(files, json)


@app.command()
@guarded
def judge(
    rundir: Annotated[Path, typer.Argument(metavar="RUNDIR", help="The directory of a run, or its record.json.")],
    timeline: Annotated[bool, typer.Option("--timeline", help="Show the timeline too.")] = False,
    files: Annotated[
        bool, typer.Option("--files", help="Write the files of the lab's outputs (plots) into it again.")
    ] = False,
    json: JsonOption = False,
) -> int:
    """Judge a saved run again, from its record alone: without root, on any machine.

    \b
    Examples:
      netlab judge runs/half-open-20260131-101500
      netlab judge runs/half-open-20260131-101500 --timeline
    """
    from netlab.cli import saved as command

    return command.judge(rundir, json, timeline, files)


@app.command()
@guarded
def doctor(json: JsonOption = False) -> int:
    """Try out what this machine can do, and say what to do about what it cannot.

    \b
    Examples:
      netlab doctor
      netlab doctor --json
    """
    from netlab.cli import doctor as command

    return command.doctor(json)


@app.command()
@guarded
def schema() -> int:
    """Print the JSON Schema of lab files, for editors.

    \b
    Examples:
      netlab schema > lab.schema.json
      (in lab.yaml)  # yaml-language-server: $schema=lab.schema.json
    """
    from netlab.cli import labs as command

    return command.schema()


@app.command()
@guarded
def new(name: Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits and hyphens.")]) -> int:
    """Write labs/NAME/lab.yaml and README.md, a small lab that runs, to start from.

    \b
    Examples:
      netlab new my-lab
      netlab run my-lab
    """
    from netlab.cli import labs as command

    return command.new(name)
