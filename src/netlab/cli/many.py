"""`netlab run --all` and `netlab claims`: many labs, several at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlab.cli import INTERRUPTED, streams
from netlab.cli.guard import FAIL, MISTAKE, PASS, UNKNOWN
from netlab.errors import UsageError
from netlab.outputs._text import Line, cut, wrapped
from netlab.records import entry
from netlab.units import human_duration

if TYPE_CHECKING:
    from netlab.catalogue.claim import Row
    from netlab.catalogue.labs import Selection
    from netlab.catalogue.outcome import Outcome

MARKS = {"pass": ("✓", "green"), "fail": ("✗", "red"), "unknown": ("?", "yellow")}
WORST = (INTERRUPTED, MISTAKE, FAIL, UNKNOWN, PASS)


class Many:
    """Labs being played at the command line: the outcomes so far, and where their run directories are."""

    def __init__(self, out: Path | None, jobs: int | None, called: str, on: str | None) -> None:
        from netlab.catalogue.runner import JOBS
        from netlab.remote import anywhere

        if jobs is not None and jobs < 1:
            raise UsageError(f"--jobs {jobs}: nothing would be played; give 1 or more")
        if jobs is not None and on is not None:
            raise UsageError(
                f"--jobs {jobs} --on {on}: on a target labs are played one after the other; leave out --jobs"
            )
        self.out, self.called, self.on = out, called, on
        self.runner = anywhere.runner(on, jobs or JOBS, lambda text: streams.err(f"{text}\n"))
        self.outcomes: list[Outcome] = []
        self.interrupted = False
        self.folder: Path | None = None

    @contextmanager
    def ready(self, select: Callable[[], Selection]) -> Iterator[Selection]:
        """What is to be played, with the runner ready for it: here both at once; a target is reached once labs are
        found and read.
        """
        chosen = select() if self.on is not None else None
        with self.runner:
            yield chosen or select()

    def play(self, chosen: Selection, show: Callable[[Outcome], None] | None = None) -> None:
        """Play them all; `show` writes each outcome to stdout. Ctrl-C ends it early. Raises: UsageError."""
        from netlab import rundir
        from netlab.cli import bar

        for outcome in chosen.broken:
            self.take(outcome, show)
        if not chosen.labs:
            return
        self.folder = rundir.make(self.out, self.called)
        with bar.watcher(chosen.labs, self.runner.jobs, told=show is None) as watching:
            self.runner.started, self.runner.tick = watching.started, watching.tick
            try:
                for outcome in self.runner.play(chosen.labs, self.folder):
                    watching.done(outcome)
                    with watching.aside():
                        self.take(outcome, show)
            except KeyboardInterrupt:
                self.interrupted = True

    def take(self, outcome: Outcome, show: Callable[[Outcome], None] | None) -> None:
        self.outcomes.append(outcome)
        if show is not None:
            show(outcome)
            streams.flush()

    def in_order(self) -> list[Outcome]:
        """The outcomes by lab, each lab's default first."""
        return sorted(self.outcomes, key=lambda outcome: (outcome.name, place(outcome)))

    def code(self) -> int:
        """The worst exit code of all."""
        return worst([INTERRUPTED if self.interrupted else PASS, *map(code, self.outcomes)])


def run_all(folders: list[Path], *, on: str | None, out: Path | None, jobs: int | None, long: bool, json: bool) -> int:
    """Play every lab in every variant; a line each, then what did not pass, and a summary."""
    from netlab.catalogue.labs import select

    many = Many(out, jobs, "catalogue", on)
    with many.ready(lambda: select((), folders, long=long)) as chosen:
        many.play(chosen, None if json else lambda outcome: streams.lines([line(outcome)]))
    if json:
        streams.document([document(outcome) for outcome in many.in_order()])
    else:
        streams.lines(failures(many.in_order()))
        streams.lines(summary(many, chosen))
    return many.code()


def claims(
    names: list[str],
    folders: list[Path],
    *,
    on: str | None,
    out: Path | None,
    jobs: int | None,
    long: bool,
    form: str,
    record: bool,
) -> int:
    """Play the labs that have claims, and print the catalogue of claims in this form."""
    from netlab.catalogue import claim, recording
    from netlab.catalogue.labs import select

    many = Many(out, jobs, "claims", on)
    with many.ready(lambda: claim.claiming(select(names, folders, long=long))) as chosen:
        many.play(chosen)
    outcomes = many.in_order()
    rows = [claim.row(outcome) for outcome in outcomes]
    print_rows(rows, form)
    written = recording.record(outcomes) if record else []
    for row in written:
        streams.err(f"recorded: {row.title}: {row.finding} on Linux {row.kernel}\n")
    notes(many, chosen)
    return INTERRUPTED if many.interrupted else worst([claim.exit_code(rows), *map(mistake, outcomes)])


