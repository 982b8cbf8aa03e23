"""`netlab run LAB --kernel A --kernel B`: one lab on several kernels, each in a microVM, and a table of what they do.

half-open: after the server dies with its NIC out, the client still believes it is connected, …

✓ pass  Linux 6.1.0-56-amd64                                                      confirmed  3.14 s
        → the connection was half-open: at 0.791 s client was ESTABLISHED while server held no socket
        ? kernel witness: no reset reasons: unknown to this kernel (…)

Rules: the kernels are found before the first one is booted; they are played one after the other, as each needs a
processor and memory of its own. What a kernel could not tell is said beside what was found, and fails nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlab.cli import INTERRUPTED, many, streams
from netlab.errors import NeedError, TargetError, UsageError
from netlab.outputs._text import WIDTH, Line, clean, wrapped
from netlab.records import entry

if TYPE_CHECKING:
    from netlab.catalogue.claim import Row
    from netlab.catalogue.outcome import Outcome
    from netlab.lab import Lab
    from netlab.targets._microvm_kernels import Kernel

INDENT = " " * 8


@dataclass(frozen=True)
class Cell:
    """What one kernel made of the lab."""

    kernel: str
    """Its release: "6.1.0-56-amd64"."""
    outcome: Outcome
    row: Row
    """What that says of the lab's claim."""

    @property
    def untold(self) -> dict[str, str]:
        """What each witness could not see there, and why."""
        record = self.outcome.record
        return {
            witness: sight
            for witness, sight in (record.environment.witnesses.items() if record else ())
            if sight != "full"
        }


def run(
    name: str,
    folders: list[Path],
    *,
    kernels: list[str],
    out: Path | None,
    settings: list[str],
    variant: str | None,
    json: bool,
) -> int:
    """Play the lab on each kernel; the exit code is the worst of all."""
    from netlab import lab, rundir
    from netlab.cli import run as command

    loaded = lab.load(lab.find(name, folders), variant, command.parameters(settings))
    found = find(kernels)
    folder = rundir.make(out, f"{rundir.name(loaded)}-kernels")
    cells: list[Cell] = []
    interrupted = False
    try:
        for kernel in found:
            cells.append(play(loaded, kernel, folder / kernel.version))
            if cells[-1].outcome.interrupted:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        interrupted = True
    if json:
        streams.document([document(cell) for cell in cells])
    else:
        streams.lines(lines(loaded, cells))
    streams.flush()
    if interrupted:
        streams.err(f"Ctrl-C ended it: {len(cells)} of {len(found)} kernels were played\n")
    if any(folder.iterdir()):
        streams.err(f"{folder}/ holds a run directory for each\n")
    else:
        folder.rmdir()
    codes = [many.code(cell.outcome) for cell in cells]
    return many.worst([INTERRUPTED, *codes] if interrupted else codes)


def find(words: Sequence[str]) -> list[Kernel]:
    """The kernels that are meant. Raises: UsageError, NeedError."""
    from netlab.targets.microvm import kernel_for

    found: dict[str, Kernel] = {}
    for word in words:
        kernel = kernel_for(word)
        if kernel.version in found:
            raise UsageError(f"--kernel {word}: that is Linux {kernel.version}, which was named already; leave it out")
        found[kernel.version] = kernel
    return list(found.values())


def play(lab: Lab, kernel: Kernel, folder: Path) -> Cell:
    """Play the lab in a microVM with this kernel. Raises: KeyboardInterrupt before the lab began."""
    from netlab.catalogue import claim
    from netlab.catalogue.outcome import Outcome, problem
    from netlab.remote.many import Runner
    from netlab.targets import at

    target = at(f"microvm:{kernel.image}", lambda text: streams.err(f"{text}\n"))
    try:
        with Runner(target) as runner:
            streams.err(f"playing {lab.name} on Linux {kernel.version}\n")
            outcome = runner.play_one(lab, folder)
    except (TargetError, NeedError) as error:
        outcome = Outcome(name=lab.name, lab=lab, problem=problem(error))
    return Cell(kernel.version, outcome, claim.row(outcome))


def lines(lab: Lab, cells: Sequence[Cell]) -> Iterator[Line]:
    """The claim, then a block for each kernel."""
    from netlab.catalogue.table import STYLES

    yield from wrapped(lab.claim or lab.title, "  ", "bold", first=f"{entry(lab.name, lab.variant)}: ")
    for cell in cells:
        mark, style = many.MARKS[cell.outcome.verdict.value]
        seconds = f"  {cell.outcome.seconds:.2f} s"
        head = f"{mark} {cell.outcome.verdict.value:6}"
        room = WIDTH - len(head) - len(cell.row.status) - len(seconds)
        yield ()
        yield (
            (head, style),
            (f"{'Linux ' + clean(cell.kernel):{room}}", "bold"),
            (cell.row.status, STYLES[cell.row.status]),
            (seconds, "dim"),
        )
        yield from wrapped(cell.row.evidence, f"{INDENT}  ", first=f"{INDENT}→ ")
        for witness, sight in cell.untold.items():
            yield from wrapped(f"{witness} witness: {sight}", f"{INDENT}  ", "dim", first=f"{INDENT}? ")


def document(cell: Cell) -> dict[str, Any]:
    """One kernel's outcome as a JSON object: that of `run --all`, with the claim's row and what was not told."""
    row = {key: value for key, value in cell.row.json().items() if key in ("claim", "finding", "status", "evidence")}
    return {"kernel": cell.kernel, **many.document(cell.outcome), **row, "untold": cell.untold}
