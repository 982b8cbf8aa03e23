"""The words a lab file can be written with: the plugins of steps/, faults/, expectations/ and outputs/.

Rules: asking whether a word exists imports no plugin file; asking what heals what imports as few as it can.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from netlab.expectations import EXPECTATIONS, Expectation
from netlab.faults import FAULTS, Fault
from netlab.outputs import OUTPUTS, Output, Report
from netlab.registry import Registry
from netlab.steps import STEPS, Action, Verb


@dataclass
class Words:
    """Four plugin folders."""

    steps: Registry[Verb] = STEPS
    faults: Registry[Fault] = FAULTS
    expectations: Registry[Expectation] = EXPECTATIONS
    outputs: Registry[Output] = OUTPUTS

    @cached_property
    def healings(self) -> dict[str, str]:
        """Healing verb to fault word: {"replug": "unplug"}. Imports every fault."""
        return {fault.healing: word for word, fault in self.faults.all().items()}

    def healed_by(self, verb: str) -> str | None:
        """The fault that this verb heals."""
        return self.healings.get(verb)

    def actions(self) -> list[str]:
        """Verbs of hosts. Imports every step."""
        return [word for word, step in self.steps.all().items() if issubclass(step, Action)]

    def reports(self) -> dict[str, type[Report]]:
        """The outputs that a lab can ask for. Imports every output."""
        return {word: kind for word, kind in self.outputs.all().items() if issubclass(kind, Report)}

    def verbs(self) -> list[str]:
        """Verbs of the lab. Imports every step and fault."""
        actions = self.actions()
        own = [word for word in self.steps.words if word not in actions]
        return [*own, *self.faults.words, *self.healings, "heal"]

    def reserved(self) -> set[str]:
        """What no host may be called."""
        return {*self.steps.words, *self.faults.words, *self.healings, "heal", "id", "background", "when"}


WORDS = Words()