def print_rows(rows: Sequence[Row], form: str) -> None:
    """The catalogue of claims on stdout: "table", "json", "markdown" or "html"."""
    from netlab.catalogue import html, markdown, table

    if form == "json":
        streams.document([row.json() for row in rows])
    elif form == "markdown":
        markdown.write(rows, streams.out)
    elif form == "html":
        html.write(rows, streams.out)
    else:
        streams.lines(table.lines(rows))


# --- one outcome ---


def place(outcome: Outcome) -> int:
    """The place of a variant among those of its lab; the default comes first."""
    if outcome.lab is None or outcome.variant is None:
        return -1
    return list(outcome.lab.variants).index(outcome.variant)


def line(outcome: Outcome) -> Line:
    """One outcome in one line."""
    mark, style = MARKS[outcome.verdict.value]
    sentence = outcome.sentence.strip().splitlines()[0].removeprefix(f"{outcome.verdict.value}: ")
    took = human_duration(round(outcome.seconds * 1e9))
    return ((f"{mark} ", style), (f"{outcome.title:38} ", "bold"), (f"{took:>8}  ", "dim"), (cut(sentence, 96), ""))


def document(outcome: Outcome) -> dict[str, Any]:
    """One outcome as a JSON object."""
    from netlab import codec
    from netlab.records import Verdict

    checks = outcome.record.checks if outcome.record else ()
    return {
        "lab": outcome.name,
        "variant": outcome.variant,
        "verdict": outcome.verdict.value,
        "sentence": outcome.sentence,
        "problem": codec.encode(outcome.problem),
        "checks": [codec.encode(check) for check in checks if check.verdict is not Verdict.PASS],
        "seconds": round(outcome.seconds, 3),
        "directory": str(outcome.folder) if outcome.folder else None,
    }


def failures(outcomes: Sequence[Outcome]) -> Iterator[Line]:
    """What did not pass: each check with what was expected, what was seen, and how to look closer."""
    from netlab.outputs.terminal import Terminal

    for outcome in outcomes:
        mark, style = MARKS[outcome.verdict.value]
        if outcome.verdict.value == "pass":
            continue
        yield ()
        yield ((f"{mark} {outcome.title}", f"bold {style}"),)
        if outcome.record is not None:
            yield from Terminal().findings(outcome.record)
            yield ((f"  netlab judge {outcome.folder} --timeline", "dim"),)
        else:
            for told in outcome.sentence.strip().splitlines():
                yield from wrapped(told, "    ", first="  ")


def summary(many: Many, chosen: Selection) -> Iterator[Line]:
    """How many passed, what was left out, where the run directories are."""
    counted = {word: sum(outcome.verdict.value == word for outcome in many.outcomes) for word in MARKS}
    yield ()
    pieces = [(f"{MARKS[word][0]} {count} {word}   ", MARKS[word][1]) for word, count in counted.items() if count]
    unplayed = len(chosen.labs) + len(chosen.broken) - len(many.outcomes)
    yield (*pieces, (f"{unplayed} not played (Ctrl-C)" if unplayed else "", "yellow"))
    streams.flush()
    notes(many, chosen)


def notes(many: Many, chosen: Selection) -> None:
    """What was left out, and where the run directories are, on stderr."""
    if chosen.left_out:
        long = ", ".join(entry(lab.name, lab.variant) for lab in chosen.left_out)
        streams.err(f"left out, as they take more than 10 s: {long}; --long plays them\n")
    if many.folder is not None:
        streams.err(f"{many.folder}/ holds a run directory for each\n")


def mistake(outcome: Outcome) -> int:
    """The exit code of a lab that could not be read; 0 for every other."""
    return MISTAKE if outcome.problem is not None and outcome.problem.kind == "mistake" else PASS


def code(outcome: Outcome) -> int:
    """The exit code of one outcome."""
    return mistake(outcome) or {"pass": PASS, "fail": FAIL, "unknown": UNKNOWN}[outcome.verdict.value]


def worst(codes: Sequence[int]) -> int:
    """The worst of these exit codes."""
    return min(codes, key=WORST.index, default=PASS)
