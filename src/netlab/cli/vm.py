"""`netlab vm`: the VM in which labs run where this machine is no Linux, for people who do not know Vagrant.

Rules: each command does one thing of Vagrant's to one VM, and says what comes next; Vagrant's own words are shown on
stderr while it works. Nothing is removed without a yes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netlab.cli.arguments import JsonOption
from netlab.cli.guard import PASS, guarded
from netlab.errors import UsageError

if TYPE_CHECKING:
    from netlab.cli.live import Plain
    from netlab.targets import Tell
    from netlab.targets._vagrant import Vagrant, VmState

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="""The Linux VM for labs on macOS and Windows: make it, use it, stop it, remove it.

\b
Examples:
  netlab vm up                  make it, or start it; then netlab run half-open --on vagrant:
  netlab vm ssh                 a shell in it
  netlab vm halt                stop it; it keeps its disk
""",
)

DirOption = Annotated[
    Path | None,
    typer.Option("--dir", metavar="DIR", help="The folder of another VM's Vagrantfile. Default: netlab's own VM."),
]


@app.command()
@guarded
def up(
    provider: Annotated[
        str | None,
        typer.Option(
            "--provider",
            metavar="NAME",
            help="virtualbox, vmware_desktop, parallels, libvirt, hyperv or qemu. Default: the best one installed.",
        ),
    ] = None,
    dir_: DirOption = None,
) -> int:
    """Make the VM where there is none yet, and start it.

    The first time it downloads a system of some 600 MB.

    \b
    Examples:
      netlab vm up
      netlab vm up --provider qemu
    """
    from netlab.cli import streams
    from netlab.targets._vagrant_providers import choose

    chosen = choose(provider, ()) if provider else None
    vagrant = find(dir_, chosen)
    before = vagrant.state()
    if before.exists and provider not in (None, before.provider):
        raise UsageError(
            f"start the VM with {provider}: it was made with {before.provider}; netlab vm destroy removes it"
        )
    if not before.exists:
        chosen = chosen or choose(None, vagrant.plugins())
    with_ = chosen or before.provider
    say = watcher()
    say.tell(f"{'starting' if before.exists else 'making'} the VM of {vagrant.folder} with {with_}")
    vagrant.up(shown(say), chosen)
    say.over()
    streams.out(f"the VM is running ({with_}); {use(dir_)}\n")
    return PASS


@app.command()
@guarded
def status(dir_: DirOption = None, json: JsonOption = False) -> int:
    """Say what the VM does.

    \b
    Examples:
      netlab vm status
      netlab vm status --json | jq -r .state
    """
    from netlab.cli import streams

    vagrant = find(dir_)
    state = vagrant.state()
    if json:
        streams.document({"state": state.state, "provider": state.provider, "folder": str(vagrant.folder)})
        return PASS
    next_ = use(dir_) if state.running else started(state)
    streams.out(f"{state.words} ({state.provider}, {vagrant.folder}); {next_}\n")
    return PASS


@app.command()
@guarded
def ssh(
    command: Annotated[list[str] | None, typer.Argument(metavar="[COMMAND]...", help="A command, after --.")] = None,
    dir_: DirOption = None,
) -> int:
    """Open a shell in the VM, or run a command there; its exit code is that of the command.

    \b
    Examples:
      netlab vm ssh
      netlab vm ssh -- uname -r
    """
    vagrant = find(dir_)
    if not (state := vagrant.state()).running:
        raise UsageError(f"go into the VM: it is {state.words}; {started(state)}")
    return vagrant.ssh(command or [])


@app.command()
@guarded
def halt(dir_: DirOption = None) -> int:
    """Stop the VM in order; its disk stays.

    \b
    Examples:
      netlab vm halt
    """
    from netlab.cli import streams

    vagrant = find(dir_)
    if not (state := vagrant.state()).running:
        streams.out(f"nothing to stop: the VM is {state.words}\n")
        return PASS
    say = watcher()
    vagrant.halt(shown(say))
    say.over()
    streams.out("the VM is stopped; netlab vm up starts it again\n")
    return PASS


@app.command()
@guarded
def destroy(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dir_: DirOption = None,
) -> int:
    """Remove the VM with its disk. It asks first.

    \b
    Examples:
      netlab vm destroy
      netlab vm destroy --yes
    """
    from netlab.cli import streams

    vagrant = find(dir_)
    state = vagrant.state()
    if not state.exists:
        streams.out(f"there is no VM in {vagrant.folder}\n")
        return PASS
    if not yes and not agreed(f"Remove the VM of {vagrant.folder} ({state.provider}) and its disk?"):
        streams.out("the VM stays\n")
        return PASS
    say = watcher()
    vagrant.destroy(shown(say))
    say.over()
    streams.out("the VM is removed; the box it was made from stays (vagrant box list)\n")
    return PASS


def find(folder: Path | None, provider: str | None = None) -> Vagrant:
    """The VM that is meant. Raises: UsageError where the folder has no Vagrantfile, NeedError without Vagrant."""
    from netlab.targets._vagrant import VAGRANTFILE, Vagrant, default_folder

    if folder is not None and not (folder / VAGRANTFILE).is_file():
        raise UsageError(f"--dir {folder}: there is no {VAGRANTFILE} in it; give the folder of one, or leave it out")
    return Vagrant(folder.resolve() if folder else default_folder(), provider)


def use(folder: Path | None) -> str:
    """How labs get there."""
    return f"netlab run half-open --on vagrant:{folder or ''} plays a lab in it"


def started(state: VmState) -> str:
    """How the VM gets to run."""
    return f"netlab vm up {'starts' if state.exists else 'makes'} it"


def agreed(question: str) -> bool:
    """Whether the person at the terminal says yes. Raises: UsageError where there is none."""
    import sys

    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(f"{question} Nobody can answer here; --yes says so beforehand")
    return typer.confirm(question, err=True)


def watcher() -> Plain:
    """Where Vagrant's words are shown."""
    from netlab.cli import live

    return live.watcher()


def shown(say: Plain) -> Tell:
    """Takes Vagrant's words: what it counts is shown in one line, where a line can be overwritten."""

    def tell(line: str) -> None:
        if line.startswith("Progress:"):
            say.phase(line)
        else:
            say.tell(line)

    return tell
