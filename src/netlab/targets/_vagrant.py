"""The command `vagrant`, in the folder of one VM: its state, how it is reached, `up`, `halt`, `destroy`.

Rules: what Vagrant is asked is asked in its machine-readable form; its own words are shown, as lines, while something
takes time. Runs on macOS, Windows and Linux alike. Nothing of a VM changes but by the verb that was called.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from netlab.errors import NeedError, TargetError
from netlab.targets import Tell
from netlab.targets._folders import user_data
from netlab.targets._vagrant_providers import PROVIDERS, remedy

__all__ = ["Vagrant", "VmState", "default_folder"]

VAGRANTFILE = "Vagrantfile"
ABSENT = "not_created"
"""Vagrant's word for the state of a VM that was not made yet, with every provider."""


@dataclass(frozen=True)
class VmState:
    """What `vagrant status` says of the one VM in a folder."""

    name: str
    state: str
    """Vagrant's word: running, not_created; the others are the provider's (poweroff, shutoff, saved)."""
    provider: str

    @property
    def words(self) -> str:
        """For messages: "not created"."""
        return self.state.replace("_", " ")

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def exists(self) -> bool:
        return self.state != ABSENT


class Vagrant:
    """The VM of one folder. Raises: NeedError where there is no Vagrant, TargetError where it fails."""

    def __init__(self, folder: Path, provider: str | None = None) -> None:
        """`provider`: what a VM that is not there yet would run on; by default Vagrant's own choice."""
        self.folder = folder
        self.provider = provider
        self.program = program()

    def state(self) -> VmState:
        """What the VM does now. Raises: TargetError, also where the folder has none or several."""
        said = self._ask("status", "--machine-readable")
        machines: dict[str, dict[str, str]] = {}
        for name, kind, data in machine_readable(said):
            machines.setdefault(name, {})[kind] = data
        found = {name: told for name, told in machines.items() if "state" in told}
        if len(found) != 1:
            names = ", ".join(found) or "none"
            raise TargetError(f"look for the VM of {self.folder}: its machines are {names}; netlab needs exactly one")
        ((name, told),) = found.items()
        return VmState(name, told["state"], told.get("provider-name", ""))

    def ssh_config(self) -> dict[str, list[str]]:
        """How the running VM is reached: the words of ssh_config(5), in small letters, each with its values."""
        return config_words(self._ask("ssh-config"))

    def data_folder(self, state: VmState) -> Path:
        """Where Vagrant keeps what belongs to this VM: it empties it when the VM is destroyed.

        Source: Vagrant's lib/vagrant/machine.rb, id=.
        """
        dot = os.environ.get("VAGRANT_DOTFILE_PATH") or ".vagrant"
        return self.folder / dot / "machines" / state.name / state.provider

    def up(self, tell: Tell, provider: str | None = None) -> None:
        """Start the VM, or make it. Each line that Vagrant says is told. Raises: TargetError."""
        self._do("up", *(("--provider", provider) if provider else ()), tell=tell)

    def halt(self, tell: Tell) -> None:
        """Shut it down in order. Raises: TargetError."""
        self._do("halt", tell=tell)

    def destroy(self, tell: Tell) -> None:
        """Remove it with its disk. Raises: TargetError."""
        self._do("destroy", "--force", tell=tell)

    def ssh(self, words: Sequence[str]) -> int:
        """A shell in it at this terminal, or a command; how that ended."""
        command = ("-c", " ".join(words)) if words else ()
        return subprocess.run(
            (self.program, "ssh", *command), cwd=self.folder, env=self._environment(), check=False
        ).returncode

    def plugins(self) -> set[str]:
        """The names of the plugins that are installed."""
        said = self._ask("plugin", "list", "--machine-readable")
        return {data for _, kind, data in machine_readable(said) if kind == "plugin-name"}

    def _ask(self, *words: str) -> str:
        """What it prints. Raises: TargetError."""
        done = subprocess.run(
            (self.program, *words),
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode:
            told = [data.partition(",")[2] for _, kind, data in machine_readable(done.stdout) if kind == "error-exit"]
            said = "\n".join(told) or done.stderr.strip() or done.stdout
            raise self._failed(words, done.returncode, said.splitlines())
        return done.stdout

    def _do(self, *words: str, tell: Tell) -> None:
        """Run it to its end, telling what it says. Raises: TargetError with its last words, KeyboardInterrupt.

        A terminal gives Ctrl-C to Vagrant, too, which then cleans up, and must not lose who reads what it says of that.
        """
        lines: list[str] = []

        def hear(stream: IO[str]) -> None:
            for line in stream:  # Vagrant overwrites its progress with "\r", which ends a line here, too
                if text := plain(line):
                    lines.append(text)
                    tell(text)

        with subprocess.Popen(
            (self.program, *words),
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        ) as process:
            assert process.stdout
            try:
                hear(process.stdout)
            except KeyboardInterrupt:
                tell("Ctrl-C: waiting until Vagrant has ended in order; Ctrl-C again does not wait")
                hear(process.stdout)
                process.wait()
                raise
        if process.returncode:
            raise self._failed(words, process.returncode, lines)

    def _environment(self) -> dict[str, str]:
        """Vagrant's own: no colours in what is read, and no question to a server of whether there is a newer one."""
        chosen = {"VAGRANT_DEFAULT_PROVIDER": self.provider} if self.provider else {}
        return {**os.environ, "VAGRANT_NO_COLOR": "1", "VAGRANT_CHECKPOINT_DISABLE": "1", **chosen}

    def _failed(self, words: Sequence[str], status: int, lines: Sequence[str]) -> TargetError:
        """The error of a command that failed, with what it said and what that means."""
        said = [text for line in lines if (text := plain(line)) and not text.startswith("Progress:")][-12:]
        command = f"`vagrant {' '.join(words)}` in {self.folder}"
        text = "\n".join(said)
        return TargetError(f"{command} ended with status {status}:\n{text}{hint(text)}")


def hint(said: str) -> str:
    """What to do about the mistakes that Vagrant's own words do not explain to those who do not know it."""
    if re.search(r"[Bb]ox '\S+' could not be found or|box you're attempting to add", said):
        return (
            "\nnetlab: the box could not be had from where it is published; give another one, a name, a file or a URL: "
            "NETLAB_BOX=NAME NETLAB_BOX_URL=FILE-OR-URL netlab vm up (docs/targets.md)"
        )
    unknown = re.search(r"provider '(\w+)' could not be found", said)
    if unknown and unknown[1] in PROVIDERS:
        return f"\nnetlab: it comes with a plugin: vagrant plugin install {PROVIDERS[unknown[1]].plugin}"
    if "No usable default provider" in said or "isn't usable on this system" in said:
        return f"\nnetlab: Vagrant is here, but not what it is to run a VM on; {remedy()}"
    return ""


def program() -> str:
    """The file of the command. Raises: NeedError with the way to get it here."""
    found = shutil.which("vagrant")
    if found is None:
        raise NeedError(f"look for the command vagrant: it is not on the PATH; {remedy()}")
    return found


def machine_readable(text: str) -> Iterator[tuple[str, str, str]]:
    """(machine, kind, data) of each line. Source: Vagrant's documentation, Machine Readable Output."""
    for line in text.splitlines():
        parts = line.split(",", 3)
        if len(parts) == 4:
            _, machine, kind, data = parts
            yield machine, kind, data.replace("%!(VAGRANT_COMMA)", ",").replace("\\n", "\n")


def config_words(text: str) -> dict[str, list[str]]:
    """The settings of the first host in an ssh_config(5), by their names in small letters."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        word, _, value = line.strip().partition(" ")
        if word.lower() == "host" and found:
            break
        if word:
            found.setdefault(word.lower(), []).append(value.strip().strip('"'))
    return found


def plain(line: str) -> str:
    """A line of Vagrant's without colours and without the machine's name before it."""
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", line).strip()
    return re.sub(r"^(==> )?\w[\w.-]*: ?", "", text).strip() if text.startswith("==>") or line[:1] == " " else text


def default_folder() -> Path:
    """The folder of netlab's own VM: the clone's vagrant/, else one of the user's own, written if it is not there.

    Raises: TargetError where it cannot be written.
    """
    package = Path(__file__).parents[1]
    inside = package / "vagrant"
    if not inside.is_dir():
        return package.parents[1] / "vagrant"
    folder = user_data() / "netlab" / "vagrant"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for source in inside.iterdir():
            place(source, folder / source.name)
    except OSError as error:
        raise TargetError(f"write the VM's folder {folder}: {error.strerror}; make it writable") from None
    return folder


def place(source: Path, there: Path) -> None:
    """Copy a file where it is not, or where an older netlab put another one."""
    data = source.read_bytes()
    if not there.is_file() or there.read_bytes() != data:
        there.write_bytes(data)
