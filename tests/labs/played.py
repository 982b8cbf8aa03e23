"""Plays the whole catalogue side by side, as `netlab run --all` does, as many rounds as NETLAB_CATALOGUE says.

Each lab and variant is played over IPv4 and, where it has the parameter `family`, over IPv6. What takes longer than
10 s is played in the first of several rounds, up to LONGEST_S and over IPv4; with one round (the default) it is left
out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from netlab.catalogue.labs import select
from netlab.catalogue.outcome import Outcome
from netlab.catalogue.runner import JOBS, Runner
from netlab.lab import Lab, load

LABS = Path(__file__).parents[2] / "labs"
ROUNDS = int(os.environ.get("NETLAB_CATALOGUE", "1"))
LONGEST_S = 180
"""What takes longer than this is played by whoever wants to see it."""
FOLDERS = sorted(path.parent for path in LABS.glob("*/lab.yaml"))


@dataclass
class Run:
    """One run of a lab: in which round and over which family, and what came of it."""

    round: int
    family: str
    outcome: Outcome

    def __str__(self) -> str:
        return f"{self.outcome.title} over {self.family}, round {self.round}"


@dataclass
class Catalogue:
    """Every run."""

    runs: list[Run] = field(default_factory=list)

    def of(self, name: str, variant: str | None) -> list[Run]:
        """The runs of one lab in one variant."""
        return [run for run in self.runs if (run.outcome.name, run.outcome.variant) == (name, variant)]


def labs(long: bool) -> list[Lab]:
    """Every lab of the catalogue in every variant."""
    chosen = select([str(folder) for folder in FOLDERS], long=long)
    assert not chosen.broken, [outcome.sentence for outcome in chosen.broken]
    return [lab for lab in chosen.labs if (lab.takes or 0) <= LONGEST_S * 10**9]


def entries() -> list[tuple[str, str | None]]:
    """What the tests are parametrised with."""
    return sorted(((lab.name, lab.variant) for lab in labs(long=ROUNDS > 1)), key=str)


def over_ipv6(chosen: list[Lab]) -> Iterator[Lab]:
    """The same labs over IPv6: those that can, and have no variant that is their IPv6 form."""
    for lab in chosen:
        own_form = f"{lab.variant}-ipv6" if lab.variant else "ipv6"
        if lab.parameters.get("family") == "ipv4" and own_form not in lab.variants and lab.path is not None:
            yield load(lab.path, lab.variant, {"family": "ipv6"})


def play(folder: Path) -> Catalogue:
    """Play everything; a lab that runs over IPv6 only counts as that."""
    played = Catalogue()
    with Runner(max(JOBS // 2, 1)) as runner:  # some labs are about times: not too much beside them
        for number in range(1, ROUNDS + 1):
            long = number == 1 < ROUNDS
            for family, these in (("ipv4", labs(long)), ("ipv6", list(over_ipv6(labs(long=False))))):
                for outcome in runner.play(these, folder / str(number) / family):
                    played.runs.append(Run(number, family, outcome))
    return played
