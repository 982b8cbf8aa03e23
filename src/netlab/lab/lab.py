"""A lab, ready to be played and judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netlab.expectations import Expectation
from netlab.lab.model import LONG_NS, Finding
from netlab.outputs import Report
from netlab.presets import link_needs
from netlab.spec import Topology
from netlab.steps import Planned
from netlab.units import Duration

__all__ = ["Lab"]


@dataclass(frozen=True, kw_only=True)
class Lab:
    """A lab in one of its variants, its parameters filled in."""

    name: str
    title: str
    claim: str = ""
    source: dict[str, str]
    finding: Finding | None = None
    """What a run that passes says of the claim."""
    requires: tuple[str, ...] = ()
    says: str = ""
    """The sentence for a run that passes."""
    takes: Duration | None = None
    """How long a run takes where that is the kernel's own time, in ns; None: no time worth telling."""
    parameters: dict[str, Any]
    """Each parameter's value in this run; quantities with units as people write them."""
    variant: str | None = None
    variants: dict[str, str]
    """Every variant's name and title."""
    topology: Topology
    steps: tuple[Planned, ...]
    expectations: tuple[Expectation, ...]
    outputs: tuple[Report, ...] = ()
    """What is made of the record of a run."""
    definition: dict[str, Any]
    """The resolved lab as JSON values: what a record holds, and what `from_definition` reads."""
    path: Path | None = None
    check_others: Callable[[], object] | None = field(default=None, compare=False, repr=False)
    """Looks at the variants that were not looked at when this one was loaded. Raises: LabError with every mistake."""

    @property
    def long(self) -> bool:
        """Whether the whole catalogue is played without it unless somebody asks for the long ones."""
        return self.takes is not None and self.takes > LONG_NS

    @property
    def needs(self) -> tuple[str, ...]:
        """Words of probes/ that must be answered with yes: `requires`, and what its hosts, steps and faults need."""
        used = {need for planned in self.steps for need in getattr(planned.doing, "needs", ())}
        used |= {need for planned in self.steps for need in getattr(planned.doing, "needs_besides", ())}
        used |= {need for host in self.topology.hosts.values() for need in host.needs}
        used |= {need for nic in self.topology.nics().values() if nic.link for need in link_needs(nic.link)}
        return tuple(sorted(used | set(self.requires)))
